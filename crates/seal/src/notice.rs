//! Notice keys: how an owner finds the leaves about its cameras, and nobody else can tell whose
//! they are. Contract: `proto/segment.md#notice-keys`.
//!
//! ```text
//! NR_{d+1} = HKDF-Expand(NR_d, "candor day\0" || camera_id || u32 d, 32)        one way: a camera keeps only today's
//! notice_d = HKDF-Expand(NR_d, "candor notice\0" || camera_id || u32 d, 32)
//! commit   = SHA-256("candor nk\0" || notice_d)                                 in every EpochContext of the day
//! label    = HMAC(notice_d, "candor label\0" || entry_id)                       in the leaf
//! ```

use crate::epoch::{expand, secret};
use crate::health::HealthKey;
use crate::settings::SettingsKey;
use media::id::{CameraId, Day};

secret!(
    /// `NR_d`: the one-way chain from which each day's notice key comes.
    NoticeRoot
);

secret!(
    /// `notice_d`.
    NoticeKey
);

impl NoticeRoot {
    /// `NR_{d+1}` from `NR_d`; `day` is d.
    pub fn next(&self, camera: &CameraId, day: Day) -> Self {
        Self(*expand(&self.0, &[b"candor day\0", &camera.0, &day.0.to_be_bytes()]))
    }

    /// What a camera says of itself on this day is sealed under it.
    pub fn health_key(&self, camera: &CameraId, day: Day) -> HealthKey {
        HealthKey::new(*expand(&self.0, &[b"candor health key\0", &camera.0, &day.0.to_be_bytes()]))
    }

    /// What is asked of a camera for this day is sealed under it.
    pub fn settings_key(&self, camera: &CameraId, day: Day) -> SettingsKey {
        SettingsKey::new(*expand(&self.0, &[b"candor settings key\0", &camera.0, &day.0.to_be_bytes()]))
    }

    /// `notice_d`.
    pub fn key(&self, camera: &CameraId, day: Day) -> NoticeKey {
        NoticeKey(*expand(&self.0, &[b"candor notice\0", &camera.0, &day.0.to_be_bytes()]))
    }
}

impl NoticeKey {
    /// `notice_commit_d`, which every EpochContext of the day carries.
    pub fn commit(&self) -> [u8; 32] {
        media::notice::commit(&self.0)
    }

    /// The label of the leaf with this entry id.
    pub fn label(&self, entry_id: &[u8; 16]) -> [u8; 32] {
        media::notice::label(&self.0, entry_id)
    }
}
