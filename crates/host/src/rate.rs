//! How often a peer may ask: so many a minute on average, so many at once; of one peer, and of each
//! of many. Pure: time is an argument.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// One event costs this many units; `per_minute` units flow back each millisecond, so that nothing
/// is lost to rounding.
const EVENT: u64 = 60_000;

/// What a peer to whom nothing is ever given is told to wait.
const NEVER: Duration = Duration::from_secs(3600);

/// A bucket that empties with every event and fills evenly with time, up to its burst.
#[derive(Debug, Clone)]
pub struct Bucket {
    per_minute: u64,
    full: u64,
    level: u64,
    at: Instant,
}

impl Bucket {
    /// A full bucket. A `burst` or `per_minute` of 0 lets nothing through.
    pub fn new(per_minute: u32, burst: u32, now: Instant) -> Self {
        let full = u64::from(burst) * EVENT;
        Self { per_minute: u64::from(per_minute), full, level: full, at: now }
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_millis();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        self.level = self.level.saturating_add(passed.saturating_mul(self.per_minute)).min(self.full);
        // What is left of a millisecond counts at the next look.
        self.at += Duration::from_millis(passed);
    }

    /// Takes one event's worth, or says after which pause there is one again. Asking costs nothing.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        self.has(1, now)?;
        self.spend(1);
        Ok(())
    }

    /// Takes what [`has`](Bucket::has) said is there.
    pub fn spend(&mut self, events: u32) {
        self.level = self.level.saturating_sub(u64::from(events) * EVENT);
    }

    /// Whether so many events would pass now; if not, after which pause they do.
    pub fn has(&mut self, events: u32, now: Instant) -> Result<(), Duration> {
        let wanted = u64::from(events) * EVENT;
        if self.per_minute == 0 || self.full < wanted {
            return Err(NEVER);
        }
        self.fill(now);
        match wanted.checked_sub(self.level) {
            None | Some(0) => Ok(()),
            Some(missing) => Err(Duration::from_millis(missing.div_ceil(self.per_minute))),
        }
    }
}

/// The most peers that are remembered.
const PEERS_MAX: usize = 10_000;
/// So long it is not looked again which of them can be forgotten: a look goes through all.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A bucket for each peer. Those that have been full again for a while are forgotten, and they are
/// as full when they come back.
#[derive(Debug)]
pub struct Buckets<K> {
    each: Bucket,
    of: BTreeMap<K, Bucket>,
    looked: Instant,
}

impl<K: Ord> Buckets<K> {
    pub fn new(per_minute: u32, burst: u32, now: Instant) -> Self {
        Self { each: Bucket::new(per_minute, burst, now), of: BTreeMap::new(), looked: now }
    }

    /// As [`Bucket::take`], from this peer's own. Where too many peers ask at once, a further one is
    /// let through: what it may take is bounded elsewhere, and it shall not pay for the others.
    pub fn take(&mut self, peer: K, now: Instant) -> Result<(), Duration> {
        if self.of.len() >= PEERS_MAX && !self.of.contains_key(&peer) {
            if now.saturating_duration_since(self.looked) >= LOOK_AGAIN {
                self.looked = now;
                self.of.values_mut().for_each(|bucket| bucket.fill(now));
                self.of.retain(|_, bucket| bucket.level < bucket.full);
            }
            if self.of.len() >= PEERS_MAX {
                return Ok(());
            }
        }
        let fresh = || Bucket { at: now, ..self.each.clone() };
        self.of.entry(peer).or_insert_with(fresh).take(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_events_at_once_pass_together_or_not_at_all() {
        let start = Instant::now();
        let mut rate = Bucket::new(60_000, 500, start);
        assert_eq!(rate.has(400, start), Ok(()));
        rate.spend(400);
        assert_eq!(rate.has(400, start), Err(Duration::from_millis(300)));
        assert_eq!(rate.has(100, start), Ok(()));
        assert_eq!(rate.has(400, start + Duration::from_millis(300)), Ok(()));
        assert_eq!(rate.has(501, start), Err(NEVER));
    }

    #[test]
    fn a_burst_passes_then_the_average_rate_holds() {
        let start = Instant::now();
        let mut rate = Bucket::new(60, 3, start);
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
    fn a_rate_beyond_one_a_millisecond_loses_nothing_either() {
        let start = Instant::now();
        let mut rate = Bucket::new(3000, 300, start);
        assert!((0..300).all(|_| rate.take(start).is_ok()));
        assert_eq!(rate.take(start), Err(Duration::from_millis(20)));
        assert_eq!(rate.take(start + Duration::from_millis(19)), Err(Duration::from_millis(1)));
        assert_eq!(rate.take(start + Duration::from_millis(20)), Ok(()));
        assert_eq!(rate.take(start + Duration::from_millis(20)), Err(Duration::from_millis(20)));
    }

    #[test]
    fn who_asks_often_gets_as_much_as_who_asks_seldom() {
        let start = Instant::now();
        let mut rate = Bucket::new(60, 2, start);
        assert!((0..2).all(|_| rate.take(start).is_ok()));
        let asked = (1..=31_579).map(|look| start + look * Duration::from_micros(1900));
        assert_eq!(asked.filter(|now| rate.take(*now).is_ok()).count(), 60, "in a minute");
    }

    #[test]
    fn each_peer_has_a_bucket_of_its_own_and_beyond_the_most_a_new_one_is_let_through() {
        let start = Instant::now();
        let mut rates = Buckets::new(60, 1, start);
        for peer in 0..PEERS_MAX {
            assert_eq!(rates.take(peer, start), Ok(()));
            assert!(rates.take(peer, start).is_err());
        }
        assert_eq!(rates.take(PEERS_MAX, start), Ok(()), "nobody pays for the others");
        assert_eq!(rates.of.len(), PEERS_MAX);
        let later = start + Duration::from_secs(2);
        assert_eq!(rates.take(PEERS_MAX, later), Ok(()));
        assert_eq!(rates.of.len(), 1);
        assert!(rates.take(PEERS_MAX, later).is_err());
    }

    #[test]
    fn a_crowd_of_new_peers_makes_nobody_look_through_all_of_them_for_each() {
        let start = Instant::now();
        let mut rates = Buckets::new(60_000, 1, start);
        (0..PEERS_MAX).for_each(|peer| rates.take(peer, start).unwrap());
        // All are full again, and nobody has looked.
        assert_eq!(rates.take(PEERS_MAX, start + LOOK_AGAIN / 2), Ok(()));
        assert_eq!(rates.of.len(), PEERS_MAX);
        assert_eq!(rates.take(PEERS_MAX, start + LOOK_AGAIN), Ok(()));
        assert_eq!(rates.of.len(), 1);
    }

    #[test]
    fn nothing_passes_at_rate_zero_and_a_clock_gone_back_is_harmless() {
        let now = Instant::now();
        for (per_minute, burst) in [(0, 0), (0, 9), (9, 0)] {
            let mut never = Bucket::new(per_minute, burst, now);
            assert_eq!(never.take(now), Err(NEVER));
            assert_eq!(never.take(now + Duration::from_secs(86_400)), Err(NEVER));
        }
        let mut rate = Bucket::new(60, 1, now + Duration::from_secs(9));
        assert_eq!(rate.take(now), Ok(()));
        assert!(rate.take(now).is_err());
    }
}
