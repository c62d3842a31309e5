//! A pairing that was cut off between the camera's answer and the book: the camera films, and the book takes it
//! for one that never had its answer.

use crate::book::{BookError, StoredCamera};
use crate::live::policy::Policies;
use crate::state::Owner;
use media::id::{CameraId, TrackId};
use media::message::CameraStatus;
use media::time::Micros;
use quic::CallError;
use relay_client::{EpochQuery, Paging, Session};

/// Books cameras that have their answer after all: they opened an epoch under the policy that came with it. The
/// relay's word alone renames none.
pub(super) async fn find(owner: &Owner, session: &mut Session, told: &[CameraStatus]) {
    let films = |camera: &&StoredCamera| {
        let of_it = |told: &&CameraStatus| told.camera_id == camera.camera_id;
        !camera.welcomed && told.iter().find(of_it).is_some_and(|told| !told.tracks.is_empty())
    };
    for camera in owner.stored().cameras.iter().filter(films) {
        let id: CameraId = camera.camera_id;
        match has_its_policy(session, camera).await {
            Ok(true) => {}
            Ok(false) => continue,
            // What cannot be read of one leftover says nothing of any other camera.
            Err(error) => {
                tracing::debug!(%error, camera = %id, "no EpochOpens");
                continue;
            }
        }
        match owner.change(move |stored| Ok::<_, BookError>(stored.welcome(&id))).await {
            Ok(_) => tracing::info!(camera = %id, "its pairing was cut off after its answer: it is paired"),
            Err(error) => tracing::warn!(%error, camera = %id, "the book does not take it"),
        }
    }
}

async fn has_its_policy(session: &mut Session, camera: &StoredCamera) -> Result<bool, CallError> {
    let (Ok(camera_key), Ok(policies)) = (camera.camera_key(), Policies::of(camera)) else {
        return Ok(false);
    };
    let (track, from_us, to_us) = (TrackId::MAIN, Micros(0), Micros::MAX);
    let mut paging = Paging::new(EpochQuery { camera_key, track, from_us, to_us });
    let page = paging.next(&session.link().await?).await?;
    let epochs = page.map_or_else(Vec::new, |page| page.epochs);
    Ok(epochs.iter().any(|epoch| policies.has(&epoch.open().context.policy_hash)))
}
