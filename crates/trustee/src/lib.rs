//! A trustee: it holds one share of each epoch key, and lets it go only for a request that the witnessed log shows, by a grant that
//! the witnessed log shows (proto/release.md).
//!
//! ```text
//! POST /package                a package (octet-stream)  -> 200 the bundle | 202 {state, wait_until?} | 403 {step, name, text, what_to_do}
//!                                                           400 malformed | 413 | 429 | 503 catching up, log unreachable, forked
//! GET  /release/<entry id>     the same answers for a package given earlier | 404
//! GET  /day-keys/<day>         the signed day key, once its leaf is in the log | 404
//! GET  /status                 JSON; 500 while an alarm stands
//! ```
//!
//! In scope: keys of days ([`DayState`]), following the log, asking a human ([`pending()`], [`approve()`], [`deny`]), remembering what was
//! granted, serving. Out of scope: the decision itself, which is pure and stands in `escrow::grant`.
//!
//! The data folder, made by [`init`] alone, mode 0700:
//!
//! ```text
//! lock               held by the one process
//! note.key           the key that signs grants and day keys
//! auto-approve.key   only where the configuration says auto_approve: for tests and the demo
//! ledger.redb        what was granted and refused, and the head that the log was followed to
//! days/              private day keys (removed after retention) and what was published of them
//! pending/           packages that wait for a human or for their time
//! approvals/         decisions that `approve` and `deny` leave for the running process
//! evidence/          packages with a share that does not match the camera's commitment
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod answer;
mod append;
mod approve;
mod daykeys;
mod decide;
mod disk;
mod follow;
mod identity;
mod judge;
mod ledger;
mod pending;
mod rate;
mod serve;
mod work;

pub use answer::{Answer, Refused, State};
pub use approve::{ApproveError, approve, approver_init, deny, pending};
pub use daykeys::{DayKeyError, DayState};
pub use decide::{PACKAGES_AT_ONCE, Trustee};
pub use follow::FollowFailure;
pub use identity::{Created, init, vkey};
pub use ledger::LedgerError;
pub use log_client::LogConfig;
pub use pending::{Line, PENDING_MAX, Pending};
pub use serve::Status;

use escrow::package::PACKAGE_MAX_BYTES;
use host::durable::DurableError;
use host::http::ServeLimits;
use host::running::Running;
use host::secret::SecretError;
use host::shutdown::Shutdown;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// The configuration of a trustee (deploy/config/trustee.toml).
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens, for example `127.0.0.1:7301`.
    pub listen: SocketAddr,
    /// Its data folder, made by `candor trustee init`.
    pub data: PathBuf,
    /// Its name, which stands in its key, in grants and in owners' policies: `bar.example`.
    pub name: String,
    /// The log it follows and appends to.
    pub log: LogConfig,
    /// The PolicyDoc that it applies, byte for byte as the operator published it.
    pub policy_doc: PathBuf,
    /// The verifier keys of the humans who may approve, each made by `candor trustee approver`.
    #[serde(default)]
    pub approvers: Vec<String>,
    /// Approve everything that passes the rules, without a human. For tests and the demo ONLY: it is shown at the start, in the log and
    /// in the status.
    #[serde(default)]
    pub auto_approve: bool,
    /// The longest retention that owners may count on; a day's key is destroyed seven days after it.
    pub retention_days: u32,
    /// How many days ahead keys are published.
    #[serde(default = "default_days_ahead")]
    pub days_ahead: u32,
    /// Milliseconds between two looks at the log and at the decisions of humans.
    #[serde(default = "default_poll_ms")]
    pub poll_ms: u64,
}

fn default_days_ahead() -> u32 {
    2
}
fn default_poll_ms() -> u64 {
    2000
}

/// What a started trustee tells.
#[derive(Debug, Clone)]
pub struct At {
    pub http: SocketAddr,
    pub vkey: String,
}

/// Why a trustee does not start, or a command about it was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot listen: {0}")]
    Listen(std::io::Error),
    #[error(transparent)]
    File(#[from] DurableError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    DayKeys(#[from] DayKeyError),
    #[error("{name:?} is not a name: write one without spaces and plus signs, such as bar.example")]
    Name { name: String },
    #[error("the key in {}: {reason}", .path.display())]
    OwnKey { path: PathBuf, reason: String },
    #[error(transparent)]
    Policy(#[from] log_client::PolicyFileError),
    #[error("{}: no such PolicyDoc; get the published rules of release from the operator", .path.display())]
    NoRules { path: PathBuf },
    #[error("{}: {reason}", .path.display())]
    Rules { path: PathBuf, reason: String },
    #[error("the approver's key {vkey:?}: {reason}")]
    Approver { vkey: String, reason: String },
    #[error(
        "nobody may approve: make a key with `candor trustee approver` and list its verifier key under `approvers`"
    )]
    NoApprovers,
    #[error(
        "{}: auto_approve is on, and there is no key for it: it was off when `candor trustee init` was run; start a new data folder, or turn it off", .path.display()
    )]
    NoAutoApprover { path: PathBuf },
}

/// Starts a trustee on `config.listen`.
pub async fn start(config: Config, shutdown: Shutdown) -> Result<Running<At, Error>, Error> {
    let listener = host::http::bind(config.listen).await.map_err(Error::Listen)?;
    start_on(listener, config, shutdown).await
}

/// Starts a trustee on a listener that the caller bound. It answers 503 until it has read the log to a fresh head.
pub async fn start_on(
    listener: tokio::net::TcpListener,
    config: Config,
    shutdown: Shutdown,
) -> Result<Running<At, Error>, Error> {
    let http = listener.local_addr().map_err(Error::Listen)?;
    let trustee = Arc::new(Trustee::open(config)?);
    let vkey = trustee.vkey().vkey();
    tracing::info!(vkey, %http, "the trustee listens");
    if trustee.config.auto_approve {
        tracing::warn!(
            vkey,
            "AUTO-APPROVE IS ON: no human decides here; this is for tests and the demo only"
        );
    }
    let own = shutdown.child();
    // A day's worth of epochs takes a moment to send; the answer may wait for the grant's proof.
    let limits = ServeLimits { body_bytes: PACKAGE_MAX_BYTES, connections: 256, ..ServeLimits::default() };
    let party = {
        let own = own.clone();
        async move {
            let serving = host::http::serve(listener, serve::router(trustee.clone()), limits, own.clone());
            tokio::join!(serving, work::watch(&trustee, &own), work::work(&trustee, &own));
            // Work that a dropped request left behind is done before the folder is free for another process.
            trustee.disk.finish().await;
            Ok(())
        }
    };
    Ok(Running::spawn(At { http, vkey }, own, party))
}

/// Runs a trustee until `shutdown`.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    start(config, shutdown).await?.join().await
}
