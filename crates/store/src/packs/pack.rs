//! Pack files: their names, and how one is read when nothing about it is believed.
//!
//! ```text
//! packs/0000000000000007.video-8.9c41e2a0b7d35f18.pack
//!       number           lane    mark
//! ```
//!
//! The number orders packs by creation and is never reused. The name carries the mark, so that no
//! byte of the file has to be whole for the others to be read.
//!
//! *Lanes* keep apart what dies at different times. Segments go into `video-D`, D being the
//! camera's retention in days rounded up to a power of two: at most 17 lanes whatever owners
//! choose, and a pack of short-lived footage does not wait for long-lived footage in it. EpochOpens
//! go into `epochs`, which goes when its segments have gone. DayNotices, policies and day keys go
//! into `objects`, which is never dropped: a DayNotice a day is some kilobytes for five trustees, 2 MB a
//! camera and year.

use super::disk::Disk;
use super::record::{HEADER_LEN, decode, record_len};
use crate::record::{Header, Kind};
use std::fmt;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

/// What a pack may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    /// Segments of cameras whose footage is kept for at most so many days, a power of two.
    Video(u32),
    Epochs,
    Objects,
}

impl Lane {
    /// Where a record of a camera with this retention goes.
    pub(super) fn of(kind: Kind, retention_days: u16) -> Self {
        match kind {
            Kind::Segment => Self::Video(u32::from(retention_days).next_power_of_two()),
            Kind::EpochOpen => Self::Epochs,
            Kind::DayNotice | Kind::Policy | Kind::DayKeys | Kind::Settings => Self::Objects,
        }
    }

    pub(super) fn is_video(self) -> bool {
        matches!(self, Self::Video(_))
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Video(days) => write!(f, "video-{days}"),
            Self::Epochs => f.write_str("epochs"),
            Self::Objects => f.write_str("objects"),
        }
    }
}

impl FromStr for Lane {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "epochs" => Ok(Self::Epochs),
            "objects" => Ok(Self::Objects),
            video => video.strip_prefix("video-").and_then(|d| d.parse().ok()).map(Self::Video).ok_or(()),
        }
    }
}

/// A pack on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pack {
    pub number: u64,
    pub lane: Lane,
    pub mark: u64,
    pub path: PathBuf,
    /// Bytes known to be durable. What lies behind them was never acknowledged.
    pub length: u64,
    /// This process never appends to it again: nobody knows what stands behind its length.
    pub given_up: bool,
}

impl Pack {
    pub(super) fn name(number: u64, lane: Lane, mark: u64) -> String {
        format!("{number:016}.{lane}.{mark:016x}.pack")
    }

    /// The parts of a name that [`Pack::name`] made.
    pub(super) fn parse_name(name: &str) -> Option<(u64, Lane, u64)> {
        let mut parts = name.strip_suffix(".pack")?.split('.');
        let number = parts.next()?.parse().ok()?;
        let lane = parts.next()?.parse().ok()?;
        let mark = u64::from_str_radix(parts.next()?, 16).ok()?;
        (Self::name(number, lane, mark) == name).then_some((number, lane, mark))
    }
}

/// Whether a scan reads the bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verify {
    /// Believes a body whose header is whole: for packs that were synced to their end before the
    /// next one of their lane began.
    Headers,
    /// Checks every body: where a write may have been cut short.
    Bodies,
}

/// What a [`Scan`] met.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Record {
        offset: u64,
        header: Header,
        /// Empty under [`Verify::Headers`], but for kinds that are small.
        body: Vec<u8>,
    },
    /// Bytes that are no record, with whole records behind them: something acknowledged may have
    /// been lost here.
    Damage { from: u64, to: u64, header: Option<Header> },
    /// Bytes to the end that are no record: a write was cut short, and nobody was told that it
    /// succeeded.
    Torn { from: u64 },
}

/// Reads a pack's records from an offset on.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    pub disk: &'a dyn Disk,
    pub file: &'a File,
    pub mark: u64,
    pub verify: Verify,
    pub at: u64,
    pub end: u64,
}

const SEARCH_BYTES: usize = 1 << 20;

impl Scan<'_> {
    /// What comes next; `None` at the end.
    pub(super) fn next_found(&mut self) -> io::Result<Option<Found>> {
        if self.at >= self.end {
            return Ok(None);
        }
        let offset = self.at;
        let header = self.header_at(offset)?;
        if let Some(header) = header
            && let Some(body) = self.body_of(offset, &header)?
        {
            self.at = offset + record_len(&header);
            return Ok(Some(Found::Record { offset, header, body }));
        }
        match self.search(offset + 1)? {
            Some(next) => {
                self.at = next;
                Ok(Some(Found::Damage { from: offset, to: next, header }))
            }
            None => {
                self.at = self.end;
                Ok(Some(Found::Torn { from: offset }))
            }
        }
    }

    fn header_at(&self, offset: u64) -> io::Result<Option<Header>> {
        if self.end.saturating_sub(offset) < HEADER_LEN as u64 {
            return Ok(None);
        }
        let mut bytes = [0; HEADER_LEN];
        self.disk.read_at(self.file, offset, &mut bytes)?;
        Ok(decode(&bytes, self.mark).ok())
    }

    /// The body, or an empty one where it need not be read; `None` when it is not what was written.
    fn body_of(&self, offset: u64, header: &Header) -> io::Result<Option<Vec<u8>>> {
        if offset.saturating_add(record_len(header)) > self.end {
            return Ok(None);
        }
        if self.verify == Verify::Headers && header.kind.is_footage() {
            return Ok(Some(Vec::new()));
        }
        let mut body = vec![0; header.body_len()];
        self.disk.read_at(self.file, offset + HEADER_LEN as u64, &mut body)?;
        Ok(header.matches(&body).then_some(body))
    }

    /// The next offset, from `from` on, at which a whole record stands.
    fn search(&self, from: u64) -> io::Result<Option<u64>> {
        let mark = self.mark.to_be_bytes();
        let mut at = from;
        let mut window = vec![0; SEARCH_BYTES];
        while self.end.saturating_sub(at) >= HEADER_LEN as u64 {
            let left = usize::try_from(self.end - at).unwrap_or(usize::MAX);
            let window = window.get_mut(..left.min(SEARCH_BYTES)).unwrap_or_default();
            self.disk.read_at(self.file, at, window)?;
            for (i, _) in window.windows(mark.len()).enumerate().filter(|(_, bytes)| *bytes == mark) {
                let candidate = at + i as u64;
                if let Some(header) = self.header_at(candidate)?
                    && self.body_of(candidate, &header)?.is_some()
                {
                    return Ok(Some(candidate));
                }
            }
            // The last bytes of a window are the first of the next: a mark may lie across.
            at += (window.len() - (mark.len() - 1)) as u64;
        }
        Ok(None)
    }
}
