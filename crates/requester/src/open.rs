//! Open.

use crate::Requester;
use crate::folder::{FolderError, RequestFolder};
use std::path::PathBuf;

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum Step {
    /// An epoch's key was rebuilt and matches the camera's signed commitments.
    Combined {
        epoch: u64,
    },
    /// A trustee's share did not match its commitment.
    Culprit {
        epoch: u64,
        trustee: String,
    },
    /// A segment was fetched, verified and opened.
    Segment {
        epoch: u64,
        sequence: u64,
    },
    Gap {
        from_us: u64,
        to_us: u64,
        reason: String,
    },
    Written {
        path: PathBuf,
    },
}

#[derive(Debug, Clone, serde::Serialize)]
pub struct Opened {
    pub epochs_requested: u64,
    pub epochs_opened: u64,
    pub segments: u64,
    /// One for each run.
    pub clips: Vec<PathBuf>,
    pub evidence: PathBuf,
    pub culprits: Vec<String>,
}

/// What came of trying the released keys on an epoch.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Tried {
    Opened,
    Refused {
        name: String,
    },
    /// The relay holds no segment of that epoch.
    NoFootage,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Combines the shares, fetches the ciphertext of the granted epochs and writes one MP4 a run plus the evidence file.
pub async fn open(
    _requester: &Requester,
    _folder: &RequestFolder,
    _on: &mut (dyn FnMut(Step) + Send),
) -> Result<Opened, OpenError> {
    todo!()
}

/// Tries every released key on the footage of epoch `epoch`: for showing that a neighbour of the span stays closed.
pub async fn try_epoch(
    _requester: &Requester,
    _folder: &RequestFolder,
    _epoch: u64,
) -> Result<Tried, OpenError> {
    todo!()
}
