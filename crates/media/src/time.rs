//! Points in time since 1970, by whoever's clock: video counts microseconds, signatures and rights
//! count seconds. Newtypes, so that one is never taken for the other, nor for a length of time.
//!
//! In scope: the arithmetic that is safe on foreign numbers: it saturates. Out of scope: clocks
//! (sciences take `now` as an argument), and how a time is written for people.

use crate::codec::{DecodeError, Field, Reader, Writer};
use crate::id::{Day, number_id};
use core::fmt;
use core::time::Duration;

macro_rules! point {
    ($(#[$doc:meta])* $name:ident, $count:expr, $length:expr) => {
        number_id!($(#[$doc])* $name(u64));

        impl $name {
            /// The last one: where something has no end.
            pub const MAX: Self = Self(u64::MAX);

            /// So much later.
            pub fn after(self, length: Duration) -> Self {
                Self(self.0.saturating_add(u64::try_from($count(&length)).unwrap_or(u64::MAX)))
            }

            /// So much earlier.
            pub fn before(self, length: Duration) -> Self {
                Self(self.0.saturating_sub(u64::try_from($count(&length)).unwrap_or(u64::MAX)))
            }

            /// How long after `earlier`; zero where that is the later one.
            pub fn since(self, earlier: Self) -> Duration {
                $length(self.0.saturating_sub(earlier.0))
            }
        }
    };
}

point!(
    /// Unix microseconds.
    Micros,
    Duration::as_micros,
    Duration::from_micros
);
point!(
    /// Unix seconds. Lengths count in whole ones.
    Seconds,
    Duration::as_secs,
    Duration::from_secs
);

/// On the wire 0 is none.
impl Field for Option<Micros> {
    fn write(&self, w: &mut Writer) {
        self.map_or(0, |at| at.0).write(w);
    }

    fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
        Ok(Some(Micros::read(r, field)?).filter(|at| at.0 != 0))
    }
}

impl Micros {
    /// The second in which it lies.
    pub fn seconds(self) -> Seconds {
        Seconds(self.0 / 1_000_000)
    }

    /// The day in which it lies.
    pub fn day(self) -> Day {
        self.seconds().day()
    }
}

impl Seconds {
    /// The second's first moment.
    pub fn micros(self) -> Micros {
        Micros(self.0.saturating_mul(1_000_000))
    }

    /// The day in which it lies. Saturates in the year 11,700,000.
    pub fn day(self) -> Day {
        Day(u32::try_from(self.0 / 86_400).unwrap_or(u32::MAX))
    }
}

impl Day {
    /// The first second of the day.
    pub fn start(self) -> Seconds {
        Seconds(u64::from(self.0) * 86_400)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_day_is_utc_in_both_units() {
        assert_eq!((Micros(86_399_999_999).day(), Micros(86_400_000_000).day()), (Day(0), Day(1)));
        assert_eq!((Seconds(86_399).day(), Seconds(86_400).day()), (Day(0), Day(1)));
        assert_eq!((Day(1).start(), Day(1).start().micros()), (Seconds(86_400), Micros(86_400_000_000)));
        assert_eq!((Micros(1_999_999).seconds(), Seconds(1).micros()), (Seconds(1), Micros(1_000_000)));
    }

    #[test]
    fn foreign_numbers_saturate_instead_of_going_around() {
        let (micro, second) = (Duration::from_micros(1), Duration::from_secs(1));
        assert_eq!((Micros(5).after(second), Seconds(5).after(second)), (Micros(1_000_005), Seconds(6)));
        assert_eq!((Micros(5).before(micro), Seconds(5).before(micro)), (Micros(4), Seconds(5)));
        assert_eq!((Micros::MAX.after(micro), Seconds::MAX.after(second)), (Micros::MAX, Seconds::MAX));
        assert_eq!((Micros(5).after(Duration::MAX), Micros(5).before(second)), (Micros::MAX, Micros(0)));
        assert_eq!(
            (Seconds(5).since(Seconds(3)), Seconds(3).since(Seconds(5))),
            (2 * second, Duration::ZERO)
        );
        assert_eq!(Micros(5).since(Micros(4)), micro);
        assert_eq!((Seconds::MAX.micros(), Seconds::MAX.day()), (Micros::MAX, Day(u32::MAX)));
        assert_eq!(Micros(7).to_string(), "7");
    }
}
