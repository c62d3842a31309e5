//! A segment on the wire, in the spool and in the store: the same bytes everywhere.
//!
//! `proto/segment.md`, "Segment". A clear header, sealed fragments as they are made, an end marker
//! and a signed trailer:
//!
//! ```text
//! 0001 10 | camera_id 32 | track 4 | epoch_no 8 | k 4 | sequence 8 | run 4 | start_us 8 | flags 1      72 bytes
//! index 4 | length 4 | sealed ...            one of these for each fragment, index from 0
//! ff ff ff ff                                no more fragments
//! count 4 | duration_us 4 | chain_k 32 | signature 64                                                  104 bytes
//! ```
//!
//! In the clear is what the relay needs to index, order and acknowledge. That list is complete.

use crate::time::Micros;
use alloc::vec::Vec;
use ed25519_dalek::SigningKey;

use crate::chain::{Chain, FragmentsHash};
use crate::codec::{self, DecodeError, Field, Reader, Writer};
use crate::id::{CameraId, EpochNo, Sequence, TrackId};
use crate::sign::{self, BadSignature, PublicKey, SignatureBytes, sha256};
use crate::{fields, numbered};

mod head;
mod scan;
pub use head::{HeadExtent, HeadQuery, StoredHead, head_extent};
pub use scan::{Part, SegmentReader};

/// The type byte.
pub const TYPE: u8 = 0x10;
/// Bytes of an encoded header.
pub const HEADER_LEN: usize = 72;
/// Bytes of an encoded trailer, without the end marker.
pub const TRAILER_LEN: usize = 104;
/// Bytes of the end marker and the trailer.
pub const END_LEN: usize = 4 + TRAILER_LEN;
/// The index that ends the fragments.
pub const END: u32 = u32::MAX;

const DOMAIN: &[u8] = b"candor segment\0";

/// Whether a segment can be opened and played without the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Starts at a key frame.
    KeyFrame,
    /// Continues the one before, which was closed for its size or age.
    Continuation,
}

// SPEC: segment.md#segment: any other flag MUST be refused.
numbered!(Start as u8 { Continuation = 0, KeyFrame = 1 });

/// The clear header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Whose.
    pub camera_id: CameraId,
    /// Which picture.
    pub track: TrackId,
    /// The epoch in which it starts.
    pub epoch_no: EpochNo,
    /// Its number within the epoch, from 0.
    pub k: u32,
    /// Its number within the track, for ever.
    pub sequence: Sequence,
    /// Its run: +1 at each new init segment.
    pub run: u32,
    /// Its first moment, by the camera's clock.
    pub start_us: Micros,
    /// Whether it starts at a key frame.
    pub start: Start,
}

fields!(SegmentHeader { camera_id, track, epoch_no, k, sequence, run, start_us, start = "flags" });

impl SegmentHeader {
    /// The 72 bytes.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        codec::encode(TYPE, self).try_into().expect("each field has one length, 72 bytes together")
    }

    /// # Errors
    /// [`DecodeError`]; a flag bit that version 1 does not define is refused.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(TYPE, bytes)
    }

    /// SHA-256 of the encoded header: what fragments and chain are bound to.
    pub fn hash(&self) -> [u8; 32] {
        sha256(&[&self.encode()])
    }
}

/// Which stored segments: those that overlap `from_us..to_us`, in order, from `cursor` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentQuery {
    /// Whose.
    pub camera_id: CameraId,
    /// Which picture.
    pub track: TrackId,
    /// First moment.
    pub from_us: Micros,
    /// First moment after.
    pub to_us: Micros,
    /// The first sequence wanted; 0 for all.
    pub cursor: Sequence,
}

fields!(SegmentQuery { camera_id, track, from_us, to_us, cursor });

/// The signed end of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// Fragments in the segment, fragment 0 included.
    pub fragments: u32,
    /// Media duration, microseconds.
    pub duration_us: u32,
    /// `chain_k`.
    pub chain: Chain,
    /// The camera's signature.
    pub signature: SignatureBytes,
}

fields!(Trailer { fragments, duration_us, chain, signature } check Trailer::check);

impl Trailer {
    /// Signs a segment's end: `chain` already folds in its header and fragments.
    pub fn sign(
        camera: &SigningKey,
        header_hash: &[u8; 32],
        fragments: u32,
        duration_us: u32,
        chain: Chain,
    ) -> Self {
        let signature = sign::sign(camera, DOMAIN, &signed_body(header_hash, fragments, duration_us, &chain));
        Self { fragments, duration_us, chain, signature }
    }

    /// # Errors
    /// [`BadSignature`] when `camera_key` did not sign this end of this header.
    pub fn verify(&self, camera_key: &PublicKey, header_hash: &[u8; 32]) -> Result<(), BadSignature> {
        let body = signed_body(header_hash, self.fragments, self.duration_us, &self.chain);
        sign::verify(camera_key, DOMAIN, &body, &self.signature, "the segment")
    }

    /// The end marker and the 104 bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.write(w.u32(END));
        w.finish()
    }

    /// The trailer of a segment that was read whole before: of its bytes, or of the last of them,
    /// at least [`END_LEN`]. Nothing is verified, and what stands before is not looked at.
    ///
    /// # Errors
    /// [`DecodeError`] where no segment ends so.
    pub fn of_segment(bytes: &[u8]) -> Result<Self, DecodeError> {
        let end = bytes.last_chunk::<END_LEN>().ok_or(DecodeError::Truncated("the trailer"))?;
        let mut r = Reader::new(end);
        if r.u32("end marker")? != END {
            return Err(DecodeError::BadValue("end marker"));
        }
        Self::read(&mut r, "trailer")
    }

    fn check(&self) -> Result<(), DecodeError> {
        // SPEC: segment.md#segment: a segment has at least one fragment.
        if self.fragments == 0 { Err(DecodeError::BadValue("fragments")) } else { Ok(()) }
    }
}

fn signed_body(header_hash: &[u8; 32], fragments: u32, duration_us: u32, chain: &Chain) -> Vec<u8> {
    [&header_hash[..], &fragments.to_be_bytes(), &duration_us.to_be_bytes(), &chain.0].concat()
}

/// One fragment, framed: `index || length || sealed`.
pub fn frame(index: u32, sealed: &[u8]) -> Vec<u8> {
    let mut w = Writer::new();
    w.u32(index).bytes(sealed);
    w.finish()
}

/// The chain after a segment whose bytes are all at hand.
pub fn chain_after(previous: &Chain, header: &SegmentHeader, fragments: FragmentsHash) -> Chain {
    previous.next(&header.hash(), &fragments.finish())
}
