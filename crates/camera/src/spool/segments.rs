//! One track's folder of whole sealed segments: what waits for the relay, and how much that is; and
//! what no relay takes, which is kept for as long as there is room.
//!
//! In scope: the files and what is known of each; every change tells the track's [`Stats`]. Out of
//! scope: numbers and closes (`super`), how much may be held (`both`).

use super::SpoolError;
use crate::stats::Stats;
use host::durable::{self, DurableError};
use media::id::{EpochNo, Sequence};
use media::segment::{HEADER_LEN, SegmentHeader};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

const SEGMENT: &str = ".segment";
const REFUSED: &str = ".refused";

pub(crate) struct Segments {
    folder: PathBuf,
    held: BTreeMap<Sequence, HeldSegment>,
    bytes: u64,
    /// The sizes of those that were put aside.
    aside: BTreeMap<Sequence, u64>,
    stats: Stats,
}

#[derive(Debug, Clone, Copy)]
struct HeldSegment {
    len: u64,
    epoch_no: EpochNo,
}

impl Segments {
    /// What the folder holds.
    pub(super) fn open(folder: PathBuf, stats: Stats) -> Result<Self, SpoolError> {
        let (mut held, mut aside) = (BTreeMap::new(), BTreeMap::new());
        let failed = |error| DurableError::at(&folder, error);
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_str().unwrap_or_default();
            // Left over by a power cut in the middle of writing: no segment, and it takes room.
            if name.ends_with(".tmp") {
                durable::remove(&path)?;
                continue;
            }
            if let Some(Ok(number)) = name.strip_suffix(REFUSED).map(str::parse) {
                aside.insert(Sequence(number), entry.metadata().map_err(failed)?.len());
            }
            let Some(Ok(number)) = name.strip_suffix(SEGMENT).map(str::parse) else { continue };
            let (len, epoch_no) = (entry.metadata().map_err(failed)?.len(), read_header(&path)?.epoch_no);
            held.insert(Sequence(number), HeldSegment { len, epoch_no });
        }
        let bytes = held.values().map(|held| held.len).sum();
        let segments = Self { folder, held, bytes, aside, stats };
        segments.tell();
        Ok(segments)
    }

    /// Writes a whole segment, durable on return. It is held only once [`Segments::hold`] says so.
    pub(super) fn write(&self, sequence: Sequence, bytes: &[u8]) -> Result<(), SpoolError> {
        Ok(durable::write_atomic(&self.path(sequence), bytes)?)
    }

    /// Takes a written segment for held.
    pub(super) fn hold(&mut self, sequence: Sequence, len: u64, epoch_no: EpochNo) {
        let before = self.held.insert(sequence, HeldSegment { len, epoch_no }).map_or(0, |before| before.len);
        self.bytes = self.bytes.saturating_sub(before).saturating_add(len);
        self.tell();
    }

    /// A whole segment; `None` when it went meanwhile.
    pub(crate) fn read(&self, sequence: Sequence) -> Result<Option<Vec<u8>>, SpoolError> {
        Ok(durable::read_limited(&self.path(sequence), media::limits::SEGMENT as u64)?)
    }

    /// Forgets a segment, held or only written: the relay says that it is durable there, or it has
    /// no number.
    pub(crate) fn forget(&mut self, sequence: Sequence) -> Result<(), SpoolError> {
        self.let_go(sequence);
        Ok(durable::remove(&self.path(sequence))?)
    }

    /// Puts a segment aside that the relay will never take: it is still footage, and waits for
    /// nothing.
    pub(super) fn set_aside(&mut self, sequence: Sequence) -> Result<(), SpoolError> {
        let len = self.let_go(sequence);
        let path = self.path(sequence);
        let aside = path.with_extension(REFUSED.trim_start_matches('.'));
        std::fs::rename(&path, aside).map_err(|error| DurableError::at(&path, error))?;
        self.aside.insert(sequence, len);
        Ok(())
    }

    /// Removes the oldest of what was put aside; whether there was one.
    pub(super) fn drop_aside(&mut self) -> Result<bool, SpoolError> {
        let Some((oldest, _)) = self.aside.pop_first() else { return Ok(false) };
        durable::remove(&self.path(oldest).with_extension(REFUSED.trim_start_matches('.')))?;
        Ok(true)
    }

    /// The size of all that was put aside.
    pub(super) fn aside_bytes(&self) -> u64 {
        self.aside.values().sum()
    }

    /// Oldest first.
    pub(crate) fn sequences(&self) -> Vec<Sequence> {
        self.held.keys().copied().collect()
    }

    pub(super) fn oldest(&self) -> Option<Sequence> {
        self.held.keys().next().copied()
    }

    pub(super) fn newest(&self) -> Option<Sequence> {
        self.held.keys().next_back().copied()
    }

    /// How many are held.
    pub(crate) fn count(&self) -> usize {
        self.held.len()
    }

    /// The size of all that is held.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The epoch of a held segment.
    pub(crate) fn epoch_of(&self, sequence: Sequence) -> Option<EpochNo> {
        self.held.get(&sequence).map(|held| held.epoch_no)
    }

    pub(crate) fn stats(&self) -> &Stats {
        &self.stats
    }

    pub(super) fn path(&self, sequence: Sequence) -> PathBuf {
        self.folder.join(format!("{:020}{SEGMENT}", sequence.0))
    }

    fn let_go(&mut self, sequence: Sequence) -> u64 {
        let len = self.held.remove(&sequence).map_or(0, |held| held.len);
        self.bytes = self.bytes.saturating_sub(len);
        self.tell();
        len
    }

    fn tell(&self) {
        self.stats.change(|now| now.spooled = (self.held.len() as u64, self.bytes));
    }
}

fn read_header(path: &Path) -> Result<SegmentHeader, SpoolError> {
    let failed = |error| DurableError::at(path, error);
    let mut first = Vec::with_capacity(HEADER_LEN);
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(HEADER_LEN as u64).read_to_end(&mut first).map_err(failed)?;
    SegmentHeader::decode(&first).map_err(|source| SpoolError::Segment { path: path.to_owned(), source })
}
