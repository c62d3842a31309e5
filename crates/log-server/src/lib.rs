//! The log: it orders the release records, and cannot show two people two histories without being caught (proto/log.md;
//! C2SP tlog-tiles, tlog-checkpoint, tlog-witness).
//!
//! In scope: `admission` of leaves by who signed them, one sequencer that batches them, durable tiles, the
//! quorum of witnesses before publishing. Out of scope: what a leaf means; the log reads signatures, never content.
//!
//! ```text
//! POST /add                          a leaf (signed note) -> its tlog-proof, once published | 400 403 413 429 503
//! GET  /checkpoint                   the published checkpoint with its cosignatures
//! GET  /tile/<L>/<N>[.p/<W>]         hashes;  /tile/entries/<N>[.p/<W>]  entries
//! GET  /log/v1/proof/<leaf hash>     the tlog-proof of a published entry | 404
//! GET  /status                       tree size, age of the checkpoint, witnesses missing, alarms (JSON)
//! ```
#![allow(clippy::todo)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod answer;
mod edge;
pub mod index;
mod pool;
mod rate;
pub mod storage;
mod tiles;
mod tree;

use host::running::Running;
use host::shutdown::Shutdown;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The configuration of a log (deploy/config/log.toml).
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens, for example `127.0.0.1:7001`.
    pub listen: SocketAddr,
    /// Its data folder, made by `candor log init`.
    pub data: PathBuf,
    /// Its origin, a schema-less URL: `log.example/candor`.
    pub origin: String,
    /// A tlog-policy file: this log's own key, its witnesses with their URLs, and the quorum. Needed to serve, not for
    /// `init` (which prints the key that goes into it).
    pub policy: PathBuf,
    /// Who may add leaves.
    pub submitters: Vec<Submitter>,
    /// How long a leaf waits for others before its batch is written, in milliseconds.
    #[serde(default = "default_batch_ms")]
    pub batch_ms: u64,
    /// The least time between two checkpoints, in milliseconds: 1000 towards public witnesses.
    #[serde(default = "default_checkpoint_ms")]
    pub checkpoint_ms: u64,
    /// After this many seconds without a new checkpoint the same head is cosigned again, so that its cosignature times
    /// stay fresh (trustees refuse times older than 120 s).
    #[serde(default = "default_refresh_secs")]
    pub refresh_secs: u64,
    /// How long to wait for further cosignatures once the quorum is there, in milliseconds.
    #[serde(default = "default_beyond_quorum_ms")]
    pub beyond_quorum_ms: u64,
    /// How long `POST /add` waits for its leaf to be published, in seconds.
    #[serde(default = "default_add_wait_secs")]
    pub add_wait_secs: u64,
}

/// One submitter and its rate.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submitter {
    /// Its verifier key: a leaf is admitted if this key signed it.
    pub vkey: String,
    /// Leaves per minute on average.
    #[serde(default = "default_per_minute")]
    pub per_minute: u32,
    /// Leaves at once after a pause.
    #[serde(default = "default_burst")]
    pub burst: u32,
}

fn default_batch_ms() -> u64 {
    50
}
fn default_checkpoint_ms() -> u64 {
    1000
}
fn default_refresh_secs() -> u64 {
    30
}
fn default_beyond_quorum_ms() -> u64 {
    100
}
fn default_add_wait_secs() -> u64 {
    30
}
fn default_per_minute() -> u32 {
    600
}
fn default_burst() -> u32 {
    200
}

/// What a started log tells: where it listens, and its verifier keys.
#[derive(Debug, Clone)]
pub struct At {
    pub http: SocketAddr,
    pub vkeys: Vec<String>,
}

/// Why a log does not start, or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("cannot listen: {0}")]
    Listen(std::io::Error),
    #[error(transparent)]
    File(#[from] host::durable::DurableError),
    #[error(transparent)]
    Secret(#[from] host::secret::SecretError),
    #[error(transparent)]
    Index(#[from] index::IndexError),
}

/// Makes the key and the empty tree of a new log; returns its verifier keys, one line each. Refuses to touch a data folder
/// that was initialised before.
pub fn init(config: &Config) -> Result<Vec<String>, Error> {
    let _ = config;
    todo!("tlog's signer")
}

/// Starts a log on `config.listen`.
pub async fn start(config: Config, shutdown: Shutdown) -> Result<Running<At, Error>, Error> {
    let listener = host::http::bind(config.listen).await.map_err(Error::Listen)?;
    start_on(listener, config, shutdown).await
}

/// Starts a log on a listener that the caller bound.
pub async fn start_on(
    listener: tokio::net::TcpListener,
    config: Config,
    shutdown: Shutdown,
) -> Result<Running<At, Error>, Error> {
    let _ = (listener, config, shutdown);
    todo!("tlog's signer")
}

/// Runs a log until `shutdown`.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    start(config, shutdown).await?.join().await
}
