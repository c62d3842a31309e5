//! Heads of stored segments of the main picture, opened: what moved, how far the camera is behind, and a key picture, without the footage.
//!
//! What a head proves stands in `proto/segment.md`, "Heads alone": it is this camera's, of this place and time, as far as its recipients do not forge.
//! SPEC: segment.md#heads-alone: evidence, an export or a recording that is shown MUST NOT be made of heads, so that nothing here leaves the app but events, status,
//! small pictures, and a timeline's edges.
//!
//! ```text
//! FetchHeads from..to, cursor     heads, in order, at most a bound of them
//! FetchEpochs around them         the EpochOpens of epochs whose key is not at hand
//! open                            what does not open in its place is left out, and said in the log of this program
//! ```

use crate::Owner;
use crate::book::StoredCamera;
use crate::relay::Session;
use media::epoch::{EpochOpen, SignedEpochOpen};
use media::id::{CameraId, EpochNo, Sequence, TrackId};
use media::limits;
use media::message::{Refusal, RefusalCode, Request, Response};
use media::segment::{HEADER_LEN, HeadQuery, SegmentHeader, SegmentQuery, StoredHead};
use media::sign::PublicKey;
use quic::CallError;
use seal::opener::{Keyring, Opened, SegmentOpener};
use seal::sealer::SegmentHead;
use std::collections::BTreeSet;

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
    pub(crate) fn end_us(&self) -> u64 {
        self.header.start_us.saturating_add(self.duration_us.into())
    }
}

/// Which heads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) from_us: u64,
    pub(crate) to_us: u64,
    pub(crate) cursor: Sequence,
    pub(crate) pictures: bool,
}

/// One answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) heads: Vec<Head>,
    /// How many the relay sent, those that did not open included.
    pub(crate) told: usize,
    /// Epochs of which a head did not open in its place: this device has no key of it, or the relay changed it.
    pub(crate) refused: BTreeSet<EpochNo>,
    /// Where to go on; `None` when there are no more.
    pub(crate) next: Option<Sequence>,
}

/// Keys of one camera's epochs, as [`fetch`] needs them.
pub(crate) fn keyring(camera: &StoredCamera) -> Result<Keyring, CallError> {
    let key = camera.camera_key().map_err(|_| CallError::Unexpected("no key of the camera"))?;
    Ok(Keyring::new(key, TrackId::MAIN))
}

/// Asks for heads once and opens them; `keys` learns what it lacks.
pub(crate) async fn fetch(
    owner: &Owner,
    session: &mut Session,
    camera: &StoredCamera,
    keys: &mut Keyring,
    wanted: Wanted,
) -> Result<Answer, CallError> {
    let (told, count, next) = told(session, camera.camera_id, wanted).await?;
    let lacking = |(header, _): &&(SegmentHeader, StoredHead)| !keys.holds(header.epoch_no);
    let starts = told.iter().filter(lacking).map(|(header, _)| header.start_us);
    if let Some((first, last)) = starts.map(|us| (us, us)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) {
        let key = camera.camera_key().map_err(|_| CallError::Unexpected("no key of the camera"))?;
        let mut learn = |open: EpochOpen| {
            // An epoch that was not wrapped for this device stays closed to it.
            if let Ok(unwrapped) = seal::wrap::unwrap(&owner.device_id(), owner.wrap_key(), &open) {
                let content = unwrapped.content_key(&open.context.hash());
                keys.insert(&open, content);
            }
        };
        let of = (camera.camera_id, TrackId::MAIN);
        epoch_opens(session, of, &key, (first, last.saturating_add(1)), &mut learn).await?;
    }
    let (mut heads, mut refused) = (Vec::new(), BTreeSet::new());
    for (header, head) in told {
        match open(head, keys, wanted.pictures) {
            Some(head) => heads.push(head),
            None => _ = refused.insert(header.epoch_no),
        }
    }
    if !refused.is_empty() {
        tracing::warn!(camera = %camera.camera_id, epochs = refused.len(), "heads did not open in their place");
    }
    Ok(Answer { heads, told: count, refused, next })
}

/// What the relay says, in order and within what was asked, how many heads it sent, and where to go on; nothing of it is authenticated yet.
async fn told(
    session: &mut Session,
    camera_id: CameraId,
    wanted: Wanted,
) -> Result<(Vec<(SegmentHeader, StoredHead)>, usize, Option<Sequence>), CallError> {
    let Wanted { from_us, to_us, cursor, pictures } = wanted;
    let track = TrackId::MAIN;
    let segments = SegmentQuery { camera_id, track, from_us, to_us, cursor };
    let most = if pictures { limits::PICTURES_PER_ANSWER } else { limits::HEADS_PER_ANSWER };
    let mut stream = session.link().await?.fetch_heads(&HeadQuery { segments, pictures }).await?;
    let (mut told, mut least, mut count) = (Vec::new(), cursor, 0);
    while count < most
        && let Some((_received_us, head)) = stream.next().await?
    {
        count += 1;
        let header = head.bytes.get(..HEADER_LEN).and_then(|bytes| SegmentHeader::decode(bytes).ok());
        let Some(header) = header.filter(|header| header.sequence >= least && header.start_us < to_us) else {
            continue;
        };
        least = Sequence(header.sequence.0.saturating_add(1));
        told.push((header, head));
    }
    Ok((told, count, go_on(count == most, cursor, least)))
}

/// Where to go on after an answer that was full. One that leads nowhere is the last, or a relay could be asked the same for ever.
fn go_on(is_full: bool, cursor: Sequence, least: Sequence) -> Option<Sequence> {
    (is_full && least > cursor).then_some(least)
}

/// Opens a head in its place.
fn open(told: StoredHead, keys: &Keyring, picture: bool) -> Option<Head> {
    let mut opener = SegmentOpener::new();
    opener.push(&told.bytes).ok()?;
    let Ok(Some(Opened::Header(header))) = opener.poll(keys) else { return None };
    let Ok(Some(Opened::Head(sealed))) = opener.poll(keys) else { return None };
    let picture = match opener.poll(keys) {
        Ok(Some(Opened::Fragment { bytes, .. })) if picture => Some(bytes),
        Ok(None) => None,
        _ => return None,
    };
    Some(Head { header, sealed, picture, bytes: told.segment_bytes, duration_us: told.duration_us })
}

/// Hands every EpochOpen of a track and span that the camera signed to `take`, in order.
pub(crate) async fn epoch_opens(
    session: &mut Session,
    (camera_id, track): (CameraId, TrackId),
    key: &PublicKey,
    (from_us, to_us): (u64, u64),
    take: &mut (dyn FnMut(EpochOpen) + Send),
) -> Result<(), CallError> {
    let mut next_us = from_us;
    let mut seen: Option<EpochNo> = None;
    loop {
        let request = Request::FetchEpochs { camera_id, track, from_us: next_us, to_us };
        let (opens, more) = match session.ask(&request).await {
            Ok(Response::Epochs { opens, more }) => (opens, more),
            Err(CallError::Refused(Refusal { code: RefusalCode::NotFound, .. })) => (Vec::new(), false),
            Ok(_) => return Err(CallError::Unexpected("no Epochs")),
            Err(error) => return Err(error),
        };
        let mut reached_us = next_us;
        for bytes in opens {
            let Ok(signed) = SignedEpochOpen::decode(&bytes) else { continue };
            let Ok(open) = signed.verify(key) else { continue };
            reached_us = reached_us.max(open.context.end_us());
            if seen.is_none_or(|seen| open.context.epoch_no > seen) {
                seen = Some(open.context.epoch_no);
                take(open.clone());
            }
        }
        if !more || reached_us <= next_us {
            return Ok(());
        }
        next_us = reached_us;
    }
}

#[cfg(test)]
mod tests;
