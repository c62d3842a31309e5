//! Looking things up, the same way for a reader's snapshot and inside the writer's transaction.

use super::{Bytes, SPAN_US, Track, decode_entry, pair, read_row, track_key};
use crate::contract::{Entry, Page, Span};
use crate::packs::record::{all_numbers, day_keys_range, index_key};
use crate::record::{Key, Kind};
use media::id::{CameraId, Day, TrackId};
use media::time::Micros;
use redb::{Error, ReadableTable};
use std::collections::BTreeMap;
use std::time::Duration;

/// Index rows that one page looks at: a camera whose clock jumps about cannot make a look last for
/// ever.
const ROWS_PER_PAGE: usize = 1 << 16;

/// The tables that are asked.
pub(crate) struct View<'a, T> {
    pub(super) records: &'a T,
    pub(super) tracks: &'a T,
    pub(super) spans: &'a T,
    pub(super) policies: &'a T,
}

/// The entries from one index key to another, both included.
pub(super) fn between<T: ReadableTable<Bytes, Bytes>>(
    records: &T,
    first: &[u8],
    last: &[u8],
) -> Result<impl DoubleEndedIterator<Item = Result<Entry, Error>>, Error> {
    Ok(records.range(first..=last)?.map(|row| decode_entry(row?.1.value())))
}

impl<T: ReadableTable<Bytes, Bytes>> View<'_, T> {
    pub(crate) fn get(&self, key: &Key) -> Result<Option<Entry>, Error> {
        let row = index_key(key);
        self.records.get(row.as_slice())?.map(|value| decode_entry(value.value())).transpose()
    }

    /// The nearest entry of a key's track before its number, and the nearest after it.
    pub(crate) fn neighbours(&self, key: &Key) -> Result<(Option<Entry>, Option<Entry>), Error> {
        let ((first, last), here) = (all_numbers(key), index_key(key));
        let is_other = |entry: &Result<Entry, Error>| {
            entry.as_ref().map_or(true, |entry| entry.header.number != key.number)
        };
        let before = between(self.records, &first, &here)?.rfind(is_other).transpose()?;
        let after = between(self.records, &here, &last)?.find(is_other).transpose()?;
        Ok((before, after))
    }

    /// The policy of a camera with this hash; the newest for `None`.
    pub(crate) fn policy(
        &self,
        camera_id: CameraId,
        hash: Option<&[u8; 32]>,
    ) -> Result<Option<Entry>, Error> {
        let at = |number| Key { kind: Kind::Policy, camera_id, track: TrackId(0), number };
        let Some(hash) = hash else { return Ok(self.ends(&at(0))?.1) };
        let row = [camera_id.0, *hash].concat();
        match self.policies.get(row.as_slice())? {
            Some(version) => self.get(&at(read_row(version.value())?)),
            None => Ok(None),
        }
    }

    /// The first and the last entry of a key's kind, camera and track.
    pub(crate) fn ends(&self, of: &Key) -> Result<(Option<Entry>, Option<Entry>), Error> {
        let (first, last) = all_numbers(of);
        let mut range = between(self.records, &first, &last)?;
        let oldest = range.next().transpose()?;
        let newest = range.next_back().transpose()?;
        Ok((oldest, newest.or(oldest)))
    }

    /// At most `limit` entries that overlap the span, from number `cursor` on.
    pub(crate) fn page(&self, span: &Span, cursor: u64, limit: usize) -> Result<Page, Error> {
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
        for (seen, entry) in between(self.records, &first, &last)?.enumerate() {
            let entry = entry?;
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
    pub(crate) fn day_keys(&self, day: Day, limit: usize) -> Result<Vec<Entry>, Error> {
        let (first, last) = day_keys_range(day);
        between(self.records, &first, &last)?.take(limit).collect()
    }

    pub(crate) fn track(&self, camera_id: CameraId, track: TrackId) -> Result<Option<Track>, Error> {
        let row = track_key(camera_id, track);
        self.tracks.get(row.as_slice())?.map(|value| read_row(value.value())).transpose()
    }

    /// Every camera that has a policy or footage, with its tracks in order of their number.
    pub(crate) fn cameras(&self) -> Result<BTreeMap<CameraId, Vec<(TrackId, Track)>>, Error> {
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
                let row = (TrackId(track), read_row(value.value())?);
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
