//! Segments out: live ones as they grow and first, the backlog behind them, each on a stream of its own.

use super::backfill::{self, Share};
use super::{Session, SessionError};
use crate::handover::{Handover, lock};
use crate::live::{Live, Next};
use crate::spool::SpoolError;
use media::id::{EpochNo, Sequence};
use media::segment::SegmentHeader;
use quic::{Link, LinkError, SegmentSend, StreamError};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Live segments under way at once; more than one when the uplink is slower than the picture, or far.
const LIVE_AT_ONCE: usize = 4;
/// The priority of the backlog. Of live segments the newest goes first.
const BACKLOG: i32 = 0;
/// What the relay could not store goes again after this long: its disk, its quota or its log may have recovered.
const LATER: Duration = Duration::from_secs(2);

/// Sends what the outbox says until the session ends.
pub(super) async fn run(session: &Session, live_from: Sequence) -> Result<Infallible, SessionError> {
    let handover = &session.handover;
    let (mut live, mut backlog) = (JoinSet::new(), JoinSet::new());
    loop {
        while live.len() < LIVE_AT_ONCE
            && let Some(sequence) = next(|| lock(&handover.outbox).poll_live())
        {
            let newer = i32::try_from(sequence.0.saturating_sub(live_from.0)).unwrap_or(i32::MAX - 2);
            live.spawn(Sending::new(session, sequence, newer.saturating_add(1).min(i32::MAX - 1)).run());
        }
        // One at a time, which [`backfill`] paces: the uplink is for live pictures. None while live ones wait.
        if live.len() < LIVE_AT_ONCE
            && backlog.is_empty()
            && let Some(sequence) = next(|| lock(&handover.outbox).poll_send())
        {
            backlog.spawn(Sending::new(session, sequence, BACKLOG).run());
        }
        tokio::select! {
            Some(done) = live.join_next() => finished(handover, done)?,
            Some(done) = backlog.join_next() => finished(handover, done)?,
            () = handover.to_send.notified() => {}
        }
    }
}

/// Names what would otherwise hold the outbox's lock for as long as the loop's body runs.
fn next(poll: impl FnOnce() -> Option<Sequence>) -> Option<Sequence> {
    poll()
}

/// Sends a segment again, not at once.
pub(super) fn again_later(handover: &Arc<Handover>, sequence: Sequence) {
    let handover = handover.clone();
    tokio::spawn(async move {
        tokio::time::sleep(LATER).await;
        // If the session ended meanwhile, it waits already, and this changes nothing.
        handover.again(sequence);
    });
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

fn finished(
    handover: &Arc<Handover>,
    done: Result<Done, tokio::task::JoinError>,
) -> Result<(), SessionError> {
    let (sequence, ended) = match done {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Tasks are only cancelled together with this loop.
            Err(_) => return Ok(()),
        },
    };
    match ended {
        Ok(Sent::Whole) => Ok(()),
        Ok(Sent::Gone) => {
            handover.dropped(sequence);
            Ok(())
        }
        // The relay gave the stream up. Its refusal, if one comes, says why and decides; if none comes, the segment goes again.
        Err(SendError::Stream(StreamError::Abandoned | StreamError::Stalled)) => {
            again_later(handover, sequence);
            Ok(())
        }
        Err(SendError::Stream(StreamError::Link(error)) | SendError::Link(error)) => Err(error.into()),
        Err(SendError::Stream(other)) => {
            tracing::debug!(error = %other, "a segment's stream ended");
            again_later(handover, sequence);
            Ok(())
        }
        Err(SendError::Spool(error)) => Err(error.into()),
    }
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
    fn new(session: &Session, sequence: Sequence, priority: i32) -> Self {
        let (handover, link) = (session.handover.clone(), session.link.clone());
        let (confirmed, backfill) = (session.confirmed.subscribe(), session.backfill);
        Self { handover, link, confirmed, sequence, priority, backfill }
    }

    async fn run(mut self) -> Done {
        let ended = self.send().await;
        (self.sequence, ended)
    }

    async fn send(&mut self) -> Result<Sent, SendError> {
        let live = self.handover.live.borrow().clone().filter(|live| live.sequence == self.sequence);
        if let Some(live) = live {
            let mut stream = self.open(live.epoch_no).await?;
            return match grow(live, &mut stream).await? {
                Whole::Yes => Ok(stream.deliver().await.map(|()| Sent::Whole)?),
                Whole::No => Ok(Sent::Gone),
            };
        }
        let sequence = self.sequence;
        let Some(bytes) = self.handover.on_disk(move |spool| spool.find_segment(sequence)).await? else {
            return Ok(Sent::Gone);
        };
        let header = bytes.get(..media::segment::HEADER_LEN).map(SegmentHeader::decode);
        let Some(Ok(header)) = header else { return Ok(Sent::Gone) };
        let mut stream = self.open(header.epoch_no).await?;
        if self.priority == BACKLOG {
            backfill::send(self.backfill, &self.link, stream, &bytes).await?;
        } else {
            stream.write(&bytes).await?;
            stream.deliver().await?;
        }
        Ok(Sent::Whole)
    }

    // SPEC: session.md#publishing: a segment MUST NOT be sent before the relay has its EpochOpen.
    async fn open(&mut self, epoch: EpochNo) -> Result<SegmentSend, LinkError> {
        // The sender lives as long as the session, and so does this.
        let _ = self.confirmed.wait_for(|confirmed| *confirmed > epoch).await;
        self.link.open_segment(self.priority).await
    }
}

enum Whole {
    Yes,
    No,
}

async fn grow(mut live: Live, stream: &mut SegmentSend) -> Result<Whole, SendError> {
    let mut at = 0;
    loop {
        match live.next(&mut at).await {
            Next::Pieces(bytes) => stream.write(&bytes).await?,
            Next::End => return Ok(Whole::Yes),
            Next::GivenUp => return Ok(Whole::No),
        }
    }
}
