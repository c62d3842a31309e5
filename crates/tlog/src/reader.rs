//! Following a log without believing it: from a head that was verified earlier to a newly cosigned
//! one, through the log's tiles and bundles, each of which is checked before it is used. No I/O.
//! Contract: `proto/log.md#following`.
//!
//! ```text
//!             wanted()           feed(path, bytes)                 next_entry()
//!   driver <───────────  reader  <────────────────  driver         ───────────>  entries in order, verified
//!
//! 1. the edge of the new tree (a tile a level) ──> its root must be the cosigned one
//! 2. the edge of the old tree, as the new one has it ──> each tile's root stands in the tile above; the old root must come out
//! 3. bundle after bundle ──> its root stands in a tile verified before
//! ```
//!
//! Nothing is handed out before it is shown to be in the new tree, and step 2 is the consistency
//! proof. Memory is bounded: two tiles a level and one bundle, however long the log. Tiles are
//! wanted from this log's prefix only, and only those that the cosigned size says exist.

use crate::Hash;
use crate::checkpoint::Checkpoint;
use crate::merkle::{InclusionProof, NodeId, prove_inclusion, root_at, root_of};
use crate::policy::CosignedCheckpoint;
use crate::tile::{
    Bundle, Kind, LEVEL_MAX, TILE_WIDTH, Tile, TileError, TilePath, edge_of, place_of, tile_at,
};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

#[cfg(test)]
mod tests;

/// A head that was verified earlier, or [`Head::EMPTY`] to start with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many leaves.
    pub size: u64,
    /// The root hash; of no meaning for size 0.
    pub root: Hash,
}

impl Head {
    /// The head of an empty log: SHA-256 of the empty string.
    pub const EMPTY: Self = Self {
        size: 0,
        root: Hash([
            0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
            0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
        ]),
    };

    /// The head that a checkpoint states.
    pub fn of(checkpoint: &Checkpoint) -> Self {
        Self { size: checkpoint.size(), root: checkpoint.root() }
    }
}

/// Why following stopped. After any of these the reader is of no further use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The new head is smaller than the trusted one.
    #[error("the new head has {new} leaves, fewer than the {old} already verified: an old answer or a fork")]
    Shrunk {
        /// The trusted size.
        old: u64,
        /// The new size.
        new: u64,
    },
    /// The new tree does not continue the trusted one.
    #[error("the log has forked: its tree of {size} leaves has another root than the one verified before")]
    Forked {
        /// The trusted size.
        size: u64,
    },
    /// The edge tiles do not give the cosigned root.
    #[error("the log's tiles do not give the cosigned root of {size} leaves")]
    UnreproducibleHead {
        /// The new size.
        size: u64,
    },
    /// A tile or bundle that does not belong to the verified tree.
    #[error("{0} does not belong to the cosigned tree")]
    ForeignTile(String),
    /// Bytes that are no tile or bundle.
    #[error(transparent)]
    Tile(#[from] TileError),
    /// A tile that was not asked for.
    #[error("{0} was not wanted")]
    Unwanted(String),
}

/// An entry that is in the cosigned tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedEntry {
    index: u64,
    bytes: Vec<u8>,
    inclusion: InclusionProof,
}

impl VerifiedEntry {
    /// Its place in the log.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The bytes of the leaf.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The proof that it is in the tree of the head being followed to.
    pub fn inclusion(&self) -> &InclusionProof {
        &self.inclusion
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Collecting the edge tiles of both trees.
    Edges,
    /// Reading bundles.
    Entries,
}

/// One step of following: from a trusted head to a cosigned one.
#[derive(Debug)]
pub struct Reader {
    old: Head,
    new: Head,
    stage: Stage,
    /// Fed in stage [`Stage::Edges`], not checked yet.
    unchecked: BTreeMap<TilePath, Tile>,
    /// The edge tiles of the new tree, verified.
    edge: BTreeMap<(u8, u64), Tile>,
    /// One verified tile a level on the way to the current bundle.
    path: BTreeMap<u8, (u64, Tile)>,
    /// The leaf hashes of the current bundle, and its index.
    leaves: Option<(u64, Tile)>,
    /// The next entry to read.
    next: u64,
    ready: VecDeque<(u64, Vec<u8>)>,
}

impl Reader {
    /// Starts from `trusted` (verified by an earlier reader, or [`Head::EMPTY`]) towards a cosigned
    /// head of the same log.
    pub fn new(trusted: Head, target: &CosignedCheckpoint) -> Result<Self, ReadError> {
        Self::towards(trusted, Head::of(target.checkpoint()))
    }

    /// The same towards a head for which the caller answers: a monitor's, who follows what the log
    /// signed.
    pub fn towards(trusted: Head, target: Head) -> Result<Self, ReadError> {
        if target.size < trusted.size {
            return Err(ReadError::Shrunk { old: trusted.size, new: target.size });
        }
        let trusted = if trusted.size == 0 { Head::EMPTY } else { trusted };
        if target.size == trusted.size && target.root != trusted.root {
            return Err(ReadError::Forked { size: trusted.size });
        }
        let stage = if target.size == trusted.size { Stage::Entries } else { Stage::Edges };
        Ok(Self {
            old: trusted,
            new: target,
            stage,
            unchecked: BTreeMap::new(),
            edge: BTreeMap::new(),
            path: BTreeMap::new(),
            leaves: None,
            next: trusted.size,
            ready: VecDeque::new(),
        })
    }

    /// The tiles and bundles it needs now, which may be fetched side by side; none while entries
    /// wait to be taken.
    pub fn wanted(&self) -> Vec<TilePath> {
        match self.stage {
            Stage::Edges => {
                self.edges().into_iter().filter(|path| !self.unchecked.contains_key(path)).collect()
            }
            Stage::Entries if self.ready.is_empty() && self.next < self.new.size => {
                Vec::from([self.needed()])
            }
            Stage::Entries => Vec::new(),
        }
    }

    /// Takes the bytes of a wanted tile or bundle. Where the log no longer has a partial one, the
    /// full one's bytes serve under the wanted path too.
    pub fn feed(&mut self, path: &TilePath, bytes: &[u8]) -> Result<(), ReadError> {
        if !self.wanted().contains(path) {
            return Err(ReadError::Unwanted(path.to_string()));
        }
        match path.kind() {
            Kind::Entries => self.feed_bundle(path, bytes),
            Kind::Hashes(level) => {
                let tile = prefix_tile(path, bytes)?;
                if self.stage == Stage::Edges {
                    self.unchecked.insert(*path, tile);
                    if self.wanted().is_empty() { self.check_edges() } else { Ok(()) }
                } else {
                    self.adopt(level, path, tile)
                }
            }
        }
    }

    /// The next entry in order, verified; `None` until more is fed, or at the end.
    pub fn next_entry(&mut self) -> Option<VerifiedEntry> {
        let (index, bytes) = self.ready.pop_front()?;
        let inclusion = self.prove_inclusion(index).expect("the bundle of a ready entry is at hand");
        Some(VerifiedEntry { index, bytes, inclusion })
    }

    /// The proof for an entry of the bundle read last; `None` for others, whose tiles are no longer
    /// at hand.
    pub fn prove_inclusion(&self, index: u64) -> Option<InclusionProof> {
        prove_inclusion(index, self.new.size, |id| self.node(id).ok_or(())).ok()
    }

    /// Whether the new head is shown to continue the trusted one, and all entries between were
    /// taken.
    pub fn is_complete(&self) -> bool {
        self.stage == Stage::Entries && self.next == self.new.size && self.ready.is_empty()
    }

    /// The edge tiles of both trees, as the new tree has them.
    fn edges(&self) -> Vec<TilePath> {
        let mut paths = edge_of(self.new.size);
        for path in edge_of(self.old.size) {
            let widened = tile_at(path.kind(), path.index(), self.new.size);
            let widened = widened.expect("a tile of the old tree is in the larger one");
            if !paths.contains(&widened) {
                paths.push(widened);
            }
        }
        // A level of the old tree without an edge tile may still need its tile, to tie lower ones
        // to the new root.
        for path in paths.clone() {
            let mut at = path;
            while let Some(parent) = self.parent(&at) {
                if !paths.contains(&parent) {
                    paths.push(parent);
                }
                at = parent;
            }
        }
        paths
    }

    /// The tile that holds the root of a full tile.
    fn parent(&self, path: &TilePath) -> Option<TilePath> {
        let Kind::Hashes(level) = path.kind() else { return None };
        if !path.is_full() || level == LEVEL_MAX {
            return None;
        }
        tile_at(Kind::Hashes(level + 1), path.index() >> 8, self.new.size)
    }

    fn check_edges(&mut self) -> Result<(), ReadError> {
        let unchecked = core::mem::take(&mut self.unchecked);
        let in_edge = edge_of(self.new.size);
        let edge: BTreeMap<(u8, u64), Tile> = unchecked
            .iter()
            .filter(|(path, _)| in_edge.contains(path))
            .map(|(p, t)| (key(p), t.clone()))
            .collect();
        // SPEC: log.md#following: the right-edge tiles of the new tree MUST give its root.
        // 1. The new root.
        let root = root_at(self.new.size, |id| from_tiles(&edge, id).ok_or(()));
        if root != Ok(self.new.root) {
            return Err(ReadError::UnreproducibleHead { size: self.new.size });
        }
        // 2. Full tiles are tied to the new root from the top down: a parent is checked before its
        //    children.
        let mut verified = edge.clone();
        let mut full: Vec<_> = unchecked.into_iter().filter(|(path, _)| !in_edge.contains(path)).collect();
        full.sort_by_key(|(path, _)| core::cmp::Reverse(key(path)));
        for (path, tile) in full {
            let parent = self.parent(&path).and_then(|parent| verified.get(&key(&parent)));
            if !stands_in(parent, &path, &tile) {
                return Err(ReadError::ForeignTile(path.to_string()));
            }
            verified.insert(key(&path), tile);
        }
        // SPEC: log.md#following: the trusted root MUST come out of the new tree's tiles.
        if root_at(self.old.size, |id| from_tiles(&verified, id).ok_or(())) != Ok(self.old.root) {
            return Err(ReadError::Forked { size: self.old.size });
        }
        self.edge = edge;
        self.stage = Stage::Entries;
        Ok(())
    }

    /// What must come next: the highest tile that is missing on the way to the next bundle, or the
    /// bundle.
    fn needed(&self) -> TilePath {
        let bundle = self.next >> 8;
        let entries = tile_at(Kind::Entries, bundle, self.new.size).expect("next is below the size");
        let mut needed = entries;
        // A partial bundle is tied by the edge tile of level 0, a full one by the tile above it.
        let mut at = tile_at(Kind::Hashes(0), bundle, self.new.size).expect("next is below the size");
        while let Some(parent) = self.parent(&at) {
            if self.verified_tile(key(&parent)).is_none() {
                needed = parent;
            }
            at = parent;
        }
        needed
    }

    fn verified_tile(&self, (level, index): (u8, u64)) -> Option<&Tile> {
        let on_path = self.path.get(&level).filter(|(at, _)| *at == index).map(|(_, tile)| tile);
        on_path.or_else(|| self.edge.get(&(level, index)))
    }

    /// Whether a full tile stands in the verified one above it.
    fn belongs(&self, path: &TilePath, tile: &Tile) -> bool {
        stands_in(self.parent(path).and_then(|parent| self.verified_tile(key(&parent))), path, tile)
    }

    /// Takes a tile above the bundles.
    fn adopt(&mut self, level: u8, path: &TilePath, tile: Tile) -> Result<(), ReadError> {
        if !self.belongs(path, &tile) {
            return Err(ReadError::ForeignTile(path.to_string()));
        }
        self.path.insert(level, (path.index(), tile));
        Ok(())
    }

    fn feed_bundle(&mut self, path: &TilePath, bytes: &[u8]) -> Result<(), ReadError> {
        let bundle = Bundle::parse_prefix(path.width(), bytes)?;
        let hashes = Tile { hashes: bundle.leaf_hashes() };
        let level_0 = tile_at(Kind::Hashes(0), path.index(), self.new.size).expect("the bundle was wanted");
        let belongs = match level_0.is_full() {
            true => self.belongs(&level_0, &hashes),
            false => self.edge.get(&key(path)) == Some(&hashes),
        };
        if !belongs {
            return Err(ReadError::ForeignTile(path.to_string()));
        }
        self.leaves = Some((path.index(), hashes));
        let first = path.index() << 8;
        for (entry, index) in bundle.entries.into_iter().zip(first..) {
            if index >= self.next {
                self.ready.push_back((index, entry));
            }
        }
        self.next = self.ready.back().map_or(self.next, |(index, _)| index + 1);
        Ok(())
    }

    fn node(&self, id: NodeId) -> Option<Hash> {
        let place = place_of(id);
        if place.level == 0
            && let Some((_, tile)) = self.leaves.as_ref().filter(|(index, _)| *index == place.index)
        {
            return tile.subtree(&place);
        }
        self.verified_tile((place.level, place.index))?.subtree(&place)
    }
}

fn key(path: &TilePath) -> (u8, u64) {
    (path.kind().level(), path.index())
}

/// Whether a full tile's root is where it belongs in the tile above.
fn stands_in(parent: Option<&Tile>, path: &TilePath, tile: &Tile) -> bool {
    let slot = usize::try_from(path.index() & 0xff).expect("at most 255");
    parent.and_then(|parent| parent.hashes.get(slot)) == Some(&root_of(&tile.hashes))
}

fn from_tiles(tiles: &BTreeMap<(u8, u64), Tile>, id: NodeId) -> Option<Hash> {
    let place = place_of(id);
    tiles.get(&(place.level, place.index))?.subtree(&place)
}

/// The tile at `path` from its own bytes, or from those of a wider one at the same place.
fn prefix_tile(path: &TilePath, bytes: &[u8]) -> Result<Tile, TileError> {
    let wide = bytes.len() == usize::from(TILE_WIDTH) * 32;
    let own = usize::from(path.width()) * 32;
    Tile::parse(path, if wide { bytes.get(..own).unwrap_or(bytes) } else { bytes })
}
