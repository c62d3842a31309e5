//! Why a monitor does not start, or stopped.

use crate::store::StoreError;
use host::durable::DurableError;
use log_client::{FollowError, PolicyFileError};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Listen(std::io::Error),
    #[error(transparent)]
    File(#[from] DurableError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Policy(#[from] PolicyFileError),
    #[error(transparent)]
    Log(#[from] FollowError),
}
