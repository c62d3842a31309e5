//! One segment on its unidirectional stream, either way.

use crate::error::{ABANDONED, StreamError};
use crate::limits::STALL;
use bytes::Bytes;
use tokio::time::timeout;

/// A segment that is being sent.
pub use crate::frame::FrameWriter as SegmentSend;

/// A segment that is being received.
#[derive(Debug)]
pub struct SegmentRecv {
    pub(crate) stream: quinn::RecvStream,
}

impl SegmentRecv {
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
