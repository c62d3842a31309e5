//! Reading: bodies and parts of them, checked against the index; and the totals of cameras.

use super::Inner;
use super::index::{Failed, Track, View};
use super::pack::Pack;
use super::record::{HEADER_LEN, decode};
use crate::contract::{CameraTotals, Entry};
use crate::error::StoreError;
use crate::judge::Held;
use crate::record::Key;
use bytes::Bytes;
use media::id::{CameraId, TrackId};
use media::message::TrackStatus;
use redb::ReadableTable;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

/// Every pack on disk, by number.
pub(super) type Packs = BTreeMap<u64, Pack>;

/// The body of a record, checked against its header on disk and in the index.
pub(super) fn read_body(inner: &Inner, entry: &Entry) -> Result<Bytes, StoreError> {
    let body = read_part(inner, entry, 0..entry.header.body_len())?;
    if !entry.header.matches(&body) {
        return Err(entry.damaged());
    }
    Ok(body)
}

/// A part of a body, behind a header that is the one in the index.
pub(super) fn read_part(inner: &Inner, entry: &Entry, part: Range<usize>) -> Result<Bytes, StoreError> {
    let pack = inner.pack(entry.pack).ok_or(StoreError::Gone)?;
    let file = match inner.disk.open(&pack.path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(StoreError::Gone),
        Err(error) => return Err(StoreError::at(&pack.path, error)),
    };
    let read = |offset: u64, bytes: &mut [u8]| match inner.disk.read_at(&file, offset, bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(entry.damaged()),
        read => read.map_err(|error| StoreError::at(&pack.path, error)),
    };
    let mut header = [0; HEADER_LEN];
    read(entry.offset, &mut header)?;
    if decode(&header, pack.mark) != Ok(entry.header) {
        return Err(entry.damaged());
    }
    let mut body = vec![0; part.len()];
    read(entry.offset + (HEADER_LEN + part.start) as u64, &mut body)?;
    Ok(body.into())
}

/// What a write is judged by: the index as a transaction sees it, and bodies in the packs.
pub(super) struct Seen<'a, T> {
    pub inner: &'a Inner,
    pub view: View<'a, T>,
}

impl<T: ReadableTable<&'static [u8], &'static [u8]>> Held for Seen<'_, T> {
    type Error = Failed;

    fn get(&self, key: &Key) -> Result<Option<Entry>, Failed> {
        Ok(self.view.get(key)?)
    }

    fn body(&self, entry: &Entry) -> Result<Option<Bytes>, Failed> {
        match read_body(self.inner, entry) {
            Ok(body) => Ok(Some(body)),
            Err(StoreError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn neighbours(&self, key: &Key) -> Result<(Option<Entry>, Option<Entry>), Failed> {
        Ok(self.view.neighbours(key)?)
    }

    fn policy(&self, camera_id: CameraId, hash: Option<&[u8; 32]>) -> Result<Option<Entry>, Failed> {
        Ok(self.view.policy(camera_id, hash)?)
    }
}

pub(super) fn totals(camera_id: CameraId, tracks: &[(TrackId, Track)]) -> CameraTotals {
    let held = tracks.iter().filter(|(_, t)| t.segments > 0);
    let newest = held.clone().map(|(_, t)| t).max_by_key(|t| t.newest_received_us);
    let offset_us = newest.map_or(0, |t| i128::from(t.newest_received_us.0) - i128::from(t.newest_us.0));
    CameraTotals {
        camera_id,
        newest_us: newest.map(|t| t.newest_us),
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
