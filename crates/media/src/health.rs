//! What a camera says of itself while it is connected, as the relay passes it on.
//!
//! `proto/segment.md`, "Health". In clear stands what a relay sees anyway, by the segments that do
//! not come: that there is no picture, and since when. Why is sealed to the owner (`seal::health`),
//! always in as many bytes.

use alloc::vec::Vec;
use ed25519_dalek::SigningKey;

use crate::codec::{self, DecodeError};
use crate::enrollment::ObjectError;
use crate::id::{CameraId, Day};
use crate::sign::{self, BadSignature, PublicKey};
use crate::time::Micros;
use crate::{fields, limits};

/// The type byte.
pub const TYPE: u8 = 0x14;
const DOMAIN: &[u8] = b"candor health\0";

/// How a camera is at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The camera.
    pub camera_id: CameraId,
    /// When, by its clock.
    pub at_us: Micros,
    /// Since when its main picture is missing although it should film; none where it is not.
    pub no_picture_since_us: Option<Micros>,
    /// The day whose notice root gives the key of what is sealed.
    pub day: Day,
    /// What only its owner reads, [`limits::HEALTH_SEALED`] bytes.
    pub sealed: Vec<u8>,
}

fields!(Health {
    camera_id,
    at_us,
    no_picture_since_us,
    day,
    sealed <= limits::HEALTH_SEALED,
} check Health::check);

impl Health {
    // SPEC: segment.md#health: a relay MUST refuse another length, which would tell something.
    fn check(&self) -> Result<(), DecodeError> {
        let is_whole = self.sealed.len() == limits::HEALTH_SEALED;
        if is_whole { Ok(()) } else { Err(DecodeError::BadValue("sealed")) }
    }

    /// Signs as the camera and encodes.
    pub fn sign(&self, camera: &SigningKey) -> Vec<u8> {
        sign::sign_object(camera, DOMAIN, codec::encode(TYPE, self))
    }

    /// Parses and verifies.
    ///
    /// # Errors
    /// [`ObjectError`], also when `camera_key` is not the camera it names.
    pub fn decode_verified(bytes: &[u8], camera_key: &PublicKey) -> Result<Self, ObjectError> {
        codec::check_size(bytes.len(), "health", limits::HEALTH)?;
        let health: Self = codec::decode_signed(TYPE, bytes)?;
        sign::verify_object(bytes, camera_key, DOMAIN, "health")?;
        if CameraId::of_key(camera_key) != health.camera_id {
            return Err(BadSignature("health").into());
        }
        Ok(health)
    }
}
