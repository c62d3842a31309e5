//! Segments out: live ones as they grow and first, the backlog behind them, each on a stream of its
//! own.
//!
//! ```text
//! live of the main track, newest first > live of the second > backlog of the main track > backlog of the second
//! ```
//! Each track has streams of its own, so that one that waits for its EpochOpen holds up no other.

use super::SessionError;
use super::backfill::{self, Share};
use super::session::{Session, Track};
use crate::live::Next;
use crate::spool::SpoolError;
use crate::state::Handover;
use media::id::{EpochNo, Sequence};
use media::segment::SegmentHeader;
use quic::{Link, LinkError, SegmentSend, StreamError};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

/// Live segments under way at once; more than one when the uplink is slower than the picture, or
/// far.
const LIVE_AT_ONCE: usize = 4;
/// Where the priorities of a kind of segments begin. Of live segments the newest goes first.
const MAIN_LIVE: i32 = 1 << 30;
const SUB_LIVE: i32 = 2;
/// One segment of the backlog is under way at a time, of either track.
const BACKLOG: i32 = 0;
/// Sends what the outbox says until the session ends.
pub(super) async fn run(session: &Session) -> Result<Infallible, SessionError> {
    let mut main = Lane::of(&session.main, MAIN_LIVE);
    let mut sub = session.sub.as_ref().map(|track| Lane::of(track, SUB_LIVE));
    loop {
        main.send_live(session);
        if let Some(sub) = &mut sub {
            sub.send_live(session);
        }
        // One at a time, which [`backfill`] paces: the uplink is for live pictures. None while live
        // ones wait; those of the second track hold up its own alone, for they may wait for an
        // EpochOpen that the relay does not take.
        if main.has_room() {
            main.send_backlog(session);
        }
        if let Some(sub) = &mut sub
            && main.has_room()
            && sub.has_room()
            && main.backlog.is_empty()
        {
            sub.send_backlog(session);
        }
        tokio::select! {
            done = main.next_done() => finish(&session.main, done)?,
            (track, done) = next_done_of(&mut sub) => finish(track, done)?,
            () = session.main.handover.outbox.wait_for_more() => {}
        }
    }
}

/// One track's segments that are under way.
struct Lane<'a> {
    track: &'a Track,
    live: JoinSet<Done>,
    backlog: JoinSet<Done>,
    live_priority: i32,
}

impl<'a> Lane<'a> {
    fn of(track: &'a Track, live_priority: i32) -> Self {
        Self { track, live: JoinSet::new(), backlog: JoinSet::new(), live_priority }
    }

    /// Whether no live segment waits for those that are under way.
    fn has_room(&self) -> bool {
        self.live.len() < LIVE_AT_ONCE
    }

    fn send_live(&mut self, session: &Session) {
        while self.has_room()
            && let Some(sequence) = self.track.handover.outbox.take_live()
        {
            let newer = sequence.0.saturating_sub(self.track.live_from.0);
            let newer = i32::try_from(newer).unwrap_or(i32::MAX).min(MAIN_LIVE - SUB_LIVE - 1);
            let priority = self.live_priority.saturating_add(newer);
            self.live.spawn(Sending::new(session, self.track, sequence, priority).run());
        }
    }

    fn send_backlog(&mut self, session: &Session) {
        if self.backlog.is_empty()
            && let Some(sequence) = self.track.handover.outbox.take()
        {
            self.backlog.spawn(Sending::new(session, self.track, sequence, BACKLOG).run());
        }
    }

    /// The next of them that ends; none may be under way.
    async fn next_done(&mut self) -> Result<Done, JoinError> {
        tokio::select! {
            Some(done) = self.live.join_next() => done,
            Some(done) = self.backlog.join_next() => done,
            else => std::future::pending().await,
        }
    }
}

async fn next_done_of<'a>(lane: &mut Option<Lane<'a>>) -> (&'a Track, Result<Done, JoinError>) {
    match lane {
        Some(lane) => (lane.track, lane.next_done().await),
        None => std::future::pending().await,
    }
}

type Done = (Sequence, Result<Sent, SendError>);

/// How one stream ended.
enum Sent {
    /// Delivered whole; the relay's answer comes on the control stream.
    Whole,
    /// There is nothing to send: it was dropped for want of room, or filming gave it up.
    Gone,
}

#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

fn finish(track: &Track, done: Result<Done, JoinError>) -> Result<(), SessionError> {
    let (sequence, ended) = match done {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Tasks are only cancelled together with this loop.
            Err(_) => return Ok(()),
        },
    };
    match ended {
        Ok(Sent::Whole) => {}
        Ok(Sent::Gone) => track.handover.outbox.remove(sequence),
        // The relay gave the stream up. Its refusal, if one comes, says why and decides; if none
        // comes, the segment goes again.
        Err(SendError::Stream(StreamError::Abandoned | StreamError::Stalled)) => {
            track.requeue_later(sequence)
        }
        Err(SendError::Stream(StreamError::Link(error)) | SendError::Link(error)) => return Err(error.into()),
        Err(SendError::Spool(error)) => return Err(error.into()),
    }
    Ok(())
}

/// One segment on its way.
struct Sending {
    handover: Arc<Handover>,
    link: Link,
    confirmed: watch::Receiver<EpochNo>,
    sequence: Sequence,
    priority: i32,
    backfill: Share,
}

impl Sending {
    fn new(session: &Session, track: &Track, sequence: Sequence, priority: i32) -> Self {
        let (handover, link) = (track.handover.clone(), session.link.clone());
        let (confirmed, backfill) = (track.confirmed.subscribe(), session.backfill);
        Self { handover, link, confirmed, sequence, priority, backfill }
    }

    async fn run(mut self) -> Done {
        let ended = self.send().await;
        (self.sequence, ended)
    }

    async fn send(&mut self) -> Result<Sent, SendError> {
        let live = self.handover.live.borrow().clone().filter(|live| live.sequence == self.sequence);
        if let Some(mut live) = live {
            let Some(mut stream) = self.open(live.epoch_no).await? else { return Ok(Sent::Gone) };
            let mut at = 0;
            loop {
                match live.next(&mut at).await {
                    Next::Pieces(bytes) => stream.write(&bytes).await?,
                    Next::End => return Ok(stream.deliver().await.map(|()| Sent::Whole)?),
                    Next::GivenUp => return Ok(Sent::Gone),
                }
            }
        }
        let sequence = self.sequence;
        let Some(bytes) = self.handover.on_disk(move |spool| spool.segments.read(sequence)).await? else {
            return Ok(Sent::Gone);
        };
        let header = bytes.get(..media::segment::HEADER_LEN).map(SegmentHeader::decode);
        let Some(Ok(header)) = header else { return Ok(Sent::Gone) };
        let Some(mut stream) = self.open(header.epoch_no).await? else { return Ok(Sent::Gone) };
        if self.priority == BACKLOG {
            backfill::send(self.backfill, &self.link, stream, &bytes).await?;
        } else {
            stream.write(&bytes).await?;
            stream.deliver().await?;
        }
        Ok(Sent::Whole)
    }

    /// A stream for a segment of this epoch; none if the relay has another history's under its number.
    // SPEC: session.md#publishing: a segment MUST NOT be sent before the relay has its EpochOpen.
    async fn open(&mut self, epoch: EpochNo) -> Result<Option<SegmentSend>, SendError> {
        // The sender lives as long as the session, and so does this.
        let _ = self.confirmed.wait_for(|confirmed| *confirmed > epoch).await;
        if self.handover.on_disk(move |spool| spool.is_disputed(epoch)).await? {
            return Ok(None);
        }
        Ok(Some(self.link.open_segment(self.priority).await?))
    }
}
