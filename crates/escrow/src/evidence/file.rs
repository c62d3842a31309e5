//! The file around evidence: parts, each behind its length, and an end mark. Contract:
//! `proto/evidence.md#file`; vectors: `proto/vectors/evidence.json`, made by `evidence.py`.
//!
//! ```text
//! 00001f42 | head | 0003a981 | sealed segment | 00038f10 | sealed segment | 00000000
//! ```
//!
//! In scope: framing and its limits, both ways, one part in memory at a time. Out of scope: opening
//! and renaming files (whoever writes or reads one); what the parts say ([`super::Verification`]).

use super::{EVIDENCE_MAX_BYTES, Evidence, EvidenceError, Verification, Verified};
use alloc::boxed::Box;
use alloc::vec::Vec;
use media::codec::DecodeError;
use media::limits;
use seal::opener::Whole;

const LENGTH_BYTES: usize = 4;
/// What a file ends with.
pub const END_MARK: [u8; LENGTH_BYTES] = [0; LENGTH_BYTES];

/// Why a file is no evidence file, or would not be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// The end mark is missing.
    #[error("the file ends before its end mark: it was cut")]
    CutBetween,
    /// A part is shorter than its length says.
    #[error("the file ends inside a part: it was cut")]
    CutInside,
    /// The end mark stands where the head should.
    #[error("the file is empty")]
    Empty,
    /// A length over the limit of its part.
    #[error("a part of {bytes} bytes is over the limit of {limit}: this is no evidence file")]
    TooLarge {
        /// What it says.
        bytes: usize,
        /// What a head or a segment may have.
        limit: usize,
    },
    /// An empty segment: its length would read as the end mark.
    #[error("a segment has no bytes")]
    NoSegment,
    /// Bytes behind the end mark.
    #[error("something follows the end of the evidence")]
    Trailing,
    /// The head does not decode.
    #[error("malformed: {0}")]
    Head(#[from] DecodeError),
    /// What the file says does not hold.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
}

/// The head, behind its length: what a file begins with.
pub fn file_start(head: &Evidence) -> Result<Vec<u8>, FileError> {
    let head = head.encode();
    Ok([&length(&head, EVIDENCE_MAX_BYTES)?[..], &head].concat())
}

/// The length that stands before this segment's bytes.
pub fn segment_length(sealed: &[u8]) -> Result<[u8; LENGTH_BYTES], FileError> {
    if sealed.is_empty() { Err(FileError::NoSegment) } else { length(sealed, limits::SEGMENT) }
}

/// What the bytes just fed were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilePart {
    /// A length, or the end mark: the part is wanted next, or that nothing follows.
    Length,
    /// The head.
    Head(Box<Evidence>),
    /// A sealed segment.
    Segment(Vec<u8>),
    /// The end of the file.
    End,
}

/// Takes a file apart: whoever drives it reads as many bytes as are [`wanted`](Self::wanted), fewer
/// only where the file ends, and feeds them.
#[derive(Debug)]
pub struct FileReader(Wanted);

#[derive(Debug, Clone, Copy)]
enum Wanted {
    HeadLength,
    Head(usize),
    SegmentLength,
    Segment(usize),
    /// One byte more than there may be.
    Nothing,
}

impl Default for FileReader {
    fn default() -> Self {
        Self(Wanted::HeadLength)
    }
}

impl FileReader {
    /// How many bytes to feed next.
    pub fn wanted(&self) -> usize {
        match self.0 {
            Wanted::HeadLength | Wanted::SegmentLength => LENGTH_BYTES,
            Wanted::Head(bytes) | Wanted::Segment(bytes) => bytes,
            Wanted::Nothing => 1,
        }
    }

    /// Takes the next bytes of the file.
    // SPEC: evidence.md#file: limits before anything is read, and nothing follows the zero.
    pub fn feed(&mut self, bytes: Vec<u8>) -> Result<FilePart, FileError> {
        let cut = bytes.len() != self.wanted();
        let (next, part) = match self.0 {
            Wanted::HeadLength => match part_bytes(&bytes, EVIDENCE_MAX_BYTES)? {
                0 => return Err(FileError::Empty),
                head => (Wanted::Head(head), FilePart::Length),
            },
            Wanted::SegmentLength => match part_bytes(&bytes, limits::SEGMENT)? {
                0 => (Wanted::Nothing, FilePart::Length),
                segment => (Wanted::Segment(segment), FilePart::Length),
            },
            Wanted::Head(_) | Wanted::Segment(_) if cut => return Err(FileError::CutInside),
            Wanted::Head(_) => (Wanted::SegmentLength, FilePart::Head(Box::new(Evidence::decode(&bytes)?))),
            Wanted::Segment(_) => (Wanted::SegmentLength, FilePart::Segment(bytes)),
            Wanted::Nothing if bytes.is_empty() => (Wanted::Nothing, FilePart::End),
            Wanted::Nothing => return Err(FileError::Trailing),
        };
        self.0 = next;
        Ok(part)
    }
}

/// What the bytes just fed showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// No segment: the head, where it holds, or what stands between the parts.
    Nothing,
    /// The next segment, verified and opened.
    Segment(Box<Whole>),
    /// The file has ended.
    End(Box<Verified>),
}

/// Verifies a file as it is read: driven like a [`FileReader`].
#[derive(Debug, Default)]
pub struct FileVerification {
    reader: FileReader,
    verification: Option<Verification>,
}

impl FileVerification {
    /// How many bytes to feed next.
    pub fn wanted(&self) -> usize {
        self.reader.wanted()
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: Vec<u8>) -> Result<Seen, FileError> {
        Ok(match self.reader.feed(bytes)? {
            FilePart::Length => Seen::Nothing,
            FilePart::Head(head) => {
                self.verification = Some(Verification::start(&head)?);
                Seen::Nothing
            }
            FilePart::Segment(sealed) => {
                let begun = self.verification.as_mut().expect("a reader gives the head before segments");
                Seen::Segment(Box::new(begun.segment(&sealed)?))
            }
            FilePart::End => match self.verification.take() {
                Some(verification) => Seen::End(Box::new(verification.finish()?)),
                None => return Err(FileError::Trailing),
            },
        })
    }
}

fn length(part: &[u8], limit: usize) -> Result<[u8; LENGTH_BYTES], FileError> {
    let too_large = FileError::TooLarge { bytes: part.len(), limit };
    match u32::try_from(part.len()) {
        Ok(length) if part.len() <= limit => Ok(length.to_be_bytes()),
        _ => Err(too_large),
    }
}

fn part_bytes(length: &[u8], limit: usize) -> Result<usize, FileError> {
    let length = <[u8; LENGTH_BYTES]>::try_from(length).map_err(|_| FileError::CutBetween)?;
    let bytes = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if bytes > limit { Err(FileError::TooLarge { bytes, limit }) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests;
