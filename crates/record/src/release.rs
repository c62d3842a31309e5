//! What trustees write about a request.

use crate::record;
use crate::value::{EntryId, Name, Word};
use alloc::vec::Vec;
use media::epoch::{EpochOpen, SealedShare};
use media::time::Seconds;
use tlog::Hash;

record! {
    /// A trustee lets its shares of the requested epochs go. No bundle leaves the trustee before
    /// this is in the log.
    Grant {
        /// The request's id.
        id: EntryId = "id",
        /// Who grants, and signs.
        trustee: Name = "trustee",
        /// The request's place in the log.
        request_index: u64 = "request-index",
        /// The request's leaf hash.
        request: Hash = "request",
        /// How many epochs.
        epochs: u32 = "epochs",
        /// Hash of the list of (epoch number, hash of the sealed share): exactly what was opened.
        shares: Hash = "shares",
        /// SHA-256 of the bundle.
        bundle: Hash = "bundle",
        /// Hash of the decision record that the trustee keeps.
        decision: Hash = "decision",
        /// SHA-256 of the approver's public key; none where no human is asked.
        approver: Option<Hash> = "approver",
        /// When, by the trustee's clock.
        time: Seconds = "time",
    }
}

record! {
    /// A trustee refuses a logged request.
    RefusalLeaf {
        /// The request's id.
        id: EntryId = "id",
        /// Who refuses, and signs.
        trustee: Name = "trustee",
        /// The request's place in the log.
        request_index: u64 = "request-index",
        /// The request's leaf hash.
        request: Hash = "request",
        /// The step of the gate, such as `g7`.
        step: Word = "step",
        /// The refusal's name.
        reason: Word = "reason",
        /// When, by the trustee's clock.
        time: Seconds = "time",
    }
}

record! {
    /// A sealed share did not open, or does not match the camera's commitment.
    ShareBad {
        /// The request's id.
        id: EntryId = "id",
        /// Who found it, and signs.
        trustee: Name = "trustee",
        /// The request's place in the log.
        request_index: u64 = "request-index",
        /// The request's leaf hash.
        request: Hash = "request",
        /// SHA-256 of the evidence that the trustee keeps.
        evidence: Hash = "evidence",
        /// When, by the trustee's clock.
        time: Seconds = "time",
    }
}

/// The slots of this index that are filled, by epoch.
pub fn slots(opens: &[EpochOpen], index: u8) -> impl Iterator<Item = (&EpochOpen, &SealedShare)> {
    let at = usize::from(index).checked_sub(1);
    opens.iter().filter_map(move |open| Some((open, open.shares.get(at?)?.as_ref()?)))
}

/// What a grant says was opened: SHA-256("candor shares\0" || for each epoch in which the slot of
/// this index is filled: u64 epoch_no || SHA-256(day_key_id || sealed share)).
pub fn shares_hash(opens: &[EpochOpen], index: u8) -> Hash {
    let mut list: Vec<u8> = b"candor shares\0".to_vec();
    for (open, share) in slots(opens, index) {
        list.extend_from_slice(&open.context.epoch_no.0.to_be_bytes());
        list.extend_from_slice(Hash::of(&[&share.day_key_id, &share.sealed]).as_bytes());
    }
    Hash::of(&[&list])
}
