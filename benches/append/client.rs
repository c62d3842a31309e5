//! A submitter with a connection of its own to a real log, whose four witnesses run on loopback.

use host::http::{Fetch, FetchLimits};
use stage::log::Log;
use std::time::Duration;
use tlog::Logged;
use tlog::note::{self, Signer};
use tlog::policy::Policy;
use tlog::proof::TlogProof;

#[derive(Debug)]
pub(crate) struct Client {
    fetch: Fetch,
    url: String,
    policy: Policy,
    signer: Signer,
}

impl Client {
    pub(crate) fn new(log: &Log) -> Self {
        let limits = FetchLimits { timeout: Duration::from_secs(60), ..FetchLimits::default() };
        Self {
            fetch: Fetch::new(limits),
            url: format!("{}/add", log.url()),
            policy: log.policy.clone(),
            signer: stage::keys::sponsor(),
        }
    }

    /// A leaf of a grant's size.
    pub(crate) fn leaf(&self, text: &str) -> Vec<u8> {
        let text = format!("candor bench v1\n{text}\n{}\n", "x".repeat(500));
        note::sign(&text, &[&self.signer]).unwrap().encode()
    }

    /// Adds a leaf; what comes back is its proof under a head that a quorum cosigned.
    pub(crate) async fn add(&self, leaf: &[u8]) -> Vec<u8> {
        let reply = self.fetch.post(&self.url, "text/plain", leaf.to_vec()).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.excerpt());
        reply.body.to_vec()
    }

    /// Verifies it as whoever lets a key go does.
    pub(crate) fn verify(&self, leaf: Vec<u8>, proof: &[u8]) -> u64 {
        let proof = TlogProof::parse(proof).unwrap();
        let entry = [leaf, proof.extra().unwrap().to_vec()].concat();
        Logged::verify(entry, &proof, &self.policy).unwrap().index()
    }
}
