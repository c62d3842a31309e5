//! What one owner decided for one camera: who may watch, who holds shares, what may be released.
//!
//! `proto/segment.md`, "OwnerPolicy". Versions only grow, each names the hash of the one before,
//! and each is a (blinded) leaf in the log: a camera accepts one only with that leaf's proof, so
//! that no silent viewer can be added.

use crate::time::Seconds;
use alloc::string::String;
use alloc::vec::Vec;
use ed25519_dalek::SigningKey;

use crate::codec::{self, DecodeError};
use crate::enrollment::ObjectError;
use crate::id::{CameraId, Day, DeviceId};
use crate::sign::{self, BadSignature, PublicKey, sha256};
use crate::{fields, limits, numbered, wrapped};

/// The type byte.
pub const TYPE: u8 = 0x02;
const DOMAIN: &[u8] = b"candor owner policy\0";

/// What a recipient may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Receives seeds: may watch, export and share.
    Admin,
    /// Receives content keys: may watch.
    Guest,
}

numbered!(Role as u8 { Admin = 1, Guest = 2 });

/// A kind of release that a policy may allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Under a court order.
    Legal = 1,
    /// Danger to life; no order needed.
    Emergency = 2,
    /// The owner lost every device.
    Recovery = 4,
}

impl Class {
    /// The bit in `classes`.
    pub const fn bit(self) -> u8 {
        self as u8
    }
}

/// The classes a policy allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Classes(u8);

wrapped!(Classes);

impl Classes {
    /// These and no others.
    pub fn of(classes: &[Class]) -> Self {
        Self(classes.iter().fold(0, |bits, class| bits | class.bit()))
    }

    /// Whether `class` is among them.
    pub const fn allow(self, class: Class) -> bool {
        self.0 & class.bit() != 0
    }
}

/// A device that receives keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The device.
    pub device_id: DeviceId,
    /// Its X-Wing public key, 1216 bytes.
    pub wrap_pk: Vec<u8>,
    /// What it may do.
    pub role: Role,
    /// After it the camera wraps nothing for it; [`Seconds::MAX`] for no end.
    pub not_after: Seconds,
}

fields!(Recipient { device_id, wrap_pk <= limits::WRAP_KEY, role, not_after });

/// A trustee of the policy; its position, counted from 1, is its share's index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrusteeEntry {
    /// The trustee's key name.
    pub name: String,
    /// Its note verifier key.
    pub vkey: String,
    /// Where it serves.
    pub url: String,
}

fields!(TrusteeEntry {
    name = "trustee name" <= limits::NAME,
    vkey = "trustee vkey" <= limits::NAME,
    url = "trustee url" <= limits::URL,
});

/// Under a trustee's URL, the signed note of its key of a day (`proto/release.md#trustee-http`):
/// the day's number follows.
pub const DAY_KEYS_PATH: &str = "/day-keys/";

/// Where the trustee at `url` serves its key of a day.
pub fn day_keys_url(url: &str, day: Day) -> String {
    alloc::format!("{}{DAY_KEYS_PATH}{}", url.trim_end_matches('/'), day.0)
}

/// One version of an owner's policy for one camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerPolicy {
    /// The camera.
    pub camera_id: CameraId,
    /// From 1, +1 each.
    pub version: u32,
    /// Hash of the version before; zeros for version 1.
    pub prev_hash: [u8; 32],
    /// Epoch length, seconds, 10 to 600; 0: the camera is retired.
    pub epoch_len_s: u16,
    /// Shares needed; 0 when there are no trustees.
    pub t: u8,
    /// Who holds shares.
    pub trustees: Vec<TrusteeEntry>,
    /// Who watches.
    pub recipients: Vec<Recipient>,
    /// What may be released through escrow.
    pub classes: Classes,
    /// How long the relay keeps footage, days.
    pub retention_days: u16,
    /// SHA-256 of the log policy text that proofs are verified against.
    pub log_policy_hash: [u8; 32],
    /// SHA-256 of the PolicyDoc that governs releases.
    pub policy_doc_hash: [u8; 32],
    /// How long after its day a trustee may keep the key of a day, seconds: of that PolicyDoc, or less.
    pub day_key_max_secs: u32,
    /// The owner's recovery key, zeros for none.
    pub recovery_pk: [u8; 32],
    /// The X-Wing key by which the owner reads what is asked about the camera, 1216 bytes.
    pub audit_pk: Vec<u8>,
}

fields!(OwnerPolicy {
    camera_id,
    version,
    prev_hash,
    epoch_len_s,
    t,
    trustees[limits::TRUSTEES],
    recipients[limits::RECIPIENTS],
    classes,
    retention_days,
    log_policy_hash,
    policy_doc_hash,
    day_key_max_secs,
    recovery_pk,
    audit_pk <= limits::WRAP_KEY,
} check OwnerPolicy::check);

impl OwnerPolicy {
    /// The number of shares.
    pub fn n(&self) -> u8 {
        u8::try_from(self.trustees.len()).unwrap_or(u8::MAX)
    }

    /// Whether it says that nothing more is filmed under its camera's key.
    pub fn is_retired(&self) -> bool {
        self.epoch_len_s == 0
    }

    /// Signs as the owner.
    ///
    /// # Errors
    /// [`DecodeError`] when a field is outside its limits: nobody signs what nobody would read.
    pub fn sign(self, owner_root: &SigningKey) -> Result<SignedOwnerPolicy, DecodeError> {
        SignedOwnerPolicy::decode(&sign::sign_object(owner_root, DOMAIN, codec::encode(TYPE, &self)))
    }

    fn check(&self) -> Result<(), DecodeError> {
        let (shortest, longest) = limits::EPOCH_SECONDS;
        let bad = |field| Err(DecodeError::BadValue(field));
        if self.version == 0 || (self.version == 1) != (self.prev_hash == [0; 32]) {
            return bad("version");
        }
        if !(shortest..=longest).contains(&self.epoch_len_s) && !self.is_retired() {
            return bad("epoch_len_s");
        }
        if usize::from(self.t) > self.trustees.len() || (self.t == 0) != self.trustees.is_empty() {
            return bad("t");
        }
        // SPEC: segment.md#ownerpolicy: other bits MUST be refused.
        if self.classes.0 & !7 != 0 {
            return bad("classes");
        }
        if self.recipients.iter().any(|r| r.wrap_pk.len() != limits::WRAP_KEY) {
            return bad("wrap_pk");
        }
        if self.audit_pk.len() != limits::WRAP_KEY {
            return bad("audit_pk");
        }
        let names =
            |i: usize| self.trustees.iter().skip(i + 1).any(|other| other.name == self.trustees[i].name);
        if (0..self.trustees.len()).any(names) {
            return bad("trustees");
        }
        let twice = |i: usize| {
            self.recipients.iter().skip(i + 1).any(|o| o.device_id == self.recipients[i].device_id)
        };
        if (0..self.recipients.len()).any(twice) {
            return bad("recipients");
        }
        Ok(())
    }
}

/// An OwnerPolicy and the bytes that were signed. *Unverified* until [`SignedOwnerPolicy::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedOwnerPolicy {
    policy: OwnerPolicy,
    bytes: Vec<u8>,
}

impl SignedOwnerPolicy {
    /// Parses and checks every field's range; does not verify the signature.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::check_size(bytes.len(), "OwnerPolicy", limits::POLICY)?;
        Ok(Self { policy: codec::decode_signed(TYPE, bytes)?, bytes: bytes.to_vec() })
    }

    /// Parses and verifies in one step.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub fn decode_verified(bytes: &[u8], owner_root_pk: &PublicKey) -> Result<Self, ObjectError> {
        let signed = Self::decode(bytes)?;
        signed.verify(owner_root_pk)?;
        Ok(signed)
    }

    /// The bytes, signature included.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// `policy_hash`: SHA-256 of the bytes, signature included.
    pub fn hash(&self) -> [u8; 32] {
        sha256(&[&self.bytes])
    }

    /// The content, unverified.
    pub fn unverified(&self) -> &OwnerPolicy {
        &self.policy
    }

    /// The content, when the owner signed it.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, owner_root_pk: &PublicKey) -> Result<&OwnerPolicy, BadSignature> {
        sign::verify_object(&self.bytes, owner_root_pk, DOMAIN, "OwnerPolicy")?;
        Ok(&self.policy)
    }
}
