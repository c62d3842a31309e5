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

use super::error::{IndexResult as _, StoreError};
use super::pack::Lane;
use super::record::{HEADER_LEN, Header, Kind, key};
use host::guard;
use media::codec::{DecodeError, Reader, Writer};
use media::id::{CameraId, TrackId};
use redb::{
    Database, DatabaseError, Durability, ReadOnlyTable, ReadTransaction, ReadableDatabase as _,
    ReadableTable as _, StorageError, Table, TableDefinition,
};
use std::collections::BTreeMap;
use std::io;
#[cfg(test)]
use std::path::Path;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

mod drop;
mod query;
pub(super) use drop::Part;
use query::Snapshot;
pub(super) use query::{EPOCH_MAX_US, Span, View};

type Bytes = &'static [u8];
type Definition = TableDefinition<'static, Bytes, Bytes>;

const RECORDS: Definition = TableDefinition::new("records");
const BY_PACK: Definition = TableDefinition::new("by_pack");
const PACK_CAMERAS: Definition = TableDefinition::new("pack_cameras");
const PACKS: TableDefinition<'static, u64, (u64, u64)> = TableDefinition::new("packs");
const TRACKS: Definition = TableDefinition::new("tracks");
const SPANS: Definition = TableDefinition::new("spans");
const POLICIES: Definition = TableDefinition::new("policies");

const SPAN_US: u64 = 600_000_000;
/// Spans that one record may touch: a `u32` of microseconds is 72 minutes.
const SPANS_MAX: u64 = 16;
/// Pages of the database that are kept in memory; the library's own bound is a gigabyte. What is not here is in the system's page cache.
const CACHE_BYTES: usize = 1 << 20;

/// The first sequence of each track of which nothing earlier is missing, kept outside the index: the packs that prove it are dropped.
pub(super) type Floors = BTreeMap<(CameraId, TrackId), u64>;

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub pack: u64,
    pub offset: u64,
    pub header: Header,
}

impl Entry {
    fn encode(&self) -> Vec<u8> {
        [&self.pack.to_be_bytes()[..], &self.offset.to_be_bytes(), &self.header.encode(self.pack)].concat()
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let read = || {
            let mut r = Reader::new(bytes);
            let (pack, offset) = (r.u64("pack")?, r.u64("offset")?);
            let header = Header::decode(r.take(HEADER_LEN, "header")?, pack)?;
            r.finish()?;
            Ok(Self { pack, offset, header })
        };
        read().map_err(senseless)
    }
}

/// What is known of a track as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Track {
    pub segments: u64,
    pub bytes: u64,
    pub newest: u64,
    pub newest_us: u64,
    pub newest_received_us: u64,
    pub next_missing: u64,
}

impl Track {
    fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u64(self.segments).u64(self.bytes).u64(self.newest).u64(self.newest_us);
        w.u64(self.newest_received_us).u64(self.next_missing);
        w.finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let read = || {
            let mut r = Reader::new(bytes);
            let track = Self {
                segments: r.u64("segments")?,
                bytes: r.u64("bytes")?,
                newest: r.u64("newest")?,
                newest_us: r.u64("newest_us")?,
                newest_received_us: r.u64("newest_received_us")?,
                next_missing: r.u64("next_missing")?,
            };
            r.finish()?;
            Ok(track)
        };
        read().map_err(senseless)
    }
}

/// An index value that this program did not write.
fn senseless(error: DecodeError) -> StoreError {
    StoreError::Index(redb::Error::Corrupted(error.to_string()).into())
}

/// The database, which can be taken away and made again while readers wait.
#[derive(Debug)]
pub(super) struct Index {
    path: PathBuf,
    db: RwLock<Option<Database>>,
}

impl Index {
    pub(super) fn closed(path: PathBuf) -> Self {
        Self { path, db: RwLock::new(None) }
    }

    /// Opens it, or opens it again after it failed. `true` when it was made anew, because it was missing or senseless.
    pub(super) fn open(&self) -> Result<bool, StoreError> {
        let mut db = self.db.write().unwrap_or_else(PoisonError::into_inner);
        // A failed database lets go of its file before the new one takes it.
        *db = None;
        if !self.path.exists() {
            *db = Some(self.create().index()?);
            return Ok(true);
        }
        match guard::guarded(|| self.create(), panicked) {
            Ok(opened) => {
                *db = Some(opened);
                Ok(false)
            }
            Err(error) if is_senseless(&error) => {
                tracing::warn!(path = %self.path.display(), %error, "the index is unreadable; it is made anew from the packs");
                std::fs::remove_file(&self.path).map_err(|error| StoreError::at(&self.path, error))?;
                *db = Some(self.create().index()?);
                Ok(true)
            }
            other => other.map(|_| false).index(),
        }
    }

    fn create(&self) -> Result<Database, redb::DatabaseError> {
        redb::Builder::new().set_cache_size(CACHE_BYTES).create(&self.path)
    }

    /// Makes it anew: it opened, and what is in it makes no sense.
    pub(super) fn discard(&self) -> Result<(), StoreError> {
        *self.db.write().unwrap_or_else(PoisonError::into_inner) = None;
        std::fs::remove_file(&self.path).map_err(|error| StoreError::at(&self.path, error))?;
        self.open().map(drop)
    }

    #[cfg(test)]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at one state of the index. No reader waits for a writer.
    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&View<'_, ReadOnlyTable<Bytes, Bytes>>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        let txn: ReadTransaction =
            db.as_ref().ok_or(redb::Error::DatabaseClosed).index()?.begin_read().index()?;
        look(&Snapshot::of(&txn)?.view())
    }

    /// Every row of every table, to compare one index with another.
    #[cfg(test)]
    pub(super) fn dump(&self) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
        let txn = self.begin(Durability::None).unwrap();
        let tables = Tables::open(&txn).unwrap();
        let mut rows = Vec::new();
        for (name, table) in [
            ("records", &tables.records),
            ("by_pack", &tables.by_pack),
            ("pack_cameras", &tables.pack_cameras),
            ("tracks", &tables.tracks),
            ("spans", &tables.spans),
            ("policies", &tables.policies),
        ] {
            for row in table.iter().unwrap() {
                let (key, value) = row.unwrap();
                rows.push((name, key.value().to_vec(), value.value().to_vec()));
            }
        }
        for row in tables.packs.iter().unwrap() {
            let (key, value) = row.unwrap();
            rows.push((
                "packs",
                key.value().to_be_bytes().to_vec(),
                format!("{:?}", value.value()).into_bytes(),
            ));
        }
        rows
    }

    pub(super) fn begin(&self, durability: Durability) -> Result<redb::WriteTransaction, StoreError> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        let mut txn = db.as_ref().ok_or(redb::Error::DatabaseClosed).index()?.begin_write().index()?;
        txn.set_durability(durability).index()?;
        // A killed relay must not walk the whole index before it serves again.
        txn.set_quick_repair(matches!(durability, Durability::Immediate));
        Ok(txn)
    }
}

/// For a file on whose damage the library panics.
fn panicked() -> DatabaseError {
    StorageError::Corrupted(guard::SENSELESS.to_owned()).into()
}

/// Whether the file is no index of this version, rather than a disk or a lock that fails.
fn is_senseless(error: &DatabaseError) -> bool {
    match error {
        DatabaseError::Storage(StorageError::Corrupted(_))
        | DatabaseError::UpgradeRequired(_)
        | DatabaseError::RepairAborted => true,
        DatabaseError::Storage(StorageError::Io(error)) => {
            matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        }
        _ => false,
    }
}

/// The tables of one writing transaction.
pub(super) struct Tables<'t> {
    pub(super) records: Table<'t, Bytes, Bytes>,
    by_pack: Table<'t, Bytes, Bytes>,
    pack_cameras: Table<'t, Bytes, Bytes>,
    packs: Table<'t, u64, (u64, u64)>,
    tracks: Table<'t, Bytes, Bytes>,
    spans: Table<'t, Bytes, Bytes>,
    policies: Table<'t, Bytes, Bytes>,
}

impl<'t> Tables<'t> {
    pub(super) fn open(txn: &'t redb::WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            records: txn.open_table(RECORDS).index()?,
            by_pack: txn.open_table(BY_PACK).index()?,
            pack_cameras: txn.open_table(PACK_CAMERAS).index()?,
            packs: txn.open_table(PACKS).index()?,
            tracks: txn.open_table(TRACKS).index()?,
            spans: txn.open_table(SPANS).index()?,
            policies: txn.open_table(POLICIES).index()?,
        })
    }

    /// Takes a record in. One that stands under its key already gives way: the writer refuses a second one, so an earlier one was
    /// written but never acknowledged, or was meant to be replaced.
    pub(super) fn insert(
        &mut self,
        entry: &Entry,
        lane: Lane,
        policy_hash: Option<[u8; 32]>,
    ) -> Result<(), StoreError> {
        let header = &entry.header;
        let key = header.key();
        let earlier =
            self.records.get(key.as_slice()).index()?.map(|v| Entry::decode(v.value())).transpose()?;
        if let Some(earlier) = earlier {
            self.remove(&earlier)?;
        }
        self.records.insert(key.as_slice(), entry.encode().as_slice()).index()?;
        self.by_pack.insert(pack_key(entry.pack, entry.offset).as_slice(), key.as_slice()).index()?;
        if lane != Lane::Objects {
            let row = [&entry.pack.to_be_bytes()[..], &header.camera_id.0].concat();
            let newest =
                self.pack_cameras.get(row.as_slice()).index()?.map_or(Ok(0), |v| number(v.value()))?;
            let newest = newest.max(header.received_us).to_be_bytes();
            self.pack_cameras.insert(row.as_slice(), &newest[..]).index()?;
        }
        match header.kind {
            Kind::Segment => {
                self.widen_spans(header)?;
                self.count(header)?;
            }
            Kind::EpochOpen => self.widen_spans(header)?,
            Kind::Policy => {
                if let Some(hash) = policy_hash {
                    let row = [header.camera_id.0, hash].concat();
                    self.policies.insert(row.as_slice(), &header.number.to_be_bytes()[..]).index()?;
                }
            }
            Kind::DayNotice | Kind::DayKeys => {}
        }
        Ok(())
    }

    /// Up to where a pack is indexed.
    pub(super) fn indexed(&self, pack: u64) -> Result<Option<(u64, u64)>, StoreError> {
        Ok(self.packs.get(pack).index()?.map(|row| row.value()))
    }

    pub(super) fn set_indexed(&mut self, pack: u64, mark: u64, end: u64) -> Result<(), StoreError> {
        self.packs.insert(pack, (mark, end)).index()?;
        Ok(())
    }

    pub(super) fn track(&self, camera_id: CameraId, track: TrackId) -> Result<Option<Track>, StoreError> {
        let row = track_key(camera_id, track);
        self.tracks.get(row.as_slice()).index()?.map(|v| Track::decode(v.value())).transpose()
    }

    fn set_track(&mut self, camera_id: CameraId, id: TrackId, track: &Track) -> Result<(), StoreError> {
        self.tracks.insert(track_key(camera_id, id).as_slice(), track.encode().as_slice()).index()?;
        Ok(())
    }

    fn count(&mut self, header: &Header) -> Result<(), StoreError> {
        let mut track = self.track(header.camera_id, header.track)?.unwrap_or_default();
        if track.segments == 0 || header.number >= track.newest {
            track.newest = header.number;
            track.newest_us = header.start_us;
            track.newest_received_us = header.received_us;
        }
        track.segments += 1;
        track.bytes += u64::from(header.length);
        if header.number == track.next_missing {
            track.next_missing = self.run_end(header.camera_id, header.track, header.number)?;
        }
        self.set_track(header.camera_id, header.track, &track)
    }

    /// The first sequence from `from` on that is not stored.
    fn run_end(&self, camera_id: CameraId, track: TrackId, from: u64) -> Result<u64, StoreError> {
        let mut next = from;
        let (first, last) =
            (key(Kind::Segment, camera_id, track, from), key(Kind::Segment, camera_id, track, u64::MAX));
        for row in self.records.range(first.as_slice()..=last.as_slice()).index()? {
            let (_, value) = row.index()?;
            if Entry::decode(value.value())?.header.number != next {
                break;
            }
            next = next.saturating_add(1);
        }
        Ok(next)
    }

    /// What was complete before packs were dropped stays complete, whatever the packs that are left can show.
    pub(super) fn raise_floors(&mut self, floors: &Floors) -> Result<(), StoreError> {
        for ((camera_id, id), floor) in floors {
            let mut track = self.track(*camera_id, *id)?.unwrap_or_default();
            if track.next_missing < *floor {
                track.next_missing = self.run_end(*camera_id, *id, *floor)?;
                self.set_track(*camera_id, *id, &track)?;
            }
        }
        Ok(())
    }

    fn widen_spans(&mut self, header: &Header) -> Result<(), StoreError> {
        let first = header.start_us / SPAN_US;
        let last = (header.end_us() / SPAN_US).min(first + SPANS_MAX);
        for span in first..=last {
            let row = key_of_span(header.kind, header.camera_id, header.track, span);
            let held = self.spans.get(row.as_slice()).index()?.map(|v| pair(v.value())).transpose()?;
            let (low, high) = held.unwrap_or((u64::MAX, 0));
            let wide = (low.min(header.number), high.max(header.number));
            if held != Some(wide) {
                self.spans.insert(row.as_slice(), &pack_key(wide.0, wide.1)[..]).index()?;
            }
        }
        Ok(())
    }

    pub(super) fn view(&self) -> View<'_, Table<'t, Bytes, Bytes>> {
        View::over(&self.records, &self.tracks, &self.spans, &self.policies)
    }
}

fn pack_key(a: u64, b: u64) -> Vec<u8> {
    [a.to_be_bytes(), b.to_be_bytes()].concat()
}

fn track_key(camera_id: CameraId, track: TrackId) -> Vec<u8> {
    [&camera_id.0[..], &track.0.to_be_bytes()].concat()
}

fn key_of_span(kind: Kind, camera_id: CameraId, track: TrackId, span: u64) -> Vec<u8> {
    key(kind, camera_id, track, span)
}

fn number(bytes: &[u8]) -> Result<u64, StoreError> {
    Reader::new(bytes).u64("number").map_err(senseless)
}

fn pair(bytes: &[u8]) -> Result<(u64, u64), StoreError> {
    let mut r = Reader::new(bytes);
    Ok((r.u64("low").map_err(senseless)?, r.u64("high").map_err(senseless)?))
}
