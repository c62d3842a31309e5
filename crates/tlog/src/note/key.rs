//! Keys of notes: names, ids, and their text forms.
//!
//! ```text
//! vkey    candor.example/log+03eef4ad+AZ8sC...      name + 8 hex digits of the key id + base64(type || public key)
//! secret  PRIVATE+KEY+candor.example/log+03eef4ad+AQq7k...                             base64(type || 32-byte seed)
//! ```

use super::{Signature, statement};
use crate::Hash;
use crate::name::{NAME_MAX_BYTES, is_valid_name};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::fmt;
use core::num::NonZeroU64;
use ed25519_dalek::Signer as _;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

pub(crate) const ED25519: u8 = 0x01;
pub(crate) const ED25519_COSIGNATURE: u8 = 0x04;
pub(crate) const ML_DSA_44_COSIGNATURE: u8 = 0x06;

/// Why a key's text form is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Empty, too long, or with a space, a plus or a control character.
    #[error(
        "a key name must have 1 to {NAME_MAX_BYTES} bytes and no spaces, plus signs or control characters"
    )]
    BadName,
    /// Not name+id+key.
    #[error("not of the form {0}")]
    BadForm(&'static str),
    /// The id in the text is not the id of the key.
    #[error("the key id does not belong to this key and name: a character was changed or lost")]
    WrongId,
    /// A signature type that is not known or does not fit this place.
    #[error("signature type {0:#04x} does not fit here")]
    WrongType(u8),
    /// A key of another name than it is to be used under.
    #[error("it is the key of {found}, and the configuration says {expected}")]
    OtherName {
        /// The key's name.
        found: String,
        /// The name that it should have.
        expected: String,
    },
    /// Not a public key, or one under which anything can be made to verify.
    #[error("not a usable public key")]
    BadKey,
}

/// The four bytes by which a key is recognised; no more than a hint, the key itself decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

pub(crate) fn key_id_of(name: &str, signature_type: u8, public_key: &[u8]) -> KeyId {
    let hash = Hash::of(&[name.as_bytes(), b"\n", &[signature_type], public_key]);
    let [a, b, c, d, ..] = hash.0;
    KeyId([a, b, c, d])
}

/// The three parts of a key's text form, checked for form only.
pub(crate) struct KeyText<'a> {
    pub(crate) name: &'a str,
    pub(crate) key_id: KeyId,
    pub(crate) key: Zeroizing<Vec<u8>>,
}

impl<'a> KeyText<'a> {
    pub(crate) fn parse(text: &'a str, form: &'static str) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::BadForm(form));
        };
        if !is_valid_name(name) {
            return Err(KeyError::BadName);
        }
        // from_str_radix alone would take "+123" and capitals.
        let is_hex = id.len() == 8 && id.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        let id = u32::from_str_radix(id, 16).ok().filter(|_| is_hex).ok_or(KeyError::BadForm(form))?;
        if key.len() > 4096 {
            return Err(KeyError::BadForm(form));
        }
        let key = STANDARD.decode(key).map(Zeroizing::new).map_err(|_| KeyError::BadForm(form))?;
        Ok(Self { name, key_id: KeyId(id.to_be_bytes()), key })
    }

    /// Reads `PRIVATE+KEY+name+id+base64(type || seed)`.
    pub(crate) fn parse_secret(text: &'a str) -> Result<(Self, u8, Zeroizing<[u8; 32]>), KeyError> {
        const FORM: &str = "PRIVATE+KEY+name+id+base64";
        let text = text.trim_end_matches('\n').strip_prefix("PRIVATE+KEY+").ok_or(KeyError::BadForm(FORM))?;
        let parsed = Self::parse(text, FORM)?;
        let (signature_type, seed) = parsed.key.split_first().ok_or(KeyError::BadForm(FORM))?;
        let seed = <[u8; 32]>::try_from(seed).map(Zeroizing::new).map_err(|_| KeyError::BadForm(FORM))?;
        let signature_type = *signature_type;
        Ok((parsed, signature_type, seed))
    }

    pub(crate) fn secret(
        name: &str,
        key_id: KeyId,
        signature_type: u8,
        seed: &[u8; 32],
    ) -> Zeroizing<String> {
        let mut key = Zeroizing::new(Vec::with_capacity(33));
        key.push(signature_type);
        key.extend_from_slice(seed);
        let key = Zeroizing::new(STANDARD.encode(key.as_slice()));
        Zeroizing::new(format!("PRIVATE+KEY+{name}+{key_id}+{}", key.as_str()))
    }
}

/// A secret Ed25519 key that signs notes (signature type 0x01).
pub struct Signer {
    name: String,
    key_id: KeyId,
    key: ed25519_dalek::SigningKey,
}

impl Signer {
    /// A fresh key.
    pub fn generate(name: &str, rng: &mut impl CryptoRng) -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        Self::from_seed(name, &seed)
    }

    /// The key of a 32-byte Ed25519 seed.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        if !is_valid_name(name) {
            return Err(KeyError::BadName);
        }
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let key_id = key_id_of(name, ED25519, key.verifying_key().as_bytes());
        Ok(Self { name: name.to_string(), key_id, key })
    }

    /// Reads what [`Signer::to_secret_text`] writes.
    pub fn from_secret_text(text: &str) -> Result<Self, KeyError> {
        let (parsed, signature_type, seed) = KeyText::parse_secret(text)?;
        if signature_type != ED25519 {
            return Err(KeyError::WrongType(signature_type));
        }
        let signer = Self::from_seed(parsed.name, &seed)?;
        if signer.key_id == parsed.key_id { Ok(signer) } else { Err(KeyError::WrongId) }
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
        KeyText::secret(&self.name, self.key_id, ED25519, self.key.as_bytes())
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public half.
    pub fn verifier(&self) -> Verifier {
        let public = PublicKey::Ed25519(self.key.verifying_key());
        Verifier { name: self.name.clone(), key_id: self.key_id, key: public }
    }

    /// The signature line for a text.
    pub fn sign_text(&self, text: &str) -> Signature {
        Signature::new(&self.name, self.key_id, self.sign_bytes(text.as_bytes()).to_vec())
    }

    pub(crate) fn sign_bytes(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({} {}, secret)", self.name, self.key_id)
    }
}

#[derive(Clone)]
pub(crate) enum PublicKey {
    Ed25519(ed25519_dalek::VerifyingKey),
    Ed25519Cosignature(ed25519_dalek::VerifyingKey),
    MlDsa44Cosignature(Box<ml_dsa::VerifyingKey<ml_dsa::MlDsa44>>),
}

/// A public key under a name, with the one kind of signature it is trusted for.
#[derive(Clone)]
pub struct Verifier {
    name: String,
    key_id: KeyId,
    key: PublicKey,
}

impl Verifier {
    /// Parses a vkey: a note key (type 0x01) or a cosigner's (0x04 Ed25519, 0x06 ML-DSA-44).
    pub fn parse(vkey: &str) -> Result<Self, KeyError> {
        let parsed = KeyText::parse(vkey, "name+id+base64")?;
        let (signature_type, bytes) = parsed.key.split_first().ok_or(KeyError::BadKey)?;
        if key_id_of(parsed.name, *signature_type, bytes) != parsed.key_id {
            return Err(KeyError::WrongId);
        }
        let key = match *signature_type {
            ED25519 => PublicKey::Ed25519(ed25519_key(bytes)?),
            ED25519_COSIGNATURE => PublicKey::Ed25519Cosignature(ed25519_key(bytes)?),
            ML_DSA_44_COSIGNATURE => {
                let encoded = bytes.try_into().map_err(|_| KeyError::BadKey)?;
                PublicKey::MlDsa44Cosignature(Box::new(ml_dsa::VerifyingKey::decode(encoded)))
            }
            other => return Err(KeyError::WrongType(other)),
        };
        Ok(Self { name: parsed.name.to_string(), key_id: parsed.key_id, key })
    }

    /// A note key (type 0x01) from the 32 bytes of an Ed25519 public key.
    pub fn from_ed25519(name: &str, public_key: &[u8; 32]) -> Result<Self, KeyError> {
        if !is_valid_name(name) {
            return Err(KeyError::BadName);
        }
        let key = PublicKey::Ed25519(ed25519_key(public_key)?);
        Ok(Self { name: name.to_string(), key_id: key_id_of(name, ED25519, public_key), key })
    }

    pub(crate) fn of_cosigner(name: &str, key: PublicKey) -> Self {
        let mut verifier = Self { name: name.to_string(), key_id: KeyId([0; 4]), key };
        verifier.key_id = key_id_of(name, verifier.signature_type(), &verifier.public_key());
        verifier
    }

    pub(crate) fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's id.
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// 0x01 note, 0x04 Ed25519 cosignature, 0x06 ML-DSA-44 cosignature.
    pub fn signature_type(&self) -> u8 {
        match self.key {
            PublicKey::Ed25519(_) => ED25519,
            PublicKey::Ed25519Cosignature(_) => ED25519_COSIGNATURE,
            PublicKey::MlDsa44Cosignature(_) => ML_DSA_44_COSIGNATURE,
        }
    }

    /// Whether its signatures carry a time, as a witness's do.
    pub fn is_cosigner(&self) -> bool {
        self.signature_type() != ED25519
    }

    /// The encoded public key.
    pub fn public_key(&self) -> Vec<u8> {
        match &self.key {
            PublicKey::Ed25519(key) | PublicKey::Ed25519Cosignature(key) => key.as_bytes().to_vec(),
            PublicKey::MlDsa44Cosignature(key) => key.encode().to_vec(),
        }
    }

    /// The key of a plain Ed25519 note verifier; `None` for cosigners.
    pub fn ed25519_key(&self) -> Option<[u8; 32]> {
        match &self.key {
            PublicKey::Ed25519(key) => Some(key.to_bytes()),
            PublicKey::Ed25519Cosignature(_) | PublicKey::MlDsa44Cosignature(_) => None,
        }
    }

    /// The text form that [`Verifier::parse`] reads.
    pub fn vkey(&self) -> String {
        let mut key = Vec::from([self.signature_type()]);
        key.extend_from_slice(&self.public_key());
        format!("{}+{}+{}", self.name, self.key_id, STANDARD.encode(key))
    }

    /// Whether a signature over a note's text holds (`None`: it does not), and the time that it
    /// states.
    pub(crate) fn check(&self, text: &str, signature: &[u8]) -> Option<Stated> {
        let time = match &self.key {
            PublicKey::Ed25519(key) => {
                return statement::verify_ed25519(key, text.as_bytes(), signature).then_some(Stated(None));
            }
            PublicKey::Ed25519Cosignature(key) => statement::check_ed25519(key, text, signature)?,
            PublicKey::MlDsa44Cosignature(key) => {
                statement::check_ml_dsa_44(key, &self.name, text, signature)?
            }
        };
        Some(Stated(NonZeroU64::new(time).map(NonZeroU64::get)))
    }
}

/// When a signature says that it was made, in Unix seconds: `None` by a plain signature, and by a
/// cosignature of time zero, which makes no claim.
pub(crate) struct Stated(pub(crate) Option<u64>);

/// Same name and same key for the same purpose.
impl PartialEq for Verifier {
    fn eq(&self, other: &Self) -> bool {
        self.key_id == other.key_id && self.name == other.name && self.public_key() == other.public_key()
    }
}

impl Eq for Verifier {}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({} {}, type {:#04x})", self.name, self.key_id, self.signature_type())
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.vkey())
    }
}

fn ed25519_key(bytes: &[u8]) -> Result<ed25519_dalek::VerifyingKey, KeyError> {
    let bytes = <&[u8; 32]>::try_from(bytes).map_err(|_| KeyError::BadKey)?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::BadKey)?;
    // Under a key of small order a signature says nothing about who made it.
    if key.is_weak() { Err(KeyError::BadKey) } else { Ok(key) }
}
