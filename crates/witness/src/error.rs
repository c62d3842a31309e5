//! Why a witness does not start, or stopped.

use crate::latest::LatestError;
use std::path::PathBuf;
use tlog::note::KeyError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Listen(std::io::Error),
    #[error(transparent)]
    Latest(#[from] LatestError),
    #[error(transparent)]
    File(#[from] host::durable::DurableError),
    #[error(transparent)]
    Secret(#[from] host::secret::SecretError),
    #[error("the configuration's log key {vkey:?} is not a verifier key: {source}")]
    LogKey { vkey: String, source: KeyError },
    #[error("the key in {}: {source}", .path.display())]
    OwnKey { path: PathBuf, source: KeyError },
}
