//! Humans decide, on the machine of the trustee: [`approve`] and [`deny`] leave a signed note in the
//! data folder, and the running process takes it in. Nothing of this is reachable over the network.
//! Contract: proto/release.md#g8.
//!
//! ```text
//! approvals/00112233445566778899aabbccddeeff.approval     an approver's signed note
//! approvals/00112233445566778899aabbccddeeff.second       another approver's, where the rules ask for two
//! approvals/00112233445566778899aabbccddeeff.denial       an approver's signed no
//! approvals/00112233445566778899aabbccddeeff.rejected     a note that did not count; the next one is .rejected-2
//! evidence/00112233445566778899aabbccddeeff.approval      what was decided by: the notes of before, kept
//! ```

use crate::config::Config;
use crate::error::Error;
use crate::folder::{APPROVALS, EVIDENCE};
use crate::identity::approvers;
use crate::pending::{Decision, Pending, Waiting};
use escrow::details::Details;
use escrow::grant::{Approval, CallBack, Denial};
use escrow::package::Asked;
use escrow::record::{EntryId, LINE_MAX_BYTES, Line};
use host::durable::{self, DurableError};
use log_client::{KeyFileError, make_key, read_key};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use tlog::Hash;
use tlog::note::Signer;

/// A decision is five lines at most and a signature.
const NOTE_MAX_BYTES: u64 = 16 * 1024;
/// The notes of one request.
const NOTES: [&str; 3] = ["approval", "second", "denial"];

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
    #[error("no order of a court came with request {0}")]
    NoOrder(String),
    #[error("the order that is kept with request {0} is damaged; it is kept anew when its sender asks again")]
    OrderDamaged(String),
    #[error("request {0} has been decided, and the trustee has not taken it in yet: is it running?")]
    Decided(String),
    #[error(
        "{vkey} is not an approver of this trustee: list it under `approvers` in the configuration and start the trustee again"
    )]
    NotAnApprover { vkey: String },
    #[error("request {0} was approved with this key; a second approver must approve it, with another key")]
    SameApprover(String),
    #[error("write a {0} in one line of 1 to {LINE_MAX_BYTES} bytes, of visible characters")]
    BadLine(&'static str),
}

/// Whom the clerk called, as it was typed.
#[derive(Debug, Clone, Copy)]
pub struct Called<'a> {
    pub called: &'a str,
    pub number: &'a str,
    pub source: &'a str,
}

/// The requests that wait for a human or for their time, oldest first. Works beside a running
/// trustee.
pub fn pending(config: &Config) -> Result<Vec<Pending>, ApproveError> {
    let mut pages = Waiting::at(&config.data).pages()?;
    let decisions = Decisions::at(&config.data);
    for page in &mut pages {
        let id = EntryId::from_hex(&page.id);
        let decided = id.map(|id| decisions.get(&id)).transpose()?.flatten();
        page.decided = decided.map(|decided| match &decided {
            Decided::Yes(_) if !decided.is_complete(page) => Decision::HalfApproved,
            Decided::Yes(_) => Decision::Approved,
            Decided::No(_) => Decision::Denied,
        });
    }
    Ok(pages)
}

// SPEC: release.md#g8: where there is an order, the clerk MUST be given its very bytes.
/// The order that came with a waiting request, byte for byte as the asker sent it and with the SHA-256
/// that the leaf's sealed details state. Nothing else is known of it, its type neither.
pub fn order(config: &Config, id: &str) -> Result<Vec<u8>, ApproveError> {
    let entry = EntryId::from_hex(id).ok_or_else(|| ApproveError::BadId(id.to_owned()))?;
    let waiting = Waiting::at(&config.data);
    let asked = waiting.asked(&entry)?.ok_or_else(|| ApproveError::NotPending(id.to_owned()))?;
    match named_order(&waiting, &asked)? {
        [] => Err(ApproveError::NoOrder(id.to_owned())),
        order => Ok(order.to_vec()),
    }
}

/// The order of a kept package, as long as it is the one that the details name; empty where they name
/// none. A damaged one is forgotten: its sender asks again, and it is kept anew.
fn named_order<'a>(waiting: &Waiting, asked: &'a Asked) -> Result<&'a [u8], ApproveError> {
    let (request, package) = (asked.request().value(), asked.package());
    let details = Details::open(&request.details, &package.details_key);
    if details.is_ok_and(|details| details.are_with(&package.order)) {
        return Ok(&package.order);
    }
    waiting.forget(&request.id)?;
    Err(ApproveError::OrderDamaged(request.id.to_hex()))
}

/// Approves a waiting request with the key in the file `approver`, whose owner called the agency
/// back; the running trustee takes it in at its next look.
pub fn approve(config: &Config, id: &str, call: Called<'_>, approver: &Path) -> Result<(), ApproveError> {
    let desk = Desk::of(config, id, approver)?;
    let call_back = CallBack {
        called: line("name of who was called", call.called)?,
        number: line("number", call.number)?,
        source: line("source of the number", call.source)?,
    };
    let note = Approval::sign(&desk.request, call_back, &desk.key).note;
    match desk.open_for()? {
        None => desk.leave("approval", &note),
        Some(first) if first.is_of(&desk.request, &[desk.key.verifier()]) => {
            Err(ApproveError::SameApprover(id.to_owned()))
        }
        Some(_) => desk.leave("second", &note),
    }
}

/// Denies a waiting request with the key in the file `approver`. The reason is told to the asker;
/// the log says that a human denied it, not why.
pub fn deny(config: &Config, id: &str, reason: &str, approver: &Path) -> Result<(), ApproveError> {
    let desk = Desk::of(config, id, approver)?;
    let denial = Denial::sign(&desk.request, line("reason", reason)?, &desk.key);
    // Half a yes does not bind the other half.
    desk.open_for()?;
    desk.leave("denial", &denial.note)
}

/// Makes an approver's key in the file `path`, which must not exist, and returns its verifier key
/// for the configuration.
pub fn approver_init(path: &Path, name: &str) -> Result<String, KeyFileError> {
    Ok(make_key(path, name)?.verifier().vkey())
}

fn line(what: &'static str, text: &str) -> Result<Line, ApproveError> {
    Line::new(text).ok_or(ApproveError::BadLine(what))
}

/// What a clerk has in hand: one waiting request, and the key to decide on it.
struct Desk {
    id: EntryId,
    page: Pending,
    /// The leaf of the kept package, which is what is signed, not what a page says about it.
    request: Hash,
    decisions: Decisions,
    key: Signer,
}

impl Desk {
    fn of(config: &Config, id: &str, approver: &Path) -> Result<Self, ApproveError> {
        let entry = EntryId::from_hex(id).ok_or_else(|| ApproveError::BadId(id.to_owned()))?;
        let waiting = Waiting::at(&config.data);
        let absent = || ApproveError::NotPending(id.to_owned());
        let page = waiting.page(&entry)?.ok_or_else(absent)?;
        let key = read_key(approver)?;
        let vkey = key.verifier();
        if !approvers(config)?.contains(&vkey) {
            return Err(ApproveError::NotAnApprover { vkey: vkey.vkey() });
        }
        let asked = waiting.asked(&entry)?.ok_or_else(absent)?;
        // Nobody decides on what nobody can read.
        named_order(&waiting, &asked)?;
        let request = asked.request().hash();
        Ok(Self { id: entry, page, request, decisions: Decisions::at(&config.data), key })
    }

    /// It may still be decided: what one approver signed already, where two must.
    fn open_for(&self) -> Result<Option<Approval>, ApproveError> {
        match self.decisions.get(&self.id)? {
            Some(decided) if decided.is_complete(&self.page) => Err(ApproveError::Decided(self.id.to_hex())),
            Some(Decided::Yes(approvals)) => Ok(approvals.into_iter().next()),
            Some(Decided::No(_)) | None => Ok(None),
        }
    }

    fn leave(&self, what: &str, note: &[u8]) -> Result<(), ApproveError> {
        match durable::create_exclusive(&self.decisions.path(&self.id, what), note) {
            Err(DurableError::Exists { .. }) => Err(ApproveError::Decided(self.id.to_hex())),
            left => Ok(left?),
        }
    }
}

/// What humans decided, not verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decided {
    /// One or two.
    Yes(Vec<Approval>),
    No(Denial),
}

impl Decided {
    /// Whether as many have decided as must.
    pub(crate) fn is_complete(&self, page: &Pending) -> bool {
        match self {
            Self::Yes(approvals) => approvals.len() >= page.approvals,
            Self::No(_) => true,
        }
    }
}

/// The folder of decisions.
#[derive(Debug, Clone)]
pub(crate) struct Decisions {
    folder: PathBuf,
    kept: PathBuf,
}

impl Decisions {
    pub(crate) fn at(data: &Path) -> Self {
        Self { folder: data.join(APPROVALS), kept: data.join(EVIDENCE) }
    }

    /// What was decided; where both were, it is no.
    pub(crate) fn get(&self, id: &EntryId) -> Result<Option<Decided>, DurableError> {
        let read = |what| durable::read_limited(&self.path(id, what), NOTE_MAX_BYTES);
        if let Some(note) = read("denial")? {
            return Ok(Some(Decided::No(Denial { note })));
        }
        let mut approvals = Vec::new();
        for what in ["approval", "second"] {
            approvals.extend(read(what)?.map(|note| Approval { note }));
        }
        Ok((!approvals.is_empty()).then_some(Decided::Yes(approvals)))
    }

    /// Puts aside what does not count, so that it can be decided anew.
    pub(crate) fn reject(&self, id: &EntryId) -> Result<(), DurableError> {
        NOTES.iter().try_for_each(|what| {
            let mut aside = self.path(id, "rejected");
            for number in 2.. {
                if !aside.exists() {
                    break;
                }
                // What a clerk signed is kept, however often.
                aside = self.path(id, &format!("rejected-{number}"));
            }
            put(&self.path(id, what), &aside)
        })
    }

    /// The decision was taken in. What was signed is kept: a grant names it by its hash.
    pub(crate) fn file(&self, id: &EntryId) -> Result<(), DurableError> {
        NOTES.iter().try_for_each(|what| {
            put(&self.path(id, what), &self.kept.join(format!("{}.{what}", id.to_hex())))
        })
    }

    fn path(&self, id: &EntryId, what: &str) -> PathBuf {
        self.folder.join(format!("{}.{what}", id.to_hex()))
    }
}

/// Moves a file that may not be there.
fn put(from: &Path, to: &Path) -> Result<(), DurableError> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(DurableError::at(from, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_note_that_did_not_count_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(APPROVALS)).unwrap();
        let (decisions, id) = (Decisions::at(dir.path()), EntryId([7; 16]));
        let leave = |what, note: &[u8]| std::fs::write(decisions.path(&id, what), note).unwrap();
        leave("approval", b"first");
        leave("second", b"second");
        decisions.reject(&id).unwrap();
        assert_eq!(decisions.get(&id).unwrap(), None);
        leave("denial", b"third");
        decisions.reject(&id).unwrap();
        decisions.reject(&id).unwrap();
        let kept = ["rejected", "rejected-2", "rejected-3"].map(|what| decisions.path(&id, what));
        assert_eq!(kept.map(|path| std::fs::read(path).unwrap()), [&b"first"[..], b"second", b"third"]);
        assert_eq!(std::fs::read_dir(dir.path().join(APPROVALS)).unwrap().count(), 3);
    }
}
