//! Why a store would not, or could not. Every variant has its refusal on the wire.

use host::durable::DurableError;
use media::id::{CameraId, TrackId};
use media::message::RefusalCode;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Clones share the cause: one failed batch answers every writer in it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    #[error("{}: no store here; make it once with `candor relay init`", .0.display())]
    Missing(PathBuf),
    #[error("the store's configuration does not hold together: {0}")]
    Config(&'static str),
    #[error("storage is full: {0}; free space or raise the limit, and send again")]
    Full(String),
    #[error("another {what} with number {number} is stored already")]
    Taken { what: &'static str, number: u64 },
    #[error("epoch and number of sequence {0} contradict the segments around it")]
    OutOfOrder(u64),
    #[error(
        "policy version {got} does not follow the stored version {held}; fetch the newest and build on it"
    )]
    StalePolicy { got: u32, held: u32 },
    #[error("the camera is enrolled by another owner")]
    OtherOwner,
    #[error("not what it should be: {0}")]
    Malformed(String),
    #[error("a signature does not hold: {0}")]
    BadSignature(String),
    #[error("{what} of {size} bytes is over the limit of {limit}")]
    TooLarge { what: &'static str, size: usize, limit: usize },
    #[error(
        "{what} {number} of camera {camera_id}, track {track}, is damaged on disk (pack {pack}, offset {offset}); restore it or do without"
    )]
    Damaged { what: &'static str, camera_id: CameraId, track: TrackId, number: u64, pack: u64, offset: u64 },
    #[error("it is past its retention and was removed")]
    Gone,
    #[error("the store is closed")]
    Closed,
    #[error("{}{}", failed(.0), .0)]
    Disk(Arc<DurableError>),
    #[error("the index failed ({0}); it is rebuilt from the packs at the next write")]
    Index(Arc<dyn std::error::Error + Send + Sync>),
}

/// That another process has the folder is no fault of the disk's.
fn failed(error: &DurableError) -> &'static str {
    if matches!(error, DurableError::Locked { .. }) { "" } else { "the disk failed: " }
}

impl StoreError {
    /// What a peer is told.
    pub fn refusal_code(&self) -> RefusalCode {
        match self {
            Self::Full(_) => RefusalCode::StorageFull,
            Self::Taken { .. } => RefusalCode::SequenceTaken,
            Self::OutOfOrder(_) => RefusalCode::OutOfOrder,
            Self::StalePolicy { .. } => RefusalCode::StalePolicy,
            Self::OtherOwner => RefusalCode::NotAllowed,
            Self::Malformed(_) => RefusalCode::Malformed,
            Self::BadSignature(_) => RefusalCode::BadSignature,
            Self::TooLarge { .. } => RefusalCode::TooLarge,
            Self::Gone => RefusalCode::NotFound,
            Self::Closed => RefusalCode::GoingAway,
            Self::Missing(_) | Self::Config(_) | Self::Damaged { .. } | Self::Disk(_) | Self::Index(_) => {
                RefusalCode::Internal
            }
        }
    }

    pub(crate) fn at(path: &Path, source: io::Error) -> Self {
        DurableError::at(path, source).into()
    }

    /// An index, or what it lies on, failed.
    pub(crate) fn index(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Index(Arc::new(error))
    }
}

impl From<DurableError> for StoreError {
    fn from(error: DurableError) -> Self {
        match error {
            DurableError::DiskFull { path } => Self::Full(format!("no space left for {}", path.display())),
            DurableError::NoFolder { path } => Self::Missing(path),
            error => Self::Disk(Arc::new(error)),
        }
    }
}
