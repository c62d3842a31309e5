//! The wall clock, as a value that each party is handed at its start ([`crate::machine`]), and the
//! steady one beside it, by which a party notices that the wall clock was set. Sciences never read
//! one: they take `now` as an argument.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells the time since 1970. Clones tell the same.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<Stepped>>);

/// Turns a stepped clock. It stands still otherwise.
#[derive(Debug, Clone)]
pub struct Hand(Arc<Stepped>);

/// Microseconds of both.
#[derive(Debug)]
struct Stepped {
    wall: AtomicU64,
    steady: AtomicU64,
}

/// Where the steady clock of this process begins.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Clock {
    /// The operating system's. One that is set before 1970 reads as 0.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands at `micros` until its hand is moved: for tests.
    pub fn stepped(micros: u64) -> (Self, Hand) {
        let at = Arc::new(Stepped { wall: AtomicU64::new(micros), steady: AtomicU64::new(0) });
        (Self(Some(at.clone())), Hand(at))
    }

    /// Seconds, for logs and cosignatures.
    pub fn seconds(&self) -> u64 {
        self.micros() / 1_000_000
    }

    /// Microseconds, for video.
    pub fn micros(&self) -> u64 {
        match &self.0 {
            Some(at) => at.wall.load(Ordering::SeqCst),
            None => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, as_micros),
        }
    }

    /// Since some moment of this process. It only grows, and nobody sets it.
    pub fn steady(&self) -> Duration {
        match &self.0 {
            Some(at) => Duration::from_micros(at.steady.load(Ordering::SeqCst)),
            None => START.elapsed(),
        }
    }
}

fn as_micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Hand {
    /// Time passes: by both clocks.
    pub fn step(&self, by: Duration) {
        self.0.wall.fetch_add(as_micros(by), Ordering::SeqCst);
        self.0.steady.fetch_add(as_micros(by), Ordering::SeqCst);
    }

    /// Sets the wall clock, back too: as an operator might. No time passes.
    pub fn set(&self, micros: u64) {
        self.0.wall.store(micros, Ordering::SeqCst);
    }
}

/// [`Clock::seconds`] of the system, for code that is not handed a clock yet.
pub fn now() -> u64 {
    Clock::system().seconds()
}

/// [`Clock::micros`] of the system, for code that is not handed a clock yet.
pub fn now_us() -> u64 {
    Clock::system().micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stepped_clock_moves_by_its_hand_alone_and_for_every_clone() {
        let (clock, hand) = Clock::stepped(5_999_999);
        let clone = clock.clone();
        assert_eq!((clock.seconds(), clone.micros()), (5, 5_999_999));
        hand.step(Duration::from_micros(1));
        assert_eq!((clock.seconds(), clone.seconds()), (6, 6));
        assert_eq!(clone.steady(), Duration::from_micros(1));
        hand.set(7);
        assert_eq!((clock.micros(), clone.seconds()), (7, 0));
        assert_eq!(clock.steady(), Duration::from_micros(1), "no time passes when a clock is set");
    }

    #[test]
    fn the_systems_clock_tells_seconds_and_microseconds_of_the_same_time() {
        let clock = Clock::system();
        let (before, micros, after) = (clock.seconds(), clock.micros(), clock.seconds());
        assert!((before..=after).contains(&(micros / 1_000_000)));
        let steady = clock.steady();
        assert!(clock.steady() >= steady);
        // A party started without a machine runs on the system's clock.
        assert!(Clock::default().seconds() > 1_700_000_000);
    }
}
