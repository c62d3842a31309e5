//! Leaf hash to index, so that adding the same bytes twice gives the same answer. A cache: every
//! line of it follows from the entry bundles.
//!
//! A file that is missing or damaged is made anew, at the start and while the log runs: whoever
//! meets an error leaves a doubt, and the sequencer, which alone writes here, mends the file and
//! brings it up to the tree ([`crate::catch_up`]) before it writes another leaf.

use host::db::{Db, DbError, One};
use host::lock::RwLock;
use redb::{ReadableTable, TableDefinition};
use std::path::{Path, PathBuf};
use tokio::sync::watch;

const LEAVES: TableDefinition<[u8; 32], u64> = TableDefinition::new("leaf hash to index");
/// The tree size that the other table covers, and nothing beyond it.
const COVERED: One<u64> = One::new("covered size");

/// None in this crate's tests, which damage the file under a log that runs.
const CACHE_BYTES: usize = if cfg!(test) { 0 } else { 1 << 20 };

/// Why the index could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{0} (the file is a cache: it is made anew, or stop the log and remove it)")]
pub struct IndexError(DbError);

/// What is to be done before the index is trusted again; the worse, the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Doubt {
    None,
    /// A disk failed: the file is opened again.
    Reopen,
    /// The file is damaged: it goes.
    Remake,
}

/// The open index.
#[derive(Debug)]
pub(crate) struct Index {
    path: PathBuf,
    /// Away only while it is opened again.
    db: RwLock<Option<Db>>,
    doubt: watch::Sender<Doubt>,
}

impl Index {
    /// Opens the index at `path`; a missing or unreadable file becomes an empty one that covers
    /// nothing.
    pub(crate) fn open(path: &Path) -> Result<Self, IndexError> {
        let doubt = watch::Sender::new(Doubt::Reopen);
        let index = Self { path: path.to_owned(), db: RwLock::new(None), doubt };
        index.mend()?;
        Ok(index)
    }

    /// Opens the file again as far as it is in doubt. A new one covers nothing.
    pub(crate) fn mend(&self) -> Result<(), IndexError> {
        let mut db = self.db.write();
        // The old handle lets go of the file before a new one takes it.
        *db = None;
        if *self.doubt.borrow() == Doubt::Remake
            && let Err(error) = std::fs::remove_file(&self.path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            let source = Box::new(error.into());
            return Err(IndexError(DbError::Failed { path: self.path.clone(), source }));
        }
        let opened = Db::open_cache(&self.path, CACHE_BYTES).and_then(|(db, _)| {
            db.write(|tx| {
                tx.open_table(LEAVES)?;
                tx.open_table(COVERED)?;
                Ok(())
            })?;
            Ok(db)
        });
        *db = Some(opened.map_err(|error| self.doubted_by(error))?);
        self.doubt.send_replace(Doubt::None);
        Ok(())
    }

    pub(crate) fn is_in_doubt(&self) -> bool {
        *self.doubt.borrow() != Doubt::None
    }

    /// Resolves when somebody met an error here. Cancel-safe.
    pub(crate) async fn in_doubt(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.doubt.subscribe().wait_for(|doubt| *doubt != Doubt::None).await;
    }

    /// The size of the tree whose leaves are all here.
    pub(crate) fn covered(&self) -> Result<u64, IndexError> {
        self.with(|db| db.read(|tx| Ok(tx.open_table(COVERED)?.get(())?.map_or(0, |size| size.value()))))
    }

    /// The index of the first leaf with this hash.
    pub(crate) fn find(&self, leaf_hash: &[u8; 32]) -> Result<Option<u64>, IndexError> {
        self.with(|db| db.read(|tx| Ok(tx.open_table(LEAVES)?.get(leaf_hash)?.map(|index| index.value()))))
    }

    /// Adds the leaves from `first` on. The first index of a hash stays: the answer to a repeat
    /// never changes.
    pub(crate) fn extend(&self, first: u64, leaf_hashes: &[[u8; 32]]) -> Result<(), IndexError> {
        self.with(|db| {
            db.write(|tx| {
                let mut leaves = tx.open_table(LEAVES)?;
                for (index, leaf_hash) in (first..).zip(leaf_hashes) {
                    if leaves.get(leaf_hash)?.is_none() {
                        leaves.insert(leaf_hash, index)?;
                    }
                }
                let covered = first.saturating_add(leaf_hashes.len() as u64);
                tx.open_table(COVERED)?.insert((), covered)?;
                Ok(())
            })
        })
    }

    /// Forgets everything: the tree is smaller than what was covered.
    pub(crate) fn clear(&self) -> Result<(), IndexError> {
        self.with(|db| {
            db.write(|tx| {
                tx.delete_table(LEAVES)?;
                tx.open_table(LEAVES)?;
                tx.open_table(COVERED)?.insert((), 0)?;
                Ok(())
            })
        })
    }

    fn with<T>(&self, work: impl FnOnce(&Db) -> Result<T, DbError>) -> Result<T, IndexError> {
        let closed =
            || DbError::Failed { path: self.path.clone(), source: Box::new(redb::Error::DatabaseClosed) };
        let done = self.db.read().as_ref().ok_or_else(closed).and_then(work);
        done.map_err(|error| self.doubted_by(error))
    }

    fn doubted_by(&self, error: DbError) -> IndexError {
        let doubt = match error {
            DbError::Damaged { .. } => Doubt::Remake,
            DbError::Missing { .. } | DbError::Exists { .. } | DbError::Failed { .. } => Doubt::Reopen,
        };
        self.doubt.send_modify(|held| *held = doubt.max(*held));
        IndexError(error)
    }
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

    #[test]
    fn damage_that_is_met_in_use_leaves_a_doubt_and_the_file_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.redb");
        let hashes: Vec<[u8; 32]> = (0..2000_u16).map(leaf).collect();
        let index = Index::open(&path).unwrap();
        index.extend(0, &hashes).unwrap();
        drop(index);
        let index = Index::open(&path).unwrap();
        assert!(!index.is_in_doubt());
        let garbage: Vec<u8> = std::fs::read(&path).unwrap().iter().map(|byte| byte ^ 0xa5).collect();
        std::fs::write(&path, garbage).unwrap();
        let found: Vec<_> = hashes.iter().map(|hash| index.find(hash)).collect();
        assert!(found.iter().any(Result::is_err) && index.is_in_doubt());
        index.mend().unwrap();
        assert!(!index.is_in_doubt());
        assert_eq!((index.covered().unwrap(), index.find(&leaf(1)).unwrap()), (0, None));
        index.extend(0, &hashes).unwrap();
        assert_eq!(index.find(&leaf(1999)).unwrap(), Some(1999));
    }

    fn leaf(n: u16) -> [u8; 32] {
        let mut hash = [7; 32];
        hash[..2].copy_from_slice(&n.to_be_bytes());
        hash
    }
}
