//! Why a source gives no picture.

use super::PROBE;
use super::url::UrlError;
use container::BoxError;
use host::secret::SecretError;
use host::tunnel::{Fingerprint, TunnelError};
use std::path::PathBuf;
use std::time::Duration;

/// Why a source gives no more.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error(
        "{program} could not be started: {source}; install it (apt-get install ffmpeg), or pipe fragmented MP4 into --source -"
    )]
    Start { program: &'static str, source: std::io::Error },
    #[error("the source could not be read: {0}")]
    Read(#[source] std::io::Error),
    #[error("the source is no video that can be carried: {0}")]
    Video(#[source] BoxError),
    #[error("{0}; filming goes on with the next one that fits")]
    LeftOut(#[source] BoxError),
    #[error(
        "the source holds no H.264 or H.265 picture, and a camera never transcodes; convert it once, with ffmpeg, or set the camera to H.264"
    )]
    NoPicture,
    #[error("the source is not readable{0}")]
    Unreadable(String),
    #[error("the source broke off{0}")]
    Broken(String),
    #[error("the source has ended")]
    Finished,
    #[error("the camera closed the stream")]
    Closed,
    #[error("the source sent no picture for {} s", .0.as_secs())]
    Frozen(Duration),
    #[error(
        "the size or the kind of the picture changed within the source; write each into a file of its own, or begin a new init segment"
    )]
    ChangedWithin,
    #[error(
        "the camera serves no further client now; end another one, or allow more in its settings. It is asked again rarely"
    )]
    Busy,
    #[error("the source did not answer within {} s", PROBE.as_secs())]
    Silent,
    #[error(
        "the camera refuses the user or the password; correct `user` and `password_file` under [source], --user and --password-file, or CANDOR_SOURCE_USER and CANDOR_SOURCE_PASSWORD. It is asked again after a minute at the soonest, so that it does not lock the account"
    )]
    Unauthorized,
    #[error(
        "the camera's certificate {why}, so that anybody could be in its place: compare its SHA-256 fingerprint with what the camera shows, then write tls_fingerprint = \"{found}\" under [source], or --tls-fingerprint"
    )]
    UnknownCertificate { found: Fingerprint, why: &'static str },
    #[error(
        "the camera shows another certificate than the pinned one (`tls_fingerprint`), and nothing was said to it: this one's fingerprint is {0}. If nobody renewed it, somebody stands in between"
    )]
    OtherCertificate(Fingerprint),
    #[error("{}: {}; a password file holds the camera's password on one line: write it, then chmod 600", .path.display(), .source.reason())]
    Password { path: PathBuf, source: SecretError },
    #[error(
        "its picture cannot be decoded and encoded here, so that the mask of [privacy] cannot be drawn, and nothing is filmed without it{0}; ffmpeg with libx264 is needed, or take the mask out"
    )]
    NotMasked(String),
    #[error(
        "this machine draws the mask of [privacy] slower than pictures come, and nothing is filmed without it; have the camera send fewer or smaller pictures, or take the mask out"
    )]
    MaskLags,
    #[error(transparent)]
    Address(#[from] UrlError),
}

impl From<TunnelError> for SourceError {
    fn from(error: TunnelError) -> Self {
        match error {
            TunnelError::Unknown { found, why } => Self::UnknownCertificate { found, why },
            TunnelError::Other(found) => Self::OtherCertificate(found),
            TunnelError::Connect(_) | TunnelError::Unusable(_) | TunnelError::Loopback(_) => {
                Self::Unreadable(format!(": {error}"))
            }
        }
    }
}

impl From<BoxError> for SourceError {
    fn from(error: BoxError) -> Self {
        let is_passing = matches!(error, BoxError::LeftOut { .. });
        if is_passing { Self::LeftOut(error) } else { Self::Video(error) }
    }
}
