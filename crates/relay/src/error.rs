//! Why a relay does not start.

use store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Listen(std::io::Error),
    /// Its socket is there, and cannot be used.
    #[error(transparent)]
    Link(quic::LinkError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    File(#[from] host::durable::DurableError),
    #[error(transparent)]
    Secret(#[from] host::secret::SecretError),
    #[error(transparent)]
    SponsorKey(#[from] log_client::KeyFileError),
    #[error(transparent)]
    LogPolicy(#[from] log_client::PolicyFileError),
    #[error("the configuration asks for {0}; correct it")]
    Config(&'static str),
}
