//! The cast of these tests: monitors, and a log with four witnesses.

use crate::leaves;
use host::http::{Fetch, FetchLimits, Reply};
use host::running::Running;
use host::shutdown::Shutdown;
use log_client::LogClient;
use log_server::Submitter;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tlog::policy::Policy;

pub(crate) const ORIGIN: &str = "log.example/candor";

pub(crate) type RunningLog = Running<log_server::At, log_server::Error>;
pub(crate) type RunningWitness = Running<witness::At, witness::Error>;

pub(crate) fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

pub(crate) fn fetch() -> Fetch {
    Fetch::new(FetchLimits { timeout: Duration::from_secs(30), ..FetchLimits::default() })
}

/// A real log with four real witnesses, quorum 3.
pub(crate) struct World {
    pub dir: TempDir,
    pub policy_file: PathBuf,
    pub policy: Policy,
    pub log_config: log_server::Config,
    _witnesses: Vec<RunningWitness>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let policy_file = dir.path().join("policy");
        let submitter = |name: &str| Submitter {
            vkey: leaves::signer(name).verifier().vkey(),
            per_minute: 60_000,
            burst: 1000,
        };
        let trustees = (0..leaves::TRUSTEES).map(|at| leaves::trustee(at).name().to_owned());
        let names = ["relay.example", "registrar.example"].map(str::to_owned).into_iter().chain(trustees);
        let log_config = log_server::Config {
            listen: loopback(),
            data: dir.path().join("log"),
            origin: ORIGIN.to_owned(),
            policy: policy_file.clone(),
            submitters: names.map(|name| submitter(&name)).collect(),
            batch_ms: 5,
            checkpoint_ms: 5,
            refresh_secs: 3600,
            beyond_quorum_ms: 1000,
            add_wait_secs: 20,
        };
        let log_key = log_server::init(&log_config).unwrap().remove(0);
        let mut policy = format!("log {log_key}\n");
        let mut witnesses = Vec::new();
        for n in 1..=4 {
            let own = witness::Config {
                listen: loopback(),
                data: dir.path().join(format!("w{n}")),
                name: format!("witness.example/w{n}"),
                logs: vec![log_key.clone()],
            };
            let vkey = witness::init(&own).unwrap().remove(0);
            let running = witness::start(own, Shutdown::new()).await.unwrap();
            policy.push_str(&format!("witness w{n} {vkey} http://{}/\n", running.at().http));
            witnesses.push(running);
        }
        policy.push_str("group all 3 w1 w2 w3 w4\nquorum all\n");
        std::fs::write(&policy_file, &policy).unwrap();
        std::fs::write(dir.path().join("rules"), leaves::rules().encode()).unwrap();
        let policy = Policy::parse(policy.as_bytes()).unwrap();
        Self { dir, policy_file, policy, log_config, _witnesses: witnesses }
    }

    /// The log, always at one address once it was started.
    pub(crate) async fn start_log(&mut self) -> RunningLog {
        let log = log_server::start(self.log_config.clone(), Shutdown::new()).await.unwrap();
        self.log_config.listen = log.at().http;
        log
    }

    pub(crate) fn log_url(&self) -> String {
        format!("http://{}", self.log_config.listen)
    }

    /// Adds leaves in this order.
    pub(crate) async fn add(&self, leaves: &[Vec<u8>]) {
        let log = LogClient::new(&self.log_url(), self.policy.clone());
        for leaf in leaves {
            log.add(leaf.clone()).await.unwrap();
        }
    }

    pub(crate) fn monitor(&self, name: &str, peers: &[String]) -> monitor::Config {
        monitor_config(self.dir.path(), &self.policy_file, name, &self.log_url(), peers)
    }
}

/// A monitor's configuration, initialised. The rules stand in `dir`.
pub(crate) fn monitor_config(
    dir: &Path,
    policy: &Path,
    name: &str,
    log: &str,
    peers: &[String],
) -> monitor::Config {
    let config = monitor::Config {
        listen: loopback(),
        data: dir.join(name),
        log: log.to_owned(),
        policy: policy.to_owned(),
        peers: peers.to_vec(),
        rules: dir.join("rules"),
        trustees: (0..leaves::TRUSTEES).map(|at| leaves::trustee(at).verifier().vkey()).collect(),
        threshold: 3,
        poll_ms: 20,
        withheld_secs: 3600,
    };
    monitor::init(&config).unwrap();
    config
}

/// A running monitor, and how to ask it.
pub(crate) struct Watcher {
    pub running: Running<monitor::At, monitor::Error>,
    pub data: PathBuf,
    fetch: Fetch,
}

impl Watcher {
    pub(crate) async fn start(config: &monitor::Config) -> Self {
        let running = monitor::start(config.clone(), Shutdown::new()).await.unwrap();
        Self { running, data: config.data.clone(), fetch: fetch() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.running.at().http)
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, serde_json::Value) {
        let reply = self.fetch.get(&format!("{}{path}", self.url())).await.unwrap();
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }

    pub(crate) async fn gossip(&self, body: impl Into<Vec<u8>>) -> Reply {
        self.fetch.post(&format!("{}/gossip", self.url()), "application/json", body.into()).await.unwrap()
    }

    /// Waits until the status shows this; a minute is far beyond what any of it takes.
    pub(crate) async fn until(
        &self,
        what: &str,
        mut shows: impl FnMut(&serde_json::Value) -> bool,
    ) -> serde_json::Value {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let (_, status) = self.get("/status").await;
            if shows(&status) {
                return status;
            }
            assert!(tokio::time::Instant::now() < deadline, "never: {what}: {status}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn follows_to(&self, size: u64) -> serde_json::Value {
        self.until(&format!("{size} leaves"), |status| {
            status["size"] == size && status["state"] == "following"
        })
        .await
    }

    /// The files of the alarms that stand, as on disk.
    pub(crate) fn alarms(&self, kind: &str) -> Vec<Vec<u8>> {
        let files = std::fs::read_dir(self.data.join("alarms")).unwrap().map(|file| file.unwrap().path());
        let named = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(kind);
        files.filter(named).map(|path| std::fs::read(path).unwrap()).collect()
    }
}

/// The name of a refusal.
pub(crate) fn error_of(reply: &Reply) -> (u16, String) {
    let json: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert!(!json["what_to_do"].as_str().unwrap().is_empty());
    (reply.status, json["error"].as_str().unwrap().to_owned())
}
