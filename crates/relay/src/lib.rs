//! The relay: stores and fans out segments that it cannot open, and serves them live and recorded. Contract: `proto/session.md`.
//!
//! In scope: who may publish or watch (`access.rs`), segments in, durable, out; pairing mailboxes; mirrored day keys;
//! sponsoring its owners' leaves in the log under its own name. Out of scope: keys of footage. This crate links none of the code that could
//! open a frame, and `tests/architecture` asserts it.
//!
//! ```text
//! camera  == segments ==>  ingest  -->  store    durable, then Ack
//!                             \----->   fanout   == the same bytes ==>  viewers, each at its own pace
//! owner, requester  -- FetchSegments, FetchEpochs -->  playback  <--  store
//! owner  -- FetchHeads -->  playback               of each segment the header and the first sealed fragment
//! owner  -- SponsorLeaf -->  sponsor  --  signed leaf -->  the log
//! ```
//!
//! The data folder, made by [`init`] alone:
//!
//! ```text
//! link.secret      Ed25519 seed: the identity that every invite pins, mode 0600
//! sponsor.key      the note key under which leaves are sponsored, mode 0600
//! store/           packs and their index (`store.rs`)
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod access;
mod calls;
mod config;
mod daykeys;
mod fanout;
mod ingest;
mod mailbox;
mod playback;
mod publishers;
mod rate;
pub mod retention;
mod serve;
mod session;
mod sponsor;
mod status;
pub mod store;

pub use config::{BadKey, Config, Key, Limits, Log, Storage, Trustee};
pub use fanout::GRACE;

use host::running::Running;
use host::secret;
use host::shutdown::Shutdown;
use quic::Identity;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use store::{Store, StoreError};
use tlog::note::Signer;
use zeroize::Zeroizing;

const LINK_FILE: &str = "link.secret";
const LINK_LABEL: &str = "relay-link";
const SPONSOR_FILE: &str = "sponsor.key";

/// What `init` made: public halves, to be handed to others.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Created {
    /// The key that owners and requesters pin, base64url.
    pub link_key: String,
    /// The verifier key under which leaves are sponsored: the log's operator lists it among the submitters.
    pub sponsor_vkey: String,
}

/// Where a started relay is.
#[derive(Debug, Clone)]
pub struct At {
    /// The UDP address it listens on.
    pub quic: SocketAddr,
    /// Its status page's TCP address.
    pub http: Option<SocketAddr>,
    /// The key that its peers pin.
    pub key: Key,
}

/// Why a relay does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error(transparent)]
    Listen(#[from] quic::LinkError),
    #[error("cannot serve the status page: {0}")]
    Http(std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    File(#[from] host::durable::DurableError),
    #[error(transparent)]
    Secret(#[from] secret::SecretError),
    #[error("{}: not a 32-byte key; restore it from a backup", .0.display())]
    LinkKey(PathBuf),
    #[error("the key in {}: {reason}", .path.display())]
    SponsorKey { path: PathBuf, reason: String },
    #[error(transparent)]
    LogPolicy(#[from] log_client::PolicyFileError),
    #[error("the configuration asks for {0}; correct it")]
    Config(&'static str),
}

/// Makes the keys and the empty store of a new relay. Refuses to touch a data folder that was initialised before.
pub fn init(config: &Config) -> Result<Created, Error> {
    host::durable::create_dirs(&config.data)?;
    let seed = Zeroizing::new(host::rng::bytes::<32>());
    let path = config.data.join(SPONSOR_FILE);
    let signer = Signer::generate(&config.log.sponsor, &mut host::rng::OsRng)
        .map_err(|error| Error::SponsorKey { path: path.clone(), reason: error.to_string() })?;
    secret::create(&config.data.join(LINK_FILE), LINK_LABEL, &seed[..])?;
    secret::create_line(&path, &signer.to_secret_text())?;
    // Last: a folder with keys and no store was never a relay, and does not start as one.
    Store::create(&config.store_dir())?;
    let link_key = Key(Identity::from_seed(&seed).public_key()).to_string();
    Ok(Created { link_key, sponsor_vkey: signer.verifier().vkey() })
}

/// Starts a relay on `config.listen`.
pub async fn start(config: Config, shutdown: Shutdown) -> Result<Running<At, Error>, Error> {
    serve::start(config, shutdown).await
}

/// Runs a relay until `shutdown`.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    start(config, shutdown).await?.join().await
}

fn identity(data: &Path) -> Result<Identity, Error> {
    let path = data.join(LINK_FILE);
    let seed = secret::read(&path, LINK_LABEL)?;
    let seed: &[u8; 32] = seed[..].try_into().map_err(|_| Error::LinkKey(path))?;
    Ok(Identity::from_seed(seed))
}
