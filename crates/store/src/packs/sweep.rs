//! Letting go: what is past its days, and the oldest packs when a quota wants room.
//!
//! Order: the floors are durable, then the index forgets (synced), then the files go. A crash in
//! between leaves files that the next start indexes again and the next sweep drops again; never an
//! entry without its bytes for longer than that start takes.

use super::index::{Failed, Part, Tables};
use super::read::Seen;
use super::recover;
use super::writer::Writer;
use crate::contract::Swept;
use crate::error::StoreError;
use crate::judge::days_of;
use crate::record::{Key, Kind};
use crate::retention::expired;
use media::id::{CameraId, TrackId};
use media::time::Micros;
use redb::Durability;
use std::collections::{BTreeMap, BTreeSet};

/// What a sweep is about to drop.
#[derive(Default)]
struct Dropped {
    tracks: BTreeSet<(CameraId, TrackId)>,
    segments: u64,
    packs: BTreeSet<u64>,
}

impl Writer {
    /// Drops what is past its days at `now_us`.
    pub(super) fn sweep(&mut self, now_us: Micros) -> Result<Swept, StoreError> {
        let inner = self.inner.clone();
        let mut swept = Swept::default();
        self.remove_files(&mut swept)?;
        let dropped = self.drop_parts(|tables, dropped| {
            let mut known = BTreeMap::new();
            let mut old = Vec::new();
            let seen = Seen { inner: &inner, view: tables.view() };
            for part in tables.parts()? {
                let days = match known.get(&part.camera_id) {
                    Some(days) => *days,
                    None => days_of(&seen, part.camera_id, inner.config.terms.retention_days_max)?,
                };
                known.insert(part.camera_id, days);
                if expired(part.newest_us, days, now_us) {
                    old.push(part);
                }
            }
            // Video first: an EpochOpen is needed for as long as a segment of its epoch is stored.
            let (video, epochs): (Vec<_>, Vec<_>) =
                old.into_iter().partition(|part| inner.is_video(part.pack));
            for part in &video {
                drop_part(tables, dropped, part)?;
            }
            for part in &epochs {
                if !is_needed(tables, part)? {
                    drop_part(tables, dropped, part)?;
                }
            }
            Ok(())
        })?;
        swept.segments = dropped;
        self.remove_files(&mut swept)?;
        Ok(swept)
    }

    /// Drops the oldest packs of video until all packs together take at most `most` bytes.
    pub(super) fn drop_oldest(&mut self, most: u64) -> Result<(), StoreError> {
        let inner = self.inner.clone();
        self.drop_parts(|tables, dropped| {
            let mut newest = BTreeMap::<u64, (Micros, Vec<Part>)>::new();
            for part in tables.parts()? {
                if inner.is_video(part.pack) {
                    let (received_us, parts) = newest.entry(part.pack).or_default();
                    *received_us = (*received_us).max(part.newest_us);
                    parts.push(part);
                }
            }
            let mut oldest_first: Vec<_> = newest.into_iter().collect();
            oldest_first.sort_by_key(|(pack, (received_us, _))| (*received_us, *pack));
            let mut used = inner.used();
            for (pack, (_, parts)) in oldest_first {
                if used <= most {
                    break;
                }
                used = used.saturating_sub(inner.pack(pack).map_or(0, |pack| pack.length));
                for part in &parts {
                    drop_part(tables, dropped, part)?;
                }
            }
            Ok(())
        })?;
        self.remove_files(&mut Swept::default())
    }

    /// Runs a choice of parts through the commit order above. Returns the segments that are gone.
    fn drop_parts(
        &mut self,
        choose: impl FnOnce(&mut Tables<'_>, &mut Dropped) -> Result<(), Failed>,
    ) -> Result<u64, StoreError> {
        let inner = self.inner.clone();
        let dropped = inner.index.change(Durability::Immediate, |tables| {
            let mut dropped = Dropped::default();
            choose(tables, &mut dropped)?;
            let mut floors = self.floors.clone();
            for (camera_id, track) in &dropped.tracks {
                if let Some(known) = tables.view().track(*camera_id, *track)? {
                    floors.insert((*camera_id, *track), known.next_missing);
                }
                for kind in [Kind::Segment, Kind::EpochOpen] {
                    let of = Key { kind, camera_id: *camera_id, track: *track, number: 0 };
                    tables.trim_spans(&of)?;
                }
            }
            if floors != self.floors {
                recover::write_floors(&inner, &floors).map_err(StoreError::from)?;
                self.floors = floors;
            }
            for pack in std::mem::take(&mut dropped.packs) {
                if tables.is_empty(pack)? {
                    tables.forget_pack(pack)?;
                    dropped.packs.insert(pack);
                }
            }
            Ok(dropped)
        })?;
        for pack in dropped.packs {
            self.close_pack(pack);
            self.doomed.push(pack);
        }
        Ok(dropped.segments)
    }

    /// Removes the files of doomed packs; what cannot be removed now is tried again by the next
    /// sweep.
    fn remove_files(&mut self, swept: &mut Swept) -> Result<(), StoreError> {
        while let Some(number) = self.doomed.last() {
            if let Some(pack) = self.inner.pack(*number) {
                self.inner.disk.remove(&pack.path)?;
                self.inner.packs.write().remove(number);
                swept.packs += 1;
                swept.bytes += pack.length;
            }
            self.doomed.pop();
        }
        if swept.packs > 0 {
            host::durable::sync_dir(&self.inner.packs_dir())?;
        }
        Ok(())
    }
}

fn drop_part(tables: &mut Tables<'_>, dropped: &mut Dropped, part: &Part) -> Result<(), redb::Error> {
    let entries = tables.entries(part)?;
    dropped.segments += entries.iter().filter(|entry| entry.header.kind == Kind::Segment).count() as u64;
    dropped.tracks.extend(entries.iter().map(|entry| (entry.header.camera_id, entry.header.track)));
    dropped.packs.insert(part.pack);
    tables.remove_part(part)
}

/// Whether a segment is stored that may belong to one of the part's epochs. Sequences order epochs,
/// so the oldest segment tells.
fn is_needed(tables: &Tables<'_>, part: &Part) -> Result<bool, redb::Error> {
    for entry in tables.entries(part)? {
        let header = &entry.header;
        let (oldest, _) = tables.view().ends(&Key { kind: Kind::Segment, ..header.key() })?;
        if oldest.is_some_and(|oldest| oldest.header.epoch_no.0 <= header.number) {
            return Ok(true);
        }
    }
    Ok(false)
}
