//! How a look at the log ended, and what the monitor says of itself after it.

use crate::store::StoreError;
use host::http::FetchError;
use log_client::FollowError;
use tlog::policy::VerifyError;
use tlog::reader::ReadError;

/// What the monitor is doing, in one word: `following`, `quorum-missing`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It has not looked yet.
    #[default]
    Starting,
    /// Every step of the log's growth was verified, up to the head that it shows.
    Following,
    /// The log shows an older head than ours.
    Behind,
    /// The log shows a head that too few witnesses cosigned.
    QuorumMissing,
    /// The log signed two histories.
    Forked,
    /// The log cannot be followed; the status says why.
    Failing,
}

impl State {
    pub(crate) fn after(looked: &Result<Look, LookError>) -> Self {
        match looked {
            Ok(Look::UpToDate | Look::Grown) => Self::Following,
            Ok(Look::Behind) => Self::Behind,
            Ok(Look::Forked) => Self::Forked,
            Err(LookError::Checkpoint(VerifyError::QuorumNotMet(_))) => Self::QuorumMissing,
            Err(
                LookError::Fetch(_)
                | LookError::Checkpoint(VerifyError::Checkpoint(_) | VerifyError::UnknownLog(_))
                | LookError::Read(_)
                | LookError::Follow(_)
                | LookError::Store(_)
                | LookError::Stopping,
            ) => Self::Failing,
        }
    }
}

/// How a look at the log ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// The followed head is the log's.
    UpToDate,
    /// Grown to the log's head.
    Grown,
    /// The log shows an older head than ours.
    Behind,
    /// The log has forked: nothing is followed any more.
    Forked,
}

/// Why a look at the log brought nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookError {
    #[error("the log could not be read: {0}")]
    Fetch(#[from] FetchError),
    #[error("the log's checkpoint is not accepted: {0}")]
    Checkpoint(#[from] VerifyError),
    #[error("the log's tiles do not fit its signed head: {0}")]
    Read(ReadError),
    #[error(transparent)]
    Follow(FollowError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the monitor is stopping")]
    Stopping,
}

impl From<FollowError> for LookError {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::Read(error) => Self::Read(error),
            FollowError::Fetch(error) => Self::Fetch(error),
            FollowError::Head(_) => Self::Follow(error),
        }
    }
}
