//! What time it is for footage: the wall clock, which only grows unless somebody sets it; and that
//! it was set is noticed. Pure, but for [`Clocks`], which read.
//!
//! ```text
//! wall   10:00:00.00  10:00:00.10  09:00:00.20        steady clock   5.00  5.10  5.20        -> the third moment: set, by an hour
//! ```

use host::clock::Clock;
use media::time::Micros;
use std::time::{Duration, Instant};

/// A wall clock that moves against the steady one by more than this was set.
const STEP: Duration = Duration::from_secs(1);

/// Two readings of the steady clock that are closer than this are one moment, with what was read
/// between them.
const ONE_MOMENT_US: u64 = 10_000;
/// How often a machine that holds the thread up between two readings is asked again.
const READINGS: usize = 10;

/// One moment by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// May be set.
    pub(crate) wall_us: Micros,
    /// Microseconds since anything; only grows.
    pub(crate) steady_us: u64,
}

impl Moment {
    /// Reads both clocks at one moment: a thread that is held up between the two would see a clock
    /// that was set.
    pub(crate) fn read(wall: impl Fn() -> Micros, steady: impl Fn() -> u64) -> Self {
        let one = || {
            let (before_us, wall_us, steady_us) = (steady(), wall(), steady());
            (steady_us.saturating_sub(before_us), Self { wall_us, steady_us })
        };
        let mut best = one();
        for _ in 1..READINGS {
            if best.0 < ONE_MOMENT_US {
                break;
            }
            let again = one();
            if again.0 < best.0 {
                best = again;
            }
        }
        best.1
    }
}

/// Both clocks of a running camera. Clones tell the same.
#[derive(Debug, Clone)]
pub(crate) struct Clocks {
    wall: Clock,
    start: Instant,
}

impl Clocks {
    pub(crate) fn new(wall: Clock) -> Self {
        Self { wall, start: Instant::now() }
    }

    pub(crate) fn now(&self) -> Moment {
        let steady_us = || u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        Moment::read(|| Micros(self.wall.micros()), steady_us)
    }
}

/// Whether the wall clock was set since the moment before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    No,
    Yes,
}

#[derive(Debug, Default)]
pub(crate) struct FootageClock {
    last: Option<Moment>,
}

impl FootageClock {
    /// The time to write down for this moment.
    pub(crate) fn read(&mut self, now: Moment) -> (Micros, Set) {
        let Some(last) = self.last.replace(now) else { return (now.wall_us, Set::No) };
        let expected =
            last.wall_us.after(Duration::from_micros(now.steady_us.saturating_sub(last.steady_us)));
        if now.wall_us.since(expected).max(expected.since(now.wall_us)) > STEP {
            return (now.wall_us, Set::Yes);
        }
        // A clock that is slewed, or read by two processors, may go back a little; footage does
        // not.
        let wall_us = now.wall_us.max(last.wall_us);
        self.last = Some(Moment { wall_us, ..now });
        (wall_us, Set::No)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_thread_that_is_held_up_between_two_clocks_reads_them_again() {
        let (steady, asked) = (Cell::new(0), Cell::new(0));
        let held_up = |times: u32| {
            asked.set(0);
            let wall = || {
                asked.set(asked.get() + 1);
                let wall_us = Micros(7_000_000 + steady.get());
                steady.set(steady.get() + if asked.get() <= times { 3_000_000 } else { 1 });
                wall_us
            };
            let read = Moment::read(wall, || steady.get());
            read.wall_us.0.abs_diff(read.steady_us + 7_000_000)
        };
        assert_eq!((held_up(0), held_up(1), held_up(9)), (1, 1, 1));
        assert_eq!(held_up(u32::MAX), 3_000_000);
        assert_eq!(asked.get(), 10, "a machine that is always held up is not asked for ever");
    }

    #[test]
    fn a_clock_that_is_set_either_way_is_noticed_once_and_one_that_is_slewed_only_grows() {
        let mut clock = FootageClock::default();
        let mut read = |wall_us, steady_us| {
            let (read, set) = clock.read(Moment { wall_us: Micros(wall_us), steady_us });
            (read.0, set)
        };
        assert_eq!(read(1_000_000_000, 5), (1_000_000_000, Set::No));
        assert_eq!(read(1_000_100_000, 100_005), (1_000_100_000, Set::No));
        assert_eq!(read(1_000_099_000, 100_010), (1_000_100_000, Set::No), "a little back");
        assert_eq!(read(1_900_000_000, 200_010), (1_900_000_000, Set::Yes), "forward");
        assert_eq!(read(1_900_100_000, 300_010), (1_900_100_000, Set::No));
        assert_eq!(read(5_000_000, 400_010), (5_000_000, Set::Yes), "back");
        assert_eq!(read(65_000_000, 60_400_010), (65_000_000, Set::No), "a minute without a picture");
    }
}
