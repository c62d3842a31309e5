//! The index brought up to the tree, from the entry bundles: at the start, and whenever the index
//! was lost or fell behind.

use crate::error::Error;
use crate::index::Index;
use crate::storage::Storage;
use crate::tree::{Heads, Tree, TreeError, bad_tile, read_bundle};
use tlog::Hash;
use tlog::stamp;
use tlog::tile::{Kind, tile_at};

/// An index that turns out to be damaged on the way is made anew, once.
pub(crate) fn catch_up<S: Storage, H: Heads>(tree: &Tree<S, H>, index: &Index) -> Result<(), Error> {
    match fill(tree, index) {
        Err(Error::Index(error)) => {
            tracing::warn!(%error, "the index is made anew from the entries");
            index.mend()?;
            fill(tree, index)
        }
        done => done,
    }
}

fn fill<S: Storage, H: Heads>(tree: &Tree<S, H>, index: &Index) -> Result<(), Error> {
    let size = tree.size();
    if index.covered()? > size {
        index.clear()?;
    }
    let mut covered = index.covered()?;
    while covered < size {
        let path = tile_at(Kind::Entries, covered / 256, size).ok_or(TreeError::OutOfTree)?;
        let entries = read_bundle(tree.storage(), &path, size)?.entries;
        let new = entries.iter().skip((covered % 256) as usize).map(|entry| {
            let (text, line) = stamp::split(entry).map_err(|_| bad_tile(&path, size))?;
            Ok((text, line.to_vec()))
        });
        let new: Vec<(Hash, Vec<u8>)> = new.collect::<Result<_, TreeError>>()?;
        index.extend(covered, &new)?;
        covered += new.len() as u64;
    }
    Ok(())
}
