//! HPKE base mode (RFC 9180) with X-Wing (KEM 0x647a), HKDF-SHA256 and ChaCha20-Poly1305. Contract:
//! `proto/segment.md#wraps`.
//!
//! ```text
//! sealed = encapsulation 1120 || ciphertext || tag 16
//! ```
//!
//! X-Wing is ML-KEM-768 and X25519 together: what is recorded today stays closed while either of
//! them holds.

use crate::epoch::secret;
use alloc::vec::Vec;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _};
use zeroize::Zeroizing;

/// Bytes of an encoded X-Wing public key.
pub const PUBLIC_BYTES: usize = 1216;
/// Bytes of an encapsulation.
pub const ENCAPSULATION_BYTES: usize = 1120;

type Private = <XWing as hpke::Kem>::PrivateKey;
type Public = <XWing as hpke::Kem>::PublicKey;
type Encapsulated = <XWing as hpke::Kem>::EncappedKey;

secret!(
    /// An X-Wing private key: its 32-byte seed.
    SecretKey
);

/// Why something is not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HpkeError {
    /// Not an X-Wing public key.
    #[error("not an X-Wing public key of {PUBLIC_BYTES} bytes")]
    BadPublicKey,
    /// Wrong key, wrong info or aad, altered or truncated.
    #[error("the sealed bytes do not open under this key and binding")]
    CannotOpen,
}

impl SecretKey {
    /// A fresh key.
    pub fn generate(rng: &mut impl rand_core::CryptoRng) -> Self {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        Self(seed)
    }

    /// The encoded public key, [`PUBLIC_BYTES`] long.
    pub fn public(&self) -> Vec<u8> {
        XWing::sk_to_pk(&self.private()).to_bytes().to_vec()
    }

    /// Opens what was sealed to this key under the same info and aad.
    ///
    /// # Errors
    /// [`HpkeError::CannotOpen`].
    pub fn open(&self, info: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, HpkeError> {
        let (encapsulated, ciphertext) =
            sealed.split_at_checked(ENCAPSULATION_BYTES).ok_or(HpkeError::CannotOpen)?;
        let encapsulated = Encapsulated::from_bytes(encapsulated).map_err(|_| HpkeError::CannotOpen)?;
        let opened = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeR::Base,
            &self.private(),
            &encapsulated,
            info,
            ciphertext,
            aad,
        );
        opened.map(Zeroizing::new).map_err(|_| HpkeError::CannotOpen)
    }

    fn private(&self) -> Private {
        Private::from_bytes(&self.0).expect("every 32 bytes are the seed of an X-Wing key")
    }
}

/// Seals to a public key.
///
/// # Errors
/// [`HpkeError::BadPublicKey`].
pub fn seal(
    public: &[u8],
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    rng: &mut impl rand_core::CryptoRng,
) -> Result<Vec<u8>, HpkeError> {
    // SPEC: segment.md#wraps: a public key MUST be checked before anything is sealed to it.
    let public = Public::from_bytes(public).map_err(|_| HpkeError::BadPublicKey)?;
    let (encapsulated, ciphertext) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>(
        &OpModeS::Base,
        &public,
        info,
        plaintext,
        aad,
        rng,
    )
    .map_err(|_| HpkeError::BadPublicKey)?;
    let mut sealed = encapsulated.to_bytes().to_vec();
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}
