//! Why a camera does not start, or stopped.

use crate::spool::SpoolError;
use host::durable::DurableError;
use host::secret::SecretError;
use std::path::PathBuf;

/// Why a camera does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    File(#[from] DurableError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("{}: no such video file", .0.display())]
    NoSource(PathBuf),
    #[error(
        "[source] and [sub] are both standard input, which holds one picture; name another source for one of them"
    )]
    OneInput,
    #[error(
        "`trigger` asks the camera that is filmed, and [source] is none; only one over RTSP (`url`) can be asked"
    )]
    NoDevice,
    #[error(
        "`onvif` names {address}, which is not on {host}, the host of [source]: its password is proven there alone"
    )]
    OtherDevice { address: String, host: String },
}
