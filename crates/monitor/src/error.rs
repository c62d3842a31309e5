//! Why a monitor does not start, or stopped.

use crate::store::StoreError;
use escrow::policy::PolicyDocError;
use host::durable::DurableError;
use log_client::{FollowError, PolicyFileError};
use std::path::PathBuf;
use tlog::note::KeyError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot listen: {0}")]
    Listen(std::io::Error),
    #[error(transparent)]
    File(#[from] DurableError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Policy(#[from] PolicyFileError),
    #[error("the trustee key {vkey:?}: {source}")]
    TrusteeKey { vkey: String, source: KeyError },
    #[error("{}: no such PolicyDoc; get the published rules of release from the operator", .path.display())]
    NoRules { path: PathBuf },
    #[error("{}: {source}", .path.display())]
    Rules { path: PathBuf, source: PolicyDocError },
    #[error(
        "the threshold is {threshold} of {trustees} trustees: write a number from 1 to that of the trustees"
    )]
    Threshold { threshold: u32, trustees: usize },
    #[error(transparent)]
    Log(#[from] FollowError),
}
