//! MP4 boxes in and out: no trust matter, and nothing of ours. A camera splits what its source
//! writes; viewers rebuild a plain file.
//!
//! | module | job |
//! |---|---|
//! | [`split`] | a fragmented MP4 byte stream into its init segment and fragments |
//! | [`init`] | what an init segment says: tracks, codecs, picture size |
//! | [`fragment`] | what one moof + mdat says: times, key frame, samples |
//! | [`parameters`] | whether pictures still are what their init segment says |
//! | [`sps`] | what a sequence parameter set says: size, profile, order |
//! | [`mux`] | pictures and sound into an init segment and fragments |
//! | [`plain`] | what a plain MP4 holds, sample by sample |
//! | [`silent`] | a run without its sound |
//! | [`export`] | init and fragments into one plain MP4 with its index in front |
//!
//! ```text
//! ftyp moov | moof mdat | moof mdat | ...      in: one init segment, then fragments of about 100 ms
//! ftyp moov mdat                               out: plays everywhere
//! ```
//!
//! In scope: structure, limits, times. Out of scope: decoding pictures; whether bytes are genuine
//! (`seal`). Nothing is transcoded.
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod export;
pub mod fragment;
pub mod init;
pub mod mux;
pub mod parameters;
pub mod plain;
pub mod silent;
pub mod split;
pub mod sps;

pub use fragment::Fragment;
pub use init::Init;

/// The largest box that is taken in, bytes: a fragment of a segment, with room for what sealing
/// adds.
pub const BOX_MAX: usize = (16 << 20) - (64 << 10);
/// The largest init segment, bytes.
pub const INIT_MAX: usize = 64 << 10;
/// The most samples in one fragment: more than ten seconds of any camera's pictures and sound.
pub const SAMPLES_MAX: usize = 16_384;

/// Why bytes are not the MP4 they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoxError {
    /// A box that is over its limit, or has no size.
    #[error(
        "box {kind:?} has {size} bytes, over the limit of {limit}; use shorter fragments or a lower bit rate"
    )]
    TooLarge {
        /// Its four letters.
        kind: String,
        /// Its size; 0 for a box that says it never ends.
        size: u64,
        /// The limit.
        limit: usize,
    },
    /// A fragment that is over its limit. It was left out, and what comes behind it can be read on.
    #[error(
        "a picture of {size} bytes is over the limit of {BOX_MAX}; lower the bit rate or the size of the picture"
    )]
    LeftOut {
        /// Bytes of its media.
        size: u64,
    },
    /// A box that must be there is not, or stands in the wrong place.
    #[error(
        "expected {expected}, found {found:?}: this is not fragmented MP4 (ffmpeg: -f mp4 -movflags empty_moov+default_base_moof)"
    )]
    Unexpected {
        /// What should have come.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// A box whose inside is not what its name says.
    #[error("box {kind} is malformed: {reason}")]
    Malformed {
        /// Its four letters.
        kind: &'static str,
        /// Why.
        reason: String,
    },
    /// Values that contradict each other or go beyond the bytes.
    #[error("the fragment's {0} does not fit its bytes")]
    OutOfBounds(&'static str),
    /// Neither H.264 nor H.265 video.
    #[error("no video track that can be carried: {0}; H.264 and H.265 can (convert others with ffmpeg)")]
    NoVideo(String),
    /// The bytes end inside a box.
    #[error("the stream ends inside a box")]
    Truncated,
}

/// Size and four letters of the box at the front; `None` when fewer than eight bytes are there.
pub(crate) fn box_header(bytes: &[u8]) -> Option<(u64, [u8; 4])> {
    let (size, rest) = bytes.split_first_chunk::<4>()?;
    let (kind, _) = rest.split_first_chunk::<4>()?;
    Some((u64::from(u32::from_be_bytes(*size)), *kind))
}

pub(crate) fn letters(kind: [u8; 4]) -> String {
    String::from_utf8_lossy(&kind).into_owned()
}
