//! The Merkle tree of RFC 6962 (section 2.1): hashes, proofs, and the frontier that appends.
//! Contract: `proto/log.md#the-tree`; vectors: `proto/vectors/merkle.json`, made by `merkle.py`.
//!
//! ```text
//! leaf hash = SHA-256(0x00 || entry)              a tree of 5 leaves, its perfect subtrees (level, index):
//! node hash = SHA-256(0x01 || left || right)
//! root of nothing = SHA-256("")                        root
//!                                                     /    \
//!                                                  (2,0)   (0,4)
//!                                                 /     \
//!                                             (1,0)     (1,1)
//! ```
//!
//! Sizes and indexes are any `u64` a peer may send. Every loop is bounded by the 64 bits of a size,
//! nothing recurses, and no sum of two sizes is taken.

mod frontier;
mod nodes;
mod prove;
mod tree;
mod verify;

#[cfg(test)]
mod tests;

pub use frontier::Frontier;
pub use nodes::{NodeId, cover, root_at};
pub use prove::{ProveError, prove_consistency, prove_inclusion};
pub use tree::Tree;
pub use verify::{VerifyError, verify_consistency, verify_inclusion};

use crate::Hash;
use alloc::vec::Vec;

/// The longest proof that a tree of 64-bit size can need: 64 levels, and one node to start from.
pub const MAX_PROOF_HASHES: usize = 65;

/// The siblings of a leaf on its way to the root, from the leaf up (RFC 6962 section 2.1.1). Nothing
/// is known of it until [`verify_inclusion`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InclusionProof(pub Vec<Hash>);

/// The nodes that show a tree to be a prefix of a larger one, in the order of RFC 6962 (section
/// 2.1.2). Nothing is known of it until [`verify_consistency`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConsistencyProof(pub Vec<Hash>);

/// The hash of an entry as a leaf. The 0x00 keeps an entry from posing as an inner node.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash::of(&[&[0x00], entry])
}

/// The hash of an inner node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash::of(&[&[0x01], &left.0, &right.0])
}

/// The root of the tree over these leaf hashes; of none, SHA-256 of the empty string.
pub fn root_of(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.push(*leaf);
    }
    frontier.root()
}
