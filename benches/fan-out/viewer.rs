//! Viewers that read: when each fragment arrived, by the clock that the camera noted its sending
//! on.

use super::FRAGMENTS;
use crate::forwarder::End;
use media::segment::{HEADER_LEN, SegmentHeader};
use quic::{SegmentRecv, StreamError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The most segments of one phase.
pub(crate) const MOST_SEGMENTS: usize = 4000;
/// Far beyond what any phase takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// When each fragment of a phase was sent, and which segment is its last.
#[derive(Debug)]
pub(crate) struct Clock {
    begun: Instant,
    first: u32,
    last: AtomicU32,
    sent_ns: Vec<AtomicU64>,
}

impl Clock {
    pub(crate) fn new(first: u32, segments: usize) -> Self {
        let sent_ns = (0..segments * FRAGMENTS as usize).map(|_| AtomicU64::new(0)).collect();
        Self { begun: Instant::now(), first, last: AtomicU32::new(u32::MAX), sent_ns }
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap()
    }

    /// The fragment with this number in the phase is sent now.
    pub(crate) fn sent(&self, at: usize) {
        self.sent_ns[at].store(self.now_ns(), Ordering::Release);
    }

    /// To be said before that segment is sent.
    pub(crate) fn set_last(&self, sequence: u32) {
        self.last.store(sequence, Ordering::Release);
    }

    /// Whether the phase has no room for a segment after this one.
    pub(crate) fn is_full_at(&self, sequence: u32) -> bool {
        (sequence - self.first + 1) as usize * FRAGMENTS as usize >= self.sent_ns.len()
    }

    fn latency_ms(&self, sequence: u32, fragment: usize) -> f64 {
        let at = (sequence - self.first) as usize * FRAGMENTS as usize + fragment;
        (self.now_ns() - self.sent_ns[at].load(Ordering::Acquire)) as f64 / 1e6
    }
}

/// What viewers saw in a phase.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// One for each whole fragment.
    pub(crate) latencies_ms: Vec<f64>,
}

/// Viewers at work.
#[derive(Debug)]
pub(crate) struct Watching(JoinSet<(End, Seen)>);

/// Sets all to watch until the phase's last segment; each tells `done` which segment it has.
pub(crate) fn watch_all(
    viewers: &mut Vec<End>,
    clock: &Arc<Clock>,
    done: Option<mpsc::Sender<(usize, u32)>>,
) -> Watching {
    let mut watching = JoinSet::new();
    for (viewer, end) in viewers.drain(..).enumerate() {
        let (clock, done) = (clock.clone(), done.clone());
        watching.spawn(async move {
            let mut seen = Seen::default();
            let watched = watch(&end, viewer, &clock, done, &mut seen);
            timeout(PATIENCE, watched).await.expect("a phase does not take this long when it works");
            (end, seen)
        });
    }
    Watching(watching)
}

impl Watching {
    /// Waits for all; the viewers come back.
    pub(crate) async fn join(self, viewers: &mut Vec<End>) -> Seen {
        let mut all = Seen::default();
        for (end, seen) in self.0.join_all().await {
            viewers.push(end);
            all.latencies_ms.extend(seen.latencies_ms);
        }
        all
    }
}

async fn watch(
    end: &End,
    viewer: usize,
    clock: &Clock,
    done: Option<mpsc::Sender<(usize, u32)>>,
    seen: &mut Seen,
) {
    loop {
        let stream = end.link.accept_segment().await.unwrap();
        // One that was reset because this viewer was behind does not count.
        let Ok(sequence) = read(stream, clock, seen).await else { continue };
        if let Some(done) = &done {
            // At the end of the phase nobody listens any more.
            let _ = done.send((viewer, sequence)).await;
        }
        if sequence >= clock.last.load(Ordering::Acquire) {
            return;
        }
    }
}

/// Reads a segment and notes when each fragment was whole; its sequence.
async fn read(mut stream: SegmentRecv, clock: &Clock, seen: &mut Seen) -> Result<u32, StreamError> {
    let mut header = Vec::with_capacity(HEADER_LEN);
    let (mut sequence, mut arrived, mut whole) = (0, 0, 0);
    while let Some(chunk) = stream.read_chunk(64 << 10).await? {
        if header.len() < HEADER_LEN {
            header.extend_from_slice(&chunk[..chunk.len().min(HEADER_LEN - header.len())]);
            if header.len() == HEADER_LEN {
                sequence = u32::try_from(SegmentHeader::decode(&header).unwrap().sequence.0).unwrap();
            }
        }
        arrived += chunk.len();
        while whole < FRAGMENTS as usize && arrived >= HEADER_LEN + (whole + 1) * (8 + super::FRAGMENT) {
            seen.latencies_ms.push(clock.latency_ms(sequence, whole));
            whole += 1;
        }
    }
    Ok(sequence)
}
