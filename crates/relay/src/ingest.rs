//! Segments in: what the camera signed and nothing else becomes durable, and only then is acknowledged.
//!
//! ```text
//! header     the publisher's own camera, a track it publishes, an epoch whose EpochOpen is here, within its rate   -> live begins
//! fragments  within limits, hashed as they come
//! trailer    signature by the camera; the chain continues the segment before                                       -> live ends
//! store      sequence free, place fits; durable                                                                    -> Ack
//! ```
//!
//! The first check that fails is the Nack's name, and the session goes on. Only bytes that do not even hold a header end it: they name no segment
//! that could be refused.

use crate::publishers::Publishers;
use crate::serve::Relay;
use crate::session::Peer;
use crate::store::{SegmentFacts, StoreError};
use bytes::{Bytes, BytesMut};
use media::chain::{Chain, FragmentsHash};
use media::codec::DecodeError;
use media::epoch::{EpochContext, SignedEpochOpen};
use media::id::{CameraId, EpochNo, Sequence, TrackId};
use media::limits;
use media::message::{Control, Refusal, RefusalCode};
use media::segment::{HEADER_LEN, Part, SegmentHeader, SegmentQuery, SegmentReader, Trailer, chain_after};
use media::sign::PublicKey;
use quic::{SegmentRecv, StreamError};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bytes of a segment that are taken at once.
const CHUNK: usize = 64 << 10;
/// Epochs and chain values that a connection remembers.
const REMEMBERED: usize = 64;

/// What a connection remembers of what it published, so that the store is asked once.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// `chain_0` of each epoch.
    starts: BTreeMap<(TrackId, EpochNo), Chain>,
    /// The chain after each segment.
    chains: BTreeMap<(TrackId, EpochNo, u32), Chain>,
}

impl Memory {
    pub(crate) fn epoch(&self, open: &SignedEpochOpen) {
        let open = open.unverified();
        let start = Chain::start(&open.context.hash(), &open.prev_close_hash());
        let EpochContext { track, epoch_no, .. } = open.context;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.starts.insert((track, epoch_no), start);
        // Backfill and live interleave; forgetting costs a look at the store.
        while known.starts.len() > REMEMBERED {
            known.starts.pop_first();
        }
    }

    fn start(&self, header: &SegmentHeader) -> Option<Chain> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.starts.get(&(header.track, header.epoch_no)).copied()
    }

    fn chain(&self, header: &SegmentHeader, k: u32) -> Option<Chain> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.chains.get(&(header.track, header.epoch_no, k)).copied()
    }

    /// A segment is about to be stored; what follows it may be on its way already. `true` when none with its number was known.
    fn segment(&self, header: &SegmentHeader, chain: Chain) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fresh = false;
        known.chains.entry((header.track, header.epoch_no, header.k)).or_insert_with(|| {
            fresh = true;
            chain
        });
        while known.chains.len() > REMEMBERED {
            known.chains.pop_first();
        }
        fresh
    }

    /// It was not stored: what claims to follow it is judged by what is.
    fn forget(&self, header: &SegmentHeader) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.chains.remove(&(header.track, header.epoch_no, header.k));
    }
}

/// Bytes of segments that are being received, of all cameras.
#[derive(Debug, Default)]
pub(crate) struct Receiving(AtomicUsize);

/// A segment's share of them.
struct Held<'a> {
    receiving: &'a Receiving,
    bytes: usize,
}

impl Held<'_> {
    fn grow(&mut self, by: usize, most: usize) -> bool {
        self.bytes += by;
        self.receiving.0.fetch_add(by, Ordering::Relaxed).saturating_add(by) <= most
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.receiving.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Why a segment is not stored.
enum Failed {
    /// The camera gave it up, or its session ended.
    Gone,
    /// Not even a header.
    Illegible(DecodeError),
    Refused(SegmentHeader, Refusal),
}

/// Receives one segment of a connection that publishes, and says how it ended.
pub(crate) async fn segment(relay: &Relay, peer: &Peer, stream: SegmentRecv) {
    let said = match receive(relay, peer, stream).await {
        Ok(header) => {
            peer.link.control_send(&Control::Ack { track: header.track, sequence: header.sequence })
        }
        Err(Failed::Gone) => Ok(()),
        Err(Failed::Illegible(error)) => {
            let text = format!("a segment's stream holds no segment: {error}");
            tracing::info!(camera_id = %peer.camera_id, %error, "not a segment");
            peer.link.close(&Refusal::new(RefusalCode::Malformed, text));
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

async fn receive(relay: &Relay, peer: &Peer, mut stream: SegmentRecv) -> Result<SegmentHeader, Failed> {
    let mut bytes = BytesMut::new();
    let mut reader = SegmentReader::new();
    let mut held = Held { receiving: &relay.receiving, bytes: 0 };
    let header = loop {
        let chunk =
            next(&mut stream).await?.ok_or(Failed::Illegible(DecodeError::Truncated("the header")))?;
        held.grow(chunk.len(), usize::MAX);
        reader.push(&chunk).map_err(Failed::Illegible)?;
        bytes.extend_from_slice(&chunk);
        match reader.next_part().map_err(Failed::Illegible)? {
            Some(Part::Header(header)) => break header,
            _ if bytes.len() < HEADER_LEN => {}
            _ => return Err(Failed::Illegible(DecodeError::Truncated("the header"))),
        }
    };
    let received_us = host::clock::now_us();
    let refused = |refusal| Failed::Refused(header, refusal);
    let (camera_pk, start) = admit(relay, peer, &header).await.map_err(refused)?;
    let live = relay.fanout.track(header.camera_id, header.track).begin(&header);
    if let Some(live) = &live {
        live.append(Bytes::copy_from_slice(&bytes));
    }

    let mut hash = FragmentsHash::default();
    let mut trailer = None;
    let malformed = |error: DecodeError| {
        let code = match error {
            DecodeError::TooLong { .. } => RefusalCode::TooLarge,
            _ => RefusalCode::Malformed,
        };
        refused(Refusal::new(code, error.to_string()))
    };
    loop {
        while let Some(part) = reader.next_part().map_err(malformed)? {
            match part {
                Part::Header(_) => return Err(malformed(DecodeError::BadValue("a second header"))),
                Part::Fragment { index, sealed } => hash.update(index, &sealed),
                Part::Trailer(end) => trailer = Some(end),
            }
        }
        let Some(chunk) = next(&mut stream).await? else { break };
        let quota = |text: &str| refused(Refusal::new(RefusalCode::Quota, text));
        if !held.grow(chunk.len(), relay.limits.receiving_bytes) {
            return Err(quota("too much is being received at once: send this segment again"));
        }
        if bytes.len() + chunk.len() > relay.limits.segment_bytes {
            let text = format!("a segment has at most {} bytes here", relay.limits.segment_bytes);
            return Err(refused(Refusal::new(RefusalCode::TooLarge, text)));
        }
        reader.push(&chunk).map_err(malformed)?;
        bytes.extend_from_slice(&chunk);
        if let Some(live) = &live {
            live.append(chunk);
        }
    }
    let trailer = trailer.ok_or_else(|| malformed(DecodeError::Truncated("the segment")))?;

    let chain = verify(relay, peer, &header, &trailer, &camera_pk, start, hash).await.map_err(refused)?;
    let fresh = peer.memory.segment(&header, chain);
    if let Some(live) = live {
        live.finish();
    }
    let facts = SegmentFacts {
        camera_id: header.camera_id,
        track: header.track,
        sequence: header.sequence,
        epoch_no: header.epoch_no,
        k: header.k,
        start_us: header.start_us,
        duration_us: trailer.duration_us,
        received_us,
    };
    // SPEC: session.md#publishing: a segment MUST NOT be acknowledged before it is durable.
    let put = relay.store.put_segment(facts, bytes.freeze()).await;
    if put.is_err() && fresh {
        peer.memory.forget(&header);
    }
    put.map_err(|error| refused(of_store(&error)))?;
    Ok(header)
}

async fn next(stream: &mut SegmentRecv) -> Result<Option<Bytes>, Failed> {
    stream.read_chunk(CHUNK).await.map_err(|_: StreamError| Failed::Gone)
}

/// What can be judged by the header alone: the camera's key, and `chain_0` of the epoch.
async fn admit(relay: &Relay, peer: &Peer, header: &SegmentHeader) -> Result<(PublicKey, Chain), Refusal> {
    let enrolled = relay.access.may_publish(&peer.key, header.camera_id)?;
    if !peer.publishes(header.track) {
        return Err(Refusal::new(RefusalCode::NotAllowed, "publish this track first"));
    }
    relay.take_write(header.camera_id)?;
    if let Some(start) = peer.memory.start(header) {
        return Ok((enrolled.camera_pk, start));
    }
    // SPEC: session.md#publishing: a segment MUST be refused while the EpochOpen of its epoch is not here.
    let longest = u64::from(limits::EPOCH_SECONDS.1) * 1_000_000;
    let (from, to) = (header.start_us.saturating_sub(longest), header.start_us.saturating_add(longest));
    let most = usize::from(limits::EPOCH_SECONDS.1 / limits::EPOCH_SECONDS.0) * 2 + 2;
    let opens = relay.store.epoch_opens(header.camera_id, header.track, from, to, most).await;
    for bytes in opens.map_err(|error| of_store(&error))?.opens {
        let open = SignedEpochOpen::decode(&bytes).map_err(|_| internal())?;
        if open.unverified().context.epoch_no == header.epoch_no {
            peer.memory.epoch(&open);
            let open = open.unverified();
            return Ok((enrolled.camera_pk, Chain::start(&open.context.hash(), &open.prev_close_hash())));
        }
    }
    Err(Refusal::new(
        RefusalCode::NotFound,
        "the EpochOpen of this segment's epoch is not here: put it first",
    ))
}

/// Whether the camera signed exactly these bytes.
async fn verify(
    relay: &Relay,
    peer: &Peer,
    header: &SegmentHeader,
    trailer: &Trailer,
    camera_pk: &PublicKey,
    start: Chain,
    fragments: FragmentsHash,
) -> Result<Chain, Refusal> {
    let bad = |text: &str| Refusal::new(RefusalCode::BadSignature, text);
    trailer.verify(camera_pk, &header.hash()).map_err(|error| bad(&error.to_string()))?;
    // SPEC: session.md#publishing: a relay MUST recompute the chain wherever it holds the segment before.
    let before = match header.k.checked_sub(1) {
        None => Some(start),
        Some(k) => match peer.memory.chain(header, k) {
            Some(chain) => Some(chain),
            None => stored_chain(relay, header, k).await?,
        },
    };
    match before {
        Some(before) if chain_after(&before, header, fragments) != trailer.chain => Err(bad(
            "the chain does not hold: these are not the fragments that were signed, or not after this segment",
        )),
        _ => Ok(trailer.chain),
    }
}

/// The chain after segment `k` of the header's epoch, if it is stored.
async fn stored_chain(relay: &Relay, header: &SegmentHeader, k: u32) -> Result<Option<Chain>, Refusal> {
    const LONGEST_US: u64 = 60_000_000;
    let query = SegmentQuery {
        camera_id: header.camera_id,
        track: header.track,
        from_us: header.start_us.saturating_sub(LONGEST_US),
        to_us: header.start_us.saturating_add(1),
        cursor: Sequence(header.sequence.0.saturating_sub(1)),
    };
    let page = relay.store.segments(query).await.map_err(|error| of_store(&error))?;
    let before = page.segments.iter().find(|s| s.facts().epoch_no == header.epoch_no && s.facts().k == k);
    let Some(before) = before else { return Ok(None) };
    let bytes = match relay.store.read_segment(before).await {
        Ok(bytes) => bytes,
        // A segment that retention took or the disk changed proves nothing about this one.
        Err(StoreError::Gone | StoreError::Damaged { .. }) => return Ok(None),
        Err(error) => return Err(of_store(&error)),
    };
    Ok(Trailer::of_segment(&bytes).ok().map(|trailer| trailer.chain))
}

/// A camera puts the EpochOpen of an epoch, before the epoch's first segment.
pub(crate) async fn epoch_open(relay: &Relay, peer: &Peer, bytes: &[u8]) -> Result<(), Refusal> {
    let malformed = |error: DecodeError| Refusal::new(RefusalCode::Malformed, error.to_string());
    let signed = SignedEpochOpen::decode(bytes).map_err(malformed)?;
    let context = &signed.unverified().context;
    let enrolled = relay.access.may_publish(&peer.key, context.camera_id)?;
    signed
        .verify(&enrolled.camera_pk)
        .map_err(|error| Refusal::new(RefusalCode::BadSignature, error.to_string()))?;
    relay.check_track(context.track)?;
    relay.take_write(context.camera_id)?;
    let policy = relay.store.policy(context.camera_id, Some(context.policy_hash)).await;
    if policy.map_err(|error| of_store(&error))?.is_none() {
        return Err(Refusal::new(
            RefusalCode::NotFound,
            "the EpochOpen names a policy that is not here: its owner must put it first",
        ));
    }
    let put = relay.store.put_epoch_open(&signed, host::clock::now_us()).await;
    put.map_err(|error| of_store(&error))?;
    peer.memory.epoch(&signed);
    Ok(())
}

/// A refusal of the store's, in the words of the session. What failed inside is for the operator's log alone.
pub(crate) fn of_store(error: &StoreError) -> Refusal {
    match error.refusal_code() {
        RefusalCode::Internal => {
            tracing::error!(%error, "the store failed");
            internal()
        }
        RefusalCode::StorageFull => {
            tracing::warn!(%error, "storage is full");
            Refusal::new(
                RefusalCode::StorageFull,
                "the relay's storage is full: keep this and send it again later",
            )
        }
        code => Refusal::new(code, error.to_string()),
    }
}

fn internal() -> Refusal {
    Refusal::new(RefusalCode::Internal, "the relay failed inside: try again, and tell its operator")
}

/// Publishing begins, or goes on after a lost session.
pub(crate) async fn publish(
    relay: &Relay,
    publishers: &Publishers,
    peer: &Peer,
    camera_id: CameraId,
    track: TrackId,
) -> Result<Control, Refusal> {
    relay.access.may_publish(&peer.key, camera_id)?;
    relay.check_track(track)?;
    publishers.enter(camera_id, peer.number, &peer.link);
    let next = relay.store.next_missing(camera_id, track).await.map_err(|error| of_store(&error))?;
    relay.fanout.track(camera_id, track).expect(next);
    peer.publish(track);
    Ok(Control::PublishOk { track, next })
}
