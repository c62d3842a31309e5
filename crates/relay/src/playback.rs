//! Recorded footage out: the stored bytes, exactly as they were received, in order; or of each
//! segment its head alone.

use crate::peer::Peer;
use crate::refuse::OrRefuse;
use crate::released;
use crate::state::Relay;
use bytes::Bytes;
use media::id::{CameraId, EpochNo, Sequence, TrackId};
use media::limits;
use media::message::{Refusal, RefusalCode, ReleasedQuery, Response};
use media::segment::{HeadQuery, SegmentQuery, StoredHead};
use media::time::Micros;
use quic::{Responder, SegmentsOut, StreamError};
use std::collections::BTreeSet;
use std::future::ready;
use store::{Entry, Page, StoreError};

/// What is sent of each segment.
#[derive(Debug, Clone, Copy)]
enum Part {
    Whole,
    Head { picture: bool },
}

/// A part of each segment, of so many at most, and of these epochs alone, if any are named.
struct Wanted {
    part: Part,
    most: usize,
    epochs: Option<BTreeSet<EpochNo>>,
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
    let allowed = relay.access.may_watch(&peer.key, query.camera_id, relay.now());
    let wanted = Wanted { part: Part::Whole, most: usize::MAX, epochs: None };
    stream(relay, peer, allowed, ready(Ok((query, wanted))), &Response::Segments, responder).await
}

/// Streams to a sponsor what trustees granted: the segments of these epochs, and of no other that
/// shares a moment with them.
pub(crate) async fn send_released(
    relay: &Relay,
    peer: &Peer,
    asked: ReleasedQuery,
    responder: Responder,
) -> Result<(), StreamError> {
    let allowed = relay.access.may_release(&peer.key, asked.camera_id);
    // A look costs up to a day of EpochOpens.
    let allowed = allowed.and_then(|()| relay.take_opens(&peer.key, asked.camera_id));
    let judged = async {
        let (query, granted) = released::judge(relay, &peer.key, &asked).await?;
        tracing::info!(camera_id = %asked.camera_id, first = %asked.first, last = %asked.last, "what was granted goes out");
        Ok((query, Wanted { part: Part::Whole, most: usize::MAX, epochs: Some(granted) }))
    };
    stream(relay, peer, allowed, judged, &Response::Segments, responder).await
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
    let wanted = Wanted { part: Part::Head { picture }, most, epochs: None };
    stream(relay, peer, allowed, ready(Ok((query, wanted))), &Response::Heads, responder).await
}

/// The first look comes before the answer, so that a failing store is a refusal and not half an
/// answer.
async fn stream(
    relay: &Relay,
    peer: &Peer,
    allowed: Result<(), Refusal>,
    judged: impl Future<Output = Result<(SegmentQuery, Wanted), Refusal>>,
    answer: &Response,
    responder: Responder,
) -> Result<(), StreamError> {
    let begun = async {
        allowed?;
        let too_many = || RefusalCode::Quota.because("too many fetches at once: ask again in a moment");
        let seat = relay.load.fetches.take(peer.key).ok_or_else(too_many)?;
        let (query, wanted) = judged.await?;
        Ok::<_, Refusal>((query, wanted, relay.store.segments(query).await.or_refuse()?, seat))
    };
    let (query, wanted, page, _seat) = match begun.await {
        Ok(begun) => begun,
        Err(refusal) => return responder.answer(&Response::Refused(refusal)).await,
    };
    send(relay, query, page, responder.follow(answer).await?, wanted).await
}

/// Sends what is wanted of the segments that the query finds.
async fn send(
    relay: &Relay,
    mut query: SegmentQuery,
    mut page: Page,
    mut out: SegmentsOut,
    Wanted { part, most, epochs }: Wanted,
) -> Result<(), StreamError> {
    let mut sent = 0;
    loop {
        for segment in &page.entries {
            if sent == most {
                return out.finish().await;
            }
            if epochs.as_ref().is_some_and(|epochs| !epochs.contains(&segment.header.epoch_no)) {
                continue;
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
    (camera_id, track): (CameraId, TrackId),
    (from_us, to_us): (Micros, Micros),
    cursor: EpochNo,
) -> Result<Response, Refusal> {
    let most = limits::EPOCHS_PER_ANSWER;
    let found = relay.store.epoch_opens(camera_id, track, from_us, to_us, cursor, most).await.or_refuse()?;
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
