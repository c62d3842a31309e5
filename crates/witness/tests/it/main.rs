//! A witness over a real socket: every row of the table of answers, evidence, races, restarts.
#![allow(clippy::unwrap_used)]

mod answers;
mod clock;
mod durability;
mod killed;
mod sample;
mod socket;

use host::http::{Fetch, FetchLimits, Reply};
use host::running::Running;
use host::shutdown::Shutdown;
use std::path::Path;
use tlog::checkpoint::{Checkpoint, SignedCheckpoint};
use tlog::merkle::{ConsistencyProof, Tree, leaf_hash};
use tlog::note::{Signer, Verifier};
use tlog::witness::AddCheckpointRequest;
use witness::{At, Config, Error};

pub(crate) const ORIGIN: &str = "log.example/candor";

/// A log that signs whatever the test wants.
pub(crate) struct Log {
    pub(crate) signer: Signer,
    pub(crate) tree: Tree,
}

impl Log {
    pub(crate) fn new(seed: u8, salt: u8, size: u64) -> Self {
        let mut tree = Tree::new();
        (0..size).for_each(|n| tree.push(leaf_hash(&[&n.to_be_bytes()[..], &[salt]].concat())));
        Self { signer: Signer::from_seed(ORIGIN, &[seed; 32]).unwrap(), tree }
    }

    pub(crate) fn head(&self, size: u64) -> SignedCheckpoint {
        let root = self.tree.root_at(size).unwrap();
        Checkpoint::new(ORIGIN, size, root).unwrap().sign(&self.signer).unwrap()
    }

    pub(crate) fn request(&self, old: u64, size: u64) -> Vec<u8> {
        let proof = self.tree.prove_consistency(old.min(size), size).unwrap();
        self.request_with(old, size, proof)
    }

    pub(crate) fn request_with(&self, old: u64, size: u64, proof: ConsistencyProof) -> Vec<u8> {
        AddCheckpointRequest::new(old, proof, &self.head(size)).unwrap().encode()
    }
}

pub(crate) struct Started {
    pub(crate) running: Running<At, Error>,
    pub(crate) fetch: Fetch,
}

impl Started {
    pub(crate) async fn add(&self, body: impl Into<Vec<u8>>) -> Reply {
        let url = format!("http://{}/add-checkpoint", self.running.at().http);
        self.fetch.post(&url, "text/plain", body.into()).await.unwrap()
    }

    pub(crate) async fn latest(&self, origin: &str) -> Reply {
        let path = tlog::witness::monitoring_path(origin);
        self.fetch.get(&format!("http://{}/{path}", self.running.at().http)).await.unwrap()
    }

    pub(crate) fn keys(&self) -> Vec<Verifier> {
        self.running.at().vkeys.iter().map(|vkey| Verifier::parse(vkey).unwrap()).collect()
    }

    /// Both cosignatures in a 200 verify over this head.
    pub(crate) fn check(&self, reply: &Reply, head: &SignedCheckpoint) {
        assert_eq!(reply.status, 200, "{}", reply.excerpt());
        let mut note = head.encode();
        note.extend_from_slice(&reply.body);
        let note = tlog::note::UnverifiedNote::parse(&note).unwrap();
        for key in self.keys() {
            assert!(note.verify_one(&key).unwrap().is_some());
        }
    }
}

pub(crate) fn config(data: &Path, logs: &[&Log]) -> Config {
    Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        data: data.to_owned(),
        name: "witness.example/w1".to_owned(),
        logs: logs.iter().map(|log| log.signer.verifier().vkey()).collect(),
    }
}

pub(crate) async fn start(config: Config) -> Started {
    let running = witness::start(config, Shutdown::new()).await.unwrap();
    Started { running, fetch: Fetch::new(FetchLimits::default()) }
}
