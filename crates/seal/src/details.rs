//! What opens a leaf's details: a key for this leaf alone, apart from the notice key by which the
//! leaf is found. Contract: `proto/segment.md#details-keys`.
//!
//! ```text
//! details     = ChaCha20-Poly1305(details key, nonce 0, padded text)              in the leaf
//! audit key   = X-Wing, its seed HKDF-Expand(owner's root seed, "candor audit key\0", 32)
//! details-key = HPKE to the audit key: info "candor details key\0", aad entry_id  in the leaf
//!               the encapsulation's 64 random bytes = HKDF-Expand(details key, "candor details wrap\0" || entry_id, 64)
//! ```
//!
//! The wrap follows from the key: whoever has the key makes it again, and knows whether the owner
//! will read what stands in the log.

use crate::epoch::{expand, secret};
use crate::hpke::{self, HpkeError, SecretKey};
use alloc::vec::Vec;
use core::convert::Infallible;
use rand_core::{TryCryptoRng, TryRng};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

const INFO: &[u8] = b"candor details key\0";

secret!(
    /// What opens one leaf's details, and nothing else.
    DetailsKey
);

/// The key by which an owner reads the details of every leaf about the own cameras, from the seed
/// of the owner's root key.
pub fn audit_key(root_seed: &[u8; 32]) -> SecretKey {
    SecretKey::new(*expand(root_seed, &[b"candor audit key\0"]))
}

impl DetailsKey {
    /// A fresh one.
    pub fn generate(rng: &mut impl rand_core::CryptoRng) -> Self {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        Self(key)
    }

    // SPEC: segment.md#details-keys: a details key MUST be fresh for every leaf.
    /// Seals details (already padded): once, for the nonce is always the same.
    pub fn seal(&self, padded: &[u8]) -> Vec<u8> {
        let mut sealed = padded.to_vec();
        self.aead()
            .seal_in_place_append_tag(zero_nonce(), Aad::empty(), &mut sealed)
            .expect("details are far below the AEAD's limit");
        sealed
    }

    /// Opens them; `None` when they are not this key's.
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let mut opening = sealed.to_vec();
        let opened = self.aead().open_in_place(zero_nonce(), Aad::empty(), &mut opening).ok()?.len();
        opening.truncate(opened);
        Some(opening)
    }

    // SPEC: segment.md#details-keys: whoever is asked to grant MUST make the wrap again.
    /// The key, sealed to an owner's audit key for the leaf with this id: the same each time.
    ///
    /// # Errors
    /// [`HpkeError::BadPublicKey`].
    pub fn wrap(&self, audit_pk: &[u8], entry_id: &[u8; 16]) -> Result<Vec<u8>, HpkeError> {
        let mut derived = Encapsulating(expand(&self.0, &[b"candor details wrap\0", entry_id]), 0);
        hpke::seal(audit_pk, INFO, entry_id, &self.0, &mut derived)
    }

    /// Opens what [`wrap`](Self::wrap) made.
    ///
    /// # Errors
    /// [`HpkeError::CannotOpen`].
    pub fn unwrap(audit: &SecretKey, entry_id: &[u8; 16], wrapped: &[u8]) -> Result<Self, HpkeError> {
        let opened = audit.open(INFO, entry_id, wrapped)?;
        <[u8; 32]>::try_from(&opened[..]).map(Self).map_err(|_| HpkeError::CannotOpen)
    }

    fn aead(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &self.0).expect("32 bytes"))
    }
}

media::wrapped!(DetailsKey);

fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

/// What an encapsulation draws, and how much of it was drawn.
struct Encapsulating(Zeroizing<[u8; 64]>, usize);

impl TryRng for Encapsulating {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), Infallible> {
        let end = self.1.saturating_add(destination.len());
        destination.copy_from_slice(self.0.get(self.1..end).expect("an X-Wing encapsulation draws 64 bytes"));
        self.1 = end;
        Ok(())
    }
}

impl TryCryptoRng for Encapsulating {}
