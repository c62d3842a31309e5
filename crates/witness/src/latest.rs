//! The latest head this witness cosigned of each log: what makes a rollback impossible.
//!
//! One database, created by `init` alone. Losing it would let every log start a second history, so a missing file is an
//! error and never a fresh start. The check of a request and the write of its head are one transaction, and the database
//! runs one writer at a time: two requests for one origin cannot both pass against the same latest head.

use host::guard;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::path::{Path, PathBuf};

/// Origin to the cosigned checkpoint note, as it is served.
const LATEST: TableDefinition<&str, &[u8]> = TableDefinition::new("latest cosigned checkpoint");

/// Why the latest heads could not be read or kept. Nothing is cosigned after one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LatestError {
    #[error("{}: no record of the heads this witness cosigned; run `candor witness init` on a NEW witness, or restore this one's data folder: starting without it would let a log rewrite its history", .path.display())]
    Missing { path: PathBuf },
    #[error("{}: already initialised; a witness is initialised once", .path.display())]
    Exists { path: PathBuf },
    #[error("{}: {source}", .path.display())]
    Database { path: PathBuf, source: Box<redb::Error> },
}

/// The open record of latest heads.
#[derive(Debug)]
pub struct Latest {
    path: PathBuf,
    database: Database,
}

impl Latest {
    /// Creates the record of a witness that never cosigned anything.
    pub fn create(path: &Path) -> Result<(), LatestError> {
        if path.exists() {
            return Err(LatestError::Exists { path: path.to_owned() });
        }
        let make = || -> Result<(), redb::Error> {
            let database = Database::create(path)?;
            let transaction = database.begin_write()?;
            transaction.open_table(LATEST)?;
            transaction.commit()?;
            Ok(())
        };
        make().map_err(|source| LatestError::Database { path: path.to_owned(), source: Box::new(source) })
    }

    /// Opens the record; it must exist.
    pub fn open(path: &Path) -> Result<Self, LatestError> {
        if !path.exists() {
            return Err(LatestError::Missing { path: path.to_owned() });
        }
        let open = || -> Result<Database, redb::Error> {
            let database = Database::open(path)?;
            // A database without the table is not ours, and not a witness that never cosigned.
            database.begin_read()?.open_table(LATEST)?;
            Ok(database)
        };
        match guard::guarded(open, senseless) {
            Ok(database) => Ok(Self { path: path.to_owned(), database }),
            Err(source) => Err(LatestError::Database { path: path.to_owned(), source: Box::new(source) }),
        }
    }

    /// The latest cosigned checkpoint note of `origin`, if there ever was one.
    pub fn get(&self, origin: &str) -> Result<Option<Vec<u8>>, LatestError> {
        let read = || -> Result<Option<Vec<u8>>, redb::Error> {
            let table = self.database.begin_read()?.open_table(LATEST)?;
            Ok(table.get(origin)?.map(|note| note.value().to_vec()))
        };
        read().map_err(|source| self.named(source))
    }

    /// Shows `step` the latest note of `origin`; when it returns a new one, that is durable before this returns. No
    /// other step runs in between. A refusal (`Err`) changes nothing.
    pub fn update<T, R>(
        &self,
        origin: &str,
        step: impl FnOnce(Option<&[u8]>) -> Result<(Vec<u8>, T), R>,
    ) -> Result<Result<T, R>, LatestError> {
        let write = || -> Result<Result<T, R>, redb::Error> {
            let transaction = self.database.begin_write()?;
            let outcome = {
                let mut table = transaction.open_table(LATEST)?;
                let outcome = step(table.get(origin)?.as_ref().map(|note| note.value()));
                outcome.map(|(note, value)| table.insert(origin, note.as_slice()).map(|_| value))
            };
            match outcome {
                Ok(inserted) => {
                    let value = inserted?;
                    // SPEC: log.md#witness: the new head is durable before the cosignature leaves.
                    transaction.commit()?;
                    Ok(Ok(value))
                }
                Err(refusal) => {
                    transaction.abort()?;
                    Ok(Err(refusal))
                }
            }
        };
        write().map_err(|source| self.named(source))
    }

    fn named(&self, source: redb::Error) -> LatestError {
        LatestError::Database { path: self.path.clone(), source: Box::new(source) }
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
    fn a_record_is_created_once_and_never_implicitly() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("latest.redb");
        assert!(matches!(Latest::open(&path), Err(LatestError::Missing { .. })));
        Latest::create(&path).unwrap();
        assert!(matches!(Latest::create(&path), Err(LatestError::Exists { .. })));
        assert_eq!(Latest::open(&path).unwrap().get("log").unwrap(), None);
        for garbage in [&b""[..], b"torn", &[0; 9000]] {
            let path = dir.path().join("garbage");
            std::fs::write(&path, garbage).unwrap();
            assert!(matches!(Latest::open(&path), Err(LatestError::Database { .. })), "{}", garbage.len());
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
