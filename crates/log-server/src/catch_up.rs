//! The index brought up to the tree, from the entry bundles: at the start, and whenever the index
//! was lost or fell behind.

use crate::error::WriteError;
use crate::index::Index;
use crate::storage::Storage;
use crate::tree::{Heads, Tree, TreeError, read_bundle};
use tlog::tile::{Kind, tile_at};

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
        let leaves = read_bundle(tree.storage(), &path, size)?.leaf_hashes();
        let new: Vec<[u8; 32]> = leaves[(covered % 256) as usize..].iter().map(|leaf| leaf.0).collect();
        index.extend(covered, &new)?;
        covered += new.len() as u64;
    }
    Ok(())
}
