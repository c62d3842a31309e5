//! Live view: what the camera films now, from the newest key frame on, as fragmented MP4 on a sink.
//!
//! In scope: subscribing, fetching EpochOpens as epochs begin, coming back after a lost session. Out of scope: what may be
//! written (`viewer`), playing it.
//!
//! ```text
//! relay  -- one stream a segment -->  viewer  -- init, moof + mdat, ... -->  sink
//!    \-- EpochOpen of each epoch --/     \-- events -->  the caller
//! ```

mod latency;
pub(crate) mod policy;
pub(crate) mod viewer;

use crate::book::BookError;
use crate::relay::{self, As};
use crate::{Owner, Picture};
use host::shutdown::Shutdown;
use media::message::{Control, From, Refusal, RefusalCode, Request, Response};
use media::segment::SegmentHeader;
use quic::{CallError, ControlReceiver, Link, LinkError, SegmentRecv, StreamError};
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use viewer::{Output, Release, Step, Viewer};

/// How long the relay may take to say that a subscription stands.
const SUBSCRIBE: Duration = Duration::from_secs(10);
/// How long a segment may be ahead of its EpochOpen.
const EPOCH_LATE: Duration = Duration::from_secs(3);
const EPOCH_AGAIN: Duration = Duration::from_millis(100);
/// Bytes of a segment that are taken at once.
const CHUNK: usize = 64 << 10;

/// What a viewer learns while watching or playing.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// A run began: its init segment was written to the sink.
    Run { codec: String },
    /// A segment's header opened.
    Segment { epoch: u64, sequence: u64, start_us: u64 },
    /// A fragment was written; `latency_us` is from capture to now (live only, else 0).
    Fragment { captured_us: u64, latency_us: u64 },
    /// The segment's signature and chain are verified.
    SegmentVerified { sequence: u64, duration_us: u64 },
    /// Footage is missing.
    Gap { from_us: u64, to_us: u64, reason: String },
    /// The camera films under a policy that is not the owner's current one.
    PolicyAlarm { epoch: u64, expected: String, found: String },
    /// A segment was refused; nothing of it after the named fault was written. Sequence 0 where not even that was legible.
    Refused { sequence: u64, reason: String },
}

/// What was watched.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Watched {
    pub segments: u64,
    pub fragments: u64,
    pub gaps: u64,
    pub refused: u64,
    pub latency_us_p50: Option<u64>,
    pub latency_us_p99: Option<u64>,
}

/// Why nothing (more) can be watched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    #[error("no camera is called {name:?} in the book; `candor owner cameras` lists them")]
    UnknownCamera { name: String },
    #[error(transparent)]
    Book(#[from] BookError),
    #[error("the relay cannot be reached: {0}")]
    Link(#[from] LinkError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the relay did not answer the subscription within {} s; try again", SUBSCRIBE.as_secs())]
    NotSubscribed,
    #[error("the relay sent {0} segments in a row that had to be refused; tell its operator")]
    OnlyRefused(u32),
    #[error("the footage cannot be written: {0}")]
    Sink(#[from] std::io::Error),
}

/// Writes what the camera films now to `sink` as fragmented MP4, until `stop`. A lost session is opened again; a relay that
/// cannot be reached at the start, or refuses, is an error.
pub async fn live(
    owner: &Owner,
    picture: impl Into<Picture<'_>>,
    sink: &mut (impl AsyncWrite + Unpin + Send),
    stop: &Shutdown,
    on: &mut (dyn FnMut(Event) + Send),
) -> Result<Watched, WatchError> {
    let mut viewer = Viewer::new(owner, picture.into(), Release::AsOpened)?;
    let mut failures = 0;
    while !stop.is_requested() {
        let before = viewer.counts().segments;
        let mut session = Session { owner, viewer: &mut viewer, sink: &mut *sink, stop, on: &mut *on };
        let error = match session.run().await {
            Ok(()) => break,
            Err(error) => error,
        };
        // Only what was seen to work once is worth waiting for.
        let segments = viewer.counts().segments;
        failures = if segments > before { 1 } else { failures + 1 };
        if !is_passing(&error) || segments == 0 {
            return Err(error);
        }
        let pause = relay::pause(failures);
        tracing::warn!(%error, ?pause, "the session was lost; opening another");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.requested() => break,
        }
    }
    sink.flush().await?;
    Ok(viewer.watched())
}

fn is_passing(error: &WatchError) -> bool {
    match error {
        WatchError::Link(error) => error.is_passing(),
        WatchError::Call(error) => error.is_passing(),
        WatchError::NotSubscribed => true,
        _ => false,
    }
}

/// One session of a live view; `Ok` when it was stopped.
struct Session<'a, S> {
    owner: &'a Owner,
    viewer: &'a mut Viewer,
    sink: &'a mut S,
    stop: &'a Shutdown,
    on: &'a mut (dyn FnMut(Event) + Send),
}

impl<S: AsyncWrite + Unpin + Send> Session<'_, S> {
    async fn run(&mut self) -> Result<(), WatchError> {
        let stop = self.stop;
        let (link, mut control) = tokio::select! {
            connected = relay::connect(self.owner, As::Device) => connected?,
            () = stop.requested() => return Ok(()),
        };
        self.subscribe(&link, &mut control).await?;
        self.viewer.handle_connected();
        let mut refused = 0;
        loop {
            let segment = tokio::select! {
                () = stop.requested() => {
                    link.goodbye();
                    return Ok(());
                }
                said = control.next() => {
                    heard(said?)?;
                    continue;
                }
                segment = link.accept_segment() => segment?,
            };
            let counts = |viewer: &Viewer| (viewer.counts().refused, viewer.counts().fragments);
            let before = counts(self.viewer);
            self.segment(&link, segment).await?;
            let after = counts(self.viewer);
            let useless = after.0 > before.0 && after.1 == before.1;
            refused = if useless { refused + 1 } else { 0 };
            if refused >= MAX_REFUSED {
                return Err(WatchError::OnlyRefused(refused));
            }
        }
    }

    async fn subscribe(&mut self, link: &Link, control: &mut ControlReceiver) -> Result<(), WatchError> {
        let (camera_id, track) = (self.viewer.camera_id(), self.viewer.track());
        link.control_send(&Control::Subscribe { camera_id, track, from: From::NewestKeyFrame })?;
        let answered = async {
            loop {
                match control.next().await? {
                    Some(Control::SubscribeOk { camera_id: of, .. }) if of == camera_id => return Ok(()),
                    other => heard(other)?,
                }
            }
        };
        timeout(SUBSCRIBE, answered).await.unwrap_or(Err(WatchError::NotSubscribed))
    }

    /// One segment, from its first byte to its end, its fault or the end of the session.
    async fn segment(&mut self, link: &Link, mut stream: SegmentRecv) -> Result<(), WatchError> {
        let stop = self.stop;
        let mut incoming = self.viewer.begin();
        loop {
            let read = tokio::select! {
                () = stop.requested() => return Ok(()),
                read = stream.read_chunk(CHUNK) => read,
            };
            let mut out = Vec::new();
            let bytes = match read {
                Ok(Some(bytes)) => bytes,
                Ok(None) => {
                    self.viewer.finish(incoming, &mut out);
                    return self.write(out).await;
                }
                // The relay gave this segment up, for a viewer too slow or a camera that went away.
                Err(StreamError::Link(error)) => {
                    self.viewer.lost(&incoming);
                    return Err(error.into());
                }
                Err(_) => {
                    self.viewer.lost(&incoming);
                    return Ok(());
                }
            };
            let mut step = self.viewer.push(&mut incoming, &bytes, host::clock::now_us(), &mut out);
            while let Step::Epoch(header) = step {
                self.write(std::mem::take(&mut out)).await?;
                let opens = epoch_opens(link, self.viewer, &header).await?;
                self.viewer.catch_up(self.owner, &opens).await?;
                self.viewer.learn(&mut incoming, &opens, &mut out);
                step = self.viewer.push(&mut incoming, &[], host::clock::now_us(), &mut out);
            }
            self.write(out).await?;
            if step == Step::Done {
                return Ok(());
            }
        }
    }

    /// A sink that takes nothing any more does not hold up a stop.
    async fn write(&mut self, outputs: Vec<Output>) -> Result<(), WatchError> {
        let stop = self.stop;
        tokio::select! {
            biased;
            written = write(self.sink, outputs, self.on) => written,
            () = stop.requested() => Ok(()),
        }
    }
}

/// The most segments in a row of which nothing could be used.
pub(crate) const MAX_REFUSED: u32 = 64;

/// What the control stream says while a subscription stands.
fn heard(said: Option<Control>) -> Result<(), WatchError> {
    match said {
        Some(Control::Refuse(refusal)) => Err(CallError::Refused(refusal).into()),
        None => Err(LinkError::Closed.into()),
        // A changed policy is the owner's own doing; an old one shows in the EpochOpens.
        Some(_) => Ok(()),
    }
}

/// Writes a viewer's outputs in order; a run's bytes come right after its event.
pub(crate) async fn write(
    sink: &mut (impl AsyncWrite + Unpin + Send),
    outputs: Vec<Output>,
    on: &mut (dyn FnMut(Event) + Send),
) -> Result<(), WatchError> {
    let wrote = outputs.iter().any(|output| !matches!(output, Output::Event(_)));
    for output in outputs {
        match output {
            Output::Event(event) => on(event),
            Output::Init(bytes) | Output::Fragment(bytes) => sink.write_all(&bytes).await?,
        }
    }
    if wrote {
        sink.flush().await?;
    }
    Ok(())
}

/// The EpochOpen of the epoch in which a segment starts. A live segment may overtake its own.
pub(crate) async fn epoch_opens(
    link: &Link,
    viewer: &Viewer,
    header: &SegmentHeader,
) -> Result<Vec<Vec<u8>>, WatchError> {
    let request = Request::FetchEpochs {
        camera_id: viewer.camera_id(),
        track: viewer.track(),
        from_us: header.start_us,
        to_us: header.start_us.saturating_add(1),
    };
    let deadline = Instant::now() + EPOCH_LATE;
    loop {
        let opens = match relay::ask(link, &request).await {
            Ok(Response::Epochs { opens, .. }) => opens,
            Ok(_) => return Err(CallError::Unexpected("no Epochs").into()),
            Err(CallError::Refused(Refusal { code: RefusalCode::NotFound, .. })) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let is_it = |bytes: &Vec<u8>| {
            let open = media::epoch::SignedEpochOpen::decode(bytes);
            open.is_ok_and(|open| open.unverified().context.epoch_no == header.epoch_no)
        };
        if opens.iter().any(is_it) || Instant::now() + EPOCH_AGAIN >= deadline {
            return Ok(opens);
        }
        tokio::time::sleep(EPOCH_AGAIN).await;
    }
}
