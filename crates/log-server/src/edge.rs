//! The right edge of the tree: the unfinished tile of every level. It is all the sequencer keeps in
//! memory, and from it come the files of the next tree: a leaf appended to the edge completes at
//! most one tile a level.
//!
//! ```text
//! size 70,000:   tile/entries/273.p/112    273 full bundles before it
//!                tile/0/273.p/112          273 full tiles before it
//!                tile/1/001.p/17           1 full tile before it
//!                tile/2/000.p/1
//! ```

use tlog::Hash;
use tlog::merkle::{leaf_hash, node_hash, root_of};
use tlog::tile::{Kind, TILE_WIDTH, TilePath};

/// Hashes in a full tile, entries in a full bundle.
pub(crate) const WIDTH: usize = TILE_WIDTH as usize;

/// One file of the tree, to be linked once and never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TileFile {
    pub(crate) path: TilePath,
    pub(crate) bytes: Vec<u8>,
}

/// The unfinished tiles of a tree of `size` leaves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Edge {
    size: u64,
    /// `levels[l]` holds the hashes of the unfinished tile of level `l`, fewer than [`WIDTH`].
    levels: Vec<Vec<Hash>>,
    /// The unfinished entry bundle.
    bundle: Vec<u8>,
}

impl Edge {
    /// An edge from the unfinished tiles as they were read; `None` if their widths are not those of
    /// a tree of `size`.
    pub(crate) fn from_tiles(size: u64, levels: Vec<Vec<Hash>>, bundle: Vec<u8>) -> Option<Self> {
        let fits = levels.iter().enumerate().all(|(level, tile)| tile.len() as u64 == width_at(size, level));
        let complete = width_levels(size) == levels.len();
        (fits && complete).then_some(Self { size, levels, bundle })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The last entry, unless it completed its bundle.
    pub(crate) fn last_entry(&self) -> Option<&[u8]> {
        let (mut last, mut rest) = (None, self.bundle.as_slice());
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let (entry, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            (last, rest) = (Some(entry), after);
        }
        last
    }

    /// The RFC 6962 root: the perfect subtrees at the edge, from the smallest to the largest,
    /// hashed together.
    pub(crate) fn root(&self) -> Hash {
        let mut root: Option<Hash> = None;
        for tile in &self.levels {
            let mut rest = tile.as_slice();
            while !rest.is_empty() {
                // The lowest set bit of the width is the rightmost perfect subtree of this tile.
                let width = 1 << rest.len().trailing_zeros();
                let (left, subtree) = rest.split_at(rest.len() - width);
                let subtree = root_of(subtree);
                root = Some(root.map_or(subtree, |right| node_hash(&subtree, &right)));
                rest = left;
            }
        }
        root.unwrap_or_else(|| root_of(&[]))
    }

    /// Appends one entry; the files it completes go to `finished`. Returns its leaf hash.
    pub(crate) fn push(&mut self, entry: &[u8], finished: &mut Vec<TileFile>) -> Hash {
        let length = u16::try_from(entry.len()).expect("admission bounds an entry far below 65,535 bytes");
        self.bundle.extend_from_slice(&length.to_be_bytes());
        self.bundle.extend_from_slice(entry);
        let leaf = leaf_hash(entry);
        self.size += 1;
        let mut carried = Some(leaf);
        let mut level = 0;
        while let Some(hash) = carried {
            if self.levels.len() == level {
                self.levels.push(Vec::with_capacity(WIDTH));
            }
            let tile = &mut self.levels[level];
            tile.push(hash);
            carried = (tile.len() == WIDTH).then(|| root_of(tile));
            if carried.is_some() {
                let index = (self.size >> (8 * level)) / WIDTH as u64 - 1;
                if level == 0 {
                    let bytes = std::mem::take(&mut self.bundle);
                    finished.push(TileFile { path: tile_path(Kind::Entries, index, WIDTH), bytes });
                }
                let bytes = concatenated(&std::mem::take(tile));
                finished.push(TileFile { path: tile_path(Kind::Hashes(level as u8), index, WIDTH), bytes });
            }
            level += 1;
        }
        leaf
    }

    /// The unfinished tiles and bundle as files.
    pub(crate) fn unfinished(&self) -> Vec<TileFile> {
        let mut files = Vec::new();
        for (level, tile) in self.levels.iter().enumerate().filter(|(_, tile)| !tile.is_empty()) {
            let index = (self.size >> (8 * level)) / WIDTH as u64;
            let path = |kind| tile_path(kind, index, tile.len());
            if level == 0 {
                files.push(TileFile { path: path(Kind::Entries), bytes: self.bundle.clone() });
            }
            files.push(TileFile { path: path(Kind::Hashes(level as u8)), bytes: concatenated(tile) });
        }
        files
    }
}

/// How many levels a tree of `size` leaves has.
pub(crate) fn width_levels(size: u64) -> usize {
    (0..8).take_while(|level| size >> (8 * level) > 0).count()
}

/// The width of the unfinished tile at `level`.
pub(crate) fn width_at(size: u64, level: usize) -> u64 {
    (size >> (8 * level)) % WIDTH as u64
}

/// A path that occurs: the edge only makes tiles of 1 to 256 hashes at levels below 8.
pub(crate) fn tile_path(kind: Kind, index: u64, width: usize) -> TilePath {
    u16::try_from(width)
        .ok()
        .and_then(|width| TilePath::new(kind, index, width))
        .expect("a tile of a 64-bit tree")
}

fn concatenated(tile: &[Hash]) -> Vec<u8> {
    tile.iter().flat_map(|hash| hash.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_that_of_the_whole_tree_at_every_size() {
        let mut edge = Edge::default();
        let mut leaves = Vec::new();
        assert_eq!(edge.root(), root_of(&[]));
        for n in 0u32..1100 {
            let mut finished = Vec::new();
            leaves.push(edge.push(&n.to_be_bytes(), &mut finished));
            if !(300..=1000).contains(&n) {
                assert_eq!(edge.root(), root_of(&leaves), "size {}", n + 1);
            }
            let expected = if (n + 1) % 256 == 0 { 2 } else { 0 };
            assert_eq!(finished.len(), expected, "size {}", n + 1);
            assert_eq!(edge.levels.len(), width_levels(edge.size()));
        }
    }

    #[test]
    fn the_widths_of_the_specification_example() {
        assert_eq!([0, 1, 2].map(|level| width_at(70_000, level)), [112, 17, 1]);
        assert_eq!(width_levels(70_000), 3);
        assert_eq!((width_levels(0), width_levels(255), width_levels(256)), (0, 1, 2));
        assert_eq!(width_levels(u64::MAX), 8);
    }

    #[test]
    fn an_edge_is_rebuilt_only_from_tiles_of_the_right_widths() {
        let mut edge = Edge::default();
        for n in 0u32..300 {
            edge.push(&n.to_be_bytes(), &mut Vec::new());
        }
        let rebuilt = Edge::from_tiles(300, edge.levels.clone(), edge.bundle.clone()).unwrap();
        assert_eq!(rebuilt, edge);
        assert_eq!(Edge::from_tiles(299, edge.levels.clone(), edge.bundle.clone()), None);
        assert_eq!(Edge::from_tiles(300, edge.levels[..1].to_vec(), edge.bundle.clone()), None);
    }
}
