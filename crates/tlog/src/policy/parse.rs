//! The text of a policy file.

use super::{LINES_MAX, Log, POLICY_MAX_BYTES, Policy, PolicyError, PolicyProblem, Rule, Witness};
use crate::Hash;
use crate::note::{KeyError, Verifier, key};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

#[derive(Default)]
struct Parser<'a> {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    rules: Vec<Rule>,
    groups: usize,
    names: BTreeMap<&'a str, usize>,
    members: BTreeSet<usize>,
    quorum: Option<usize>,
}

impl Policy {
    /// Parses a policy file.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        let whole = |problem| PolicyError { line: 0, problem };
        if bytes.len() > POLICY_MAX_BYTES {
            return Err(whole(PolicyProblem::TooLong));
        }
        let text = core::str::from_utf8(bytes).map_err(|_| whole(PolicyProblem::BadText))?;
        let allowed = |byte: u8| byte == b'\t' || byte == b'\n' || (byte >= 0x20 && byte != 0x7f);
        let lines = text.strip_suffix('\n').filter(|text| text.bytes().all(allowed));
        let mut parser = Parser::default();
        for (number, line) in lines.ok_or(whole(PolicyProblem::BadText))?.split('\n').enumerate() {
            parser.line(line).map_err(|problem| PolicyError { line: number + 1, problem })?;
        }
        let Parser { logs, witnesses, rules, quorum, .. } = parser;
        // SPEC: log.md#policies: a policy without a quorum line, or with "quorum none", MUST be
        // refused.
        let quorum = quorum.ok_or(whole(PolicyProblem::NoQuorum))?;
        if logs.is_empty() {
            return Err(whole(PolicyProblem::NoLog));
        }
        Ok(Self { hash: Hash::of(&[bytes]), logs, witnesses, rules, quorum })
    }
}

impl<'a> Parser<'a> {
    fn line(&mut self, line: &'a str) -> Result<(), PolicyProblem> {
        let items: Vec<&str> = line.split([' ', '\t']).filter(|item| !item.is_empty()).collect();
        match items.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", rest @ ..] => self.log(rest),
            ["witness", rest @ ..] => self.witness(rest),
            ["group", rest @ ..] => self.group(rest),
            ["quorum", rest @ ..] => self.quorum(rest),
            _ => Err(PolicyProblem::UnknownLine),
        }
    }

    fn log(&mut self, items: &[&'a str]) -> Result<(), PolicyProblem> {
        let (vkey, url) = match items {
            [vkey] => (vkey, None),
            [vkey, url] => (vkey, Some(url.to_string())),
            _ => return Err(PolicyProblem::Items("log <vkey> [<url>]")),
        };
        let key = Verifier::parse(vkey)?;
        if key.signature_type() == key::ED25519_COSIGNATURE {
            return Err(KeyError::WrongType(key.signature_type()).into());
        }
        self.new_key(&key)?;
        room(self.logs.len())?;
        self.logs.push(Log { key, url });
        Ok(())
    }

    fn witness(&mut self, items: &[&'a str]) -> Result<(), PolicyProblem> {
        let (name, vkey, url) = match items {
            [name, vkey] => (*name, vkey, None),
            [name, vkey, url] => (*name, vkey, Some(url.to_string())),
            _ => return Err(PolicyProblem::Items("witness <name> <vkey> [<url>]")),
        };
        let key = Verifier::parse(vkey)?;
        if !key.is_cosigner() {
            return Err(KeyError::WrongType(key.signature_type()).into());
        }
        self.new_key(&key)?;
        room(self.witnesses.len())?;
        self.define(name, Rule::Witness(self.witnesses.len()))?;
        self.witnesses.push(Witness { name: name.to_string(), key, url });
        Ok(())
    }

    fn group(&mut self, items: &[&'a str]) -> Result<(), PolicyProblem> {
        let [name, threshold, names @ ..] = items else {
            return Err(PolicyProblem::Items("group <name> <all|any|k> <name>..."));
        };
        if names.is_empty() {
            return Err(PolicyProblem::Items("group <name> <all|any|k> <name>..."));
        }
        room(self.groups)?;
        let mut members = Vec::with_capacity(names.len());
        for member in names {
            let index =
                *self.names.get(member).ok_or_else(|| PolicyProblem::UnknownName(member.to_string()))?;
            // SPEC: log.md#policies: a name MUST be a member once at most, so that no witness
            // counts twice.
            if !self.members.insert(index) {
                return Err(PolicyProblem::MemberTwice(member.to_string()));
            }
            members.push(index);
        }
        let threshold = match *threshold {
            "all" => members.len(),
            "any" => 1,
            number => crate::checkpoint::parse_decimal(number)
                .and_then(|k| usize::try_from(k).ok())
                .filter(|k| (1..=members.len()).contains(k))
                .ok_or(PolicyProblem::BadThreshold)?,
        };
        self.groups += 1;
        self.define(name, Rule::Group { threshold, members })
    }

    fn quorum(&mut self, items: &[&'a str]) -> Result<(), PolicyProblem> {
        let [name] = items else { return Err(PolicyProblem::Items("quorum <name>")) };
        if self.quorum.is_some() {
            return Err(PolicyProblem::SecondQuorum);
        }
        if *name == "none" {
            return Err(PolicyProblem::NoQuorum);
        }
        let index = self.names.get(name).ok_or_else(|| PolicyProblem::UnknownName(name.to_string()))?;
        self.quorum = Some(*index);
        Ok(())
    }

    fn define(&mut self, name: &'a str, rule: Rule) -> Result<(), PolicyProblem> {
        if name == "none" || self.names.insert(name, self.rules.len()).is_some() {
            return Err(PolicyProblem::NameTaken(String::from(name)));
        }
        self.rules.push(rule);
        Ok(())
    }

    fn new_key(&self, key: &Verifier) -> Result<(), PolicyProblem> {
        // SPEC: log.md#policies: duplicates are judged by public key, whatever the names.
        let logs = self.logs.iter().map(|log| &log.key);
        let mut known = logs.chain(self.witnesses.iter().map(|witness| &witness.key));
        let is_known = known.any(|known| known.public_key() == key.public_key());
        if is_known { Err(PolicyProblem::DuplicateKey) } else { Ok(()) }
    }
}

fn room(count: usize) -> Result<(), PolicyProblem> {
    if count < LINES_MAX { Ok(()) } else { Err(PolicyProblem::TooMany) }
}
