//! A day's notice key, as the camera publishes it to the relay.
//!
//! `proto/segment.md`, "DayNotice". The relay keeps it for owners and sponsors, never for guests:
//! with it a sponsor can compose a request that the owner will find, and its holder can recognise
//! that camera's leaves of that one day.

use alloc::vec::Vec;
use ed25519_dalek::SigningKey;
use ring::hmac;

use crate::codec;
use crate::enrollment::ObjectError;
use crate::fields;
use crate::id::{CameraId, Day};
use crate::sign::{self, BadSignature, PublicKey};

/// The type byte.
pub const TYPE: u8 = 0x03;
const DOMAIN: &[u8] = b"candor day notice\0";

/// One camera's notice key of one day.
#[derive(Clone, PartialEq, Eq)]
pub struct DayNotice {
    /// The camera.
    pub camera_id: CameraId,
    /// The day.
    pub day: Day,
    /// `notice_d`.
    pub notice_key: [u8; 32],
}

impl core::fmt::Debug for DayNotice {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DayNotice")
            .field("camera_id", &self.camera_id)
            .field("day", &self.day)
            .finish_non_exhaustive()
    }
}

fields!(DayNotice { camera_id, day, notice_key });

/// The label of the leaf with this id, by a day's notice key.
pub fn label(notice_key: &[u8; 32], entry_id: &[u8; 16]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, notice_key));
    context.update(b"candor label\0");
    context.update(entry_id);
    let mut label = [0; 32];
    label.copy_from_slice(context.sign().as_ref());
    label
}

impl DayNotice {
    /// The label of the leaf with this id.
    pub fn label(&self, entry_id: &[u8; 16]) -> [u8; 32] {
        label(&self.notice_key, entry_id)
    }

    /// Signs as the camera and encodes.
    pub fn sign(&self, camera: &SigningKey) -> Vec<u8> {
        sign::sign_object(camera, DOMAIN, codec::encode(TYPE, self))
    }

    /// Parses and verifies: there is no unverified DayNotice.
    ///
    /// # Errors
    /// [`ObjectError`], also when `camera_key` is not the camera it names.
    pub fn decode_verified(bytes: &[u8], camera_key: &PublicKey) -> Result<Self, ObjectError> {
        let notice: Self = codec::decode_signed(TYPE, bytes)?;
        sign::verify_object(bytes, camera_key, DOMAIN, "DayNotice")?;
        if CameraId::of_key(camera_key) != notice.camera_id {
            return Err(BadSignature("DayNotice").into());
        }
        Ok(notice)
    }
}
