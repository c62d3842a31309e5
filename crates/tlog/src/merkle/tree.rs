//! A whole tree in memory.

use super::{
    ConsistencyProof, Frontier, InclusionProof, NodeId, ProveError, cover, node_hash, prove_consistency,
    prove_inclusion, root_at,
};
use crate::Hash;
use alloc::vec::Vec;
use core::convert::Infallible;

/// A tree that keeps all its perfect subtrees in memory, 64 bytes a leaf: it can prove anything
/// about any earlier size.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one leaf hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let nodes = &mut self.levels[level];
            nodes.push(hash);
            if nodes.len() % 2 == 1 {
                return;
            }
            hash = node_hash(&nodes[nodes.len() - 2], &nodes[nodes.len() - 1]);
        }
    }

    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// A perfect subtree; `None` if it is not complete yet.
    pub fn node(&self, id: NodeId) -> Option<Hash> {
        let index = usize::try_from(id.index).ok()?;
        self.levels.get(usize::from(id.level))?.get(index).copied()
    }

    /// The root of the whole tree.
    pub fn root(&self) -> Hash {
        self.root_at(self.size()).expect("its own size")
    }

    /// The root when the tree had `size` leaves; `None` if it never had.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        root_at(size.min(self.size()), |id| self.node(id).ok_or(())).ok().filter(|_| size <= self.size())
    }

    /// The frontier when the tree had `size` leaves; `None` if it never had.
    pub fn frontier_at(&self, size: u64) -> Option<Frontier> {
        if size > self.size() {
            return None;
        }
        let nodes = cover(0, size).into_iter().map(|id| self.node(id)).collect::<Option<_>>()?;
        Frontier::from_nodes(size, nodes)
    }

    /// That leaf `index` is in the tree of the first `size` leaves.
    pub fn prove_inclusion(&self, index: u64, size: u64) -> Result<InclusionProof, ProveError<Infallible>> {
        self.bounded(size)?;
        prove_inclusion(index, size, |id| Ok(self.known(id)))
    }

    /// That the tree of the first `new` leaves continues that of the first `old`.
    pub fn prove_consistency(&self, old: u64, new: u64) -> Result<ConsistencyProof, ProveError<Infallible>> {
        self.bounded(new)?;
        prove_consistency(old, new, |id| Ok(self.known(id)))
    }

    fn bounded(&self, size: u64) -> Result<(), ProveError<Infallible>> {
        if size > self.size() {
            Err(ProveError::OutOfRange { inner: size, outer: self.size() })
        } else {
            Ok(())
        }
    }

    fn known(&self, id: NodeId) -> Hash {
        self.node(id).expect("a subtree within the size is complete")
    }
}
