//! Playback: a recorded span, through the same opener as live view. A segment is handed on once the
//! camera's signature on it and the chain to it hold.
//!
//! ```text
//! FetchSegments from..to            first segment is a key frame: go on
//!                                   it continues another: go on from the key frame before it,
//! FetchHeads earlier..from          which the heads name
//! session lost                      ask again from the cursor
//! ```

use crate::heads;
use crate::live::viewer::{Output, Step, Viewer, WriteWhen};
use crate::live::{self, Event, MAX_REFUSED, Outlet, SinkAndCallback, WatchError, Watched};
use crate::span::{Picture, Span};
use crate::state::{As, Owner};
use bytes::Bytes;
use media::id::{Sequence, TrackId};
use media::segment::{HEADER_LEN, SegmentHeader, SegmentQuery, Start};
use media::time::Micros;
use quic::{CallError, SegmentStream};
use relay_client::Session;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::time::Instant;

/// How much earlier than asked a key frame is looked for, in order.
const LEADS: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(600)];
/// How long a relay may be away in mid-playback.
const AWAY: Duration = Duration::from_secs(30);
/// What is missing at an edge of the span is told from here on.
const EDGE: Duration = Duration::from_secs(1);

/// Writes a recorded span to `sink` as fragmented MP4, from the key frame at or before its start.
pub async fn play(
    owner: &Owner,
    picture: impl Into<Picture<'_>>,
    span: Span,
    sink: &mut (impl AsyncWrite + Unpin + Send),
    on: &mut (dyn FnMut(Event) + Send),
) -> Result<Watched, WatchError> {
    watch(owner, picture.into(), span, &mut SinkAndCallback { sink, on }).await
}

/// [`play`], to wherever it goes.
pub(crate) async fn watch(
    owner: &Owner,
    picture: Picture<'_>,
    span: Span,
    to: &mut impl Outlet,
) -> Result<Watched, WatchError> {
    let mut playback = Playback::new(owner, picture, span)?;
    while let Some(outputs) = playback.next().await? {
        to.take(outputs).await?;
    }
    Ok(playback.watched())
}

/// A span being played, a segment at a time.
pub(crate) struct Playback {
    owner: Owner,
    session: Session,
    viewer: Viewer,
    span: Span,
    stream: Option<SegmentStream>,
    /// Where the next fetch begins, and the first segment wanted of it.
    from_us: Micros,
    cursor: Sequence,
    /// Whether the first segment was come to.
    began: bool,
    /// Segments in a row.
    refused: u32,
    /// From where on what is missing was not told yet, nor filmed under the key before.
    due_us: Micros,
    /// The end of what was handed on.
    reached_us: Option<Micros>,
    ended: bool,
    /// What of the span a later key of the camera filmed, each part by the name of its camera.
    later: VecDeque<(String, TrackId, Span)>,
    /// What was watched of the keys before.
    before: Watched,
}

impl Playback {
    pub(crate) fn new(owner: &Owner, picture: Picture<'_>, span: Span) -> Result<Self, WatchError> {
        let stored = owner.stored();
        let parts = stored.parts(picture.camera, span).into_iter();
        let mut later: VecDeque<_> =
            parts.map(|(camera, part)| (camera.name.clone(), picture.track, part)).collect();
        let first = later.pop_front();
        let (camera, span) = first.as_ref().map_or((picture.camera, span), |(name, _, span)| (name, *span));
        Ok(Self { later, ..Self::of(owner, Picture { camera, ..picture }, span)? })
    }

    /// What one key of a camera filmed of a span.
    fn of(owner: &Owner, picture: Picture<'_>, span: Span) -> Result<Self, WatchError> {
        let mut viewer = Viewer::new(owner, picture, WriteWhen::Verified)?;
        // An overlapping segment starts before the span; how long before is bounded by the longest
        // lead.
        let earliest = span.from_us().before(LEADS.into_iter().max().unwrap_or_default());
        viewer.wanted = earliest..span.to_us();
        Ok(Self {
            owner: owner.clone(),
            session: owner.session(As::Device),
            viewer,
            span,
            stream: None,
            from_us: span.from_us(),
            cursor: Sequence(0),
            began: false,
            refused: 0,
            due_us: span.from_us(),
            reached_us: None,
            ended: false,
            later: VecDeque::new(),
            before: Watched::default(),
        })
    }

    /// Of all keys.
    fn watched(&self) -> Watched {
        let (now, before) = (self.viewer.watched(), &self.before);
        Watched {
            segments: now.segments + before.segments,
            fragments: now.fragments + before.fragments,
            gaps: now.gaps + before.gaps,
            refused: now.refused + before.refused,
            ..now
        }
    }

    /// Goes on with the next key of the camera.
    fn take_over(&mut self, (camera, track, span): (String, TrackId, Span)) -> Result<Output, WatchError> {
        let next = Self::of(&self.owner, Picture { camera: &camera, track }, span)?;
        let (later, at) = (std::mem::take(&mut self.later), span.from_us());
        let told = self.viewer.gap(at, at, NEW_KEY);
        let (before, due_us) = (self.watched(), self.reached_us.unwrap_or(self.due_us).max(at));
        *self = Self { later, before, due_us, ..next };
        Ok(told)
    }

    /// What the next segment gives; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Output>>, WatchError> {
        while !self.ended {
            let Some(segment) = self.fetched().await? else {
                let mut out = self.tail();
                match self.later.pop_front() {
                    Some(next) => out.push(self.take_over(next)?),
                    None => self.ended = true,
                }
                return Ok(Some(out));
            };
            let out = self.open(&segment).await?;
            if !out.is_empty() {
                return Ok(Some(out));
            }
        }
        Ok(None)
    }

    /// The next segment of the relay's, over as many sessions as it takes.
    async fn fetched(&mut self) -> Result<Option<Bytes>, WatchError> {
        let deadline = Instant::now() + AWAY;
        loop {
            match self.try_fetch().await {
                Ok(next) => {
                    self.session.worked();
                    return Ok(next);
                }
                Err(error) => {
                    self.stream = None;
                    self.session.again(error, deadline)?;
                }
            }
        }
    }

    async fn try_fetch(&mut self) -> Result<Option<Bytes>, CallError> {
        loop {
            let stream = match &mut self.stream {
                Some(stream) => stream,
                None => {
                    let query = self.query(self.from_us, self.span.to_us(), self.cursor);
                    let stream = self.session.link().await?.fetch_segments(&query).await?;
                    self.stream.insert(stream)
                }
            };
            let Some((_received_us, segment)) = stream.next().await? else { return Ok(None) };
            if self.began || !self.leads_back(&segment).await? {
                self.began = true;
                return Ok(Some(segment));
            }
        }
    }

    fn query(&self, from_us: Micros, to_us: Micros, cursor: Sequence) -> SegmentQuery {
        let (camera_id, track) = (self.viewer.camera_id, self.viewer.track);
        SegmentQuery { camera_id, track, from_us, to_us, cursor }
    }

    /// A span that begins in mid-picture is played from the last key frame before it. Without one
    /// it is played from the first one within. Heads only say where to begin: what is played is the
    /// segments.
    async fn leads_back(&mut self, first: &[u8]) -> Result<bool, CallError> {
        let header = first.get(..HEADER_LEN).and_then(|bytes| SegmentHeader::decode(bytes).ok());
        let Some(first) = header.filter(|header| header.start != Start::KeyFrame) else { return Ok(false) };
        for lead in LEADS {
            let asked = self.query(self.span.from_us().before(lead), self.span.from_us(), Sequence(0));
            let link = self.session.link().await?;
            let key = heads::last_key_frame(&link, asked).await?;
            if let Some(key) = key.filter(|key| key.sequence < first.sequence) {
                (self.began, self.stream) = (true, None);
                (self.from_us, self.cursor) = (key.start_us, key.sequence);
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn open(&mut self, segment: &[u8]) -> Result<Vec<Output>, WatchError> {
        self.viewer.begin();
        let (now_us, refused) = (self.owner.now_us(), self.viewer.counts().refused);
        let mut step = self.viewer.push(segment, now_us);
        while let Step::Epoch(header) = step {
            let link = self.session.link().await?;
            live::learn(&self.owner, &link, &mut self.viewer, &header).await?;
            step = self.viewer.push(&[], now_us);
        }
        self.viewer.finish();
        let mut out = self.viewer.outputs();
        if let Some(whole) = self.viewer.whole.take() {
            self.refused = 0;
            self.cursor = self.viewer.next_sequence();
            let is_first = self.reached_us.replace(whole.end).is_none();
            if is_first && whole.start > self.due_us.after(EDGE) {
                out.insert(0, self.viewer.gap(self.due_us, whole.start, NOT_THERE));
            }
        } else if self.viewer.counts().refused > refused {
            self.refused += 1;
            if self.refused >= MAX_REFUSED {
                return Err(WatchError::OnlyRefused(self.refused));
            }
        }
        Ok(out)
    }

    fn tail(&mut self) -> Vec<Output> {
        let reached = self.reached_us.unwrap_or(self.due_us);
        // From where the next key films, what is missing is missing of that.
        let end = self.later.front().map_or(self.span.to_us(), |(_, _, next)| next.from_us());
        let to = end.min(self.span.to_us()).min(self.owner.now_us());
        let missing = to > reached.after(EDGE);
        missing.then(|| self.viewer.gap(reached, to, NOT_THERE)).into_iter().collect()
    }
}

/// What is told where footage under another key of the camera begins.
pub(crate) const NEW_KEY: &str = "the camera was given a new key: what follows is filmed with that";
/// No EpochOpen is read for the edges of a span: whether anything was filmed then, was not looked
/// at.
const NOT_THERE: &str = "the relay gave nothing of this time when it was asked: not filmed, or not there yet";
