//! One call: who may, then what.

use crate::access::Enrolled;
use crate::ingest;
use crate::notices;
use crate::peer::Peer;
use crate::playback;
use crate::publishers::Seen;
use crate::refuse::OrRefuse;
use crate::settings;
use crate::state::Relay;
use media::enrollment::Enrollment;
use media::health::Health;
use media::limits;
use media::message::{CameraStatus, Refusal, RefusalCode, Request, Response};
use media::pair::HeldPolicy;
use media::policy::SignedOwnerPolicy;
use media::time::Seconds;
use quic::{IncomingCall, Responder, StreamError};
use std::time::Instant;
use store::CameraTotals;

/// Reads, judges and answers one call.
pub(crate) async fn serve(relay: &Relay, peer: &Peer, call: IncomingCall) {
    let (request, responder) = match call.request().await {
        Ok(asked) => asked,
        Err(error) => return tracing::debug!(%error, "no request"),
    };
    if let Err(error) = answer(relay, peer, request, responder).await {
        tracing::debug!(%error, "an answer did not arrive");
    }
}

async fn answer(
    relay: &Relay,
    peer: &Peer,
    request: Request,
    responder: Responder,
) -> Result<(), StreamError> {
    let request = match request {
        Request::FetchSegments(query) => return playback::send_segments(relay, peer, query, responder).await,
        Request::FetchReleased(query) => {
            return playback::send_released(relay, peer, query, responder).await;
        }
        Request::FetchHeads(query) => return playback::send_heads(relay, peer, query, responder).await,
        other => other,
    };
    let response = tokio::select! {
        response = respond(relay, peer, request) => response,
        // Whoever asked has gone: there is nobody to wait for.
        () = responder.abandoned() => return Ok(()),
    };
    let response = response.unwrap_or_else(|refusal| {
        tracing::debug!(%refusal, "a call was refused");
        Response::Refused(refusal)
    });
    responder.answer(&response).await
}

async fn respond(relay: &Relay, peer: &Peer, request: Request) -> Result<Response, Refusal> {
    let (access, store, key, now) = (&relay.access, &relay.store, &peer.key, relay.now());
    match request {
        Request::FetchEpochs { camera_id, track, from_us, to_us, cursor } => {
            access.may_fetch(key, camera_id, now)?;
            relay.take_opens(key, camera_id)?;
            playback::find_epochs(relay, (camera_id, track), (from_us, to_us), cursor).await
        }
        Request::PutEpochOpen(bytes) => {
            ingest::put_epoch_open(relay, peer, &bytes).await.map(|()| Response::Ok)
        }
        Request::PutDayNotice(held) => notices::put(relay, peer, &held).await.map(|()| Response::Ok),
        Request::PutSettings(signed) => settings::put(relay, peer, signed).await.map(|()| Response::Ok),
        Request::GetSettings { camera_id } => {
            access.may_settings(key, camera_id, now)?;
            settings::held(relay, camera_id).await.map(Response::Object)
        }
        Request::PutHealth(signed) => put_health(relay, peer, signed).map(|()| Response::Ok),
        Request::GetDayNotice { camera_id, day } => {
            access.may_notice(key, camera_id, now)?;
            Ok(Response::Object(notices::held(relay, camera_id, day).await?.notice))
        }
        Request::GetLabel { camera_id, day, draft } => {
            access.may_release(key, camera_id)?;
            relay.take_opens(key, camera_id)?;
            notices::label(relay, key, camera_id, day, &draft).await.map(Response::Object)
        }
        Request::PutPolicy(policy) => put_policy(relay, peer, &policy).await,
        Request::GetPolicy { camera_id, hash } => {
            access.may_policy(key, camera_id, now)?;
            let hash = (hash != [0; 32]).then_some(hash);
            let held = store.policy(camera_id, hash).await.or_refuse()?;
            Ok(Response::Policy(held.ok_or_else(|| not_found("no policy with this hash is here"))?))
        }
        Request::GetDayKeys(day) => {
            access.may_day_keys(key, now)?;
            Ok(Response::Objects(store.day_keys(day).await.or_refuse()?))
        }
        Request::MailboxOpen { mailbox, ttl_s } => {
            access.may_own(key)?;
            relay.for_owners.mailboxes.open(mailbox, *key, ttl_s, Instant::now()).map(|()| Response::Ok)
        }
        Request::MailboxPut { mailbox, side, mail } => {
            relay.for_owners.mailboxes.put(mailbox, side, *key, mail, Instant::now()).map(|()| Response::Ok)
        }
        Request::MailboxTake { mailbox, side } => {
            relay.for_owners.mailboxes.take(mailbox, side, *key).await.map(Response::Object)
        }
        Request::SponsorLeaf(text) => {
            access.may_own(key)?;
            relay.for_owners.sponsor.append(key, &text).await
        }
        Request::ListCameras => list_cameras(relay, peer, now).await,
        Request::FetchSegments(_) | Request::FetchHeads(_) | Request::FetchReleased(_) => {
            Err(not_found("answered elsewhere"))
        }
    }
}

/// An owner puts its own camera's policy; the camera is told if it is connected.
async fn put_policy(relay: &Relay, peer: &Peer, put: &HeldPolicy) -> Result<Response, Refusal> {
    relay.access.may_own(&peer.key)?;
    let enrolled = Enrollment::decode_verified(&put.enrollment)?;
    if enrolled.owner_root_pk != peer.key {
        return Err(RefusalCode::NotAllowed.because("an owner enrolls for itself and no other"));
    }
    let policy = SignedOwnerPolicy::decode_verified(&put.bundle.policy, &enrolled.owner_root_pk)?;
    let camera_id = enrolled.camera_id();
    if relay.access.camera(camera_id).is_none() {
        relay.access.may_enroll(&peer.key, relay.limits.cameras_per_owner)?;
    }
    relay.store.put_policy(&put.enrollment, &put.bundle, relay.now_us()).await.or_refuse()?;
    relay.access.learn(Enrolled::new(&enrolled, &policy));
    let version = policy.unverified().version;
    tracing::info!(%camera_id, version, "a policy was put");
    relay.on_air.publishers.tell_changed(camera_id);
    Ok(Response::Ok)
}

/// A camera says how it is. What came last is kept as it signed it, in memory; its date is for
/// who reads it.
fn put_health(relay: &Relay, peer: &Peer, signed: Vec<u8>) -> Result<(), Refusal> {
    let enrolled = relay.access.may_publish(&peer.key, peer.camera_id)?;
    relay.take_write(peer.camera_id)?;
    let health = Health::decode_verified(&signed, &enrolled.camera_pk)?;
    relay.on_air.publishers.hear(peer.number, &health, signed)
}

async fn list_cameras(relay: &Relay, peer: &Peer, now: Seconds) -> Result<Response, Refusal> {
    let watched = relay.access.watched_by(&peer.key, now);
    let totals = relay.store.cameras().await.or_refuse()?;
    let mut totals: Vec<_> =
        totals.into_iter().filter(|camera| watched.contains(&camera.camera_id)).collect();
    relay.access.filming_first(&mut totals, |camera| camera.camera_id);
    let cameras = totals.into_iter().take(limits::CAMERAS_PER_ANSWER).map(|camera| {
        let Seen { camera_id, online, replaced, conflicts, health } =
            relay.on_air.publishers.seen(camera.camera_id);
        let CameraTotals { newest_us, clock_offset_ms, tracks, .. } = camera;
        CameraStatus { camera_id, online, newest_us, clock_offset_ms, replaced, conflicts, health, tracks }
    });
    Ok(Response::Cameras(cameras.collect()))
}

fn not_found(text: &str) -> Refusal {
    RefusalCode::NotFound.because(text)
}
