//! The cast of these tests: a log, its witnesses, a submitter and a stranger.

use host::clock::Clock;
use host::http::{Fetch, FetchLimits, Reply};
use host::machine::Machine;
use host::shutdown::Shutdown;
use log_server::Config;
use stage::log::{Log, RunningLog};
use std::time::Duration;
use tempfile::TempDir;
use tlog::Logged;
use tlog::note::{self, Signer};
use tlog::policy::Policy;
use tlog::proof::TlogProof;

pub(crate) struct World {
    pub dir: TempDir,
    /// The log's, which a test starts itself.
    pub config: Config,
    /// Its witnesses.
    pub stage: Log,
    pub policy: Policy,
    pub fetch: Fetch,
}

/// The submitter that the log's configuration names.
pub(crate) fn submitter() -> Signer {
    stage::keys::sponsor()
}

pub(crate) fn leaf(text: &str) -> Vec<u8> {
    leaf_by(text, &[&submitter()])
}

pub(crate) fn leaf_by(text: &str, signers: &[&Signer]) -> Vec<u8> {
    note::sign(&format!("candor nothing v1\n{text}\n"), signers).unwrap().encode()
}

impl World {
    /// Four witnesses with quorum 3 that run, and a log that was initialised.
    pub(crate) async fn new() -> Self {
        Self::on(Clock::system()).await
    }

    /// The same with witnesses on this clock.
    pub(crate) async fn on(clock: Clock) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = stage::log::config(dir.path(), stage::log::vkeys([submitter()]));
        let stage = Log::init_on(config, Machine::with_clock(clock)).await;
        let limits = FetchLimits { timeout: Duration::from_secs(30), ..FetchLimits::default() };
        let (config, policy) = (stage.config.clone(), stage.policy.clone());
        Self { dir, config, stage, policy, fetch: Fetch::new(limits) }
    }

    pub(crate) async fn start(&self) -> RunningLog {
        log_server::start(self.config.clone(), Shutdown::new()).await.unwrap()
    }

    pub(crate) async fn add(&self, log: &RunningLog, leaf: &[u8]) -> Reply {
        let url = format!("http://{}/add", log.at().http);
        self.fetch.post(&url, "text/plain", leaf.to_vec()).await.unwrap()
    }

    pub(crate) async fn get(&self, log: &RunningLog, path: &str) -> Reply {
        self.fetch.get(&format!("http://{}{path}", log.at().http)).await.unwrap()
    }

    /// Adds a leaf and verifies what comes back, offline.
    pub(crate) async fn added(&self, log: &RunningLog, leaf: &[u8]) -> Logged<Vec<u8>> {
        self.verified(&self.add(log, leaf).await, leaf)
    }

    pub(crate) fn verified(&self, reply: &Reply, leaf: &[u8]) -> Logged<Vec<u8>> {
        assert_eq!(reply.status, 200, "{}", reply.excerpt());
        let proof = TlogProof::parse(&reply.body).unwrap();
        let stamp = proof.extra().unwrap();
        let entry = if leaf.ends_with(stamp) { leaf.to_vec() } else { [leaf, stamp].concat() };
        tlog::stamp::verify(&entry, &self.policy.stamp_keys()).unwrap();
        Logged::verify(entry, &proof, &self.policy).unwrap()
    }

    /// The published size and the earliest time of its quorum.
    pub(crate) async fn published(&self, log: &RunningLog) -> Option<(u64, u64)> {
        let reply = self.get(log, "/checkpoint").await;
        if reply.status == 404 {
            return None;
        }
        let head = self.policy.verify_checkpoint(&reply.body).unwrap();
        Some((head.checkpoint().size(), head.cosigned_at()))
    }

    pub(crate) fn alarms(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.config.data.join("alarms"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// The leaf that an entry was before it was stamped.
pub(crate) fn submitted(entry: &[u8]) -> Vec<u8> {
    let (_, stamp) = tlog::stamp::split(entry).unwrap();
    entry[..entry.len() - stamp.len()].to_vec()
}

/// The hash by which the log knows a leaf.
pub(crate) fn text_hash(leaf: &[u8]) -> tlog::Hash {
    tlog::stamp::split(leaf).unwrap().0
}

/// The name of a refusal.
pub(crate) fn error_of(reply: &Reply) -> (u16, String) {
    let json: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert!(!json["what_to_do"].as_str().unwrap().is_empty());
    (reply.status, json["error"].as_str().unwrap().to_owned())
}
