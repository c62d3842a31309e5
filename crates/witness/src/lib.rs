//! A witness: it cosigns the heads of transparency logs that only ever grow, and cannot be talked into cosigning a fork
//! (C2SP tlog-witness; proto/log.md).
//!
//! In scope: [`decide`] the fate of one request, keep the [`latest`] head of each log durable *before* a cosignature
//! leaves, [`serve`] the two URLs, keep refused checkpoints as evidence. Out of scope: the content of a log; a witness
//! never sees a leaf.
//!
//! ```text
//! POST /add-checkpoint                               200 cosignature lines | 400 403 404 409 422
//! GET  /<hex SHA-256 of the origin>/checkpoint       the latest cosigned checkpoint | 404
//! ```
//!
//! The data folder, made by [`init`] alone:
//!
//! ```text
//! lock            held by the one process
//! witness.key     the Ed25519 cosigner's key, one line, mode 0600
//! latest.redb     origin to the latest cosigned checkpoint; without it the witness does not start
//! refused/        signed checkpoints that were refused, one file each: evidence
//! ```
#![allow(clippy::todo)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod latest;

use host::running::Running;
use host::shutdown::Shutdown;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The configuration of a witness (deploy/config/witness.toml).
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens, for example `127.0.0.1:7101`.
    pub listen: SocketAddr,
    /// Its data folder, made by `candor witness init`.
    pub data: PathBuf,
    /// Its name, a schema-less URL: `witness.example/w1`.
    pub name: String,
    /// The verifier keys (vkeys) of the logs it cosigns; several keys may share one origin.
    pub logs: Vec<String>,
}

/// What a started witness tells: where it listens, and its verifier keys.
#[derive(Debug, Clone)]
pub struct At {
    pub http: SocketAddr,
    pub vkeys: Vec<String>,
}

/// Why a witness does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("cannot listen: {0}")]
    Listen(std::io::Error),
    #[error(transparent)]
    Latest(#[from] latest::LatestError),
    #[error(transparent)]
    File(#[from] host::durable::DurableError),
    #[error(transparent)]
    Secret(#[from] host::secret::SecretError),
    #[error("the configuration's log key {vkey:?} is not a verifier key: {reason}")]
    LogKey { vkey: String, reason: String },
    #[error("the key in {}: {reason}", .path.display())]
    OwnKey { path: PathBuf, reason: String },
}

/// Makes the keys and the empty record of a new witness; returns its verifier keys, one line each, for the logs' and the
/// relying parties' policies. Refuses to touch a data folder that was initialised before.
pub fn init(config: &Config) -> Result<Vec<String>, Error> {
    let _ = config;
    todo!("tlog's signer")
}

/// Starts a witness on `config.listen`.
pub async fn start(config: Config, shutdown: Shutdown) -> Result<Running<At, Error>, Error> {
    let listener = host::http::bind(config.listen).await.map_err(Error::Listen)?;
    start_on(listener, config, shutdown).await
}

/// Starts a witness on a listener that the caller bound.
pub async fn start_on(
    listener: tokio::net::TcpListener,
    config: Config,
    shutdown: Shutdown,
) -> Result<Running<At, Error>, Error> {
    let _ = (listener, config, shutdown);
    todo!("tlog's signer")
}

/// Runs a witness until `shutdown`.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    start(config, shutdown).await?.join().await
}
