//! Recorded footage out: the stored bytes, exactly as they were received, in order.

use crate::ingest::of_store;
use crate::serve::Relay;
use crate::store::{SegmentQuery, StoreError};
use media::id::{CameraId, TrackId};
use media::limits;
use media::message::{Refusal, RefusalCode, Response};
use quic::{Responder, StreamError};

/// Streams what was asked for. The caller's rights have been checked.
///
/// Footage that retention takes meanwhile is left out, and so is what the disk damaged: the chain shows the gap.
pub(crate) async fn segments(
    relay: &Relay,
    mut query: SegmentQuery,
    responder: Responder,
) -> Result<(), StreamError> {
    let Ok(_seat) = relay.fetches.try_acquire() else {
        let refusal = Refusal::new(RefusalCode::Quota, "too many fetches at once: ask again in a moment");
        return responder.answer(&Response::Refused(refusal)).await;
    };
    // The first look comes before the answer, so that a failing store is a refusal and not half an answer.
    let mut page = match relay.store.segments(query).await {
        Ok(page) => page,
        Err(error) => return responder.answer(&Response::Refused(of_store(&error))).await,
    };
    let mut out = responder.segments().await?;
    loop {
        for segment in &page.segments {
            match relay.store.read_segment(segment).await {
                Ok(bytes) => out.send(segment.facts().received_us, bytes).await?,
                Err(StoreError::Gone) => {}
                Err(error @ StoreError::Damaged { .. }) => tracing::error!(%error, "left out of an answer"),
                Err(error) => {
                    // Dropping `out` breaks the call off: the caller does not take a part for everything.
                    tracing::error!(%error, "a fetch was broken off");
                    return Ok(());
                }
            }
        }
        let Some(next) = page.next else { return out.finish().await };
        query.cursor = next;
        page = match relay.store.segments(query).await {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, "a fetch was broken off");
                return Ok(());
            }
        };
    }
}

/// EpochOpens of a range, as many as one message holds.
pub(crate) async fn epochs(
    relay: &Relay,
    camera_id: CameraId,
    track: TrackId,
    from_us: u64,
    to_us: u64,
) -> Result<Response, Refusal> {
    let found = relay.store.epoch_opens(camera_id, track, from_us, to_us, limits::EPOCHS_PER_ANSWER).await;
    let found = found.map_err(|error| of_store(&error))?;
    let total = found.opens.len();
    // Suite, types and counts take far less than is left aside.
    let mut room = limits::MESSAGE - 1024;
    let opens: Vec<Vec<u8>> = found
        .opens
        .into_iter()
        .map_while(|open| {
            room = room.checked_sub(open.len() + 4)?;
            Some(open.to_vec())
        })
        .collect();
    let more = found.more || opens.len() < total;
    Ok(Response::Epochs { opens, more })
}
