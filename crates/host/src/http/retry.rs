//! When a failed exchange is tried again. A retry needs a mechanism that makes a second try
//! different from the first: here, a peer that is busy (429), restarting (5xx) or unreachable for a
//! moment.

use crate::backoff::Backoff;
use rand_core::CryptoRng;
use std::time::Duration;

/// A bounded number of tries with exponential, fully jittered pauses between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Tries in all, the first included; at least 1 is made.
    pub tries: u32,
    /// The longest pause before the second try; it doubles with each further one.
    pub first_pause: Duration,
    /// No pause is longer than this.
    pub longest_pause: Duration,
}

impl Retry {
    /// One try.
    pub const NEVER: Self = Self { tries: 1, first_pause: Duration::ZERO, longest_pause: Duration::ZERO };

    /// Four tries within about two seconds: for a peer that a person waits for.
    pub const BRIEF: Self =
        Self { tries: 4, first_pause: Duration::from_millis(150), longest_pause: Duration::from_secs(1) };

    /// The pause before try number `next` (2 is the second), or `None` when there is no such try.
    /// Full jitter: uniform between zero and the bound, so that many clients of one restarted peer
    /// do not come back together.
    pub fn pause_before(&self, next: u32, rng: &mut impl CryptoRng) -> Option<Duration> {
        if next > self.tries {
            return None;
        }
        Some(Backoff::new(self.first_pause, self.longest_pause).after(next.saturating_sub(2)).failed(rng))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::OsRng;

    #[test]
    fn pauses_grow_to_the_bound_and_end() {
        let retry = Retry {
            tries: 40,
            first_pause: Duration::from_millis(10),
            longest_pause: Duration::from_millis(35),
        };
        for next in 2..=40 {
            let bound = Duration::from_millis([10, 20, 35][(next as usize - 2).min(2)]);
            assert!((0..50).all(|_| retry.pause_before(next, &mut OsRng).unwrap() <= bound));
        }
        assert_eq!(retry.pause_before(41, &mut OsRng), None);
        assert_eq!(Retry::NEVER.pause_before(2, &mut OsRng), None);
    }
}
