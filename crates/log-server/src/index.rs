//! Where a text stands, and its stamp: a text is in the log once, and adding it again gives the
//! same answer. A cache: every line of it follows from the entry bundles.
//!
//! A file that is missing or damaged is made anew, at the start and while the log runs: whoever
//! meets an error leaves a doubt, and the sequencer, which alone writes here, mends the file and
//! brings it up to the tree ([`crate::catch_up`]) before it writes another leaf.

use host::db::{Db, DbError, One};
use host::lock::RwLock;
use redb::{ReadableTable, TableDefinition};
use std::path::{Path, PathBuf};
use tlog::Hash;
use tokio::sync::watch;

const TEXTS: TableDefinition<[u8; 32], (u64, &[u8])> = TableDefinition::new("text hash to index and stamp");
/// The tree size that the other table covers, and nothing beyond it.
const COVERED: One<u64> = One::new("covered size");

/// None in this crate's tests, which damage the file under a log that runs.
const CACHE_BYTES: usize = if cfg!(test) { 0 } else { 1 << 20 };

/// Why the index could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{0} (the file is a cache: it is made anew, or stop the log and remove it)")]
pub struct IndexError(DbError);

/// Where a text stands, with its stamp's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub index: u64,
    pub stamp: Vec<u8>,
}

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
                tx.open_table(TEXTS)?;
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

    /// Where the first entry with this text stands.
    pub(crate) fn find(&self, text: &Hash) -> Result<Option<Place>, IndexError> {
        let place = |(index, stamp): (u64, &[u8])| Place { index, stamp: stamp.to_vec() };
        self.with(|db| db.read(|tx| Ok(tx.open_table(TEXTS)?.get(text.0)?.map(|found| place(found.value())))))
    }

    /// Adds the texts and stamps from `first` on. The first place of a text stays: the answer to a
    /// repeat never changes.
    pub(crate) fn extend(&self, first: u64, entries: &[(Hash, Vec<u8>)]) -> Result<(), IndexError> {
        self.with(|db| {
            db.write(|tx| {
                let mut texts = tx.open_table(TEXTS)?;
                for (index, (text, stamp)) in (first..).zip(entries) {
                    if texts.get(text.0)?.is_none() {
                        texts.insert(text.0, (index, stamp.as_slice()))?;
                    }
                }
                let covered = first.saturating_add(entries.len() as u64);
                tx.open_table(COVERED)?.insert((), covered)?;
                Ok(())
            })
        })
    }

    /// Forgets everything: the tree is smaller than what was covered.
    pub(crate) fn clear(&self) -> Result<(), IndexError> {
        self.with(|db| {
            db.write(|tx| {
                tx.delete_table(TEXTS)?;
                tx.open_table(TEXTS)?;
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
        let [one, two] = [1, 2].map(|n| Hash([n; 32]));
        let place = |index| Some(Place { index, stamp: vec![index as u8; 9] });
        let stands = |text, index| (text, vec![index; 9]);
        assert_eq!((index.covered().unwrap(), index.find(&one).unwrap()), (0, None));
        index.extend(0, &[stands(one, 0), stands(two, 1), stands(one, 2)]).unwrap();
        drop(index);
        let index = Index::open(&path).unwrap();
        assert_eq!(index.covered().unwrap(), 3);
        assert_eq!(index.find(&one).unwrap(), place(0));
        assert_eq!(index.find(&two).unwrap(), place(1));
        index.clear().unwrap();
        assert_eq!((index.covered().unwrap(), index.find(&one).unwrap()), (0, None));
    }

    #[test]
    fn a_torn_file_becomes_an_empty_index() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.redb");
        for garbage in [&b"not a database"[..], &[0; 5000], &[0xff; 100]] {
            std::fs::write(&path, garbage).unwrap();
            let index = Index::open(&path).unwrap();
            assert_eq!(index.covered().unwrap(), 0);
            index.extend(0, &[(Hash([9; 32]), b"line".to_vec())]).unwrap();
            assert_eq!(index.find(&Hash([9; 32])).unwrap().unwrap().index, 0);
        }
    }

    #[test]
    fn damage_that_is_met_in_use_leaves_a_doubt_and_the_file_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.redb");
        let texts: Vec<(Hash, Vec<u8>)> = (0..2000_u16).map(|n| (text(n), vec![7; 99])).collect();
        let index = Index::open(&path).unwrap();
        index.extend(0, &texts).unwrap();
        drop(index);
        let index = Index::open(&path).unwrap();
        assert!(!index.is_in_doubt());
        let garbage: Vec<u8> = std::fs::read(&path).unwrap().iter().map(|byte| byte ^ 0xa5).collect();
        std::fs::write(&path, garbage).unwrap();
        let found: Vec<_> = texts.iter().map(|(text, _)| index.find(text)).collect();
        assert!(found.iter().any(Result::is_err) && index.is_in_doubt());
        index.mend().unwrap();
        assert!(!index.is_in_doubt());
        assert_eq!((index.covered().unwrap(), index.find(&text(1)).unwrap()), (0, None));
        index.extend(0, &texts).unwrap();
        assert_eq!(index.find(&text(1999)).unwrap().unwrap().index, 1999);
    }

    fn text(n: u16) -> Hash {
        let mut hash = [7; 32];
        hash[..2].copy_from_slice(&n.to_be_bytes());
        Hash(hash)
    }
}
