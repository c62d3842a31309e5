//! What an owner asks of a camera beside its policy, as the relay keeps it.
//!
//! `proto/segment.md`, "Settings". In clear stands who asks, and which is newer; what is asked is
//! sealed to the camera (`seal::settings`), always in as many bytes.

use alloc::vec::Vec;
use ed25519_dalek::SigningKey;

use crate::codec::{self, DecodeError};
use crate::enrollment::ObjectError;
use crate::id::{CameraId, Day};
use crate::sign::{self, PublicKey};
use crate::{fields, limits};

/// The type byte.
pub const TYPE: u8 = 0x15;
const DOMAIN: &[u8] = b"candor camera settings\0";

/// What is asked of a camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Of which.
    pub camera_id: CameraId,
    /// A later one has a higher number.
    pub number: u64,
    /// Who asks: the owner's root key, or that of a device.
    pub signer: PublicKey,
    /// The day whose notice root gives the key of what is sealed.
    pub day: Day,
    /// What only the camera and its owner read, [`limits::SETTINGS_SEALED`] bytes.
    pub sealed: Vec<u8>,
}

fields!(Settings { camera_id, number, signer, day, sealed <= limits::SETTINGS_SEALED } check Settings::check);

impl Settings {
    // SPEC: segment.md#settings: a relay MUST refuse another length, which would tell something.
    fn check(&self) -> Result<(), DecodeError> {
        let is_whole = self.sealed.len() == limits::SETTINGS_SEALED;
        if is_whole { Ok(()) } else { Err(DecodeError::BadValue("sealed")) }
    }

    /// Signs as whoever asks and encodes; `signer` becomes its key.
    pub fn sign(mut self, signer: &SigningKey) -> Vec<u8> {
        self.signer = signer.verifying_key().to_bytes();
        sign::sign_object(signer, DOMAIN, codec::encode(TYPE, &self))
    }

    /// Parses and verifies that it was signed by whom it names. Whether that one may ask is for its
    /// reader to judge, by the owner's policy.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub fn decode_verified(bytes: &[u8]) -> Result<Self, ObjectError> {
        codec::check_size(bytes.len(), "settings", limits::SETTINGS)?;
        let settings: Self = codec::decode_signed(TYPE, bytes)?;
        sign::verify_object(bytes, &settings.signer, DOMAIN, "settings")?;
        Ok(settings)
    }
}
