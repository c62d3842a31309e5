//! Cosignatures (C2SP tlog-cosignature): what a witness, or a log with a post-quantum key, says
//! about a checkpoint, and when. Contract: `proto/log.md#cosignatures`.
//!
//! ```text
//! Ed25519 (0x04) signs            ML-DSA-44 (0x06) signs
//!   cosignature/v1                  "subtree/v1\n\0"  u8 len || cosigner name  u64 time
//!   time 1679315147                 u8 len || log origin  u64 start = 0  u64 end = size  32-byte root
//!   <the checkpoint's text>
//! the signature's bytes: u64 time || 64 or 2,420 bytes
//! ```
//!
//! The time is the witness's claim that this was the largest head it knew then. Zero means no such
//! claim: it is accepted from a log's own key, and never counts for a witness ([`crate::policy`]).

pub use crate::note::statement::TIME_MAX;

use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::note::key::{ED25519_COSIGNATURE, KeyText, ML_DSA_44_COSIGNATURE, PublicKey};
use crate::note::statement::{ed25519_message, ml_dsa_44_message};
use crate::note::{Added, KeyError, KeyId, Signature, Verifier, is_valid_name};
use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use core::fmt;
use ed25519_dalek::Signer as _;
use ml_dsa::MlDsa44;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// How a cosigner signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519, signature type 0x04: understood by every witness network today.
    Ed25519,
    /// ML-DSA-44 (FIPS 204), signature type 0x06: holds against quantum computers, and commits to
    /// the cosigner's name.
    MlDsa44,
}

enum SecretKey {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    MlDsa44(Box<ml_dsa::SigningKey<MlDsa44>>),
}

/// A secret key that cosigns checkpoints.
pub struct Cosigner {
    name: String,
    key_id: KeyId,
    key: SecretKey,
}

/// A time that a cosignature cannot state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the time of a cosignature must be between 1 and 2^63 - 1 seconds, not {0}")]
pub struct TimeError(pub u64);

impl Cosigner {
    /// A fresh key.
    pub fn generate(name: &str, algorithm: Algorithm, rng: &mut impl CryptoRng) -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        Self::from_seed(name, algorithm, &seed)
    }

    /// The key of a 32-byte seed.
    pub fn from_seed(name: &str, algorithm: Algorithm, seed: &[u8; 32]) -> Result<Self, KeyError> {
        if !is_valid_name(name) {
            return Err(KeyError::BadName);
        }
        let key = match algorithm {
            Algorithm::Ed25519 => SecretKey::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(seed))),
            Algorithm::MlDsa44 => {
                let seed = Zeroizing::new(ml_dsa::Seed::from(*seed));
                SecretKey::MlDsa44(Box::new(ml_dsa::SigningKey::from_seed(&seed)))
            }
        };
        let mut cosigner = Self { name: name.to_string(), key_id: KeyId([0; 4]), key };
        cosigner.key_id = cosigner.verifier().key_id();
        Ok(cosigner)
    }

    /// Reads what [`Cosigner::to_secret_text`] writes.
    pub fn from_secret_text(text: &str) -> Result<Self, KeyError> {
        let (parsed, signature_type, seed) = KeyText::parse_secret(text)?;
        let algorithm = match signature_type {
            ED25519_COSIGNATURE => Algorithm::Ed25519,
            ML_DSA_44_COSIGNATURE => Algorithm::MlDsa44,
            other => return Err(KeyError::WrongType(other)),
        };
        let cosigner = Self::from_seed(parsed.name, algorithm, &seed)?;
        if cosigner.key_id == parsed.key_id { Ok(cosigner) } else { Err(KeyError::WrongId) }
    }

    /// This key, if it has this name.
    pub fn named(self, expected: &str) -> Result<Self, KeyError> {
        if self.name == expected {
            return Ok(self);
        }
        Err(KeyError::OtherName { found: self.name, expected: expected.to_string() })
    }

    /// `PRIVATE+KEY+name+id+base64`: for a file that only its owner may read.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        match &self.key {
            SecretKey::Ed25519(key) => {
                KeyText::secret(&self.name, self.key_id, ED25519_COSIGNATURE, key.as_bytes())
            }
            SecretKey::MlDsa44(key) => {
                let seed = Zeroizing::new((*key.as_seed()).into());
                KeyText::secret(&self.name, self.key_id, ML_DSA_44_COSIGNATURE, &seed)
            }
        }
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public half.
    pub fn verifier(&self) -> Verifier {
        use ml_dsa::Keypair as _;
        let key = match &self.key {
            SecretKey::Ed25519(key) => PublicKey::Ed25519Cosignature(key.verifying_key()),
            SecretKey::MlDsa44(key) => PublicKey::MlDsa44Cosignature(Box::new(key.verifying_key())),
        };
        Verifier::of_cosigner(&self.name, key)
    }

    /// Cosigns a checkpoint at `time`, in Unix seconds.
    ///
    /// The caller answers for the statement: that this head continues every head it cosigned
    /// before, and is the largest.
    pub fn cosign(&self, checkpoint: &Checkpoint, time: u64) -> Result<Signature, TimeError> {
        // SPEC: log.md#cosignatures: a cosignature of time 0 MUST NOT be made.
        if time == 0 || time > TIME_MAX {
            return Err(TimeError(time));
        }
        let mut bytes = time.to_be_bytes().to_vec();
        match &self.key {
            SecretKey::Ed25519(key) => {
                let signature = key.sign(ed25519_message(&checkpoint.text(), time).as_bytes());
                bytes.extend_from_slice(&signature.to_bytes());
            }
            SecretKey::MlDsa44(key) => {
                let message = ml_dsa_44_message(&self.name, checkpoint, time);
                bytes.extend_from_slice(&key.sign(&message).encode());
            }
        }
        Ok(Signature::new(&self.name, self.key_id, bytes))
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cosigner({} {}, secret)", self.name, self.key_id)
    }
}

impl SignedCheckpoint {
    /// Cosigns it, for instance with the log's own ML-DSA-44 key.
    pub fn cosign(&mut self, cosigner: &Cosigner, time: u64) -> Result<Added, TimeError> {
        let line = cosigner.cosign(self.checkpoint(), time)?;
        Ok(self.add(line))
    }
}
