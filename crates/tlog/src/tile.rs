//! Tiles and entry bundles (C2SP tlog-tiles): the tree as files of at most 256 hashes, the entries
//! as files of at most 256 entries. Contract: `proto/log.md#tiles`.
//!
//! ```text
//! a tree of 70,000 leaves:
//! tile/0/000 .. tile/0/x000/272, tile/0/x000/273.p/112     leaf hashes        (273 full, one of width 112)
//! tile/1/000,                    tile/1/001.p/17           roots of full tiles below
//!                                tile/2/000.p/1
//! tile/entries/000 ..            tile/entries/273.p/112    the entries, each u16 length || bytes
//! ```

use crate::Hash;
use crate::checkpoint::parse_decimal;
use crate::merkle::{NodeId, leaf_hash, root_of};
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

#[cfg(test)]
mod tests;

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;
/// log2 of [`TILE_WIDTH`]: how many levels of the tree one tile spans.
pub const TILE_HEIGHT: u8 = 8;
/// The longest entry: its length has 16 bits.
pub const ENTRY_MAX_BYTES: usize = 65_535;
/// The largest bundle of entries.
pub const BUNDLE_MAX_BYTES: usize = 256 * (2 + ENTRY_MAX_BYTES);
/// The highest tile level of a tree whose size fits 64 bits (C2SP allows the digits up to 63).
pub const LEVEL_MAX: u8 = 7;

/// Why a path, tile or bundle is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Not the path of a tile.
    #[error("not a tile path")]
    BadPath,
    /// Fewer or more bytes than the path calls for.
    #[error("{path} should have {expected} bytes, not {got}")]
    WrongLength {
        /// The tile.
        path: TilePath,
        /// 32 for each hash.
        expected: usize,
        /// What was there.
        got: usize,
    },
    /// A bundle that ends early, goes on, or is larger than any bundle.
    #[error("a bundle must hold exactly {expected} entries, each with its length")]
    BadBundle {
        /// The width.
        expected: u16,
    },
}

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Hashes of this tile level.
    Hashes(u8),
    /// Entries.
    Entries,
}

impl Kind {
    /// The tile level; entries stand beside level 0.
    pub(crate) fn level(self) -> u8 {
        match self {
            Self::Hashes(level) => level,
            Self::Entries => 0,
        }
    }
}

/// The name of a tile or bundle, of which only valid ones can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    kind: Kind,
    index: u64,
    width: u16,
}

impl TilePath {
    /// A path; `None` if the level, index or width cannot occur.
    pub fn new(kind: Kind, index: u64, width: u16) -> Option<Self> {
        let level = kind.level();
        // The leaves under the tile must be countable in 64 bits.
        let fits =
            level <= LEVEL_MAX && (level == LEVEL_MAX || index >> (64 - 8 * (u32::from(level) + 1)) == 0);
        let fits = fits && (level < LEVEL_MAX || index == 0) && (1..=TILE_WIDTH).contains(&width);
        fits.then_some(Self { kind, index, width })
    }

    /// What it holds.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its place within its level.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes or entries: 1 to 256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether it will never change again.
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The full tile at the same place, to be tried where the partial one is gone.
    pub fn full(&self) -> Self {
        Self { width: TILE_WIDTH, ..*self }
    }
}

/// The path below the log's prefix, without a leading slash.
impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Hashes(level) => write!(f, "tile/{level}/")?,
            Kind::Entries => f.write_str("tile/entries/")?,
        }
        let mut groups = Vec::new();
        let mut rest = self.index;
        loop {
            groups.push(rest % 1000);
            rest /= 1000;
            if rest == 0 {
                break;
            }
        }
        while let Some(group) = groups.pop() {
            if groups.is_empty() { write!(f, "{group:03}")? } else { write!(f, "x{group:03}/")? }
        }
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

impl FromStr for TilePath {
    type Err = TileError;

    /// Reads what `Display` writes, and nothing else.
    fn from_str(path: &str) -> Result<Self, TileError> {
        // SPEC: log.md#tiles: a path has one spelling; others MUST be refused.
        parse_path(path).filter(|parsed| parsed.to_string() == path).ok_or(TileError::BadPath)
    }
}

fn parse_path(path: &str) -> Option<TilePath> {
    let (kind, place) = path.strip_prefix("tile/")?.split_once('/')?;
    let kind = match kind {
        "entries" => Kind::Entries,
        level => Kind::Hashes(u8::try_from(parse_decimal(level)?).ok()?),
    };
    let (place, width) = match place.split_once(".p/") {
        Some((place, width)) => {
            (place, u16::try_from(parse_decimal(width)?).ok().filter(|w| *w < TILE_WIDTH)?)
        }
        None => (place, TILE_WIDTH),
    };
    let mut index = 0u64;
    for group in place.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        if digits.len() != 3 || !digits.bytes().all(|c| c.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    TilePath::new(kind, index, width)
}

/// A tile of hashes, as it was read: what it holds is believed only once it leads to a known root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// 1 to 256.
    pub hashes: Vec<Hash>,
}

impl Tile {
    /// Parses the bytes of the tile at `path`, which must have exactly its width.
    pub fn parse(path: &TilePath, bytes: &[u8]) -> Result<Self, TileError> {
        let expected = usize::from(path.width) * 32;
        if bytes.len() != expected {
            return Err(TileError::WrongLength { path: *path, expected, got: bytes.len() });
        }
        let (hashes, _) = bytes.as_chunks::<32>();
        Ok(Self { hashes: hashes.iter().map(|hash| Hash(*hash)).collect() })
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        self.hashes.iter().flat_map(|hash| hash.0).collect()
    }

    /// The root of the perfect subtree at `place`; `None` if the tile is not that wide.
    pub fn subtree(&self, place: &Place) -> Option<Hash> {
        let start = usize::from(place.start);
        self.hashes.get(start..start + usize::from(place.count)).map(root_of)
    }
}

/// Where a perfect subtree of the tree is found: `count` hashes from `start` on in a tile, hashed
/// together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The tile's level.
    pub level: u8,
    /// The tile's index.
    pub index: u64,
    /// The first hash.
    pub start: u16,
    /// How many: a power of two.
    pub count: u16,
}

impl Place {
    /// The tile that holds it, as a tree of `size` leaves has it; `None` if that tree does not.
    pub fn tile_in(&self, size: u64) -> Option<TilePath> {
        let path = tile_at(Kind::Hashes(self.level), self.index, size)?;
        (u32::from(path.width) >= u32::from(self.start) + u32::from(self.count)).then_some(path)
    }
}

/// Where the perfect subtree `node` is found among the tiles.
pub fn place_of(node: NodeId) -> Place {
    let level = node.level / TILE_HEIGHT;
    let above = u32::from(node.level % TILE_HEIGHT);
    let in_tile = 8 - above;
    let start = u16::try_from((node.index & ((1 << in_tile) - 1)) << above).expect("less than 256");
    Place { level, index: node.index >> in_tile, start, count: 1 << above }
}

/// The tile of this kind and index as a tree of `size` leaves has it; `None` if it is empty there.
pub fn tile_at(kind: Kind, index: u64, size: u64) -> Option<TilePath> {
    let hashes = size.checked_shr(8 * u32::from(kind.level()))?;
    let before = index.checked_mul(u64::from(TILE_WIDTH))?;
    let width = hashes.checked_sub(before)?.min(u64::from(TILE_WIDTH));
    TilePath::new(kind, index, u16::try_from(width).ok()?)
}

/// The tiles at the right edge of a tree of `size` leaves, one a level, from level 0 up: enough to
/// compute its root.
pub fn edge_of(size: u64) -> Vec<TilePath> {
    let index = |level: u8| size >> (8 * u32::from(level)) >> 8;
    (0..=LEVEL_MAX).filter_map(|level| tile_at(Kind::Hashes(level), index(level), size)).collect()
}

/// A bundle of entries, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// 1 to 256, of at most [`ENTRY_MAX_BYTES`] each.
    pub entries: Vec<Vec<u8>>,
}

impl Bundle {
    /// Parses exactly `width` entries.
    pub fn parse(width: u16, bytes: &[u8]) -> Result<Self, TileError> {
        let bad = TileError::BadBundle { expected: width };
        if bytes.len() > BUNDLE_MAX_BYTES || !(1..=TILE_WIDTH).contains(&width) {
            return Err(bad);
        }
        let mut entries = Vec::with_capacity(usize::from(width));
        let mut rest = bytes;
        for _ in 0..width {
            let Some((length, after)) = rest.split_first_chunk::<2>() else { return Err(bad) };
            let Some((entry, after)) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))
            else {
                return Err(bad);
            };
            entries.push(entry.to_vec());
            rest = after;
        }
        // SPEC: log.md#tiles: missing or trailing bytes MUST be refused.
        if rest.is_empty() { Ok(Self { entries }) } else { Err(bad) }
    }

    /// Parses `width` entries, from their own bundle or from the full one at the same place.
    pub fn parse_prefix(width: u16, bytes: &[u8]) -> Result<Self, TileError> {
        Self::parse(width, bytes).or_else(|error| {
            let mut full = Self::parse(TILE_WIDTH, bytes).map_err(|_| error)?;
            full.entries.truncate(usize::from(width));
            Ok(full)
        })
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in &self.entries {
            let length = u16::try_from(entry.len()).expect("an entry has at most 65,535 bytes");
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(entry);
        }
        bytes
    }

    /// Their leaf hashes.
    pub fn leaf_hashes(&self) -> Vec<Hash> {
        self.entries.iter().map(|entry| leaf_hash(entry)).collect()
    }
}

/// The URL of a tile below a log's prefix, which may or may not end with a slash.
pub fn url(prefix: &str, path: &TilePath) -> String {
    format!("{}/{path}", prefix.trim_end_matches('/'))
}
