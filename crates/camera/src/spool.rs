//! Everything that must survive a power cut: who owns the camera, its counters, and what the relay has not yet said is durable.
//!
//! ```text
//! camera/identity.secret      the camera's Ed25519 key
//! camera/state.redb           pairing, notice root, DayNotices, trustees' day keys; of each track: counters, the last close, EpochOpens
//! camera/spool/00000000000000000041.segment      whole sealed segments; `.refused` beside those the relay will never take
//! camera/sub/00000000000000000040.segment        those of the second track
//! ```
//!
//! A [`Spool`] is one track's. What is the camera's and not the track's (`owner`) is read and written through any of them: all stand in one file,
//! so that no track can lose its numbers without the others. [`Spools`] are all of them, with one bound on what they hold.
//!
//! A segment appears whole (temporary file, fsync, rename) and only then counts as filmed, and only then is its signed end sent. An epoch's number is durable before its EpochOpen is
//! used. So after `kill -9` no number is used twice: an unfinished segment has no signed end, and its number is given to another.

mod both;
mod owner;

pub(crate) use both::Spools;
pub(crate) use owner::Pairing;

use crate::epochs::EpochError;
use host::durable::{self, DurableError};
use host::guard;
use media::chain::Chain;
use media::epoch::{EpochClose, GapReason};
use media::id::{EpochNo, Sequence};
use media::segment::{HEADER_LEN, SegmentHeader, Trailer};
use redb::{Database, ReadableDatabase as _, TableDefinition};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

type Meta = TableDefinition<'static, &'static str, &'static [u8]>;
type Opens = TableDefinition<'static, u64, &'static [u8]>;

/// The camera's, and the main track's.
const META: Meta = TableDefinition::new("meta");
const OPENS: Opens = TableDefinition::new("epoch_opens");
const SUB_META: Meta = TableDefinition::new("sub_meta");
const SUB_OPENS: Opens = TableDefinition::new("sub_epoch_opens");
const NOTICES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("day_notices");
const DAY_KEYS: TableDefinition<'_, (u32, u8), &[u8]> = TableDefinition::new("day_keys");

/// Pages of the database that are kept in memory; the library's own bound is a gigabyte. What is not here is in the system's page cache.
const CACHE_BYTES: usize = 256 << 10;
/// EpochOpens that are kept after the relay has them, to send again if it asks.
const OPENS_KEPT: u64 = 64;

/// Why the camera's state could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    #[error(
        "the spool is full of the main track's segments: nothing of the second track is filmed until the relay has taken some; raise spool_bytes if it is away often"
    )]
    Full,
    #[error("{}: no camera here; make one with `candor camera init`", .0.display())]
    Missing(PathBuf),
    #[error("this camera is not paired yet; run `candor camera pair` with an invite of its owner")]
    NotPaired,
    #[error(
        "this camera is paired already; a camera has one owner for life: make a new one with `candor camera init`"
    )]
    Paired,
    #[error("{}: the camera's state cannot be used: {reason}; restore nothing from a backup: make a new camera", .path.display())]
    State { path: PathBuf, reason: String },
    #[error(transparent)]
    File(#[from] DurableError),
}

/// The durable state of one track, beside the camera's.
pub(crate) struct Spool {
    path: PathBuf,
    database: Arc<Database>,
    meta: Meta,
    opens: Opens,
    folder: PathBuf,
    held: BTreeMap<Sequence, Held>,
}

/// A spooled segment.
#[derive(Debug, Clone, Copy)]
struct Held {
    len: u64,
    epoch_no: EpochNo,
}

impl Spool {
    /// Makes an empty one of each track.
    pub(crate) fn create(data: &Path) -> Result<(), SpoolError> {
        durable::create_dirs(&data.join(SPOOL))?;
        durable::create_dirs(&data.join(SUB))?;
        let path = data.join(STATE);
        let database =
            redb::Builder::new().set_cache_size(CACHE_BYTES).create(&path).map_err(state(&path))?;
        let write = database.begin_write().map_err(state(&path))?;
        write.open_table(META).map_err(state(&path))?;
        write.open_table(OPENS).map_err(state(&path))?;
        write.open_table(NOTICES).map_err(state(&path))?;
        write.open_table(DAY_KEYS).map_err(state(&path))?;
        write.open_table(SUB_META).map_err(state(&path))?;
        write.open_table(SUB_OPENS).map_err(state(&path))?;
        write.commit().map_err(state(&path))?;
        // It will hold the notice root.
        let only_owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, only_owner).map_err(|error| DurableError::at(&path, error))?;
        Ok(durable::sync_dir(data)?)
    }

    /// Opens the main track's, which [`Spool::create`] made.
    pub(crate) fn open(data: &Path) -> Result<Self, SpoolError> {
        let path = data.join(STATE);
        if !path.exists() {
            return Err(SpoolError::Missing(data.to_owned()));
        }
        let database =
            guard::guarded(|| Ok(redb::Builder::new().set_cache_size(CACHE_BYTES).open(&path)?), senseless)
                .map_err(state(&path))?;
        Self::of_track(path, Arc::new(database), META, OPENS, data.join(SPOOL))
    }

    fn of_track(
        path: PathBuf,
        database: Arc<Database>,
        meta: Meta,
        opens: Opens,
        folder: PathBuf,
    ) -> Result<Self, SpoolError> {
        let mut spool = Self { path, database, meta, opens, folder, held: BTreeMap::new() };
        spool.held = spool.scan()?;
        spool.recover()?;
        Ok(spool)
    }

    /// After a crash: a segment that was kept just before its count was, is counted now, before it can be acknowledged and forgotten.
    fn recover(&self) -> Result<(), SpoolError> {
        let Some(last) = self.held.keys().next_back().copied() else { return Ok(()) };
        if last.0 < self.number("next_sequence")? {
            return Ok(());
        }
        let bytes = self.segment(last)?;
        let header = header(&bytes).ok_or_else(|| state(&self.segment_path(last))("it has no header"))?;
        let next = last.0.saturating_add(1).to_be_bytes();
        let close = self.last_close()?.filter(|close| close.epoch_no == header.epoch_no);
        match (close, Trailer::of_segment(&bytes)) {
            (Some(close), Ok(Trailer { chain: Chain(chain), .. })) => {
                let close = EpochClose { segments: header.k.saturating_add(1), chain, ..close };
                self.put(&[("next_sequence", &next), ("close", &encode_close(&close))])
            }
            _ => self.put(&[("next_sequence", &next)]),
        }
    }

    fn scan(&self) -> Result<BTreeMap<Sequence, Held>, SpoolError> {
        let failed = |error| DurableError::at(&self.folder, error);
        let mut held = BTreeMap::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            // Left over by a power cut in the middle of writing: no segment, and it takes room.
            if name.to_str().is_some_and(|name| name.ends_with(".tmp")) {
                remove(&entry.path())?;
                continue;
            }
            let number =
                name.to_str().and_then(|name| name.strip_suffix(SEGMENT)).and_then(|n| n.parse().ok());
            let Some(number) = number else { continue };
            let path = entry.path();
            let mut first = Vec::with_capacity(HEADER_LEN);
            let file = std::fs::File::open(&path).map_err(|error| DurableError::at(&path, error))?;
            let read = file.take(HEADER_LEN as u64).read_to_end(&mut first);
            read.map_err(|error| DurableError::at(&path, error))?;
            let header = header(&first).ok_or_else(|| state(&path)("it has no header"))?;
            let len = entry.metadata().map_err(failed)?.len();
            held.insert(Sequence(number), Held { len, epoch_no: header.epoch_no });
        }
        Ok(held)
    }

    fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SpoolError> {
        self.get_from(self.meta, key)
    }

    fn get_from(&self, meta: Meta, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SpoolError> {
        let read = self.database.begin_read().map_err(state(&self.path))?;
        let table = read.open_table(meta).map_err(state(&self.path))?;
        let found = table.get(key).map_err(state(&self.path))?;
        Ok(found.map(|value| Zeroizing::new(value.value().to_vec())))
    }

    fn put(&self, pairs: &[(&str, &[u8])]) -> Result<(), SpoolError> {
        self.put_into(self.meta, pairs)
    }

    fn put_into(&self, meta: Meta, pairs: &[(&str, &[u8])]) -> Result<(), SpoolError> {
        let write = self.database.begin_write().map_err(state(&self.path))?;
        {
            let mut table = write.open_table(meta).map_err(state(&self.path))?;
            for (key, value) in pairs {
                table.insert(*key, *value).map_err(state(&self.path))?;
            }
        }
        write.commit().map_err(state(&self.path))
    }

    fn number(&self, key: &str) -> Result<u64, SpoolError> {
        self.number_from(self.meta, key)
    }

    fn number_from(&self, meta: Meta, key: &str) -> Result<u64, SpoolError> {
        let bytes = self.get_from(meta, key)?.unwrap_or_default();
        Ok(<[u8; 8]>::try_from(&bytes[..]).map_or(0, u64::from_be_bytes))
    }

    /// The next epoch's number.
    pub(crate) fn next_epoch(&self) -> Result<EpochNo, SpoolError> {
        Ok(EpochNo(self.number("next_epoch")?))
    }

    /// How the last epoch stands, as far as its segments were kept.
    pub(crate) fn last_close(&self) -> Result<Option<EpochClose>, SpoolError> {
        Ok(self.get("close")?.and_then(|bytes| decode_close(&bytes)))
    }

    /// Makes an EpochOpen and its number durable, before anything is sealed under it.
    pub(crate) fn keep_open(&self, epoch: EpochNo, open: &[u8], chain: &[u8; 32]) -> Result<(), SpoolError> {
        let next = epoch.next().ok_or_else(|| state(&self.path)(EpochError::Counter))?;
        let begun = EpochClose { epoch_no: epoch, segments: 0, chain: *chain, gap: GapReason::Restart };
        let write = self.database.begin_write().map_err(state(&self.path))?;
        {
            let mut meta = write.open_table(self.meta).map_err(state(&self.path))?;
            meta.insert("next_epoch", &next.0.to_be_bytes()[..]).map_err(state(&self.path))?;
            meta.insert("close", &encode_close(&begun)[..]).map_err(state(&self.path))?;
            // What went is told by the close in this EpochOpen.
            meta.remove("overflowed").map_err(state(&self.path))?;
            let mut opens = write.open_table(self.opens).map_err(state(&self.path))?;
            opens.insert(epoch.0, open).map_err(state(&self.path))?;
            // Those whose segments still wait are kept, however old.
            let oldest = self.held.values().next().map_or(u64::MAX, |held| held.epoch_no.0);
            let keep = epoch.0.saturating_sub(OPENS_KEPT).min(oldest);
            opens.retain(|of, _| of >= keep).map_err(state(&self.path))?;
        }
        write.commit().map_err(state(&self.path))
    }

    /// The kept EpochOpens from this epoch on.
    pub(crate) fn opens_from(&self, epoch: EpochNo) -> Result<Vec<(EpochNo, Vec<u8>)>, SpoolError> {
        let read = self.database.begin_read().map_err(state(&self.path))?;
        let table = read.open_table(self.opens).map_err(state(&self.path))?;
        let mut opens = Vec::new();
        for row in table.range(epoch.0..).map_err(state(&self.path))? {
            let (epoch, open) = row.map_err(state(&self.path))?;
            opens.push((EpochNo(epoch.value()), open.value().to_vec()));
        }
        Ok(opens)
    }

    /// The first epoch that the relay has not confirmed.
    pub(crate) fn confirmed_opens(&self) -> Result<EpochNo, SpoolError> {
        Ok(EpochNo(self.number("confirmed_opens")?))
    }

    /// The relay has the EpochOpens up to this one.
    pub(crate) fn confirm_open(&self, epoch: EpochNo) -> Result<(), SpoolError> {
        self.put(&[("confirmed_opens", &epoch.0.saturating_add(1).to_be_bytes())])
    }

    /// The relay lacks the EpochOpen of this epoch after all: it, and what followed, is put again.
    pub(crate) fn doubt_open(&self, epoch: EpochNo) -> Result<(), SpoolError> {
        let confirmed = self.confirmed_opens()?.min(epoch);
        self.put(&[("confirmed_opens", &confirmed.0.to_be_bytes())])
    }

    /// The number of the next run.
    pub(crate) fn next_run(&self) -> Result<u32, SpoolError> {
        let run = self.number("run")? + 1;
        self.put(&[("run", &run.to_be_bytes())])?;
        Ok(u32::try_from(run).unwrap_or(u32::MAX))
    }

    /// The number of the next segment.
    pub(crate) fn next_sequence(&self) -> Result<Sequence, SpoolError> {
        let counted = Sequence(self.number("next_sequence")?);
        let spooled = self.held.keys().next_back().and_then(|last| last.next()).unwrap_or_default();
        Ok(counted.max(spooled))
    }

    /// Keeps a whole segment, durable on return. `close` is how its epoch stands with it.
    pub(crate) fn keep_segment(
        &mut self,
        sequence: Sequence,
        bytes: &[u8],
        close: &EpochClose,
    ) -> Result<(), SpoolError> {
        let path = self.segment_path(sequence);
        durable::write_atomic(&path, bytes)?;
        let next = sequence.0.saturating_add(1);
        let counted = self.put(&[("next_sequence", &next.to_be_bytes()), ("close", &encode_close(close))]);
        if let Err(error) = counted {
            // Not counted, so not kept: its number goes to another.
            remove(&path)?;
            return Err(error);
        }
        self.held.insert(sequence, Held { len: bytes.len() as u64, epoch_no: close.epoch_no });
        Ok(())
    }

    /// Lets the oldest segment go for want of room; the next close says so.
    fn drop_oldest(&mut self) -> Result<Option<Sequence>, SpoolError> {
        let Some(oldest) = self.held.keys().next().copied() else { return Ok(None) };
        if !self.has_overflowed()? {
            // Durable before the first goes, so that no crash makes the loss a silent one.
            self.put(&[("overflowed", &[1])])?;
        }
        self.forget_segment(oldest)?;
        Ok(Some(oldest))
    }

    /// Whether segments went since the last close that said so.
    pub(crate) fn has_overflowed(&self) -> Result<bool, SpoolError> {
        Ok(self.get("overflowed")?.is_some())
    }

    /// A whole segment; `None` when it went meanwhile.
    pub(crate) fn find_segment(&self, sequence: Sequence) -> Result<Option<Vec<u8>>, SpoolError> {
        Ok(durable::read_limited(&self.segment_path(sequence), media::limits::SEGMENT as u64)?)
    }

    fn segment(&self, sequence: Sequence) -> Result<Vec<u8>, SpoolError> {
        let gone = || state(&self.segment_path(sequence))("a spooled segment has gone");
        self.find_segment(sequence)?.ok_or_else(gone)
    }

    /// The epoch of a spooled segment.
    pub(crate) fn epoch_of(&self, sequence: Sequence) -> Option<EpochNo> {
        self.held.get(&sequence).map(|held| held.epoch_no)
    }

    /// Forgets a segment that the relay says is durable.
    pub(crate) fn forget_segment(&mut self, sequence: Sequence) -> Result<(), SpoolError> {
        self.held.remove(&sequence);
        remove(&self.segment_path(sequence))
    }

    /// Puts a segment aside that the relay will never take: it is still footage.
    pub(crate) fn set_aside(&mut self, sequence: Sequence) -> Result<(), SpoolError> {
        self.held.remove(&sequence);
        let path = self.segment_path(sequence);
        let aside = path.with_extension("refused");
        std::fs::rename(&path, aside).map_err(|error| DurableError::at(&path, error))?;
        Ok(())
    }

    pub(crate) fn sequences(&self) -> Vec<Sequence> {
        self.held.keys().copied().collect()
    }

    /// How many segments the relay has not taken yet.
    pub(crate) fn waiting(&self) -> u32 {
        u32::try_from(self.held.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.held.values().map(|held| held.len).sum()
    }

    fn segment_path(&self, sequence: Sequence) -> PathBuf {
        self.folder.join(format!("{:020}{SEGMENT}", sequence.0))
    }
}

fn header(bytes: &[u8]) -> Option<SegmentHeader> {
    SegmentHeader::decode(bytes.get(..HEADER_LEN)?).ok()
}

const STATE: &str = "state.redb";
const SPOOL: &str = "spool";
const SUB: &str = "sub";
const SEGMENT: &str = ".segment";

fn remove(path: &Path) -> Result<(), SpoolError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(DurableError::at(path, error).into())
        }
        _ => Ok(()),
    }
}

fn state<E: ToString>(path: &Path) -> impl Fn(E) -> SpoolError + '_ {
    move |reason| SpoolError::State { path: path.to_owned(), reason: reason.to_string() }
}

fn encode_close(close: &EpochClose) -> Vec<u8> {
    let mut bytes = close.epoch_no.0.to_be_bytes().to_vec();
    bytes.extend_from_slice(&close.segments.to_be_bytes());
    bytes.extend_from_slice(&close.chain);
    bytes
}

/// Whatever the reason was while it ran: a close that is read back is that of a camera that started again.
fn decode_close(bytes: &[u8]) -> Option<EpochClose> {
    let (epoch, rest) = bytes.split_first_chunk::<8>()?;
    let (segments, chain) = rest.split_first_chunk::<4>()?;
    Some(EpochClose {
        epoch_no: EpochNo(u64::from_be_bytes(*epoch)),
        segments: u32::from_be_bytes(*segments),
        chain: chain.try_into().ok()?,
        gap: GapReason::Restart,
    })
}

/// For a file on whose damage the library panics.
fn senseless() -> redb::Error {
    redb::Error::Corrupted(guard::SENSELESS.to_owned())
}

#[cfg(test)]
mod tests;
