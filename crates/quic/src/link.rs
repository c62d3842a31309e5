//! A session that stands: both keys proven, Hello and Welcome exchanged.

use crate::congestion::Tolerant;
use crate::error::{GOODBYE, LinkError, StreamError};
use crate::frame::{FrameReader, framed};
use crate::limits::CONTROL_QUEUE;
use crate::segment::{SegmentRecv, SegmentSend};
use bytes::Bytes;
use media::message::{Control, Refusal};
use media::sign::PublicKey;
use media::time::Micros;
use quinn::VarInt;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc;

/// The priority of the control stream: before every request and segment.
pub(crate) const CONTROL_PRIORITY: i32 = i32::MAX;

/// One session. Clones are the same session; it ends when it is closed, or when the last clone and
/// its receiver are gone.
#[derive(Debug, Clone)]
pub struct Link {
    pub(crate) connection: quinn::Connection,
    peer_key: PublicKey,
    welcome_now_us: Micros,
    control: mpsc::Sender<Bytes>,
}

/// The way to a peer, as far as it is known from what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// Bytes that may be under way at once.
    pub window: u64,
    pub round_trip: Duration,
    /// How long packets wait in some queue on the way: the round trip beyond its least of the last
    /// minutes.
    pub waits: Duration,
}

impl Link {
    /// Starts the control stream's writer. `peer_key` was proven in the handshake.
    pub(crate) fn start(
        connection: quinn::Connection,
        peer_key: PublicKey,
        welcome_now_us: Micros,
        send: quinn::SendStream,
        frames: FrameReader,
    ) -> (Self, ControlReceiver) {
        let (control, queue) = mpsc::channel(CONTROL_QUEUE);
        tokio::spawn(write_control(send, queue));
        let receiver = ControlReceiver { connection: connection.clone(), frames };
        (Self { connection, peer_key, welcome_now_us, control }, receiver)
    }

    /// The key the peer proved to hold.
    pub fn peer_key(&self) -> PublicKey {
        self.peer_key
    }

    /// Where the peer is now; it may move.
    pub fn peer_address(&self) -> SocketAddr {
        self.connection.remote_address()
    }

    /// The relay's clock as its Welcome stated it, Unix microseconds.
    pub fn welcome_now_us(&self) -> Micros {
        self.welcome_now_us
    }

    /// Queues a message for the control stream; never waits.
    ///
    /// When [`CONTROL_QUEUE`] messages wait already, the peer does not read: the session is closed.
    pub fn control_send(&self, message: &Control) -> Result<(), LinkError> {
        match self.control.try_send(framed(&message.encode())) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(self.fail(LinkError::Backlog)),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(self.why_closed()),
        }
    }

    /// Opens a segment's stream; waits while the peer has as many open as it allows. A higher
    /// priority goes first.
    pub async fn open_segment(&self, priority: i32) -> Result<SegmentSend, LinkError> {
        let stream = self.connection.open_uni().await?;
        let segment = SegmentSend::new(stream);
        segment.set_priority(priority);
        Ok(segment)
    }

    /// The next segment the peer opens. Cancel-safe.
    pub async fn accept_segment(&self) -> Result<SegmentRecv, LinkError> {
        Ok(SegmentRecv { stream: self.connection.accept_uni().await? })
    }

    /// How the way to the peer is now.
    pub fn path(&self) -> Path {
        let path = self.connection.stats().path;
        let control = self.connection.congestion_state().into_any().downcast::<Tolerant>();
        let waits = control.map_or(Duration::ZERO, |control| control.waits());
        Path { window: path.cwnd, round_trip: path.rtt, waits }
    }

    /// Ends the session and tells the peer why.
    pub fn close(&self, refusal: &Refusal) {
        self.connection.close(VarInt::from_u32(refusal.code.code().into()), refusal.text.as_bytes());
    }

    /// Ends the session in good order. Call it once everything that matters was acknowledged.
    pub fn goodbye(&self) {
        self.connection.close(GOODBYE, b"");
    }

    /// Waits until the session has ended.
    pub async fn closed(&self) -> LinkError {
        self.connection.closed().await.into()
    }

    /// Whether the session has ended.
    pub fn is_closed(&self) -> bool {
        self.connection.close_reason().is_some()
    }

    /// Ends the session for what the peer did wrong.
    pub(crate) fn fail(&self, error: LinkError) -> LinkError {
        fail(&self.connection, error)
    }

    /// [`fail`](Link::fail), for a stream: only a violation ends the session.
    pub(crate) fn fail_stream(&self, error: StreamError) -> StreamError {
        match error {
            StreamError::Link(error) => StreamError::Link(self.fail(error)),
            other => other,
        }
    }

    fn why_closed(&self) -> LinkError {
        self.connection.close_reason().map_or(LinkError::Closed, LinkError::from)
    }
}

/// Closes `connection` when `error` is a violation; an error that says why it ended already changes
/// nothing.
pub(crate) fn fail(connection: &quinn::Connection, error: LinkError) -> LinkError {
    if connection.close_reason().is_none() {
        let refusal = error.refusal();
        connection.close(VarInt::from_u32(refusal.code.code().into()), refusal.text.as_bytes());
    }
    error
}

/// The one reader of the control stream.
#[derive(Debug)]
pub struct ControlReceiver {
    connection: quinn::Connection,
    frames: FrameReader,
}

impl ControlReceiver {
    /// The next message; `None` once the peer said goodbye or ended the stream in good order.
    /// Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<Control>, LinkError> {
        let message = match self.frames.next().await {
            Ok(Some(frame)) => Control::decode(&frame),
            Ok(None) | Err(StreamError::Link(LinkError::Closed)) => return Ok(None),
            Err(StreamError::Link(error)) => return Err(fail(&self.connection, error)),
            Err(StreamError::Abandoned | StreamError::Stalled) => {
                return Err(fail(&self.connection, LinkError::Truncated));
            }
        };
        match message {
            // SPEC: session.md#hello: a second Hello or Welcome MUST end the session.
            Ok(Control::Hello { .. }) => Err(self.unexpected("a second Hello")),
            Ok(Control::Welcome { .. }) => Err(self.unexpected("a second Welcome")),
            Ok(Control::Goodbye) => Ok(None),
            Ok(message) => Ok(Some(message)),
            Err(error) => Err(fail(&self.connection, error.into())),
        }
    }

    fn unexpected(&self, got: &'static str) -> LinkError {
        fail(&self.connection, LinkError::Unexpected { expected: "a message of a session that stands", got })
    }
}

/// The one writer of the control stream; ends with the session, or with its last [`Link`].
async fn write_control(mut send: quinn::SendStream, mut queue: mpsc::Receiver<Bytes>) {
    // Priorities cannot be set on a stream that is closed already, and then there is nothing to
    // write either.
    let _ = send.set_priority(CONTROL_PRIORITY);
    loop {
        let message = tokio::select! {
            message = queue.recv() => message,
            _ = send.stopped() => return,
        };
        let Some(message) = message else { break };
        if send.write_chunk(message).await.is_err() {
            return;
        }
    }
    // The last clone of the link is gone: what was queued is on its way.
    let _ = send.finish();
}
