//! Looking things up, the same way for a reader's snapshot and inside the writer's transaction.

use super::{Bytes, POLICIES, RECORDS, SPAN_US, SPANS, TRACKS, Track, decode_entry, number, pair, track_key};
use crate::contract::{Entry, Page, Span};
use crate::packs::record::{day_keys_range, index_key};
use crate::record::{Key, Kind};
use media::id::{CameraId, Day, TrackId};
use media::time::Micros;
use redb::{Error, ReadOnlyTable, ReadTransaction, ReadableTable};
use std::collections::BTreeMap;
use std::time::Duration;

/// Index rows that one page looks at: a camera whose clock jumps about cannot make a look last for ever.
const ROWS_PER_PAGE: usize = 1 << 16;

/// The tables that are asked.
pub(in crate::packs) struct View<'a, T> {
    records: &'a T,
    tracks: &'a T,
    spans: &'a T,
    policies: &'a T,
}

/// The same of a snapshot, which owns its tables.
pub(in crate::packs) struct Snapshot {
    records: ReadOnlyTable<Bytes, Bytes>,
    tracks: ReadOnlyTable<Bytes, Bytes>,
    spans: ReadOnlyTable<Bytes, Bytes>,
    policies: ReadOnlyTable<Bytes, Bytes>,
}

impl Snapshot {
    pub(super) fn of(txn: &ReadTransaction) -> Result<Self, Error> {
        Ok(Self {
            records: txn.open_table(RECORDS)?,
            tracks: txn.open_table(TRACKS)?,
            spans: txn.open_table(SPANS)?,
            policies: txn.open_table(POLICIES)?,
        })
    }

    pub(super) fn view(&self) -> View<'_, ReadOnlyTable<Bytes, Bytes>> {
        View::over(&self.records, &self.tracks, &self.spans, &self.policies)
    }
}

impl<'a, T: ReadableTable<Bytes, Bytes>> View<'a, T> {
    pub(super) fn over(records: &'a T, tracks: &'a T, spans: &'a T, policies: &'a T) -> Self {
        Self { records, tracks, spans, policies }
    }

    pub(in crate::packs) fn get(&self, key: &Key) -> Result<Option<Entry>, Error> {
        let row = index_key(key);
        self.records.get(row.as_slice())?.map(|value| decode_entry(value.value())).transpose()
    }

    /// The nearest entry of a track before `number`, and the nearest after it.
    pub(in crate::packs) fn neighbours(
        &self,
        camera_id: CameraId,
        track: TrackId,
        number: u64,
    ) -> Result<(Option<Entry>, Option<Entry>), Error> {
        let at = |number| index_key(&Key { kind: Kind::Segment, camera_id, track, number });
        let (first, here, last) = (at(0), at(number), at(u64::MAX));
        let before = self.records.range(first.as_slice()..here.as_slice())?.next_back();
        let before = before.transpose()?.map(|(_, v)| decode_entry(v.value())).transpose()?;
        let mut behind = self.records.range(here.as_slice()..=last.as_slice())?;
        let after = loop {
            let Some((_, value)) = behind.next().transpose()? else { break None };
            let entry = decode_entry(value.value())?;
            if entry.header.number != number {
                break Some(entry);
            }
        };
        Ok((before, after))
    }

    /// The oldest segment of a track that is stored.
    pub(in crate::packs) fn oldest(
        &self,
        camera_id: CameraId,
        track: TrackId,
    ) -> Result<Option<Entry>, Error> {
        self.ends(Kind::Segment, camera_id, track).map(|(oldest, _)| oldest)
    }

    /// The policy of a camera with this hash; the newest for `None`.
    pub(in crate::packs) fn policy(
        &self,
        camera_id: CameraId,
        hash: Option<&[u8; 32]>,
    ) -> Result<Option<Entry>, Error> {
        let Some(hash) = hash else {
            return self.ends(Kind::Policy, camera_id, TrackId(0)).map(|(_, newest)| newest);
        };
        let row = [camera_id.0, *hash].concat();
        let version = self.policies.get(row.as_slice())?.map(|value| number(value.value())).transpose()?;
        match version {
            Some(number) => self.get(&Key { kind: Kind::Policy, camera_id, track: TrackId(0), number }),
            None => Ok(None),
        }
    }

    fn ends(
        &self,
        kind: Kind,
        camera_id: CameraId,
        track: TrackId,
    ) -> Result<(Option<Entry>, Option<Entry>), Error> {
        let at = |number| index_key(&Key { kind, camera_id, track, number });
        let (first, last) = (at(0), at(u64::MAX));
        let mut range = self.records.range(first.as_slice()..=last.as_slice())?;
        let oldest = range.next().transpose()?.map(|(_, v)| decode_entry(v.value())).transpose()?;
        let newest = range.next_back().transpose()?.map(|(_, v)| decode_entry(v.value())).transpose()?;
        Ok((oldest, newest.or(oldest)))
    }

    /// At most `limit` entries that overlap the span, from number `cursor` on.
    pub(in crate::packs) fn page(&self, span: &Span, cursor: u64, limit: usize) -> Result<Page, Error> {
        let nothing = Page { entries: Vec::new(), next: None };
        if span.from_us >= span.to_us {
            return Ok(nothing);
        }
        let Some((low, high)) = self.numbers(span)? else { return Ok(nothing) };
        let at = |number| key_of(span, number);
        let (first, last) = (at(low.max(cursor)), at(high));
        if first > last {
            return Ok(nothing);
        }
        let mut entries = Vec::new();
        for (seen, row) in self.records.range(first.as_slice()..=last.as_slice())?.enumerate() {
            let entry = decode_entry(row?.1.value())?;
            if entries.len() == limit || seen == ROWS_PER_PAGE {
                return Ok(Page { entries, next: Some(entry.header.number) });
            }
            if span.holds(&entry.header) {
                entries.push(entry);
            }
        }
        Ok(Page { entries, next: None })
    }

    /// The smallest and the largest number that touch the span's ten-minute steps.
    fn numbers(&self, span: &Span) -> Result<Option<(u64, u64)>, Error> {
        let at = |moment: Micros| key_of(span, moment.0 / SPAN_US);
        let (first, last) = (at(span.from_us), at(span.to_us.before(Duration::from_micros(1))));
        let mut numbers: Option<(u64, u64)> = None;
        for row in self.spans.range(first.as_slice()..=last.as_slice())? {
            let (low, high) = pair(row?.1.value())?;
            let (l, h) = numbers.unwrap_or((low, high));
            numbers = Some((l.min(low), h.max(high)));
        }
        Ok(numbers)
    }

    /// Every trustee's keys of a day, at most `limit` of them.
    pub(in crate::packs) fn day_keys(&self, day: Day, limit: usize) -> Result<Vec<Entry>, Error> {
        let (first, last) = day_keys_range(day);
        let range = self.records.range(first.as_slice()..=last.as_slice())?;
        range.take(limit).map(|row| decode_entry(row?.1.value())).collect()
    }

    pub(in crate::packs) fn track(
        &self,
        camera_id: CameraId,
        track: TrackId,
    ) -> Result<Option<Track>, Error> {
        let row = track_key(camera_id, track);
        self.tracks.get(row.as_slice())?.map(|value| Track::decode(value.value())).transpose()
    }

    /// Every camera that has a policy or footage, with its tracks in order of their number.
    pub(in crate::packs) fn cameras(&self) -> Result<BTreeMap<CameraId, Vec<(TrackId, Track)>>, Error> {
        let mut cameras = BTreeMap::<CameraId, Vec<(TrackId, Track)>>::new();
        for row in self.policies.iter()? {
            if let Some(id) = row?.0.value().first_chunk::<32>() {
                cameras.entry(CameraId(*id)).or_default();
            }
        }
        for row in self.tracks.iter()? {
            let (key, value) = row?;
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

fn key_of(span: &Span, number: u64) -> Vec<u8> {
    let Span { kind, camera_id, track, .. } = *span;
    index_key(&Key { kind, camera_id, track, number })
}
