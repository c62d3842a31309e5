//! A witness: it cosigns the heads of transparency logs that only ever grow, and cannot be talked into cosigning a fork
//! (C2SP tlog-witness; proto/log.md).
//!
//! In scope: [`decide()`] the fate of one request, keep the [`latest`] head of each log durable *before* a cosignature
//! leaves, `serve` the two URLs, keep refused checkpoints as evidence. Out of scope: the content of a log; a witness
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
//! ed25519.key     the Ed25519 cosigner's key, one line, mode 0600
//! ml-dsa-44.key   the same for ML-DSA-44 (FIPS 204): its cosignatures hold against quantum computers
//! latest.redb     origin to the latest cosigned checkpoint; without it the witness does not start
//! refused/        signed checkpoints that were refused, one file each: evidence
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod decide;
pub mod latest;
mod refused;
mod serve;

pub use decide::{Refusal, decide};
pub use serve::{AddError, Witness};

use host::durable::FolderLock;
use host::http::ServeLimits;
use host::running::Running;
use host::shutdown::Shutdown;
use latest::Latest;
use refused::Refused;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tlog::cosignature::{Algorithm, Cosigner};
use tlog::note::{KeyError, Verifier};

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

/// The largest `add-checkpoint` request: 63 proof lines and a checkpoint with a few dozen signatures.
pub const MAX_REQUEST_BYTES: usize = 256 * 1024;

const KEYS: [(&str, Algorithm); 2] =
    [("ed25519.key", Algorithm::Ed25519), ("ml-dsa-44.key", Algorithm::MlDsa44)];
const LATEST: &str = "latest.redb";
const REFUSED: &str = "refused";

/// Makes the keys and the empty record of a new witness; returns its verifier keys, one line each, for the logs' and the
/// relying parties' policies. Refuses to touch a data folder that was initialised before.
pub fn init(config: &Config) -> Result<Vec<String>, Error> {
    host::durable::create_dirs(&config.data)?;
    let _lock = FolderLock::acquire(&config.data)?;
    let mut vkeys = Vec::new();
    for (file, algorithm) in KEYS {
        let path = config.data.join(file);
        let own = |error: KeyError| Error::OwnKey { path: path.clone(), reason: error.to_string() };
        let cosigner = Cosigner::generate(&config.name, algorithm, &mut host::rng::OsRng).map_err(own)?;
        host::secret::create_line(&path, &cosigner.to_secret_text())?;
        vkeys.push(cosigner.verifier().vkey());
    }
    // Last: a folder with keys and no record was never a witness, and does not start as one.
    Latest::create(&config.data.join(LATEST))?;
    Ok(vkeys)
}

/// Opens an initialised witness: its keys, its record of latest heads, its configured logs.
pub fn open(config: &Config) -> Result<Witness, Error> {
    let mut cosigners = Vec::new();
    for (file, _) in KEYS {
        let path = config.data.join(file);
        let own = |reason: String| Error::OwnKey { path: path.clone(), reason };
        let line = host::secret::read_line(&path)?;
        let cosigner = Cosigner::from_secret_text(&line).map_err(|error| own(error.to_string()))?;
        if cosigner.name() != config.name {
            return Err(own(format!(
                "it is the key of {}, and the configuration says {}",
                cosigner.name(),
                config.name
            )));
        }
        cosigners.push(cosigner);
    }
    let mut logs: BTreeMap<String, Vec<Verifier>> = BTreeMap::new();
    for vkey in &config.logs {
        let bad = |reason: String| Error::LogKey { vkey: vkey.clone(), reason };
        let key = Verifier::parse(vkey).map_err(|error| bad(error.to_string()))?;
        logs.entry(key.name().to_owned()).or_default().push(key);
    }
    let latest = Latest::open(&config.data.join(LATEST))?;
    let refused = Refused::open(&config.data.join(REFUSED))?;
    Ok(Witness { cosigners, logs, latest, refused })
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
    let http = listener.local_addr().map_err(Error::Listen)?;
    let lock = FolderLock::acquire(&config.data)?;
    let witness = open(&config)?;
    let vkeys = witness.cosigners.iter().map(|cosigner| cosigner.verifier().vkey()).collect();
    let router = serve::router(Arc::new(witness));
    tracing::info!(name = config.name, %http, logs = config.logs.len(), "the witness listens");
    let own = shutdown.child();
    let limits = ServeLimits { body_bytes: MAX_REQUEST_BYTES, ..ServeLimits::default() };
    let party = {
        let own = own.clone();
        async move {
            host::http::serve(listener, router, limits, own).await;
            drop(lock);
            Ok(())
        }
    };
    Ok(Running::spawn(At { http, vkeys }, own, party))
}

/// Runs a witness until `shutdown`.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    start(config, shutdown).await?.join().await
}
