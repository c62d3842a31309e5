//! The cast of these tests: a log, its four witnesses, an operator, a registrar, an agency with its sponsor, and a trustee.

use escrow::bundle::{Bundle, OpenBundle};
use escrow::grant::RECOVERY_KEY_NAME;
use escrow::policy::{Figures, PolicyDoc};
use escrow::record::{
    KeyState, Name, PolicyDocLeaf, Record, Request, RequesterKey, Role, Signed, Time, Vkey,
};
use host::http::{Fetch, FetchLimits, Reply};
use host::running::Running;
use host::shutdown::Shutdown;
use log_client::{AddError, LogClient};
use log_server::Submitter;
use seal::hpke::SecretKey;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tlog::note::Signer;
use tlog::policy::Policy;
use tlog::proof::TlogProof;
use tlog::reader::Head;
use tlog::{Entry as _, Logged};
use trustee::{Config, LogConfig};

pub(crate) type RunningLog = Running<log_server::At, log_server::Error>;
pub(crate) type RunningWitness = Running<witness::At, witness::Error>;
pub(crate) type RunningTrustee = Running<trustee::At, trustee::Error>;

pub(crate) struct World {
    pub dir: TempDir,
    pub log_config: log_server::Config,
    pub log: Option<RunningLog>,
    pub witness_configs: Vec<witness::Config>,
    pub witnesses: Vec<Option<RunningWitness>>,
    pub client: LogClient,
    pub rules: PolicyDoc,
    /// The trustee's configuration; it is initialised, and not started.
    pub config: Config,
    pub created: trustee::Created,
    /// The file with the clerk's key.
    pub clerk: PathBuf,
    pub fetch: Fetch,
}

pub(crate) fn signer(name: &str, seed: u8) -> Signer {
    Signer::from_seed(name, &[seed; 32]).unwrap()
}
pub(crate) fn operator() -> Signer {
    signer("candor.example", 50)
}
pub(crate) fn registrar() -> Signer {
    signer("registrar.example", 51)
}
pub(crate) fn officer() -> Signer {
    signer("police.example/officer", 52)
}
pub(crate) fn supervisor() -> Signer {
    signer("police.example/supervisor", 53)
}
pub(crate) fn sponsor() -> Signer {
    signer("relay.example", 54)
}
/// The trustee that is not run here: a share is dealt to it too.
pub(crate) fn other_trustee() -> Signer {
    signer("press.example", 55)
}
pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// The owner's recovery key.
pub(crate) fn recovery() -> Signer {
    signer(RECOVERY_KEY_NAME, 56)
}
/// How long a recovery waits for a veto.
pub(crate) const RECOVERY_WAIT_SECS: u64 = 3;

/// Who approves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Approval {
    Human,
    Automatic,
}

impl World {
    pub(crate) async fn new(approval: Approval) -> Self {
        away_from_midnight().await;
        let dir = tempfile::tempdir().unwrap();
        let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let policy_file = dir.path().join("policy");
        let clerk = dir.path().join("clerk.key");
        let mut config = Config {
            listen: loopback,
            data: dir.path().join("trustee"),
            name: "bar.example".to_owned(),
            log: LogConfig { url: String::new(), policy: policy_file.clone() },
            policy_doc: dir.path().join("rules.txt"),
            approvers: vec![trustee::approver_init(&clerk, "clerk.bar.example").unwrap()],
            auto_approve: approval == Approval::Automatic,
            retention_days: 30,
            days_ahead: 2,
            poll_ms: 25,
        };
        let created = trustee::init(&config).unwrap();
        let vkey = |signer: Signer| signer.verifier().vkey();
        let submitters = [vkey(operator()), vkey(registrar()), vkey(sponsor()), created.vkey.clone()];
        let submitter = |vkey: &String| Submitter { vkey: vkey.clone(), per_minute: 60_000, burst: 1000 };
        let mut log_config = log_server::Config {
            listen: loopback,
            data: dir.path().join("log"),
            origin: "log.example/candor".to_owned(),
            policy: policy_file.clone(),
            submitters: submitters.iter().map(submitter).collect(),
            batch_ms: 5,
            checkpoint_ms: 5,
            refresh_secs: 20,
            beyond_quorum_ms: 100,
            add_wait_secs: 2,
        };
        let log_key = log_server::init(&log_config).unwrap().remove(0);
        let mut policy = format!("log {log_key}\n");
        let (mut witness_configs, mut witnesses) = (Vec::new(), Vec::new());
        for n in 1..=4 {
            let mut own = witness::Config {
                listen: loopback,
                data: dir.path().join(format!("w{n}")),
                name: format!("witness.example/w{n}"),
                logs: vec![log_key.clone()],
            };
            let vkey = witness::init(&own).unwrap().remove(0);
            let running = witness::start(own.clone(), Shutdown::new()).await.unwrap();
            own.listen = running.at().http;
            policy.push_str(&format!("witness w{n} {vkey} http://{}/\n", running.at().http));
            witness_configs.push(own);
            witnesses.push(Some(running));
        }
        policy.push_str("group all 3 w1 w2 w3 w4\nquorum all\n");
        std::fs::write(&policy_file, &policy).unwrap();
        let log = log_server::start(log_config.clone(), Shutdown::new()).await.unwrap();
        // So that a restarted one is found again.
        log_config.listen = log.at().http;
        config.log.url = format!("http://{}", log.at().http);
        let key = |signer: Signer| Vkey::new(signer.verifier()).unwrap();
        let figures = Figures { recovery_wait_secs: RECOVERY_WAIT_SECS, ..Figures::RECOMMENDED };
        let rules = PolicyDoc::recommended(key(operator()), key(registrar())).with_figures(figures);
        std::fs::write(&config.policy_doc, rules.encode()).unwrap();
        let client = LogClient::new(&config.log.url, Policy::parse(policy.as_bytes()).unwrap());
        let limits =
            FetchLimits { timeout: Duration::from_secs(60), answer_bytes: 8 << 20, ..FetchLimits::default() };
        let fetch = Fetch::new(limits);
        let world = Self {
            dir,
            log_config,
            log: Some(log),
            witness_configs,
            witnesses,
            client,
            rules,
            config,
            created,
            clerk,
            fetch,
        };
        world.publish().await;
        world
    }

    /// The rules, and the keys of those who may ask.
    async fn publish(&self) {
        let time = Time(host::clock::now());
        let document = PolicyDocLeaf { operator: name("candor.example"), document: self.rules.hash(), time };
        self.add(&Signed::sign(document, &[&operator()]).unwrap()).await;
        for (role, agency, key) in [
            (Role::Officer, "police.example", officer()),
            (Role::Supervisor, "police.example", supervisor()),
            (Role::Sponsor, "relay.example", sponsor()),
        ] {
            let vkey = Vkey::new(key.verifier()).unwrap();
            let (state, registrar_name) = (KeyState::Registered, name("registrar.example"));
            let leaf =
                RequesterKey { state, role, agency: name(agency), vkey, registrar: registrar_name, time };
            self.add(&Signed::sign(leaf, &[&registrar()]).unwrap()).await;
        }
    }

    /// Adds a leaf; its proof.
    pub(crate) async fn add<T: Record>(&self, leaf: &Signed<T>) -> TlogProof {
        until("the log takes a leaf", async || match self.client.add(leaf.entry_bytes().to_vec()).await {
            Ok((_, proof)) => Some(proof),
            Err(AddError::NotYet(_)) => None,
            Err(error) => panic!("{error}"),
        })
        .await
    }

    pub(crate) async fn start(&self) -> Served<'_> {
        let running = trustee::start(self.config.clone(), Shutdown::new()).await.unwrap();
        Served { url: format!("http://{}", running.at().http), running: Some(running), world: self }
    }

    pub(crate) async fn stop_log(&mut self) {
        self.log.take().unwrap().stop_and_join().await.unwrap();
    }

    pub(crate) async fn start_log(&mut self) {
        self.log = Some(log_server::start(self.log_config.clone(), Shutdown::new()).await.unwrap());
    }

    pub(crate) async fn stop_witness(&mut self, n: usize) {
        self.witnesses[n].take().unwrap().stop_and_join().await.unwrap();
    }

    pub(crate) async fn start_witness(&mut self, n: usize) {
        let config = self.witness_configs[n].clone();
        self.witnesses[n] = Some(witness::start(config, Shutdown::new()).await.unwrap());
    }

    /// Every leaf of one kind in the log, as everybody reads it.
    pub(crate) async fn leaves<T: Record>(&self) -> Vec<Signed<T>> {
        let note = self.client.unverified_checkpoint().await.unwrap();
        let head = self.client.policy().verify_checkpoint(&note).unwrap();
        let mut leaves = Vec::new();
        let take = &mut |entry: tlog::reader::VerifiedEntry| leaves.extend(Signed::<T>::parse(entry.bytes()));
        let mut entries = Vec::new();
        self.client.read(Head::EMPTY, &head, &mut |entry| entries.push(entry)).await.unwrap();
        entries.into_iter().for_each(take);
        leaves
    }
}

/// A running trustee.
pub(crate) struct Served<'a> {
    pub url: String,
    running: Option<RunningTrustee>,
    world: &'a World,
}

impl Served<'_> {
    pub(crate) async fn stop(mut self) {
        self.running.take().unwrap().stop_and_join().await.unwrap();
    }

    /// Without the world, so that a test may stop parts of that.
    pub(crate) fn into_running(mut self) -> RunningTrustee {
        self.running.take().unwrap()
    }

    pub(crate) async fn post(&self, body: Vec<u8>) -> Reply {
        post(&self.world.fetch, &self.url, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.world.fetch.get(&format!("{}{path}", self.url)).await.unwrap()
    }

    pub(crate) async fn status(&self) -> serde_json::Value {
        json(&self.get("/status").await)
    }
}

pub(crate) async fn post(fetch: &Fetch, url: &str, body: Vec<u8>) -> Reply {
    fetch.post(&format!("{url}/package"), "application/octet-stream", body).await.unwrap()
}

pub(crate) fn json(reply: &Reply) -> serde_json::Value {
    serde_json::from_slice(&reply.body).unwrap()
}

/// Status, step and name of a refusal, which says what to do.
pub(crate) fn refusal(reply: &Reply) -> (u16, String, String) {
    let json = json(reply);
    for field in ["text", "what_to_do"] {
        assert!(!json[field].as_str().unwrap_or_default().is_empty(), "{json}");
    }
    (reply.status, json["step"].as_str().unwrap().to_owned(), json["name"].as_str().unwrap().to_owned())
}

/// Status and name of a failure.
pub(crate) fn failure(reply: &Reply) -> (u16, String) {
    let json = json(reply);
    assert!(!json["what_to_do"].as_str().unwrap_or_default().is_empty(), "{json}");
    (reply.status, json["error"].as_str().unwrap_or_default().to_owned())
}

/// Opens a bundle as its requester does.
pub(crate) fn open(
    world: &World,
    reply: &Reply,
    request: &Logged<Signed<Request>>,
    key: &SecretKey,
) -> OpenBundle {
    assert_eq!(reply.status, 200, "{}", reply.excerpt());
    let trustee = tlog::note::Verifier::parse(&world.created.vkey).unwrap();
    Bundle::decode(&reply.body).unwrap().open(request, &trustee, key, world.client.policy()).unwrap()
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

/// A copy of a folder, as a backup makes it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let copied = std::process::Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(copied.success());
}

/// What is filmed here lies in the last minutes, and is to lie in one day.
async fn away_from_midnight() {
    let into_day = host::clock::now() % 86_400;
    if let Some(rest) = 200u64.checked_sub(into_day) {
        tokio::time::sleep(Duration::from_secs(rest)).await;
    }
}
