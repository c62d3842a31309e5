//! The cameras of the book beside what the relay says of them now.

use super::recent::Recent;
use super::{Camera, StoredCamera};
use crate::Owner;
use crate::relay::{As, Session};
use media::id::{CameraId, TrackId};
use media::message::{CameraStatus, Request, Response};
use quic::CallError;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// A clock that differs from the relay's by more than this is shown.
pub const CLOCK_TOLERANCE_MS: u64 = 30_000;

/// How far the two tracks of a camera may be apart, microseconds: a segment is never longer.
const LATELY_US: u64 = 10_000_000;

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
    /// Bytes of the newest minute over its filmed time; `None` where nothing of it could be read.
    pub bits_per_second: Option<u64>,
    /// Earlier segments that still waited in the camera's spool when its newest one began, by the camera's sealed word.
    pub waiting: Option<u32>,
    /// Whether it films a second picture now, as far as the relay shows.
    pub second: bool,
}

/// Asks the relay, and puts its answer beside the book. The relay is believed for availability only.
pub async fn status(owner: &Owner) -> Result<Vec<Status>, CallError> {
    Asking::new(owner).status(owner).await
}

/// A session that is kept, and what was read on it.
#[derive(Debug)]
pub(crate) struct Asking {
    session: Session,
    recent: BTreeMap<CameraId, Recent>,
}

impl Asking {
    pub(crate) fn new(owner: &Owner) -> Self {
        Self { session: Session::new(owner, As::Device), recent: BTreeMap::new() }
    }

    /// What the relay says, beside the book; nothing of the footage is read.
    pub(crate) async fn listed(&mut self, owner: &Owner) -> Result<Vec<Status>, CallError> {
        let told = match self.session.ask(&Request::ListCameras).await? {
            Response::Cameras(told) => told,
            _ => return Err(CallError::Unexpected("no Cameras")),
        };
        let mut all: Vec<_> = owner.stored().cameras.iter().map(|camera| beside(camera, &told)).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    pub(crate) async fn status(&mut self, owner: &Owner) -> Result<Vec<Status>, CallError> {
        let mut all = self.listed(owner).await?;
        let stored = owner.stored();
        for status in &mut all {
            let Some(camera) = stored.camera(&status.name) else { continue };
            status.second = self.films_second(camera.camera_id, status.newest_us).await?;
            // What cannot be read of the footage does not make the camera vanish.
            match self.recent(owner, camera, status.newest_us).await {
                Ok(recent) => {
                    status.bits_per_second = recent.bits_per_second();
                    status.waiting = recent.waiting();
                }
                Err(error) => tracing::debug!(%error, camera = %camera.camera_id, "no heads"),
            }
        }
        Ok(all)
    }

    /// Whether an epoch of its second track lies at the moment of its newest segment.
    async fn films_second(&mut self, camera_id: CameraId, newest_us: u64) -> Result<bool, CallError> {
        let from_us = newest_us.saturating_sub(LATELY_US);
        let request = Request::FetchEpochs { camera_id, track: TrackId::SUB, from_us, to_us: u64::MAX };
        match self.session.ask(&request).await {
            Ok(Response::Epochs { opens, .. }) => Ok(newest_us > 0 && !opens.is_empty()),
            Ok(_) => Err(CallError::Unexpected("no Epochs")),
            Err(CallError::Refused(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn recent(
        &mut self,
        owner: &Owner,
        camera: &StoredCamera,
        newest_us: u64,
    ) -> Result<&Recent, CallError> {
        let recent = match self.recent.entry(camera.camera_id) {
            Entry::Occupied(kept) => kept.into_mut(),
            Entry::Vacant(place) => place.insert(Recent::of(camera)?),
        };
        recent.read(owner, &mut self.session, camera, newest_us).await?;
        Ok(recent)
    }
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
        bits_per_second: None,
        waiting: None,
        second: false,
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
