//! What time it is for footage: the wall clock, which only grows unless somebody sets it; and that
//! it was set is noticed. Pure, but for [`Clocks`], which read. Contract:
//! `proto/segment.md#a-cameras-clock`.
//!
//! ```text
//! wall   10:00:00.00  10:00:00.10  09:00:00.20        steady clock   5.00  5.10  5.20        -> the third moment: set, by an hour
//! ```
//!
//! A clock that leaps further than somebody may have set it is not believed until the relay's agrees:
//! footage goes on by the steady clock, and nothing is given away for days that may not have come.

use host::clock::Clock;
use host::lock::Mutex;
use media::id::Day;
use media::time::Micros;
use std::sync::Arc;
use std::time::Duration;

/// A wall clock that moves against the steady one by more than this was set.
const STEP: Duration = Duration::from_secs(1);
/// By more than this nobody sets a clock that ran: not for a time zone either.
const LEAP: Duration = Duration::from_secs(12 * 3600);
/// Clocks that are closer agree.
const AGREE: Duration = Duration::from_secs(300);
/// A camera that was off for longer than this, without a relay, believes the day it has.
const DAYS_OFF: u32 = 400;
/// However well agreed, a clock that is further ahead is none.
const DAYS_MAX: u32 = 3660;

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

    /// The same two clocks when the steady one showed this, had neither been set since.
    pub(crate) fn at(self, steady_us: u64) -> Self {
        let (later, sooner) =
            (steady_us.saturating_sub(self.steady_us), self.steady_us.saturating_sub(steady_us));
        let wall_us = self.wall_us.after(Duration::from_micros(later)).before(Duration::from_micros(sooner));
        Self { wall_us, steady_us }
    }
}

/// Both clocks of a running camera. Clones tell the same.
#[derive(Debug, Clone)]
pub(crate) struct Clocks {
    wall: Clock,
}

impl Clocks {
    pub(crate) fn new(wall: Clock) -> Self {
        Self { wall }
    }

    pub(crate) fn now(&self) -> Moment {
        Moment::read(|| Micros(self.wall.micros()), || self.steady_us())
    }

    pub(crate) fn steady_us(&self) -> u64 {
        u64::try_from(self.wall.steady().as_micros()).unwrap_or(u64::MAX)
    }
}

/// What time it is by the relay, as it said at the beginning of the newest session, and the steady
/// clock since. Clones are one and the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct RelayTime(Arc<Mutex<Option<Moment>>>);

impl RelayTime {
    /// The relay said it at this moment of the steady clock.
    pub(crate) fn hear(&self, relay_us: Micros, steady_us: u64) {
        *self.0.lock() = Some(Moment { wall_us: relay_us, steady_us });
    }

    /// None before the first session of this process.
    pub(crate) fn at(&self, steady_us: u64) -> Option<Micros> {
        let heard = *self.0.lock();
        heard.map(|heard| {
            heard.wall_us.after(Duration::from_micros(steady_us.saturating_sub(heard.steady_us)))
        })
    }

    fn agrees(&self, now: Moment) -> bool {
        self.at(now.steady_us).is_some_and(|relay_us| apart(relay_us, now.wall_us) <= AGREE)
    }

    /// Whether this day has come, by the relay.
    pub(crate) fn has_come(&self, day: Day, steady_us: u64) -> bool {
        self.at(steady_us).is_some_and(|relay_us| day <= relay_us.after(AGREE).day())
    }
}

fn start(day: Day) -> Micros {
    day.start().micros()
}

fn apart(one: Micros, other: Micros) -> Duration {
    one.since(other).max(other.since(one))
}

/// Whether the wall clock was set since the moment before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    No,
    Yes,
}

/// Whether the wall clock is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Belief {
    /// The relay's agrees.
    Agreed,
    /// Nobody has said otherwise, or anything.
    Unconfirmed,
    /// It leapt: footage goes on by the steady clock.
    Doubted,
}

#[derive(Debug)]
pub(crate) struct FootageClock {
    last: Option<Moment>,
    relay: RelayTime,
    belief: Belief,
}

impl FootageClock {
    pub(crate) fn new(relay: RelayTime) -> Self {
        Self { last: None, relay, belief: Belief::Unconfirmed }
    }

    /// The time to write down for this moment. `day` is the one at which the notice chain stands:
    /// none before it comes again.
    pub(crate) fn read(&mut self, now: Moment, day: Day) -> (Micros, Set) {
        let (floor, agreed) = (start(day), self.relay.agrees(now));
        let within = |days: u32| (floor..start(Day(day.0.saturating_add(days)))).contains(&now.wall_us);
        let expected = match self.last {
            Some(last) => {
                last.wall_us.after(Duration::from_micros(now.steady_us.saturating_sub(last.steady_us)))
            }
            None if within(DAYS_OFF) => now.wall_us,
            None => floor,
        };
        let step = apart(now.wall_us, expected);
        let is_believed = within(DAYS_MAX) && (agreed || step <= LEAP);
        self.belief = match (is_believed, agreed) {
            (false, _) => Belief::Doubted,
            (true, true) => Belief::Agreed,
            (true, false) => Belief::Unconfirmed,
        };
        let set = if is_believed && step > STEP && self.last.is_some() { Set::Yes } else { Set::No };
        let wall_us = match (is_believed, set) {
            (false, _) => expected,
            (true, Set::Yes) => now.wall_us,
            // A clock that is slewed, or read by two processors, may go back a little; footage does
            // not.
            (true, Set::No) => now.wall_us.max(self.last.map_or(floor, |last| last.wall_us)),
        };
        self.last = Some(Moment { wall_us, ..now });
        (wall_us, set)
    }

    pub(crate) fn belief(&self) -> Belief {
        self.belief
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
        let mut clock = FootageClock::new(RelayTime::default());
        let mut read = |wall_us, steady_us| {
            let (read, set) = clock.read(Moment { wall_us: Micros(wall_us), steady_us }, Day(0));
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

    const DAY: u64 = 86_400_000_000;
    const TODAY: Day = Day(20_000);
    const NOON: u64 = TODAY.0 as u64 * DAY + DAY / 2;

    #[test]
    fn a_clock_that_leaps_is_not_believed_until_the_relays_agrees() {
        for wall in [NOON + DAY, NOON + 365 * DAY, NOON - DAY, 0] {
            let (relay, second) = (RelayTime::default(), 1_000_000);
            let mut clock = FootageClock::new(relay.clone());
            let mut read = |wall_us, steady_us| {
                let read = clock.read(Moment { wall_us: Micros(wall_us), steady_us }, TODAY);
                (read.0.0, read.1, clock.belief())
            };
            assert_eq!(read(NOON, 0), (NOON, Set::No, Belief::Unconfirmed));
            let passed = NOON + second;
            assert_eq!(read(wall, second), (passed, Set::No, Belief::Doubted), "{wall}");
            assert_eq!(read(wall + second, 2 * second), (passed + second, Set::No, Belief::Doubted));
            // The relay tells what it was: the right clock is believed again at once,
            relay.hear(Micros(NOON), 0);
            assert_eq!(read(NOON + 3 * second, 3 * second), (NOON + 3 * second, Set::No, Belief::Agreed));
            assert_eq!(read(wall, 4 * second).2, Belief::Doubted);
            // and where the relay agrees with the leap, that was right, unless the day is over.
            relay.hear(Micros(wall), 4 * second);
            let agreed = read(wall + second, 5 * second);
            if wall >= start(TODAY).0 {
                assert_eq!(agreed, (wall + second, Set::Yes, Belief::Agreed));
            } else {
                assert_eq!(agreed, (NOON + 5 * second, Set::No, Belief::Doubted));
            }
        }
    }

    #[test]
    fn a_camera_that_starts_without_a_relay_believes_no_day_before_and_none_far_behind_its_last() {
        let first = |wall_us: u64| {
            let mut clock = FootageClock::new(RelayTime::default());
            let (read, _) = clock.read(Moment { wall_us: Micros(wall_us), steady_us: 7 }, TODAY);
            (read.0, clock.belief())
        };
        // Off for weeks: nobody says otherwise.
        assert_eq!(first(NOON + 40 * DAY), (NOON + 40 * DAY, Belief::Unconfirmed));
        for wall in [0, NOON - DAY, NOON + 4000 * DAY] {
            assert_eq!(first(wall), (start(TODAY).0, Belief::Doubted), "{wall}");
        }
    }

    #[test]
    fn a_day_has_come_when_the_relay_says_so() {
        let relay = RelayTime::default();
        assert!(!relay.has_come(TODAY, 0), "nobody has said anything");
        relay.hear(Micros(NOON), 0);
        assert!(relay.has_come(Day(TODAY.0 - 9), 0) && relay.has_come(TODAY, 0));
        assert!(!relay.has_come(Day(TODAY.0 + 1), 0) && relay.has_come(Day(TODAY.0 + 1), DAY / 2));
    }
}
