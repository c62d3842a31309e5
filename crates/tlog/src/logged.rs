//! [`Logged`]: "this entry is in the log", as a type. Whoever holds one need not check anything
//! again, and whoever lacks a proof cannot make one.

use crate::checkpoint::Checkpoint;
use crate::merkle::{self, leaf_hash};
use crate::policy::{self, CosignedCheckpoint, Policy, Window};
use crate::proof::TlogProof;
use crate::stamp::{self, StampError};

/// Something that stands in a log as these exact bytes.
pub trait Entry {
    /// The bytes of the leaf.
    fn entry_bytes(&self) -> &[u8];
}

impl Entry for alloc::vec::Vec<u8> {
    fn entry_bytes(&self) -> &[u8] {
        self
    }
}

/// Why an entry is not known to be in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoggedError {
    /// The checkpoint is not the log's, or lacks the quorum.
    #[error("the proof's checkpoint is not accepted: {0}")]
    Checkpoint(#[from] policy::VerifyError),
    /// The checkpoint is good, and the entry is not at this place in it.
    #[error("the entry is not in the log at the stated index: {0}")]
    NotIncluded(#[from] merkle::VerifyError),
    /// It stands there, and the log never stamped it.
    #[error("the log has not stamped the entry: {0}")]
    Stamp(#[from] StampError),
}

/// An entry that stands in a log, under a checkpoint that the policy's witnesses cosigned.
///
/// The only way to one is [`Logged::verify`] (or [`Logged::verify_fresh`]):
///
/// ```
/// # use tlog::{Logged, LoggedError, policy::Policy, proof::TlogProof};
/// fn earn(entry: Vec<u8>, proof: &TlogProof, policy: &Policy) -> Result<Logged<Vec<u8>>, LoggedError> {
///     Logged::verify(entry, proof, policy)
/// }
/// ```
///
/// It cannot be built from its parts:
///
/// ```compile_fail,E0451
/// fn forge(entry: Vec<u8>, checkpoint: tlog::policy::CosignedCheckpoint) -> tlog::Logged<Vec<u8>> {
///     tlog::Logged { value: entry, index: 0, stamp: 0, checkpoint }
/// }
/// ```
///
/// nor carried over from one entry to another:
///
/// ```compile_fail,E0616
/// fn swap(mut logged: tlog::Logged<Vec<u8>>) -> tlog::Logged<Vec<u8>> {
///     logged.value = b"something else".to_vec();
///     logged
/// }
/// ```
///
/// nor can the checkpoint in it be made without the policy:
///
/// ```compile_fail,E0451
/// fn quorum_of_none(signed: tlog::checkpoint::SignedCheckpoint) -> tlog::policy::CosignedCheckpoint {
///     tlog::policy::CosignedCheckpoint { signed, cosignatures: vec![], cosigned_at: 0 }
/// }
/// ```
///
/// It is not `Default`, and has no `map`:
///
/// ```compile_fail,E0277
/// fn needs<T: Default>() {}
/// needs::<tlog::Logged<Vec<u8>>>();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
// SPEC: log.md#proofs: what MUST NOT happen without a leaf takes a `Logged`, which has no other
// constructor.
pub struct Logged<T> {
    value: T,
    index: u64,
    stamp: u64,
    checkpoint: CosignedCheckpoint,
}

impl<T: Entry> Logged<T> {
    /// Verifies that the entry is in the log: the log's signature, the witness quorum, the
    /// inclusion proof, and the log's stamp.
    pub fn verify(entry: T, proof: &TlogProof, policy: &Policy) -> Result<Self, LoggedError> {
        Self::verify_fresh(entry, proof, policy, Window::EVER)
    }

    /// The same, where only cosignatures made within the window count.
    pub fn verify_fresh(
        entry: T,
        proof: &TlogProof,
        policy: &Policy,
        window: Window,
    ) -> Result<Self, LoggedError> {
        let cosigned = policy.verify_fresh_checkpoint(&proof.checkpoint().encode(), window)?;
        check_inclusion(entry.entry_bytes(), proof, &cosigned)?;
        // SPEC: log.md#stamps: an entry without a good stamp counts nowhere.
        let keys = policy.stamp_keys_of(cosigned.checkpoint().origin());
        let stamp = stamp::verify(entry.entry_bytes(), &keys)?;
        Ok(Self { value: entry, index: proof.index(), stamp, checkpoint: cosigned })
    }
}

/// Whether an entry stands at its proof's index under this head, stamped or not.
pub(crate) fn check_inclusion(
    entry: &[u8],
    proof: &TlogProof,
    head: &CosignedCheckpoint,
) -> Result<(), merkle::VerifyError> {
    let (leaf, head) = (leaf_hash(entry), head.checkpoint());
    merkle::verify_inclusion(&leaf, proof.index(), head.size(), &head.root(), proof.inclusion())
}

impl<T> Logged<T> {
    /// The entry.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Its place in the log.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// When the log ordered it, by its stamp, Unix seconds.
    pub fn stamp(&self) -> u64 {
        self.stamp
    }

    /// The head it was verified against.
    pub fn checkpoint(&self) -> &Checkpoint {
        self.checkpoint.checkpoint()
    }

    /// The same with its cosignatures.
    pub fn cosigned(&self) -> &CosignedCheckpoint {
        &self.checkpoint
    }

    /// The earliest time by which a quorum had cosigned that head, Unix seconds.
    pub fn cosigned_at(&self) -> u64 {
        self.checkpoint.cosigned_at()
    }
}
