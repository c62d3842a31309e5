//! Evidence of a stamp that no honest log gives, checked with a log policy alone. Contract:
//! `proto/gossip.md#stamp-faults`.
//!
//! ```text
//! candor stamp fault v1
//! kind early
//! entry Y2FuZG9yIGdyYW50IHYxCi4uLg==      the entry
//! proof YzJzcC5vcmcvdGxvZy1wcm9vZkB2...   its tlog-proof
//! head bG9nLmV4YW1wbGUK...                early, late: the cosigned head that contradicts the stamp
//! before Y2FuZG9yIGdyYW50IHYx...          out-of-order: an earlier entry, stamped later
//! before-proof YzJzcC5vcmcvdGxvZy...      and its tlog-proof
//! ```

use super::{ENTRY_MAX_BYTES, SKEW_SECS, StampKey, verify};
use crate::logged::check_inclusion;
use crate::merkle;
use crate::note::NOTE_MAX_BYTES;
use crate::policy::{Policy, VerifyError};
use crate::proof::{PROOF_MAX_BYTES, ProofError, TlogProof};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const HEADER: &str = "candor stamp fault v1";
/// The largest evidence.
pub const STAMP_FAULT_MAX_BYTES: usize =
    (2 * (ENTRY_MAX_BYTES + PROOF_MAX_BYTES) + NOTE_MAX_BYTES) * 4 / 3 + 256;

/// Why bytes are no evidence of a bad stamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StampFaultError {
    /// Not the lines of a stamp fault.
    #[error("not a stamp fault: {0}")]
    BadForm(&'static str),
    /// A tlog-proof that is none.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A head that the policy does not accept.
    #[error(transparent)]
    Head(#[from] VerifyError),
    /// An entry that is not where its proof says.
    #[error("an entry is not in the log at its index: {0}")]
    NotIncluded(#[from] merkle::VerifyError),
    /// Heads of two logs.
    #[error("the heads are of different logs")]
    OtherLog,
    /// A head or an entry on the wrong side of the accused one.
    #[error("the head or the earlier entry does not bound the stamp of this entry")]
    NoBound,
    /// The stamp is what an honest log may give.
    #[error("the stamp is within its bounds: this is no fault")]
    NoFault,
}

/// An entry and its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// As it stands in the log.
    pub entry: Vec<u8>,
    /// Of its place.
    pub proof: TlogProof,
}

/// What contradicts the stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Against {
    /// The entry has none that holds.
    Missing,
    /// A cosigned head covers the entry, and was cosigned before.
    Late(Vec<u8>),
    /// A cosigned head does not cover it, and was cosigned after.
    Early(Vec<u8>),
    /// An earlier entry was stamped later.
    OutOfOrder(Shown),
}

/// The fault in one word: `early`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StampFaultKind {
    /// No stamp that holds.
    Missing,
    /// Later than a head that covers the entry.
    Late,
    /// Earlier than a head that does not.
    Early,
    /// Earlier than a stamp before it.
    OutOfOrder,
}

impl StampFaultKind {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Late => "late",
            Self::Early => "early",
            Self::OutOfOrder => "out-of-order",
        }
    }
}

/// An entry whose stamp no honest log gives, as received: see [`StampFault::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StampFault {
    pub(super) shown: Shown,
    pub(super) against: Against,
}

/// A fault that was verified: only [`StampFault::verify`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedStampFault {
    kind: StampFaultKind,
    index: u64,
    times: Option<(u64, u64)>,
}

impl VerifiedStampFault {
    /// What is wrong.
    pub fn kind(&self) -> StampFaultKind {
        self.kind
    }

    /// Where the entry stands.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The stamp's time, if it has one, and the time that contradicts it, Unix seconds.
    pub fn times(&self) -> Option<(u64, u64)> {
        self.times
    }
}

impl StampFault {
    /// What is claimed to be wrong.
    pub fn kind(&self) -> StampFaultKind {
        match self.against {
            Against::Missing => StampFaultKind::Missing,
            Against::Late(_) => StampFaultKind::Late,
            Against::Early(_) => StampFaultKind::Early,
            Against::OutOfOrder(_) => StampFaultKind::OutOfOrder,
        }
    }

    /// Where the accused entry is claimed to stand.
    pub fn index(&self) -> u64 {
        self.shown.proof.index()
    }

    /// Checks the evidence: the entries stand in a log of the policy, heads that a quorum cosigned
    /// bound them, and the stamp is outside.
    pub fn verify(&self, policy: &Policy) -> Result<VerifiedStampFault, StampFaultError> {
        let index = self.index();
        let (origin, keys) = placed(&self.shown, policy)?;
        let stamp = verify(&self.shown.entry, &keys);
        let head = |note: &[u8]| {
            let head = policy.verify_checkpoint(note)?;
            if head.checkpoint().origin() == origin { Ok(head) } else { Err(StampFaultError::OtherLog) }
        };
        let times = match (&self.against, stamp) {
            // SPEC: gossip.md#stamp-faults: a stamp within its bounds MUST be refused as evidence.
            (Against::Missing, Ok(_)) => return Err(StampFaultError::NoFault),
            (Against::Missing, Err(_)) => None,
            // Another fault than the one that is claimed.
            (Against::Late(_) | Against::Early(_) | Against::OutOfOrder(_), Err(_)) => {
                return Err(StampFaultError::NoFault);
            }
            (Against::Late(note), Ok(stamp)) => {
                let head = head(note)?;
                if index >= head.checkpoint().size() {
                    return Err(StampFaultError::NoBound);
                }
                let outside = stamp > head.cosigned_at().saturating_add(SKEW_SECS);
                outside.then_some((stamp, head.cosigned_at())).ok_or(StampFaultError::NoFault)?.into()
            }
            (Against::Early(note), Ok(stamp)) => {
                let head = head(note)?;
                if index < head.checkpoint().size() {
                    return Err(StampFaultError::NoBound);
                }
                let outside = stamp.saturating_add(SKEW_SECS) < head.first_cosigned_at();
                outside.then_some((stamp, head.first_cosigned_at())).ok_or(StampFaultError::NoFault)?.into()
            }
            (Against::OutOfOrder(before), Ok(stamp)) => {
                let (other, keys) = placed(before, policy)?;
                if other != origin {
                    return Err(StampFaultError::OtherLog);
                }
                if before.proof.index() >= index {
                    return Err(StampFaultError::NoBound);
                }
                let earlier = verify(&before.entry, &keys).map_err(|_| StampFaultError::NoBound)?;
                (stamp < earlier).then_some((stamp, earlier)).ok_or(StampFaultError::NoFault)?.into()
            }
        };
        Ok(VerifiedStampFault { kind: self.kind(), index, times })
    }

    /// Parses the text form; [`StampFault::encode`] gives back the same bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, StampFaultError> {
        if bytes.len() > STAMP_FAULT_MAX_BYTES {
            return Err(StampFaultError::BadForm("too long"));
        }
        let text = core::str::from_utf8(bytes).map_err(|_| StampFaultError::BadForm("not UTF-8"))?;
        let text = text.strip_suffix('\n').ok_or(StampFaultError::BadForm("no newline at the end"))?;
        let mut lines = text.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(StampFaultError::BadForm("the first line must be \"candor stamp fault v1\""));
        }
        let kind = lines.next().and_then(|line| line.strip_prefix("kind "));
        let mut field = |name: &str| {
            let encoded = lines.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(' '));
            let decoded = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
            decoded.ok_or(StampFaultError::BadForm("a line is missing, out of order or not base64"))
        };
        let shown = Shown { entry: field("entry")?, proof: TlogProof::parse(&field("proof")?)? };
        let against = match kind {
            Some("missing") => Against::Missing,
            Some("late") => Against::Late(field("head")?),
            Some("early") => Against::Early(field("head")?),
            Some("out-of-order") => Against::OutOfOrder(Shown {
                entry: field("before")?,
                proof: TlogProof::parse(&field("before-proof")?)?,
            }),
            Some(_) | None => return Err(StampFaultError::BadForm("a kind that is not known")),
        };
        // SPEC: gossip.md#stamp-faults: other lines, or another order, MUST be refused.
        match lines.next() {
            None => Ok(Self { shown, against }),
            Some(_) => Err(StampFaultError::BadForm("a line too many")),
        }
    }

    /// The text form.
    pub fn encode(&self) -> Vec<u8> {
        let line = |name: &str, bytes: &[u8]| format!("{name} {}\n", STANDARD.encode(bytes));
        let shown = line("entry", &self.shown.entry) + &line("proof", &self.shown.proof.encode());
        let against = match &self.against {
            Against::Missing => String::new(),
            Against::Late(head) | Against::Early(head) => line("head", head),
            Against::OutOfOrder(before) => {
                line("before", &before.entry) + &line("before-proof", &before.proof.encode())
            }
        };
        format!("{HEADER}\nkind {}\n{shown}{against}", self.kind().word()).into_bytes()
    }
}

/// The log in which an entry stands by its proof, and the keys of its stamps.
fn placed(shown: &Shown, policy: &Policy) -> Result<(String, Vec<StampKey>), StampFaultError> {
    let head = policy.verify_checkpoint(&shown.proof.checkpoint().encode())?;
    check_inclusion(&shown.entry, &shown.proof, &head)?;
    let origin = String::from(head.checkpoint().origin());
    let keys = policy.stamp_keys_of(&origin);
    Ok((origin, keys))
}
