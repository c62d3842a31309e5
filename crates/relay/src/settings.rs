//! What owners ask of their cameras: the newest of each camera is kept, and the camera told to ask.
//! Contract: `proto/session.md#camera-settings`.
//!
//! Sealed to the camera, so that the relay learns that something is asked, when, and by whom. Out of
//! scope: whether the camera follows it, which it judges by itself and says to its owner.

use crate::peer::Peer;
use crate::refuse::OrRefuse;
use crate::state::Relay;
use media::id::CameraId;
use media::message::{Refusal, RefusalCode};
use media::settings::Settings;
use std::time::Duration;

/// What is asked of one camera in a minute, by whomever: each stays in the store for good.
const PER_MINUTE: u32 = 20;
/// How far a number may be ahead of this relay's time.
const AHEAD: Duration = Duration::from_secs(86_400);

/// Keeps what is asked, if it is newer than what is kept.
pub(crate) async fn put(relay: &Relay, peer: &Peer, signed: Vec<u8>) -> Result<(), Refusal> {
    let settings = Settings::decode_verified(&signed)?;
    let camera_id = settings.camera_id;
    // SPEC: session.md#camera-settings: a relay MUST refuse everybody but the owner and the admins of
    // the newest policy, each for itself.
    if settings.signer != peer.key {
        return Err(RefusalCode::NotAllowed.because("put what you signed yourself"));
    }
    relay.access.may_ask(&peer.key, camera_id, relay.now())?;
    // SPEC: session.md#camera-settings: a number more than a day ahead of its time MUST be refused.
    if settings.number > relay.now_us().after(AHEAD).0 {
        let text = "the number is more than a day ahead of this relay's time: set the clock of the device";
        return Err(RefusalCode::OutOfOrder.because(text));
    }
    if !relay.load.settings.take(camera_id.0, PER_MINUTE) {
        let text = format!("a camera's settings change at most {PER_MINUTE} times a minute: wait a little");
        return Err(RefusalCode::Quota.because(text));
    }
    relay.store.put_settings(camera_id, settings.number, signed, relay.now_us()).await.or_refuse()?;
    tracing::info!(%camera_id, number = settings.number, "settings of a camera were put");
    relay.on_air.publishers.tell_changed(camera_id);
    Ok(())
}

/// What was asked last.
pub(crate) async fn held(relay: &Relay, camera_id: CameraId) -> Result<Vec<u8>, Refusal> {
    let found = relay.store.settings(camera_id).await.or_refuse()?;
    let held = found.map(|held| held.to_vec());
    held.ok_or_else(|| RefusalCode::NotFound.because("nothing is asked of this camera"))
}
