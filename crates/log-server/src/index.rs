//! Leaf hash to index, so that adding the same bytes twice gives the same answer. A cache: every line of it follows from
//! the entry bundles, and a missing, torn or lagging file is rebuilt from them at the start.

use host::guard;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::path::{Path, PathBuf};

const LEAVES: TableDefinition<[u8; 32], u64> = TableDefinition::new("leaf hash to index");
/// One row: the tree size that the other table covers, and nothing beyond it.
const COVERED: TableDefinition<(), u64> = TableDefinition::new("covered size");

/// Pages of the database that are kept in memory; the library's own bound is a gigabyte. What is not here is in the system's page cache.
const CACHE_BYTES: usize = 1 << 20;

/// Why the index could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source} (the file is a cache: stop the log and remove it, and it is rebuilt)", .path.display())]
pub(crate) struct IndexError {
    path: PathBuf,
    source: Box<redb::Error>,
}

/// The open index.
#[derive(Debug)]
pub(crate) struct Index {
    path: PathBuf,
    database: Database,
}

impl Index {
    /// Opens the index at `path`; a missing or unreadable file becomes an empty one that covers nothing.
    pub(crate) fn open(path: &Path) -> Result<Self, IndexError> {
        let named = |source: redb::Error| IndexError { path: path.to_owned(), source: Box::new(source) };
        let opened = guard::guarded(|| Self::create(path), senseless).or_else(|error| {
            tracing::warn!(%error, path = %path.display(), "the index cannot be read and is rebuilt");
            std::fs::remove_file(path).map_err(redb::Error::Io)?;
            Self::create(path)
        });
        opened.map_err(named)
    }

    fn create(path: &Path) -> Result<Self, redb::Error> {
        let database = redb::Builder::new().set_cache_size(CACHE_BYTES).create(path)?;
        let transaction = database.begin_write()?;
        transaction.open_table(LEAVES)?;
        transaction.open_table(COVERED)?;
        transaction.commit()?;
        Ok(Self { path: path.to_owned(), database })
    }

    /// The size of the tree whose leaves are all here.
    pub(crate) fn covered(&self) -> Result<u64, IndexError> {
        let read = || -> Result<u64, redb::Error> {
            let table = self.database.begin_read()?.open_table(COVERED)?;
            Ok(table.get(())?.map_or(0, |size| size.value()))
        };
        read().map_err(|source| self.named(source))
    }

    /// The index of the first leaf with this hash.
    pub(crate) fn find(&self, leaf_hash: &[u8; 32]) -> Result<Option<u64>, IndexError> {
        let read = || -> Result<Option<u64>, redb::Error> {
            let table = self.database.begin_read()?.open_table(LEAVES)?;
            Ok(table.get(leaf_hash)?.map(|index| index.value()))
        };
        read().map_err(|source| self.named(source))
    }

    /// Adds the leaves from `first` on. The first index of a hash stays: the answer to a repeat never changes.
    pub(crate) fn extend(&self, first: u64, leaf_hashes: &[[u8; 32]]) -> Result<(), IndexError> {
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            {
                let mut leaves = transaction.open_table(LEAVES)?;
                for (index, leaf_hash) in (first..).zip(leaf_hashes) {
                    if leaves.get(leaf_hash)?.is_none() {
                        leaves.insert(leaf_hash, index)?;
                    }
                }
                let covered = first.saturating_add(leaf_hashes.len() as u64);
                transaction.open_table(COVERED)?.insert((), covered)?;
            }
            transaction.commit()?;
            Ok(())
        };
        write().map_err(|source| self.named(source))
    }

    /// Forgets everything: the tree is smaller than what was covered.
    pub(crate) fn clear(&self) -> Result<(), IndexError> {
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            transaction.delete_table(LEAVES)?;
            transaction.open_table(LEAVES)?;
            transaction.open_table(COVERED)?.insert((), 0)?;
            transaction.commit()?;
            Ok(())
        };
        write().map_err(|source| self.named(source))
    }

    fn named(&self, source: redb::Error) -> IndexError {
        IndexError { path: self.path.clone(), source: Box::new(source) }
    }
}

/// For a file on whose damage the library panics.
fn senseless() -> redb::Error {
    redb::Error::Corrupted(guard::SENSELESS.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_index_of_a_hash_stays_and_survives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.redb");
        let index = Index::open(&path).unwrap();
        assert_eq!((index.covered().unwrap(), index.find(&[1; 32]).unwrap()), (0, None));
        index.extend(0, &[[1; 32], [2; 32], [1; 32]]).unwrap();
        drop(index);
        let index = Index::open(&path).unwrap();
        assert_eq!(index.covered().unwrap(), 3);
        assert_eq!(index.find(&[1; 32]).unwrap(), Some(0));
        assert_eq!(index.find(&[2; 32]).unwrap(), Some(1));
        index.clear().unwrap();
        assert_eq!((index.covered().unwrap(), index.find(&[1; 32]).unwrap()), (0, None));
    }

    #[test]
    fn a_torn_file_becomes_an_empty_index() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.redb");
        for garbage in [&b"not a database"[..], &[0; 5000], &[0xff; 100]] {
            std::fs::write(&path, garbage).unwrap();
            let index = Index::open(&path).unwrap();
            assert_eq!(index.covered().unwrap(), 0);
            index.extend(0, &[[9; 32]]).unwrap();
            assert_eq!(index.find(&[9; 32]).unwrap(), Some(0));
        }
    }
}
