//! What this trustee has decided, durable before anything of it leaves: the bundle that waits for
//! its grant's proof, the bundle that was handed out, the refusals that became leaves, the leaves
//! still to be appended, and the head the log was followed to.
//!
//! ```text
//! held      request leaf hash -> grant and sealed shares      written BEFORE the grant is appended (G10)
//! bundles   request leaf hash -> the bundle as handed out     a repeat gets the same bytes (G12)
//! ids       entry id -> request leaf hash
//! refused   request leaf hash -> step, name, text (JSON)      one leaf a request at most
//! outbox    leaf hash -> leaf                                 to be appended; removed once it is proved
//! trustee, head, fork, time                                   one value each
//! ```
//!
//! Created by `init` alone, and never made anew: a trustee that forgot what it granted could grant
//! twice.

use escrow::answer::Refused;
use host::db::{Db, DbError, One};
use media::time::Seconds;
use redb::{Durability, ReadableTable, ReadableTableMetadata, TableDefinition};
use std::path::{Path, PathBuf};
use tlog::Hash;
use tlog::merkle::leaf_hash;

type Table<const N: usize> = TableDefinition<'static, [u8; N], &'static [u8]>;
const HELD: Table<32> = TableDefinition::new("held");
const BUNDLES: Table<32> = TableDefinition::new("bundles");
const IDS: TableDefinition<'static, [u8; 16], [u8; 32]> = TableDefinition::new("ids");
const REFUSED: Table<32> = TableDefinition::new("refused");
const OUTBOX: Table<32> = TableDefinition::new("outbox");

const TRUSTEE: One<&str> = One::new("trustee");
const HEAD: One<&[u8]> = One::new("head");
const FORK: One<&[u8]> = One::new("fork");
/// The time that was believed last, Unix seconds.
const TIME: One<u64> = One::new("time");

/// Pages of the database that are kept in memory; the library's own bound is a gigabyte.
const CACHE_BYTES: usize = 1 << 20;

/// Why the ledger could not be read or written. Nothing is granted after one.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("{}: the ledger of {owner}, not of this key: put key and ledger of one trustee together", .path.display())]
    Foreign { path: PathBuf, owner: String },
    #[error("{}: an entry cannot be read: {source}; restore the data folder", .path.display())]
    Entry { path: PathBuf, source: serde_json::Error },
    #[error("the entry id of this request was granted under another leaf")]
    IdGranted,
    #[error("{}{}", .0, advice(.0))]
    Database(#[from] DbError),
}

fn advice(error: &DbError) -> &'static str {
    match error {
        DbError::Missing { .. } => {
            "; run `candor trustee init` on a NEW trustee. One that lost its disk: put back what there is of the folder, its key above all, then run `candor trustee restore`"
        }
        DbError::Exists { .. } => "; a trustee is initialised once",
        DbError::Damaged { .. } => {
            "; restore the data folder: a trustee without its ledger forgot what it granted, and must not go on"
        }
        DbError::Failed { .. } => "",
    }
}

/// Whether a request was granted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Granted {
    Not,
    /// The grant is made, and not proved to be in the log yet.
    Held(Vec<u8>),
    /// The bundle may leave.
    Bundle(Vec<u8>),
}

/// How many of what, for the status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    pub granted: u64,
    /// Granted, and the grant is not in the log yet.
    pub appending: u64,
    /// Refusals that became leaves.
    pub refused: u64,
    /// Leaves on their way into the log.
    pub outbox: u64,
}

#[derive(Debug)]
pub(crate) struct Ledger(Db);

impl Ledger {
    /// Creates the ledger of a trustee that never decided anything.
    pub(crate) fn create(path: &Path, vkey: &str) -> Result<(), LedgerError> {
        let db = Db::create(path, CACHE_BYTES)?;
        Ok(db.write(|tx| {
            for table in [HELD, BUNDLES, REFUSED, OUTBOX] {
                tx.open_table(table)?;
            }
            tx.open_table(IDS)?;
            tx.open_table(HEAD)?;
            tx.open_table(FORK)?;
            tx.open_table(TIME)?;
            tx.open_table(TRUSTEE)?.insert((), vkey)?;
            Ok(())
        })?)
    }

    /// Opens the ledger of this trustee; it must exist.
    pub(crate) fn open(path: &Path, vkey: &str) -> Result<Self, LedgerError> {
        let db = Db::open(path, CACHE_BYTES)?;
        // A database without the tables is not ours, and not a trustee that never granted.
        let owner =
            db.read(|tx| Ok(tx.open_table(TRUSTEE)?.get(())?.map(|owner| owner.value().to_owned())))?;
        let owner = owner.unwrap_or_default();
        if owner != vkey {
            return Err(LedgerError::Foreign { path: path.to_owned(), owner });
        }
        Ok(Self(db))
    }

    /// Persists what G10 made, unless this request has something held already: then that stays.
    ///
    /// SPEC: release.md#g10: bundle and grant MUST be durable before the grant is appended; a
    /// request has one grant of a trustee, for ever.
    pub(crate) fn hold(&self, request: &Hash, id: &[u8; 16], held: &[u8]) -> Result<(), LedgerError> {
        self.0.attempt(Durability::Immediate, |tx| {
            let mut table = tx.open_table(HELD)?;
            if table.get(request.0)?.is_some() {
                return Ok(Ok(()));
            }
            let mut ids = tx.open_table(IDS)?;
            let owner = ids.get(id)?.map(|owner| owner.value());
            if let Some(owner) = owner
                && owner != request.0
                && table.get(owner)?.is_some()
            {
                return Ok(Err(LedgerError::IdGranted));
            }
            ids.insert(id, request.0)?;
            table.insert(request.0, held)?;
            Ok(Ok(()))
        })?
    }

    /// What was granted for a request.
    pub(crate) fn granted(&self, request: &Hash) -> Result<Granted, LedgerError> {
        Ok(self.0.read(|tx| {
            if let Some(bundle) = tx.open_table(BUNDLES)?.get(request.0)? {
                return Ok(Granted::Bundle(bundle.value().to_vec()));
            }
            let held = tx.open_table(HELD)?.get(request.0)?.map(|held| held.value().to_vec());
            Ok(held.map_or(Granted::Not, Granted::Held))
        })?)
    }

    /// Requests whose grant is not proved to be in the log yet.
    pub(crate) fn unproved(&self) -> Result<Vec<Hash>, LedgerError> {
        Ok(self.0.read(|tx| {
            let (held, bundles) = (tx.open_table(HELD)?, tx.open_table(BUNDLES)?);
            let mut unproved = Vec::new();
            for entry in held.iter()? {
                let request = entry?.0.value();
                if bundles.get(request)?.is_none() {
                    unproved.push(Hash(request));
                }
            }
            Ok(unproved)
        })?)
    }

    /// Keeps the bundle that may leave, and returns it; the first one stays.
    pub(crate) fn keep_bundle(&self, request: &Hash, bundle: &[u8]) -> Result<Vec<u8>, LedgerError> {
        Ok(self.0.write(|tx| {
            let mut table = tx.open_table(BUNDLES)?;
            if let Some(first) = table.get(request.0)? {
                return Ok(first.value().to_vec());
            }
            table.insert(request.0, bundle)?;
            Ok(bundle.to_vec())
        })?)
    }

    /// Keeps a refusal and the leaf that will say so; nothing happens when there is one already.
    pub(crate) fn refuse(
        &self,
        request: &Hash,
        id: &[u8; 16],
        refused: &Refused,
        leaf: &[u8],
    ) -> Result<(), LedgerError> {
        let json = serde_json::to_vec(refused).map_err(|source| self.entry(source))?;
        Ok(self.0.write(|tx| {
            let mut table = tx.open_table(REFUSED)?;
            if table.get(request.0)?.is_some() {
                return Ok(());
            }
            table.insert(request.0, json.as_slice())?;
            let mut ids = tx.open_table(IDS)?;
            if ids.get(id)?.is_none() {
                ids.insert(id, request.0)?;
            }
            tx.open_table(OUTBOX)?.insert(leaf_hash(leaf).0, leaf)?;
            Ok(())
        })?)
    }

    pub(crate) fn refused(&self, request: &Hash) -> Result<Option<Refused>, LedgerError> {
        let json = self
            .0
            .read(|tx| Ok(tx.open_table(REFUSED)?.get(request.0)?.map(|refused| refused.value().to_vec())))?;
        let refused = json.map(|json| serde_json::from_slice(&json)).transpose();
        refused.map_err(|source| self.entry(source))
    }

    /// Leaves to append.
    pub(crate) fn outbox(&self) -> Result<Vec<Vec<u8>>, LedgerError> {
        Ok(self
            .0
            .read(|tx| tx.open_table(OUTBOX)?.iter()?.map(|entry| Ok(entry?.1.value().to_vec())).collect())?)
    }

    /// The leaf stands in the log: it need not be appended.
    pub(crate) fn drop_sent(&self, leaf: &[u8]) -> Result<(), LedgerError> {
        Ok(self.0.write(|tx| {
            tx.open_table(OUTBOX)?.remove(leaf_hash(leaf).0)?;
            Ok(())
        })?)
    }

    /// The database's file.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The cosigned checkpoint that the log was followed to.
    pub(crate) fn head(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        self.get(HEAD)
    }

    pub(crate) fn set_head(&self, note: &[u8]) -> Result<(), LedgerError> {
        self.set(HEAD, note)
    }

    /// The checkpoint by which the log contradicted itself.
    pub(crate) fn fork(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        self.get(FORK)
    }

    pub(crate) fn set_fork(&self, note: &[u8]) -> Result<(), LedgerError> {
        self.set(FORK, note)
    }

    /// The time that was believed when the trustee ran last.
    pub(crate) fn time(&self) -> Result<Option<Seconds>, LedgerError> {
        Ok(self.0.read(|tx| Ok(tx.open_table(TIME)?.get(())?.map(|time| Seconds(time.value()))))?)
    }

    pub(crate) fn set_time(&self, time: Seconds) -> Result<(), LedgerError> {
        Ok(self.0.write(|tx| Ok(tx.open_table(TIME)?.insert((), time.0).map(drop)?))?)
    }

    pub(crate) fn totals(&self) -> Result<Totals, LedgerError> {
        Ok(self.0.read(|tx| {
            let count = |table: Table<32>| -> Result<u64, redb::Error> { Ok(tx.open_table(table)?.len()?) };
            let (held, granted) = (count(HELD)?, count(BUNDLES)?);
            let appending = held.saturating_sub(granted);
            Ok(Totals { granted, appending, refused: count(REFUSED)?, outbox: count(OUTBOX)? })
        })?)
    }

    fn get(&self, value: One<&'static [u8]>) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(self.0.read(|tx| Ok(tx.open_table(value)?.get(())?.map(|value| value.value().to_vec())))?)
    }

    fn set(&self, value: One<&'static [u8]>, bytes: &[u8]) -> Result<(), LedgerError> {
        Ok(self.0.write(|tx| {
            tx.open_table(value)?.insert((), bytes)?;
            Ok(())
        })?)
    }

    fn entry(&self, source: serde_json::Error) -> LedgerError {
        LedgerError::Entry { path: self.0.path().to_owned(), source }
    }
}

#[cfg(test)]
impl Ledger {
    /// Keeps every other writer waiting until what is returned is dropped.
    pub(crate) fn keep_busy(self: &std::sync::Arc<Self>) -> std::sync::mpsc::Sender<()> {
        let (release, held) = std::sync::mpsc::channel();
        let (started, begun) = std::sync::mpsc::channel();
        let ledger = self.clone();
        std::thread::spawn(move || {
            let step = |_: &redb::WriteTransaction| {
                let _ = started.send(());
                let _ = held.recv();
                Ok(())
            };
            ledger.0.write(step).unwrap();
        });
        begun.recv().unwrap();
        release
    }
}

#[cfg(test)]
mod tests;
