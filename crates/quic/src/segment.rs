//! One segment on its unidirectional stream, either way.

use crate::error::{ABANDONED, StreamError};
use crate::frame::FrameWriter;
use crate::limits::STALL;
use bytes::Bytes;
use tokio::time::timeout;

/// A segment that is being sent. Dropped before [`finish`](SegmentSend::finish), it is reset:
/// nobody takes half for a whole.
#[derive(Debug)]
pub struct SegmentSend(FrameWriter);

impl SegmentSend {
    pub(crate) fn new(stream: quinn::SendStream) -> Self {
        Self(FrameWriter::new(stream))
    }

    /// Sends bytes, waiting while the peer does not take them. Not cancel-safe: reset the stream
    /// after a cancelled write.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        self.0.write(Bytes::copy_from_slice(bytes)).await
    }

    /// [`write`](SegmentSend::write) without copying.
    pub async fn write_bytes(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.0.write(bytes).await
    }

    /// Changes the priority; a higher number goes first.
    pub fn set_priority(&self, priority: i32) {
        self.0.set_priority(priority);
    }

    /// Ends the segment. What was written still arrives.
    pub fn finish(self) -> Result<(), StreamError> {
        self.0.finish()
    }

    /// [`finish`](SegmentSend::finish), and waits until the peer has all of it. Dropped meanwhile,
    /// what was written still arrives.
    pub async fn deliver(self) -> Result<(), StreamError> {
        self.0.deliver().await
    }

    /// Gives the segment up; what was not yet sent is not sent any more.
    pub fn reset(self) {
        drop(self);
    }

    /// Resolves when the receiver wants no more of this segment, or its session ended.
    pub async fn stopped(&self) {
        self.0.stopped().await;
    }
}

/// A segment that is being received.
#[derive(Debug)]
pub struct SegmentRecv {
    stream: quinn::RecvStream,
}

impl SegmentRecv {
    pub(crate) fn new(stream: quinn::RecvStream) -> Self {
        Self { stream }
    }

    /// The next bytes, at most `max`; `None` at the end. Cancel-safe.
    pub async fn read_chunk(&mut self, max: usize) -> Result<Option<Bytes>, StreamError> {
        let chunk = timeout(STALL, self.stream.read_chunk(max, true)).await;
        Ok(chunk.map_err(|_| StreamError::Stalled)??.map(|chunk| chunk.bytes))
    }

    /// Tells the sender that the rest is not wanted.
    pub fn stop(mut self) {
        // A stream that ended meanwhile needs no stopping.
        let _ = self.stream.stop(ABANDONED);
    }
}
