//! Perfect subtrees and proofs, read from the tile files.

use crate::storage::Storage;
use crate::tree::{TreeError, bad_tile, read_tile};
use std::collections::BTreeMap;
use tlog::Hash;
use tlog::merkle::{self, ConsistencyProof, InclusionProof, NodeId, ProveError};
use tlog::tile::{Tile, TilePath, place_of};

/// The nodes of the tree of the first `size` leaves. Keeps the tiles it read: one proof needs few,
/// and them often.
pub(crate) struct Nodes<'a, S> {
    storage: &'a S,
    size: u64,
    tiles: BTreeMap<TilePath, Tile>,
}

impl<'a, S: Storage> Nodes<'a, S> {
    pub(crate) fn new(storage: &'a S, size: u64) -> Self {
        Self { storage, size, tiles: BTreeMap::new() }
    }

    /// That leaf `index` is in this tree.
    pub(crate) fn prove_inclusion(&mut self, index: u64) -> Result<InclusionProof, TreeError> {
        named(merkle::prove_inclusion(index, self.size, |id| self.node(id)))
    }

    /// The hash of leaf `index`.
    pub(crate) fn leaf(&mut self, index: u64) -> Result<Hash, TreeError> {
        self.node(NodeId { level: 0, index })
    }

    /// That this tree continues its first `old` leaves.
    pub(crate) fn prove_consistency(&mut self, old: u64) -> Result<ConsistencyProof, TreeError> {
        named(merkle::prove_consistency(old, self.size, |id| self.node(id)))
    }

    /// A perfect subtree: one hash of a tile, or the root over a few neighbouring ones.
    fn node(&mut self, id: NodeId) -> Result<Hash, TreeError> {
        let place = place_of(id);
        let path = place.tile_in(self.size).ok_or(TreeError::OutOfTree)?;
        if !self.tiles.contains_key(&path) {
            let tile = read_prefix(self.storage, &path)?.ok_or_else(|| bad_tile(&path, self.size))?;
            self.tiles.insert(path, tile);
        }
        self.tiles[&path].subtree(&place).ok_or_else(|| bad_tile(&path, self.size))
    }
}

/// A tile, or the beginning of the full one that has replaced it.
fn read_prefix<S: Storage>(storage: &S, path: &TilePath) -> Result<Option<Tile>, TreeError> {
    if let Some(mut full) = read_tile(storage, &path.full())? {
        full.hashes.truncate(path.width().into());
        return Ok(Some(full));
    }
    Ok(read_tile(storage, path)?)
}

fn named<T>(outcome: Result<T, ProveError<TreeError>>) -> Result<T, TreeError> {
    outcome.map_err(|error| match error {
        ProveError::Node(error) => error,
        // Callers ask within the tree they named.
        ProveError::OutOfRange { .. } => TreeError::OutOfTree,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::Edge;
    use crate::storage::tests::Faulty;
    use tlog::merkle::leaf_hash;

    #[test]
    fn proofs_from_tiles_are_those_of_the_tree_in_memory() {
        let (disk, mut edge, mut memory) = (Faulty::default(), Edge::default(), merkle::Tree::new());
        const SIZE: u64 = 66_000;
        let mut files = Vec::new();
        for n in 0..SIZE {
            edge.push(&n.to_be_bytes(), &mut files);
            memory.push(leaf_hash(&n.to_be_bytes()));
        }
        files.extend(edge.unfinished());
        for file in files {
            disk.link(&crate::storage::tile_file(&file.path), &file.bytes).unwrap();
        }
        assert_eq!(edge.root(), memory.root());
        for size in [1, 2, 255, 256, 257, 512, 1000, 65_535, 65_536, 65_537, SIZE] {
            let mut nodes = Nodes::new(&disk, size);
            for index in [0, 1, 127, 255, 256, size / 2, size - 1] {
                if index < size {
                    assert_eq!(
                        nodes.prove_inclusion(index).unwrap(),
                        memory.prove_inclusion(index, size).unwrap()
                    );
                }
            }
            for old in [0, 1, 128, 256, 300, 65_536, size / 3, size - 1, size] {
                if old <= size {
                    assert_eq!(
                        nodes.prove_consistency(old).unwrap(),
                        memory.prove_consistency(old, size).unwrap()
                    );
                }
            }
            assert!(matches!(nodes.prove_inclusion(size), Err(TreeError::OutOfTree)));
            assert!(matches!(nodes.prove_consistency(size + 1), Err(TreeError::OutOfTree)));
        }
        // A damaged tile is named, not proved from.
        disk.sync(&["public/tile/0".to_owned()]).unwrap();
        disk.tamper("public/tile/0/000", |bytes| bytes.truncate(100));
        assert!(matches!(Nodes::new(&disk, SIZE).prove_inclusion(3), Err(TreeError::BadTile { .. })));
    }
}
