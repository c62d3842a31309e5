//! Taking entries in: what each record header changes in the tables.

use super::{
    BY_PACK, Bytes, Floors, PACK_CAMERAS, PACKS, POLICIES, RECORDS, SPAN_US, SPANS, TRACKS, Track, View,
    between, decode_entry, encode_entry, pack_key, pair, read_row, track_key,
};
use crate::contract::Entry;
use crate::packs::pack::Lane;
use crate::packs::record::{all_numbers, index_key};
use crate::record::{Header, Key, Kind};
use media::codec;
use media::id::{CameraId, TrackId};
use redb::{Error, ReadableTable as _, Table, WriteTransaction};

/// Spans that one record may touch: a `u32` of microseconds is 72 minutes.
const SPANS_MAX: u64 = 16;

/// The tables of one writing transaction.
pub(crate) struct Tables<'t> {
    pub(super) records: Table<'t, Bytes, Bytes>,
    pub(super) by_pack: Table<'t, Bytes, Bytes>,
    pub(super) pack_cameras: Table<'t, Bytes, Bytes>,
    pub(super) packs: Table<'t, u64, (u64, u64)>,
    pub(super) tracks: Table<'t, Bytes, Bytes>,
    pub(super) spans: Table<'t, Bytes, Bytes>,
    pub(super) policies: Table<'t, Bytes, Bytes>,
}

impl<'t> Tables<'t> {
    pub(crate) fn open(txn: &'t WriteTransaction) -> Result<Self, Error> {
        Ok(Self {
            records: txn.open_table(RECORDS)?,
            by_pack: txn.open_table(BY_PACK)?,
            pack_cameras: txn.open_table(PACK_CAMERAS)?,
            packs: txn.open_table(PACKS)?,
            tracks: txn.open_table(TRACKS)?,
            spans: txn.open_table(SPANS)?,
            policies: txn.open_table(POLICIES)?,
        })
    }

    /// Takes a record in. One that stands under its key already gives way: the writer refuses a
    /// second one, so an earlier one was written but never acknowledged, or was meant to be
    /// replaced.
    pub(crate) fn insert(
        &mut self,
        entry: &Entry,
        lane: Lane,
        policy_hash: Option<[u8; 32]>,
    ) -> Result<(), Error> {
        let header = &entry.header;
        let key = index_key(&header.key());
        let earlier = self.records.get(key.as_slice())?.map(|v| decode_entry(v.value())).transpose()?;
        if let Some(earlier) = earlier {
            self.remove(&earlier)?;
        }
        self.records.insert(key.as_slice(), encode_entry(entry).as_slice())?;
        self.by_pack.insert(pack_key(entry.pack, entry.offset).as_slice(), key.as_slice())?;
        if lane != Lane::Objects {
            let row = [&entry.pack.to_be_bytes()[..], &header.camera_id.0].concat();
            let newest = self.pack_cameras.get(row.as_slice())?.map_or(Ok(0), |v| read_row(v.value()))?;
            let newest = newest.max(header.received_us.0).to_be_bytes();
            self.pack_cameras.insert(row.as_slice(), &newest[..])?;
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
                    self.policies.insert(row.as_slice(), &header.number.to_be_bytes()[..])?;
                }
            }
            Kind::DayNotice | Kind::DayKeys | Kind::Settings => {}
        }
        Ok(())
    }

    /// Up to where a pack is indexed.
    pub(crate) fn indexed(&self, pack: u64) -> Result<Option<(u64, u64)>, Error> {
        Ok(self.packs.get(pack)?.map(|row| row.value()))
    }

    pub(crate) fn set_indexed(&mut self, pack: u64, mark: u64, end: u64) -> Result<(), Error> {
        self.packs.insert(pack, (mark, end))?;
        Ok(())
    }

    pub(super) fn set_track(&mut self, camera_id: CameraId, id: TrackId, track: &Track) -> Result<(), Error> {
        self.tracks.insert(track_key(camera_id, id).as_slice(), codec::encode_bare(track).as_slice())?;
        Ok(())
    }

    fn count(&mut self, header: &Header) -> Result<(), Error> {
        let mut track = self.view().track(header.camera_id, header.track)?.unwrap_or_default();
        if track.segments == 0 || header.number >= track.newest {
            track.newest = header.number;
            track.newest_us = header.start_us;
            track.newest_received_us = header.received_us;
        }
        track.segments += 1;
        track.bytes += u64::from(header.length);
        if header.number == track.next_missing {
            track.next_missing = self.run_end(&header.key())?;
        }
        self.set_track(header.camera_id, header.track, &track)
    }

    /// The first sequence from a key's on that is not stored.
    fn run_end(&self, key: &Key) -> Result<u64, Error> {
        let mut next = key.number;
        for entry in between(&self.records, &index_key(key), &all_numbers(key).1)? {
            if entry?.header.number != next {
                break;
            }
            next = next.saturating_add(1);
        }
        Ok(next)
    }

    /// What was complete before packs were dropped stays complete, whatever the packs that are left
    /// can show.
    pub(crate) fn raise_floors(&mut self, floors: &Floors) -> Result<(), Error> {
        for (&(camera_id, track), &number) in floors {
            let mut known = self.view().track(camera_id, track)?.unwrap_or_default();
            if known.next_missing < number {
                let floor = Key { kind: Kind::Segment, camera_id, track, number };
                known.next_missing = self.run_end(&floor)?;
                self.set_track(camera_id, track, &known)?;
            }
        }
        Ok(())
    }

    fn widen_spans(&mut self, header: &Header) -> Result<(), Error> {
        let first = header.start_us.0 / SPAN_US;
        let last = (header.end_us().0 / SPAN_US).min(first + SPANS_MAX);
        for span in first..=last {
            // One row for each step of ten minutes, under the step's number.
            let row = index_key(&Key { number: span, ..header.key() });
            let held = self.spans.get(row.as_slice())?.map(|v| pair(v.value())).transpose()?;
            let (low, high) = held.unwrap_or((u64::MAX, 0));
            let wide = (low.min(header.number), high.max(header.number));
            if held != Some(wide) {
                self.spans.insert(row.as_slice(), &pack_key(wide.0, wide.1)[..])?;
            }
        }
        Ok(())
    }

    pub(crate) fn view(&self) -> View<'_, Table<'t, Bytes, Bytes>> {
        let Self { records, tracks, spans, policies, .. } = self;
        View { records, tracks, spans, policies }
    }
}
