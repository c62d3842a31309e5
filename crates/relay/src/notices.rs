//! The notice keys of days: the relay keeps them, makes labels with them, and shows them to nobody.
//! Contract: `proto/segment.md#daynotice`, `proto/session.md#drafts`.
//!
//! ```text
//! camera    -- DayNotice, notice_d -->  kept, if the first commits to the second
//! sponsor   -- draft -->  label of the id that hangs on its own key and this draft
//! sponsor, owner  <-- DayNotice: slots that trustees open
//! ```
//!
//! Out of scope: who may ask (`access`), how often (`state`).

use crate::peer::Peer;
use crate::refuse::OrRefuse;
use crate::state::Relay;
use media::codec;
use media::id::{CameraId, Day};
use media::message::{Refusal, RefusalCode};
use media::notice::{self, DayNotice, HeldNotice};
use media::sign::PublicKey;

/// Keeps the notice of a camera's day, and its key.
pub(crate) async fn put(relay: &Relay, peer: &Peer, held: &HeldNotice) -> Result<(), Refusal> {
    let enrolled = relay.access.may_publish(&peer.key, peer.camera_id)?;
    let notice = DayNotice::decode_verified(&held.notice, &enrolled.camera_pk)?;
    // SPEC: segment.md#daynotice: a key that the notice does not commit to MUST be refused: labels
    // under it would be nobody's.
    if notice::commit(&held.notice_key) != notice.notice_commit {
        return Err(RefusalCode::Malformed.because("the key is not the one that the DayNotice commits to"));
    }
    relay.take_write(notice.camera_id)?;
    // Notices are never dropped: of days in which there was no such camera there are none. A day's grace.
    if notice.day.0.saturating_add(1) < enrolled.created.day().0 {
        return Err(RefusalCode::OutOfOrder.because(format!("on day {} nobody had this camera", notice.day)));
    }
    let now_us = relay.now_us();
    // SPEC: session.md#publishing: a notice of a day that has not come MUST be refused: its key would
    // lie about days early. A day's grace for clocks that are not the same.
    if notice.day.0 > now_us.day().0.saturating_add(1) {
        return Err(
            RefusalCode::Quota.because(format!("day {} has not come: send its notice then", notice.day))
        );
    }
    let body = codec::encode_bare(held).into();
    relay.store.put_day_notice(notice.camera_id, notice.day, body, now_us).await.or_refuse()
}

/// The notice of a day, with its key.
pub(crate) async fn held(relay: &Relay, camera_id: CameraId, day: Day) -> Result<HeldNotice, Refusal> {
    let found = relay.store.day_notice(camera_id, day).await.or_refuse()?;
    let none = || RefusalCode::NotFound.because("the camera has not published this day's notice");
    Ok(codec::decode_bare(&found.ok_or_else(none)?)?)
}

/// The label of the leaf that this sponsor makes of a draft.
// SPEC: session.md#drafts: a relay MUST make labels of ids that hang on the asker's key alone: with
// one for any id it would say which leaves of the log are about a camera.
pub(crate) async fn label(
    relay: &Relay,
    sponsor: &PublicKey,
    camera_id: CameraId,
    day: Day,
    draft: &[u8; 32],
) -> Result<Vec<u8>, Refusal> {
    let held = held(relay, camera_id, day).await?;
    Ok(notice::label(&held.notice_key, &notice::draft_id(sponsor, draft)).to_vec())
}
