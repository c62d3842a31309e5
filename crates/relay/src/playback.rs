//! Recorded footage out: the stored bytes, exactly as they were received, in order; or of each
//! segment its head alone.

use crate::peer::Peer;
use crate::refuse::OrRefuse;
use crate::state::Relay;
use bytes::Bytes;
use media::id::{CameraId, Sequence, TrackId};
use media::limits;
use media::message::{Refusal, RefusalCode, Response};
use media::segment::{HeadQuery, SegmentQuery, StoredHead};
use media::time::Micros;
use quic::{Responder, SegmentsOut, StreamError};
use store::{Entry, Page, StoreError};
use tokio::sync::SemaphorePermit;

/// What is sent of each segment.
#[derive(Debug, Clone, Copy)]
enum Part {
    Whole,
    Head { picture: bool },
}

impl Part {
    async fn read(self, relay: &Relay, segment: &Entry) -> Result<Bytes, StoreError> {
        match self {
            Self::Whole => relay.store.read_segment(segment).await,
            Self::Head { picture } => {
                let bytes = relay.store.read_head(segment, picture).await?.to_vec();
                let duration_us = u32::try_from(segment.header.duration_us).unwrap_or(u32::MAX);
                Ok(StoredHead { segment_bytes: segment.header.length, duration_us, bytes }.encode().into())
            }
        }
    }
}

/// Streams what was asked for. The caller's rights have been checked.
///
/// Footage that retention takes meanwhile is left out, and so is what the disk damaged: the chain
/// shows the gap.
pub(crate) async fn send_segments(
    relay: &Relay,
    peer: &Peer,
    query: SegmentQuery,
    responder: Responder,
) -> Result<(), StreamError> {
    let allowed = relay.access.may_fetch(&peer.key, query.camera_id, relay.now());
    let begun = first_page(relay, allowed, query, responder).await?;
    let Some((page, responder, _seat)) = begun else { return Ok(()) };
    send(relay, query, page, responder.follow(&Response::Segments).await?, Part::Whole, usize::MAX).await
}

/// Streams the heads of what was asked for in the same way, as many as one answer holds.
pub(crate) async fn send_heads(
    relay: &Relay,
    peer: &Peer,
    HeadQuery { segments: query, pictures: picture }: HeadQuery,
    responder: Responder,
) -> Result<(), StreamError> {
    let most = if picture { limits::PICTURES_PER_ANSWER } else { limits::HEADS_PER_ANSWER };
    let allowed = relay.access.may_watch(&peer.key, query.camera_id, relay.now());
    let begun = first_page(relay, allowed, query, responder).await?;
    let Some((page, responder, _seat)) = begun else { return Ok(()) };
    send(relay, query, page, responder.follow(&Response::Heads).await?, Part::Head { picture }, most).await
}

/// The first look comes before the answer, so that a failing store is a refusal and not half an
/// answer.
async fn first_page(
    relay: &Relay,
    allowed: Result<(), Refusal>,
    query: SegmentQuery,
    responder: Responder,
) -> Result<Option<(Page, Responder, SemaphorePermit<'_>)>, StreamError> {
    let begun = async {
        allowed?;
        let too_many = |_| RefusalCode::Quota.because("too many fetches at once: ask again in a moment");
        let seat = relay.load.fetches.try_acquire().map_err(too_many)?;
        Ok::<_, Refusal>((relay.store.segments(query).await.or_refuse()?, seat))
    };
    match begun.await {
        Ok((page, seat)) => Ok(Some((page, responder, seat))),
        Err(refusal) => responder.answer(&Response::Refused(refusal)).await.map(|()| None),
    }
}

/// Sends a part of each segment, of `most` segments at most.
async fn send(
    relay: &Relay,
    mut query: SegmentQuery,
    mut page: Page,
    mut out: SegmentsOut,
    part: Part,
    most: usize,
) -> Result<(), StreamError> {
    let mut sent = 0;
    loop {
        for segment in &page.entries {
            if sent == most {
                return out.finish().await;
            }
            match part.read(relay, segment).await {
                Ok(bytes) => {
                    out.send(segment.header.received_us, bytes).await?;
                    sent += 1;
                }
                Err(StoreError::Gone) => {}
                Err(error @ StoreError::Damaged { .. }) => tracing::error!(%error, "left out of an answer"),
                Err(error) => {
                    // Dropping `out` breaks the call off: the caller does not take a part for
                    // everything.
                    tracing::error!(%error, "a fetch was broken off");
                    return Ok(());
                }
            }
        }
        let Some(next) = page.next else { return out.finish().await };
        query.cursor = Sequence(next);
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
pub(crate) async fn find_epochs(
    relay: &Relay,
    camera_id: CameraId,
    track: TrackId,
    from_us: Micros,
    to_us: Micros,
) -> Result<Response, Refusal> {
    let found = relay.store.epoch_opens(camera_id, track, from_us, to_us, limits::EPOCHS_PER_ANSWER).await;
    let found = found.or_refuse()?;
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
