//! Live view: what the camera films now, from the newest key frame on, as fragmented MP4 on a sink.
//!
//! In scope: subscribing, fetching EpochOpens as epochs begin, coming back after a lost session.
//! Out of scope: what may be written (`viewer`), playing it.
//!
//! ```text
//! relay  -- one stream a segment -->  viewer  -- init, moof + mdat, ... -->  sink
//!    \-- EpochOpen of each epoch --/     \-- events -->  the caller
//! ```

mod latency;
pub(crate) mod policy;
pub(crate) mod viewer;

use crate::book::BookError;
use crate::span::Picture;
use crate::state::{As, Owner};
use host::shutdown::Shutdown;
use media::message::{Control, From};
use media::segment::SegmentHeader;
use quic::{CallError, ControlReceiver, Link, LinkError, SegmentRecv, StreamError};
use relay_client::{Epoch, EpochQuery, Paging, Session};
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use viewer::{Output, Step, Viewer, WriteWhen};

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
    /// A segment was refused; nothing of it after the named fault was written. Sequence 0 where not
    /// even that was legible.
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
pub enum WatchError {
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
    #[error("what the relay sends as live was filmed {0} s ago, by the camera's clock and this one")]
    Old(u64),
    #[error("the footage cannot be written: {0}")]
    Sink(#[from] std::io::Error),
}

/// Writes what the camera films now to `sink` as fragmented MP4, until `stop`. A lost session is
/// opened again; a relay that cannot be reached at the start, or refuses, is an error.
pub async fn live(
    owner: &Owner,
    picture: impl Into<Picture<'_>>,
    sink: &mut (impl AsyncWrite + Unpin + Send),
    stop: &Shutdown,
    on: &mut (dyn FnMut(Event) + Send),
) -> Result<Watched, WatchError> {
    watch(owner, picture.into(), stop, &mut SinkAndCallback { sink, on }).await
}

/// [`live`], to wherever it goes.
pub(crate) async fn watch(
    owner: &Owner,
    picture: Picture<'_>,
    stop: &Shutdown,
    to: &mut impl Outlet,
) -> Result<Watched, WatchError> {
    let viewer = Viewer::new(owner, picture, WriteWhen::Opened)?;
    let mut live = LiveView { owner, viewer, stop, to };
    let mut session = owner.session(As::Device);
    while !stop.is_requested() {
        let before = live.viewer.counts().segments;
        let Err(error) = live.run(&mut session).await else { break };
        // Only what was seen to work once is worth waiting for.
        let segments = live.viewer.counts().segments;
        if !error.is_passing() || segments == 0 {
            return Err(error);
        }
        if segments > before {
            session.worked();
        }
        tracing::warn!(%error, "the session was lost; opening another");
        session.failed();
    }
    Ok(live.viewer.watched())
}

/// Where what a viewer gives goes, in order.
pub(crate) trait Outlet: Send {
    /// Returns once there is room for more.
    fn take(&mut self, outputs: Vec<Output>) -> impl Future<Output = Result<(), WatchError>> + Send;
}

/// Media to a sink, events to a callback; a run's bytes come right after its event.
pub(crate) struct SinkAndCallback<'a, S> {
    pub(crate) sink: &'a mut S,
    pub(crate) on: &'a mut (dyn FnMut(Event) + Send),
}

impl<S: AsyncWrite + Unpin + Send> Outlet for SinkAndCallback<'_, S> {
    async fn take(&mut self, outputs: Vec<Output>) -> Result<(), WatchError> {
        let wrote = outputs.iter().any(|output| !matches!(output, Output::Event(_)));
        for output in outputs {
            match output {
                Output::Event(event) => (self.on)(event),
                Output::Init(bytes) | Output::Fragment(bytes) => self.sink.write_all(&bytes).await?,
            }
        }
        if wrote {
            self.sink.flush().await?;
        }
        Ok(())
    }
}

impl WatchError {
    fn is_passing(&self) -> bool {
        match self {
            Self::Link(error) => error.is_passing(),
            Self::Call(error) => error.is_passing(),
            Self::NotSubscribed => true,
            Self::Book(_) | Self::OnlyRefused(_) | Self::Old(_) | Self::Sink(_) => false,
        }
    }
}

/// A live view, over as many sessions as it takes.
struct LiveView<'a, T> {
    owner: &'a Owner,
    viewer: Viewer,
    stop: &'a Shutdown,
    to: &'a mut T,
}

impl<T: Outlet> LiveView<'_, T> {
    /// One session; `Ok` when it was stopped.
    async fn run(&mut self, session: &mut Session) -> Result<(), WatchError> {
        let stop = self.stop;
        let (link, mut control) = tokio::select! {
            opened = session.open() => opened?,
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
            let before = counts(&self.viewer);
            self.segment(&link, segment).await?;
            let after = counts(&self.viewer);
            let useless = after.0 > before.0 && after.1 == before.1;
            refused = if useless { refused + 1 } else { 0 };
            if refused >= MAX_REFUSED {
                return Err(WatchError::OnlyRefused(refused));
            }
        }
    }

    async fn subscribe(&mut self, link: &Link, control: &mut ControlReceiver) -> Result<(), WatchError> {
        let (camera_id, track) = (self.viewer.camera_id, self.viewer.track);
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
        self.viewer.begin();
        loop {
            let read = tokio::select! {
                () = stop.requested() => return Ok(()),
                read = stream.read_chunk(CHUNK) => read,
            };
            let bytes = match read {
                Ok(Some(bytes)) => bytes,
                Ok(None) => {
                    self.viewer.finish();
                    return self.write().await;
                }
                // The relay gave this segment up, for a viewer too slow or a camera that went away.
                Err(error) => {
                    self.viewer.lost();
                    return match error {
                        StreamError::Link(error) => Err(error.into()),
                        StreamError::Abandoned | StreamError::Stalled => Ok(()),
                    };
                }
            };
            let mut step = self.viewer.push(&bytes, self.owner.now_us());
            while let Step::Epoch(header) = step {
                self.write().await?;
                learn(self.owner, link, &mut self.viewer, &header).await?;
                step = self.viewer.push(&[], self.owner.now_us());
            }
            self.write().await?;
            if step == Step::Done {
                return Ok(());
            }
        }
    }

    /// A sink that takes nothing any more does not hold up a stop.
    async fn write(&mut self) -> Result<(), WatchError> {
        let (stop, outputs) = (self.stop, self.viewer.outputs());
        tokio::select! {
            biased;
            written = self.to.take(outputs) => written,
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

/// An epoch and a half, of the usual length.
const LATER: Duration = Duration::from_secs(90);

/// Fetches the EpochOpen for which a segment waits, and others of that moment, for its viewer. A live
/// segment may overtake its own.
pub(crate) async fn learn(
    owner: &Owner,
    link: &Link,
    viewer: &mut Viewer,
    header: &SegmentHeader,
) -> Result<(), WatchError> {
    // What became of the segments of an epoch stands in the one after it, where there is one already.
    let (from_us, to_us) = (header.start_us, header.start_us.after(LATER));
    let query = EpochQuery { camera_key: viewer.camera_key, track: viewer.track, from_us, to_us };
    let deadline = Instant::now() + EPOCH_LATE;
    let epochs = loop {
        let page = Paging::new(query).next(link).await?;
        let epochs = page.map_or_else(Vec::new, |page| page.epochs);
        let is_it = |epoch: &Epoch| epoch.open().context.epoch_no == header.epoch_no;
        if epochs.iter().any(is_it) || Instant::now() + EPOCH_AGAIN >= deadline {
            break epochs;
        }
        tokio::time::sleep(EPOCH_AGAIN).await;
    };
    viewer.catch_up(owner, &epochs).await?;
    viewer.learn(&epochs);
    Ok(())
}
