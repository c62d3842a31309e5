//! A store in memory: what it keeps outlives whoever opens it, and ends with the place. That shows
//! that the contract is not one of packs.

use bytes::Bytes;
use media::id::{CameraId, Day, Sequence, TrackId};
use media::message::TrackStatus;
use media::time::Micros;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use store::contract::{Answer, Backend, Entry, Page, Put, Span};
use store::judge::{Held, Verdict, days_of, judge};
use store::record::{Header, Key, Kind};
use store::retention::expired;
use store::suite::Place;
use store::{CameraTotals, PolicyFacts, StoreError, Swept, Terms, WhenFull};

#[derive(Debug, Default)]
pub(crate) struct Memory(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    records: BTreeMap<Key, (Header, Bytes, Option<PolicyFacts>)>,
    /// Up to where each track was complete.
    complete: BTreeMap<(CameraId, TrackId), u64>,
}

#[derive(Debug)]
struct Open {
    terms: Terms,
    kept: Arc<Mutex<Kept>>,
}

impl Place for Memory {
    fn open(&self, terms: Terms) -> Arc<dyn Backend> {
        Arc::new(Open { terms, kept: self.0.clone() })
    }
}

fn entry(header: &Header) -> Entry {
    Entry { pack: 0, offset: 0, header: *header }
}

impl Kept {
    fn of(
        &self,
        kind: Kind,
        camera_id: CameraId,
        track: TrackId,
    ) -> impl DoubleEndedIterator<Item = &Header> {
        let at = |number| Key { kind, camera_id, track, number };
        self.records.range(at(0)..=at(u64::MAX)).map(|(_, (header, _, _))| header)
    }

    fn used(&self) -> u64 {
        self.records.values().map(|(header, _, _)| 100 + u64::from(header.length)).sum()
    }

    fn put(&mut self, put: Put, terms: &Terms) -> Result<(), StoreError> {
        match judge(self, &put)? {
            Verdict::Same => return Ok(()),
            Verdict::Refuse(error) => return Err(error),
            Verdict::Write => {}
        }
        let header = put.header;
        let most = terms.quota_bytes.filter(|_| header.kind.is_footage());
        while most.is_some_and(|most| self.used() + 100 + u64::from(header.length) > most) {
            let footage = self.records.values().map(|(header, _, _)| header).filter(|h| h.kind.is_footage());
            let oldest = footage.min_by_key(|header| header.received_us).map(Header::key);
            let Some(oldest) = oldest.filter(|_| terms.when_full == WhenFull::DropOldest) else {
                return Err(StoreError::Full("the quota is used up".to_owned()));
            };
            self.records.remove(&oldest);
        }
        self.records.insert(header.key(), (header, put.body.to_bytes(), put.policy));
        if header.kind == Kind::Segment {
            let next = self.complete.entry((header.camera_id, header.track)).or_default();
            while self.records.contains_key(&Key { number: *next, ..header.key() }) {
                *next += 1;
            }
        }
        Ok(())
    }

    fn sweep(&mut self, now_us: Micros, most: u16) -> Result<Swept, StoreError> {
        let before = self.used();
        let mut swept = Swept::default();
        for kind in [Kind::Segment, Kind::EpochOpen] {
            for header in self.records.values().map(|(header, _, _)| *header).collect::<Vec<_>>() {
                let is_old = expired(header.received_us, days_of(self, header.camera_id, most)?, now_us);
                let oldest = self.of(Kind::Segment, header.camera_id, header.track).next();
                let is_needed =
                    kind == Kind::EpochOpen && oldest.is_some_and(|s| s.epoch_no <= header.epoch_no);
                if header.kind == kind && is_old && !is_needed {
                    self.records.remove(&header.key());
                    swept.segments += u64::from(kind == Kind::Segment);
                }
            }
        }
        swept.bytes = before - self.used();
        Ok(swept)
    }

    fn totals(&self, camera_id: CameraId) -> CameraTotals {
        let mut tracks = BTreeMap::<TrackId, (TrackStatus, Micros)>::new();
        let segments = self.records.values().map(|(header, _, _)| header);
        for s in segments.filter(|s| s.kind == Kind::Segment && s.camera_id == camera_id) {
            let none = TrackStatus { track: s.track, segments: 0, bytes: 0, newest_us: Micros(0) };
            let (track, received_us) = tracks.entry(s.track).or_insert((none, Micros(0)));
            track.segments += 1;
            track.bytes += u64::from(s.length);
            (track.newest_us, *received_us) = (s.start_us, s.received_us);
        }
        let newest = tracks.values().max_by_key(|(_, received_us)| *received_us);
        let newest_us = newest.map(|(track, _)| track.newest_us);
        let ms = |at: Micros| i64::try_from(at.0 / 1000).unwrap();
        CameraTotals {
            camera_id,
            newest_us,
            clock_offset_ms: newest.map_or(0, |(track, received)| ms(*received) - ms(track.newest_us)),
            tracks: tracks.into_values().map(|(track, _)| track).collect(),
        }
    }
}

impl Held for Kept {
    type Error = StoreError;

    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        Ok(self.records.get(key).map(|(header, _, _)| entry(header)))
    }

    fn body(&self, entry: &Entry) -> Result<Option<Bytes>, StoreError> {
        let (header, body, _) = self.records.get(&entry.header.key()).ok_or(StoreError::Gone)?;
        if *header == entry.header { Ok(Some(body.clone())) } else { Err(StoreError::Gone) }
    }

    fn neighbours(&self, key: &Key) -> Result<(Option<Entry>, Option<Entry>), StoreError> {
        let segments = || self.of(Kind::Segment, key.camera_id, key.track);
        let after = segments().find(|s| s.number > key.number).map(entry);
        let before = segments().rfind(|s| s.number < key.number).map(entry);
        Ok((before, after))
    }

    fn policy(&self, camera_id: CameraId, hash: Option<&[u8; 32]>) -> Result<Option<Entry>, StoreError> {
        let is_it = |header: &&Header| {
            let facts = self.records.get(&header.key()).and_then(|(_, _, facts)| *facts);
            hash.is_none_or(|hash| facts.is_some_and(|facts| facts.hash == *hash))
        };
        Ok(self.of(Kind::Policy, camera_id, TrackId(0)).rfind(is_it).map(entry))
    }
}

impl Open {
    fn answer<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Kept) -> Result<T, StoreError>,
    ) -> Answer<'_, T> {
        Box::pin(std::future::ready(ask(&mut self.kept.lock().unwrap())))
    }
}

impl Backend for Open {
    fn put(&self, put: Put) -> Answer<'_, ()> {
        self.answer(|kept| kept.put(put, &self.terms))
    }

    fn get(&self, key: Key) -> Answer<'_, Option<Entry>> {
        self.answer(|kept| Held::get(kept, &key))
    }

    fn newest_open(&self, camera_id: CameraId, track: TrackId) -> Answer<'_, Option<Entry>> {
        self.answer(|kept| Ok(kept.of(Kind::EpochOpen, camera_id, track).next_back().map(entry)))
    }

    fn policy(&self, camera_id: CameraId, hash: Option<[u8; 32]>) -> Answer<'_, Option<Entry>> {
        self.answer(|kept| Held::policy(kept, camera_id, hash.as_ref()))
    }

    fn day_keys(&self, day: Day, most: usize) -> Answer<'_, Vec<Entry>> {
        self.answer(|kept| {
            let keys = kept.records.values().map(|(header, _, _)| header);
            let of_day = keys.filter(|h| h.kind == Kind::DayKeys && h.number == u64::from(day.0));
            Ok(of_day.take(most).map(entry).collect())
        })
    }

    fn page(&self, span: Span, cursor: u64, most: usize) -> Answer<'_, Page> {
        self.answer(|kept| {
            let found = kept.of(span.kind, span.camera_id, span.track);
            let found = found.filter(|h| span.from_us < span.to_us && span.holds(h) && h.number >= cursor);
            let mut entries: Vec<_> = found.take(most + 1).map(entry).collect();
            let next = entries.get(most).map(|entry| entry.header.number);
            entries.truncate(most);
            Ok(Page { entries, next })
        })
    }

    fn read(&self, entry: Entry) -> Answer<'_, Bytes> {
        self.answer(|kept| kept.body(&entry)?.ok_or(StoreError::Gone))
    }

    fn read_part(&self, entry: Entry, part: Range<usize>) -> Answer<'_, Bytes> {
        self.answer(|kept| kept.body(&entry)?.map(|body| body.slice(part)).ok_or(StoreError::Gone))
    }

    fn next_missing(&self, camera_id: CameraId, track: TrackId) -> Answer<'_, Sequence> {
        self.answer(|kept| Ok(Sequence(kept.complete.get(&(camera_id, track)).copied().unwrap_or(0))))
    }

    fn cameras(&self) -> Answer<'_, Vec<CameraTotals>> {
        self.answer(|kept| {
            let records = kept.records.keys();
            let known = records.filter(|key| matches!(key.kind, Kind::Segment | Kind::Policy));
            let cameras: BTreeSet<_> = known.map(|key| key.camera_id).collect();
            Ok(cameras.into_iter().map(|camera_id| kept.totals(camera_id)).collect())
        })
    }

    fn sweep(&self, now_us: Micros) -> Answer<'_, Swept> {
        self.answer(|kept| kept.sweep(now_us, self.terms.retention_days_max))
    }

    fn used_bytes(&self) -> u64 {
        self.kept.lock().unwrap().used()
    }
}
