//! A monitor: it follows the log, verifies every step of its growth, swaps heads with peer monitors, counts releases, and
//! raises the alarm on a fork (proto/gossip.md).
//!
//! ```text
//! GET  /gossip      this monitor's head (a signed checkpoint) and its fork proofs (JSON)
//! POST /gossip      the same, from a peer; the answer is ours
//! GET  /counts      requests, grants and refusals by kind, agency and month (JSON)
//! GET  /status      followed head, its age, peers, alarms (JSON; 500 while an alarm stands)
//! ```
#![allow(clippy::todo)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

use host::running::Running;
use host::shutdown::Shutdown;
use std::net::SocketAddr;
use std::path::PathBuf;

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
    /// The URLs of peer monitors.
    #[serde(default)]
    pub peers: Vec<String>,
    /// Seconds between two looks at the log and at the peers.
    #[serde(default = "default_poll_secs")]
    pub poll_secs: u64,
}

fn default_poll_secs() -> u64 {
    10
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
    File(#[from] host::durable::DurableError),
}

/// Makes the data folder of a new monitor, which has seen nothing yet.
pub fn init(config: &Config) -> Result<(), Error> {
    let _ = config;
    todo!("tlog's reader")
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
    let _ = (listener, config, shutdown);
    todo!("tlog's reader")
}

/// Runs a monitor until `shutdown`.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    start(config, shutdown).await?.join().await
}
