//! The cast of these tests: a log, its witnesses, a submitter and a stranger.

use host::http::{Fetch, FetchLimits, Reply};
use host::running::Running;
use host::shutdown::Shutdown;
use log_server::{Config, Submitter};
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tlog::Logged;
use tlog::note::{self, Signer};
use tlog::policy::Policy;
use tlog::proof::TlogProof;

pub(crate) const ORIGIN: &str = "log.example/candor";

pub(crate) type RunningLog = Running<log_server::At, log_server::Error>;
pub(crate) type RunningWitness = Running<witness::At, witness::Error>;

pub(crate) struct World {
    pub dir: TempDir,
    pub config: Config,
    pub witness_configs: Vec<witness::Config>,
    pub witnesses: Vec<Option<RunningWitness>>,
    pub policy: Policy,
    pub fetch: Fetch,
}

/// The submitter that the log's configuration names.
pub(crate) fn submitter() -> Signer {
    Signer::from_seed("relay.example", &[1; 32]).unwrap()
}

pub(crate) fn leaf(text: &str) -> Vec<u8> {
    note::sign(&format!("{text}\n"), &[&submitter()]).unwrap().encode()
}

impl World {
    /// Four witnesses with quorum 3 that run, and a log that was initialised.
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let mut config = Config {
            listen: loopback,
            data: dir.path().join("log"),
            origin: ORIGIN.to_owned(),
            policy: dir.path().join("policy"),
            submitters: vec![Submitter {
                vkey: submitter().verifier().vkey(),
                per_minute: 60_000,
                burst: 1000,
            }],
            batch_ms: 5,
            checkpoint_ms: 5,
            refresh_secs: 3600,
            beyond_quorum_ms: 2000,
            add_wait_secs: 20,
        };
        let log_key = log_server::init(&config).unwrap().remove(0);
        let mut policy = format!("log {log_key}\n");
        let mut witness_configs = Vec::new();
        let mut witnesses = Vec::new();
        for n in 1..=4 {
            let mut own = witness::Config {
                listen: loopback,
                data: dir.path().join(format!("w{n}")),
                name: format!("witness.example/w{n}"),
                logs: vec![log_key.clone()],
            };
            let vkey = witness::init(&own).unwrap().remove(0);
            let running = witness::start(own.clone(), Shutdown::new()).await.unwrap();
            // So that a restarted one is found again.
            own.listen = running.at().http;
            policy.push_str(&format!("witness w{n} {vkey} http://{}/\n", running.at().http));
            witness_configs.push(own);
            witnesses.push(Some(running));
        }
        policy.push_str("group all 3 w1 w2 w3 w4\nquorum all\n");
        std::fs::write(&config.policy, &policy).unwrap();
        config.beyond_quorum_ms = 1000;
        let policy = Policy::parse(policy.as_bytes()).unwrap();
        let limits = FetchLimits { timeout: Duration::from_secs(30), ..FetchLimits::default() };
        Self { dir, config, witness_configs, witnesses, policy, fetch: Fetch::new(limits) }
    }

    pub(crate) async fn start(&self) -> RunningLog {
        log_server::start(self.config.clone(), Shutdown::new()).await.unwrap()
    }

    pub(crate) async fn stop_witness(&mut self, n: usize) {
        self.witnesses[n].take().unwrap().stop_and_join().await.unwrap();
    }

    pub(crate) async fn start_witness(&mut self, n: usize) {
        let running = witness::start(self.witness_configs[n].clone(), Shutdown::new()).await.unwrap();
        self.witnesses[n] = Some(running);
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
        Logged::verify(leaf.to_vec(), &proof, &self.policy).unwrap()
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

/// The name of a refusal.
pub(crate) fn error_of(reply: &Reply) -> (u16, String) {
    let json: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert!(!json["what_to_do"].as_str().unwrap().is_empty());
    (reply.status, json["error"].as_str().unwrap().to_owned())
}

/// Asks again until the answer is there; a minute is far beyond what any of it takes.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A copy of a folder, as a backup or a thief makes it.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> PathBuf {
    std::fs::create_dir_all(to).unwrap();
    let copied = std::process::Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(copied.success());
    to.to_owned()
}
