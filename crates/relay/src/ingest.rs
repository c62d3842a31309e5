//! Segments in: what the camera signed and nothing else becomes durable, and only then is
//! acknowledged.
//!
//! ```text
//! header     the publisher's own camera, a track it publishes, an epoch whose EpochOpen is here, within its rate   -> live begins
//! fragments  within limits, hashed as they come
//! trailer    signature by the camera; the chain continues the segment before                                       -> live ends
//! store      sequence free, place fits; durable                                                                    -> Ack
//! ```
//!
//! The first check that fails is the Nack's name, and the session goes on. Only bytes that do not
//! even hold a header end it: they name no segment that could be refused.
//!
//! A segment is scanned where it was received: the scanner, the viewers' ring and the store hold
//! the same bytes. They are copied once, out of the datagrams: a datagram's buffer may be 50 times
//! what it brought of the segment, and only what it brought is counted. Pieces under [`SMALL`] are
//! joined, and reach viewers when there are so many bytes or a part is whole.
//!
//! [`SMALL`]: media::rope::SMALL

use crate::fanout::Growing;
use crate::load::Received;
use crate::peer::Peer;
use crate::refuse::{OrRefuse, internal, refusal};
use crate::state::Relay;
use bytes::Bytes;
use media::block::Block;
use media::chain::{Chain, FragmentsHash};
use media::codec::DecodeError;
use media::epoch::{EpochContext, GapReason, SignedEpochOpen};
use media::id::{CameraId, Sequence, TrackId};
use media::limits;
use media::message::{Control, Refusal, RefusalCode};
use media::rope::Rope;
use media::segment::{
    END_LEN, HEADER_LEN, Part, SegmentHeader, SegmentQuery, SegmentReader, Trailer, chain_after,
};
use media::sign::PublicKey;
use quic::{SegmentRecv, StreamError};
use std::time::Duration;
use store::{Entry, Kind, StoreError};

/// Bytes of a segment that are taken at once.
const CHUNK: usize = 64 << 10;
/// A chunk of fewer bytes may be out of a datagram (the largest that QUIC takes here has 1472
/// bytes). A longer one was put together by QUIC in a buffer for this stream alone.
const ASSEMBLED: usize = 4 << 10;

/// New blocks of numbers that a camera may begin: each takes a camera that gives way.
const BLOCKS_PER_MINUTE: u32 = 6;
const BLOCKS_AT_ONCE: u32 = 4;

/// Why a segment is not stored.
enum Failed {
    /// The camera gave it up, or its session ended.
    Gone,
    /// Not even a header.
    Illegible(DecodeError),
    Refused(SegmentHeader, Refusal),
}

/// Receives one segment of a connection that publishes, and says how it ended.
pub(crate) async fn receive_segment(relay: &Relay, peer: &Peer, stream: SegmentRecv) {
    let said = match take(relay, peer, stream).await {
        Ok((header, chain)) => {
            peer.receipts.acknowledge(&header, chain);
            peer.link.control_send(&Control::Ack { track: header.track, sequence: header.sequence })
        }
        Err(Failed::Gone) => Ok(()),
        Err(Failed::Illegible(error)) => {
            let text = format!("a segment's stream holds no segment: {error}");
            tracing::info!(camera_id = %peer.camera_id, %error, "not a segment");
            peer.link.close(&RefusalCode::Malformed.because(text));
            Ok(())
        }
        Err(Failed::Refused(SegmentHeader { track, sequence, .. }, refusal)) => {
            tracing::info!(camera_id = %peer.camera_id, %track, %sequence, %refusal, "a segment was refused");
            peer.link.control_send(&Control::Nack { track, sequence, refusal })
        }
    };
    if let Err(error) = said {
        tracing::debug!(camera_id = %peer.camera_id, %error, "the camera left before its answer");
    }
}

async fn take(relay: &Relay, peer: &Peer, stream: SegmentRecv) -> Result<(SegmentHeader, Chain), Failed> {
    let mut inflow = Inflow {
        stream,
        reader: SegmentReader::default(),
        body: Rope::default(),
        shown: 0,
        received: relay.load.receive(),
    };
    let header = inflow.read_header().await?;
    let received_us = relay.now_us();
    let refused = |refusal| Failed::Refused(header, refusal);
    let admitted = admit(relay, peer, header).await.map_err(refused)?;
    let track = relay.on_air.fanout.track(header.camera_id, header.track);
    let live = track.begin(&header);
    let (fragments, trailer) = inflow.read_rest(relay, &header, live.as_ref()).await?;
    let chain = admitted.judge(&trailer, fragments).await.map_err(refused)?;
    let fresh = peer.memory.remember_segment(&header, chain);
    if let Some(live) = live {
        live.finish();
    }
    let record = store::Header {
        track: header.track,
        epoch_no: header.epoch_no,
        k: header.k,
        start_us: header.start_us,
        duration_us: trailer.duration_us.into(),
        ..store::Header::new(Kind::Segment, header.camera_id, header.sequence.0, received_us)
    };
    // SPEC: session.md#publishing: a segment MUST NOT be acknowledged before it is durable.
    let put = relay.store.put_segment(record, inflow.body).await;
    if put.is_err() && fresh {
        peer.memory.forget_segment(&header);
    }
    put.or_refuse().map_err(refused)?;
    Ok((header, chain))
}

/// A segment as it comes.
struct Inflow<'a> {
    stream: SegmentRecv,
    reader: SegmentReader,
    body: Rope,
    /// Pieces of the body that viewers have been given.
    shown: usize,
    received: Received<'a>,
}

/// The chunk, in a buffer that holds nothing else.
fn alone(chunk: Bytes) -> Bytes {
    if chunk.len() < ASSEMBLED { Bytes::copy_from_slice(&chunk) } else { chunk }
}

impl Inflow<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, Failed> {
        let chunk = self.stream.read_chunk(CHUNK).await.map_err(|_: StreamError| Failed::Gone)?;
        Ok(chunk.map(alone))
    }

    fn push(&mut self, chunk: Bytes) -> Result<(), DecodeError> {
        self.reader.push(chunk.clone())?;
        self.body.push(chunk);
        Ok(())
    }

    /// Gives viewers the pieces that they have not yet.
    fn show(&mut self, live: Option<&Growing<'_>>) {
        for piece in self.body.shared(self.shown) {
            self.shown += 1;
            if let Some(live) = live {
                live.append(piece.clone());
            }
        }
    }

    async fn read_header(&mut self) -> Result<SegmentHeader, Failed> {
        let truncated = || Failed::Illegible(DecodeError::Truncated("the header"));
        loop {
            let chunk = self.next().await?.ok_or_else(truncated)?;
            self.received.grow(chunk.len(), usize::MAX);
            self.push(chunk).map_err(Failed::Illegible)?;
            match self.reader.next_part().map_err(Failed::Illegible)? {
                Some(Part::Header(header)) => return Ok(header),
                _ if self.body.len() < HEADER_LEN => {}
                _ => return Err(truncated()),
            }
        }
    }

    /// Reads fragments and trailer, within limits, and hands on what comes.
    async fn read_rest(
        &mut self,
        relay: &Relay,
        header: &SegmentHeader,
        live: Option<&Growing<'_>>,
    ) -> Result<(FragmentsHash, Trailer), Failed> {
        let refused = |code: RefusalCode, text: String| Failed::Refused(*header, code.because(text));
        let malformed = |error: DecodeError| {
            let code = match error {
                DecodeError::TooLong { .. } => RefusalCode::TooLarge,
                DecodeError::Truncated(_)
                | DecodeError::Trailing(_)
                | DecodeError::UnknownSuite(_)
                | DecodeError::WrongType { .. }
                | DecodeError::BadValue(_) => RefusalCode::Malformed,
            };
            refused(code, error.to_string())
        };
        let (mut hash, mut trailer) = (FragmentsHash::default(), None);
        self.body.settle();
        self.show(live);
        loop {
            while let Some(part) = self.reader.next_part().map_err(malformed)? {
                self.body.settle();
                self.show(live);
                match part {
                    Part::Header(_) => return Err(malformed(DecodeError::BadValue("a second header"))),
                    Part::Fragment { index, sealed } => hash.update_pieces(index, &sealed),
                    Part::Trailer(end) => trailer = Some(end),
                }
            }
            let Some(chunk) = self.next().await? else { break };
            if !self.received.grow(chunk.len(), relay.limits.receiving_bytes) {
                let text = "too much is being received at once: send this segment again";
                return Err(refused(RefusalCode::Quota, text.to_owned()));
            }
            let most = relay.limits.segment_bytes;
            if self.body.len() + chunk.len() > most {
                let text = format!("a segment has at most {most} bytes here");
                return Err(refused(RefusalCode::TooLarge, text));
            }
            self.push(chunk).map_err(malformed)?;
            self.show(live);
        }
        let trailer = trailer.ok_or_else(|| malformed(DecodeError::Truncated("the segment")))?;
        Ok((hash, trailer))
    }
}

/// A segment that may come, by its header.
struct Admitted<'a> {
    relay: &'a Relay,
    peer: &'a Peer,
    header: SegmentHeader,
    camera_pk: PublicKey,
    /// `chain_0` of its epoch.
    start: Chain,
}

/// What can be judged by the header alone.
async fn admit<'a>(relay: &'a Relay, peer: &'a Peer, header: SegmentHeader) -> Result<Admitted<'a>, Refusal> {
    let camera_pk = relay.access.may_publish(&peer.key, header.camera_id)?.camera_pk;
    if !peer.tracks.lock().contains(&header.track) {
        return Err(RefusalCode::NotAllowed.because("publish this track first"));
    }
    // SPEC: segment.md#two-histories: a segment of another block than its epoch MUST be refused.
    if Block::of_segment(header.sequence) != Block::of_epoch(header.epoch_no) {
        return Err(RefusalCode::OutOfOrder.because("a segment has a number of its epoch's block"));
    }
    relay.take_write(header.camera_id)?;
    if let Some(start) = peer.memory.start(&header) {
        return Ok(Admitted { relay, peer, header, camera_pk, start });
    }
    // SPEC: session.md#publishing: a segment MUST be refused while the EpochOpen of its epoch is
    // not here.
    let longest = Duration::from_secs(limits::EPOCH_SECONDS.1.into());
    let (from, to) = (header.start_us.before(longest), header.start_us.after(longest));
    let found = relay.store.epoch_opens(header.camera_id, header.track, from, to, header.epoch_no, 1).await;
    for bytes in found.or_refuse()?.opens {
        let open = SignedEpochOpen::decode(&bytes).map_err(|error| {
            tracing::error!(%error, camera_id = %header.camera_id, "an EpochOpen in the store does not decode");
            internal()
        })?;
        if open.unverified().context.epoch_no == header.epoch_no {
            let start = peer.memory.remember_epoch(&open);
            return Ok(Admitted { relay, peer, header, camera_pk, start });
        }
    }
    Err(RefusalCode::NotFound.because("the EpochOpen of this segment's epoch is not here: put it first"))
}

impl Admitted<'_> {
    /// Whether the camera signed exactly these bytes; the chain after them.
    async fn judge(&self, trailer: &Trailer, fragments: FragmentsHash) -> Result<Chain, Refusal> {
        let header = &self.header;
        trailer.verify(&self.camera_pk, &header.hash())?;
        // SPEC: session.md#publishing: a relay MUST recompute the chain wherever it holds the
        // segment before.
        let before = match header.k.checked_sub(1) {
            None => Some(self.start),
            Some(k) => match self.peer.memory.chain(header, k) {
                Some(chain) => Some(chain),
                None => self.stored_chain(k).await?,
            },
        };
        if before.is_some_and(|before| chain_after(&before, header, fragments) != trailer.chain) {
            let text = "the chain does not hold: these are not the fragments that were signed, or not after this segment";
            return Err(RefusalCode::BadSignature.because(text));
        }
        Ok(trailer.chain)
    }

    /// The chain after segment `k` of the header's epoch, if it is stored.
    async fn stored_chain(&self, k: u32) -> Result<Option<Chain>, Refusal> {
        const LONGEST: Duration = Duration::from_secs(60);
        let Self { relay, header, .. } = self;
        let query = SegmentQuery {
            camera_id: header.camera_id,
            track: header.track,
            from_us: header.start_us.before(LONGEST),
            to_us: header.start_us.after(Duration::from_micros(1)),
            cursor: Sequence(header.sequence.0.saturating_sub(1)),
        };
        let page = relay.store.segments(query).await.or_refuse()?;
        let is_before = |entry: &&Entry| entry.header.epoch_no == header.epoch_no && entry.header.k == k;
        let Some(before) = page.entries.iter().find(is_before) else { return Ok(None) };
        let length = before.header.body_len();
        let ends = async {
            let first = relay.store.read_part(before, 0..HEADER_LEN.min(length)).await?;
            let last = relay.store.read_part(before, length.saturating_sub(END_LEN)..length).await?;
            Ok::<_, StoreError>((first, last))
        };
        match ends.await {
            Ok((first, last)) => Ok(signed_chain(&first, &last, &self.camera_pk)),
            // A segment that retention took or the disk changed proves nothing about this one.
            Err(StoreError::Gone | StoreError::Damaged { .. }) => Ok(None),
            Err(error) => Err(refusal(&error)),
        }
    }
}

/// The chain in a stored trailer, if it is still what the camera signed: parts are read unchecked.
fn signed_chain(first: &[u8], last: &[u8], camera_pk: &PublicKey) -> Option<Chain> {
    let header = SegmentHeader::decode(first).ok()?;
    let trailer = Trailer::of_segment(last).ok()?;
    trailer.verify(camera_pk, &header.hash()).ok()?;
    Some(trailer.chain)
}

/// A camera puts the EpochOpen of an epoch, before the epoch's first segment.
pub(crate) async fn put_epoch_open(relay: &Relay, peer: &Peer, bytes: &[u8]) -> Result<(), Refusal> {
    let signed = SignedEpochOpen::decode(bytes)?;
    let context = &signed.unverified().context;
    let enrolled = relay.access.may_publish(&peer.key, context.camera_id)?;
    signed.verify(&enrolled.camera_pk)?;
    relay.check_track(context.track)?;
    relay.take_write(context.camera_id)?;
    if relay.store.policy(context.camera_id, Some(context.policy_hash)).await.or_refuse()?.is_none() {
        return Err(RefusalCode::NotFound
            .because("the EpochOpen names a policy that is not here: its owner must put it first"));
    }
    let EpochContext { camera_id, track, epoch_no, .. } = *context;
    let newest = relay.store.newest_epoch(camera_id, track).await.or_refuse()?;
    let is_new_block = newest.is_some_and(|newest| Block::of_epoch(epoch_no) > Block::of_epoch(newest));
    if !Block::of_epoch(epoch_no).may_follow(newest) {
        return Err(
            RefusalCode::OutOfOrder.because("the epoch's number is too far ahead of the highest here")
        );
    }
    if is_new_block {
        // SPEC: segment.md#two-histories: a new block MUST come from whoever publishes, and seldom.
        if !peer.tracks.lock().contains(&track) {
            return Err(RefusalCode::NotAllowed.because("publish this track first"));
        }
        if !relay.load.blocks.take_of(camera_id.0, BLOCKS_PER_MINUTE, BLOCKS_AT_ONCE) {
            return Err(RefusalCode::Quota.because("too many blocks of numbers: go on in a moment"));
        }
    }
    let is_conflict =
        signed.unverified().previous.is_some_and(|close| close.gap == GapReason::IdentityConflict);
    let is_told = (is_conflict || is_new_block)
        && relay.store.epoch_open(camera_id, track, epoch_no).await.or_refuse()?.is_none();
    relay.store.put_epoch_open(&signed, relay.now_us()).await.or_refuse()?;
    peer.memory.remember_epoch(&signed);
    if is_told {
        tracing::warn!(%camera_id, track = track.0, epoch = epoch_no.0, "two histories of one camera's identity: its key was copied, or it was put back from a backup");
        relay.on_air.publishers.note_conflict(camera_id);
    }
    Ok(())
}

/// Publishing begins, or goes on after a lost session.
pub(crate) async fn begin_publishing(
    relay: &Relay,
    peer: &Peer,
    camera_id: CameraId,
    track: TrackId,
) -> Result<Control, Refusal> {
    relay.access.may_publish(&peer.key, camera_id)?;
    relay.check_track(track)?;
    relay.on_air.publishers.enter(camera_id, peer.number, &peer.link)?;
    let next = relay.store.next_missing(camera_id, track).await.or_refuse()?;
    let newest = match relay.store.newest_epoch(camera_id, track).await.or_refuse()? {
        Some(number) => relay.store.epoch_open(camera_id, track, number).await,
        None => Ok(None),
    };
    let newest = newest.unwrap_or_else(|error| {
        tracing::error!(%camera_id, %error, "the newest EpochOpen is not read: a copied camera would not show");
        None
    });
    relay.on_air.fanout.track(camera_id, track).expect(next);
    peer.tracks.lock().insert(track);
    Ok(Control::PublishOk { track, next, newest: newest.unwrap_or_default().to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_datagram_brought_does_not_keep_the_batch_it_came_in() {
        let batch = Bytes::from(vec![7; 64 << 10]);
        for size in [1, 1350, ASSEMBLED - 1] {
            let chunk = alone(batch.slice(9..9 + size));
            assert_eq!(chunk, batch[9..9 + size]);
            assert!(batch.is_unique(), "{size}");
        }
        let assembled = alone(batch.slice(..ASSEMBLED));
        assert_eq!(assembled.as_ptr(), batch.as_ptr(), "a large one is not copied");
    }
}
