//! The rules of release, written and published: a PolicyDoc is a file that people read and agree
//! to, and it becomes a leaf, whole, by the operator that the document itself names. Contract:
//! proto/release.md#policydoc.
//!
//! ```text
//! candor rules v1
//! operator candor.example+5b77c1e0+AUf0Gm1...
//! previous -
//! registrar registrar.example+7ab47f8b+AXPt8Hv... * *
//! trustee bar.example+710407b6+AYHwjsch...
//! emergency-basis danger-of-death
//! ...
//! emergency-span-secs 3600                            every figure may be written otherwise: ("emergency-span-secs", 900)
//! ```

use crate::add::{Added, add, key};
use crate::config::Config;
use crate::error::Error;
use crate::key::{name, vkey};
use escrow::policy::{POLICY_DOC_MAX_BYTES, PolicyDoc, Registrar};
use escrow::record::value::Value as _;
use escrow::record::{Bytes, PolicyDocLeaf, Seconds};
use host::clock::Clock;
use host::given::{self, GivenError};
use std::path::Path;
use tlog::Hash;

/// Rules that the log knows now.
#[derive(Debug, Clone)]
pub struct Published {
    /// SHA-256 of the PolicyDoc: what requests and OwnerPolicies name.
    pub document: Hash,
    /// Its leaf.
    pub added: Added,
}

/// What rules are written of.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    /// The verifier key of who publishes them.
    pub operator: &'a str,
    /// Verifier keys of registrars; one that does not speak for everything is followed by its names and
    /// its countries, as in the document: `KEY police.example US,CA`.
    pub registrars: &'a [&'a str],
    /// The trustees' verifier keys.
    pub trustees: &'a [&'a str],
    /// Figures other than the recommended ones.
    pub figures: &'a [(&'a str, u64)],
    /// The rules that they follow, as they were published; none: these are the log's first.
    pub after: Option<&'a Path>,
}

/// Writes the recommended rules for these parties as a new file, some figures otherwise; returns the
/// hash by which requests and owners will name them. Nothing is published by it: read the file, have
/// the others read it, then [`publish_rules`].
pub fn write_rules(path: &Path, draft: &Draft<'_>) -> Result<Hash, Error> {
    let of = |source| GivenError::Malformed { path: path.to_owned(), source };
    let registrars = draft.registrars.iter().map(|text| registrar(text)).collect::<Result<Vec<_>, _>>()?;
    let trustees = draft.trustees.iter().map(|text| key(text)).collect::<Result<Vec<_>, _>>()?;
    let operator = key(draft.operator)?;
    // The list of registrars is set below; until then the operator stands there.
    let mut rules = PolicyDoc::recommended(operator.clone(), operator, trustees).map_err(of)?;
    rules = rules.with_registrars(registrars).map_err(of)?;
    if let Some(previous) = draft.after {
        rules = rules.after(&read_rules(previous)?.hash());
    }
    let mut lines: Vec<String> = rules.text().lines().map(str::to_owned).collect();
    for (word, value) in draft.figures {
        let line = lines.iter_mut().find(|line| figure_of(line) == Some(*word));
        *line.ok_or_else(|| unknown(word, &rules))? = format!("{word} {value}");
    }
    let text = lines.join("\n") + "\n";
    let rules = PolicyDoc::parse(text.as_bytes()).map_err(of)?;
    host::durable::create_exclusive(path, &rules.encode())?;
    Ok(rules.hash())
}

/// A registrar with its scope; without one it speaks for everything.
fn registrar(text: &str) -> Result<Registrar, Error> {
    let (vkey, scope) = text.split_once(' ').unwrap_or((text, "* *"));
    key(vkey)?;
    let bad = || Error::Scope { scope: scope.to_owned() };
    Registrar::read(&format!("{vkey} {scope}")).ok_or_else(bad)
}

/// Publishes the rules in a file: the leaf that makes them apply, signed by the operator whom they
/// name.
pub async fn publish_rules(config: &Config, path: &Path) -> Result<Published, Error> {
    let rules = read_rules(path)?;
    // A leaf by anybody else would be refused by nobody and obeyed by nobody (`escrow::register`):
    // better said here.
    let (own, operator) = (vkey(config)?, rules.operator().vkey());
    // Rules that follow others are signed by those others' operator, whom the log knows.
    if own != operator && rules.previous().is_none() {
        return Err(Error::NotOperator { path: path.to_owned(), operator, own });
    }
    let document = rules.hash();
    let time = Seconds(Clock::system().seconds());
    let bytes = Bytes(rules.encode());
    let leaf = PolicyDocLeaf { operator: name(&config.name)?, document: bytes, time };
    Ok(Published { document, added: add(config, leaf).await? })
}

pub(crate) fn read_rules(path: &Path) -> Result<PolicyDoc, Error> {
    let what = "PolicyDoc; write one with `candor registrar rules`";
    Ok(given::read(path, POLICY_DOC_MAX_BYTES, what, PolicyDoc::parse)?)
}

/// The word of a line that states a figure, not a key or a basis.
fn figure_of(line: &str) -> Option<&str> {
    let (word, value) = line.split_once(' ')?;
    value.parse::<u64>().ok().map(|_| word)
}

fn unknown(word: &str, rules: &PolicyDoc) -> Error {
    let text = rules.text();
    let known: Vec<&str> = text.lines().filter_map(figure_of).collect();
    Error::Figure { word: word.to_owned(), known: known.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tlog::note::Signer;

    fn vkeys() -> [String; 3] {
        [("candor.example", 7), ("registrar.example", 7), ("bar.example", 8)]
            .map(|(name, seed)| Signer::from_seed(name, &[seed; 32]).unwrap().verifier().vkey())
    }

    #[test]
    fn the_written_rules_are_the_recommended_ones_but_for_the_figures_that_were_given() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rules.txt");
        let [operator, registrar, trustee] = vkeys();
        let figures = [("emergency-span-secs", 12), ("recovery-wait-secs", 0)];
        let draft = Draft {
            operator: &operator,
            registrars: &[&registrar],
            trustees: &[&trustee],
            figures: &figures,
            after: None,
        };
        let hash = write_rules(&path, &draft).unwrap();
        let written = std::fs::read(&path).unwrap();
        let rules = PolicyDoc::parse(&written).unwrap();
        assert_eq!(rules.hash(), hash);
        assert_eq!(rules.operator().vkey(), operator);
        assert!(rules.registrars().iter().map(|own| own.key.verifier().vkey()).eq([registrar.clone()]));
        let trustees = vec![key(&trustee).unwrap()];
        let recommended =
            PolicyDoc::recommended(key(&operator).unwrap(), key(&registrar).unwrap(), trustees).unwrap();
        let mut expected = *recommended.figures();
        (expected.emergency_span_secs, expected.recovery_wait_secs) = (12, 0);
        assert_eq!(rules, recommended.with_figures(expected));
        // What others may have agreed to is not written over.
        let again = write_rules(&path, &draft).unwrap_err();
        assert!(again.to_string().contains("never overwritten"), "{again}");
        assert_eq!(std::fs::read(&path).unwrap(), written);

        // The next ones name these, and a registrar with a scope.
        let next = dir.path().join("next.txt");
        let scoped = format!("{registrar} police.example,sheriff.example US");
        write_rules(&next, &Draft { registrars: &[&scoped], after: Some(&path), ..draft }).unwrap();
        let text = std::fs::read_to_string(&next).unwrap();
        assert!(text.contains(&format!("previous {}\nregistrar {scoped}\n", hash.to_base64())), "{text}");
    }

    #[test]
    fn what_is_no_figure_no_scope_or_no_key_is_named_and_nothing_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rules.txt");
        let [operator, registrar, trustee] = vkeys();
        let (registrars, trustees) = ([registrar.as_str()], [trustee.as_str()]);
        let draft = Draft {
            operator: &operator,
            registrars: &registrars,
            trustees: &trustees,
            figures: &[],
            after: None,
        };
        for word in ["emergency-span", "operator", "emergency-basis", "candor", ""] {
            let error = write_rules(&path, &Draft { figures: &[(word, 1)], ..draft }).unwrap_err();
            assert!(
                matches!(&error, Error::Figure { known, .. } if known.contains("emergency-span-secs")),
                "{word}"
            );
        }
        for bad in ["", "candor.example", "candor.example+00000000+AAAA"] {
            let written = write_rules(&path, &Draft { operator: bad, ..draft });
            assert!(matches!(written, Err(Error::Key { .. })), "{bad:?}");
            let written = write_rules(&path, &Draft { trustees: &[bad], ..draft });
            assert!(matches!(written, Err(Error::Key { .. })), "{bad:?}");
        }
        for bad in ["police.example", "Police.example US", "* usa", "* * *"] {
            let scoped = format!("{registrar} {bad}");
            let written = write_rules(&path, &Draft { registrars: &[&scoped], ..draft });
            assert!(matches!(written, Err(Error::Scope { .. })), "{bad:?}");
        }
        let written = write_rules(&path, &Draft { trustees: &[], ..draft });
        assert!(matches!(written, Err(Error::Rules(_))), "rules without trustees");
        assert!(!path.exists());
    }
}
