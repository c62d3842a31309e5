//! Heads of stored segments of the main picture, opened: what moved, how far the camera is behind,
//! and a key picture, without the footage.
//!
//! What a head proves stands in `proto/segment.md`, "Heads alone": it is this camera's, of this
//! place and time, as far as its recipients do not forge.
//! SPEC: segment.md#heads-alone: evidence, an export or a recording that is shown MUST NOT be made
//! of heads, so that nothing here leaves the app but events, status, small pictures, and a
//! timeline's edges.
//!
//! ```text
//! FetchHeads from..to, cursor     heads, in order, at most a bound of them
//! FetchEpochs around them         the EpochOpens of epochs whose key is not at hand
//! open                            what does not open in its place is left out, and said in the log of this program
//! ```

pub(crate) mod picture;

use crate::book::StoredCamera;
use crate::state::Owner;
use media::id::{EpochNo, Sequence, TrackId};
use media::limits;
use media::segment::{HeadQuery, SegmentHeader, SegmentQuery, Start, StoredHead};
use media::sign::PublicKey;
use media::time::Micros;
use quic::{CallError, Link};
use relay_client::{EpochQuery, Session, epochs, heads};
use seal::opener::{Keyring, Opened, SegmentOpener};
use seal::sealer::SegmentHead;
use std::collections::BTreeSet;
use std::time::Duration;

/// The most heads among which a key frame is looked for, eight in each second of ten minutes: a
/// relay that sends more of them sends none.
const MAX_SEARCHED: usize = 4800;

/// An opened head.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Head {
    pub(crate) header: SegmentHeader,
    pub(crate) sealed: SegmentHead,
    /// One moof + mdat that begins with the key frame, where it was asked for and there is one.
    pub(crate) picture: Option<Vec<u8>>,
    /// The whole segment's, by the relay's word.
    pub(crate) bytes: u32,
    pub(crate) duration_us: u32,
}

impl Head {
    /// The moment after its segment.
    pub(crate) fn end_us(&self) -> Micros {
        self.header.start_us.after(Duration::from_micros(self.duration_us.into()))
    }
}

/// Which heads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) from_us: Micros,
    pub(crate) to_us: Micros,
    pub(crate) cursor: Sequence,
    pub(crate) pictures: bool,
}

/// One answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) heads: Vec<Head>,
    /// How many the relay sent, those that did not open included.
    pub(crate) told: usize,
    /// Epochs of which a head did not open in its place: this device has no key of it, or the relay
    /// changed it.
    pub(crate) refused: BTreeSet<EpochNo>,
    /// Where to go on; `None` when there are no more.
    pub(crate) next: Option<Sequence>,
}

pub(crate) fn camera_key(camera: &StoredCamera) -> Result<PublicKey, CallError> {
    camera.camera_key().map_err(|_| CallError::Unexpected("no key of the camera"))
}

/// Keys of one camera's epochs, as [`fetch`] needs them.
pub(crate) fn keyring(camera: &StoredCamera) -> Result<Keyring, CallError> {
    Ok(Keyring::new(camera_key(camera)?, TrackId::MAIN))
}

/// Asks for heads once and opens them; `keys` learns what it lacks.
pub(crate) async fn fetch(
    owner: &Owner,
    session: &mut Session,
    camera: &StoredCamera,
    keys: &mut Keyring,
    wanted: Wanted,
) -> Result<Answer, CallError> {
    let Wanted { from_us, to_us, cursor, pictures } = wanted;
    let (camera_id, track) = (camera.camera_id, TrackId::MAIN);
    let segments = SegmentQuery { camera_id, track, from_us, to_us, cursor };
    let link = session.link().await?;
    let page = heads(&link, &HeadQuery { segments, pictures }).await?;
    let lacking = |(header, _): &&(SegmentHeader, StoredHead)| !keys.holds(header.epoch_no);
    let starts = page.heads.iter().filter(lacking).map(|(header, _)| header.start_us);
    if let Some((first, last)) = starts.map(|us| (us, us)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) {
        let camera_key = camera_key(camera)?;
        let query =
            EpochQuery { camera_key, track, from_us: first, to_us: last.after(Duration::from_micros(1)) };
        for epoch in epochs(&link, query, limits::HEADS_PER_ANSWER).await? {
            let open = epoch.open();
            // An epoch that was not wrapped for this device stays closed to it.
            if let Ok(unwrapped) = seal::wrap::unwrap(&owner.device_id(), &owner.keys.wrap, open) {
                keys.insert(open, unwrapped.content_key(&open.context.hash()));
            }
        }
    }
    let (mut opened, mut refused) = (Vec::new(), BTreeSet::new());
    for (header, head) in page.heads {
        match open(head, keys, wanted.pictures) {
            Some(head) => opened.push(head),
            None => _ = refused.insert(header.epoch_no),
        }
    }
    if !refused.is_empty() {
        tracing::warn!(camera = %camera.camera_id, epochs = refused.len(), "heads did not open in their place");
    }
    Ok(Answer { heads: opened, told: page.told, refused, next: page.next })
}

/// The last segment of a stretch that begins with a key frame, by the clear headers: where to begin,
/// and nothing that is shown.
pub(crate) async fn last_key_frame(
    link: &Link,
    segments: SegmentQuery,
) -> Result<Option<SegmentHeader>, CallError> {
    let mut query = HeadQuery { segments, pictures: false };
    let (mut key, mut told) = (None, 0);
    loop {
        let page = heads(link, &query).await?;
        let mut headers = page.heads.iter().map(|(header, _)| *header);
        key = headers.rfind(|header| header.start == Start::KeyFrame).or(key);
        told += page.told;
        match page.next {
            Some(next) if told < MAX_SEARCHED => query.segments.cursor = next,
            _ => return Ok(key),
        }
    }
}

/// Opens a head in its place.
fn open(told: StoredHead, keys: &Keyring, picture: bool) -> Option<Head> {
    let mut opener = SegmentOpener::default();
    opener.push(&told.bytes).ok()?;
    let Ok(Some(Opened::Header(header))) = opener.poll(keys) else { return None };
    let Ok(Some(Opened::Head(sealed))) = opener.poll(keys) else { return None };
    let picture = match opener.poll(keys).ok()? {
        Some(Opened::Fragment { bytes, .. }) if picture => Some(bytes),
        Some(Opened::Header(_) | Opened::Head(_) | Opened::Fragment { .. } | Opened::End(_)) => return None,
        None => None,
    };
    Some(Head { header, sealed, picture, bytes: told.segment_bytes, duration_us: told.duration_us })
}

#[cfg(test)]
mod tests;
