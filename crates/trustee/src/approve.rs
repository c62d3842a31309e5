//! Humans decide, on the machine of the trustee: [`approve`] and [`deny`] leave a file in the data
//! folder, and the running process takes it in. Nothing of this is reachable over the network.
//! Contract: proto/release.md#g8.
//!
//! ```text
//! approvals/00112233445566778899aabbccddeeff.approval     the approver's signed note
//! approvals/00112233445566778899aabbccddeeff.denial       why not, one line
//! approvals/00112233445566778899aabbccddeeff.rejected     an approval that did not count
//! ```

use crate::config::Config;
use crate::error::Error;
use crate::folder::{APPROVALS, remove};
use crate::identity::approvers;
use crate::pending::{Decision, Pending, Waiting};
use escrow::grant::Approval;
use escrow::record::{EntryId, LINE_MAX_BYTES, Line};
use host::durable::{self, DurableError};
use log_client::{KeyFileError, make_key, read_key};
use std::path::{Path, PathBuf};

/// An approval is two lines and a signature.
const APPROVAL_MAX_BYTES: u64 = 16 * 1024;

/// Why a decision was not left.
#[derive(Debug, thiserror::Error)]
pub enum ApproveError {
    #[error(transparent)]
    File(#[from] DurableError),
    #[error(transparent)]
    Trustee(#[from] Error),
    #[error(transparent)]
    Key(#[from] KeyFileError),
    #[error(
        "{0:?} is not the id of a request: 32 hexadecimal digits, as `candor trustee pending` shows them"
    )]
    BadId(String),
    #[error("no request {0} waits here; `candor trustee pending` shows those that do")]
    NotPending(String),
    #[error("request {0} has been decided, and the trustee has not taken it in yet: is it running?")]
    Decided(String),
    #[error(
        "{vkey} is not an approver of this trustee: list it under `approvers` in the configuration and start the trustee again"
    )]
    NotAnApprover { vkey: String },
    #[error("a reason is one line of 1 to {LINE_MAX_BYTES} bytes")]
    BadReason,
}

/// The requests that wait for a human or for their time, oldest first. Works beside a running
/// trustee.
pub fn pending(config: &Config) -> Result<Vec<Pending>, ApproveError> {
    let mut pages = Waiting::at(&config.data).pages()?;
    let decisions = Decisions::at(&config.data);
    for page in &mut pages {
        let id = EntryId::from_hex(&page.id);
        let decided = id.map(|id| decisions.get(&id)).transpose()?.flatten();
        page.decided = decided.as_ref().map(Decided::decision);
    }
    Ok(pages)
}

/// Approves a waiting request with the key in the file `approver`; the running trustee takes it in
/// at its next look.
pub fn approve(config: &Config, id: &str, approver: &Path) -> Result<(), ApproveError> {
    let (id, decisions) = waiting(config, id)?;
    let key = read_key(approver)?;
    let vkey = key.verifier();
    if !approvers(config)?.contains(&vkey) {
        return Err(ApproveError::NotAnApprover { vkey: vkey.vkey() });
    }
    let unreadable = || ApproveError::NotPending(id.to_hex());
    // What is signed is the leaf of the kept package, not what a page says about it.
    let asked = Waiting::at(&config.data).asked(&id)?.ok_or_else(unreadable)?;
    decisions.leave(&id, "approval", &Approval::sign(&asked.request().hash(), &key).note)
}

/// Denies a waiting request. The reason is told to the asker; the log says that a human denied it,
/// not why.
pub fn deny(config: &Config, id: &str, reason: &str) -> Result<(), ApproveError> {
    let (id, decisions) = waiting(config, id)?;
    let reason = Line::new(reason).ok_or(ApproveError::BadReason)?;
    decisions.leave(&id, "denial", format!("{}\n", reason.as_str()).as_bytes())
}

/// Makes an approver's key in the file `path`, which must not exist, and returns its verifier key
/// for the configuration.
pub fn approver_init(path: &Path, name: &str) -> Result<String, KeyFileError> {
    Ok(make_key(path, name)?.verifier().vkey())
}

fn waiting(config: &Config, id: &str) -> Result<(EntryId, Decisions), ApproveError> {
    let entry = EntryId::from_hex(id).ok_or_else(|| ApproveError::BadId(id.to_owned()))?;
    if Waiting::at(&config.data).page(&entry)?.is_none() {
        return Err(ApproveError::NotPending(id.to_owned()));
    }
    let decisions = Decisions::at(&config.data);
    match decisions.get(&entry)? {
        Some(_) => Err(ApproveError::Decided(id.to_owned())),
        None => Ok((entry, decisions)),
    }
}

/// A human's decision, not verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decided {
    Yes(Approval),
    No(String),
}

impl Decided {
    fn decision(&self) -> Decision {
        match self {
            Self::Yes(_) => Decision::Approved,
            Self::No(_) => Decision::Denied,
        }
    }
}

/// The folder of decisions.
#[derive(Debug, Clone)]
pub(crate) struct Decisions {
    folder: PathBuf,
}

impl Decisions {
    pub(crate) fn at(data: &Path) -> Self {
        Self { folder: data.join(APPROVALS) }
    }

    /// What was decided; where both were, it is no.
    pub(crate) fn get(&self, id: &EntryId) -> Result<Option<Decided>, DurableError> {
        if let Some(reason) = durable::read_limited(&self.path(id, "denial"), APPROVAL_MAX_BYTES)? {
            let reason = String::from_utf8_lossy(&reason).trim_end().to_owned();
            return Ok(Some(Decided::No(reason)));
        }
        let note = durable::read_limited(&self.path(id, "approval"), APPROVAL_MAX_BYTES)?;
        Ok(note.map(|note| Decided::Yes(Approval { note })))
    }

    /// Puts an approval aside that does not count, so that another can be given.
    pub(crate) fn reject(&self, id: &EntryId) -> Result<(), DurableError> {
        let path = self.path(id, "approval");
        std::fs::rename(&path, self.path(id, "rejected")).map_err(|error| DurableError::at(&path, error))
    }

    /// The decision was taken in.
    pub(crate) fn forget(&self, id: &EntryId) -> Result<(), DurableError> {
        remove(&self.path(id, "approval"))?;
        remove(&self.path(id, "denial"))
    }

    fn leave(&self, id: &EntryId, what: &str, bytes: &[u8]) -> Result<(), ApproveError> {
        let left = durable::create_exclusive(&self.path(id, what), bytes);
        if let Err(DurableError::Exists { .. }) = left {
            return Err(ApproveError::Decided(id.to_hex()));
        }
        Ok(left?)
    }

    fn path(&self, id: &EntryId, what: &str) -> PathBuf {
        self.folder.join(format!("{}.{what}", id.to_hex()))
    }
}
