//! A monitor: it follows the log, verifies every step of its growth, swaps heads with peer monitors, counts releases, and
//! raises the alarm on a fork (proto/gossip.md).
//!
//! ```text
//! GET  /            the count and why to believe it, for people (HTML)
//! GET  /gossip      this monitor's head (a signed checkpoint) and its fork proofs (JSON)
//! POST /gossip      the same, from a peer; the answer is ours
//! GET  /counts      requests, grants and refusals by kind, agency and month (JSON)
//! GET  /status      followed head, its age, peers, alarms (JSON; 500 while an alarm stands)
//! ```
//!
//! In scope: [`init`], [`start`] and [`run`] a monitor; [`check`] recounts without one. Out of scope: whose camera a record is
//! about, which no public text says.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod book;
mod check;
mod count;
mod evidence;
mod follow;
mod gossip;
mod page;
mod serve;
mod store;
mod watch;

pub use check::{Report, check};
pub use count::{CountRule, Counts, Emergencies, Row, RowKey};
pub use evidence::AlarmKind;
pub use gossip::{Gossip, GossipError, MAX_GOSSIP_BYTES, MAX_HEAD_BYTES, MAX_PROOF_BYTES};
pub use store::StoreError;
pub use watch::Status;

use book::Book;
use escrow::policy::{POLICY_DOC_MAX_BYTES, PolicyDoc};
use host::durable::{DurableError, FolderLock};
use host::http::ServeLimits;
use host::running::Running;
use host::shutdown::Shutdown;
use log_client::{FollowError, LogClient, PolicyFileError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::Store;
use tlog::note::Verifier;
use watch::{Monitor, watch};

/// The configuration of a monitor (deploy/config/monitor.toml).
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens, for example `127.0.0.1:7201`.
    pub listen: SocketAddr,
    /// Its data folder, made by `candor monitor init`.
    pub data: PathBuf,
    /// The log's URL, for example `https://log.example/candor`.
    pub log: String,
    /// A tlog-policy file: the log's key, the witnesses, the quorum.
    pub policy: PathBuf,
    /// The URLs of peer monitors. One side naming the other is enough.
    #[serde(default)]
    pub peers: Vec<String>,
    /// The PolicyDoc: whose registrations count, and how soon an emergency must be ratified.
    pub rules: PathBuf,
    /// The verifier keys of the trustees: a grant counts if its trustee signed it.
    pub trustees: Vec<String>,
    /// Grants of so many trustees complete a release (t of the owners' policies).
    pub threshold: u32,
    /// Milliseconds between two looks at the log and at the peers.
    #[serde(default = "default_poll_ms")]
    pub poll_ms: u64,
    /// After so many seconds a head that a peer was shown and this monitor was not raises an alarm.
    #[serde(default = "default_withheld_secs")]
    pub withheld_secs: u64,
}

fn default_poll_ms() -> u64 {
    10_000
}
fn default_withheld_secs() -> u64 {
    600
}

/// What a started monitor tells.
#[derive(Debug, Clone)]
pub struct At {
    pub http: SocketAddr,
}

/// Why a monitor does not start, or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("cannot listen: {0}")]
    Listen(std::io::Error),
    #[error(transparent)]
    File(#[from] DurableError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Policy(#[from] PolicyFileError),
    #[error("the trustee key {vkey:?}: {reason}")]
    TrusteeKey { vkey: String, reason: String },
    #[error("{}: no such PolicyDoc; get the published rules of release from the operator", .path.display())]
    NoRules { path: PathBuf },
    #[error("{}: {reason}", .path.display())]
    Rules { path: PathBuf, reason: String },
    #[error(
        "the threshold is {threshold} of {trustees} trustees: write a number from 1 to that of the trustees"
    )]
    Threshold { threshold: u32, trustees: usize },
    #[error(transparent)]
    Log(#[from] FollowError),
}

/// Makes the data folder of a new monitor, which has seen nothing yet. Refuses one that was made before.
pub fn init(config: &Config) -> Result<(), Error> {
    Ok(Store::create(&config.data)?)
}

/// Starts a monitor on `config.listen`.
pub async fn start(config: Config, shutdown: Shutdown) -> Result<Running<At, Error>, Error> {
    let listener = host::http::bind(config.listen).await.map_err(Error::Listen)?;
    start_on(listener, config, shutdown).await
}

/// Starts a monitor on a listener that the caller bound.
pub async fn start_on(
    listener: tokio::net::TcpListener,
    config: Config,
    shutdown: Shutdown,
) -> Result<Running<At, Error>, Error> {
    let http = listener.local_addr().map_err(Error::Listen)?;
    let lock = FolderLock::acquire(&config.data)?;
    let (log, rule) = (log(&config)?, count_rule(&config)?);
    let book = Book::open(&config.data, log.policy(), rule)?;
    tracing::info!(log = config.log, %http, size = book.size(), "the monitor listens");
    let monitor = Arc::new(Monitor::new(config, log, book, lock));
    let own = shutdown.child();
    let limits = ServeLimits { body_bytes: MAX_GOSSIP_BYTES, ..ServeLimits::default() };
    let party = {
        let own = own.clone();
        async move {
            let serving = host::http::serve(listener, serve::router(monitor.clone()), limits, own.clone());
            tokio::join!(serving, watch(&monitor, &own));
            Ok(())
        }
    };
    Ok(Running::spawn(At { http }, own, party))
}

/// Runs a monitor until `shutdown`.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    start(config, shutdown).await?.join().await
}

fn log(config: &Config) -> Result<LogClient, Error> {
    Ok(LogClient::from_file(&config.log, &config.policy)?)
}

fn count_rule(config: &Config) -> Result<CountRule, Error> {
    let parse = |vkey: &String| {
        Verifier::parse(vkey)
            .map_err(|error| Error::TrusteeKey { vkey: vkey.clone(), reason: error.to_string() })
    };
    let trustees: Vec<Verifier> = config.trustees.iter().map(parse).collect::<Result<_, _>>()?;
    let threshold = config.threshold;
    if threshold == 0 || usize::try_from(threshold).is_ok_and(|threshold| threshold > trustees.len()) {
        return Err(Error::Threshold { threshold, trustees: trustees.len() });
    }
    Ok(CountRule { threshold, trustees, rules: read_rules(&config.rules)? })
}

fn read_rules(path: &Path) -> Result<PolicyDoc, Error> {
    let bytes = host::durable::read_limited(path, POLICY_DOC_MAX_BYTES as u64)?;
    let bytes = bytes.ok_or_else(|| Error::NoRules { path: path.to_owned() })?;
    PolicyDoc::parse(&bytes)
        .map_err(|error| Error::Rules { path: path.to_owned(), reason: error.to_string() })
}
