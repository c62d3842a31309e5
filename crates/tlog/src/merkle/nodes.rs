//! Perfect subtrees by name, and what a range of leaves is made of. Proofs and roots are computed
//! from them, wherever they are kept: in memory ([`super::Tree`]) or in tiles
//! ([`crate::tile::place_of`]).

use super::node_hash;
use crate::Hash;
use alloc::vec::Vec;

/// The perfect subtree over the leaves `index * 2^level .. (index + 1) * 2^level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// log2 of how many leaves it covers.
    pub level: u8,
    /// Its place among the subtrees of this level.
    pub index: u64,
}

/// The perfect subtrees that cover `begin..end`, left to right, each as large as alignment and
/// `end` allow: at most 128. For `begin = 0` they are the frontier of a tree of `end` leaves.
pub fn cover(begin: u64, end: u64) -> Vec<NodeId> {
    let mut nodes = Vec::new();
    let mut at = begin;
    while at < end {
        let room = 63 - (end - at).leading_zeros();
        // At zero every width is aligned, and trailing_zeros says 64.
        let level = room.min(at.trailing_zeros());
        nodes.push(NodeId { level: u8::try_from(level).expect("at most 63"), index: at >> level });
        // Cannot overflow: at + 2^level <= end.
        at += 1u64 << level;
    }
    nodes
}

/// The root of the tree of the first `size` leaves.
pub fn root_at<E>(size: u64, node: impl FnMut(NodeId) -> Result<Hash, E>) -> Result<Hash, E> {
    range_root(0, size, node)
}

/// The hash of `begin..end`, where `begin` is aligned to a power of two not less than `end -
/// begin`.
pub(super) fn range_root<E>(
    begin: u64,
    end: u64,
    mut node: impl FnMut(NodeId) -> Result<Hash, E>,
) -> Result<Hash, E> {
    let mut root = None;
    for id in cover(begin, end).into_iter().rev() {
        let left = node(id)?;
        root = Some(root.map_or(left, |right| node_hash(&left, &right)));
    }
    Ok(root.unwrap_or_else(|| Hash::of(&[])))
}
