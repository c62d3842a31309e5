//! proto/vectors, made by the Python programs beside them.

use serde_json::Value;
use std::path::Path;
use tlog::checkpoint::{Checkpoint, UnverifiedCheckpoint};
use tlog::cosignature::Cosigner;
use tlog::fork::ForkProof;
use tlog::merkle::{ConsistencyProof, InclusionProof, Tree, leaf_hash, verify_consistency, verify_inclusion};
use tlog::note::{Signature, Signer, UnverifiedNote, Verifier, sign};
use tlog::policy::Policy;
use tlog::proof::TlogProof;
use tlog::stamp::{self, StampError, StampFault, StampKey};
use tlog::{Hash, Logged};

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto/vectors").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    let items = value[key].as_array().unwrap();
    assert!(!items.is_empty(), "no vectors under {key}");
    items
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value}"))
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key} of {value}"))
}

fn hash(value: &Value) -> Hash {
    Hash::from_hex(value.as_str().unwrap()).unwrap()
}

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(hash).collect()
}

#[test]
fn merkle() {
    let vectors = read("merkle.json");
    let (leaves, roots) = (hashes(&vectors["leaves"]), hashes(&vectors["roots"]));
    let mut tree = Tree::new();
    for (entry, leaf) in list(&vectors, "entries").iter().zip(&leaves) {
        assert_eq!(leaf_hash(&hex::decode(entry.as_str().unwrap()).unwrap()), *leaf);
        tree.push(*leaf);
    }
    for (size, root) in roots.iter().enumerate() {
        assert_eq!(tree.root_at(size as u64), Some(*root));
    }
    for case in list(&vectors, "inclusion") {
        let (index, size) = (number(case, "index"), number(case, "size"));
        let proof = InclusionProof(hashes(&case["proof"]));
        assert_eq!(tree.prove_inclusion(index, size).unwrap(), proof);
        let (leaf, root) = (&leaves[index as usize], &roots[size as usize]);
        assert_eq!(verify_inclusion(leaf, index, size, root, &proof), Ok(()), "{case}");
    }
    for case in list(&vectors, "consistency") {
        let (old, new) = (number(case, "old"), number(case, "new"));
        let proof = ConsistencyProof(hashes(&case["proof"]));
        assert_eq!(tree.prove_consistency(old, new).unwrap(), proof);
        assert_eq!(
            verify_consistency(old, &roots[old as usize], new, &roots[new as usize], &proof),
            Ok(()),
            "{case}"
        );
    }
    for case in list(&vectors, "bad_inclusion") {
        let proof = InclusionProof(hashes(&case["proof"]));
        let (leaf, root) = (hash(&case["leaf"]), hash(&case["root"]));
        let result = verify_inclusion(&leaf, number(case, "index"), number(case, "size"), &root, &proof);
        assert!(result.is_err(), "{}", case["why"]);
    }
    for case in list(&vectors, "bad_consistency") {
        let proof = ConsistencyProof(hashes(&case["proof"]));
        let (old, new) = (hash(&case["old_root"]), hash(&case["new_root"]));
        let result = verify_consistency(number(case, "old"), &old, number(case, "new"), &new, &proof);
        assert!(result.is_err(), "{}", case["why"]);
    }
}

#[test]
fn notes() {
    let vectors = read("note.json");
    let keys: Vec<Verifier> = list(&vectors, "verifiers")
        .iter()
        .map(|key| Verifier::parse(key.as_str().unwrap()).unwrap())
        .collect();
    let signers: Vec<Signer> = list(&vectors, "secrets")
        .iter()
        .map(|key| Signer::from_secret_text(key.as_str().unwrap()).unwrap())
        .collect();
    for (key, signer) in keys.iter().zip(&signers) {
        assert_eq!(*key, signer.verifier());
        assert_eq!(Verifier::parse(&key.vkey()).as_ref(), Ok(key));
    }
    let known: Vec<&Verifier> = keys.iter().collect();
    for case in list(&vectors, "good") {
        let parsed = UnverifiedNote::parse(text(case, "note").as_bytes()).unwrap();
        assert_eq!(parsed.encode(), text(case, "note").as_bytes());
        assert_eq!(parsed.unverified_text(), text(case, "text"));
        let by: Vec<&str> = parsed.verify(&known).unwrap().iter().map(|key| key.name()).collect();
        let expected: Vec<&str> = list(case, "by").iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(by, expected, "{}", case["why"]);
    }
    let first = &list(&vectors, "good")[0];
    let signed = sign(text(first, "text"), &signers.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!(signed.encode(), text(first, "note").as_bytes());
    for case in list(&vectors, "malformed") {
        assert!(UnverifiedNote::parse(text(case, "note").as_bytes()).is_err(), "{}", case["why"]);
    }
    for case in list(&vectors, "unverified") {
        let note = UnverifiedNote::parse(text(case, "note").as_bytes()).unwrap();
        assert!(note.verify(&known).is_err(), "{}", case["why"]);
    }
    for case in list(&vectors, "bad_keys") {
        assert!(Verifier::parse(text(case, "key")).is_err(), "{}", case["why"]);
    }
}

#[test]
fn checkpoints() {
    let vectors = read("checkpoint.json");
    let signer = Signer::from_secret_text(text(&vectors, "secret")).unwrap();
    let key = Verifier::parse(text(&vectors, "verifier")).unwrap();
    for case in list(&vectors, "good") {
        let checkpoint = Checkpoint::parse_text(text(case, "text")).unwrap();
        assert_eq!(checkpoint.text(), text(case, "text"));
        assert_eq!(checkpoint.size().to_string(), text(case, "size"));
        assert_eq!((checkpoint.origin(), checkpoint.root()), (text(case, "origin"), hash(&case["root"])));
        assert_eq!(checkpoint.sign(&signer).unwrap().encode(), text(case, "note").as_bytes());
        let signed =
            UnverifiedCheckpoint::parse(text(case, "note").as_bytes()).unwrap().verify(&[&key]).unwrap();
        assert_eq!(*signed.checkpoint(), checkpoint);
    }
    for case in list(&vectors, "bad") {
        assert!(Checkpoint::parse_text(text(case, "text")).is_err(), "{}", case["why"]);
    }
}

#[test]
fn cosignatures() {
    let vectors = read("cosignature.json");
    let checkpoint = Checkpoint::parse_text(text(&vectors, "text")).unwrap();
    let head = UnverifiedNote::parse(text(&vectors, "note").as_bytes()).unwrap();
    for case in list(&vectors, "good") {
        let cosigner = Cosigner::from_secret_text(text(case, "secret")).unwrap();
        let key = Verifier::parse(text(case, "witness")).unwrap();
        assert_eq!(cosigner.verifier(), key);
        let line = cosigner.cosign(&checkpoint, number(case, "time")).unwrap();
        assert_eq!(line.to_string(), text(case, "line"));
        let mut note = head.clone();
        note.add(line);
        assert_eq!(note.verify_one(&key), Ok(Some(number(case, "time"))));
    }
    let key = Verifier::parse(text(&list(&vectors, "good")[0], "witness")).unwrap();
    for case in list(&vectors, "bad") {
        let mut note = head.clone();
        note.add(Signature::parse(text(case, "line")).unwrap());
        assert!(note.verify_one(&key).is_err(), "{}", case["why"]);
    }
}

#[test]
fn tlog_proofs() {
    let vectors = read("tlog-proof.json");
    let policy = Policy::parse(text(&vectors, "policy").as_bytes()).unwrap();
    for case in list(&vectors, "good") {
        let proof = TlogProof::parse(text(case, "proof").as_bytes()).unwrap();
        assert_eq!(proof.encode(), text(case, "proof").as_bytes());
        let logged = Logged::verify(text(case, "entry").as_bytes().to_vec(), &proof, &policy).unwrap();
        assert_eq!(
            (logged.index(), logged.stamp(), logged.cosigned_at()),
            (number(case, "index"), number(case, "stamp"), number(&vectors, "cosigned_at"))
        );
    }
    for case in list(&vectors, "malformed") {
        assert!(TlogProof::parse(text(case, "proof").as_bytes()).is_err(), "{}", case["why"]);
    }
    for case in list(&vectors, "refused") {
        let proof = TlogProof::parse(text(case, "proof").as_bytes()).unwrap();
        let entry = text(case, "entry").as_bytes().to_vec();
        assert!(Logged::verify(entry, &proof, &policy).is_err(), "{}", case["why"]);
    }
}

#[test]
fn stamps() {
    let vectors = read("stamp.json");
    let log = Signer::from_secret_text(text(&vectors, "secret")).unwrap();
    assert_eq!(log.verifier().vkey(), text(&vectors, "log"));
    let keys = [StampKey::of(&log.verifier()).unwrap()];
    for case in list(&vectors, "good") {
        let (leaf, entry) = (text(case, "leaf").as_bytes(), text(case, "entry").as_bytes());
        let time = text(case, "time").parse().unwrap();
        let note = UnverifiedNote::parse(leaf).unwrap();
        assert_eq!(stamp::stamp(&log, note, time).unwrap().encode(), entry, "{case}");
        assert_eq!(stamp::verify(entry, &keys), Ok(time), "{case}");
        let (hash, line) = stamp::split(entry).unwrap();
        assert_eq!((hash.to_hex().as_str(), [leaf, line].concat().as_slice()), (text(case, "text"), entry));
        assert!(stamp::is_stamped(entry, leaf) && !stamp::is_stamped(entry, entry), "{case}");
        assert_eq!(stamp::verify(entry, &[]), Err(StampError::Missing));
    }
    for case in list(&vectors, "bad") {
        let word = match stamp::verify(text(case, "entry").as_bytes(), &keys).unwrap_err() {
            StampError::Note(_) => "note",
            StampError::Missing => "missing",
            StampError::Bad => "bad",
            StampError::Second => "second",
            StampError::NoRoom => "no room",
        };
        assert_eq!(word, text(case, "error"), "{case}");
    }
    let leaf = UnverifiedNote::parse(text(&vectors["good"][0], "leaf").as_bytes()).unwrap();
    assert_eq!(stamp::stamp(&log, leaf, 1 << 63).unwrap_err(), StampError::NoRoom);
    let stamped = UnverifiedNote::parse(text(&vectors["good"][0], "entry").as_bytes()).unwrap();
    assert_eq!(stamp::stamp(&log, stamped, 7).unwrap_err(), StampError::Second);
}

#[test]
fn stamp_faults() {
    let vectors = read("stamp-fault.json");
    let policy = Policy::parse(text(&vectors, "policy").as_bytes()).unwrap();
    for case in list(&vectors, "good") {
        let bytes = text(case, "fault").as_bytes();
        let fault = StampFault::parse(bytes).unwrap();
        assert_eq!(fault.encode(), bytes);
        let verified = fault.verify(&policy).unwrap();
        assert_eq!(verified.index(), number(case, "index"), "{}", case["why"]);
        let times = case["stamp"].as_u64().zip(case["bound"].as_u64());
        assert_eq!(verified.times(), times, "{}", case["why"]);
    }
    for case in list(&vectors, "bad") {
        let fault = StampFault::parse(text(case, "fault").as_bytes());
        assert!(fault.and_then(|fault| fault.verify(&policy)).is_err(), "{}", case["why"]);
    }
}

#[test]
fn policies() {
    let vectors = read("policy.json");
    for case in list(&vectors, "good") {
        let policy = Policy::parse(text(case, "policy").as_bytes()).unwrap();
        for (key, expected) in [("quorums", true), ("not_quorums", false)] {
            for names in list(case, key) {
                let names = names.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
                assert_eq!(policy.is_quorum(names), expected, "{} {key}", case["why"]);
            }
        }
    }
    for case in list(&vectors, "bad") {
        assert!(Policy::parse(text(case, "policy").as_bytes()).is_err(), "{}", case["why"]);
    }
}

#[test]
fn forks() {
    let vectors = read("fork.json");
    let key = Verifier::parse(text(&vectors, "verifier")).unwrap();
    for case in list(&vectors, "good") {
        let proof = ForkProof::parse(text(case, "proof").as_bytes()).unwrap();
        assert_eq!(proof.encode(), text(case, "proof").as_bytes());
        let fork = proof.verify(&[&key]).unwrap();
        assert_ne!(fork.root_in_second(), fork.first().checkpoint().root(), "{}", case["why"]);
    }
    for case in list(&vectors, "bad") {
        let verified =
            ForkProof::parse(text(case, "proof").as_bytes()).and_then(|proof| proof.verify(&[&key]));
        assert!(verified.is_err(), "{}", case["why"]);
    }
}
