//! A submitter's rate: `per_minute` on average, `burst` at once. Pure: time is an argument.

use std::time::{Duration, Instant};

/// One leaf costs this many units; `per_minute` units flow back each millisecond.
const LEAF: u64 = 60_000;

/// A bucket that empties with every admitted leaf and fills with time.
#[derive(Debug, Clone)]
pub(crate) struct Rate {
    per_minute: u64,
    full: u64,
    level: u64,
    at: Instant,
}

impl Rate {
    /// A full bucket. A `burst` or `per_minute` of 0 admits nothing.
    pub(crate) fn new(per_minute: u32, burst: u32, now: Instant) -> Self {
        let full = u64::from(burst) * LEAF;
        Self { per_minute: u64::from(per_minute), full, level: full, at: now }
    }

    /// Takes one leaf's worth, or says after which pause there is one again.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let passed = now.saturating_duration_since(self.at).as_millis();
        let gained = u64::try_from(passed).unwrap_or(u64::MAX).saturating_mul(self.per_minute);
        if gained > 0 {
            self.level = self.level.saturating_add(gained).min(self.full);
            self.at = now;
        }
        match self.level.checked_sub(LEAF) {
            Some(level) => {
                self.level = level;
                Ok(())
            }
            None if self.per_minute == 0 || self.full < LEAF => Err(Duration::from_secs(3600)),
            None => Err(Duration::from_millis((LEAF - self.level).div_ceil(self.per_minute))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_the_average_rate_holds() {
        let start = Instant::now();
        let mut rate = Rate::new(60, 3, start);
        for _ in 0..3 {
            assert_eq!(rate.take(start), Ok(()));
        }
        assert_eq!(rate.take(start), Err(Duration::from_secs(1)));
        // Asking again earns nothing.
        assert_eq!(rate.take(start + Duration::from_millis(400)), Err(Duration::from_millis(600)));
        assert_eq!(rate.take(start + Duration::from_millis(1000)), Ok(()));
        // A long pause fills to the burst and no further.
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..10).filter(|_| rate.take(later).is_ok()).count(), 3);
    }

    #[test]
    fn nothing_is_admitted_at_rate_zero_and_a_clock_gone_back_is_harmless() {
        let now = Instant::now();
        assert!(Rate::new(0, 0, now).take(now).is_err());
        let mut rate = Rate::new(60, 1, now + Duration::from_secs(9));
        assert_eq!(rate.take(now), Ok(()));
        assert!(rate.take(now).is_err());
    }
}
