//! Playback: a recorded span, through the same opener as live view. A segment is handed on once the
//! camera's signature on it and the chain to it hold.
//!
//! ```text
//! FetchSegments from..to            first segment is a key frame: go on                           Way::Straight
//!                                   it continues another: ask again from a little earlier,         Way::Leading
//!                                   keep what leads to it
//! session lost                      ask again from the cursor
//! ```

use crate::live::viewer::{Output, Step, Viewer, WriteWhen};
use crate::live::{self, Event, MAX_REFUSED, WatchError, Watched};
use crate::span::{Picture, Span};
use crate::state::{As, Owner};
use bytes::Bytes;
use media::id::Sequence;
use media::segment::{HEADER_LEN, SegmentHeader, SegmentQuery, Start};
use media::time::Micros;
use quic::{CallError, SegmentStream};
use relay_client::Session;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

/// How much earlier than asked a key frame is looked for, in order.
const LEADS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(30), Duration::from_secs(600)];
/// The most bytes kept between a key frame and the segment that was asked for.
const MAX_LEAD_BYTES: usize = 256 << 20;
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
    let mut playback = Playback::new(owner, picture.into(), span)?;
    while let Some(outputs) = playback.next().await? {
        live::write(sink, outputs, on).await?;
    }
    sink.flush().await?;
    Ok(playback.watched())
}

/// A span being played, a segment at a time.
#[derive(Debug)]
pub(crate) struct Playback {
    owner: Owner,
    session: Session,
    viewer: Viewer,
    span: Span,
    way: Way,
    stream: Option<SegmentStream>,
    ready: VecDeque<Bytes>,
    /// The first segment wanted of the next fetch.
    cursor: Sequence,
    refused: u32,
    /// The end of what was handed on.
    reached_us: Option<Micros>,
    ended: bool,
}

/// How the first segment is come to.
#[derive(Debug)]
enum Way {
    /// Nothing has come yet.
    Beginning,
    /// The span begins in mid-picture, at `target`: segments from a key frame before it are kept,
    /// asked for from `LEADS[lead]` earlier on.
    Leading { lead: usize, target: Sequence, led: Led },
    /// What comes is played.
    Straight,
}

/// Segments from the last key frame before the target.
#[derive(Debug, Default)]
struct Led {
    segments: Vec<Bytes>,
    bytes: usize,
}

impl Led {
    fn take(&mut self, header: &SegmentHeader, bytes: Bytes) {
        if header.start == Start::KeyFrame {
            *self = Self::default();
        }
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes <= MAX_LEAD_BYTES {
            self.segments.push(bytes);
        } else {
            self.segments.clear();
        }
    }
}

impl Playback {
    pub(crate) fn new(owner: &Owner, picture: Picture<'_>, span: Span) -> Result<Self, WatchError> {
        let mut viewer = Viewer::new(owner, picture, WriteWhen::Verified)?;
        // An overlapping segment starts before the span; how long before is bounded by the longest
        // lead.
        let earliest = span.from_us().before(LEADS.into_iter().max().unwrap_or_default());
        viewer.want(earliest..span.to_us());
        Ok(Self {
            owner: owner.clone(),
            session: owner.session(As::Device),
            viewer,
            span,
            way: Way::Beginning,
            stream: None,
            ready: VecDeque::new(),
            cursor: Sequence(0),
            refused: 0,
            reached_us: None,
            ended: false,
        })
    }

    pub(crate) fn watched(&self) -> Watched {
        self.viewer.watched()
    }

    /// What the next segment gives; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Output>>, WatchError> {
        loop {
            if let Some(segment) = self.ready.pop_front() {
                let out = self.open(&segment).await?;
                if !out.is_empty() {
                    return Ok(Some(out));
                }
                continue;
            }
            if self.ended {
                return Ok(None);
            }
            match self.fetched().await? {
                Some(segment) => self.sort(segment),
                None if matches!(self.way, Way::Leading { .. }) => self.give_up_leading(),
                None => {
                    self.ended = true;
                    return Ok(Some(self.tail()));
                }
            }
        }
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
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let lead = match &self.way {
                    Way::Leading { lead, .. } => LEADS[*lead],
                    Way::Beginning | Way::Straight => Duration::ZERO,
                };
                let query = SegmentQuery {
                    camera_id: self.viewer.camera_id(),
                    track: self.viewer.track(),
                    from_us: self.span.from_us().before(lead),
                    to_us: self.span.to_us(),
                    cursor: self.cursor,
                };
                let stream = self.session.link().await?.fetch_segments(&query).await?;
                self.stream.insert(stream)
            }
        };
        Ok(stream.next().await?.map(|(_received_us, bytes)| bytes))
    }

    /// Decides by its clear header whether a segment is played, kept for the way to the target, or
    /// makes the way longer.
    fn sort(&mut self, segment: Bytes) {
        let header = segment.get(..HEADER_LEN).and_then(|bytes| SegmentHeader::decode(bytes).ok());
        let Some(header) = header else { return self.ready.push_back(segment) };
        match &mut self.way {
            Way::Straight => self.ready.push_back(segment),
            Way::Beginning if header.start == Start::KeyFrame => {
                self.way = Way::Straight;
                self.ready.push_back(segment);
            }
            Way::Beginning => self.look_earlier(0, header.sequence),
            Way::Leading { target, led, .. } if header.sequence < *target => led.take(&header, segment),
            Way::Leading { lead, target, led }
                if led.segments.is_empty() && header.start != Start::KeyFrame =>
            {
                let (lead, target) = (*lead, *target);
                self.look_earlier(lead, target);
            }
            Way::Leading { led, .. } => {
                self.ready.extend(std::mem::take(&mut led.segments));
                self.ready.push_back(segment);
                self.way = Way::Straight;
            }
        }
    }

    fn look_earlier(&mut self, tried: usize, target: Sequence) {
        let lead = tried + 1;
        if lead < LEADS.len() {
            self.way = Way::Leading { lead, target, led: Led::default() };
            self.stream = None;
        } else {
            self.give_up_leading();
        }
    }

    /// No key frame before the span: it is played from the first one within.
    fn give_up_leading(&mut self) {
        (self.way, self.stream) = (Way::Straight, None);
    }

    async fn open(&mut self, segment: &[u8]) -> Result<Vec<Output>, WatchError> {
        let mut out = Vec::new();
        let mut incoming = self.viewer.begin();
        let now_us = self.owner.now_us();
        let mut step = self.viewer.push(&mut incoming, segment, now_us, &mut out);
        while let Step::Epoch(header) = step {
            let link = self.session.link().await?;
            let epochs = live::epochs_of(&link, &self.viewer, &header).await?;
            self.viewer.catch_up(&self.owner, &epochs).await?;
            self.viewer.learn(&mut incoming, &epochs, &mut out);
            step = self.viewer.push(&mut incoming, &[], now_us, &mut out);
        }
        self.viewer.finish(incoming, &mut out);
        self.edges(&mut out)?;
        Ok(out)
    }

    /// Follows what was handed on: the first gap of the span, the cursor, and refusals in a row.
    fn edges(&mut self, out: &mut Vec<Output>) -> Result<(), WatchError> {
        let mut start = None;
        for output in out.iter() {
            match output {
                Output::Event(Event::Segment { start_us, .. }) => start = Some(Micros(*start_us)),
                Output::Event(Event::SegmentVerified { sequence, duration_us }) => {
                    self.refused = 0;
                    self.cursor = Sequence(sequence.saturating_add(1));
                    let first = self.reached_us.is_none();
                    self.reached_us = start
                        .map(|start| start.after(Duration::from_micros(*duration_us)))
                        .or(self.reached_us);
                    start = start.filter(|_| first);
                }
                Output::Event(Event::Refused { .. }) => self.refused += 1,
                Output::Event(_) | Output::Init(_) | Output::Fragment(_) => {}
            }
        }
        if self.refused >= MAX_REFUSED {
            return Err(WatchError::OnlyRefused(self.refused));
        }
        let first = start.filter(|start| *start > self.span.from_us().after(EDGE));
        if let Some(start_us) = first {
            out.insert(0, self.viewer.gap(self.span.from_us(), start_us, NOT_THERE));
        }
        Ok(())
    }

    fn tail(&mut self) -> Vec<Output> {
        let reached = self.reached_us.unwrap_or(self.span.from_us());
        let to = self.span.to_us().min(self.owner.now_us());
        let missing = to > reached.after(EDGE);
        missing.then(|| self.viewer.gap(reached, to, NOT_THERE)).into_iter().collect()
    }
}

const NOT_THERE: &str = "not filmed, not yet stored, or withheld by the relay";
