//! Taking entries out: for retention, for a quota, and for packs that are no longer what was indexed.

use super::{Entry, Tables, key_of_span, number, pack_key, pair};
use crate::store::error::{IndexResult as _, StoreError};
use crate::store::record::{Kind, key};
use media::id::{CameraId, TrackId};
use redb::ReadableTable as _;

/// One camera's part of one pack: what retention decides about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Part {
    pub pack: u64,
    pub camera_id: CameraId,
    /// When the newest of it was received.
    pub newest_us: u64,
}

impl Tables<'_> {
    /// All parts, in order of their packs.
    pub(in crate::store) fn parts(&self) -> Result<Vec<Part>, StoreError> {
        self.parts_of(0, u64::MAX)
    }

    fn parts_of(&self, first: u64, last: u64) -> Result<Vec<Part>, StoreError> {
        let (first, last) = (first.to_be_bytes(), [&last.to_be_bytes()[..], &[u8::MAX; 32]].concat());
        let mut parts = Vec::new();
        for row in self.pack_cameras.range(&first[..]..=last.as_slice()).index()? {
            let (key, value) = row.index()?;
            let Some((pack, id)) = key.value().split_first_chunk::<8>() else { continue };
            let Ok(id) = id.try_into() else { continue };
            let newest_us = number(value.value())?;
            parts.push(Part { pack: u64::from_be_bytes(*pack), camera_id: CameraId(id), newest_us });
        }
        Ok(parts)
    }

    /// Whether nothing of a pack is left to be kept.
    pub(in crate::store) fn is_empty(&self, pack: u64) -> Result<bool, StoreError> {
        Ok(self.parts_of(pack, pack)?.is_empty())
    }

    /// The entries of a part.
    pub(in crate::store) fn entries(&self, part: &Part) -> Result<Vec<Entry>, StoreError> {
        let mut entries = self.entries_of_pack(part.pack)?;
        entries.retain(|entry| entry.header.camera_id == part.camera_id);
        Ok(entries)
    }

    fn entries_of_pack(&self, pack: u64) -> Result<Vec<Entry>, StoreError> {
        let (first, last) = (pack_key(pack, 0), pack_key(pack, u64::MAX));
        let mut entries = Vec::new();
        for row in self.by_pack.range(first.as_slice()..=last.as_slice()).index()? {
            let (_, key) = row.index()?;
            if let Some(value) = self.records.get(key.value()).index()? {
                entries.push(Entry::decode(value.value())?);
            }
        }
        Ok(entries)
    }

    /// Takes a part out, with its entries.
    pub(in crate::store) fn remove_part(&mut self, part: &Part) -> Result<(), StoreError> {
        for entry in self.entries(part)? {
            self.remove(&entry)?;
        }
        let row = [&part.pack.to_be_bytes()[..], &part.camera_id.0].concat();
        self.pack_cameras.remove(row.as_slice()).index()?;
        Ok(())
    }

    /// Forgets everything about a pack.
    pub(in crate::store) fn forget_pack(&mut self, pack: u64) -> Result<(), StoreError> {
        for entry in self.entries_of_pack(pack)? {
            self.remove(&entry)?;
        }
        for part in self.parts_of(pack, pack)? {
            self.remove_part(&part)?;
        }
        self.packs.remove(pack).index()?;
        Ok(())
    }

    /// The packs that are indexed.
    pub(in crate::store) fn packs(&self) -> Result<Vec<u64>, StoreError> {
        self.packs.iter().index()?.map(|row| Ok(row.index()?.0.value())).collect()
    }

    pub(super) fn remove(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let header = &entry.header;
        self.records.remove(header.key().as_slice()).index()?;
        self.by_pack.remove(pack_key(entry.pack, entry.offset).as_slice()).index()?;
        if header.kind == Kind::Segment {
            let mut track = self.track(header.camera_id, header.track)?.unwrap_or_default();
            track.segments = track.segments.saturating_sub(1);
            track.bytes = track.bytes.saturating_sub(u64::from(header.length));
            self.set_track(header.camera_id, header.track, &track)?;
        }
        Ok(())
    }

    /// Drops the time steps that lead only to numbers before the oldest one stored.
    pub(in crate::store) fn trim_spans(
        &mut self,
        kind: Kind,
        camera_id: CameraId,
        track: TrackId,
    ) -> Result<(), StoreError> {
        let (first, last) = (key(kind, camera_id, track, 0), key(kind, camera_id, track, u64::MAX));
        let oldest =
            self.records.range(first.as_slice()..=last.as_slice()).index()?.next().transpose().index()?;
        let oldest = oldest.map(|(_, v)| Entry::decode(v.value())).transpose()?;
        let oldest = oldest.map_or(u64::MAX, |entry| entry.header.number);
        let at = |span| key_of_span(kind, camera_id, track, span);
        let (first, last) = (at(0), at(u64::MAX));
        self.spans
            .retain_in(first.as_slice()..=last.as_slice(), |_, value| {
                pair(value).is_ok_and(|(_, high)| high >= oldest)
            })
            .index()
    }
}
