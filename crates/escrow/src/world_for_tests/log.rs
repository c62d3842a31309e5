//! A log in memory made of the real pieces: tree, notes, cosignatures, four witnesses.

use std::string::String;
use std::vec::Vec;
use tlog::checkpoint::Checkpoint;
use tlog::cosignature::{Algorithm, Cosigner};
use tlog::merkle::{Tree, leaf_hash};
use tlog::note::{Signer, UnverifiedNote};
use tlog::policy::Policy;
use tlog::proof::TlogProof;
use tlog::stamp;

const ORIGIN: &str = "log.example";

pub(crate) struct Log {
    pub(crate) tree: Tree,
}

pub(crate) fn log_signer() -> Signer {
    Signer::from_seed(ORIGIN, &[1; 32]).unwrap()
}

fn witnesses() -> Vec<Cosigner> {
    let cosigner =
        |at: u8| Cosigner::from_seed(&std::format!("w{at}.example"), Algorithm::Ed25519, &[10 + at; 32]);
    (1..=4).map(|at| cosigner(at).unwrap()).collect()
}

/// 3 of 4 witnesses.
pub(crate) fn policy_text() -> String {
    let mut text = std::format!("log {}\n", log_signer().verifier().vkey());
    for (at, witness) in (1..).zip(witnesses()) {
        text.push_str(&std::format!("witness w{at} {}\n", witness.verifier().vkey()));
    }
    text + "group q 3 w1 w2 w3 w4\nquorum q\n"
}

pub(crate) fn policy() -> Policy {
    Policy::parse(policy_text().as_bytes()).unwrap()
}

/// The entry that a leaf becomes.
pub(crate) fn stamped(leaf: &[u8], time: u64) -> Vec<u8> {
    stamp::stamp(&log_signer(), UnverifiedNote::parse(leaf).unwrap(), time).unwrap().encode()
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { tree: Tree::new() }
    }

    pub(crate) fn add(&mut self, entry: &[u8]) -> u64 {
        self.tree.push(leaf_hash(entry));
        self.tree.size() - 1
    }

    /// The newest head, signed, and cosigned by this many witnesses at this time.
    pub(crate) fn checkpoint(&self, signer: &Signer, cosigners: usize, time: u64) -> Vec<u8> {
        let checkpoint = Checkpoint::new(signer.name(), self.tree.size(), self.tree.root()).unwrap();
        let mut signed = checkpoint.sign(signer).unwrap();
        for witness in witnesses().iter().take(cosigners) {
            signed.cosign(witness, time).unwrap();
        }
        signed.encode()
    }

    pub(crate) fn proof(&self, index: u64, cosigners: usize, time: u64) -> TlogProof {
        let checkpoint = self.checkpoint(&log_signer(), cosigners, time);
        let inclusion = self.tree.prove_inclusion(index, self.tree.size()).unwrap();
        TlogProof::from_parts(index, inclusion, &checkpoint).unwrap()
    }
}
