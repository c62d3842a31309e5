//! How long to wait before the next try, when tries have no end: a value, so that whoever loops
//! keeps the loop. For a bounded number of tries there is [`crate::http::Retry`].
//!
//! Full jitter: uniform between zero and a bound that doubles with each failure in a row, so that
//! the many clients of one restarted peer do not come back together.

use rand_core::CryptoRng;
use std::time::Duration;

/// Counts failures in a row. After the first of them the bound is `first` itself: a peer that was
/// gone for a moment is found again within the time that the constant names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// A try failed: the pause before the next one.
    pub fn failed(&mut self, rng: &mut impl CryptoRng) -> Duration {
        let bound = self.first.saturating_mul(1 << self.failures.min(31)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(rng.next_u64() % micros.saturating_add(1))
    }

    /// A try worked: the next failure is a first one.
    pub fn worked(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn pauses_are_spread_up_to_a_bound_that_doubles_to_the_longest_and_begins_anew() {
        let (first, longest) = (Duration::from_millis(10), Duration::from_millis(35));
        let bounds = [10, 20, 35, 35, 35].map(Duration::from_millis);
        let mut most = [Duration::ZERO; 5];
        let mut backoff = Backoff::new(first, longest);
        for _ in 0..300 {
            for (bound, most) in bounds.iter().zip(&mut most) {
                let pause = backoff.failed(&mut Rng::system());
                assert!(pause <= *bound);
                *most = pause.max(*most);
            }
            backoff.worked();
        }
        // Of 300 draws one lies in the upper half, but for one chance in 2^300.
        assert!(bounds.iter().zip(most).all(|(bound, most)| most > *bound / 2), "{most:?}");
    }

    #[test]
    fn no_number_of_failures_and_no_bound_overflows() {
        let mut always = Backoff { failures: u32::MAX, ..Backoff::new(Duration::MAX, Duration::MAX) };
        always.failed(&mut Rng::system());
        assert_eq!(always.failures, u32::MAX);
        assert_eq!(Backoff::new(Duration::ZERO, Duration::MAX).failed(&mut Rng::system()), Duration::ZERO);
    }
}
