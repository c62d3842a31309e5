//! The cast of these tests: a log, an operator, a registrar, an agency with its sponsor, and a
//! trustee.

use escrow::bundle::{Bundle, OpenBundle};
use escrow::policy::{Figures, PolicyDoc};
use escrow::record::{Record, Request, Signed, Vkey};
use host::clock::Clock;
use host::http::{Fetch, FetchLimits, Reply};
use host::machine::Machine;
use host::running::Running;
use host::shutdown::Shutdown;
use host::start::Start;
use seal::hpke::SecretKey;
use stage::keys::{operator, registrar, sponsor};
use stage::log::Log;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use tlog::note::Verifier;
use tlog::proof::TlogProof;
use tlog::{Entry as _, Logged};
use trustee::{Config, LogConfig};

pub(crate) type RunningTrustee = Running<trustee::At, trustee::Error>;

pub(crate) struct World {
    pub dir: TempDir,
    pub log: Log,
    pub rules: PolicyDoc,
    /// The trustee's configuration; it is initialised, and not started.
    pub config: Config,
    pub created: trustee::Created,
    /// The file with the clerk's key.
    pub clerk: PathBuf,
    pub fetch: Fetch,
}

/// How long a recovery waits for a veto: long enough that a slow machine sees it wait.
pub(crate) const RECOVERY_WAIT_SECS: u64 = 12;

/// Whom the clerk called.
pub(crate) const CALLED: trustee::Called<'static> = trustee::Called {
    called: "Sgt. Byron, who confirmed it",
    number: "+1 555 0100",
    source: "the city's directory",
};

/// Who approves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Approval {
    Human,
    Automatic,
}

impl World {
    pub(crate) async fn new(approval: Approval) -> Self {
        Self::under(approval, |_| {}).await
    }

    /// Under rules with other figures.
    pub(crate) async fn under(approval: Approval, alter: impl FnOnce(&mut Figures)) -> Self {
        away_from_midnight().await;
        let dir = tempfile::tempdir().unwrap();
        let clerk = dir.path().join("clerk.key");
        let mut config = Config {
            listen: stage::loopback(),
            data: dir.path().join("trustee"),
            name: "bar.example".to_owned(),
            log: LogConfig { url: String::new(), policy: dir.path().join("policy") },
            policy_doc: dir.path().join("rules.txt"),
            approvers: vec![trustee::approver_init(&clerk, "clerk.bar.example").unwrap()],
            auto_approve: approval == Approval::Automatic,
            retention_days: 30,
            days_ahead: 2,
            poll_ms: 25,
        };
        let created = trustee::init(&config).unwrap();
        let mut submitters = stage::log::vkeys([operator(), registrar(), sponsor()]);
        submitters.push(created.vkey.clone());
        let log_config = log_server::Config {
            refresh_secs: 20,
            beyond_quorum_ms: 100,
            add_wait_secs: 2,
            ..stage::log::config(dir.path(), submitters)
        };
        let log = Log::start(log_config).await;
        config.log.url = log.url();
        let mut figures = Figures { recovery_wait_secs: RECOVERY_WAIT_SECS, ..Figures::RECOMMENDED };
        alter(&mut figures);
        let own = Vkey::new(Verifier::parse(&created.vkey).unwrap()).unwrap();
        let rules = stage::leaves::rules_with(vec![own]).with_figures(figures);
        std::fs::write(&config.policy_doc, rules.encode()).unwrap();
        let limits =
            FetchLimits { timeout: Duration::from_secs(60), answer_bytes: 8 << 20, ..FetchLimits::default() };
        let now = host::clock::now();
        log.add(&stage::leaves::publication(&rules, now)).await;
        for leaf in stage::leaves::registrations(now) {
            log.add(&leaf).await;
        }
        Self { dir, log, rules, config, created, clerk, fetch: Fetch::new(limits) }
    }

    /// Adds a leaf; what stands in the log now, and its proof.
    pub(crate) async fn add<T: Record>(&self, leaf: &Signed<T>) -> (Signed<T>, TlogProof) {
        let (entry, proof) = self.log.add(leaf.entry_bytes()).await;
        (Signed::parse(&entry).unwrap(), proof)
    }

    /// The clerk calls the agency back and says yes.
    pub(crate) fn approve(&self, id: &str) -> Result<(), trustee::ApproveError> {
        trustee::approve(&self.config, id, CALLED, &self.clerk)
    }

    /// The clerk says no.
    pub(crate) fn deny(&self, id: &str, reason: &str) -> Result<(), trustee::ApproveError> {
        trustee::deny(&self.config, id, reason, &self.clerk)
    }

    pub(crate) async fn start(&self) -> Served<'_> {
        self.start_by(Clock::system()).await
    }

    /// Starts the trustee by this clock.
    pub(crate) async fn start_by(&self, clock: Clock) -> Served<'_> {
        let start = Start::from(Shutdown::new()).with_machine(Machine::with_clock(clock));
        let running = trustee::start(self.config.clone(), start).await.unwrap();
        Served { url: format!("http://{}", running.at().http), running: Some(running), world: self }
    }

    /// Every leaf of one kind in the log, as everybody reads it.
    pub(crate) async fn leaves<T: Record>(&self) -> Vec<Signed<T>> {
        let entries = self.log.entries().await;
        entries.iter().filter_map(|entry| Signed::parse(entry).ok()).collect()
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
    Bundle::decode(&reply.body).unwrap().open(request, &trustee, key, &world.log.policy).unwrap()
}

/// What is filmed here lies in the last minutes, and is to lie in one day.
async fn away_from_midnight() {
    let into_day = host::clock::now() % 86_400;
    if let Some(rest) = 200u64.checked_sub(into_day) {
        tokio::time::sleep(Duration::from_secs(rest)).await;
    }
}
