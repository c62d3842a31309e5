//! The right edge of a tree: the roots of its perfect subtrees, largest first. It is all that
//! appending needs, 64 hashes at most.

use super::node_hash;
use crate::Hash;
use alloc::vec::Vec;

/// An append-only tree of which only the perfect subtrees' roots are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    nodes: Vec<Hash>,
}

impl Frontier {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// A frontier as it was stored: the perfect subtrees of a tree of `size` leaves, left to right;
    /// `None` unless there is one for each bit set in the size.
    pub fn from_nodes(size: u64, nodes: Vec<Hash>) -> Option<Self> {
        (u32::try_from(nodes.len()) == Ok(size.count_ones())).then_some(Self { size, nodes })
    }

    /// Appends one leaf hash.
    pub fn push(&mut self, leaf: Hash) {
        self.push_subtree(0, leaf).expect("2^64 leaves are never reached by appending");
    }

    /// Appends the root of a perfect subtree of 2^`level` leaves; `None`, and nothing is appended, if
    /// it would not begin at a multiple of its width, or the tree would have 2^64 leaves or more.
    pub fn push_subtree(&mut self, level: u8, root: Hash) -> Option<()> {
        let width = 1u64.checked_shl(u32::from(level)).filter(|width| self.size.is_multiple_of(*width))?;
        let size = self.size.checked_add(width)?;
        let mut root = root;
        let mut rest = self.size >> level;
        // Every set bit above `level` that the addition carries through is a subtree to merge with.
        while rest & 1 == 1 {
            let left = self.nodes.pop().expect("one node for each bit set in the size");
            root = node_hash(&left, &root);
            rest >>= 1;
        }
        self.nodes.push(root);
        self.size = size;
        Some(())
    }

    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root hash.
    pub fn root(&self) -> Hash {
        let folded = self.nodes.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
        folded.unwrap_or_else(|| Hash::of(&[]))
    }

    /// The perfect subtrees, left to right: what to store.
    pub fn nodes(&self) -> &[Hash] {
        &self.nodes
    }
}
