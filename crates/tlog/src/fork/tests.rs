use super::*;
use crate::checkpoint::Checkpoint;
use crate::merkle::{Tree, leaf_hash};
use crate::note::Signer;

fn tree(size: u64, other_at: u64) -> Tree {
    let mut tree = Tree::new();
    for n in 0..size {
        tree.push(leaf_hash(if n == other_at { b"another" } else { b"entry" }));
    }
    tree
}

fn log() -> Signer {
    Signer::from_seed("candor.example/log", &[7; 32]).unwrap()
}

fn head(tree: &Tree, size: u64) -> SignedCheckpoint {
    let checkpoint = Checkpoint::new("candor.example/log", size, tree.root_at(size).unwrap()).unwrap();
    checkpoint.sign(&log()).unwrap()
}

#[test]
fn every_pair_of_heads_is_a_proof_if_and_only_if_it_is_a_fork() {
    let key = log().verifier();
    let (a, b) = (tree(40, 99), tree(40, 5));
    for m in 0..=40 {
        for n in m..=40 {
            let built = ForkProof::build(&head(&a, m), &head(&b, n), |id| b.node(id));
            if m <= 5 {
                assert_eq!(built, Err(ForkError::NoFork), "{m} and {n}");
                continue;
            }
            let proof = built.unwrap();
            let swapped = ForkProof::build(&head(&b, n), &head(&a, m), |id| b.node(id)).unwrap();
            assert!(swapped.verify(&[&key]).is_ok());
            let parsed = ForkProof::parse(&proof.encode()).unwrap();
            assert_eq!(parsed, proof);
            let fork = parsed.verify(&[&key]).unwrap();
            assert_eq!(fork.root_in_second, b.root_at(m).unwrap());
            assert_eq!((fork.first.checkpoint().size(), fork.second.checkpoint().size()), (m, n));
        }
    }
}

#[test]
fn every_byte_changed_is_refused() {
    let key = log().verifier();
    let (a, b) = (tree(13, 99), tree(13, 2));
    let good = ForkProof::build(&head(&a, 6), &head(&b, 13), |id| b.node(id)).unwrap().encode();
    for at in 0..good.len() {
        for change in [0x01, 0x20, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= change;
            let verified = ForkProof::parse(&bad).and_then(|proof| proof.verify(&[&key]));
            assert!(verified.is_err(), "byte {at} ^ {change:#x}");
        }
    }
}

#[test]
fn an_innocent_log_cannot_be_accused() {
    let key = log().verifier();
    let (a, b) = (tree(13, 99), tree(13, 2));
    // Heads that somebody else signed under the log's name.
    let forger = Signer::from_seed("candor.example/log", &[8; 32]).unwrap();
    let forged = Checkpoint::new("candor.example/log", 13, b.root()).unwrap().sign(&forger).unwrap();
    let proof = ForkProof::build(&head(&a, 6), &forged, |id| b.node(id)).unwrap();
    assert!(matches!(proof.verify(&[&key]), Err(ForkError::Checkpoint(_))));
    // Two logs.
    let other = Signer::from_seed("other.example", &[8; 32]).unwrap();
    let foreign = Checkpoint::new("other.example", 13, b.root()).unwrap().sign(&other).unwrap();
    assert_eq!(ForkProof::build(&head(&a, 6), &foreign, |id| b.node(id)), Err(ForkError::OtherLog));
    // Nodes of a tree that is not the second head's.
    let wrong = ForkProof::build(&head(&a, 6), &head(&b, 13), |id| a.node(id));
    assert_eq!(wrong, Err(ForkError::NotTheSecondRoot));
    assert_eq!(ForkProof::build(&head(&a, 6), &head(&b, 13), |_| None), Err(ForkError::MissingNode));
}
