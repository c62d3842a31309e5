//! Live: the bytes of a segment go to every viewer as they come, the same `Bytes` once in memory.
//!
//! ```text
//! publisher  -- append -->  Live: [ previous | newest key frame .. | being received ]     one ring a track
//!                                        ^            ^                  ^
//! viewers, one task and one cursor each: A (behind)   B                  C (newest)
//! ```
//!
//! **Slow viewers.** A viewer is behind when a segment that starts at a key frame has been here for
//! [`GRACE`], and it still waits for the peer to take bytes of an older one; or when that one has
//! left the ring. Its old stream is reset, for it alone, and it goes on with the newest key frame, or
//! the next. Nobody waits for anybody: the
//! publisher never waits for a viewer, and a lock is held only to look at the ring, never while
//! sending.
//!
//! **Memory.** The ring holds the newest segment that starts at a key frame, what follows it, and
//! the one before, as long as all rings of a camera hold at most [`CAMERA`] bytes; a viewer that is
//! behind holds one segment more, and so does who receives one.
//!
//! Forwarded is not yet verified: viewers verify for themselves, and a segment that turns out bad
//! is reset for all.

use bytes::Bytes;
use host::lock::Mutex;
use media::id::{CameraId, Sequence, TrackId};
use media::message::From;
use media::segment::{SegmentHeader, Start};
use media::session::Place;
use quic::{Link, LinkError, SegmentSend, StreamError};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a newer key frame waits for a viewer to finish an older segment.
pub const GRACE: Duration = Duration::from_secs(1);
/// Segments in a ring, should no key frame come for long.
const RING: usize = 16;
/// Bytes in all rings of a camera: a minute of a picture of 8 Mbit/s.
const CAMERA: usize = 64 << 20;

/// The live side of every track.
#[derive(Debug, Default)]
pub(crate) struct Fanout {
    tracks: Mutex<BTreeMap<(CameraId, TrackId), Arc<Live>>>,
}

impl Fanout {
    /// The track's ring. Callers have checked that camera and track exist, which bounds their
    /// number.
    pub(crate) fn track(&self, camera_id: CameraId, track: TrackId) -> Arc<Live> {
        let mut tracks = self.tracks.lock();
        if let Some(live) = tracks.get(&(camera_id, track)) {
            return live.clone();
        }
        let beside = of(&tracks, camera_id).next().map(|live| live.of_camera.clone());
        let live = Arc::new(Live { of_camera: beside.unwrap_or_default(), ..Live::default() });
        tracks.insert((camera_id, track), live.clone());
        live
    }

    /// The camera left: what it sent last is no longer live.
    pub(crate) fn clear(&self, camera_id: CameraId) {
        let tracks = self.tracks.lock();
        for live in of(&tracks, camera_id) {
            let mut ring = live.ring.lock();
            // Cursors go on counting where they are.
            let all = ring.segments.len();
            ring.let_go(all);
            live.count(&mut ring);
        }
    }
}

fn of(
    tracks: &BTreeMap<(CameraId, TrackId), Arc<Live>>,
    camera_id: CameraId,
) -> impl Iterator<Item = &Arc<Live>> {
    tracks.range((camera_id, TrackId(0))..=(camera_id, TrackId(u32::MAX))).map(|(_, live)| live)
}

/// One track's ring of segments.
#[derive(Debug, Default)]
pub(crate) struct Live {
    ring: Mutex<Ring>,
    /// Bytes in all rings of its camera.
    of_camera: Arc<AtomicUsize>,
    /// Changes whenever a segment begins.
    begun: watch::Sender<()>,
    viewers: Arc<()>,
}

#[derive(Debug, Default)]
struct Ring {
    /// The place in the row of all live segments of `segments[0]`.
    first: u64,
    segments: VecDeque<Arc<LiveSegment>>,
    /// What stood before this place left for want of room.
    left: u64,
    /// Bytes of these, as they were counted last.
    bytes: usize,
    last: Option<(Sequence, Place)>,
}

impl Ring {
    fn next(&self) -> u64 {
        self.first + self.segments.len() as u64
    }

    fn at(&self, place: u64) -> Option<&Arc<LiveSegment>> {
        self.segments.get(usize::try_from(place.checked_sub(self.first)?).ok()?)
    }

    /// The newest segment that starts at a key frame, and its place.
    fn newest_key(&self) -> Option<(u64, &Arc<LiveSegment>)> {
        let at = self.segments.iter().rposition(|segment| segment.is_key())?;
        Some((self.first + at as u64, self.segments.get(at)?))
    }

    fn push(&mut self, segment: Arc<LiveSegment>) {
        self.segments.push_back(segment);
        let key = self.segments.iter().rposition(|segment| segment.is_key()).unwrap_or(0);
        let surplus = key.saturating_sub(1).max(self.segments.len().saturating_sub(RING));
        self.let_go(surplus);
        self.left = self.first;
    }

    /// The oldest go.
    fn let_go(&mut self, count: usize) {
        self.segments.drain(..count);
        self.first += count as u64;
    }
}

/// A viewer's seat; giving it back is dropping it.
#[derive(Debug)]
pub(crate) struct Seat(#[expect(dead_code, reason = "counted, never read")] Arc<()>);

impl Live {
    /// A seat, if fewer than `most` are taken.
    pub(crate) fn seat(&self, most: usize) -> Option<Seat> {
        // The ring's lock makes counting and taking one step.
        let _ring = self.ring.lock();
        (Arc::strong_count(&self.viewers) <= most).then(|| Seat(self.viewers.clone()))
    }

    /// Viewers now.
    pub(crate) fn viewers(&self) -> usize {
        Arc::strong_count(&self.viewers) - 1
    }

    /// Begins a segment, when it is newer than every one before: backfill is not live.
    pub(crate) fn begin(&self, header: &SegmentHeader) -> Option<Growing<'_>> {
        let place = Place { epoch_no: header.epoch_no, k: header.k };
        let mut ring = self.ring.lock();
        if ring.last.is_some_and(|(sequence, last)| header.sequence <= sequence || place <= last) {
            return None;
        }
        ring.last = Some((header.sequence, place));
        let segment = Arc::new(LiveSegment {
            start: header.start,
            begun: Instant::now(),
            body: watch::Sender::default(),
        });
        ring.push(segment.clone());
        self.count(&mut ring);
        drop(ring);
        self.begun.send_replace(());
        Some(Growing { live: self, segment, ended: false })
    }

    /// A segment has grown or ended: while all rings hold too much, the oldest of this one goes. The
    /// newest stays until it has ended.
    fn bound(&self) {
        let mut ring = self.ring.lock();
        self.count(&mut ring);
        while self.of_camera.load(Ordering::Relaxed) > CAMERA
            && let Some(oldest) = ring.segments.front()
            && (ring.segments.len() > 1 || oldest.body.borrow().ended.is_some())
        {
            ring.let_go(1);
            ring.left = ring.first;
            self.count(&mut ring);
        }
    }

    /// Counts what the ring holds.
    fn count(&self, ring: &mut Ring) {
        let bytes = ring.segments.iter().map(|segment| segment.body.borrow().len).sum();
        self.of_camera.fetch_add(bytes, Ordering::Relaxed);
        self.of_camera.fetch_sub(std::mem::replace(&mut ring.bytes, bytes), Ordering::Relaxed);
    }

    /// Everything before `sequence` is no longer live: it is stored.
    pub(crate) fn expect(&self, sequence: Sequence) {
        let mut ring = self.ring.lock();
        let before = Sequence(sequence.0.saturating_sub(1));
        if sequence.0 > 0 && ring.last.is_none() {
            ring.last = Some((before, Place { epoch_no: media::id::EpochNo(0), k: 0 }));
        }
    }

    fn start(&self, from: From) -> u64 {
        let ring = self.ring.lock();
        match from {
            From::NextSegment => ring.next(),
            From::NewestKeyFrame => ring.newest_key().map_or(ring.next(), |(place, _)| place),
        }
    }

    /// The segment at `place` or, if that has left the ring, at the newest key frame; waits until
    /// there is one.
    async fn at(&self, mut place: u64) -> (u64, Arc<LiveSegment>) {
        let mut begun = self.begun.subscribe();
        loop {
            {
                let ring = self.ring.lock();
                if place < ring.first {
                    place = ring.newest_key().map_or(ring.next(), |(place, _)| place);
                }
                if let Some(segment) = ring.at(place) {
                    return (place, segment.clone());
                }
            }
            // The sender lives as long as `self`.
            let _ = begun.changed().await;
        }
    }

    /// Waits until a viewer that is still at `place` is behind; where it should go on.
    async fn overtaken(&self, place: u64) -> u64 {
        let mut begun = self.begun.subscribe();
        let mut left = None;
        loop {
            let newest = {
                let ring = self.ring.lock();
                let newest = ring.newest_key().filter(|(newest, _)| *newest > place);
                let newest = newest.map(|(at, segment)| (at, segment.begun));
                // What left the ring lives as long as somebody is sent it.
                let has_left = || (ring.next(), *left.get_or_insert_with(Instant::now));
                newest.or_else(|| (place < ring.left).then(has_left))
            };
            match newest {
                Some((newest, since)) if since.elapsed() >= GRACE => return newest,
                Some((_, since)) => tokio::time::sleep_until(since + GRACE).await,
                // The sender lives as long as `self`.
                None => drop(begun.changed().await),
            }
        }
    }
}

#[derive(Debug)]
struct LiveSegment {
    start: Start,
    begun: Instant,
    body: watch::Sender<Body>,
}

#[derive(Debug, Default)]
struct Body {
    pieces: Vec<Bytes>,
    len: usize,
    ended: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    Broken,
}

impl LiveSegment {
    fn is_key(&self) -> bool {
        self.start == Start::KeyFrame
    }

    fn after(&self, sent: usize) -> (Vec<Bytes>, Option<End>) {
        let body = self.body.borrow();
        (body.pieces.get(sent..).unwrap_or_default().to_vec(), body.ended)
    }
}

/// A segment that is being received. Dropped before [`finish`](Growing::finish), it is broken for
/// every viewer.
#[derive(Debug)]
pub(crate) struct Growing<'a> {
    live: &'a Live,
    segment: Arc<LiveSegment>,
    ended: bool,
}

impl Growing<'_> {
    pub(crate) fn append(&self, bytes: Bytes) {
        self.segment.body.send_modify(|body| {
            body.len += bytes.len();
            body.pieces.push(bytes);
        });
        self.live.bound();
    }

    pub(crate) fn finish(mut self) {
        self.ended = true;
        self.segment.body.send_modify(|body| body.ended = Some(End::Whole));
    }
}

impl Drop for Growing<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.segment.body.send_modify(|body| body.ended = Some(End::Broken));
        }
        self.live.bound();
    }
}

/// Feeds one viewer until its session ends or `may` says no.
pub(crate) async fn feed<E>(
    live: &Live,
    link: &Link,
    from: From,
    may: impl Fn() -> Result<(), E>,
) -> Result<(), FeedEnd<E>> {
    let mut place = live.start(from);
    // Nothing can be opened before a key frame.
    let mut needs_key = true;
    loop {
        let (at, segment) = live.at(place).await;
        needs_key |= at != place;
        place = at;
        may().map_err(FeedEnd::Denied)?;
        if needs_key && !segment.is_key() {
            place += 1;
            continue;
        }
        // Newer segments go first; the control stream goes before all of them.
        let priority = i32::try_from(place).unwrap_or(i32::MAX - 1).saturating_add(1).min(i32::MAX - 1);
        let newest = tokio::select! {
            biased;
            sent = send(link, &segment, priority) => match sent {
                // What the viewer stopped or did not take in time is its own affair.
                Ok(()) | Err(StreamError::Abandoned | StreamError::Stalled) => None,
                Err(StreamError::Link(error)) => return Err(FeedEnd::Link(error)),
            },
            newest = live.overtaken(place) => Some(newest),
        };
        place = newest.unwrap_or(place + 1);
        needs_key = newest.is_some();
    }
}

/// Why a viewer is no longer fed.
#[derive(Debug)]
pub(crate) enum FeedEnd<E> {
    Link(LinkError),
    Denied(E),
}

async fn send(link: &Link, segment: &LiveSegment, priority: i32) -> Result<(), StreamError> {
    let mut grown = segment.body.subscribe();
    let mut out: SegmentSend = link.open_segment(priority).await?;
    let mut sent = 0;
    loop {
        let (pieces, ended) = segment.after(sent);
        sent += pieces.len();
        for piece in pieces {
            out.write_bytes(piece).await?;
        }
        match ended {
            Some(End::Whole) => return out.finish(),
            Some(End::Broken) => {
                // Dropped before its end, it is reset.
                return Ok(());
            }
            None => {
                tokio::select! {
                    // The sender lives as long as the segment.
                    _ = grown.changed() => {}
                    () = out.stopped() => return Err(StreamError::Abandoned),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
