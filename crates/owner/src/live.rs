//! Live.

use crate::Owner;
use host::shutdown::Shutdown;
use tokio::io::AsyncWrite;

/// What a viewer learns while watching or playing.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// A run began: its init segment was written to the sink.
    Run { codec: String },
    /// A segment's header opened.
    Segment { epoch: u64, sequence: u64, start_us: u64 },
    /// A fragment was written; `latency_us` is from capture to now (live only).
    Fragment { captured_us: u64, latency_us: u64 },
    /// The segment's signature and chain are verified.
    SegmentVerified { sequence: u64, duration_us: u64 },
    /// Footage is missing.
    Gap { from_us: u64, to_us: u64, reason: String },
    /// The camera films under a policy that is not the owner's current one.
    PolicyAlarm { epoch: u64, expected: String, found: String },
    /// A segment was refused; nothing of it after the named fault was written.
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

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    #[error("no camera is called {name:?} in the book; `candor owner cameras` lists them")]
    UnknownCamera { name: String },
}

/// Writes what the camera films now to `sink` as fragmented MP4, until `stop` or the relay closes.
pub async fn live(
    _owner: &Owner,
    _camera: &str,
    _sink: &mut (impl AsyncWrite + Unpin + Send),
    _stop: &Shutdown,
    _on: &mut (dyn FnMut(Event) + Send),
) -> Result<Watched, WatchError> {
    todo!()
}
