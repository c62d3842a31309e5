//! What concerns one owner: a new policy, the confirmation of an emergency, a veto. All reach the
//! log through the sponsor, so that the log never learns who the owner is.

use crate::record;
use crate::value::{EntryId, Name};
use media::time::Seconds;
use tlog::Hash;

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
    /// A court confirmed an emergency after the fact.
    Ratification {
        /// Fresh for every leaf.
        id: EntryId = "id",
        /// The sponsor of the request, who signs.
        sponsor: Name = "sponsor",
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
    /// The owner stops a recovery that one of the devices did not ask for.
    Veto {
        /// Fresh for every leaf.
        id: EntryId = "id",
        /// The sponsor that speaks for the owner, and signs.
        sponsor: Name = "sponsor",
        /// The request's place in the log.
        request_index: u64 = "request-index",
        /// The request's leaf hash.
        request: Hash = "request",
        /// SHA-256 of the owner's signed veto, which the sponsor keeps.
        document: Hash = "document",
        /// When.
        time: Seconds = "time",
    }
}

/// What a policy leaf commits to. The id blinds it: who knows a policy's hash from an EpochOpen
/// still cannot find the leaf.
pub fn policy_commitment(id: &EntryId, policy_hash: &Hash) -> Hash {
    Hash::of(&[b"candor policy commitment\0", id.as_bytes(), policy_hash.as_bytes()])
}

impl OwnerPolicyLeaf {
    /// Whether this is the leaf of that policy.
    pub fn commits_to(&self, policy_hash: &Hash) -> bool {
        self.commitment == policy_commitment(&self.id, policy_hash)
    }
}
