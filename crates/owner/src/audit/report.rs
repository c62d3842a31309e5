//! What an audit hands back.

use super::FoundKind;
use crate::holders::Holders;

/// The state of a request as the log tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// No trustee has granted it.
    Asked,
    /// So many have refused it that nobody can open anything by it.
    Refused,
    /// Some have, fewer than the policy's t.
    Attempted,
    /// At least t have: the epochs can be opened.
    Completed,
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Refused => "refused",
            Self::Attempted => "attempted",
            Self::Completed => "completed",
        }
    }
}

/// One leaf about an own camera.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// When the head under which it was first read was cosigned, Unix seconds.
    pub when: u64,
    pub camera: String,
    pub kind: FoundKind,
    pub agency: Option<String>,
    pub reason: Option<String>,
    /// Whose epochs: 0 is the camera's main picture, 1 its second one.
    pub track: u32,
    /// Epochs asked for, first and last.
    pub epochs: Option<(u64, u64)>,
    pub grants: u32,
    pub state: Option<State>,
    pub leaf_index: u64,
    /// Whether the owner made it.
    pub expected: bool,
    /// What does not fit: details that do not open, grants beyond the range, ... And what others
    /// said of it.
    pub remarks: Vec<String>,
}

/// What an audit found, earlier audits' findings included.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    pub head_size: u64,
    pub head_root: String,
    pub witnesses: Vec<String>,
    /// When the quorum stood behind the head, Unix seconds.
    pub cosigned_at: u64,
    /// By this audit.
    pub leaves_read: u64,
    pub camera_days: u64,
    pub rows: Vec<Row>,
    /// EpochOpens that were not made under the policy of their time; own leaves that the log does
    /// not show.
    pub policy_alarms: Vec<String>,
    /// What could not be checked now: nobody is accused of it.
    pub unchecked: Vec<String>,
    /// Cameras of which nothing that they film now can be released, and why.
    pub unreleasable: Vec<String>,
    pub epochs_checked: u64,
    /// Who can still open what each camera films, by its newest EpochOpen.
    pub holders: Vec<Holders>,
    /// The cameras of which no EpochOpen tells it.
    pub holders_unknown: Vec<String>,
}

impl Report {
    /// Whether everything found was made by the owner, and every epoch was looked at and was filmed
    /// under the owner's policy.
    pub fn is_clean(&self) -> bool {
        self.unchecked.is_empty() && !self.has_alarm()
    }

    /// Whether something was found that the owner did not make, or did not agree to.
    pub fn has_alarm(&self) -> bool {
        !self.policy_alarms.is_empty() || self.rows.iter().any(|row| !row.expected)
    }

    /// Whether too few trustees are left to release what some camera films.
    pub fn lacks_trustees(&self) -> bool {
        self.holders.iter().any(Holders::is_red)
    }
}
