//! Who owns a camera: signed by both.
//!
//! `proto/segment.md`, "Enrollment". The relay lets a camera publish when an owner it knows
//! enrolled it.

use crate::time::Seconds;
use alloc::vec::Vec;
use ed25519_dalek::SigningKey;

use crate::codec::{self, DecodeError};
use crate::fields;
use crate::id::CameraId;
use crate::sign::{self, BadSignature, PublicKey, SignatureBytes};

/// The type byte.
pub const TYPE: u8 = 0x01;
const OWNER_DOMAIN: &[u8] = b"candor enrollment owner\0";
const CAMERA_DOMAIN: &[u8] = b"candor enrollment camera\0";

/// A camera's enrollment by its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrollment {
    /// The camera's Ed25519 key.
    pub camera_pk: PublicKey,
    /// The owner's root Ed25519 key.
    pub owner_root_pk: PublicKey,
    /// When the owner made it.
    pub created: Seconds,
    /// SHA-256 of the firmware, zeros when unknown.
    pub firmware_hash: [u8; 32],
    /// The camera's signature: made in its pairing hello over `owner_root_pk` and the mailbox.
    pub camera_consent: CameraConsent,
}

/// The camera's agreement to this owner, given once, in pairing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CameraConsent {
    /// The pairing mailbox, which makes the consent single-use.
    pub mailbox: [u8; 32],
    /// The camera's signature over `owner_root_pk || mailbox`.
    pub signature: SignatureBytes,
}

fields!(CameraConsent { mailbox, signature = "consent" });

impl CameraConsent {
    /// Consents to be owned by `owner_root_pk`, for the pairing of `mailbox`.
    pub fn sign(camera: &SigningKey, owner_root_pk: &PublicKey, mailbox: [u8; 32]) -> Self {
        let signature = sign::sign(camera, CAMERA_DOMAIN, &[&owner_root_pk[..], &mailbox].concat());
        Self { mailbox, signature }
    }

    /// # Errors
    /// [`BadSignature`] when `camera_pk` did not consent to this owner.
    pub fn verify(&self, camera_pk: &PublicKey, owner_root_pk: &PublicKey) -> Result<(), BadSignature> {
        let body = [&owner_root_pk[..], &self.mailbox].concat();
        sign::verify(camera_pk, CAMERA_DOMAIN, &body, &self.signature, "the camera's consent")
    }
}

fields!(Enrollment { camera_pk, owner_root_pk, created, firmware_hash, camera_consent });

impl Enrollment {
    /// The camera's identifier.
    pub fn camera_id(&self) -> CameraId {
        CameraId::of_key(&self.camera_pk)
    }

    /// Signs as the owner and encodes.
    pub fn sign(&self, owner_root: &SigningKey) -> Vec<u8> {
        sign::sign_object(owner_root, OWNER_DOMAIN, codec::encode(TYPE, self))
    }

    /// Parses and verifies both signatures: there is no unverified Enrollment.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub fn decode_verified(bytes: &[u8]) -> Result<Self, ObjectError> {
        let enrollment: Self = codec::decode_signed(TYPE, bytes)?;
        // SPEC: segment.md#enrollment: both signatures MUST hold.
        sign::verify_object(bytes, &enrollment.owner_root_pk, OWNER_DOMAIN, "Enrollment")?;
        enrollment.camera_consent.verify(&enrollment.camera_pk, &enrollment.owner_root_pk)?;
        Ok(enrollment)
    }
}

/// An object is malformed or not signed by whom it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// Not this object.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Not signed by its author.
    #[error(transparent)]
    Signature(#[from] BadSignature),
}
