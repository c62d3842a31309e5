//! Stored segments as the relay has them, sealed: for showing what the relay sees, and that nothing
//! else opens them. Nothing here is needed to watch.

use crate::state::{As, Owner};
use media::id::{CameraId, Sequence, TrackId};
use media::segment::SegmentQuery;
use media::time::Micros;
use quic::CallError;

/// The sealed segments of the main picture that overlap a span, in order, of so many at most.
pub async fn sealed_segments(
    owner: &Owner,
    camera_id: CameraId,
    (from_us, to_us): (Micros, Micros),
    most: usize,
) -> Result<Vec<bytes::Bytes>, CallError> {
    let query = SegmentQuery { camera_id, track: TrackId(0), from_us, to_us, cursor: Sequence(0) };
    let mut session = owner.session(As::Device);
    let mut footage = session.link().await?.fetch_segments(&query).await?;
    let mut sealed = Vec::new();
    while sealed.len() < most
        && let Some((_, segment)) = footage.next().await?
    {
        sealed.push(segment);
    }
    Ok(sealed)
}
