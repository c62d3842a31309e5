//! The index: a cache in redb, made of nothing but the packs' record headers.
//!
//! | table | key | value |
//! |---|---|---|
//! | `records` | kind, camera, track, number | where the record is, and its header |
//! | `by_pack` | pack, offset | key in `records` |
//! | `pack_cameras` | pack, camera | newest time of receipt: what retention asks |
//! | `packs` | pack | mark, and up to where it is indexed: where a replay begins |
//! | `tracks` | camera, track | [`Track`] |
//! | `spans` | kind, camera, track, ten minutes | smallest and largest number that touch them: where a look by time begins |
//! | `policies` | camera, hash | version |

use super::disk::Disk;
use super::record::{HEADER_LEN, decode, encode};
use crate::contract::Entry;
use crate::error::StoreError;
use host::db::{Db, DbError};
use host::lock::{RwLock, RwLockWriteGuard};
use media::codec::{self, DecodeError, Field, Reader};
use media::fields;
use media::id::{CameraId, TrackId};
use media::time::Micros;
use redb::{Durability, Error, ReadOnlyTable, TableDefinition};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

mod drop;
mod query;
mod tables;
pub(super) use drop::Part;
pub(super) use query::View;
use query::between;
pub(super) use tables::Tables;

type Bytes = &'static [u8];
type Definition = TableDefinition<'static, Bytes, Bytes>;

const RECORDS: Definition = TableDefinition::new("records");
const BY_PACK: Definition = TableDefinition::new("by_pack");
const PACK_CAMERAS: Definition = TableDefinition::new("pack_cameras");
const PACKS: TableDefinition<'static, u64, (u64, u64)> = TableDefinition::new("packs");
const TRACKS: Definition = TableDefinition::new("tracks");
const SPANS: Definition = TableDefinition::new("spans");
const POLICIES: Definition = TableDefinition::new("policies");

/// The step of time by which a look begins.
const SPAN_US: u64 = 600_000_000;
/// Pages of the database that are kept in memory; the library's own bound is a gigabyte. What is
/// not here is in the system's page cache.
const CACHE_BYTES: usize = 1 << 20;

/// The first sequence of each track of which nothing earlier is missing, kept outside the index:
/// the packs that prove it are dropped.
pub(super) type Floors = BTreeMap<(CameraId, TrackId), u64>;

fn encode_entry(entry: &Entry) -> Vec<u8> {
    let header = encode(&entry.header, entry.pack);
    [&entry.pack.to_be_bytes()[..], &entry.offset.to_be_bytes(), &header].concat()
}

fn decode_entry(bytes: &[u8]) -> Result<Entry, Error> {
    let read = || {
        let mut r = Reader::new(bytes);
        let (pack, offset) = (r.u64("pack")?, r.u64("offset")?);
        let header = decode(r.take(HEADER_LEN, "header")?, pack)?;
        r.finish()?;
        Ok(Entry { pack, offset, header })
    };
    read().map_err(senseless)
}

/// What is known of a track as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Track {
    pub segments: u64,
    pub bytes: u64,
    pub newest: u64,
    pub newest_us: Micros,
    pub newest_received_us: Micros,
    pub next_missing: u64,
}

fields!(Track { segments, bytes, newest, newest_us, newest_received_us, next_missing });

/// An index value that this program did not write.
fn senseless(error: DecodeError) -> Error {
    Error::Corrupted(error.to_string())
}

/// Nobody may look at it: it would say less than is stored.
fn closed() -> StoreError {
    StoreError::index(std::io::Error::other("it could not be brought up to date"))
}

/// Why a change of the index was not made, or may not have been.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) enum Failed {
    /// A table could not be read or changed.
    Index(#[from] Error),
    /// Something beside the tables failed, and nothing of the change is to stand.
    Beside(#[from] StoreError),
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Index(error) => Self::index(error),
            Failed::Beside(error) => error,
        }
    }
}

/// The database, which can be taken away and made again while readers wait.
#[derive(Debug)]
pub(super) struct Index {
    path: PathBuf,
    disk: Arc<dyn Disk>,
    db: RwLock<Option<Db>>,
    /// What is in it makes no sense: it is made anew before it is used again.
    damaged: AtomicBool,
    /// A change of it failed: it is opened again and brought up to date before the next one.
    in_doubt: AtomicBool,
    /// Held by whoever brings it up to date: until then it says less than is stored.
    behind: RwLock<()>,
}

impl Index {
    pub(super) fn closed(path: PathBuf, disk: Arc<dyn Disk>) -> Self {
        let (damaged, in_doubt) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { path, disk, db: RwLock::new(None), damaged, in_doubt, behind: RwLock::new(()) }
    }

    /// Opens it, or opens it again after it failed. `true` when it was made anew, because it was
    /// missing or senseless.
    pub(super) fn open(&self) -> Result<bool, StoreError> {
        let mut db = self.db.write();
        // Until it was brought up to date.
        self.in_doubt.store(true, Ordering::SeqCst);
        // A failed database lets go of its file before the new one takes it.
        *db = None;
        if self.damaged.load(Ordering::SeqCst) {
            self.disk.remove(&self.path)?;
        }
        let (opened, is_new) = Db::open_cache(&self.path, CACHE_BYTES).map_err(|error| self.failed(error))?;
        // A killed relay must not walk the whole index before it serves again.
        *db = Some(opened.with_quick_repair());
        self.damaged.store(false, Ordering::SeqCst);
        Ok(is_new)
    }

    /// Lets nobody look at it before it is opened again and brought up to date.
    pub(super) fn close(&self) {
        *self.db.write() = None;
    }

    /// Lets readers wait until the guard is dropped.
    pub(super) fn hold_readers(&self) -> RwLockWriteGuard<'_, ()> {
        self.behind.write()
    }

    /// Whether it is to be opened again, or made anew.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.damaged.load(Ordering::SeqCst) || self.in_doubt.load(Ordering::SeqCst)
    }

    /// It says what the packs say.
    pub(super) fn trust(&self) {
        self.in_doubt.store(false, Ordering::SeqCst);
    }

    /// Makes it anew: it opened, and what is in it makes no sense.
    pub(super) fn discard(&self) -> Result<(), StoreError> {
        self.damaged.store(true, Ordering::SeqCst);
        self.open().map(drop)
    }

    /// Looks at one state of the index. No reader waits for a writer, but while the index is made
    /// anew.
    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&View<'_, ReadOnlyTable<Bytes, Bytes>>) -> Result<T, Error>,
    ) -> Result<T, StoreError> {
        let _up_to_date = self.behind.read();
        let db = self.db.read();
        let db = db.as_ref().ok_or_else(closed)?;
        let looked = db.read(|tx| {
            let (records, tracks) = (&tx.open_table(RECORDS)?, &tx.open_table(TRACKS)?);
            let (spans, policies) = (&tx.open_table(SPANS)?, &tx.open_table(POLICIES)?);
            look(&View { records, tracks, spans, policies })
        });
        looked.map_err(|error| self.failed(error))
    }

    /// Changes it in one step, which may do what must be done before the change is seen.
    pub(super) fn change<T>(
        &self,
        durability: Durability,
        step: impl FnOnce(&mut Tables<'_>) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        let db = self.db.read();
        let db = db.as_ref().ok_or_else(closed)?;
        let unsure = |error| {
            self.in_doubt.store(true, Ordering::SeqCst);
            StoreError::at(&self.path, error)
        };
        let done = db.attempt(durability, |tx| {
            let done = step(&mut Tables::open(tx)?);
            match done.and_then(|done| Ok(self.disk.committing().map(|()| done).map_err(unsure)?)) {
                Err(Failed::Index(error)) => Err(error),
                outcome => Ok(outcome),
            }
        });
        let done = done.map_err(|error| {
            self.in_doubt.store(true, Ordering::SeqCst);
            self.failed(error)
        })??;
        Ok(self.disk.committed().map(|()| done).map_err(unsure)?)
    }

    fn failed(&self, error: DbError) -> StoreError {
        if matches!(error, DbError::Damaged { .. }) {
            self.damaged.store(true, Ordering::SeqCst);
        }
        match error {
            DbError::Failed { path, source } => match *source {
                Error::Io(error) => match StoreError::at(&path, error) {
                    full @ StoreError::Full(_) => full,
                    other => StoreError::index(other),
                },
                source => StoreError::index(DbError::Failed { path, source: source.into() }),
            },
            error @ (DbError::Missing { .. } | DbError::Exists { .. } | DbError::Damaged { .. }) => {
                StoreError::index(error)
            }
        }
    }
}

fn pack_key(a: u64, b: u64) -> Vec<u8> {
    [a.to_be_bytes(), b.to_be_bytes()].concat()
}

fn track_key(camera_id: CameraId, track: TrackId) -> Vec<u8> {
    [&camera_id.0[..], &track.0.to_be_bytes()].concat()
}

/// A value of a row.
fn read_row<T: Field>(bytes: &[u8]) -> Result<T, Error> {
    codec::decode_bare(bytes).map_err(senseless)
}

fn pair(bytes: &[u8]) -> Result<(u64, u64), Error> {
    let mut r = Reader::new(bytes);
    Ok((r.u64("low").map_err(senseless)?, r.u64("high").map_err(senseless)?))
}

#[cfg(test)]
mod tests;
