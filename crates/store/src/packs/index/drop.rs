//! Taking entries out: for retention, for a quota, and for packs that are no longer what was
//! indexed.

use super::{Tables, between, decode_entry, pack_key, pair, read_row};
use crate::contract::Entry;
use crate::packs::record::{all_numbers, index_key};
use crate::record::{Key, Kind};
use media::id::CameraId;
use media::time::Micros;
use redb::{Error, ReadableTable as _};

/// One camera's part of one pack: what retention decides about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub pack: u64,
    pub camera_id: CameraId,
    /// When the newest of it was received.
    pub newest_us: Micros,
}

impl Tables<'_> {
    /// All parts, in order of their packs.
    pub(crate) fn parts(&self) -> Result<Vec<Part>, Error> {
        self.parts_of(0, u64::MAX)
    }

    fn parts_of(&self, first: u64, last: u64) -> Result<Vec<Part>, Error> {
        let (first, last) = (first.to_be_bytes(), [&last.to_be_bytes()[..], &[u8::MAX; 32]].concat());
        let mut parts = Vec::new();
        for row in self.pack_cameras.range(&first[..]..=last.as_slice())? {
            let (key, value) = row?;
            let Some((pack, id)) = key.value().split_first_chunk::<8>() else { continue };
            let Ok(id) = id.try_into() else { continue };
            let newest_us = read_row(value.value())?;
            parts.push(Part { pack: u64::from_be_bytes(*pack), camera_id: CameraId(id), newest_us });
        }
        Ok(parts)
    }

    /// Whether nothing of a pack is left to be kept.
    pub(crate) fn is_empty(&self, pack: u64) -> Result<bool, Error> {
        Ok(self.parts_of(pack, pack)?.is_empty())
    }

    /// The entries of a part.
    pub(crate) fn entries(&self, part: &Part) -> Result<Vec<Entry>, Error> {
        let mut entries = self.entries_of_pack(part.pack)?;
        entries.retain(|entry| entry.header.camera_id == part.camera_id);
        Ok(entries)
    }

    fn entries_of_pack(&self, pack: u64) -> Result<Vec<Entry>, Error> {
        let (first, last) = (pack_key(pack, 0), pack_key(pack, u64::MAX));
        let mut entries = Vec::new();
        for row in self.by_pack.range(first.as_slice()..=last.as_slice())? {
            let (_, key) = row?;
            if let Some(value) = self.records.get(key.value())? {
                entries.push(decode_entry(value.value())?);
            }
        }
        Ok(entries)
    }

    /// Takes a part out, with its entries.
    pub(crate) fn remove_part(&mut self, part: &Part) -> Result<(), Error> {
        for entry in self.entries(part)? {
            self.remove(&entry)?;
        }
        let row = [&part.pack.to_be_bytes()[..], &part.camera_id.0].concat();
        self.pack_cameras.remove(row.as_slice())?;
        Ok(())
    }

    /// Forgets everything about a pack.
    pub(crate) fn forget_pack(&mut self, pack: u64) -> Result<(), Error> {
        for entry in self.entries_of_pack(pack)? {
            self.remove(&entry)?;
        }
        for part in self.parts_of(pack, pack)? {
            self.remove_part(&part)?;
        }
        self.packs.remove(pack)?;
        Ok(())
    }

    /// The packs that are indexed.
    pub(crate) fn packs(&self) -> Result<Vec<u64>, Error> {
        self.packs.iter()?.map(|row| Ok(row?.0.value())).collect()
    }

    pub(super) fn remove(&mut self, entry: &Entry) -> Result<(), Error> {
        let header = &entry.header;
        self.records.remove(index_key(&header.key()).as_slice())?;
        self.by_pack.remove(pack_key(entry.pack, entry.offset).as_slice())?;
        if header.kind == Kind::Segment {
            let mut track = self.view().track(header.camera_id, header.track)?.unwrap_or_default();
            track.segments = track.segments.saturating_sub(1);
            track.bytes = track.bytes.saturating_sub(u64::from(header.length));
            self.set_track(header.camera_id, header.track, &track)?;
        }
        Ok(())
    }

    /// Drops the time steps that lead only to numbers before the oldest one stored.
    pub(crate) fn trim_spans(&mut self, of: &Key) -> Result<(), Error> {
        let (first, last) = all_numbers(of);
        let oldest = between(&self.records, &first, &last)?.next().transpose()?;
        let oldest = oldest.map_or(u64::MAX, |entry| entry.header.number);
        self.spans.retain_in(first.as_slice()..=last.as_slice(), |_, value| {
            pair(value).is_ok_and(|(_, high)| high >= oldest)
        })?;
        Ok(())
    }
}
