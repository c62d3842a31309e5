//! `candor verify`: evidence, offline, by whoever has the file and a log policy that they trust.

use super::{Ended, Outcome, Overwrite, Terminal};
use crate::evidence::court::{self, Around};
use crate::evidence::{Compared, Form, Standing, Statement, Unheld, compare, statements};
use crate::words::show_us;
use anyhow::Context as _;
use clap::Args;
use escrow::evidence::{Completeness, SignedAs, SignerRole, Verified};
use host::durable::Target;
use host::shutdown::Shutdown;
use media::account::Culprit;
use media::epoch::GapReason;
use requester::film::{Film, Films};
use seal::opener::Whole;
use serde_json::{Value, json};
use std::fs::File;
use std::path::PathBuf;
use tlog::policy::Policy;

/// Names the file of the log policy where `--policy` does not.
const PINNED: &str = "CANDOR_LOG_POLICY";

pub(super) const HELP: &str = "\
Each line says what the file shows, and by what, or that it is not shown. Nothing in the file is
trusted by itself: --policy names the log and witnesses that you trust.

Exit codes here: 0 complete; 1 it holds, but is incomplete, its end is not proven, no log policy was
given, or another one, the clip is another file or of another time, or the page has other words; 3 it, or
what came beside it, is false; 2 it, or the log policy, cannot be read as what it should be; 4 it was
stopped, or there was no room. The fields of --json stand in deploy/README.md.
Example: candor verify case-77/court.zip --policy log-policy.txt";

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The court file (a zip with films, a page and the evidence), or the evidence file alone.
    evidence: PathBuf,
    /// A tlog-policy file from a source you trust: the evidence must have been made under one that
    /// says the same. Without one, and without the variable CANDOR_LOG_POLICY that names one, the answer is no
    /// more than "consistent with itself".
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Make the film of the evidence: a plain MP4 for each run (the second is FILE-2, and so on).
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    #[command(flatten)]
    overwrite: Overwrite,
    /// Compare this MP4, which came beside the evidence, with the film of the evidence: byte by byte,
    /// else picture by picture.
    #[arg(long, value_name = "FILE")]
    clip: Option<PathBuf>,
}

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Complete,
    Incomplete,
    EndNotProven,
    ConsistentWithItself,
    /// The verifier trusts another log, or other witnesses.
    AnotherLogPolicy,
    /// The evidence is complete, and of the clip something lies at another time, or all of it.
    AnotherTime,
    /// The evidence is complete, and the clip's samples are its own in a file that another made.
    AnotherFile,
    /// The evidence is complete, and the page beside it is not the one that it gives.
    AnotherPage,
    /// The evidence is, or the clip.
    False,
}

impl Verify {
    pub(crate) fn run(self, terminal: &Terminal, shutdown: &Shutdown) -> Outcome {
        let shown = self.evidence.display();
        if !self.evidence.is_file() {
            return Err(Ended::wrong(anyhow::anyhow!(
                "{shown}: no such file; name the court file or the evidence file that you were given"
            )));
        }
        let trusted = self.trusted()?;
        let mut clip = self.clip()?;
        let write = self.write.as_ref().map(|path| self.overwrite.film(path));
        write.as_ref().map_or(Ok(()), Target::check).map_err(Ended::wrong)?;
        let form = Form::of(&self.evidence).map_err(Ended::wrong)?;
        // Beside what is written; else where temporary files are, which only this user reads.
        let beside = self.write.clone().unwrap_or_else(|| std::env::temp_dir().join("candor-clip"));
        let has_films = self.write.is_some() || clip.is_some() || form == Form::CourtFile;
        let mut films = has_films.then(|| Films::new(&beside));
        let take = &mut |whole: &Whole| {
            anyhow::ensure!(!shutdown.is_requested(), "stopped before the end");
            films.as_mut().map_or(Ok(()), |films| Ok(films.segment(whole)?))
        };
        let verified = match crate::evidence::verify(&self.evidence, take) {
            Ok(verified) => verified,
            Err(Unheld::Stopped(error)) => return Err(error.context("nothing is verified").into()),
            Err(Unheld::Unread(error)) => {
                let what = format!(
                    "{shown} cannot be read as evidence; ask whoever gave it to you for the whole file"
                );
                return Err(Ended::wrong(error.context(what)));
            }
            Err(Unheld::False(error)) => return false_one(terminal, &format!("{shown}: {error}")),
        };
        let mut films = films.map_or(Ok(Vec::new()), Films::finish)?;
        let around = match form {
            Form::Evidence => None,
            Form::CourtFile => {
                let around = court::compare(&self.evidence, &verified, &mut films, &beside);
                Some(around.context("the court file cannot be made again to compare")?)
            }
        };
        let compared = match &mut clip {
            Some(clip) => {
                let films = films.iter_mut().map(|film| film.file.read_back());
                Some(compare(films, clip).map_err(Ended::wrong)?)
            }
            None => None,
        };
        let written = written(write.as_ref(), films)?;
        let mut statements = statements(&verified, trusted.as_ref());
        statements.extend(around.as_ref().map(Statement::of_court_file));
        statements.extend(compared.as_ref().map(Statement::of_clip));
        let verdict = verdict(&verified, trusted.as_ref(), around.as_ref(), compared.as_ref());
        let mut object = json(&verified, verdict, &statements);
        object["written"] = json!(written);
        terminal.result(&object, |_| {
            let written = written.iter().map(|path| format!("\nwritten    {}", path.display()));
            text(verdict, &statements) + &written.collect::<String>()
        });
        match verdict {
            Verdict::Complete => Ok(()),
            Verdict::False => Err(Ended::ALARM),
            Verdict::Incomplete
            | Verdict::EndNotProven
            | Verdict::ConsistentWithItself
            | Verdict::AnotherLogPolicy
            | Verdict::AnotherTime
            | Verdict::AnotherFile
            | Verdict::AnotherPage => Err(Ended::NO),
        }
    }

    fn clip(&self) -> Result<Option<File>, Ended> {
        let Some(path) = &self.clip else { return Ok(None) };
        let file = File::open(path).with_context(|| path.display().to_string());
        file.map(Some).map_err(Ended::wrong)
    }

    /// The log policy that the verifier trusts, if there is one.
    fn trusted(&self) -> Result<Option<Policy>, Ended> {
        let Some(path) = self.policy.clone().or_else(|| std::env::var_os(PINNED).map(PathBuf::from)) else {
            return Ok(None);
        };
        let text = std::fs::read(&path).with_context(|| path.display().to_string()).map_err(Ended::wrong)?;
        let parsed = Policy::parse(&unix_lines(text)).with_context(|| {
            let path = path.display();
            format!("{path} is no log policy; get the file from the log's operator, a monitor or the owner")
        });
        parsed.map(Some).map_err(Ended::wrong)
    }
}

/// Gives the films their names, if they are to have any.
fn written(to: Option<&Target>, films: Vec<Film>) -> Result<Vec<PathBuf>, Ended> {
    let Some(to) = to else { return Ok(Vec::new()) };
    let named = (1..).zip(films).map(|(number, film)| {
        let to = to.numbered(number);
        to.take(film.file).map_err(Ended::wrong)?;
        Ok(to.path().to_owned())
    });
    named.collect()
}

/// A text as other systems and editors leave it, with the ends of lines that a policy has.
fn unix_lines(mut text: Vec<u8>) -> Vec<u8> {
    text.retain(|byte| *byte != b'\r');
    if text.last().is_some_and(|last| *last != b'\n') {
        text.push(b'\n');
    }
    text
}

// SPEC: evidence.md#what-it-shows: a verifier MUST be given a log policy from elsewhere.
fn verdict(
    verified: &Verified,
    trusted: Option<&Policy>,
    around: Option<&Around>,
    compared: Option<&Compared>,
) -> Verdict {
    let is_same_clip = compared.is_none_or(|compared| *compared == Compared::Same);
    match verified.footage.completeness() {
        _ if matches!(compared, Some(Compared::Differs { .. })) => Verdict::False,
        _ if matches!(around, Some(Around::Other(_))) => Verdict::False,
        _ if trusted.is_none() => Verdict::ConsistentWithItself,
        _ if trusted.is_some_and(|own| !own.says_as(&verified.log_policy)) => Verdict::AnotherLogPolicy,
        Completeness::Incomplete => Verdict::Incomplete,
        Completeness::NotProven => Verdict::EndNotProven,
        Completeness::Complete if matches!(compared, Some(Compared::Beyond { .. } | Compared::Elsewhere)) => {
            Verdict::AnotherTime
        }
        Completeness::Complete if !is_same_clip => Verdict::AnotherFile,
        Completeness::Complete if around == Some(&Around::OtherPage) => Verdict::AnotherPage,
        Completeness::Complete => Verdict::Complete,
    }
}

/// It is false, and why.
fn false_one(terminal: &Terminal, reason: &str) -> Outcome {
    terminal.result(&json!({ "verdict": Verdict::False, "reason": reason }), |_| {
        format!("FALSE      {reason}\nNext: {}", told(Verdict::False).1)
    });
    Err(Ended::ALARM)
}

fn text(verdict: Verdict, statements: &[Statement]) -> String {
    let mut lines = Vec::new();
    for Statement { shown, says, by, .. } in statements {
        let mark = match shown {
            Standing::Shown => "shown",
            Standing::NotShown => "NOT SHOWN",
            Standing::Missing => "MISSING",
            Standing::False => "FALSE",
        };
        lines.push(format!("{mark:<10} {says}\n{:<10}   by: {by}", ""));
    }
    let (told, next) = told(verdict);
    lines.push(format!("\n{told}"));
    if verdict != Verdict::Complete {
        lines.push(format!("Next: {next}"));
    }
    lines.join("\n")
}

/// What a verdict means, and what to do next.
fn told(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Complete => ("COMPLETE, under the log policy that you trust.", "nothing"),
        Verdict::Incomplete => (
            "It holds, and it is INCOMPLETE: see MISSING above.",
            "ask whoever opened it whether they left something out, and the relay's operator for what it has lost",
        ),
        Verdict::EndNotProven => (
            "It holds, and its END IS NOT PROVEN: see NOT SHOWN above.",
            "ask whoever opened it to open it again now: the camera has opened its next epoch since, or will",
        ),
        Verdict::ConsistentWithItself => (
            "It is CONSISTENT WITH ITSELF. That is not yet a yes.",
            "get the log policy from the log's operator, a monitor or the owner, and verify again with --policy FILE",
        ),
        Verdict::AnotherLogPolicy => (
            "It was made under ANOTHER LOG POLICY than the one that you trust: nothing here says whether its log is real.",
            "ask the log's operator or a monitor which policy files there were, and verify again with the one of that time, if you trust it",
        ),
        Verdict::AnotherTime => (
            "The evidence is complete. OF THE CLIP IT DOES NOT SHOW ALL: see NOT SHOWN above.",
            "ask for the evidence of the clip's whole time, or make the film of this one with --write FILE",
        ),
        Verdict::AnotherFile => (
            "The evidence is complete. THE CLIP IS ANOTHER FILE than the one it gives.",
            "make the film yourself with --write FILE, and look at that one",
        ),
        Verdict::AnotherPage => (
            "The evidence is complete. ITS PAGE, README.html, is not the one that this program makes of it.",
            "rely on the lines above, and not on the page",
        ),
        Verdict::False => (
            "FALSE: what came beside the evidence is not what the evidence gives.",
            "do not rely on it; keep it unaltered, with who gave it to you and when, and ask its source for another",
        ),
    }
}

fn json(verified: &Verified, verdict: Verdict, statements: &[Statement]) -> Value {
    let footage = &verified.footage;
    json!({
        "verdict": verdict,
        "log_policy_sha256": verified.log_policy.hash().to_hex(),
        "camera": verified.camera_id.to_string(),
        "track": verified.track.0,
        "owner_root_key": hex::encode(verified.owner_root_pk),
        "policy": {
            "version": verified.policy.version,
            "t": verified.policy.t,
            "n": verified.policy.n,
            "leaf": verified.policy.index,
            "sponsor": signer(&verified.policy.sponsor),
        },
        "footage": {
            "first_epoch": footage.first_epoch.0,
            "last_epoch": footage.last_epoch.0,
            "from": show_us(footage.start_us.0),
            "to": show_us(footage.end_us.0),
            "segments": footage.segments,
            "missing": footage.missing,
            "gaps": footage.gaps.iter().map(|gap| json!({
                "from": show_us(gap.from_us.0), "to": show_us(gap.to_us.0), "segments": gap.segments,
                "reason": gap.reason.map(GapReason::word),
            })).collect::<Vec<_>>(),
            "losses": footage.losses.iter().map(|loss| json!({
                "first": loss.range.first.0, "last": loss.range.last.0,
                "culprit": match loss.culprit {
                    Culprit::Relay(_) => "relay", Culprit::Camera(_) => "camera", Culprit::NobodyYet => "not-shown",
                },
                "relay_key": match loss.culprit { Culprit::Relay(key) => Some(hex::encode(key)), _ => None },
            })).collect::<Vec<_>>(),
            "not_opened": footage.unopened.iter().map(|epoch| epoch.0).collect::<Vec<_>>(),
            "not_proven": footage.unproven.iter().map(|open| json!({
                "epoch": open.epoch.0, "from": show_us(open.from_us.0), "to": show_us(open.to_us.0),
            })).collect::<Vec<_>>(),
        },
        "release": verified.release.as_ref().map(release),
        "opener": verified.opener.as_ref().map(|opener| json!({
            "as": opener.opened.word(), "name": opener.name.as_str(),
            "device": opener.device.map(|device| device.to_string()), "time": opener.time.0,
        })),
        "statements": statements,
    })
}

fn release(release: &escrow::evidence::Release) -> Value {
    let details = &release.details;
    let line = |line: &Option<escrow::record::Line>| line.as_ref().map(|line| line.as_str().to_owned());
    json!({
        "id": release.id.to_hex(),
        "leaf": release.index,
        "logged_at": release.logged_at.0,
        "kind": release.kind.word(),
        "agency": release.agency.as_ref().map(ToString::to_string),
        "agency_shown": release.is_by_agency(),
        "country": release.country.as_ref().map(|country| country.as_str()),
        "basis": release.basis.as_ref().map(ToString::to_string),
        "needed": release.needed,
        "signers": release.signers.iter().map(signer).collect::<Vec<_>>(),
        "grants": release.grants.iter().map(|granted| json!({
            "trustee": granted.trustee.as_str(), "leaf": granted.index,
        })).collect::<Vec<_>>(),
        "details": {
            "officer": line(&details.officer), "badge": line(&details.badge),
            "supervisor": line(&details.supervisor), "case_number": line(&details.case_number),
            "court": line(&details.court), "order_sha256": details.order.map(|order| order.to_hex()),
            "grounds": line(&details.grounds), "purpose": line(&details.purpose),
            "recipient": line(&details.recipient),
        },
    })
}

fn signer(signed: &SignedAs) -> Value {
    json!({
        "role": match signed.role {
            SignerRole::Registered(role) => role.word(),
            SignerRole::Recovery => "recovery",
        },
        "key": signed.key,
        "registered": signed.registered.as_ref().map(|by| json!({
            "agency": by.agency.as_str(), "registrar": by.registrar.as_str(), "leaf": by.index,
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_policy_is_read_with_other_ends_of_lines_and_what_is_none_is_not() {
        assert_eq!(unix_lines(b"a\r\nb".to_vec()), b"a\nb\n");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("policy.txt");
        let verify = Verify {
            evidence: path.clone(),
            policy: Some(path.clone()),
            write: None,
            overwrite: Overwrite::default(),
            clip: None,
        };
        for none in ["", "hello", "[owner]\nname = 'x'\n"] {
            std::fs::write(&path, none).unwrap();
            let said = format!("{:?}", verify.trusted().unwrap_err());
            assert!(said.contains("is no log policy"), "{said}");
        }
    }
}
