//! Looking things up, the same way for a reader's snapshot and inside the writer's transaction.

use super::{
    Bytes, Entry, POLICIES, RECORDS, SPAN_US, SPANS, TRACKS, Track, key_of_span, number, pair, track_key,
};
use crate::store::error::{IndexResult as _, StoreError};
use crate::store::record::{Kind, day_keys_range, key};
use media::id::{CameraId, Day, TrackId};
use media::limits;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable};
use std::collections::BTreeMap;

/// The longest an epoch may be planned, microseconds.
pub(in crate::store) const EPOCH_MAX_US: u64 = limits::EPOCH_SECONDS.1 as u64 * 1_000_000;
/// Index rows that one page looks at: a camera whose clock jumps about cannot make a look last for ever.
const ROWS_PER_PAGE: usize = 1 << 16;

/// The tables that are asked.
pub(in crate::store) struct View<'a, T> {
    records: &'a T,
    tracks: &'a T,
    spans: &'a T,
    policies: &'a T,
}

/// The same of a snapshot, which owns its tables.
pub(in crate::store) struct Snapshot {
    records: ReadOnlyTable<Bytes, Bytes>,
    tracks: ReadOnlyTable<Bytes, Bytes>,
    spans: ReadOnlyTable<Bytes, Bytes>,
    policies: ReadOnlyTable<Bytes, Bytes>,
}

impl Snapshot {
    pub(super) fn of(txn: &ReadTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            records: txn.open_table(RECORDS).index()?,
            tracks: txn.open_table(TRACKS).index()?,
            spans: txn.open_table(SPANS).index()?,
            policies: txn.open_table(POLICIES).index()?,
        })
    }

    pub(super) fn view(&self) -> View<'_, ReadOnlyTable<Bytes, Bytes>> {
        View::over(&self.records, &self.tracks, &self.spans, &self.policies)
    }
}

/// Some entries in order of their number, and where to go on.
#[derive(Debug)]
pub(in crate::store) struct Page {
    pub entries: Vec<Entry>,
    pub next: Option<u64>,
}

/// What is asked of a page.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Span {
    pub kind: Kind,
    pub camera_id: CameraId,
    pub track: TrackId,
    pub from_us: u64,
    pub to_us: u64,
}

impl<'a, T: ReadableTable<Bytes, Bytes>> View<'a, T> {
    pub(super) fn over(records: &'a T, tracks: &'a T, spans: &'a T, policies: &'a T) -> Self {
        Self { records, tracks, spans, policies }
    }

    pub(in crate::store) fn get(&self, key: &[u8]) -> Result<Option<Entry>, StoreError> {
        self.records.get(key).index()?.map(|value| Entry::decode(value.value())).transpose()
    }

    /// The nearest entry of a track before `number`, and the nearest after it.
    pub(in crate::store) fn neighbours(
        &self,
        camera_id: CameraId,
        track: TrackId,
        number: u64,
    ) -> Result<(Option<Entry>, Option<Entry>), StoreError> {
        let at = |number| key(Kind::Segment, camera_id, track, number);
        let (first, here, last) = (at(0), at(number), at(u64::MAX));
        let before = self.records.range(first.as_slice()..here.as_slice()).index()?.next_back();
        let before = before.transpose().index()?.map(|(_, v)| Entry::decode(v.value())).transpose()?;
        let mut behind = self.records.range(here.as_slice()..=last.as_slice()).index()?;
        let after = loop {
            let Some((_, value)) = behind.next().transpose().index()? else { break None };
            let entry = Entry::decode(value.value())?;
            if entry.header.number != number {
                break Some(entry);
            }
        };
        Ok((before, after))
    }

    /// The oldest segment of a track that is stored.
    pub(in crate::store) fn oldest(
        &self,
        camera_id: CameraId,
        track: TrackId,
    ) -> Result<Option<Entry>, StoreError> {
        self.ends(Kind::Segment, camera_id, track).map(|(oldest, _)| oldest)
    }

    pub(in crate::store) fn newest_policy(&self, camera_id: CameraId) -> Result<Option<Entry>, StoreError> {
        self.ends(Kind::Policy, camera_id, TrackId(0)).map(|(_, newest)| newest)
    }

    fn ends(
        &self,
        kind: Kind,
        camera_id: CameraId,
        track: TrackId,
    ) -> Result<(Option<Entry>, Option<Entry>), StoreError> {
        let (first, last) = (key(kind, camera_id, track, 0), key(kind, camera_id, track, u64::MAX));
        let mut range = self.records.range(first.as_slice()..=last.as_slice()).index()?;
        let oldest = range.next().transpose().index()?.map(|(_, v)| Entry::decode(v.value())).transpose()?;
        let newest =
            range.next_back().transpose().index()?.map(|(_, v)| Entry::decode(v.value())).transpose()?;
        Ok((oldest, newest.or(oldest)))
    }

    /// The version of a camera's policy with this hash.
    pub(in crate::store) fn policy_version(
        &self,
        camera_id: CameraId,
        hash: &[u8; 32],
    ) -> Result<Option<u64>, StoreError> {
        let row = [camera_id.0, *hash].concat();
        self.policies.get(row.as_slice()).index()?.map(|value| number(value.value())).transpose()
    }

    /// At most `limit` entries that overlap the span, from number `cursor` on.
    pub(in crate::store) fn page(&self, span: &Span, cursor: u64, limit: usize) -> Result<Page, StoreError> {
        let nothing = Page { entries: Vec::new(), next: None };
        let Some(last_us) = span.to_us.checked_sub(1).filter(|last| *last >= span.from_us) else {
            return Ok(nothing);
        };
        let Some((low, high)) = self.numbers(span, last_us)? else { return Ok(nothing) };
        let at = |number| key(span.kind, span.camera_id, span.track, number);
        let (first, last) = (at(low.max(cursor)), at(high));
        if first > last {
            return Ok(nothing);
        }
        let mut entries = Vec::new();
        for (seen, row) in self.records.range(first.as_slice()..=last.as_slice()).index()?.enumerate() {
            let entry = Entry::decode(row.index()?.1.value())?;
            if entries.len() == limit || seen == ROWS_PER_PAGE {
                return Ok(Page { entries, next: Some(entry.header.number) });
            }
            let (start, end) = (entry.header.start_us, entry.header.end_us());
            if start < span.to_us && (end > span.from_us || start >= span.from_us) {
                entries.push(entry);
            }
        }
        Ok(Page { entries, next: None })
    }

    /// The smallest and the largest number that touch the span's ten-minute steps.
    fn numbers(&self, span: &Span, last_us: u64) -> Result<Option<(u64, u64)>, StoreError> {
        let at = |us: u64| key_of_span(span.kind, span.camera_id, span.track, us / SPAN_US);
        let (first, last) = (at(span.from_us), at(last_us));
        let mut numbers: Option<(u64, u64)> = None;
        for row in self.spans.range(first.as_slice()..=last.as_slice()).index()? {
            let (low, high) = pair(row.index()?.1.value())?;
            let (l, h) = numbers.unwrap_or((low, high));
            numbers = Some((l.min(low), h.max(high)));
        }
        Ok(numbers)
    }

    /// Every trustee's keys of a day, at most `limit` of them.
    pub(in crate::store) fn day_keys(&self, day: Day, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let (first, last) = day_keys_range(day);
        let range = self.records.range(first.as_slice()..=last.as_slice()).index()?;
        range.take(limit).map(|row| Entry::decode(row.index()?.1.value())).collect()
    }

    pub(in crate::store) fn track(
        &self,
        camera_id: CameraId,
        track: TrackId,
    ) -> Result<Option<Track>, StoreError> {
        let row = track_key(camera_id, track);
        self.tracks.get(row.as_slice()).index()?.map(|value| Track::decode(value.value())).transpose()
    }

    /// Every camera that has a policy or footage, with its tracks in order of their number.
    pub(in crate::store) fn cameras(&self) -> Result<BTreeMap<CameraId, Vec<(TrackId, Track)>>, StoreError> {
        let mut cameras = BTreeMap::<CameraId, Vec<(TrackId, Track)>>::new();
        for row in self.policies.iter().index()? {
            if let Some(id) = row.index()?.0.value().first_chunk::<32>() {
                cameras.entry(CameraId(*id)).or_default();
            }
        }
        for row in self.tracks.iter().index()? {
            let (key, value) = row.index()?;
            if let Some((id, track)) = key.value().split_first_chunk::<32>()
                && let Ok(track) = track.try_into().map(u32::from_be_bytes)
            {
                let row = (TrackId(track), Track::decode(value.value())?);
                cameras.entry(CameraId(*id)).or_default().push(row);
            }
        }
        Ok(cameras)
    }
}
