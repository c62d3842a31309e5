//! A log and four witnesses with fixed keys.

use tlog::Hash;
use tlog::checkpoint::{Checkpoint, SignedCheckpoint};
use tlog::cosignature::{Algorithm, Cosigner};
use tlog::merkle::{Tree, leaf_hash};
use tlog::note::{self, Signer};
use tlog::policy::Policy;
use tlog::stamp;

pub(crate) const ORIGIN: &str = "candor.example/log";
pub(crate) const NOW: u64 = 1_795_485_600;

pub(crate) fn log_key() -> Signer {
    Signer::from_seed(ORIGIN, &[7; 32]).unwrap()
}

pub(crate) fn witnesses() -> Vec<Cosigner> {
    let algorithm = |n| if n == 2 { Algorithm::MlDsa44 } else { Algorithm::Ed25519 };
    (1..=4u8)
        .map(|n| Cosigner::from_seed(&format!("w{n}.example"), algorithm(n), &[n; 32]).unwrap())
        .collect()
}

pub(crate) fn policy() -> Policy {
    let mut text = format!("log {}\n", log_key().verifier());
    for (n, witness) in witnesses().iter().enumerate() {
        text += &format!("witness w{} {}\n", n + 1, witness.verifier());
    }
    Policy::parse((text + "group g 3 w1 w2 w3 w4\nquorum g\n").as_bytes()).unwrap()
}

pub(crate) fn entry(n: u64) -> Vec<u8> {
    format!("entry {n}").into_bytes()
}

/// One that the log stamped.
pub(crate) fn stamped(n: u64) -> Vec<u8> {
    let submitter = Signer::from_seed("relay.example", &[8; 32]).unwrap();
    let leaf = note::sign(&format!("entry {n}\n"), &[&submitter]).unwrap();
    stamp::stamp(&log_key(), leaf, NOW - 7).unwrap().encode()
}

pub(crate) fn stamped_tree(size: u64) -> Tree {
    let mut tree = Tree::new();
    (0..size).for_each(|n| tree.push(leaf_hash(&stamped(n))));
    tree
}

pub(crate) fn tree(size: u64) -> Tree {
    let mut tree = Tree::new();
    (0..size).for_each(|n| tree.push(leaf_hash(&entry(n))));
    tree
}

pub(crate) fn head(size: u64, root: Hash) -> SignedCheckpoint {
    Checkpoint::new(ORIGIN, size, root).unwrap().sign(&log_key()).unwrap()
}

/// The head with the cosignatures of the first `count` witnesses, a second apart.
pub(crate) fn cosigned(size: u64, root: Hash, count: usize) -> SignedCheckpoint {
    let mut head = head(size, root);
    for (witness, time) in witnesses().iter().take(count).zip(NOW..) {
        head.cosign(witness, time).unwrap();
    }
    head
}
