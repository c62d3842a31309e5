//! Making proofs, from wherever the perfect subtrees are kept.

use super::nodes::range_root;
use super::{ConsistencyProof, InclusionProof, NodeId};
use crate::Hash;
use alloc::vec::Vec;

/// Why a proof was not made. `E` is the caller's own trouble in finding a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProveError<E> {
    /// An index not in the tree, or a tree that is not the smaller one.
    #[error("{inner} is not within {outer} leaves")]
    OutOfRange {
        /// The leaf or smaller size asked for.
        inner: u64,
        /// The size of the tree.
        outer: u64,
    },
    /// A node could not be had.
    #[error("a node of the tree could not be read: {0}")]
    Node(E),
}

/// That leaf `index` is in a tree of `size` leaves.
pub fn prove_inclusion<E>(
    index: u64,
    size: u64,
    mut node: impl FnMut(NodeId) -> Result<Hash, E>,
) -> Result<InclusionProof, ProveError<E>> {
    if index >= size {
        return Err(ProveError::OutOfRange { inner: index, outer: size });
    }
    let hashes = path_from(NodeId { level: 0, index }, size, &mut node).map_err(ProveError::Node)?;
    Ok(InclusionProof(hashes))
}

/// That a tree of `new` leaves continues the tree of its first `old`. Empty for `old == 0` and `old
/// == new`.
pub fn prove_consistency<E>(
    old: u64,
    new: u64,
    mut node: impl FnMut(NodeId) -> Result<Hash, E>,
) -> Result<ConsistencyProof, ProveError<E>> {
    if old > new {
        return Err(ProveError::OutOfRange { inner: old, outer: new });
    }
    if old == 0 || old == new {
        return Ok(ConsistencyProof::default());
    }
    // The last perfect subtree of the old tree is whole in both; its path in the new tree passes
    // every other part of the old one.
    let level = old.trailing_zeros();
    let last = NodeId { level: u8::try_from(level).expect("at most 63"), index: (old >> level) - 1 };
    let mut hashes = Vec::new();
    if !old.is_power_of_two() {
        hashes.push(node(last).map_err(ProveError::Node)?);
    }
    hashes.extend(path_from(last, new, &mut node).map_err(ProveError::Node)?);
    Ok(ConsistencyProof(hashes))
}

/// The siblings of `start` on its way up to the root of a tree of `size` leaves.
fn path_from<E>(
    start: NodeId,
    size: u64,
    node: &mut impl FnMut(NodeId) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut path = Vec::new();
    let mut id = start;
    let mut last = (size - 1) >> id.level;
    while last > 0 {
        let sibling = NodeId { level: id.level, index: id.index ^ 1 };
        if sibling.index < last {
            path.push(node(sibling)?);
        } else if sibling.index == last {
            // The right edge: perfect or not, it is what remains of the tree.
            path.push(range_root(last << id.level, size, &mut *node)?);
        }
        id = NodeId { level: id.level + 1, index: id.index >> 1 };
        last >>= 1;
    }
    Ok(path)
}
