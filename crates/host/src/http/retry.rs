//! When a failed exchange is tried again. A retry needs a mechanism that makes a second try
//! different from the first: here, a peer that is busy (429), restarting (5xx) or unreachable for a
//! moment.

use crate::backoff::Backoff;
use rand_core::CryptoRng;
use std::time::Duration;

/// A bounded number of tries with exponential, fully jittered pauses between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    tries: u32,
    pauses: Backoff,
}

impl Retry {
    /// One try.
    pub const NEVER: Self = Self::new(1, Duration::ZERO, Duration::ZERO);

    /// Four tries within about two seconds: for a peer that a person waits for.
    pub const BRIEF: Self = Self::new(4, Duration::from_millis(150), Duration::from_secs(1));

    /// So many tries in all, the first included (at least 1 is made); the bound of the pauses
    /// doubles from `first` to `longest`.
    pub const fn new(tries: u32, first: Duration, longest: Duration) -> Self {
        Self { tries, pauses: Backoff::new(first, longest) }
    }

    /// A try failed: the pause before the next one, or `None` when there is no other.
    pub fn failed(&mut self, rng: &mut impl CryptoRng) -> Option<Duration> {
        self.tries = self.tries.saturating_sub(1);
        (self.tries > 0).then(|| self.pauses.failed(rng))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn pauses_grow_to_the_bound_and_end() {
        for _ in 0..50 {
            let mut retry = Retry::new(40, Duration::from_millis(10), Duration::from_millis(35));
            for next in 2..=40 {
                let bound = Duration::from_millis([10, 20, 35][(next as usize - 2).min(2)]);
                assert!(retry.failed(&mut Rng::system()).unwrap() <= bound);
            }
            assert_eq!(retry.failed(&mut Rng::system()), None);
            assert_eq!(retry.failed(&mut Rng::system()), None);
        }
        let mut never = Retry::NEVER;
        assert_eq!(never.failed(&mut Rng::system()), None);
    }
}
