//! The numbers that bound a peer of a session. `proto/session.md`, "Limits", states each of them.

use std::time::Duration;

/// From the first packet to Hello and Welcome.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// A silent connection is given up after this long.
pub const IDLE: Duration = Duration::from_secs(20);
/// A client shows that it is there this often.
pub const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// From opening a call's stream to its whole response. Longer than the relay's longest wait, for a
/// log's quorum.
pub const CALL: Duration = Duration::from_secs(60);
/// From opening a call's stream to its whole request.
pub const REQUEST: Duration = Duration::from_secs(10);
/// Between two pieces of a segment that is fetched, sent or received.
pub const STALL: Duration = Duration::from_secs(20);
/// Control messages that may wait for a peer that does not read; one more ends the session.
pub const CONTROL_QUEUE: usize = 1024;
/// Calls a client may have open at once.
pub const CALLS: u32 = 32;
/// Segments a publisher may have open at once.
pub const SEGMENTS_UP: u32 = 16;
/// Segments a subscriber lets the relay have open at once: one for each track that it may subscribe
/// to. Room is kept for as many.
pub const SEGMENTS_DOWN: u32 = 64;
/// Bytes of one stream that wait unread.
pub const STREAM_WINDOW: u32 = 2 << 20;
/// Bytes of all streams of a connection that wait unread.
pub const RECEIVE_WINDOW: u32 = 16 << 20;
/// Bytes of a connection that wait to be acknowledged by its peer.
pub const SEND_WINDOW: u64 = 16 << 20;

/// What a server bounds in all its peers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; further ones are refused before any cryptography.
    pub connections: usize,
    /// A silent connection is given up after this long.
    pub idle: Duration,
    /// From the first packet to Hello.
    pub handshake: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 2048, idle: IDLE, handshake: HANDSHAKE }
    }
}
