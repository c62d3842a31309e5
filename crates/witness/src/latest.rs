//! The latest head this witness cosigned of each log: what makes a rollback impossible.
//!
//! One database, created by `init` alone. Losing it would let every log start a second history, so
//! a missing file is an error and never a fresh start. The check of a request and the write of its
//! head are one transaction, and the database runs one writer at a time: two requests for one
//! origin cannot both pass against the same latest head.

use host::db::{Db, DbError};
use redb::{Durability, ReadableTable, TableDefinition};
use std::path::Path;

/// Origin to the cosigned checkpoint note, as it is served.
const LATEST: TableDefinition<&str, &[u8]> = TableDefinition::new("latest cosigned checkpoint");

/// A witness knows a handful of logs. None in this crate's tests, which damage the file under a
/// witness that runs.
const CACHE_BYTES: usize = if cfg!(test) { 0 } else { 256 << 10 };

/// Why the latest heads could not be read or kept. Nothing is cosigned after one.
#[derive(Debug, thiserror::Error)]
#[error("the record of the heads this witness cosigned: {}{}", .0, advice(.0))]
pub struct LatestError(#[from] pub DbError);

fn advice(error: &DbError) -> &'static str {
    match error {
        DbError::Missing { .. } => {
            "; run `candor witness init` on a NEW witness, or restore this one's data folder: starting without it would let a log rewrite its history"
        }
        DbError::Exists { .. } => "; a witness is initialised once",
        DbError::Damaged { .. } => {
            ": it cosigns nothing any more; an older copy would let a log rewrite its history, so start a NEW witness in another folder and keep this one"
        }
        DbError::Failed { .. } => "",
    }
}

/// The open record of latest heads.
#[derive(Debug)]
pub(crate) struct Latest(Db);

impl Latest {
    /// Creates the record of a witness that never cosigned anything.
    pub(crate) fn create(path: &Path) -> Result<(), LatestError> {
        Ok(Db::create(path, CACHE_BYTES)?.write(|tx| Ok(tx.open_table(LATEST).map(drop)?))?)
    }

    /// Opens the record; it must exist. A database without the table is not ours, and not a witness
    /// that never cosigned.
    pub(crate) fn open(path: &Path) -> Result<Self, LatestError> {
        let db = Db::open(path, CACHE_BYTES)?;
        db.read(|tx| Ok(tx.open_table(LATEST).map(drop)?))?;
        Ok(Self(db))
    }

    /// The latest cosigned checkpoint note of `origin`, if there ever was one.
    pub(crate) fn get(&self, origin: &str) -> Result<Option<Vec<u8>>, LatestError> {
        Ok(self.0.read(|tx| Ok(tx.open_table(LATEST)?.get(origin)?.map(|note| note.value().to_vec())))?)
    }

    /// Shows `step` the latest note of `origin`; when it returns a new one, that is durable before
    /// this returns. No other step runs in between. A refusal (`Err`) changes nothing.
    pub(crate) fn update<T, R>(
        &self,
        origin: &str,
        step: impl FnOnce(Option<&[u8]>) -> Result<(Vec<u8>, T), R>,
    ) -> Result<Result<T, R>, LatestError> {
        // SPEC: log.md#witness: the new head is durable before the cosignature leaves.
        Ok(self.0.attempt(Durability::Immediate, |tx| {
            let mut table = tx.open_table(LATEST)?;
            let before = table.get(origin)?.map(|note| note.value().to_vec());
            match step(before.as_deref()) {
                Ok((note, value)) => {
                    table.insert(origin, note.as_slice())?;
                    Ok(Ok(value))
                }
                Err(refusal) => Ok(Err(refusal)),
            }
        })?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_created_once_and_never_implicitly() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("latest.redb");
        assert!(matches!(Latest::open(&path), Err(LatestError(DbError::Missing { .. }))));
        Latest::create(&path).unwrap();
        assert!(matches!(Latest::create(&path), Err(LatestError(DbError::Exists { .. }))));
        assert_eq!(Latest::open(&path).unwrap().get("log").unwrap(), None);
        for garbage in [&b""[..], b"torn", &[0; 9000]] {
            let path = dir.path().join("garbage");
            std::fs::write(&path, garbage).unwrap();
            assert!(
                matches!(Latest::open(&path), Err(LatestError(DbError::Damaged { .. }))),
                "{}",
                garbage.len()
            );
        }
    }

    #[test]
    fn a_refused_step_changes_nothing_and_an_accepted_one_survives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("latest.redb");
        Latest::create(&path).unwrap();
        let latest = Latest::open(&path).unwrap();
        let accepted = latest.update("log", |before| {
            assert_eq!(before, None);
            Ok::<_, ()>((b"one".to_vec(), 1))
        });
        assert_eq!(accepted.unwrap(), Ok(1));
        let refused = latest.update("log", |before| {
            assert_eq!(before, Some(&b"one"[..]));
            Err::<(Vec<u8>, ()), _>("no")
        });
        assert_eq!(refused.unwrap(), Err("no"));
        drop(latest);
        let latest = Latest::open(&path).unwrap();
        assert_eq!(latest.get("log").unwrap().unwrap(), b"one");
        assert_eq!(latest.get("other").unwrap(), None);
    }
}
