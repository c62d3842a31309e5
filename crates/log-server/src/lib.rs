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
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod admission;
mod alarms;
mod cosign;
mod edge;
mod handover;
mod index;
mod keys;
mod nodes;
mod pool;
mod rate;
mod scrub;
mod sequencer;
mod serve;
mod storage;
mod tree;

pub use admission::MAX_LEAF_BYTES;

use admission::Admission;
use alarms::Alarms;
use cosign::Witnesses;
use handover::Handover;
use host::durable::FolderLock;
use host::http::ServeLimits;
use host::running::Running;
use host::shutdown::Shutdown;
use index::{Index, IndexError};
use keys::Keys;
use sequencer::{Pace, Sequencer};
use serve::Front;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::{Folder, Storage, tile_file};
use tlog::policy::{POLICY_MAX_BYTES, Policy};
use tlog::tile::{BUNDLE_MAX_BYTES, Bundle, Kind, tile_at};
use tree::{Heads, Tree, TreeError};

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
    #[serde(default)]
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
    #[error("the key in {}: {reason}", .path.display())]
    OwnKey { path: PathBuf, reason: String },
    #[error("{}: no such policy file; write a tlog-policy with this log's key, its witnesses and the quorum", .path.display())]
    NoPolicy { path: PathBuf },
    #[error("{}: {reason}", .path.display())]
    Policy { path: PathBuf, reason: String },
    #[error("the submitter key {vkey:?}: {reason}")]
    SubmitterKey { vkey: String, reason: String },
    #[error("{0}")]
    Tree(String),
    #[error("{0}")]
    Index(String),
}

impl From<TreeError> for Error {
    fn from(error: TreeError) -> Self {
        match error {
            TreeError::Storage(error) => Self::File(error),
            error => Self::Tree(error.to_string()),
        }
    }
}

impl From<IndexError> for Error {
    fn from(error: IndexError) -> Self {
        Self::Index(error.to_string())
    }
}

/// Makes the keys and the signed empty tree of a new log; returns its verifier keys, one line each: the Ed25519 one, which
/// goes into policies, and the ML-DSA-44 one. Refuses to touch a data folder that was initialised before.
pub fn init(config: &Config) -> Result<Vec<String>, Error> {
    host::durable::create_dirs(&config.data)?;
    let _lock = FolderLock::acquire(&config.data)?;
    Keys::create(&config.data, &config.origin)?;
    let keys = Keys::open(&config.data, &config.origin)?;
    Tree::create(&Folder::new(&config.data), &keys)?;
    Ok(keys.vkeys())
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
    let http = listener.local_addr().map_err(Error::Listen)?;
    let lock = FolderLock::acquire(&config.data)?;
    let keys = Keys::open(&config.data, &config.origin)?;
    let vkeys = keys.vkeys();
    let policy = Arc::new(read_policy(&config, &keys)?);
    let admission = Admission::new(&config.submitters, Instant::now())
        .map_err(|(vkey, error)| Error::SubmitterKey { vkey, reason: error.to_string() })?;

    let storage = Folder::new(&config.data);
    let tree = Tree::open(storage.clone(), keys)?;
    let index = Index::open(&config.data.join("index.redb"))?;
    index_entries(&tree, &index)?;
    let alarms = Arc::new(Alarms::open(&config.data.join("alarms"))?);
    let handover = Arc::new(Handover::new(index));
    if let Some(published) = tree.published()? {
        handover.publish(published);
    }

    let own = shutdown.child();
    let beyond_quorum = Duration::from_millis(config.beyond_quorum_ms);
    let witnesses = Witnesses::new(policy, storage.clone(), alarms.clone(), beyond_quorum);
    let front = Front {
        admission,
        handover: handover.clone(),
        storage: storage.clone(),
        alarms: alarms.clone(),
        peers: witnesses.peers(),
        origin: config.origin.clone(),
        add_wait: Duration::from_secs(config.add_wait_secs),
        shutdown: own.clone(),
    };
    let pace = Pace {
        batch: Duration::from_millis(config.batch_ms),
        checkpoint: Duration::from_millis(config.checkpoint_ms),
        refresh: Duration::from_secs(config.refresh_secs.max(1)),
    };
    tracing::info!(origin = config.origin, %http, size = tree.size(), "the log listens");
    let scrubbing = scrub_in_background(storage, tree.size(), alarms, own.clone());
    let sequencer = Sequencer::new(tree, handover, witnesses, pace, own.clone());
    let limits = ServeLimits {
        body_bytes: serve::BODY_LIMIT,
        request_timeout: Duration::from_secs(config.add_wait_secs.saturating_add(30)),
        ..ServeLimits::default()
    };
    let party = {
        let own = own.clone();
        async move {
            let serving = host::http::serve(listener, serve::router(Arc::new(front)), limits, own.clone());
            let sequencing = async {
                let ended = sequencer.run().await;
                // Nothing is served by a log that may not write: its answers would only grow stale.
                own.request();
                ended
            };
            let ((), ended) = tokio::join!(serving, sequencing);
            let _ = scrubbing.await;
            drop(lock);
            ended
        }
    };
    Ok(Running::spawn(At { http, vkeys }, own, party))
}

/// Runs a log until `shutdown`.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    start(config, shutdown).await?.join().await
}

/// The policy, which must know this log by its present key and be able to reach a quorum.
fn read_policy(config: &Config, keys: &Keys) -> Result<Policy, Error> {
    let path = config.policy.clone();
    let bytes = host::durable::read_limited(&path, POLICY_MAX_BYTES as u64)?;
    let bytes = bytes.ok_or_else(|| Error::NoPolicy { path: path.clone() })?;
    let policy = Policy::parse(&bytes)
        .map_err(|error| Error::Policy { path: path.clone(), reason: error.to_string() })?;
    if !policy.log_keys(&config.origin).contains(&keys.verifier()) {
        let reason = format!("it does not name this log's key; add the line: log {}", keys.verifier());
        return Err(Error::Policy { path, reason });
    }
    let reachable = policy.witnesses().iter().filter(|witness| witness.url.is_some());
    if !policy.is_quorum(reachable.map(|witness| witness.name.as_str())) {
        let reason =
            "the witnesses that have a URL are not a quorum: give each witness its submission URL".to_owned();
        return Err(Error::Policy { path, reason });
    }
    Ok(policy)
}

/// Brings the index up to the tree, from the entry bundles.
fn index_entries<S: Storage, H: Heads>(tree: &Tree<S, H>, index: &Index) -> Result<(), Error> {
    let size = tree.size();
    if index.covered()? > size {
        index.clear()?;
    }
    let mut covered = index.covered()?;
    while covered < size {
        let path = tile_at(Kind::Entries, covered / 256, size).ok_or(TreeError::OutOfTree)?;
        let bytes =
            tree.storage().read(&tile_file(&path), BUNDLE_MAX_BYTES as u64).map_err(TreeError::from)?;
        let bundle = bytes.and_then(|bytes| Bundle::parse(path.width(), &bytes).ok());
        let leaves = bundle.ok_or_else(|| tree::bad_tile(&path, size))?.leaf_hashes();
        let new: Vec<[u8; 32]> = leaves[(covered % 256) as usize..].iter().map(|leaf| leaf.0).collect();
        index.extend(covered, &new)?;
        covered += new.len() as u64;
    }
    Ok(())
}

fn scrub_in_background(
    storage: Folder,
    size: u64,
    alarms: Arc<Alarms>,
    shutdown: Shutdown,
) -> tokio::task::JoinHandle<()> {
    tokio::task::spawn_blocking(move || match scrub::scrub(&storage, size, &shutdown) {
        Ok(read) => tracing::info!(read, "every tile was read again and is whole"),
        Err(error) => alarms.raise(
            &format!("damaged-tile-{size}"),
            &format!("the tree on disk is damaged: {error}"),
            b"",
        ),
    })
}
