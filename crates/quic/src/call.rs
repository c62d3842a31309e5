//! Calls: one request, one response, on a bidirectional stream of their own; for a fetch, segments
//! or heads behind the response.
//!
//! ```text
//! -> u32 length || Request    FIN
//! <- u32 length || Response   [ u32 length || u64 received_us || segment or head ]*  [ u32 0 ]   FIN
//! ```

use crate::error::{CallError, LinkError, StreamError};
use crate::frame::{FrameReader, FrameWriter, framed};
use crate::limits::{CALL, REQUEST, STALL};
use crate::link::{CONTROL_PRIORITY, Link};
use bytes::Bytes;
use media::codec::{DecodeError, check_size};
use media::limits::SEGMENT;
use media::message::{RefusalCode, ReleasedQuery, Request, Response};
use media::segment::{HeadQuery, SegmentQuery, StoredHead};
use media::time::Micros;
use tokio::time::timeout;

/// Before every segment: what is asked is small, and segments may wait for it. On an uplink that is
/// too slow it would never go otherwise.
const REQUEST_PRIORITY: i32 = CONTROL_PRIORITY - 1;

impl Link {
    /// Asks, and waits for the answer at most [`CALL`]. A refusal is an answer.
    pub async fn call(&self, request: &Request) -> Result<Response, CallError> {
        let (response, mut frames) = exchange(self, request).await?;
        match response {
            Response::Segments => Err(CallError::Unexpected("Segments")),
            Response::Heads => Err(CallError::Unexpected("Heads")),
            // What follows an answer that ends the call is a violation.
            response => match timeout(STALL, frames.at_end()).await {
                Ok(Ok(true)) => Ok(response),
                Ok(Ok(false)) => Err(self.fail(DecodeError::Trailing(1).into()).into()),
                Ok(Err(error)) => Err(error.into()),
                Err(_) => Err(CallError::TimedOut { seconds: STALL.as_secs() }),
            },
        }
    }

    /// Asks for stored segments; a refusal is an error.
    pub async fn fetch_segments(&self, query: &SegmentQuery) -> Result<SegmentStream, CallError> {
        self.fetch(&Request::FetchSegments(*query)).await
    }

    /// Asks for the segments of a release; a refusal is an error.
    pub async fn fetch_released(&self, query: ReleasedQuery) -> Result<SegmentStream, CallError> {
        self.fetch(&Request::FetchReleased(query)).await
    }

    async fn fetch(&self, request: &Request) -> Result<SegmentStream, CallError> {
        match exchange(self, request).await? {
            (Response::Segments, frames) => Ok(SegmentStream { link: self.clone(), frames, ended: false }),
            (Response::Refused(refusal), _) => Err(refusal.into()),
            _ => Err(CallError::Unexpected("no Segments")),
        }
    }

    /// Asks for the heads of stored segments; a refusal is an error.
    pub async fn fetch_heads(&self, query: &HeadQuery) -> Result<HeadStream, CallError> {
        match exchange(self, &Request::FetchHeads(*query)).await? {
            (Response::Heads, frames) => {
                Ok(HeadStream(SegmentStream { link: self.clone(), frames, ended: false }))
            }
            (Response::Refused(refusal), _) => Err(refusal.into()),
            _ => Err(CallError::Unexpected("no Heads")),
        }
    }

    /// The next call the peer opens. Cancel-safe. Its request is read apart, so that a slow one
    /// delays no other.
    pub async fn accept_call(&self) -> Result<IncomingCall, LinkError> {
        let (send, recv) = self.connection.accept_bi().await.map_err(LinkError::from)?;
        Ok(IncomingCall { link: self.clone(), send: FrameWriter::new(send), frames: FrameReader::new(recv) })
    }
}

async fn exchange(link: &Link, request: &Request) -> Result<(Response, FrameReader), CallError> {
    let asked = async {
        let (send, recv) = link.connection.open_bi().await.map_err(LinkError::from)?;
        let mut send = FrameWriter::new(send);
        send.set_priority(REQUEST_PRIORITY);
        send.write_bytes(framed(&request.encode())).await?;
        send.finish()?;
        let mut frames = FrameReader::new(recv);
        let frame = frames.next().await.map_err(|error| link.fail_stream(error))?;
        let frame = frame.ok_or_else(|| link.fail(LinkError::Truncated))?;
        let response = Response::decode(&frame).map_err(|error| link.fail(error.into()))?;
        Ok((response, frames))
    };
    timeout(CALL, asked).await.unwrap_or(Err(CallError::TimedOut { seconds: CALL.as_secs() }))
}

/// Segments that were fetched, in order.
#[derive(Debug)]
pub struct SegmentStream {
    link: Link,
    frames: FrameReader,
    ended: bool,
}

impl SegmentStream {
    /// The next segment and when the relay received it; `None` after the last. Not cancel-safe.
    pub async fn next(&mut self) -> Result<Option<(Micros, Bytes)>, CallError> {
        if self.ended {
            return Ok(None);
        }
        let next = self.read().await.map_err(|error| CallError::from(self.link.fail_stream(error)))?;
        self.ended = next.is_none();
        Ok(next)
    }

    async fn read(&mut self) -> Result<Option<(Micros, Bytes)>, StreamError> {
        let length = u32::from_be_bytes(self.array().await?);
        if length == 0 {
            return Ok(None);
        }
        let got = usize::try_from(length).unwrap_or(usize::MAX);
        check_size(got, "segment", SEGMENT).map_err(LinkError::from)?;
        let received_us = Micros(u64::from_be_bytes(self.array().await?));
        let bytes = timeout(CALL, self.frames.exactly(got)).await.map_err(|_| StreamError::Stalled)??;
        Ok(Some((received_us, bytes)))
    }

    async fn array<const N: usize>(&mut self) -> Result<[u8; N], StreamError> {
        let bytes = timeout(STALL, self.frames.exactly(N)).await.map_err(|_| StreamError::Stalled)??;
        Ok(bytes.first_chunk().copied().unwrap_or([0; N]))
    }
}

/// Heads that were fetched, in order.
#[derive(Debug)]
pub struct HeadStream(SegmentStream);

impl HeadStream {
    /// The next head and when the relay received its segment; `None` after the last. Not
    /// cancel-safe.
    pub async fn next(&mut self) -> Result<Option<(Micros, StoredHead)>, CallError> {
        let Some((received_us, bytes)) = self.0.next().await? else { return Ok(None) };
        let head = StoredHead::decode(&bytes).map_err(|error| self.0.link.fail(error.into()))?;
        Ok(Some((received_us, head)))
    }
}

/// A call the peer opened; its request is still to be read.
#[derive(Debug)]
pub struct IncomingCall {
    link: Link,
    send: FrameWriter,
    frames: FrameReader,
}

impl IncomingCall {
    /// The request and the means to answer it. What is no request ends the session.
    pub async fn request(self) -> Result<(Request, Responder), StreamError> {
        let Self { link, send, mut frames } = self;
        let read = async {
            let frame = frames.next().await?.ok_or(LinkError::Truncated)?;
            // SPEC: session.md#calls: a request MUST be the only message on its stream.
            let alone = frames.at_end().await?;
            Ok::<_, StreamError>((frame, alone))
        };
        let read = timeout(REQUEST, read).await.map_err(|_| StreamError::Stalled)?;
        let (frame, alone) = read.map_err(|error| link.fail_stream(error))?;
        if !alone {
            return Err(link.fail(DecodeError::Trailing(1).into()).into());
        }
        let request = Request::decode(&frame).map_err(|error| link.fail(error.into()))?;
        Ok((request, Responder { send }))
    }
}

/// The means to answer one call. Dropped without an answer, the call is broken off.
#[derive(Debug)]
pub struct Responder {
    send: FrameWriter,
}

impl Responder {
    /// Answers and ends the call.
    pub async fn answer(mut self, response: &Response) -> Result<(), StreamError> {
        let mut encoded = response.encode();
        // Nothing that no reader would accept leaves; the limits of the parts make this a defect of
        // ours.
        if encoded.len() > media::limits::MESSAGE {
            let refusal = RefusalCode::TooLarge.because("the answer is over a message's limit: ask for less");
            encoded = Response::Refused(refusal).encode();
        }
        self.send.write_bytes(framed(&encoded)).await?;
        self.send.finish()
    }

    /// Says that segments, or heads, follow ([`Response::Segments`], [`Response::Heads`]).
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn follow(mut self, response: &Response) -> Result<SegmentsOut, StreamError> {
        self.send.write_bytes(framed(&response.encode())).await?;
        Ok(SegmentsOut { send: self.send })
    }

    /// Resolves when the caller gave the call up or its session ended.
    pub async fn abandoned(&self) {
        self.send.stopped().await;
    }
}

/// Segments, or heads of segments, on their way to a caller. Dropped before
/// [`finish`](SegmentsOut::finish), the call is broken off: the caller does not take what it got
/// for everything.
#[derive(Debug)]
pub struct SegmentsOut {
    send: FrameWriter,
}

impl SegmentsOut {
    /// Sends one whole segment, or one head.
    pub async fn send(&mut self, received_us: Micros, segment: Bytes) -> Result<(), StreamError> {
        let length = u32::try_from(segment.len()).unwrap_or(u32::MAX);
        let head = [&length.to_be_bytes()[..], &received_us.0.to_be_bytes()].concat();
        self.send.write_bytes(head.into()).await?;
        self.send.write_bytes(segment).await
    }

    /// Says that there are no more, and ends the call.
    pub async fn finish(mut self) -> Result<(), StreamError> {
        self.send.write_bytes(Bytes::from_static(&[0; 4])).await?;
        self.send.finish()
    }
}
