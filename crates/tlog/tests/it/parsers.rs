//! Every parser of foreign bytes: no panic on noise, and what is accepted encodes to the same
//! bytes.

use crate::cast::{cosigned, policy, tree};
use proptest::prelude::*;
use tlog::checkpoint::UnverifiedCheckpoint;
use tlog::fork::ForkProof;
use tlog::note::{UnverifiedNote, Verifier};
use tlog::policy::Policy;
use tlog::proof::TlogProof;
use tlog::tile::{Bundle, TilePath};
use tlog::witness::AddCheckpointRequest;

fn samples() -> Vec<Vec<u8>> {
    let tree = tree(9);
    let head = cosigned(9, tree.root(), 2);
    let proof = TlogProof::from_parts(3, tree.prove_inclusion(3, 9).unwrap(), &head.encode()).unwrap();
    let request = AddCheckpointRequest::new(4, tree.prove_consistency(4, 9).unwrap(), &head).unwrap();
    let other = cosigned(5, tree.root(), 0);
    let fork = ForkProof::build(&other, &head, |id| tree.node(id)).unwrap();
    let mut policy_text = String::new();
    for witness in policy().witnesses() {
        policy_text += &format!("witness {} {}\n", witness.name, witness.key);
    }
    let bundle = Bundle { entries: vec![b"one".to_vec(), Vec::new(), b"three".to_vec()] };
    vec![
        head.encode(),
        proof.encode(),
        request.encode(),
        fork.encode(),
        policy_text.into_bytes(),
        bundle.encode(),
        b"tile/0/x001/234.p/17".to_vec(),
    ]
}

fn parse_all(bytes: &[u8]) {
    if let Ok(parsed) = UnverifiedNote::parse(bytes) {
        assert_eq!(parsed.encode(), bytes);
    }
    if let Ok(parsed) = UnverifiedCheckpoint::parse(bytes) {
        assert_eq!(parsed.encode(), bytes);
    }
    if let Ok(parsed) = TlogProof::parse(bytes) {
        assert_eq!(parsed.encode(), bytes);
    }
    if let Ok(parsed) = AddCheckpointRequest::parse(bytes) {
        assert_eq!(parsed.encode(), bytes);
    }
    if let Ok(parsed) = ForkProof::parse(bytes) {
        assert_eq!(parsed.encode(), bytes);
    }
    for width in [1, 3, 256] {
        if let Ok(parsed) = Bundle::parse(width, bytes) {
            assert_eq!(parsed.encode(), bytes);
        }
    }
    let _ = Policy::parse(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(path) = text.parse::<TilePath>() {
            assert_eq!(path.to_string(), text);
        }
        if let Ok(key) = Verifier::parse(text) {
            assert_eq!(key.vkey(), text);
        }
    }
}

#[test]
fn the_samples_are_accepted_by_some_parser() {
    let samples = samples();
    assert!(UnverifiedCheckpoint::parse(&samples[0]).is_ok() && TlogProof::parse(&samples[1]).is_ok());
    assert!(AddCheckpointRequest::parse(&samples[2]).is_ok() && ForkProof::parse(&samples[3]).is_ok());
    samples.iter().for_each(|sample| parse_all(sample));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn noise(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        parse_all(&bytes);
    }

    #[test]
    fn edited_samples(sample in 0usize..7, at in any::<prop::sample::Index>(), cut in 0usize..40, insert in "\\PC{0,3}|\n{1,3}") {
        let mut bytes = samples().swap_remove(sample);
        let at = at.index(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, insert.into_bytes());
        parse_all(&bytes);
    }
}
