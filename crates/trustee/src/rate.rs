//! How many packages a minute, whoever sends them. Pure: time is an argument.

use std::time::{Duration, Instant};

/// Packages a minute on average: hundreds of requesters that ask twice a second would still be waiting for humans.
pub(crate) const PACKAGES_PER_MINUTE: u64 = 3000;
/// At once.
pub(crate) const PACKAGES_BURST: u64 = 300;

/// One package costs this many units; `PACKAGES_PER_MINUTE` units flow back each millisecond.
const PACKAGE: u64 = 60_000;

/// A bucket that empties with every package and fills with time.
#[derive(Debug)]
pub(crate) struct Rate {
    level: u64,
    at: Instant,
}

impl Rate {
    pub(crate) fn new(now: Instant) -> Self {
        Self { level: PACKAGES_BURST * PACKAGE, at: now }
    }

    /// Takes one package's worth, or says after which pause there is one again.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let passed = u64::try_from(now.saturating_duration_since(self.at).as_millis()).unwrap_or(u64::MAX);
        if passed > 0 {
            let gained = passed.saturating_mul(PACKAGES_PER_MINUTE);
            self.level = self.level.saturating_add(gained).min(PACKAGES_BURST * PACKAGE);
            self.at = now;
        }
        match self.level.checked_sub(PACKAGE) {
            Some(level) => {
                self.level = level;
                Ok(())
            }
            None => Err(Duration::from_millis((PACKAGE - self.level).div_ceil(PACKAGES_PER_MINUTE))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_the_average_rate_holds() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        assert!((0..PACKAGES_BURST).all(|_| rate.take(start).is_ok()));
        assert_eq!(rate.take(start), Err(Duration::from_millis(20)));
        assert_eq!(rate.take(start + Duration::from_millis(19)), Err(Duration::from_millis(1)));
        assert_eq!(rate.take(start + Duration::from_millis(20)), Ok(()));
        // A long pause fills to the burst and no further; a clock gone back is harmless.
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..1000).filter(|_| rate.take(later).is_ok()).count() as u64, PACKAGES_BURST);
        assert!(rate.take(start).is_err());
    }
}
