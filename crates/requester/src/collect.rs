//! Collect.

use crate::Requester;
use crate::folder::{FolderError, RequestFolder};
use std::time::Duration;

/// What one trustee answered.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "answer")]
pub enum Answer {
    /// A bundle whose grant is in the witnessed log.
    Granted { grant_index: u64 },
    /// `pending approval` or `appending`.
    Pending { state: String },
    /// Refused by the named step of the gate.
    Refused { step: String, name: String, text: String, what_to_do: String },
    /// No usable answer.
    Unusable { reason: String },
}

/// A change in what a trustee says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    pub trustee: String,
    pub answer: Answer,
    /// Bundles held so far, and how many are needed.
    pub held: usize,
    pub needed: usize,
}

#[derive(Debug, Clone, serde::Serialize)]
pub struct Collected {
    pub held: usize,
    pub needed: usize,
    /// The last word of each trustee.
    pub answers: Vec<(String, Answer)>,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("{held} of {needed} trustees granted before the deadline; run `candor request collect` again")]
    TooFew { held: usize, needed: usize, answers: Vec<(String, Answer)> },
}

/// Asks every trustee of the policy and keeps asking those that are pending or unreachable, until enough have granted or
/// `within` has passed. What is held is kept across restarts.
pub async fn collect(
    _requester: &Requester,
    _folder: &RequestFolder,
    _within: Duration,
    _on: &mut (dyn FnMut(Step) + Send),
) -> Result<Collected, CollectError> {
    todo!()
}

/// Sends the folder's package to each trustee once, whatever the state of its leaf: before `submit` there is no proof to
/// send, and the gate refuses.
pub async fn ask_once(
    _requester: &Requester,
    _folder: &RequestFolder,
) -> Result<Vec<(String, Answer)>, CollectError> {
    todo!()
}
