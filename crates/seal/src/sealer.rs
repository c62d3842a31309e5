//! Sealing a segment as it is filmed: header, sealed fragments as they come, signed trailer.
//! Contract: `proto/segment.md#sealing`.
//!
//! ```text
//! fragment i = Cobblestone-256(content key, context = SHA-256(header) || u32 i, plaintext)
//! plaintext of fragment 0     u16 suite, u8 0x12, captured_us 8, motion 2 + 18 + 16, waiting 4, codecs (u32 length), init (u32 length)
//! plaintext of the others     captured_us 8 || moof + mdat
//! ```
//!
//! The context holds the header's hash, and the header names camera, track, epoch, number and time:
//! a fragment opens in its place only.

use crate::cobblestone;
use crate::epoch::ContentKey;
use alloc::string::String;
use alloc::vec::Vec;
use ed25519_dalek::SigningKey;
use media::chain::{Chain, FragmentsHash};
use media::codec::{self, DecodeError};
use media::motion::Motion;
use media::segment::{HEADER_LEN, SegmentHeader, TRAILER_LEN, Trailer, frame};
use media::time::Micros;
use media::{fields, limits};
use zeroize::Zeroizing;

/// The type byte of a [`SegmentHead`].
pub const HEAD_TYPE: u8 = 0x12;
/// An init segment, bytes.
pub const INIT_MAX: usize = 64 << 10;
/// A codecs string, bytes.
const CODECS_MAX: usize = limits::NAME;
/// What a fragment's plaintext begins with: when it was complete.
pub(crate) const STAMP: usize = 8;

/// The plaintext of fragment 0: what the relay does not see of a segment. With the init segment in
/// it, a segment opens and plays alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentHead {
    /// Wall clock at the first frame.
    pub captured_us: Micros,
    /// What moved; nothing when it was not measured.
    pub motion: Motion,
    /// Earlier segments that still wait in the camera's spool.
    pub waiting: u32,
    /// RFC 6381 codecs, such as `avc1.640028,mp4a.40.2`.
    pub codecs: String,
    /// The run's init segment (ftyp + moov).
    pub init: Vec<u8>,
}

/// Why a segment cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// A fragment over `media::limits::FRAGMENT`, or a segment over its limits.
    #[error("{0} is over its limit; close the segment")]
    TooLarge(&'static str),
}

fields!(SegmentHead {
    captured_us,
    motion,
    waiting,
    codecs <= CODECS_MAX,
    init <= INIT_MAX,
});

impl SegmentHead {
    fn encode(&self) -> Vec<u8> {
        codec::encode(HEAD_TYPE, self)
    }

    /// # Errors
    /// [`DecodeError`].
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(HEAD_TYPE, bytes)
    }
}

/// One segment being sealed.
pub struct SegmentSealer {
    key: ContentKey,
    header_hash: [u8; 32],
    fragments: u32,
    hash: FragmentsHash,
    len: usize,
}

impl core::fmt::Debug for SegmentSealer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SegmentSealer({} fragments, {} bytes)", self.fragments, self.len)
    }
}

impl SegmentSealer {
    /// Starts: the returned bytes are the header and fragment 0, as they go on the wire.
    ///
    /// # Errors
    /// [`SealError::TooLarge`].
    pub fn start(
        key: &ContentKey,
        header: SegmentHeader,
        head: &SegmentHead,
        rng: &mut impl rand_core::CryptoRng,
    ) -> Result<(Self, Vec<u8>), SealError> {
        if head.init.len() > INIT_MAX || head.codecs.len() > CODECS_MAX || !head.motion.is_valid() {
            return Err(SealError::TooLarge("the segment's head"));
        }
        let mut sealer = Self {
            key: key.clone(),
            header_hash: header.hash(),
            fragments: 0,
            hash: FragmentsHash::default(),
            len: HEADER_LEN,
        };
        let mut bytes = header.encode().to_vec();
        bytes.extend_from_slice(&sealer.seal(&head.encode(), rng)?);
        Ok((sealer, bytes))
    }

    /// Seals the next fragment (one moof + mdat, complete at `captured_us`); the framed bytes.
    ///
    /// # Errors
    /// [`SealError::TooLarge`]: the fragment is not part of the segment then.
    pub fn fragment(
        &mut self,
        captured_us: Micros,
        fragment: &[u8],
        rng: &mut impl rand_core::CryptoRng,
    ) -> Result<Vec<u8>, SealError> {
        let mut plaintext = Zeroizing::new(Vec::with_capacity(STAMP + fragment.len()));
        plaintext.extend_from_slice(&captured_us.0.to_be_bytes());
        plaintext.extend_from_slice(fragment);
        self.seal(&plaintext, rng)
    }

    /// Bytes so far, to close a segment before its limit.
    #[expect(clippy::len_without_is_empty, reason = "a segment begins with its header")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Closes: the end marker and the signed trailer; `chain` moves on by this segment.
    pub fn finish(self, duration_us: u32, chain: &mut Chain, camera: &SigningKey) -> Vec<u8> {
        *chain = chain.next(&self.header_hash, &self.hash.finish());
        Trailer::sign(camera, &self.header_hash, self.fragments, duration_us, *chain).encode()
    }

    fn seal(&mut self, plaintext: &[u8], rng: &mut impl rand_core::CryptoRng) -> Result<Vec<u8>, SealError> {
        let sealed_len = cobblestone::sealed_len(plaintext.len());
        if sealed_len > limits::FRAGMENT {
            return Err(SealError::TooLarge("the fragment"));
        }
        let framed_len = 8 + sealed_len;
        if self.fragments >= limits::FRAGMENTS || self.len + framed_len + 4 + TRAILER_LEN > limits::SEGMENT {
            return Err(SealError::TooLarge("the segment"));
        }
        let index = self.fragments;
        let sealed = cobblestone::seal(self.key.expose(), &context(&self.header_hash, index), plaintext, rng);
        self.hash.update(index, &sealed);
        self.fragments += 1;
        self.len += framed_len;
        Ok(frame(index, &sealed))
    }
}

/// What binds a fragment to its place.
// SPEC: segment.md#sealing: in another place than its own a fragment MUST NOT open.
pub(crate) fn context(header_hash: &[u8; 32], index: u32) -> [u8; 36] {
    let mut context = [0; 36];
    let (hash, at) = context.split_at_mut(32);
    hash.copy_from_slice(header_hash);
    at.copy_from_slice(&index.to_be_bytes());
    context
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn heads_of_another_implementation_decode_and_malformed_ones_are_refused_by_name() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../proto/vectors/segment.json")).unwrap();
        let bytes = |case: &serde_json::Value| hex::decode(case["bytes"].as_str().unwrap()).unwrap();
        let cases = |list: &str| vectors[list].as_array().unwrap().clone();
        assert!(cases("sealed_heads").len() > 2 && cases("bad_sealed_heads").len() > 5);
        for case in cases("sealed_heads") {
            let head = SegmentHead::decode(&bytes(&case)).unwrap();
            assert_eq!((head.captured_us, head.waiting), (Micros(1_793_000_000_000_000), 4));
            assert_eq!(head.encode(), bytes(&case), "{}", case["why"]);
        }
        for case in cases("bad_sealed_heads") {
            let error = SegmentHead::decode(&bytes(&case)).unwrap_err();
            assert!(
                format!("{error:?}").starts_with(case["error"].as_str().unwrap()),
                "{}: {error:?}",
                case["why"]
            );
        }
    }
}
