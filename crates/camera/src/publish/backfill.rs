//! The backlog's share of the uplink: piece by piece, at a part of what the session is known to
//! carry, and not while packets queue.
//!
//! ```text
//! pace    share of (window / round trip): the congestion window is what the session carries in a round trip
//! pause   while the round trip is more than 100 ms above its least: what fills the queue makes the live picture late (RFC 6817 has the figure)
//! one     segment at a time, until it is delivered: what waits in buffers never takes the room of live ones
//! ```
//!
//! Live pictures have the higher priority on the session besides, so that they wait for none of
//! this but what is under way already.

use quic::{Link, Path, SegmentSend, StreamError};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// Bytes that go at once: on an uplink of 1 Mbit/s, an eighth of a second.
const PIECE: usize = 16 << 10;
/// Packets may wait so long on their way before the backlog does.
const QUEUE: Duration = Duration::from_millis(100);
/// How often it is looked whether they still do.
const LOOK: Duration = Duration::from_millis(50);
/// A piece goes at least this often, so that the relay does not take the segment for abandoned, and
/// a mistaken figure stops nothing for good.
const LONGEST: Duration = Duration::from_secs(5);

/// The most of the uplink that the backlog takes, percent: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "u8")]
pub struct Share(u8);

impl Default for Share {
    fn default() -> Self {
        Self(50)
    }
}

/// Not a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("backfill_percent is {0}; it is a part of the uplink, from 1 to 100")]
pub struct NoShare(u8);

impl TryFrom<u8> for Share {
    type Error = NoShare;

    fn try_from(percent: u8) -> Result<Self, NoShare> {
        if (1..=100).contains(&percent) { Ok(Self(percent)) } else { Err(NoShare(percent)) }
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Share {
    /// From the sending of so many bytes to the next ones.
    fn pause(self, bytes: usize, path: &Path) -> Duration {
        let carried = path.window.saturating_mul(self.0.into()) / 100;
        let round_trips = bytes as f64 / carried.max(1) as f64;
        // Compared first: the product may be more than a Duration holds.
        let seconds = path.round_trip.as_secs_f64() * round_trips;
        Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64()))
    }
}

/// Sends a whole segment of the backlog. On return the relay has its bytes, or gave it up.
pub(super) async fn send(
    share: Share,
    link: &Link,
    mut stream: SegmentSend,
    bytes: &[u8],
) -> Result<(), StreamError> {
    let mut next = Instant::now();
    for piece in bytes.chunks(PIECE) {
        sleep_until(next).await;
        let latest = Instant::now() + LONGEST;
        while link.path().waits > QUEUE && Instant::now() < latest {
            sleep(LOOK).await;
        }
        stream.write(piece).await?;
        // Kept to on the whole, not for each piece: a timer's grain is a millisecond.
        let behind = Instant::now().checked_sub(LOOK).unwrap_or(next);
        next = next.max(behind) + share.pause(piece.len(), &link.path());
    }
    stream.deliver().await
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: Path =
        Path { window: 100_000, round_trip: Duration::from_millis(100), waits: Duration::ZERO };

    #[test]
    fn the_pace_is_a_share_of_what_a_round_trip_carries() {
        // A window of 100 kB each 100 ms is 1 MB/s; half of it is 500 kB/s.
        assert_eq!(Share::default().pause(50_000, &PATH), Duration::from_millis(100));
        assert_eq!(Share(100).pause(50_000, &PATH), Duration::from_millis(50));
        assert_eq!(Share(1).pause(5_000, &PATH), Duration::from_millis(500));
    }

    #[test]
    fn no_figure_stops_it_for_good() {
        let nothing = Path { window: 0, round_trip: Duration::MAX, ..PATH };
        assert_eq!(Share(1).pause(PIECE, &nothing), LONGEST);
        assert_eq!(Share(1).pause(PIECE, &Path { round_trip: Duration::ZERO, ..nothing }), Duration::ZERO);
    }

    #[test]
    fn a_share_is_a_part() {
        assert_eq!(Share::try_from(0), Err(NoShare(0)));
        assert_eq!(Share::try_from(101), Err(NoShare(101)));
        assert_eq!(Share::try_from(100), Ok(Share(100)));
    }
}
