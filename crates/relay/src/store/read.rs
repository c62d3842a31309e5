//! Reading: ranges of segments, their bytes or heads, and totals.

use super::error::StoreError;
use super::index::{Entry, Span, Track};
use super::pack::Pack;
use super::record::{HEADER_LEN, Header, Kind, SegmentFacts};
use super::{Inner, Store};
use bytes::Bytes;
use media::id::{CameraId, Sequence, TrackId};
use media::message::TrackStatus;
use media::segment::{HeadExtent, SegmentQuery, head_extent};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::PoisonError;

/// Every pack on disk, by number.
pub(super) type Packs = BTreeMap<u64, Pack>;

/// Segments in one page of an answer.
const PAGE: usize = 256;
/// What is read of a segment at first for its head: an init segment of one picture and one sound takes about 1.3 kB.
const HEAD_READ: usize = 4 << 10;

/// A stored segment: what it is, and a hold on where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredSegment {
    facts: SegmentFacts,
    entry: Entry,
}

impl StoredSegment {
    fn of(entry: Entry) -> Self {
        Self { facts: SegmentFacts::of(&entry.header), entry }
    }

    pub fn facts(&self) -> &SegmentFacts {
        &self.facts
    }

    /// Bytes of the segment.
    pub fn length(&self) -> u32 {
        self.entry.header.length
    }
}

/// Some of the segments asked for, in order of sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentPage {
    pub segments: Vec<StoredSegment>,
    /// The cursor of the next page; `None` when this is the last. A page may be empty and not the last.
    pub next: Option<Sequence>,
}

/// What is stored of a camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraTotals {
    pub camera_id: CameraId,
    /// Start of the segment that came last, of any track, by the camera's clock; 0 for none.
    pub newest_us: u64,
    /// Relay's clock minus camera's at that segment's header, milliseconds; 0 for none.
    pub clock_offset_ms: i64,
    /// The tracks that hold segments, in order of their number.
    pub tracks: Vec<TrackStatus>,
}

impl Store {
    /// A page of the segments asked for, as of now.
    ///
    /// # Errors
    /// [`StoreError::Index`].
    pub async fn segments(&self, query: SegmentQuery) -> Result<SegmentPage, StoreError> {
        self.blocking(move |inner| {
            let SegmentQuery { camera_id, track, from_us, to_us, cursor } = query;
            let span = Span { kind: Kind::Segment, camera_id, track, from_us, to_us };
            let page = inner.index.read(|view| view.page(&span, cursor.0, PAGE))?;
            let segments = page.entries.into_iter().map(StoredSegment::of).collect();
            Ok(SegmentPage { segments, next: page.next.map(Sequence) })
        })
        .await
    }

    /// A segment's bytes, exactly as they were received.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the disk changed them; [`StoreError::Gone`] when retention was faster.
    pub async fn read_segment(&self, segment: &StoredSegment) -> Result<Bytes, StoreError> {
        let entry = segment.entry;
        self.blocking(move |inner| read_body(inner, &entry)).await
    }

    /// The head of a segment, with its key picture if that is wanted and there is one: of a large segment no more is read than that.
    ///
    /// The record's checksum is over all of it and is not checked here; the key under which each fragment is sealed checks more.
    ///
    /// # Errors
    /// As [`Store::read_segment`].
    pub async fn read_head(&self, segment: &StoredSegment, picture: bool) -> Result<Bytes, StoreError> {
        let entry = segment.entry;
        self.blocking(move |inner| read_head(inner, &entry, picture)).await
    }

    /// Every camera that has a policy or footage here.
    ///
    /// # Errors
    /// [`StoreError::Index`].
    pub async fn cameras(&self) -> Result<Vec<CameraTotals>, StoreError> {
        self.blocking(|inner| {
            let cameras = inner.index.read(|view| view.cameras())?;
            Ok(cameras.into_iter().map(|(camera_id, tracks)| totals(camera_id, &tracks)).collect())
        })
        .await
    }

    /// Bytes that all packs take.
    pub fn used_bytes(&self) -> u64 {
        self.inner.used()
    }
}

impl Inner {
    pub(super) fn used(&self) -> u64 {
        self.packs.read().unwrap_or_else(PoisonError::into_inner).values().map(|pack| pack.length).sum()
    }

    pub(super) fn pack(&self, number: u64) -> Option<Pack> {
        self.packs.read().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }
}

/// The body of a record, checked against its header on disk and in the index.
pub(super) fn read_body(inner: &Inner, entry: &Entry) -> Result<Bytes, StoreError> {
    let body = Opened::open(inner, entry)?.first(entry.header.body_len())?;
    if !entry.header.matches(&body) {
        return Err(damaged(entry));
    }
    Ok(body)
}

fn read_head(inner: &Inner, entry: &Entry, picture: bool) -> Result<Bytes, StoreError> {
    let record = Opened::open(inner, entry)?;
    let length = entry.header.body_len();
    let mut first = record.first(HEAD_READ.min(length))?;
    loop {
        let wanted = match head_extent(&first, picture) {
            Ok(HeadExtent::Whole(end)) if end <= first.len() => return Ok(first.slice(..end)),
            Ok(HeadExtent::Whole(end) | HeadExtent::Needs(end)) if end <= length => end,
            _ => return Err(damaged(entry)),
        };
        first = record.first(wanted)?;
    }
}

/// A record whose header on disk is still to be compared with the one in the index.
struct Opened<'a> {
    pack: Pack,
    file: File,
    entry: &'a Entry,
}

impl<'a> Opened<'a> {
    fn open(inner: &Inner, entry: &'a Entry) -> Result<Self, StoreError> {
        let pack = inner.pack(entry.pack).ok_or(StoreError::Gone)?;
        match File::open(&pack.path) {
            Ok(file) => Ok(Self { pack, file, entry }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::Gone),
            Err(error) => Err(StoreError::at(&pack.path, error)),
        }
    }

    /// The first bytes of the body, behind a header that is the one in the index.
    fn first(&self, length: usize) -> Result<Bytes, StoreError> {
        let mut record = vec![0; HEADER_LEN + length];
        match self.file.read_exact_at(&mut record, self.entry.offset) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(damaged(self.entry)),
            Err(error) => return Err(StoreError::at(&self.pack.path, error)),
        }
        let record = Bytes::from(record);
        let header = record.get(..HEADER_LEN).and_then(|bytes| Header::decode(bytes, self.pack.mark).ok());
        if header != Some(self.entry.header) {
            return Err(damaged(self.entry));
        }
        Ok(record.slice(HEADER_LEN..))
    }
}

fn damaged(entry: &Entry) -> StoreError {
    let h = &entry.header;
    StoreError::Damaged {
        what: h.kind.word(),
        camera_id: h.camera_id,
        track: h.track,
        number: h.number,
        pack: entry.pack,
        offset: entry.offset,
    }
}

fn totals(camera_id: CameraId, tracks: &[(TrackId, Track)]) -> CameraTotals {
    let held = tracks.iter().filter(|(_, t)| t.segments > 0);
    let newest = held.clone().map(|(_, t)| t).max_by_key(|t| t.newest_received_us);
    let offset_us = newest.map_or(0, |t| i128::from(t.newest_received_us) - i128::from(t.newest_us));
    CameraTotals {
        camera_id,
        newest_us: newest.map_or(0, |t| t.newest_us),
        // Microseconds of a `u64` are fewer milliseconds than an `i64` holds.
        clock_offset_ms: i64::try_from(offset_us / 1000).unwrap_or(i64::MAX),
        tracks: held
            .map(|(track, t)| TrackStatus {
                track: *track,
                segments: t.segments,
                bytes: t.bytes,
                newest_us: t.newest_us,
            })
            .collect(),
    }
}
