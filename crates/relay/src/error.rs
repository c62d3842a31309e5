//! Why a relay does not start.

use std::path::PathBuf;
use store::StoreError;

#[derive(Debug, thiserror::Error)]
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
    Secret(#[from] host::secret::SecretError),
    #[error("{}: not a 32-byte key; restore it from a backup", .0.display())]
    LinkKey(PathBuf),
    #[error("the key in {}: {reason}", .path.display())]
    SponsorKey { path: PathBuf, reason: String },
    #[error(transparent)]
    LogPolicy(#[from] log_client::PolicyFileError),
    #[error("the configuration asks for {0}; correct it")]
    Config(&'static str),
}
