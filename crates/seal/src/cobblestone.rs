//! Cobblestone-256: C2SP chunked-encryption with AES-256-GCM and HKDF-SHA-512. Contract:
//! `proto/segment.md#sealing`; vectors: Wycheproof's, all of them.
//!
//! ```text
//! key 32 || base nonce 12 || commitment 32 = HKDF-Expand(input key, "c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM" || 00 || salt || context)
//! sealed = salt 24 || commitment 32 || chunk 0 || chunk 1 || ...      16 KiB each and a tag of 16; the last one shorter, perhaps empty
//! ```
//!
//! The commitment binds key and context: one ciphertext cannot open to two plaintexts. In scope:
//! one whole message in memory (a fragment has at most 16 MiB). Out of scope: streaming within a
//! message; who has the key.

use alloc::vec::Vec;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA512, KeyType, Prk};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

const LABEL: &[u8] = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";
const SALT: usize = 24;
const COMMITMENT: usize = 32;
const CHUNK: usize = 16 * 1024;
const TAG: usize = 16;

/// A message does not open: wrong key, wrong context, altered, truncated or extended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message does not open under this key and context")]
pub struct CannotOpen;

/// The length of a sealed message.
pub fn sealed_len(plaintext: usize) -> usize {
    SALT + COMMITMENT + plaintext + (plaintext / CHUNK + 1) * TAG
}

/// Seals one message.
pub fn seal(
    key: &[u8; 32],
    context: &[u8],
    plaintext: &[u8],
    rng: &mut impl rand_core::CryptoRng,
) -> Vec<u8> {
    // SPEC: segment.md#sealing: the salt MUST be fresh for every fragment: it alone keeps two
    // messages' keys apart.
    let mut salt = [0; SALT];
    rng.fill_bytes(&mut salt);
    let derived = Derived::new(key, &salt, context);
    let mut out = Vec::with_capacity(sealed_len(plaintext.len()));
    out.extend_from_slice(&salt);
    out.extend_from_slice(&derived.commitment);
    let whole = plaintext.chunks_exact(CHUNK);
    let last = whole.remainder();
    for (counter, chunk) in (0u64..).zip(whole.chain([last])) {
        let start = out.len();
        out.extend_from_slice(chunk);
        let sealed = out.split_at_mut(start).1;
        let tag = derived
            .aead
            .seal_in_place_separate_tag(derived.nonce(counter), Aad::empty(), sealed)
            .expect("a chunk is far below AES-GCM's limit");
        out.extend_from_slice(tag.as_ref());
    }
    out
}

/// Opens one message, whole or not at all.
///
/// # Errors
/// [`CannotOpen`], whatever the reason: which one is of use to nobody but an attacker.
pub fn open(key: &[u8; 32], context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CannotOpen> {
    let (salt, rest) = sealed.split_first_chunk::<SALT>().ok_or(CannotOpen)?;
    let (commitment, body) = rest.split_first_chunk::<COMMITMENT>().ok_or(CannotOpen)?;
    let derived = Derived::new(key, salt, context);
    // SPEC: segment.md#sealing: the commitment MUST be compared before anything is decrypted, in
    // constant time.
    if !bool::from(derived.commitment.ct_eq(commitment)) {
        return Err(CannotOpen);
    }
    let mut out = Vec::with_capacity(body.len());
    let whole = body.chunks_exact(CHUNK + TAG);
    // Always there, always shorter than a whole one: so a message cut at a chunk's edge lacks its
    // last.
    let last = whole.remainder();
    for (counter, chunk) in (0u64..).zip(whole.chain([last])) {
        let start = out.len();
        out.extend_from_slice(chunk);
        let opening = out.split_at_mut(start).1;
        let opened = derived
            .aead
            .open_in_place(derived.nonce(counter), Aad::empty(), opening)
            .map_err(|_| CannotOpen)?
            .len();
        out.truncate(start + opened);
    }
    Ok(out)
}

/// What one message's salt and context derive from the input key.
struct Derived {
    aead: LessSafeKey,
    base_nonce: [u8; NONCE_LEN],
    commitment: [u8; COMMITMENT],
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Derived {
    fn new(key: &[u8; 32], salt: &[u8; SALT], context: &[u8]) -> Self {
        let mut okm = Zeroizing::new([0; 32 + NONCE_LEN + COMMITMENT]);
        Prk::new_less_safe(HKDF_SHA512, key)
            .expand(&[LABEL, salt, context], Length(okm.len()))
            .and_then(|okm_of| okm_of.fill(&mut okm[..]))
            .expect("76 bytes are within HKDF-SHA-512's limit");
        let (aead_key, rest) = okm.split_at(32);
        let (nonce, commitment) = rest.split_at(NONCE_LEN);
        let mut derived = Self {
            aead: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, aead_key).expect("32 bytes")),
            base_nonce: [0; NONCE_LEN],
            commitment: [0; COMMITMENT],
        };
        derived.base_nonce.copy_from_slice(nonce);
        derived.commitment.copy_from_slice(commitment);
        derived
    }

    fn nonce(&self, counter: u64) -> Nonce {
        let mut nonce = self.base_nonce;
        for (byte, count) in nonce.iter_mut().skip(NONCE_LEN - 8).zip(counter.to_be_bytes()) {
            *byte ^= count;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::SeedableRng as _;
    use std::io::Read as _;
    use wycheproof::TestResult;
    use wycheproof::chunked_encryption::{TestName, TestSet};

    #[test]
    fn all_vectors_of_wycheproof() {
        let set = TestSet::load(TestName::Cobblestone256).unwrap();
        let (mut good, mut bad) = (0, 0);
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let mut sealed = Vec::new();
            flate2::read::ZlibDecoder::new(test.ct.as_slice()).read_to_end(&mut sealed).unwrap();
            // A key of another size cannot be given to `open`: refused by its type.
            let opened = <[u8; 32]>::try_from(test.key.as_slice())
                .map_err(|_| CannotOpen)
                .and_then(|key| open(&key, &test.ctx, &sealed));
            if test.result == TestResult::Invalid {
                assert_eq!(opened, Err(CannotOpen), "case {}: {}", test.tc_id, test.comment);
                bad += 1;
            } else {
                let hash = ring::digest::digest(&ring::digest::SHA512, &opened.unwrap());
                assert_eq!(
                    hash.as_ref(),
                    test.msg_sha512.as_ref().unwrap().as_slice(),
                    "case {}",
                    test.tc_id
                );
                good += 1;
            }
        }
        assert_eq!(good + bad, 35);
        assert!(good > 0 && bad > 0);
    }

    #[test]
    fn every_length_around_a_chunks_edge_round_trips_and_is_as_long_as_stated() {
        let key = [7; 32];
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let plaintext = std::vec![42; length];
            let sealed = seal(&key, b"place", &plaintext, &mut chacha20::ChaCha20Rng::seed_from_u64(1));
            assert_eq!(sealed.len(), sealed_len(length));
            assert_eq!(open(&key, b"place", &sealed).unwrap(), plaintext);
            assert_eq!(open(&key, b"other", &sealed), Err(CannotOpen));
            assert_eq!(open(&key, b"place", &sealed[..sealed.len() - 1]), Err(CannotOpen));
        }
    }
}
