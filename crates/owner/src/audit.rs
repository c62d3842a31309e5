//! Audit.

use crate::Owner;

/// Which leaves are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// Those after the last verified head in the book.
    LastHead,
    /// All of them.
    Beginning,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum Step {
    /// A fresh head with a quorum, consistent with the last one kept.
    Head { size: u64, witnesses: Vec<String> },
    /// Leaves read and verified so far, of those to read.
    Leaves { done: u64, total: u64 },
    /// The cameras' EpochOpens are being compared with the current policies.
    Epochs { camera: String },
}

/// The state of a request as the log tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// No trustee has granted it.
    Asked,
    /// Some have, fewer than the policy's t.
    Attempted,
    /// At least t have: the epochs can be opened.
    Completed,
}

/// One leaf about an own camera.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// Cosignature time of the head under which it was read, or its day; Unix seconds.
    pub when: u64,
    pub camera: String,
    /// `emergency`, `legal`, `owner-share`, `recovery`, `policy`, ...
    pub kind: String,
    pub agency: Option<String>,
    pub reason: Option<String>,
    /// Epochs asked for, first and last.
    pub epochs: Option<(u64, u64)>,
    pub grants: u32,
    pub state: Option<State>,
    pub leaf_index: u64,
    /// Whether the owner made it.
    pub expected: bool,
    /// What does not fit: details that do not open, grants beyond the range, ...
    pub remarks: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    pub head_size: u64,
    pub head_root: String,
    pub witnesses: Vec<String>,
    pub leaves_read: u64,
    pub camera_days: u64,
    pub rows: Vec<Row>,
    /// EpochOpens that were not made under the policy of their time.
    pub policy_alarms: Vec<String>,
    pub epochs_checked: u64,
}

impl Report {
    /// Whether everything found was made by the owner, and every epoch was filmed under the owner's policy.
    pub fn is_clean(&self) -> bool {
        self.policy_alarms.is_empty() && self.rows.iter().all(|row| row.expected)
    }
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    #[error("the log shows another history than the one kept; keep both heads, they are evidence")]
    Fork,
}

/// Reads and verifies the log, and says what in it concerns the owner's cameras.
pub async fn audit(
    _owner: &Owner,
    _since: Since,
    _on: &mut (dyn FnMut(Step) + Send),
) -> Result<Report, AuditError> {
    todo!()
}
