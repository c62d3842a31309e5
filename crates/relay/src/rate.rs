//! So many a minute, and as many at once: a bucket that fills evenly. Time is an argument.

use std::time::{Duration, Instant};

#[derive(Debug, Clone)]
pub(crate) struct Rate {
    per_minute: u32,
    /// Sixty-thousandths of one event, so that nothing is lost to rounding.
    left: u64,
    at: Instant,
}

const ONE: u64 = 60_000;

impl Rate {
    pub(crate) fn new(per_minute: u32, now: Instant) -> Self {
        Self { per_minute, left: u64::from(per_minute) * ONE, at: now }
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.at).min(Duration::from_secs(60));
        let since_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        if since_ms > 0 {
            let full = u64::from(self.per_minute) * ONE;
            self.left = self.left.saturating_add(since_ms * u64::from(self.per_minute)).min(full);
            self.at = now;
        }
        match self.left.checked_sub(ONE) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_worth_at_once_and_then_evenly() {
        let start = Instant::now();
        let mut rate = Rate::new(6, start);
        assert!((0..6).all(|_| rate.take(start)));
        assert!(!rate.take(start));
        assert!(!rate.take(start + Duration::from_millis(9_999)));
        assert!(rate.take(start + Duration::from_secs(10)));
        assert!(!rate.take(start + Duration::from_secs(10)));
        assert!((0..6).all(|_| rate.take(start + Duration::from_secs(3600))));
        assert!(
            !rate.take(start + Duration::from_secs(3600)),
            "a pause saves up one minute's worth and no more"
        );
    }
}
