//! What trustees write about a request.

use crate::record;
use crate::value::{EntryId, Name, Word};
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
