//! How late fragments come: the median and the 99th percentile of the newest ones, in bounded
//! memory.

/// Samples kept: seven minutes of 100 ms fragments.
const MAX_SAMPLES: usize = 4096;

/// The newest latencies in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    samples: Vec<u64>,
    next: usize,
}

impl Latencies {
    pub(crate) fn add(&mut self, latency_us: u64) {
        if self.samples.len() < MAX_SAMPLES {
            self.samples.push(latency_us);
        } else {
            self.samples[self.next] = latency_us;
            self.next = (self.next + 1) % MAX_SAMPLES;
        }
    }

    /// The smallest sample that at least `percent` of all do not exceed (nearest rank); `None`
    /// without samples.
    pub(crate) fn percentile(&self, percent: u8) -> Option<u64> {
        let mut sorted = self.samples.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * usize::from(percent.min(100))).div_ceil(100).max(1);
        sorted.get(rank - 1).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile(50), None);
        latencies.add(7);
        assert_eq!((latencies.percentile(0), latencies.percentile(99)), (Some(7), Some(7)));
        let mut latencies = Latencies::default();
        (1..=100).rev().for_each(|sample| latencies.add(sample));
        assert_eq!((latencies.percentile(50), latencies.percentile(99)), (Some(50), Some(99)));
        assert_eq!(latencies.percentile(100), Some(100));
    }

    #[test]
    fn only_the_newest_samples_are_kept() {
        let mut latencies = Latencies::default();
        (0..MAX_SAMPLES).for_each(|_| latencies.add(1));
        (0..MAX_SAMPLES).for_each(|_| latencies.add(2));
        assert_eq!(latencies.samples.len(), MAX_SAMPLES);
        assert_eq!(latencies.percentile(1), Some(2));
    }
}
