//! A camera's notice key of a day: how leaves about it are found, and who is told.
//!
//! `proto/segment.md`, "DayNotice" and "Notice keys".
//!
//! ```text
//! notice_d ── in clear, beside the DayNotice ──> the relay         makes the labels of drafts
//!          ── in slots, to trustees' keys of the day ──> trustees  count earlier requests
//!          ── its commitment ──> everybody                         in the DayNotice, in each EpochOpen
//! ```
//!
//! In scope: the signed DayNotice, which is no secret, what the relay keeps beside it, labels. Out
//! of scope: sealing and opening slots (`escrow::deal`), the chain of days (`seal::notice`).

use alloc::vec::Vec;
use ed25519_dalek::SigningKey;
use ring::hmac;

use crate::codec::{self, DecodeError};
use crate::enrollment::ObjectError;
use crate::epoch::SealedShare;
use crate::id::{CameraId, Day};
use crate::sign::{self, BadSignature, PublicKey, sha256};
use crate::{fields, limits};

/// The type byte.
pub const TYPE: u8 = 0x03;
const DOMAIN: &[u8] = b"candor day notice\0";

/// One camera's notice key of one day, for the trustees who count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayNotice {
    /// The camera.
    pub camera_id: CameraId,
    /// The day.
    pub day: Day,
    /// Commitment to the notice key, the same as in every EpochOpen of the day.
    pub notice_commit: [u8; 32],
    /// The notice key, sealed to trustees' keys of the day; ascending by the day key's id.
    pub slots: Vec<SealedShare>,
}

fields!(DayNotice {
    camera_id,
    day,
    notice_commit,
    slots[limits::NOTICE_SLOTS],
} check DayNotice::check);

impl DayNotice {
    fn check(&self) -> Result<(), DecodeError> {
        let ascend = self.slots.is_sorted_by(|one, next| one.day_key_id < next.day_key_id);
        if ascend { Ok(()) } else { Err(DecodeError::BadValue("slots")) }
    }

    /// The slot that is sealed to this day key.
    pub fn slot(&self, day_key_id: &[u8; 32]) -> Option<&SealedShare> {
        self.slots.iter().find(|slot| slot.day_key_id == *day_key_id)
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
        let notice = Self::decode_unverified(bytes)?;
        sign::verify_object(bytes, camera_key, DOMAIN, "DayNotice")?;
        if CameraId::of_key(camera_key) != notice.camera_id {
            return Err(BadSignature("DayNotice").into());
        }
        Ok(notice)
    }

    fn decode_unverified(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::check_size(bytes.len(), "DayNotice", limits::DAY_NOTICE)?;
        codec::decode_signed(TYPE, bytes)
    }
}

/// A DayNotice as camera and relay have it: with the key. Its `Debug` shows none.
#[derive(Clone, PartialEq, Eq)]
pub struct HeldNotice {
    /// `notice_d`.
    pub notice_key: [u8; 32],
    /// The signed DayNotice.
    pub notice: Vec<u8>,
}

fields!(HeldNotice { notice_key, notice = "DayNotice" <= limits::DAY_NOTICE });

impl core::fmt::Debug for HeldNotice {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("HeldNotice").finish_non_exhaustive()
    }
}

/// What becomes of a DayNotice where one of its day is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// It takes the held one's place: the same key, sealed to more.
    Replaces,
    /// The held one stays: it has each of its slots.
    AddsNothing,
    /// Another key, or slots that neither has all of.
    Contradicts,
}

impl HeldNotice {
    /// What becomes of it where `held` is. Neither is verified here.
    ///
    /// # Errors
    /// [`DecodeError`] where one of them is no DayNotice.
    // SPEC: segment.md#daynotice: one of the same key with all slots of the one before and more MUST
    // take its place, and no other may.
    pub fn beside(&self, held: &Self) -> Result<Beside, DecodeError> {
        let (new, old) =
            (DayNotice::decode_unverified(&self.notice)?, DayNotice::decode_unverified(&held.notice)?);
        let of_one = |notice: &DayNotice| (notice.camera_id, notice.day, notice.notice_commit);
        let holds = |all: &DayNotice, some: &DayNotice| {
            some.slots.iter().all(|slot| all.slot(&slot.day_key_id).is_some())
        };
        Ok(match (holds(&old, &new), holds(&new, &old)) {
            _ if of_one(&new) != of_one(&old) || self.notice_key != held.notice_key => Beside::Contradicts,
            (true, _) => Beside::AddsNothing,
            (false, true) => Beside::Replaces,
            (false, false) => Beside::Contradicts,
        })
    }
}

/// `notice_commit_d`, which every EpochContext of the day carries.
pub fn commit(notice_key: &[u8; 32]) -> [u8; 32] {
    sha256(&[b"candor nk\0", notice_key])
}

/// The label of the leaf with this id, by a day's notice key.
pub fn label(notice_key: &[u8; 32], entry_id: &[u8; 16]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, notice_key));
    context.update(b"candor label\0");
    context.update(entry_id);
    let mut label = [0; 32];
    label.copy_from_slice(context.sign().as_ref());
    label
}

/// The id of the leaf that a sponsor makes of a draft. It hangs on the sponsor's link key, so that
/// nobody is given the label of an id that another sponsor made.
pub fn draft_id(link_key: &PublicKey, draft: &[u8; 32]) -> [u8; 16] {
    let hash = sha256(&[b"candor draft\0", link_key, draft]);
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    id
}
