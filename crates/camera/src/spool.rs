//! Everything that must survive a power cut: who owns the camera, its counters, and what the relay has not yet said is durable.
//!
//! ```text
//! camera/identity.secret      the camera's Ed25519 key
//! camera/state.redb           pairing, notice root, counters, the last close, EpochOpens and DayNotices, trustees' day keys
//! camera/spool/00000000000000000041.segment      whole sealed segments; `.refused` beside those the relay will never take
//! ```
//!
//! A segment appears whole (temporary file, fsync, rename) and only then counts as filmed. An epoch's number is durable before its EpochOpen is
//! used. So after `kill -9` no number is used twice: an unfinished segment has no signed end, and its number is given to another.

use crate::epochs::EpochError;
use host::durable::{self, DurableError};
use media::epoch::{EpochClose, GapReason};
use media::id::{Day, EpochNo, Sequence};
use media::segment::{HEADER_LEN, SegmentHeader};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const OPENS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("epoch_opens");
const NOTICES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("day_notices");
const DAY_KEYS: TableDefinition<'_, (u32, u8), &[u8]> = TableDefinition::new("day_keys");

/// EpochOpens that are kept after the relay has them, to send again if it asks.
const OPENS_KEPT: u64 = 64;

/// Why the camera's state could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
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

/// What a pairing leaves behind.
#[derive(Clone)]
pub(crate) struct Pairing {
    pub(crate) relay: String,
    pub(crate) relay_key: [u8; 32],
    pub(crate) owner_key: [u8; 32],
    pub(crate) enrollment: Vec<u8>,
    pub(crate) policy: Vec<u8>,
    pub(crate) log_policy: String,
}

/// The camera's durable state.
pub(crate) struct Spool {
    path: PathBuf,
    database: Database,
    folder: PathBuf,
    /// Lengths of the spooled segments.
    held: BTreeMap<Sequence, u64>,
}

impl Spool {
    /// Makes an empty one.
    pub(crate) fn create(data: &Path) -> Result<(), SpoolError> {
        durable::create_dirs(&data.join(SPOOL))?;
        let path = data.join(STATE);
        let database = Database::create(&path).map_err(state(&path))?;
        let write = database.begin_write().map_err(state(&path))?;
        write.open_table(META).map_err(state(&path))?;
        write.open_table(OPENS).map_err(state(&path))?;
        write.open_table(NOTICES).map_err(state(&path))?;
        write.open_table(DAY_KEYS).map_err(state(&path))?;
        write.commit().map_err(state(&path))?;
        // It will hold the notice root.
        let only_owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, only_owner).map_err(|error| DurableError::at(&path, error))?;
        Ok(durable::sync_dir(data)?)
    }

    /// Opens what [`Spool::create`] made.
    pub(crate) fn open(data: &Path) -> Result<Self, SpoolError> {
        let path = data.join(STATE);
        if !path.exists() {
            return Err(SpoolError::Missing(data.to_owned()));
        }
        let database = Database::open(&path).map_err(state(&path))?;
        let folder = data.join(SPOOL);
        let mut spool = Self { path, database, folder, held: BTreeMap::new() };
        spool.held = spool.scan()?;
        Ok(spool)
    }

    fn scan(&self) -> Result<BTreeMap<Sequence, u64>, SpoolError> {
        let failed = |error| DurableError::at(&self.folder, error);
        let mut held = BTreeMap::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let number =
                name.to_str().and_then(|name| name.strip_suffix(SEGMENT)).and_then(|n| n.parse().ok());
            if let Some(number) = number {
                held.insert(Sequence(number), entry.metadata().map_err(failed)?.len());
            }
        }
        Ok(held)
    }

    fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SpoolError> {
        let read = self.database.begin_read().map_err(state(&self.path))?;
        let table = read.open_table(META).map_err(state(&self.path))?;
        let found = table.get(key).map_err(state(&self.path))?;
        Ok(found.map(|value| Zeroizing::new(value.value().to_vec())))
    }

    fn put(&self, pairs: &[(&str, &[u8])]) -> Result<(), SpoolError> {
        let write = self.database.begin_write().map_err(state(&self.path))?;
        {
            let mut table = write.open_table(META).map_err(state(&self.path))?;
            for (key, value) in pairs {
                table.insert(*key, *value).map_err(state(&self.path))?;
            }
        }
        write.commit().map_err(state(&self.path))
    }

    fn number(&self, key: &str) -> Result<u64, SpoolError> {
        let bytes = self.get(key)?.unwrap_or_default();
        Ok(<[u8; 8]>::try_from(&bytes[..]).map_or(0, u64::from_be_bytes))
    }

    // ---- pairing ----

    /// Keeps a pairing and the notice root that came with it; all of it or nothing.
    pub(crate) fn keep_pairing(
        &self,
        pairing: &Pairing,
        day: Day,
        root: &[u8; 32],
    ) -> Result<(), SpoolError> {
        if self.get("enrollment")?.is_some() {
            return Err(SpoolError::Paired);
        }
        self.put(&[
            ("relay", pairing.relay.as_bytes()),
            ("relay_key", &pairing.relay_key),
            ("owner_key", &pairing.owner_key),
            ("enrollment", &pairing.enrollment),
            ("policy", &pairing.policy),
            ("log_policy", pairing.log_policy.as_bytes()),
            ("notice_day", &u64::from(day.0).to_be_bytes()),
            ("notice_root", root),
        ])
    }

    pub(crate) fn is_paired(&self) -> Result<bool, SpoolError> {
        Ok(self.get("enrollment")?.is_some())
    }

    pub(crate) fn pairing(&self) -> Result<Pairing, SpoolError> {
        let bytes = |key| Ok::<_, SpoolError>(self.get(key)?.ok_or(SpoolError::NotPaired)?.to_vec());
        let text = |key| Ok::<_, SpoolError>(String::from_utf8_lossy(&bytes(key)?).into_owned());
        let key =
            |name| bytes(name)?.try_into().map_err(|_| state(&self.path)(format!("{name} has not 32 bytes")));
        Ok(Pairing {
            relay: text("relay")?,
            relay_key: key("relay_key")?,
            owner_key: key("owner_key")?,
            enrollment: bytes("enrollment")?,
            policy: bytes("policy")?,
            log_policy: text("log_policy")?,
        })
    }

    pub(crate) fn keep_policy(&self, policy: &[u8]) -> Result<(), SpoolError> {
        self.put(&[("policy", policy)])
    }

    // ---- notice keys ----

    pub(crate) fn notice_root(&self) -> Result<(Day, Zeroizing<[u8; 32]>), SpoolError> {
        let root = self.get("notice_root")?.ok_or(SpoolError::NotPaired)?;
        let root = <[u8; 32]>::try_from(&root[..])
            .map_err(|_| state(&self.path)("the notice root has not 32 bytes"))?;
        Ok((Day(u32::try_from(self.number("notice_day")?).unwrap_or(0)), Zeroizing::new(root)))
    }

    /// Moves to a later day: its root replaces the earlier one, and the signed notices up to it wait for the relay.
    pub(crate) fn advance_notice(
        &self,
        day: Day,
        root: &[u8; 32],
        notices: &[(Day, Vec<u8>)],
    ) -> Result<(), SpoolError> {
        let write = self.database.begin_write().map_err(state(&self.path))?;
        {
            let mut meta = write.open_table(META).map_err(state(&self.path))?;
            meta.insert("notice_day", &u64::from(day.0).to_be_bytes()[..]).map_err(state(&self.path))?;
            meta.insert("notice_root", &root[..]).map_err(state(&self.path))?;
            let mut waiting = write.open_table(NOTICES).map_err(state(&self.path))?;
            for (day, notice) in notices {
                waiting.insert(day.0, &notice[..]).map_err(state(&self.path))?;
            }
        }
        write.commit().map_err(state(&self.path))
    }

    pub(crate) fn waiting_notices(&self) -> Result<Vec<(Day, Vec<u8>)>, SpoolError> {
        let read = self.database.begin_read().map_err(state(&self.path))?;
        let table = read.open_table(NOTICES).map_err(state(&self.path))?;
        let mut notices = Vec::new();
        for row in table.iter().map_err(state(&self.path))? {
            let (day, notice) = row.map_err(state(&self.path))?;
            notices.push((Day(day.value()), notice.value().to_vec()));
        }
        Ok(notices)
    }

    pub(crate) fn forget_notice(&self, day: Day) -> Result<(), SpoolError> {
        let write = self.database.begin_write().map_err(state(&self.path))?;
        write.open_table(NOTICES).map_err(state(&self.path))?.remove(day.0).map_err(state(&self.path))?;
        write.commit().map_err(state(&self.path))
    }

    // ---- trustees' day keys ----

    pub(crate) fn keep_day_key(&self, day: Day, share: u8, bytes: &[u8]) -> Result<(), SpoolError> {
        let write = self.database.begin_write().map_err(state(&self.path))?;
        {
            let mut table = write.open_table(DAY_KEYS).map_err(state(&self.path))?;
            table.insert((day.0, share), bytes).map_err(state(&self.path))?;
            // What is over is of no use any more.
            table.retain(|(of, _), _| of + 2 > day.0).map_err(state(&self.path))?;
        }
        write.commit().map_err(state(&self.path))
    }

    pub(crate) fn day_key(&self, day: Day, share: u8) -> Result<Option<Vec<u8>>, SpoolError> {
        let read = self.database.begin_read().map_err(state(&self.path))?;
        let table = read.open_table(DAY_KEYS).map_err(state(&self.path))?;
        Ok(table.get((day.0, share)).map_err(state(&self.path))?.map(|value| value.value().to_vec()))
    }

    // ---- epochs ----

    /// The next epoch's number and the close of the last one that was opened.
    pub(crate) fn last_epoch(&self) -> Result<(EpochNo, Option<EpochClose>), SpoolError> {
        let next = EpochNo(self.number("next_epoch")?);
        let close = self.get("close")?.and_then(|bytes| decode_close(&bytes));
        Ok((next, close))
    }

    /// Makes an EpochOpen and its number durable, before anything is sealed under it.
    pub(crate) fn keep_open(&self, epoch: EpochNo, open: &[u8], chain: &[u8; 32]) -> Result<(), SpoolError> {
        let next = epoch.next().ok_or_else(|| state(&self.path)(EpochError::Counter))?;
        let begun = EpochClose { epoch_no: epoch, segments: 0, chain: *chain, gap: GapReason::Restart };
        let write = self.database.begin_write().map_err(state(&self.path))?;
        {
            let mut meta = write.open_table(META).map_err(state(&self.path))?;
            meta.insert("next_epoch", &next.0.to_be_bytes()[..]).map_err(state(&self.path))?;
            meta.insert("close", &encode_close(&begun)[..]).map_err(state(&self.path))?;
            let mut opens = write.open_table(OPENS).map_err(state(&self.path))?;
            opens.insert(epoch.0, open).map_err(state(&self.path))?;
            // Those whose segments still wait are kept, however old.
            let oldest =
                self.held.keys().next().and_then(|first| self.header(*first).ok()).map(|h| h.epoch_no.0);
            let keep = epoch.0.saturating_sub(OPENS_KEPT).min(oldest.unwrap_or(u64::MAX));
            opens.retain(|of, _| of >= keep).map_err(state(&self.path))?;
        }
        write.commit().map_err(state(&self.path))
    }

    /// The kept EpochOpens from this epoch on.
    pub(crate) fn opens_from(&self, epoch: EpochNo) -> Result<Vec<(EpochNo, Vec<u8>)>, SpoolError> {
        let read = self.database.begin_read().map_err(state(&self.path))?;
        let table = read.open_table(OPENS).map_err(state(&self.path))?;
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

    pub(crate) fn confirm_open(&self, epoch: EpochNo) -> Result<(), SpoolError> {
        self.put(&[("confirmed_opens", &epoch.0.saturating_add(1).to_be_bytes())])
    }

    // ---- segments ----

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
        durable::write_atomic(&self.segment_path(sequence), bytes)?;
        self.held.insert(sequence, bytes.len() as u64);
        let next = sequence.0.saturating_add(1);
        self.put(&[("next_sequence", &next.to_be_bytes()), ("close", &encode_close(close))])
    }

    /// What a crash left: the close of the last epoch, with a segment that was kept just before its count was.
    pub(crate) fn recovered_close(&self) -> Result<Option<EpochClose>, SpoolError> {
        let (_, close) = self.last_epoch()?;
        let (Some(close), Some(last)) = (close, self.held.keys().next_back()) else { return Ok(close) };
        let header = self.header(*last)?;
        let counted = self.number("next_sequence")?;
        if header.epoch_no != close.epoch_no || last.0 < counted {
            return Ok(Some(close));
        }
        let bytes = self.segment(*last)?;
        let chain = bytes.len().checked_sub(96).and_then(|at| bytes.get(at..at + 32));
        let chain = chain.and_then(|chain| chain.try_into().ok()).unwrap_or(close.chain);
        Ok(Some(EpochClose { segments: header.k + 1, chain, ..close }))
    }

    pub(crate) fn segment(&self, sequence: Sequence) -> Result<Vec<u8>, SpoolError> {
        let path = self.segment_path(sequence);
        let bytes = durable::read_limited(&path, media::limits::SEGMENT as u64)?;
        bytes.ok_or_else(|| state(&path)("a spooled segment has gone"))
    }

    fn header(&self, sequence: Sequence) -> Result<SegmentHeader, SpoolError> {
        let bytes = self.segment(sequence)?;
        SegmentHeader::decode(bytes.get(..HEADER_LEN).unwrap_or_default())
            .map_err(state(&self.segment_path(sequence)))
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

    pub(crate) fn bytes(&self) -> u64 {
        self.held.values().sum()
    }

    /// The oldest segment, which goes first when the spool overflows.
    pub(crate) fn oldest(&self) -> Option<Sequence> {
        self.held.keys().next().copied()
    }

    fn segment_path(&self, sequence: Sequence) -> PathBuf {
        self.folder.join(format!("{:020}{SEGMENT}", sequence.0))
    }
}

const STATE: &str = "state.redb";
const SPOOL: &str = "spool";
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

#[cfg(test)]
mod tests;
