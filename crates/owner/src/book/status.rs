//! The cameras of the book beside what the relay says of them now.

use super::{Camera, StoredCamera};
use crate::Owner;
use crate::relay::{As, Session};
use media::message::{CameraStatus, Request, Response};
use quic::CallError;

/// A clock that differs from the relay's by more than this is shown.
pub const CLOCK_TOLERANCE_MS: u64 = 30_000;

/// One camera.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    pub name: String,
    /// SHA-256 over its key, hex.
    pub camera_id: String,
    pub policy_version: u32,
    /// When it was paired, Unix seconds.
    pub paired_at: u64,
    /// Whether it is connected, by the relay's word; what follows is that too.
    pub online: bool,
    pub segments: u64,
    pub bytes: u64,
    /// Start of the newest stored segment by the camera's clock, Unix microseconds; 0 for none.
    pub newest_us: u64,
    /// The relay's clock minus the camera's.
    pub clock_offset_ms: i64,
    /// Whether that is more than [`CLOCK_TOLERANCE_MS`]: its footage stands at the wrong time.
    pub clock_is_off: bool,
    /// How often another connection with the camera's key took over, since the relay started. Once is a network that changed; a number that
    /// grows while the network is steady is a key that was copied: pair the camera anew.
    pub replaced: u64,
}

/// Asks the relay, and puts its answer beside the book. The relay is believed for availability only.
pub async fn status(owner: &Owner) -> Result<Vec<Status>, CallError> {
    status_by(owner, &mut Session::new(owner, As::Device)).await
}

/// The same over a session that is kept.
pub(crate) async fn status_by(owner: &Owner, session: &mut Session) -> Result<Vec<Status>, CallError> {
    let told = match session.ask(&Request::ListCameras).await? {
        Response::Cameras(told) => told,
        _ => return Err(CallError::Unexpected("no Cameras")),
    };
    let mut all: Vec<_> = owner.stored().cameras.iter().map(|camera| beside(camera, &told)).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

fn beside(camera: &StoredCamera, told: &[CameraStatus]) -> Status {
    let Camera { name, camera_id, policy_version, paired_at } = camera.shown();
    let told = told.iter().find(|told| told.camera_id == camera.camera_id);
    let clock_offset_ms = told.map_or(0, |told| told.clock_offset_ms);
    Status {
        name,
        camera_id,
        policy_version,
        paired_at,
        online: told.is_some_and(|told| told.online),
        segments: told.map_or(0, |told| told.segments),
        bytes: told.map_or(0, |told| told.bytes),
        newest_us: told.map_or(0, |told| told.newest_us),
        clock_offset_ms,
        clock_is_off: clock_offset_ms.unsigned_abs() > CLOCK_TOLERANCE_MS,
        replaced: told.map_or(0, |told| told.replaced),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::Base64;
    use media::id::CameraId;

    #[test]
    fn a_camera_is_shown_with_the_relays_word_and_a_wrong_clock() {
        let camera = StoredCamera {
            name: "door".to_owned(),
            camera_id: CameraId([1; 32]),
            model: String::new(),
            enrollment: Base64::default(),
            policies: Vec::new(),
            notice_from: 0,
            paired_at: 5,
            welcomed: true,
            epochs_checked_to_us: 0,
            sub_epochs_checked_to_us: 0,
        };
        let told = |at: u8, clock_offset_ms| CameraStatus {
            camera_id: CameraId([at; 32]),
            online: true,
            segments: 2,
            bytes: 3,
            newest_us: 4,
            clock_offset_ms,
            replaced: 6,
        };
        assert!(!beside(&camera, &[told(2, 0)]).online, "another's word is not this camera's");
        let shown = beside(&camera, &[told(2, 0), told(1, -30_001)]);
        assert_eq!((shown.online, shown.newest_us, shown.clock_is_off), (true, 4, true));
        assert_eq!(shown.replaced, 6);
        assert!(!beside(&camera, &[told(1, 30_000)]).clock_is_off);
        assert!(beside(&camera, &[told(1, i64::MIN)]).clock_is_off);
    }
}
