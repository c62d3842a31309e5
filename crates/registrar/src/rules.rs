//! The rules of release, written and published: a PolicyDoc is a file that people read and agree
//! to, and its hash is a leaf by the operator that the document itself names. Contract:
//! proto/release.md#policydoc.
//!
//! ```text
//! candor rules v1
//! operator candor.example+5b77c1e0+AUf0Gm1...
//! registrar registrar.example+7ab47f8b+AXPt8Hv...
//! emergency-basis danger-of-death
//! ...
//! emergency-epochs 60                                 every figure may be written otherwise: ("emergency-epochs", 30)
//! ```

use crate::add::{Added, add, key};
use crate::config::Config;
use crate::error::Error;
use crate::key::{name, vkey};
use escrow::policy::{POLICY_DOC_MAX_BYTES, PolicyDoc};
use escrow::record::{PolicyDocLeaf, Seconds};
use host::clock::Clock;
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

/// Writes the recommended rules for this operator and registrar as a new file, some figures
/// otherwise; returns the hash by which requests and owners will name them. Nothing is published by
/// it: read the file, have the others read it, then [`publish_rules`].
pub fn write_rules(
    path: &Path,
    operator: &str,
    registrar: &str,
    figures: &[(&str, u64)],
) -> Result<Hash, Error> {
    let recommended = PolicyDoc::recommended(key(operator)?, key(registrar)?);
    let mut lines: Vec<String> = recommended.text().lines().map(str::to_owned).collect();
    for (word, value) in figures {
        let line = lines.iter_mut().find(|line| figure_of(line) == Some(*word));
        *line.ok_or_else(|| unknown(word, &recommended))? = format!("{word} {value}");
    }
    let text = lines.join("\n") + "\n";
    let rules = parse(path, text.as_bytes())?;
    host::durable::create_exclusive(path, &rules.encode())?;
    Ok(rules.hash())
}

/// Publishes the rules in a file: the leaf that makes them apply, signed by the operator whom they
/// name.
pub async fn publish_rules(config: &Config, path: &Path) -> Result<Published, Error> {
    let bytes = host::durable::read_limited(path, POLICY_DOC_MAX_BYTES as u64)?;
    let bytes = bytes.ok_or_else(|| Error::NoRules { path: path.to_owned() })?;
    let rules = parse(path, &bytes)?;
    // A leaf by anybody else would be refused by nobody and obeyed by nobody (`escrow::register`):
    // better said here.
    let (own, operator) = (vkey(config)?, rules.operator().vkey());
    if own != operator {
        return Err(Error::NotOperator { path: path.to_owned(), operator, own });
    }
    let document = rules.hash();
    let time = Seconds(Clock::system().seconds());
    let leaf = PolicyDocLeaf { operator: name(&config.name)?, document, time };
    Ok(Published { document, added: add(config, leaf).await? })
}

fn parse(path: &Path, bytes: &[u8]) -> Result<PolicyDoc, Error> {
    PolicyDoc::parse(bytes).map_err(|source| Error::Rules { path: path.to_owned(), source })
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

    fn vkeys() -> [String; 2] {
        ["candor.example", "registrar.example"]
            .map(|name| Signer::from_seed(name, &[7; 32]).unwrap().verifier().vkey())
    }

    #[test]
    fn the_written_rules_are_the_recommended_ones_but_for_the_figures_that_were_given() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rules.txt");
        let [operator, registrar] = vkeys();
        let figures = [("emergency-epochs", 12), ("recovery-wait-secs", 0)];
        let hash = write_rules(&path, &operator, &registrar, &figures).unwrap();
        let written = std::fs::read(&path).unwrap();
        let rules = PolicyDoc::parse(&written).unwrap();
        assert_eq!(rules.hash(), hash);
        assert_eq!(rules.operator().vkey(), operator);
        assert!(rules.registrars().map(|key| key.vkey()).eq([registrar.clone()]));
        let recommended = PolicyDoc::recommended(key(&operator).unwrap(), key(&registrar).unwrap());
        let mut expected = *recommended.figures();
        (expected.emergency_epochs, expected.recovery_wait_secs) = (12, 0);
        assert_eq!(rules, recommended.with_figures(expected));
        // What others may have agreed to is not written over.
        let again = write_rules(&path, &operator, &registrar, &[]).unwrap_err();
        assert!(again.to_string().contains("never overwritten"), "{again}");
        assert_eq!(std::fs::read(&path).unwrap(), written);
    }

    #[test]
    fn what_is_no_figure_or_no_key_is_named_and_nothing_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rules.txt");
        let [operator, registrar] = vkeys();
        for word in ["emergency-epoch", "operator", "emergency-basis", "candor", ""] {
            let error = write_rules(&path, &operator, &registrar, &[(word, 1)]).unwrap_err();
            assert!(
                matches!(&error, Error::Figure { known, .. } if known.contains("emergency-epochs")),
                "{word}"
            );
        }
        for bad in ["", "candor.example", "candor.example+00000000+AAAA"] {
            assert!(matches!(write_rules(&path, bad, &registrar, &[]), Err(Error::Key { .. })), "{bad:?}");
        }
        assert!(!path.exists());
    }
}
