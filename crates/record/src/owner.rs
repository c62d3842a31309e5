//! What concerns one owner: a new policy, the confirmation of an emergency, a veto. All reach the
//! log through a sponsor, so that the log never learns who the owner is.

use crate::record;
use crate::text::TextError;
use crate::value::{EntryId, Name, Vkey};
use media::id::Day;
use media::time::Seconds;
use tlog::Hash;

/// The note name under which a device of an owner signs a veto.
pub const DEVICE_KEY_NAME: &str = "device";

record! {
    /// A camera has a new OwnerPolicy. It acts on it only once this leaf is witnessed, so no viewer
    /// is added in silence.
    OwnerPolicyLeaf {
        /// Fresh for every leaf.
        id: EntryId = "id",
        /// Who submits, and signs.
        sponsor: Name = "sponsor",
        /// By which the owner finds it.
        label: Hash = "label",
        /// [`policy_commitment`] to the policy.
        commitment: Hash = "commitment",
    }
}

record! {
    /// A court confirmed an emergency after the fact, and signs that it did. Whoever carries it to the
    /// log signs below it.
    Ratification {
        /// Fresh for every leaf.
        id: EntryId = "id",
        /// The court.
        court: Name = "court",
        /// The request's place in the log.
        request_index: u64 = "request-index",
        /// The request's leaf hash.
        request: Hash = "request",
        /// SHA-256 of the court's document.
        document: Hash = "document",
        /// When.
        time: Seconds = "time",
    }
}

record! {
    /// A device of the owner stops a recovery that it did not ask for. Whoever carries it to the log
    /// signs below it.
    Veto {
        /// Fresh for every leaf.
        id: EntryId = "id",
        /// The device's key, under the note name [`DEVICE_KEY_NAME`]; it signs.
        device: Vkey = "device",
        /// The request's place in the log.
        request_index: u64 = "request-index",
        /// The request's leaf hash.
        request: Hash = "request",
        /// When.
        time: Seconds = "time",
    }
    check |veto: &Veto| TextError::unless(
        veto.device.verifier().name() == DEVICE_KEY_NAME,
        "a device's key has the name `device`",
    );
}

/// What a policy leaf commits to. The id blinds it: who knows a policy's hash from an EpochOpen
/// still cannot find the leaf.
pub fn policy_commitment(id: &EntryId, policy_hash: &Hash) -> Hash {
    Hash::of(&[b"candor policy commitment\0", id.as_bytes(), policy_hash.as_bytes()])
}

impl OwnerPolicyLeaf {
    /// Whether a leaf that the log took at `stamp` may bear a label under the notice key of that
    /// day: else its owner could have read it before that key was tried.
    // SPEC: segment.md#ownerpolicy: a camera MUST refuse a policy whose leaf has another label.
    pub fn may_be_labelled(day: Day, stamp: Seconds) -> bool {
        let stamped = stamp.day();
        stamped == day || day.0.checked_add(1) == Some(stamped.0)
    }

    /// Whether this is the leaf of that policy.
    pub fn commits_to(&self, policy_hash: &Hash) -> bool {
        self.commitment == policy_commitment(&self.id, policy_hash)
    }
}
