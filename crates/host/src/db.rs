//! A redb file, opened and used so that its damage is an error like any other.
//!
//! The library panics on some damaged files, at opening and long after it. Here such a panic
//! poisons the handle: that call and every later one answers [`DbError::Damaged`], and the party
//! says what to do. What is a cache is made anew ([`Db::open_cache`], again while running if need
//! be); for what is not, the party stops granting, cosigning or filming and names the file. A
//! handle whose library panicked is never used again, because nobody knows what it had changed in
//! memory.
//!
//! ```text
//! const LEAVES: TableDefinition<[u8; 32], u64> = TableDefinition::new("leaf hash to index");
//! const COVERED: One<u64> = One::new("covered size");            // a value alone: a table of one row
//!
//! db.read(|tx| Ok(tx.open_table(COVERED)?.get(())?.map_or(0, |size| size.value())))
//! ```
//!
//! A step does nothing but look at tables and change them: a panic of its own would be taken for
//! the file's. Values are taken out of their guards inside it, for reading one may panic too. The
//! calls block.

use crate::durable;
use crate::lock::Mutex;
use redb::{
    Database, Durability, Error, ReadTransaction, ReadableDatabase, TableDefinition, WriteTransaction,
};
use std::convert::Infallible;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// A table of one row, for a value that stands alone.
pub type One<V> = TableDefinition<'static, (), V>;

/// Why a database could not be used.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    #[error("{}: no such file", .path.display())]
    Missing { path: PathBuf },
    #[error("{}: already exists; it is never overwritten", .path.display())]
    Exists { path: PathBuf },
    #[error("{}: the file is damaged ({reason})", .path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("{}: {source}", .path.display())]
    Failed { path: PathBuf, source: Box<Error> },
}

/// One open file. Nobody else may have it open.
#[derive(Debug)]
pub struct Db {
    path: PathBuf,
    /// There until this is dropped.
    database: Option<Database>,
    /// One writer at a time, and none behind one that panicked: the library would let it wait for
    /// ever.
    writing: Mutex<()>,
    poisoned: AtomicBool,
    quick_repair: bool,
}

impl Db {
    /// Opens the file, which must exist. `cache_bytes` of its pages are kept in memory; what is not
    /// there is in the system's page cache.
    pub fn open(path: &Path, cache_bytes: usize) -> Result<Self, DbError> {
        if !path.exists() {
            return Err(DbError::Missing { path: path.to_owned() });
        }
        guarded_open(path, || redb::Builder::new().set_cache_size(cache_bytes).open(path))
    }

    /// Makes an empty one that only its owner may read. Nothing may be there yet.
    pub fn create(path: &Path, cache_bytes: usize) -> Result<Self, DbError> {
        match durable::private().write(true).create_new(true).open(path) {
            Ok(_) => guarded_open(path, || redb::Builder::new().set_cache_size(cache_bytes).create(path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(DbError::Exists { path: path.to_owned() })
            }
            Err(error) => Err(failed(path, error.into())),
        }
    }

    /// Opens what can be made anew from something else, and makes an empty one where the file is
    /// missing or damaged. `true` when it is empty for that reason.
    pub fn open_cache(path: &Path, cache_bytes: usize) -> Result<(Self, bool), DbError> {
        match Self::open(path, cache_bytes) {
            Ok(db) => return Ok((db, false)),
            Err(DbError::Missing { .. }) => {}
            Err(error @ DbError::Damaged { .. }) => {
                tracing::warn!(%error, "the file is a cache and is made anew");
                std::fs::remove_file(path).map_err(|error| failed(path, error.into()))?;
            }
            Err(error @ (DbError::Exists { .. } | DbError::Failed { .. })) => return Err(error),
        }
        Ok((Self::create(path, cache_bytes)?, true))
    }

    /// Commits so that a killed process need not walk the whole file before it uses it again; each
    /// durable commit costs more.
    pub fn with_quick_repair(mut self) -> Self {
        self.quick_repair = true;
        self
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at one state of the tables. No reader waits for a writer.
    pub fn read<T>(&self, step: impl FnOnce(&ReadTransaction) -> Result<T, Error>) -> Result<T, DbError> {
        self.guarded(|| step(&self.opened()?.begin_read()?))
    }

    /// Changes tables, durable on return; an error changes nothing. What the step reads is still so
    /// when it writes.
    pub fn write<T>(&self, step: impl FnOnce(&WriteTransaction) -> Result<T, Error>) -> Result<T, DbError> {
        let done = self.attempt(Durability::Immediate, |tx| step(tx).map(Ok::<T, Infallible>))?;
        Ok(done.unwrap_or_else(|never| match never {}))
    }

    /// The same for a step that may refuse (`Ok(Err(_))`), which changes nothing either, and with
    /// the durability said.
    pub fn attempt<T, R>(
        &self,
        durability: Durability,
        step: impl FnOnce(&WriteTransaction) -> Result<Result<T, R>, Error>,
    ) -> Result<Result<T, R>, DbError> {
        let _alone = self.writing.lock();
        self.guarded(|| {
            let mut transaction = self.opened()?.begin_write()?;
            transaction.set_durability(durability)?;
            transaction.set_quick_repair(self.quick_repair && matches!(durability, Durability::Immediate));
            let outcome = step(&transaction)?;
            match &outcome {
                Ok(_) => transaction.commit()?,
                Err(_) => transaction.abort()?,
            }
            Ok(outcome)
        })
    }

    fn opened(&self) -> Result<&Database, Error> {
        self.database.as_ref().ok_or(Error::DatabaseClosed)
    }

    fn guarded<T>(&self, work: impl FnOnce() -> Result<T, Error>) -> Result<T, DbError> {
        if self.poisoned.load(Ordering::SeqCst) {
            return Err(panicked(&self.path));
        }
        let outcome = guarded(&self.path, work);
        if matches!(outcome, Err(DbError::Damaged { .. })) {
            self.poisoned.store(true, Ordering::SeqCst);
        }
        outcome
    }
}

impl Drop for Db {
    /// Closing writes, and may panic like every other use.
    fn drop(&mut self) {
        let database = self.database.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(database)));
    }
}

fn guarded_open(
    path: &Path,
    open: impl FnOnce() -> Result<Database, redb::DatabaseError>,
) -> Result<Db, DbError> {
    Ok(Db {
        path: path.to_owned(),
        database: Some(guarded(path, || Ok(open()?))?),
        writing: Mutex::new(()),
        poisoned: AtomicBool::new(false),
        quick_repair: false,
    })
}

/// The one place where the library is called: what it was building when it panicked is dropped.
fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T, Error>) -> Result<T, DbError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => outcome.map_err(|source| failed(path, source)),
        Err(_) => Err(panicked(path)),
    }
}

fn panicked(path: &Path) -> DbError {
    DbError::Damaged { path: path.to_owned(), reason: "it makes no sense".to_owned() }
}

fn failed(path: &Path, source: Error) -> DbError {
    let path = path.to_owned();
    match is_damage(&source) {
        true => DbError::Damaged { path, reason: source.to_string() },
        false => DbError::Failed { path, source: Box::new(source) },
    }
}

/// Whether the file is not what it should be, rather than a disk or a lock that fails.
fn is_damage(error: &Error) -> bool {
    match error {
        Error::Corrupted(_)
        | Error::UpgradeRequired(_)
        | Error::RepairAborted
        | Error::TableTypeMismatch { .. }
        | Error::TableIsMultimap(_)
        | Error::TypeDefinitionChanged { .. }
        | Error::TableDoesNotExist(_)
        | Error::LockPoisoned(_) => true,
        Error::Io(error) => {
            matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
