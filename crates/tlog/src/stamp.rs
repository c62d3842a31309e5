//! Stamps: when the log ordered an entry, in its own words. Contract: `proto/log.md#stamps`.
//!
//! ```text
//! candor grant v1
//! ...
//!
//! — bar.example jWbPPw...            whoever submitted it
//! — candor.example/log 8Jq1sQ...     the stamp: key id, u64 time, Ed25519 signature over
//!                                    "candor stamp\0" || SHA-256(text) || u64 time
//! ```
//!
//! The stamp is the last line of an entry and the log's own: the key is the one that signs its
//! checkpoints, under an id of its own, so that a log policy is all that a reader needs. A stamp is
//! the log's word; what holds the log to it are the cosigned heads around the entry
//! (`proto/gossip.md#following`).

mod bracket;
mod fault;

pub use bracket::{Bracket, Followed};
pub use fault::{
    STAMP_FAULT_MAX_BYTES, Shown, StampFault, StampFaultError, StampFaultKind, VerifiedStampFault,
};

use crate::Hash;
use crate::note::key::PublicKey;
use crate::note::statement::{TIME_MAX, verify_ed25519};
use crate::note::{Added, KeyId, NoteError, SIGNATURES_MAX, Signature, Signer, UnverifiedNote, Verifier};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

/// The largest entry, its stamp included.
pub const ENTRY_MAX_BYTES: usize = 32 * 1024;
/// The largest leaf that a log takes: its stamp needs some room.
pub const SUBMITTED_MAX_BYTES: usize = ENTRY_MAX_BYTES - 512;
/// By how many seconds a stamp may differ from what cosigned heads say of its time.
pub const SKEW_SECS: u64 = 30;

/// C2SP signed-note: 0xff begins a signature type with a longer identifier.
const SIGNATURE_TYPE: &[u8] = b"\xffcandor stamp v1";
/// No text of a checkpoint, which the same key signs, begins so.
const CONTEXT: &[u8] = b"candor stamp\0";

/// Why an entry has no good stamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// No note at all.
    #[error("the entry is no signed note: {0}")]
    Note(#[from] NoteError),
    /// Its last line is another.
    #[error("the entry's last signature line is no stamp of this log")]
    Missing,
    /// The last line claims to be the log's stamp, and is not.
    #[error("the stamp is not a signature of the log over this text and time")]
    Bad,
    /// Another line claims to be a stamp.
    #[error("the entry has a stamp before its last line")]
    Second,
    /// No room for a stamp line, or a time that cannot be stated.
    #[error(
        "a leaf of {SUBMITTED_MAX_BYTES} bytes and 63 signature lines at most can be stamped, at a time below 2^63"
    )]
    NoRoom,
}

/// The key under which stamps of one log are checked.
#[derive(Debug, Clone)]
pub struct StampKey {
    name: String,
    key_id: KeyId,
    key: ed25519_dalek::VerifyingKey,
}

impl StampKey {
    /// The stamp key of a log that signs its checkpoints with this note key (type 0x01); other
    /// keys make no stamps.
    pub fn of(log: &Verifier) -> Option<Self> {
        let PublicKey::Ed25519(key) = log.key() else { return None };
        let parts = [log.name().as_bytes(), b"\n", SIGNATURE_TYPE, key.as_bytes()];
        let [a, b, c, d, ..] = Hash::of(&parts).0;
        Some(Self { name: log.name().to_string(), key_id: KeyId([a, b, c, d]), key: *key })
    }

    /// The log's origin.
    pub fn origin(&self) -> &str {
        &self.name
    }

    /// Whether a line claims to be by this key.
    pub fn is_on(&self, line: &Signature) -> bool {
        line.key_id() == self.key_id && line.name() == self.name
    }

    fn time(&self, text: &str, line: &Signature) -> Option<u64> {
        let (time, signature) = line.bytes().split_first_chunk::<8>()?;
        let time = u64::from_be_bytes(*time);
        let holds = time <= TIME_MAX && verify_ed25519(&self.key, &message(text, time), signature);
        holds.then_some(time)
    }
}

fn message(text: &str, time: u64) -> Vec<u8> {
    [CONTEXT, &Hash::of(&[text.as_bytes()]).0, &time.to_be_bytes()].concat()
}

/// The hash by which a log knows a text, however it is signed.
pub fn text_hash(note: &UnverifiedNote) -> Hash {
    Hash::of(&[note.unverified_text().as_bytes()])
}

/// Whether this leaf can become an entry of the log that stamps with this key.
pub fn check_leaf(leaf: &UnverifiedNote, key: &StampKey) -> Result<(), StampError> {
    // SPEC: log.md#stamps: a leaf that bears a line of the stamp's key MUST NOT be admitted.
    if leaf.signatures().iter().any(|line| key.is_on(line)) {
        return Err(StampError::Second);
    }
    let full = leaf.signatures().len() >= SIGNATURES_MAX || leaf.encode().len() > SUBMITTED_MAX_BYTES;
    if full { Err(StampError::NoRoom) } else { Ok(()) }
}

/// Stamps a leaf: the entry. `log` is the key that signs the log's checkpoints.
pub fn stamp(log: &Signer, mut leaf: UnverifiedNote, time: u64) -> Result<UnverifiedNote, StampError> {
    let key = StampKey::of(&log.verifier()).ok_or(StampError::NoRoom)?;
    check_leaf(&leaf, &key)?;
    if time > TIME_MAX {
        return Err(StampError::NoRoom);
    }
    let signature = log.sign_bytes(&message(leaf.unverified_text(), time));
    let line = Signature::new(&key.name, key.key_id, [&time.to_be_bytes()[..], &signature].concat());
    match leaf.add(line) {
        Added::Line => Ok(leaf),
        Added::Not => Err(StampError::NoRoom),
    }
}

/// The time of an entry's stamp, Unix seconds.
pub fn verify(entry: &[u8], keys: &[StampKey]) -> Result<u64, StampError> {
    time_of(&UnverifiedNote::parse(entry)?, keys)
}

/// The same of an entry that was parsed.
pub fn time_of(entry: &UnverifiedNote, keys: &[StampKey]) -> Result<u64, StampError> {
    let (last, others) = entry.signatures().split_last().ok_or(StampError::Missing)?;
    // SPEC: log.md#stamps: the stamp MUST be the last line, and the only one of its key.
    let key = keys.iter().find(|key| key.is_on(last)).ok_or(StampError::Missing)?;
    if others.iter().any(|line| key.is_on(line)) {
        return Err(StampError::Second);
    }
    key.time(entry.unverified_text(), last).ok_or(StampError::Bad)
}

/// The hash of an entry's text, and its last line as it stands, with the newline.
pub fn split(entry: &[u8]) -> Result<(Hash, &[u8]), NoteError> {
    let text = text_hash(&UnverifiedNote::parse(entry)?);
    let body = entry.strip_suffix(b"\n").unwrap_or(entry);
    let line = body.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    Ok((text, entry.get(line..).unwrap_or_default()))
}

/// Whether an entry is this leaf with one line more.
pub fn is_stamped(entry: &[u8], leaf: &[u8]) -> bool {
    let line = entry.strip_prefix(leaf).unwrap_or_default();
    line.iter().filter(|byte| **byte == b'\n').count() == 1
}
