//! The cast of these tests: a log, its four witnesses, a registrar and an operator whom the log knows, and one whom it does not.

use host::running::Running;
use host::shutdown::Shutdown;
use log_client::LogClient;
use log_server::Submitter;
use registrar::{Config, LogConfig};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tlog::policy::Policy;
use tlog::reader::Head;

type RunningLog = Running<log_server::At, log_server::Error>;
type RunningWitness = Running<witness::At, witness::Error>;

pub(crate) struct World {
    pub dir: TempDir,
    pub registrar: Config,
    pub operator: Config,
    /// Its key is in no list of the log's.
    pub stranger: Config,
    pub log: LogClient,
    /// Told to stop with the world.
    _running: (RunningLog, Vec<RunningWitness>),
}

impl World {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let policy_file = dir.path().join("policy");
        let config = |name: &str| Config {
            data: dir.path().join(name),
            name: name.to_owned(),
            log: LogConfig { url: String::new(), policy: policy_file.clone() },
        };
        let [mut registrar, mut operator, mut stranger] =
            ["registrar.example", "candor.example", "stranger.example"].map(config);
        let vkeys = [&registrar, &operator, &stranger].map(|config| registrar::init(config).unwrap());
        let submitter = |vkey: &String| Submitter { vkey: vkey.clone(), per_minute: 600, burst: 100 };
        let log_config = log_server::Config {
            listen: loopback,
            data: dir.path().join("log"),
            origin: "log.example/candor".to_owned(),
            policy: policy_file.clone(),
            submitters: vkeys[..2].iter().map(submitter).collect(),
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
                listen: loopback,
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
        let log = log_server::start(log_config, Shutdown::new()).await.unwrap();
        let url = format!("http://{}", log.at().http);
        for config in [&mut registrar, &mut operator, &mut stranger] {
            config.log.url.clone_from(&url);
        }
        let client = LogClient::new(&url, Policy::parse(policy.as_bytes()).unwrap());
        Self { dir, registrar, operator, stranger, log: client, _running: (log, witnesses) }
    }

    /// Every entry of the log, verified.
    pub(crate) async fn entries(&self) -> Vec<Vec<u8>> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let note = loop {
            match self.log.unverified_checkpoint().await {
                Ok(note) => break note,
                // A log that has just started publishes its empty head in a moment.
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
        };
        let head = self.log.policy().verify_checkpoint(&note).unwrap();
        let mut entries = Vec::new();
        self.log.read(Head::EMPTY, &head, &mut |entry| entries.push(entry.bytes().to_vec())).await.unwrap();
        entries
    }
}
