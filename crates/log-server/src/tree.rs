//! The tree on disk: the commit order, and how it is opened again. One writer; no network.
//!
//! ```text
//! commit:   bundles and tiles linked ──> folders fsynced ──> head signed ──> state/checkpoint replaced
//!           (durable, unsigned)                              (in memory)     (durable; only now may it leave)
//! publish:  quorum collected ──> public/checkpoint replaced
//! ```
//!
//! The tree state *is* the log's signed checkpoint: there is no second record that could disagree with what was signed.
//! The signature is made after the tiles are durable and leaves this process only after the state that names it is.
//! The state is swapped only against the head this writer last wrote (compare-and-swap), so that a second writer which got
//! past the lock, or a folder restored under a running log, stops the log instead of forking it.
//!
//! After any failed write the outcome is unknown: "failed" and "failed but persisted" look alike. The tree is then
//! *broken* until [`Tree::open`] has read the state again; a retry in place would guess.

use crate::edge::{Edge, TileFile, width_at, width_levels};
use crate::storage::{Storage, folder_of};
use crate::tiles::{Kind, TileName, WIDTH};
use host::durable::DurableError;
use std::collections::BTreeSet;
use tlog::Hash;
use tlog::merkle::leaf_hash;

/// The log's own signed checkpoint, the state a restart resumes from.
pub const STATE: &str = "state/checkpoint";
/// What `GET /checkpoint` serves.
pub const PUBLISHED: &str = "public/checkpoint";
/// The largest checkpoint file that is read.
pub const MAX_CHECKPOINT_BYTES: u64 = 64 * 1024;
/// The largest entry bundle: 256 entries with their lengths.
pub const MAX_BUNDLE_BYTES: u64 = (WIDTH as u64) * (2 + 65_535);
/// Entries in one commit. It bounds what a crash can leave beyond the signed head.
pub const MAX_BATCH: usize = 4096;

/// Signs the heads of one log and recognises its own.
pub trait Heads: Send + Sync + 'static {
    /// The signed checkpoint of this head. Deterministic: the same head gives the same bytes.
    fn sign(&self, size: u64, root: &Hash) -> Vec<u8>;
    /// Size and root of a checkpoint this log signed; `Err` says what is wrong with it.
    fn recognise(&self, signed: &[u8]) -> Result<(u64, Hash), String>;
}

/// Why the tree did not open or grow.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    #[error("{STATE} is missing: run `candor log init` for a NEW log, or restore this one's data folder; a log never starts afresh by itself")]
    NoState,
    #[error("the tree is initialised already")]
    Exists,
    #[error("{name} is not a checkpoint this log signed: {reason}; restore the data folder, do not edit it")]
    BadState { name: &'static str, reason: String },
    #[error("{name} is missing or not what was signed: the tiles do not hold the tree of {size} leaves; restore the data folder")]
    BadTile { name: String, size: u64 },
    #[error("the tiles give another root than the signed tree of {size} leaves has; restore the data folder from before the damage")]
    OtherRoot { size: u64 },
    #[error("the published head ({published} leaves) is beyond the signed one ({signed}): the signed state was rolled back; restore the newer one")]
    RolledBack { published: u64, signed: u64 },
    #[error("another writer changed {STATE}: this one stops; find out which process it is before you start again")]
    OtherWriter,
    #[error("an earlier write failed; the tree must be opened again before it grows")]
    Broken,
    #[error(transparent)]
    Storage(#[from] DurableError),
}

/// The tree of one log, held by its one writer.
#[derive(Debug)]
pub struct Tree<S, H> {
    storage: S,
    heads: H,
    edge: Edge,
    /// The bytes last written to [`STATE`]: what the next swap compares with.
    signed: Vec<u8>,
    broken: bool,
}

impl<S: Storage, H: Heads> Tree<S, H> {
    /// Writes the signed empty tree of a new log.
    pub fn create(storage: &S, heads: &H) -> Result<(), TreeError> {
        if storage.read(STATE, MAX_CHECKPOINT_BYTES)?.is_some() {
            return Err(TreeError::Exists);
        }
        let empty = Edge::default();
        Ok(storage.replace(STATE, &heads.sign(0, &empty.root()))?)
    }

    /// Opens the tree from its signed state. Refuses if the tiles do not give the signed root, or if anything was
    /// published that the state does not contain. Removes what an interrupted commit left beyond the signed head: it was
    /// never signed, and nobody was told of it.
    pub fn open(storage: S, heads: H) -> Result<Self, TreeError> {
        let (signed, edge) = read_state(&storage, &heads)?;
        remove_unsigned(&storage, edge.size())?;
        Ok(Self { storage, heads, edge, signed, broken: false })
    }

    /// Opens the tree again after a failed write, keeping this value on failure.
    pub fn reopen(&mut self) -> Result<(), TreeError> {
        self.broken = true;
        let (signed, edge) = read_state(&self.storage, &self.heads)?;
        remove_unsigned(&self.storage, edge.size())?;
        (self.signed, self.edge, self.broken) = (signed, edge, false);
        Ok(())
    }

    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    pub fn root(&self) -> Hash {
        self.edge.root()
    }

    /// The log's signed checkpoint of the present tree, without cosignatures.
    pub fn signed(&self) -> &[u8] {
        &self.signed
    }

    pub fn is_broken(&self) -> bool {
        self.broken
    }

    pub fn storage(&self) -> &S {
        &self.storage
    }

    /// Appends `entries` in order and returns their leaf hashes; the new signed state is durable on return.
    pub fn commit<'a>(&mut self, entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Hash>, TreeError> {
        if self.broken {
            return Err(TreeError::Broken);
        }
        // Set until the last write is known to have succeeded.
        self.broken = true;
        let mut edge = self.edge.clone();
        let mut files = Vec::new();
        let leaves: Vec<Hash> = entries.into_iter().take(MAX_BATCH).map(|entry| edge.push(entry, &mut files)).collect();
        files.extend(edge.unfinished());
        self.link_all(&files)?;

        // SPEC: log.md#commit-order: a head MUST NOT be signed before the tree it names is durable.
        let signed = self.heads.sign(edge.size(), &edge.root());
        self.swap_state(&signed)?;
        (self.edge, self.signed, self.broken) = (edge, signed, false);
        Ok(leaves)
    }

    /// Publishes a cosigned checkpoint of the present tree, by rename.
    pub fn publish(&mut self, cosigned: &[u8]) -> Result<(), TreeError> {
        Ok(self.storage.replace(PUBLISHED, cosigned)?)
    }

    fn link_all(&self, files: &[TileFile]) -> Result<(), TreeError> {
        let mut folders = BTreeSet::new();
        for file in files {
            let name = file.name.path();
            folders.insert(folder_of(&name).to_owned());
            // SPEC: log.md#commit-order: a tile MUST NOT be replaced by other bytes.
            self.storage.link(&name, &file.bytes)?;
        }
        Ok(self.storage.sync(&folders.into_iter().collect::<Vec<_>>())?)
    }

    /// Compare-and-swap. The folder lock keeps other processes out; the comparison finds what got past it.
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
    let recognised = |name, bytes: &[u8]| heads.recognise(bytes).map_err(|reason| TreeError::BadState { name, reason });
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
    let bad = |name: &TileName| TreeError::BadTile { name: name.path(), size };
    let mut levels = Vec::new();
    let mut bundle = Vec::new();
    for level in 0..width_levels(size) {
        let width = width_at(size, level);
        if width == 0 {
            levels.push(Vec::new());
            continue;
        }
        let index = (size >> (8 * level)) / WIDTH as u64;
        let name = TileName { kind: Kind::Level(level as u8), index, width: width as u16 };
        levels.push(read_tile(storage, &name)?.ok_or_else(|| bad(&name))?);
        if level == 0 {
            let name = TileName { kind: Kind::Entries, ..name };
            bundle = storage.read(&name.path(), MAX_BUNDLE_BYTES)?.ok_or_else(|| bad(&name))?;
            // The entries are what everybody reads: they too must be those that were signed.
            if leaf_hashes(&bundle).as_ref() != levels.last() {
                return Err(bad(&name));
            }
        }
    }
    Edge::from_tiles(size, levels, bundle).ok_or_else(|| TreeError::OtherRoot { size })
}

/// The hashes of a tile file; `None` when there is none or its length is wrong.
pub(crate) fn read_tile<S: Storage>(storage: &S, name: &TileName) -> Result<Option<Vec<Hash>>, DurableError> {
    let length = u64::from(name.width) * 32;
    let Some(bytes) = storage.read(&name.path(), WIDTH as u64 * 32)? else { return Ok(None) };
    if bytes.len() as u64 != length {
        return Ok(None);
    }
    let (hashes, _) = bytes.as_chunks::<32>();
    Ok(Some(hashes.iter().map(|hash| Hash(*hash)).collect()))
}

/// The entries of a bundle; `None` if its lengths do not fit.
pub(crate) fn entries_of(bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    let mut rest = bundle;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (entry, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        rest = after;
    }
    Some(entries)
}

/// The leaf hashes of a bundle's entries.
pub(crate) fn leaf_hashes(bundle: &[u8]) -> Option<Vec<Hash>> {
    Some(entries_of(bundle)?.into_iter().map(leaf_hash).collect())
}

/// Removes tiles and bundles that reach beyond a tree of `size` leaves. One commit is the most that can be there.
fn remove_unsigned<S: Storage>(storage: &S, size: u64) -> Result<(), TreeError> {
    let levels = (0..8).map(|level| (Kind::Level(level), level));
    for (kind, level) in levels.chain([(Kind::Entries, 0)]) {
        let hashes = size >> (8 * u32::from(level));
        let first = hashes / WIDTH as u64;
        let reach = (MAX_BATCH as u64).checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0) + 1;
        for index in first..=first.saturating_add(reach) {
            let full = TileName::full(kind, index);
            storage_remove(storage, &full)?;
            for width in storage.list(&format!("{}.p", full.path()))? {
                let Some(width) = width.parse::<u16>().ok().filter(|width| usize::from(*width) < WIDTH) else { continue };
                if index * WIDTH as u64 + u64::from(width) > hashes {
                    storage_remove(storage, &TileName { width, ..full })?;
                }
            }
        }
    }
    Ok(())
}

fn storage_remove<S: Storage>(storage: &S, name: &TileName) -> Result<(), TreeError> {
    let path = name.path();
    // Read first: a removal is a write, and there is almost never anything to remove.
    if storage.read(&path, MAX_BUNDLE_BYTES)?.is_some() {
        tracing::warn!(%path, "removing what an interrupted commit left; it was never signed");
        storage.remove(&path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
