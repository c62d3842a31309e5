//! The head of a segment: its clear header and its first sealed fragment, with a second one where
//! the key picture is wanted.
//!
//! `proto/session.md`, "Heads". What a device needs to tell what moved and how far the camera is
//! behind, without the footage:
//!
//! ```text
//! segment bytes 4 | duration_us 4 | header 72 | index 0, length, sealed [ | index 1, length, sealed ]
//! ```
//!
//! Neither chain nor signature is in it: what a head proves stands in `proto/segment.md`, "Heads
//! alone".

use alloc::vec::Vec;

use super::{END, HEADER_LEN, SegmentHeader, SegmentQuery, Start};
use crate::codec::{DecodeError, Reader, Writer, check_size};
use crate::{fields, limits};

/// Index and length of a fragment.
const FRAME_LEN: usize = 8;

/// How far the head of a segment reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadExtent {
    /// It is so many bytes of the segment.
    Whole(usize),
    /// So many bytes must be at hand to tell.
    Needs(usize),
}

/// How far a segment's head reaches, from the segment's first bytes. A segment that does not start
/// at a key frame has no key picture.
///
/// # Errors
/// [`DecodeError`] where no segment begins so.
pub fn head_extent(first: &[u8], picture: bool) -> Result<HeadExtent, DecodeError> {
    let Some(header) = first.get(..HEADER_LEN) else { return Ok(HeadExtent::Needs(HEADER_LEN)) };
    let header = SegmentHeader::decode(header)?;
    // SPEC: session.md#heads: and where no picture is wanted, fragment 1 MUST NOT be there.
    // SPEC: session.md#heads: fragment 1 MUST be there when it is wanted and the segment starts at
    // a key frame, and MUST NOT otherwise.
    let has_picture = picture && header.start == Start::KeyFrame;
    let mut end = HEADER_LEN;
    for expected in 0..=u32::from(has_picture) {
        let Some(framing) = first.get(end..end + FRAME_LEN) else {
            return Ok(HeadExtent::Needs(end + FRAME_LEN));
        };
        let mut r = Reader::new(framing);
        let index = r.u32("index")?;
        if index == END && expected > 0 {
            break;
        }
        if index != expected {
            return Err(DecodeError::BadValue("fragment index"));
        }
        let got = usize::try_from(r.u32("length")?).unwrap_or(usize::MAX);
        check_size(got, "fragment", limits::FRAGMENT)?;
        end += FRAME_LEN + got;
    }
    Ok(HeadExtent::Whole(end))
}

/// Which heads of stored segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadQuery {
    /// Of which segments.
    pub segments: SegmentQuery,
    /// Whether the fragment with the key frame is wanted too.
    pub pictures: bool,
}

fields!(HeadQuery { segments, pictures });

/// A head as a relay hands it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredHead {
    /// Bytes of the whole segment. The relay's word.
    pub segment_bytes: u32,
    /// Media duration, microseconds. The relay's word; the camera signs it in the trailer, which is
    /// not here.
    pub duration_us: u32,
    /// Header and fragments, as they stand in the segment.
    pub bytes: Vec<u8>,
}

impl StoredHead {
    /// The bytes behind `received_us`.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u32(self.segment_bytes).u32(self.duration_us).raw(&self.bytes);
        w.finish()
    }

    /// # Errors
    /// [`DecodeError`] unless one or two whole fragments follow a header, and nothing more.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let (segment_bytes, duration_us) = (r.u32("segment bytes")?, r.u32("duration_us")?);
        let bytes = r.take(r.left(), "a head")?;
        let first = whole(head_extent(bytes, false)?, bytes.len())?;
        if first < bytes.len() {
            let both = whole(head_extent(bytes, true)?, bytes.len())?;
            if both < bytes.len() {
                return Err(DecodeError::Trailing(bytes.len() - both));
            }
        }
        Ok(Self { segment_bytes, duration_us, bytes: bytes.to_vec() })
    }
}

fn whole(extent: HeadExtent, length: usize) -> Result<usize, DecodeError> {
    match extent {
        HeadExtent::Whole(end) if end <= length => Ok(end),
        _ => Err(DecodeError::Truncated("a head")),
    }
}
