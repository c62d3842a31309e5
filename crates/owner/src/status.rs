//! The cameras of the book beside what the relay says of them now.

use crate::Owner;
use crate::book::{Camera, StoredCamera};
use crate::relay::{As, Session};
use media::message::{CameraStatus, Request, Response};
use quic::CallError;

/// A clock that differs from the relay's by more than this is shown.
pub const CLOCK_TOLERANCE_MS: u64 = 30_000;

/// One camera.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    #[serde(flatten)]
    pub camera: Camera,
    /// The relay's word; `None` when it says nothing of this camera.
    pub online: Option<bool>,
    /// Start of the newest stored segment by the camera's clock, Unix microseconds.
    pub newest_us: Option<u64>,
    pub segments: u64,
    pub bytes: u64,
    /// The relay's clock minus the camera's, where they differ by more than [`CLOCK_TOLERANCE_MS`].
    pub clock_off_ms: Option<i64>,
}

/// Asks the relay, and puts its answer beside the book. The relay is believed for availability only.
pub async fn cameras(owner: &Owner) -> Result<Vec<Status>, CallError> {
    let told = match Session::new(owner, As::Device).ask(&Request::ListCameras).await? {
        Response::Cameras(told) => told,
        _ => return Err(CallError::Unexpected("no Cameras")),
    };
    let mut all: Vec<_> = owner.stored().cameras.iter().map(|camera| status(camera, &told)).collect();
    all.sort_by(|a, b| a.camera.name.cmp(&b.camera.name));
    Ok(all)
}

fn status(camera: &StoredCamera, told: &[CameraStatus]) -> Status {
    let told = told.iter().find(|told| told.camera_id == camera.camera_id);
    let off = |told: &CameraStatus| {
        (told.clock_offset_ms.unsigned_abs() > CLOCK_TOLERANCE_MS).then_some(told.clock_offset_ms)
    };
    Status {
        camera: camera.shown(),
        online: told.map(|told| told.online),
        newest_us: told.map(|told| told.newest_us).filter(|newest| *newest > 0),
        segments: told.map_or(0, |told| told.segments),
        bytes: told.map_or(0, |told| told.bytes),
        clock_off_ms: told.and_then(off),
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
        };
        let told = |at: u8, clock_offset_ms| CameraStatus {
            camera_id: CameraId([at; 32]),
            online: true,
            segments: 2,
            bytes: 3,
            newest_us: 4,
            clock_offset_ms,
        };
        assert_eq!(status(&camera, &[told(2, 0)]).online, None, "another's word is not this camera's");
        let shown = status(&camera, &[told(2, 0), told(1, -30_001)]);
        assert_eq!((shown.online, shown.newest_us, shown.clock_off_ms), (Some(true), Some(4), Some(-30_001)));
        assert_eq!(status(&camera, &[told(1, 30_000)]).clock_off_ms, None);
        assert_eq!(status(&camera, &[told(1, i64::MIN)]).clock_off_ms, Some(i64::MIN));
    }
}
