//! What one owner decided for one camera: who may watch, who holds shares, what may be released.
//!
//! `proto/segment.md`, "OwnerPolicy". Versions only grow, each names the hash of the one before, and each is a (blinded) leaf in the
//! log: a camera accepts one only with that leaf's proof, so that no silent viewer can be added.

use crate::time::Seconds;
use alloc::string::String;
use alloc::vec::Vec;
use ed25519_dalek::SigningKey;

use crate::codec::{DecodeError, Reader, Writer};
use crate::enrollment::ObjectError;
use crate::id::{CameraId, Day, DeviceId};
use crate::limits;
use crate::sign::{self, BadSignature, PublicKey, SignatureBytes, sha256};

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

/// A kind of release that a policy may allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Under a court order.
    Legal,
    /// Danger to life; no order needed.
    Emergency,
    /// The owner lost every device.
    Recovery,
}

impl Class {
    /// The bit in `classes`.
    #[must_use]
    pub const fn bit(self) -> u8 {
        match self {
            Self::Legal => 1,
            Self::Emergency => 2,
            Self::Recovery => 4,
        }
    }
}

/// The classes a policy allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Classes(u8);

impl Classes {
    /// These and no others.
    #[must_use]
    pub fn of(classes: &[Class]) -> Self {
        Self(classes.iter().fold(0, |bits, class| bits | class.bit()))
    }

    /// Whether `class` is among them.
    #[must_use]
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

/// Under a trustee's URL, the signed note of its key of a day (`proto/release.md#trustee-http`): the
/// day's number follows.
pub const DAY_KEYS_PATH: &str = "/day-keys/";

/// Where the trustee at `url` serves its key of a day.
#[must_use]
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
    /// Epoch length, seconds, 10 to 600.
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
    /// The owner's recovery key, zeros for none.
    pub recovery_pk: [u8; 32],
}

impl OwnerPolicy {
    /// The number of shares.
    #[must_use]
    pub fn n(&self) -> u8 {
        u8::try_from(self.trustees.len()).unwrap_or(u8::MAX)
    }

    /// Signs as the owner.
    ///
    /// # Errors
    /// [`DecodeError`] when a field is outside its limits: nobody signs what nobody would read.
    pub fn sign(self, owner_root: &SigningKey) -> Result<SignedOwnerPolicy, DecodeError> {
        let mut bytes = self.encode_body();
        let signature = sign::sign(owner_root, DOMAIN, &bytes);
        bytes.extend_from_slice(&signature);
        SignedOwnerPolicy::decode(&bytes)
    }

    fn encode_body(&self) -> Vec<u8> {
        let mut w = Writer::object(TYPE);
        w.raw(&self.camera_id.0).u32(self.version).raw(&self.prev_hash).u16(self.epoch_len_s).u8(self.t);
        w.count(self.trustees.len());
        for trustee in &self.trustees {
            w.bytes(trustee.name.as_bytes()).bytes(trustee.vkey.as_bytes()).bytes(trustee.url.as_bytes());
        }
        w.count(self.recipients.len());
        for r in &self.recipients {
            let role = match r.role {
                Role::Admin => 1,
                Role::Guest => 2,
            };
            w.raw(&r.device_id.0).bytes(&r.wrap_pk).u8(role).u64(r.not_after.0);
        }
        w.u8(self.classes.0).u16(self.retention_days);
        w.raw(&self.log_policy_hash).raw(&self.policy_doc_hash).raw(&self.recovery_pk);
        w.finish()
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let camera_id = CameraId(r.array("camera_id")?);
        let version = r.u32("version")?;
        let prev_hash = r.array("prev_hash")?;
        let epoch_len_s = r.u16("epoch_len_s")?;
        let t = r.u8("t")?;
        let trustees = (0..r.count(limits::TRUSTEES, "trustees")?)
            .map(|_| {
                Ok(TrusteeEntry {
                    name: r.text(limits::NAME, "trustee name")?,
                    vkey: r.text(limits::NAME, "trustee vkey")?,
                    url: r.text(limits::URL, "trustee url")?,
                })
            })
            .collect::<Result<Vec<_>, DecodeError>>()?;
        let recipients = (0..r.count(limits::RECIPIENTS, "recipients")?)
            .map(|_| {
                Ok(Recipient {
                    device_id: DeviceId(r.array("device_id")?),
                    wrap_pk: r.bytes(limits::WRAP_KEY, "wrap_pk")?.to_vec(),
                    role: match r.u8("role")? {
                        1 => Role::Admin,
                        2 => Role::Guest,
                        _ => return Err(DecodeError::BadValue("role")),
                    },
                    not_after: Seconds(r.u64("not_after")?),
                })
            })
            .collect::<Result<Vec<_>, DecodeError>>()?;
        let classes = Classes(r.u8("classes")?);
        let policy = Self {
            camera_id,
            version,
            prev_hash,
            epoch_len_s,
            t,
            trustees,
            recipients,
            classes,
            retention_days: r.u16("retention_days")?,
            log_policy_hash: r.array("log_policy_hash")?,
            policy_doc_hash: r.array("policy_doc_hash")?,
            recovery_pk: r.array("recovery_pk")?,
        };
        policy.check()?;
        Ok(policy)
    }

    fn check(&self) -> Result<(), DecodeError> {
        let (shortest, longest) = limits::EPOCH_SECONDS;
        let bad = |field| Err(DecodeError::BadValue(field));
        if self.version == 0 || (self.version == 1) != (self.prev_hash == [0; 32]) {
            return bad("version");
        }
        if !(shortest..=longest).contains(&self.epoch_len_s) {
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
        if bytes.len() > limits::POLICY {
            return Err(DecodeError::TooLong {
                field: "OwnerPolicy",
                got: bytes.len(),
                limit: limits::POLICY,
            });
        }
        let mut reader = Reader::object(bytes, TYPE)?;
        let policy = OwnerPolicy::read(&mut reader)?;
        let _signature: SignatureBytes = reader.array("signature")?;
        reader.finish()?;
        Ok(Self { policy, bytes: bytes.to_vec() })
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
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// `policy_hash`: SHA-256 of the bytes, signature included.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        sha256(&[&self.bytes])
    }

    /// The content, unverified.
    #[must_use]
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
