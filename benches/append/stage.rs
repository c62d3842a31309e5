//! The stage: a real log server and its four witnesses on loopback, three of whom must cosign.

use host::http::{Fetch, FetchLimits};
use host::running::Running;
use host::shutdown::Shutdown;
use log_server::{Config, Submitter};
use std::net::SocketAddr;
use std::time::Duration;
use tempfile::TempDir;
use tlog::Logged;
use tlog::note::{self, Signer};
use tlog::policy::Policy;
use tlog::proof::TlogProof;

/// How long the log collects leaves, and the least time between two heads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) batch_ms: u64,
    pub(crate) checkpoint_ms: u64,
}

#[derive(Debug)]
pub(crate) struct Stage {
    log: Running<log_server::At, log_server::Error>,
    witnesses: Vec<Running<witness::At, witness::Error>>,
    policy: Policy,
    url: String,
    pub(crate) dir: TempDir,
}

/// The one submitter of this log.
pub(crate) fn submitter() -> Signer {
    Signer::from_seed("relay.example", &[1; 32]).unwrap()
}

impl Stage {
    pub(crate) async fn set(pace: Pace) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let vkey = submitter().verifier().vkey();
        let config = Config {
            listen: loopback,
            data: dir.path().join("log"),
            origin: "log.example/candor".to_owned(),
            policy: dir.path().join("policy"),
            // Rates are not what is measured.
            submitters: vec![Submitter { vkey, per_minute: u32::MAX, burst: u32::MAX }],
            batch_ms: pace.batch_ms,
            checkpoint_ms: pace.checkpoint_ms,
            refresh_secs: 3600,
            beyond_quorum_ms: 100,
            add_wait_secs: 30,
        };
        let log_key = log_server::init(&config).unwrap().remove(0);
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
        std::fs::write(&config.policy, &policy).unwrap();
        let policy = Policy::parse(policy.as_bytes()).unwrap();
        let log = log_server::start(config, Shutdown::new()).await.unwrap();
        let url = format!("http://{}/add", log.at().http);
        Self { log, witnesses, policy, url, dir }
    }

    /// A submitter with a connection of its own.
    pub(crate) fn client(&self) -> Client {
        let limits = FetchLimits { timeout: Duration::from_secs(60), ..FetchLimits::default() };
        Client {
            fetch: Fetch::new(limits),
            url: self.url.clone(),
            policy: self.policy.clone(),
            signer: submitter(),
        }
    }

    pub(crate) async fn strike(self) {
        self.log.stop_and_join().await.unwrap();
        for witness in self.witnesses {
            witness.stop_and_join().await.unwrap();
        }
    }
}

#[derive(Debug)]
pub(crate) struct Client {
    fetch: Fetch,
    url: String,
    policy: Policy,
    signer: Signer,
}

impl Client {
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
        Logged::verify(leaf, &proof, &self.policy).unwrap().index()
    }
}
