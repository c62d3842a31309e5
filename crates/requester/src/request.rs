//! Request.

use crate::Requester;
use crate::folder::{FolderError, RequestFolder};

/// What is asked and why. All of it is sealed into the details, except kind, basis and the length of the span.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The camera's id, 64 hex digits.
    pub camera_id: String,
    #[serde(default)]
    pub track: u32,
    /// Capture time, Unix microseconds: every epoch that overlaps the span is asked for.
    pub from_us: u64,
    pub to_us: u64,
    pub kind: Kind,
    /// The public basis, one word of the PolicyDoc's list, such as `danger-of-death`.
    pub basis: String,
    /// The officer in words: name and badge.
    pub officer: String,
    pub badge: String,
    pub supervisor: String,
    /// Who called whom back, when, on which published number.
    pub call_back: String,
    pub case_number: String,
    /// The basis in words, or the order's hash and court.
    pub grounds: Grounds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Emergency,
    Legal,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Grounds {
    Emergency {
        who_is_in_danger: String,
        of_what: String,
        why_waiting_is_dangerous: String,
        why_no_order: String,
        how_footage_helps: String,
    },
    Legal {
        court: String,
        /// SHA-256 of the order, hex.
        order_hash: String,
        summary: String,
    },
}

/// A composed and officer-signed draft.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Drafted {
    pub entry_id: String,
    pub first_epoch: u64,
    pub last_epoch: u64,
    pub epochs: u64,
    /// Trustees that will be asked, and how many must grant.
    pub trustees: Vec<String>,
    pub threshold: u8,
    /// The leaf's text, which the log will show to everybody.
    pub public_text: String,
    /// Whether a supervisor must still sign.
    pub needs_supervisor: bool,
}

/// A logged request.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Submitted {
    pub entry_id: String,
    pub leaf_index: u64,
    pub tree_size: u64,
    pub witnesses: Vec<String>,
    /// First cosignature time after inclusion (T0), Unix seconds.
    pub logged_at: u64,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Fetches the camera's public objects from the relay, composes details and leaf, signs as the officer.
pub async fn new(
    _requester: &Requester,
    _ask: &Ask,
    _folder: &RequestFolder,
) -> Result<Drafted, RequestError> {
    todo!()
}

/// Signs the draft as the supervisor.
pub fn sign(_requester: &Requester, _folder: &RequestFolder) -> Result<Drafted, RequestError> {
    todo!()
}

/// Countersigns as the sponsor, sends the leaf to the log, verifies and keeps its tlog-proof. Idempotent.
pub async fn submit(_requester: &Requester, _folder: &RequestFolder) -> Result<Submitted, RequestError> {
    todo!()
}
