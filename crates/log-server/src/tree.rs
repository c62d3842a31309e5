//! The tree on disk: the commit order, and how it is opened again. One writer; no network.
//!
//! ```text
//! commit:   bundles and tiles linked ──> folders fsynced ──> head signed ──> state/checkpoint replaced
//!           (durable, unsigned)                              (in memory)     (durable; only now may it leave)
//! publish:  quorum collected ──> public/checkpoint replaced
//! ```
//!
//! The tree state *is* the log's signed checkpoint: there is no second record that could disagree
//! with what was signed. The signature is made after the tiles are durable and leaves this process
//! only after the state that names it is. The state is swapped only against the head this writer
//! last wrote (compare-and-swap), so that a second writer which got past the lock, or a folder
//! restored under a running log, stops the log instead of forking it.
//!
//! After any failed write the outcome is unknown: "failed" and "failed but persisted" look alike.
//! The tree is then *broken* until [`Tree::open`] has read the state again; a retry in place would
//! guess.

use crate::edge::{Edge, TileFile, WIDTH, tile_path, width_at, width_levels};
use crate::state::Published;
use crate::storage::{Storage, folder_of, tile_file};
use host::durable::DurableError;
use std::collections::BTreeSet;
use tlog::Hash;
use tlog::checkpoint::CheckpointError;
use tlog::tile::{BUNDLE_MAX_BYTES, Bundle, Kind, LEVEL_MAX, Tile, TilePath};

/// The log's own signed checkpoint, the state a restart resumes from.
pub(crate) const STATE: &str = "state/checkpoint";
/// What `GET /checkpoint` serves.
pub(crate) const PUBLISHED: &str = "public/checkpoint";
/// The largest checkpoint file that is read.
pub(crate) const MAX_CHECKPOINT_BYTES: u64 = 64 * 1024;
/// Entries in one commit. It bounds what a crash can leave beyond the signed head.
pub(crate) const MAX_BATCH: usize = 4096;

/// Signs the heads of one log and recognises its own.
pub(crate) trait Heads: Send + Sync + 'static {
    /// The signed checkpoint of this head. Deterministic: the same head gives the same bytes.
    fn sign(&self, size: u64, root: &Hash) -> Vec<u8>;
    /// Size and root of a checkpoint this log signed; `Err` says what is wrong with it.
    fn recognise(&self, signed: &[u8]) -> Result<(u64, Hash), CheckpointError>;
}

/// Why the tree did not open or grow.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    #[error(
        "{STATE} is missing: run `candor log init` for a NEW log, or restore this one's data folder; a log never starts afresh by itself"
    )]
    NoState,
    #[error("the tree is initialised already")]
    Exists,
    #[error("{name} is not a checkpoint this log signed: {source}; restore the data folder, do not edit it")]
    BadState { name: &'static str, source: CheckpointError },
    #[error(
        "{name} is missing or not what was signed: the tiles do not hold the tree of {size} leaves; restore the data folder"
    )]
    BadTile { name: String, size: u64 },
    #[error(
        "the tiles give another root than the signed tree of {size} leaves has; restore the data folder from before the damage"
    )]
    OtherRoot { size: u64 },
    #[error(
        "the published head ({published} leaves) is beyond the signed one ({signed}): the signed state was rolled back; restore the newer one"
    )]
    RolledBack { published: u64, signed: u64 },
    #[error(
        "another writer changed {STATE}: this one stops; find out which process it is before you start again"
    )]
    OtherWriter,
    #[error("asked for a leaf or size that the tree does not have")]
    OutOfTree,
    #[error("an earlier write failed; the tree must be opened again before it grows")]
    Broken,
    #[error(transparent)]
    Storage(#[from] DurableError),
}

/// The tree of one log, held by its one writer.
#[derive(Debug)]
pub(crate) struct Tree<S, H> {
    storage: S,
    heads: H,
    edge: Edge,
    /// The bytes last written to [`STATE`]: what the next swap compares with.
    signed: Vec<u8>,
    broken: bool,
}

impl<S: Storage, H: Heads> Tree<S, H> {
    /// Writes the signed empty tree of a new log.
    pub(crate) fn create(storage: &S, heads: &H) -> Result<(), TreeError> {
        if storage.read(STATE, MAX_CHECKPOINT_BYTES)?.is_some() {
            return Err(TreeError::Exists);
        }
        let empty = Edge::default();
        Ok(storage.replace(STATE, &heads.sign(0, &empty.root()))?)
    }

    /// Opens the tree from its signed state. Refuses if the tiles do not give the signed root, or
    /// if anything was published that the state does not contain. Removes what an interrupted
    /// commit left beyond the signed head: it was never signed, and nobody was told of it.
    pub(crate) fn open(storage: S, heads: H) -> Result<Self, TreeError> {
        let (signed, edge) = read_state(&storage, &heads)?;
        remove_unsigned(&storage, edge.size())?;
        Ok(Self { storage, heads, edge, signed, broken: false })
    }

    /// Opens the tree again after a failed write, keeping this value on failure.
    pub(crate) fn reopen(&mut self) -> Result<(), TreeError> {
        self.broken = true;
        let (signed, edge) = read_state(&self.storage, &self.heads)?;
        remove_unsigned(&self.storage, edge.size())?;
        (self.signed, self.edge, self.broken) = (signed, edge, false);
        Ok(())
    }

    pub(crate) fn size(&self) -> u64 {
        self.edge.size()
    }

    pub(crate) fn root(&self) -> Hash {
        self.edge.root()
    }

    /// The log's signed checkpoint of the present tree, without cosignatures.
    pub(crate) fn signed(&self) -> &[u8] {
        &self.signed
    }

    /// The last entry of the tree.
    pub(crate) fn last_entry(&self) -> Result<Option<Vec<u8>>, TreeError> {
        let size = self.size();
        if size == 0 || !size.is_multiple_of(WIDTH as u64) {
            return Ok(self.edge.last_entry().map(<[u8]>::to_vec));
        }
        let path = tile_path(Kind::Entries, size / WIDTH as u64 - 1, WIDTH);
        Ok(read_bundle(&self.storage, &path, size)?.entries.pop())
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    pub(crate) fn storage(&self) -> &S {
        &self.storage
    }

    /// Appends `entries` in order and returns their leaf hashes; the new signed state is durable on
    /// return.
    pub(crate) fn commit<'a>(
        &mut self,
        entries: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(), TreeError> {
        if self.broken {
            return Err(TreeError::Broken);
        }
        // Set until the last write is known to have succeeded.
        self.broken = true;
        let mut edge = self.edge.clone();
        let mut files = Vec::new();
        for entry in entries.into_iter().take(MAX_BATCH) {
            edge.push(entry, &mut files);
        }
        files.extend(edge.unfinished());
        self.link_all(&files)?;

        // SPEC: log.md#commit-order: a head MUST NOT be signed before the tree it names is durable.
        let signed = self.heads.sign(edge.size(), &edge.root());
        self.swap_state(&signed)?;
        (self.edge, self.signed, self.broken) = (edge, signed, false);
        Ok(())
    }

    /// What was published last, if anything was.
    pub(crate) fn published(&self) -> Result<Option<Published>, TreeError> {
        let Some(note) = self.storage.read(PUBLISHED, MAX_CHECKPOINT_BYTES)? else { return Ok(None) };
        let (size, root) =
            self.heads.recognise(&note).map_err(|source| TreeError::BadState { name: PUBLISHED, source })?;
        Ok(Some(Published { size, root, note: note.into() }))
    }

    /// Publishes a cosigned checkpoint of the present tree, by rename.
    pub(crate) fn publish(&self, cosigned: &[u8]) -> Result<(), TreeError> {
        Ok(self.storage.replace(PUBLISHED, cosigned)?)
    }

    fn link_all(&self, files: &[TileFile]) -> Result<(), TreeError> {
        let mut folders = BTreeSet::new();
        for file in files {
            let name = tile_file(&file.path);
            folders.insert(folder_of(&name).to_owned());
            // SPEC: log.md#commit-order: a tile MUST NOT be replaced by other bytes.
            self.storage.link(&name, &file.bytes)?;
        }
        Ok(self.storage.sync(&folders.into_iter().collect::<Vec<_>>())?)
    }

    /// Compare-and-swap. The folder lock keeps other processes out; the comparison finds what got
    /// past it.
    fn swap_state(&self, signed: &[u8]) -> Result<(), TreeError> {
        let found = self.storage.read(STATE, MAX_CHECKPOINT_BYTES)?.ok_or(TreeError::NoState)?;
        if found != self.signed {
            return Err(TreeError::OtherWriter);
        }
        Ok(self.storage.replace(STATE, signed)?)
    }
}

/// The signed state and the edge that the tiles give for it.
fn read_state<S: Storage, H: Heads>(storage: &S, heads: &H) -> Result<(Vec<u8>, Edge), TreeError> {
    let signed = storage.read(STATE, MAX_CHECKPOINT_BYTES)?.ok_or(TreeError::NoState)?;
    let recognised =
        |name, bytes: &[u8]| heads.recognise(bytes).map_err(|source| TreeError::BadState { name, source });
    let (size, root) = recognised(STATE, &signed)?;
    if let Some(published) = storage.read(PUBLISHED, MAX_CHECKPOINT_BYTES)? {
        let (published, _) = recognised(PUBLISHED, &published)?;
        if published > size {
            return Err(TreeError::RolledBack { published, signed: size });
        }
    }
    let edge = read_edge(storage, size)?;
    // SPEC: log.md#restart: the log MUST NOT start if the tiles do not reproduce the signed root.
    if edge.root() != root {
        return Err(TreeError::OtherRoot { size });
    }
    Ok((signed, edge))
}

fn read_edge<S: Storage>(storage: &S, size: u64) -> Result<Edge, TreeError> {
    let mut levels = Vec::new();
    let mut bundle = Vec::new();
    for level in 0..width_levels(size) {
        let width = width_at(size, level) as usize;
        if width == 0 {
            levels.push(Vec::new());
            continue;
        }
        let index = (size >> (8 * level)) / WIDTH as u64;
        let path = tile_path(Kind::Hashes(level as u8), index, width);
        let tile = known_tile(storage, &path, size)?;
        if level == 0 {
            let path = tile_path(Kind::Entries, index, width);
            let read = read_bundle(storage, &path, size)?;
            // The entries are what everybody reads: they too must be those that were signed.
            if read.leaf_hashes() != tile.hashes {
                return Err(bad_tile(&path, size));
            }
            bundle = read.encode();
        }
        levels.push(tile.hashes);
    }
    Edge::from_tiles(size, levels, bundle).ok_or(TreeError::OtherRoot { size })
}

/// A tile file; `None` when there is none or its length is wrong.
pub(crate) fn read_tile<S: Storage>(storage: &S, path: &TilePath) -> Result<Option<Tile>, DurableError> {
    let bytes = storage.read(&tile_file(path), WIDTH as u64 * 32)?;
    Ok(bytes.and_then(|bytes| Tile::parse(path, &bytes).ok()))
}

/// A tile that the tree of `size` leaves has.
pub(crate) fn known_tile<S: Storage>(storage: &S, path: &TilePath, size: u64) -> Result<Tile, TreeError> {
    read_tile(storage, path)?.ok_or_else(|| bad_tile(path, size))
}

/// A bundle that the tree of `size` leaves has.
pub(crate) fn read_bundle<S: Storage>(storage: &S, path: &TilePath, size: u64) -> Result<Bundle, TreeError> {
    let bytes = storage.read(&tile_file(path), BUNDLE_MAX_BYTES as u64)?;
    let bundle = bytes.and_then(|bytes| Bundle::parse(path.width(), &bytes).ok());
    bundle.ok_or_else(|| bad_tile(path, size))
}

pub(crate) fn bad_tile(path: &TilePath, size: u64) -> TreeError {
    TreeError::BadTile { name: tile_file(path), size }
}

/// Removes tiles and bundles that reach beyond a tree of `size` leaves. One commit is the most that
/// can be there.
fn remove_unsigned<S: Storage>(storage: &S, size: u64) -> Result<(), TreeError> {
    let levels = (0..=LEVEL_MAX).map(|level| (Kind::Hashes(level), u32::from(level)));
    for (kind, level) in levels.chain([(Kind::Entries, 0)]) {
        let hashes = size >> (8 * level);
        let first = hashes / WIDTH as u64;
        let reach = (MAX_BATCH as u64).checked_shr(8 * (level + 1)).unwrap_or(0) + 1;
        for index in first..=first.saturating_add(reach) {
            let Some(full) = TilePath::new(kind, index, WIDTH as u16) else { continue };
            remove_file(storage, &full)?;
            for width in storage.list(&format!("{}.p", tile_file(&full)))? {
                let Ok(width) = width.parse::<u16>() else { continue };
                let beyond = index * WIDTH as u64 + u64::from(width) > hashes;
                if let Some(partial) =
                    TilePath::new(kind, index, width).filter(|path| beyond && !path.is_full())
                {
                    remove_file(storage, &partial)?;
                }
            }
        }
    }
    Ok(())
}

fn remove_file<S: Storage>(storage: &S, path: &TilePath) -> Result<(), TreeError> {
    let name = tile_file(path);
    // Read first: a removal is a write, and there is almost never anything to remove.
    if storage.read(&name, BUNDLE_MAX_BYTES as u64)?.is_some() {
        tracing::warn!(name, "removing what an interrupted commit left; it was never signed");
        storage.remove(&name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
