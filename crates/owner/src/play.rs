//! Playback: a recorded span, through the same opener as live view. A segment is handed on once the camera's signature on
//! it and the chain to it hold.
//!
//! ```text
//! FetchSegments from..to            first segment is a key frame: go on
//!                                   it continues another: ask again from a little earlier, keep what leads to it
//! session lost                      ask again from the cursor
//! ```

use crate::live::viewer::{Output, Release, Step, Viewer};
use crate::live::{self, Event, MAX_REFUSED, WatchError, Watched};
use crate::relay::{self, As, Session};
use crate::{Owner, Picture, Span};
use bytes::Bytes;
use media::id::Sequence;
use media::segment::{HEADER_LEN, SegmentHeader, SegmentQuery, Start};
use quic::{CallError, SegmentStream};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

/// How much earlier than asked a key frame is looked for, in order, microseconds.
const LEADS_US: [u64; 3] = [0, 30_000_000, 600_000_000];
/// The most bytes kept between a key frame and the segment that was asked for.
const MAX_LEAD_BYTES: usize = 256 << 20;
/// How long a relay may be away in mid-playback.
const AWAY: Duration = Duration::from_secs(30);
/// What is missing at an edge of the span is told from here on, microseconds.
const EDGE_US: u64 = 1_000_000;

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
    /// Which of [`LEADS_US`] is being tried; none once a key frame was found.
    lead: Option<usize>,
    /// The segment to which a lead must come.
    target: Option<Sequence>,
    led: Led,
    stream: Option<SegmentStream>,
    ready: VecDeque<Bytes>,
    /// The first segment wanted of the next fetch.
    cursor: Sequence,
    refused: u32,
    /// The end of what was handed on.
    reached_us: Option<u64>,
    ended: bool,
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
        let mut viewer = Viewer::new(owner, picture, Release::Verified)?;
        // An overlapping segment starts before the span; how long before is bounded by the longest lead.
        let earliest = span.from_us().saturating_sub(LEADS_US.into_iter().max().unwrap_or(0));
        viewer.want(earliest..span.to_us());
        Ok(Self {
            owner: owner.clone(),
            session: Session::new(owner, As::Device),
            viewer,
            span,
            lead: Some(0),
            target: None,
            led: Led::default(),
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
                None if self.target.is_some() => self.give_up_leading(),
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
        let mut failures = 0;
        loop {
            let error = match self.try_fetch().await {
                Ok(next) => return Ok(next),
                Err(error) => error,
            };
            self.stream = None;
            failures += 1;
            let pause = relay::pause(failures);
            if !error.is_passing() || Instant::now() + pause >= deadline {
                return Err(error.into());
            }
            tracing::warn!(%error, "the relay broke off; asking for the rest");
            tokio::time::sleep(pause).await;
        }
    }

    async fn try_fetch(&mut self) -> Result<Option<Bytes>, CallError> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let lead = self.lead.and_then(|at| LEADS_US.get(at)).copied().unwrap_or(0);
                let query = SegmentQuery {
                    camera_id: self.viewer.camera_id(),
                    track: self.viewer.track(),
                    from_us: self.span.from_us().saturating_sub(lead),
                    to_us: self.span.to_us(),
                    cursor: self.cursor,
                };
                let stream = self.session.link().await?.fetch_segments(&query).await?;
                self.stream.insert(stream)
            }
        };
        Ok(stream.next().await?.map(|(_received_us, bytes)| bytes))
    }

    /// Decides by its clear header whether a segment is played, kept for the way to the target, or makes the way longer.
    fn sort(&mut self, segment: Bytes) {
        let header = segment.get(..HEADER_LEN).and_then(|bytes| SegmentHeader::decode(bytes).ok());
        let (Some(lead), Some(header)) = (self.lead, header) else { return self.ready.push_back(segment) };
        match self.target {
            None if header.start == Start::KeyFrame => {
                self.lead = None;
                self.ready.push_back(segment);
            }
            None => {
                self.target = Some(header.sequence);
                self.look_earlier(lead);
            }
            Some(target) if header.sequence < target => self.led.take(&header, segment),
            Some(_) if self.led.segments.is_empty() && header.start != Start::KeyFrame => {
                self.look_earlier(lead)
            }
            Some(_) => {
                self.lead = None;
                self.target = None;
                self.ready.extend(std::mem::take(&mut self.led).segments);
                self.ready.push_back(segment);
            }
        }
    }

    fn look_earlier(&mut self, lead: usize) {
        if lead + 1 < LEADS_US.len() {
            (self.lead, self.stream, self.led) = (Some(lead + 1), None, Led::default());
        } else {
            self.give_up_leading();
        }
    }

    /// No key frame before the span: it is played from the first one within.
    fn give_up_leading(&mut self) {
        (self.lead, self.target, self.led) = (None, None, Led::default());
        self.stream = None;
    }

    async fn open(&mut self, segment: &[u8]) -> Result<Vec<Output>, WatchError> {
        let mut out = Vec::new();
        let mut incoming = self.viewer.begin();
        let now_us = host::clock::now_us();
        let mut step = self.viewer.push(&mut incoming, segment, now_us, &mut out);
        while let Step::Epoch(header) = step {
            let link = self.session.link().await?;
            let opens = live::epoch_opens(&link, &self.viewer, &header).await?;
            self.viewer.catch_up(&self.owner, &opens).await?;
            self.viewer.learn(&mut incoming, &opens, &mut out);
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
                Output::Event(Event::Segment { start_us, .. }) => start = Some(*start_us),
                Output::Event(Event::SegmentVerified { sequence, duration_us }) => {
                    self.refused = 0;
                    self.cursor = Sequence(sequence.saturating_add(1));
                    let first = self.reached_us.is_none();
                    self.reached_us =
                        start.map(|start| start.saturating_add(*duration_us)).or(self.reached_us);
                    start = start.filter(|_| first);
                }
                Output::Event(Event::Refused { .. }) => self.refused += 1,
                _ => {}
            }
        }
        if self.refused >= MAX_REFUSED {
            return Err(WatchError::OnlyRefused(self.refused));
        }
        let first = start.filter(|start| *start > self.span.from_us().saturating_add(EDGE_US));
        if let Some(start_us) = first {
            out.insert(0, self.viewer.gap(self.span.from_us(), start_us, NOT_THERE));
        }
        Ok(())
    }

    fn tail(&mut self) -> Vec<Output> {
        let reached = self.reached_us.unwrap_or(self.span.from_us());
        let to = self.span.to_us().min(host::clock::now_us());
        let missing = to > reached.saturating_add(EDGE_US);
        missing.then(|| self.viewer.gap(reached, to, NOT_THERE)).into_iter().collect()
    }
}

const NOT_THERE: &str = "not filmed, not yet stored, or withheld by the relay";
