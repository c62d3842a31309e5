//! Frames: `u32 length || message`, read without holding more than the limit.

use crate::error::{ABANDONED, LinkError, StreamError};
use crate::limits::STALL;
use bytes::{Buf, Bytes, BytesMut};
use media::codec::check_size;
use media::limits;
use tokio::time::timeout;

/// A message behind its length.
pub(crate) fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).expect("every message's limit is far below 4 GiB");
    [&length.to_be_bytes()[..], message].concat().into()
}

/// Writes to a stream. Dropped before [`finish`](FrameWriter::finish), it is reset: nobody takes a
/// part for the whole.
#[derive(Debug)]
pub struct FrameWriter {
    stream: quinn::SendStream,
    finished: bool,
}

/// Bytes are written in pieces, so that a slow reader is told from a dead one.
const PIECE: usize = 256 << 10;

impl FrameWriter {
    pub(crate) fn new(stream: quinn::SendStream) -> Self {
        Self { stream, finished: false }
    }

    /// Writes a copy of bytes, as [`write_bytes`](FrameWriter::write_bytes) does.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        self.write_bytes(Bytes::copy_from_slice(bytes)).await
    }

    /// Writes bytes as they are, waiting while the peer takes some. Not cancel-safe: drop the
    /// writer after a cancelled write.
    pub async fn write_bytes(&mut self, mut bytes: Bytes) -> Result<(), StreamError> {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(PIECE));
            timeout(STALL, self.stream.write_chunk(piece)).await.map_err(|_| StreamError::Stalled)??;
        }
        Ok(())
    }

    /// Ends the stream. What was written still arrives.
    pub fn finish(mut self) -> Result<(), StreamError> {
        self.finished = true;
        self.stream.finish().map_err(|_| StreamError::Abandoned)
    }

    /// [`finish`](FrameWriter::finish), and waits until the peer has all of it. Dropped meanwhile,
    /// what was written still arrives.
    pub async fn deliver(mut self) -> Result<(), StreamError> {
        self.finished = true;
        self.stream.finish().map_err(|_| StreamError::Abandoned)?;
        match self.stream.stopped().await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(StreamError::Abandoned),
            Err(quinn::StoppedError::ConnectionLost(error)) => Err(LinkError::from(error).into()),
            Err(quinn::StoppedError::ZeroRttRejected) => Err(LinkError::Closed.into()),
        }
    }

    /// Changes the priority; a higher number goes first.
    pub fn set_priority(&self, priority: i32) {
        // A stream that was closed meanwhile has no priority to change.
        let _ = self.stream.set_priority(priority);
    }

    /// Resolves when the peer wants no more of this stream, or its session ended.
    pub async fn stopped(&self) {
        let _ = self.stream.stopped().await;
    }
}

impl Drop for FrameWriter {
    fn drop(&mut self) {
        if !self.finished {
            // A stream that was closed meanwhile needs no reset.
            let _ = self.stream.reset(ABANDONED);
        }
    }
}

/// Reads frames off a stream. Cancel-safe: what arrived stays in the buffer.
#[derive(Debug)]
pub(crate) struct FrameReader {
    stream: quinn::RecvStream,
    buffer: BytesMut,
}

/// The most that one read takes off a stream.
const READ: usize = 64 << 10;

impl FrameReader {
    pub(crate) fn new(stream: quinn::RecvStream) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    /// The next message; `None` when the stream ends between two.
    // SPEC: session.md#framing: a longer frame MUST be refused before it is read.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, StreamError> {
        loop {
            let length = self.peek_length()?;
            let end = length.and_then(|length| length.checked_add(4));
            if let Some(end) = end.filter(|end| *end <= self.buffer.len()) {
                let mut frame = self.buffer.split_to(end).freeze();
                frame.advance(4);
                return Ok(Some(frame));
            }
            if !self.fill().await? {
                return if self.buffer.is_empty() { Ok(None) } else { Err(LinkError::Truncated.into()) };
            }
        }
    }

    /// Exactly `n` bytes that stand outside a frame, or `Truncated`.
    pub(crate) async fn exactly(&mut self, n: usize) -> Result<Bytes, StreamError> {
        while self.buffer.len() < n {
            if !self.fill().await? {
                return Err(LinkError::Truncated.into());
            }
        }
        Ok(self.buffer.split_to(n).freeze())
    }

    /// Whether the stream has ended with nothing left in it.
    pub(crate) async fn at_end(&mut self) -> Result<bool, StreamError> {
        Ok(self.buffer.is_empty() && !self.fill().await?)
    }

    async fn fill(&mut self) -> Result<bool, StreamError> {
        let Some(chunk) = self.stream.read_chunk(READ, true).await? else { return Ok(false) };
        self.buffer.extend_from_slice(&chunk.bytes);
        Ok(true)
    }

    fn peek_length(&self) -> Result<Option<usize>, LinkError> {
        let Some(prefix) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let got = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
        check_size(got, "message", limits::MESSAGE)?;
        Ok(Some(got))
    }
}
