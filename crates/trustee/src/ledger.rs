//! What this trustee has decided, durable before anything of it leaves: the bundle that waits for its grant's proof, the bundle that
//! was handed out, the refusals that became leaves, the leaves still to be appended, and the head the log was followed to.
//!
//! ```text
//! held      request leaf hash -> grant and sealed shares      written BEFORE the grant is appended (G10)
//! bundles   request leaf hash -> the bundle as handed out     a repeat gets the same bytes (G12)
//! ids       entry id -> request leaf hash
//! refused   request leaf hash -> step, name, text (JSON)      one leaf a request at most
//! outbox    leaf hash -> leaf                                 to be appended; removed once it is proved
//! meta      trustee, head, fork
//! ```
//!
//! Created by `init` alone: a trustee that forgot what it granted could grant twice.

use crate::answer::Refused;
use host::guard;
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
    WriteTransaction,
};
use std::path::{Path, PathBuf};
use tlog::Hash;
use tlog::merkle::leaf_hash;

type Table = TableDefinition<'static, &'static [u8], &'static [u8]>;
const HELD: Table = TableDefinition::new("held");
const BUNDLES: Table = TableDefinition::new("bundles");
const IDS: Table = TableDefinition::new("ids");
const REFUSED: Table = TableDefinition::new("refused");
const OUTBOX: Table = TableDefinition::new("outbox");
const META: Table = TableDefinition::new("meta");
const TABLES: [Table; 6] = [HELD, BUNDLES, IDS, REFUSED, OUTBOX, META];

const TRUSTEE: &[u8] = b"trustee";
const HEAD: &[u8] = b"head";
const FORK: &[u8] = b"fork";

/// Pages of the database that are kept in memory; the library's own bound is a gigabyte. What is not here is in the system's page cache.
const CACHE_BYTES: usize = 1 << 20;

/// Why the ledger could not be read or written. Nothing is granted after one.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("{}: no ledger; run `candor trustee init` on a NEW trustee, or restore this one's data folder: a trustee without its ledger forgot what it granted", .path.display())]
    Missing { path: PathBuf },
    #[error("{}: already initialised; a trustee is initialised once", .path.display())]
    Exists { path: PathBuf },
    #[error("{}: the ledger of {owner}, not of this key: put key and ledger of one trustee together", .path.display())]
    Foreign { path: PathBuf, owner: String },
    #[error("{}: an entry cannot be read: {reason}; restore the data folder", .path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("the entry id of this request was granted under another leaf")]
    IdGranted,
    #[error("{}: {source}", .path.display())]
    Database { path: PathBuf, source: Box<redb::Error> },
}

/// How many of what, for the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Totals {
    pub(crate) granted: u64,
    pub(crate) appending: u64,
    pub(crate) refused: u64,
    pub(crate) outbox: u64,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
    database: Database,
}

impl Ledger {
    /// Creates the ledger of a trustee that never decided anything.
    pub(crate) fn create(path: &Path, vkey: &str) -> Result<(), LedgerError> {
        if path.exists() {
            return Err(LedgerError::Exists { path: path.to_owned() });
        }
        let make = || -> Result<(), redb::Error> {
            let database = redb::Builder::new().set_cache_size(CACHE_BYTES).create(path)?;
            let transaction = database.begin_write()?;
            for table in TABLES {
                transaction.open_table(table)?;
            }
            transaction.open_table(META)?.insert(TRUSTEE, vkey.as_bytes())?;
            transaction.commit()?;
            Ok(())
        };
        make().map_err(|source| LedgerError::Database { path: path.to_owned(), source: Box::new(source) })
    }

    /// Opens the ledger of this trustee; it must exist.
    pub(crate) fn open(path: &Path, vkey: &str) -> Result<Self, LedgerError> {
        if !path.exists() {
            return Err(LedgerError::Missing { path: path.to_owned() });
        }
        let database =
            guard::guarded(|| Ok(redb::Builder::new().set_cache_size(CACHE_BYTES).open(path)?), senseless)
                .map_err(|source| LedgerError::Database {
                    path: path.to_owned(),
                    source: Box::new(source),
                })?;
        let ledger = Self { path: path.to_owned(), database };
        // A database without the tables is not ours, and not a trustee that never granted.
        let owner = ledger.get(META, TRUSTEE)?.unwrap_or_default();
        if owner != vkey.as_bytes() {
            let owner = String::from_utf8_lossy(&owner).into_owned();
            return Err(LedgerError::Foreign { path: path.to_owned(), owner });
        }
        Ok(ledger)
    }

    /// Persists what G10 made, unless this request has something held already: then that stays, and is returned.
    ///
    /// SPEC: release.md#g10: bundle and grant MUST be durable before the grant is appended; a request has one grant of a trustee, for ever.
    pub(crate) fn hold(&self, request: &Hash, id: &[u8; 16], held: &[u8]) -> Result<Vec<u8>, LedgerError> {
        enum Outcome {
            Held(Vec<u8>),
            IdGranted,
        }
        let outcome = self.write(|transaction| {
            let mut table = transaction.open_table(HELD)?;
            let mut ids = transaction.open_table(IDS)?;
            if let Some(existing) = table.get(&request.0[..])? {
                return Ok(Outcome::Held(existing.value().to_vec()));
            }
            let owner = ids.get(&id[..])?.map(|owner| owner.value().to_vec());
            if let Some(owner) = owner
                && owner != request.0
                && table.get(&owner[..])?.is_some()
            {
                return Ok(Outcome::IdGranted);
            }
            ids.insert(&id[..], &request.0[..])?;
            table.insert(&request.0[..], held)?;
            Ok(Outcome::Held(held.to_vec()))
        })?;
        match outcome {
            Outcome::Held(held) => Ok(held),
            Outcome::IdGranted => Err(LedgerError::IdGranted),
        }
    }

    pub(crate) fn held(&self, request: &Hash) -> Result<Option<Vec<u8>>, LedgerError> {
        self.get(HELD, &request.0)
    }

    /// Requests whose grant is not proved to be in the log yet.
    pub(crate) fn unproved(&self) -> Result<Vec<Hash>, LedgerError> {
        self.read(|transaction| {
            let (held, bundles) = (transaction.open_table(HELD)?, transaction.open_table(BUNDLES)?);
            let mut unproved = Vec::new();
            for entry in held.iter()? {
                let (request, _) = entry?;
                if bundles.get(request.value())?.is_none()
                    && let Ok(hash) = <[u8; 32]>::try_from(request.value())
                {
                    unproved.push(Hash(hash));
                }
            }
            Ok(unproved)
        })
    }

    /// Keeps the bundle that may leave; the first one stays.
    pub(crate) fn granted(&self, request: &Hash, bundle: &[u8]) -> Result<Vec<u8>, LedgerError> {
        self.write(|transaction| {
            let mut table = transaction.open_table(BUNDLES)?;
            if let Some(first) = table.get(&request.0[..])? {
                return Ok(first.value().to_vec());
            }
            table.insert(&request.0[..], bundle)?;
            Ok(bundle.to_vec())
        })
    }

    pub(crate) fn bundle(&self, request: &Hash) -> Result<Option<Vec<u8>>, LedgerError> {
        self.get(BUNDLES, &request.0)
    }

    /// Which request has this entry id, of those that this trustee granted or refused.
    pub(crate) fn request_of(&self, id: &[u8; 16]) -> Result<Option<Hash>, LedgerError> {
        Ok(self.get(IDS, id)?.and_then(|hash| hash.try_into().ok()).map(Hash))
    }

    /// Keeps a refusal and the leaf that will say so; nothing happens when there is one already.
    pub(crate) fn refuse(
        &self,
        request: &Hash,
        id: &[u8; 16],
        refused: &Refused,
        leaf: &[u8],
    ) -> Result<(), LedgerError> {
        let json = serde_json::to_vec(refused)
            .map_err(|error| LedgerError::Damaged { path: self.path.clone(), reason: error.to_string() })?;
        self.write(|transaction| {
            let mut table = transaction.open_table(REFUSED)?;
            if table.get(&request.0[..])?.is_some() {
                return Ok(());
            }
            table.insert(&request.0[..], json.as_slice())?;
            let mut ids = transaction.open_table(IDS)?;
            if ids.get(&id[..])?.is_none() {
                ids.insert(&id[..], &request.0[..])?;
            }
            transaction.open_table(OUTBOX)?.insert(&leaf_hash(leaf).0[..], leaf)?;
            Ok(())
        })
    }

    pub(crate) fn refused(&self, request: &Hash) -> Result<Option<Refused>, LedgerError> {
        let Some(json) = self.get(REFUSED, &request.0)? else { return Ok(None) };
        let damaged = |error: serde_json::Error| LedgerError::Damaged {
            path: self.path.clone(),
            reason: error.to_string(),
        };
        serde_json::from_slice(&json).map(Some).map_err(damaged)
    }

    /// Leaves to append.
    pub(crate) fn outbox(&self) -> Result<Vec<Vec<u8>>, LedgerError> {
        self.read(|transaction| {
            let table = transaction.open_table(OUTBOX)?;
            table.iter()?.map(|entry| Ok(entry?.1.value().to_vec())).collect()
        })
    }

    /// The leaf stands in the log.
    pub(crate) fn sent(&self, leaf: &[u8]) -> Result<(), LedgerError> {
        self.write(|transaction| {
            transaction.open_table(OUTBOX)?.remove(&leaf_hash(leaf).0[..])?;
            Ok(())
        })
    }

    /// The cosigned checkpoint that the log was followed to.
    pub(crate) fn head(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        self.get(META, HEAD)
    }

    pub(crate) fn set_head(&self, note: &[u8]) -> Result<(), LedgerError> {
        self.set(HEAD, note)
    }

    /// The checkpoint by which the log contradicted itself.
    pub(crate) fn fork(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        self.get(META, FORK)
    }

    pub(crate) fn set_fork(&self, note: &[u8]) -> Result<(), LedgerError> {
        self.set(FORK, note)
    }

    pub(crate) fn totals(&self) -> Result<Totals, LedgerError> {
        self.read(|transaction| {
            let count =
                |table: Table| -> Result<u64, redb::Error> { Ok(transaction.open_table(table)?.len()?) };
            let (held, granted) = (count(HELD)?, count(BUNDLES)?);
            let appending = held.saturating_sub(granted);
            Ok(Totals { granted, appending, refused: count(REFUSED)?, outbox: count(OUTBOX)? })
        })
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        self.read(|transaction| {
            Ok(transaction.open_table(table)?.get(key)?.map(|value| value.value().to_vec()))
        })
    }

    fn set(&self, key: &[u8], value: &[u8]) -> Result<(), LedgerError> {
        self.write(|transaction| {
            transaction.open_table(META)?.insert(key, value)?;
            Ok(())
        })
    }

    fn read<T>(
        &self,
        step: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, LedgerError> {
        let read = || step(&self.database.begin_read()?);
        read().map_err(|source| self.named(source))
    }

    /// Durable on return. One writer runs at a time, so that what a step reads is still so when it writes.
    fn write<T>(
        &self,
        step: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, LedgerError> {
        let write = || {
            let transaction = self.database.begin_write()?;
            let value = step(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        write().map_err(|source| self.named(source))
    }

    fn named(&self, source: redb::Error) -> LedgerError {
        LedgerError::Database { path: self.path.clone(), source: Box::new(source) }
    }
}

/// For a file on whose damage the library panics.
fn senseless() -> redb::Error {
    redb::Error::Corrupted(guard::SENSELESS.to_owned())
}

#[cfg(test)]
mod tests;
