//! The index brought up to the tree, from the entry bundles: at the start, and whenever the index
//! was lost or fell behind.

use crate::error::WriteError;
use crate::index::Index;
use crate::storage::{Storage, tile_file};
use crate::tree::{Heads, Tree, TreeError, bad_tile};
use tlog::tile::{BUNDLE_MAX_BYTES, Bundle, Kind, tile_at};

/// An index that turns out to be damaged on the way is made anew, once.
pub(crate) fn catch_up<S: Storage, H: Heads>(tree: &Tree<S, H>, index: &Index) -> Result<(), WriteError> {
    match fill(tree, index) {
        Err(WriteError::Index(error)) => {
            tracing::warn!(%error, "the index is made anew from the entries");
            index.mend()?;
            fill(tree, index)
        }
        done => done,
    }
}

fn fill<S: Storage, H: Heads>(tree: &Tree<S, H>, index: &Index) -> Result<(), WriteError> {
    let size = tree.size();
    if index.covered()? > size {
        index.clear()?;
    }
    let mut covered = index.covered()?;
    while covered < size {
        let path = tile_at(Kind::Entries, covered / 256, size).ok_or(TreeError::OutOfTree)?;
        let bytes =
            tree.storage().read(&tile_file(&path), BUNDLE_MAX_BYTES as u64).map_err(TreeError::from)?;
        let bundle = bytes.and_then(|bytes| Bundle::parse(path.width(), &bytes).ok());
        let leaves = bundle.ok_or_else(|| bad_tile(&path, size))?.leaf_hashes();
        let new: Vec<[u8; 32]> = leaves[(covered % 256) as usize..].iter().map(|leaf| leaf.0).collect();
        index.extend(covered, &new)?;
        covered += new.len() as u64;
    }
    Ok(())
}
