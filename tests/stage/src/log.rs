//! A real log and its four witnesses, three of whom must cosign, on loopback, in a folder.
//!
//! In scope: setting them up, stopping and starting each, adding and reading leaves as everybody
//! does. Out of scope: what a log answers to whom, which its own tests say; a log that lies
//! (`paper`).

use crate::{loopback, until};
use host::machine::Machine;
use host::running::Running;
use host::shutdown::Shutdown;
use host::start::Start;
use log_client::{AddError, LogClient};
use log_server::{Submitter, kinds};
use std::path::Path;
use tlog::note::Signer;
use tlog::policy::Policy;
use tlog::proof::TlogProof;
use tlog::reader::Head;

pub type RunningLog = Running<log_server::At, log_server::Error>;
pub type RunningWitness = Running<witness::At, witness::Error>;

/// How many witnesses there are. Their folders are `w1` to `w4`, beside the log's.
pub const WITNESSES: usize = 4;
pub const ORIGIN: &str = "log.example/candor";
/// Kinds that mean nothing to anybody.
const KINDS_OF_TESTS: &[&str] = &["nothing", "bench"];

/// A log's configuration in `dir`, quick enough for a test, which takes leaves from these note
/// keys, of every kind. Its policy's file is `dir/policy`.
pub fn config(dir: &Path, submitters: impl IntoIterator<Item = String>) -> log_server::Config {
    let kinds = [kinds::TRUSTEE, kinds::SPONSOR, kinds::REGISTRAR, kinds::OPERATOR, KINDS_OF_TESTS].concat();
    let submitter = |vkey: String| Submitter {
        vkey,
        kinds: kinds.iter().map(ToString::to_string).collect(),
        per_minute: 60_000,
        burst: 1000,
        bytes_per_minute: 60_000_000,
    };
    log_server::Config {
        listen: loopback(),
        data: dir.join("log"),
        origin: ORIGIN.to_owned(),
        policy: dir.join("policy"),
        submitters: submitters.into_iter().map(submitter).collect(),
        batch_ms: 5,
        checkpoint_ms: 5,
        refresh_secs: 3600,
        beyond_quorum_ms: 1000,
        add_wait_secs: 20,
    }
}

/// The note keys of these signers, for [`config`].
pub fn vkeys(signers: impl IntoIterator<Item = Signer>) -> Vec<String> {
    signers.into_iter().map(|signer| signer.verifier().vkey()).collect()
}

#[derive(Debug)]
pub struct Log {
    /// Of the log; once it was started, with the address at which it is found again.
    pub config: log_server::Config,
    /// As the log's, with their addresses.
    pub witness_configs: Vec<witness::Config>,
    pub policy: Policy,
    /// What everybody runs on.
    machine: Machine,
    log: Option<RunningLog>,
    witnesses: Vec<Option<RunningWitness>>,
}

impl Log {
    /// Everybody runs.
    pub async fn start(config: log_server::Config) -> Self {
        let mut log = Self::init(config).await;
        log.start_log().await;
        log
    }

    /// The witnesses run; the log is initialised, its policy written, and it waits to be started.
    pub async fn init(config: log_server::Config) -> Self {
        Self::init_on(config, Machine::system()).await
    }

    /// The same on this machine, whose clock the test may step.
    pub async fn init_on(config: log_server::Config, machine: Machine) -> Self {
        let on_it = || Start::from(Shutdown::new()).with_machine(machine.clone());
        let log_key = log_server::init(&config).unwrap().remove(0);
        let folder = config.data.parent().unwrap();
        let mut policy = format!("log {log_key}\n");
        let (mut witness_configs, mut witnesses) = (Vec::new(), Vec::new());
        for n in 1..=WITNESSES {
            let mut own = witness::Config {
                listen: loopback(),
                data: folder.join(format!("w{n}")),
                name: format!("witness.example/w{n}"),
                logs: vec![log_key.clone()],
            };
            let vkey = witness::init(&own).unwrap().remove(0);
            let running = witness::start(own.clone(), on_it()).await.unwrap();
            own.listen = running.at().http;
            policy.push_str(&format!("witness w{n} {vkey} http://{}/\n", own.listen));
            witness_configs.push(own);
            witnesses.push(Some(running));
        }
        policy.push_str("group all 3 w1 w2 w3 w4\nquorum all\n");
        std::fs::write(&config.policy, &policy).unwrap();
        let policy = Policy::parse(policy.as_bytes()).unwrap();
        Self { config, witness_configs, policy, machine, log: None, witnesses }
    }

    pub async fn start_log(&mut self) {
        // Its port may be the near end of somebody's connection for a moment.
        let log = until("the log starts", async || {
            log_server::start(self.config.clone(), self.start_of()).await.ok()
        });
        let log = log.await;
        self.config.listen = log.at().http;
        self.log = Some(log);
    }

    fn start_of(&self) -> Start {
        Start::from(Shutdown::new()).with_machine(self.machine.clone())
    }

    pub async fn stop_log(&mut self) {
        self.log.take().unwrap().stop_and_join().await.unwrap();
    }

    /// Starts the witness `w{n + 1}` again.
    pub async fn start_witness(&mut self, n: usize) {
        let running = until("the witness starts", async || {
            witness::start(self.witness_configs[n].clone(), self.start_of()).await.ok()
        });
        self.witnesses[n] = Some(running.await);
    }

    pub async fn stop_witness(&mut self, n: usize) {
        self.witnesses[n].take().unwrap().stop_and_join().await.unwrap();
    }

    /// Nobody runs; everything is on disk.
    pub async fn stop(&mut self) {
        if self.log.is_some() {
            self.stop_log().await;
        }
        for n in 0..WITNESSES {
            self.stop_witness(n).await;
        }
    }

    /// Everybody runs again, where they were before.
    pub async fn start_again(&mut self) {
        for n in 0..WITNESSES {
            self.start_witness(n).await;
        }
        self.start_log().await;
    }

    /// Where the log is, or was.
    pub fn url(&self) -> String {
        format!("http://{}", self.config.listen)
    }

    pub fn client(&self) -> LogClient {
        LogClient::new(&self.url(), self.policy.clone())
    }

    /// Adds a leaf; the entry that it became, and its proof. A log that is busy is asked again.
    pub async fn add(&self, leaf: &[u8]) -> (Vec<u8>, TlogProof) {
        let client = self.client();
        until("the log takes a leaf", async || match client.add(leaf.to_vec()).await {
            Ok((logged, proof)) => Some((logged.value().clone(), proof)),
            Err(AddError::NotYet(_)) => None,
            Err(error) => panic!("{error}"),
        })
        .await
    }

    /// Every entry of the log, verified.
    pub async fn entries(&self) -> Vec<Vec<u8>> {
        let client = self.client();
        // A log that has just started publishes its empty head in a moment.
        let note = until("the log has a head", async || client.unverified_checkpoint().await.ok()).await;
        let head = self.policy.verify_checkpoint(&note).unwrap();
        let mut entries = Vec::new();
        client.read(Head::EMPTY, &head, &mut |entry| entries.push(entry.bytes().to_vec())).await.unwrap();
        entries
    }
}
