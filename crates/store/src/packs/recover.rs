//! Opening: what the packs hold and the index does not know yet.

use super::Inner;
use super::index::{Failed, Floors};
use super::pack::{Found, Lane, Pack, Scan, Verify};
use super::read::Packs;
use crate::contract::Entry;
use crate::error::StoreError;
use crate::policy::PolicyFacts;
use crate::record::Kind;
use host::durable::DurableError;
use media::codec::{DecodeError, Reader, Writer};
use media::id::{CameraId, TrackId};
use redb::Durability;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Floors of one store, bytes: room for three million tracks.
const FLOORS_BYTES: u64 = 128 << 20;

/// A stretch of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub pack: PathBuf,
    pub from: u64,
    pub to: u64,
    /// What stood there, where its header is still whole: for example `segment 42 of camera
    /// 9f86..., track 0`.
    pub what: Option<String>,
}

/// What opening met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The index was missing or unreadable and was made anew.
    pub rebuilt: bool,
    /// Records that were in packs and not in the index.
    pub replayed: u64,
    /// Tails that were cut off: writes that nobody was told had succeeded.
    pub cut: Vec<Stretch>,
    /// Bytes that are no record although records follow them. What stood there is lost; restore it
    /// from a copy if there is one.
    pub damaged: Vec<Stretch>,
}

/// How far packs are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// To the end of their files, which are cut where they are torn: nobody writes to them.
    File,
    /// To what this process knows to be durable.
    Durable,
}

/// Finds the packs, opens the index and brings it up to date.
pub(super) fn open(inner: &Inner) -> Result<Recovery, StoreError> {
    let packs = find_packs(inner)?;
    *inner.packs.write() = packs;
    let recovery = index(inner, &read_floors(inner)?, Reach::File)?;
    for cut in &recovery.cut {
        tracing::info!(pack = %cut.pack.display(), from = cut.from, to = cut.to, "cut off a write that had not ended");
    }
    for lost in &recovery.damaged {
        let what = lost.what.as_deref().unwrap_or("something whose name is damaged too");
        tracing::error!(pack = %lost.pack.display(), from = lost.from, to = lost.to, what, "damaged on disk");
    }
    Ok(recovery)
}

/// Opens the index again after it failed, while the store runs.
pub(super) fn reopen_index(inner: &Inner, floors: &Floors) -> Result<(), StoreError> {
    index(inner, floors, Reach::Durable).map(drop)
}

/// Opens the index and brings it up to date. One that cannot be stays closed: it would say less
/// than is stored.
fn index(inner: &Inner, floors: &Floors, reach: Reach) -> Result<Recovery, StoreError> {
    let _readers_wait = inner.index.hold_readers();
    let recovery = bring_up_to_date(inner, floors, reach);
    match &recovery {
        Ok(_) => inner.index.trust(),
        Err(_) => inner.index.close(),
    }
    recovery
}

/// Opens the index and replays what it lacks; one that makes no sense is made anew.
fn bring_up_to_date(inner: &Inner, floors: &Floors, reach: Reach) -> Result<Recovery, StoreError> {
    let rebuilt = inner.index.open()?;
    match replay(inner, floors, reach, rebuilt) {
        Err(StoreError::Index(error)) if !rebuilt => {
            tracing::warn!(%error, "the index makes no sense; it is made anew from the packs");
            inner.index.discard()?;
            replay(inner, floors, reach, true)
        }
        other => other,
    }
}

fn find_packs(inner: &Inner) -> Result<Packs, StoreError> {
    let dir = inner.packs_dir();
    let failed = |error| StoreError::at(&dir, error);
    let mut packs = Packs::new();
    for (path, length) in inner.disk.list(&dir).map_err(failed)? {
        let name = path.file_name().and_then(|name| name.to_str());
        let Some((number, lane, mark)) = name.and_then(Pack::parse_name) else {
            tracing::warn!(path = %path.display(), "not a pack; left alone");
            continue;
        };
        packs.insert(number, Pack { number, lane, mark, path, length, given_up: false });
    }
    Ok(packs)
}

fn replay(inner: &Inner, floors: &Floors, reach: Reach, rebuilt: bool) -> Result<Recovery, StoreError> {
    let packs = inner.packs.read().clone();
    let newest: BTreeMap<Lane, u64> = packs.values().map(|pack| (pack.lane, pack.number)).collect();
    let mut recovery = Recovery { rebuilt, ..Recovery::default() };
    // Packs that were dropped, or lost, after the index was last synced; and all tables, should the
    // index be new.
    inner.index.change(Durability::None, |tables| {
        for number in tables.packs()?.into_iter().filter(|number| !packs.contains_key(number)) {
            tables.forget_pack(number)?;
        }
        Ok(())
    })?;
    for pack in packs.values() {
        replay_pack(inner, pack, newest.get(&pack.lane) == Some(&pack.number), reach, &mut recovery)?;
    }
    inner.index.change(Durability::Immediate, |tables| Ok(tables.raise_floors(floors)?))?;
    Ok(recovery)
}

fn replay_pack(
    inner: &Inner,
    pack: &Pack,
    is_newest: bool,
    reach: Reach,
    recovery: &mut Recovery,
) -> Result<(), StoreError> {
    let end = inner.index.change(Durability::None, |tables| {
        let from = match tables.indexed(pack.number)? {
            Some((mark, end)) if mark == pack.mark && end <= pack.length => end,
            Some(_) => {
                // Shorter than it was, or another file under its number: nothing that was indexed
                // of it counts.
                tables.forget_pack(pack.number)?;
                0
            }
            None => 0,
        };
        if from == pack.length {
            return Ok(from);
        }
        // After a lost index everything is read again, and bodies only where a write may have been
        // cut short: a pack is begun when the one before was synced to its end.
        let verify = if recovery.rebuilt && !is_newest { Verify::Headers } else { Verify::Bodies };
        let failed = |error| StoreError::at(&pack.path, error);
        let file = inner.disk.open(&pack.path).map_err(failed)?;
        let (disk, mark) = (&*inner.disk, pack.mark);
        let mut scan = Scan { disk, file: &file, mark, verify, at: from, end: pack.length };
        let mut end = pack.length;
        while let Some(found) = scan.next_found().map_err(failed)? {
            match found {
                Found::Record { offset, header, body } => {
                    let hash = match header.kind {
                        Kind::Policy => PolicyFacts::of(&body).ok().map(|facts| facts.hash),
                        Kind::Segment
                        | Kind::EpochOpen
                        | Kind::DayNotice
                        | Kind::DayKeys
                        | Kind::Settings => None,
                    };
                    tables.insert(&Entry { pack: pack.number, offset, header }, pack.lane, hash)?;
                    recovery.replayed += 1;
                }
                Found::Damage { from, to, header } => {
                    let what = header.map(|h| {
                        format!("{} {} of camera {}, track {}", h.kind.word(), h.number, h.camera_id, h.track)
                    });
                    recovery.damaged.push(Stretch { pack: pack.path.clone(), from, to, what });
                }
                Found::Torn { from } => {
                    recovery.cut.push(Stretch { pack: pack.path.clone(), from, to: pack.length, what: None });
                    end = from;
                }
            }
        }
        if reach == Reach::File {
            if end < pack.length {
                inner.disk.cut(&file, end).map_err(failed)?;
            }
            // What was found may never have been synced, and a camera that sends it again is told
            // that it is there.
            inner.disk.sync(&file).map_err(failed)?;
        }
        tables.set_indexed(pack.number, pack.mark, end)?;
        Ok::<_, Failed>(end)
    })?;
    if let Some(known) = inner.packs.write().get_mut(&pack.number) {
        // Behind this end bytes are left that nobody can read: nothing is appended to them.
        known.given_up |= reach == Reach::Durable && end < pack.length;
        known.length = end;
    }
    Ok(())
}

/// The floors; none when no pack was ever dropped.
pub(super) fn read_floors(inner: &Inner) -> Result<Floors, StoreError> {
    let path = inner.floors_path();
    let Some(bytes) = inner.disk.read(&path, FLOORS_BYTES)? else { return Ok(Floors::new()) };
    let read = || -> Result<Floors, DecodeError> {
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or(DecodeError::Truncated("floors"))?;
        if crc32c::crc32c(body) != u32::from_be_bytes(*crc) {
            return Err(DecodeError::BadValue("floors"));
        }
        let mut r = Reader::new(body);
        let mut floors = Floors::new();
        while r.left() > 0 {
            let track = (CameraId(r.array("camera_id")?), TrackId(r.u32("track")?));
            floors.insert(track, r.u64("sequence")?);
        }
        Ok(floors)
    };
    match read() {
        Ok(floors) => Ok(floors),
        // Without them the relay claims less than it holds: cameras send what they still have, and
        // nothing is lost.
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "unreadable; cameras will send again what they still have");
            Ok(Floors::new())
        }
    }
}

/// Replaces the floors, durable on return.
pub(super) fn write_floors(inner: &Inner, floors: &Floors) -> Result<(), DurableError> {
    let mut w = Writer::new();
    for ((camera_id, track), sequence) in floors {
        w.raw(&camera_id.0).u32(track.0).u64(*sequence);
    }
    let mut bytes = w.finish();
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_be_bytes());
    inner.disk.replace(&inner.floors_path(), &bytes)
}
