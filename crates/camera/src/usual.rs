//! How much usually moves: at this hour of the day, and these last minutes. Pure.
//!
//! ```text
//! each hour      the score that three of four minutes of it did not exceed; kept for the last seven days on which it was measured
//! at this hour   the middle one of those days, once there are five; before, the lowest of the three hours before this one
//! lately         a level that the scores of the last minutes are above as often as below
//! usual          the higher of the two
//! ```
//! A street is busy at noon and not at night; rain is usual once it has rained for a quarter of an
//! hour. What happens on one day out of seven, a party or somebody who shakes a tree to blunt the
//! camera, does not become usual at its hour; what goes on without a pause becomes so for as long
//! as it lasts, and some minutes more: from the first minute of a camera on.
//!
//! Hours are those of UTC: where a household's clock is set by an hour, four days pass until most
//! of the seven have seen it, and the last minutes stand in meanwhile. In scope: the level. Out of
//! scope: what an event is (`occasion`), where it is kept (`spool`).

use media::time::Micros;
use std::collections::VecDeque;

const HOURS: usize = 24;
/// Days that are kept of each hour,
const DAYS: usize = 7;
/// and so many of them make something usual: three of five, four of seven must be so.
const DAYS_ENOUGH: usize = 5;
/// Of the hours just before, where this one is not known yet.
const HOURS_BEFORE: usize = 3;
/// An hour of which less was measured says nothing, microseconds.
const MEASURED_US: u64 = 600_000_000;
/// A score stands for the time since the one before, for so long at most: key frames may be ten
/// seconds apart.
const STANDS_US: u64 = 10_000_000;
/// Scores of an hour are counted by so many of a thousand.
const STEP: u16 = 10;
/// How fast the level of the last minutes follows, microseconds, and from where on it does so in
/// proportion.
const LATELY_US: f64 = 240e6;
const LATELY_LEAST: f64 = 10.0;
/// What is kept of an hour of a day that was not measured.
const NONE: u16 = u16::MAX;
/// Bytes that are kept.
const KEPT_LEN: usize = HOURS * DAYS * 2 + 8;
/// An hour that is so much before the newest one is of a clock that was wrong then, hours.
const WRONG: u64 = 48;

/// What was learnt so far.
#[derive(Debug)]
pub(crate) struct Usual {
    /// Of each hour, the newest day last.
    days: [VecDeque<u16>; HOURS],
    /// The hours that ended last, by their number since 1970.
    before: VecDeque<(u64, u16)>,
    hour: Hour,
    /// The highest number of an hour of which something was kept: each counts once.
    newest: u64,
    lately: f64,
    /// When a score was heard last, by the steady clock.
    heard_us: Option<u64>,
}

/// The hour that is being measured.
#[derive(Debug)]
struct Hour {
    number: u64,
    /// How long scores stood, by tens of a thousand.
    spread: [u64; 1000 / STEP as usize + 1],
}

impl Default for Usual {
    fn default() -> Self {
        let days = std::array::from_fn(|_| VecDeque::with_capacity(DAYS));
        let (before, hour) = (VecDeque::with_capacity(HOURS_BEFORE), Hour::new(0));
        Self { days, before, hour, newest: 0, lately: 0.0, heard_us: None }
    }
}

impl Usual {
    /// How much of a thousand usually moves at this moment.
    pub(crate) fn level(&self, now: Micros) -> u16 {
        let number = hour_number(now);
        let days = &self.days[hour_of_day(number)];
        let at_this_hour = if days.len() >= DAYS_ENOUGH {
            let mut sorted: Vec<u16> = days.iter().copied().collect();
            sorted.sort_unstable();
            sorted.get((sorted.len() - 1) / 2).copied()
        } else {
            let are_before = |(at, (hour, _)): (u64, &(u64, u16))| *hour + at + 1 == number;
            let known =
                self.before.len() == HOURS_BEFORE && (0..).zip(self.before.iter().rev()).all(are_before);
            known.then(|| self.before.iter().map(|(_, level)| *level).min()).flatten()
        };
        at_this_hour.unwrap_or(0).max(self.lately as u16)
    }

    /// Takes a score. Whether an hour ended by it, of which something is to be kept. `now`: none where
    /// it is not sure, for somebody may set the clock: then nothing is learnt of the hour.
    pub(crate) fn learn(&mut self, permille: u16, now: Option<Micros>, steady_us: u64) -> bool {
        let since = self.heard_us.map_or(0, |before| steady_us.saturating_sub(before)).min(STANDS_US);
        self.heard_us = Some(steady_us);
        let mut has_learnt = false;
        if let Some(number) = now.map(hour_number) {
            has_learnt = number != self.hour.number && self.end_hour(number);
            if let Some(stood) = self.hour.spread.get_mut(usize::from(permille / STEP)) {
                *stood += since;
            }
        }
        let step = (self.lately + LATELY_LEAST) * 0.5 * since as f64 / LATELY_US;
        let permille = f64::from(permille);
        self.lately = if permille > self.lately {
            (self.lately + step).min(permille)
        } else {
            (self.lately - step).max(permille)
        };
        has_learnt
    }

    /// What is to be kept over a restart: the days. The last minutes are learnt anew.
    pub(crate) fn kept(&self) -> Vec<u8> {
        let of_hour = |days: &VecDeque<u16>| {
            let levels = days.iter().copied().chain(std::iter::repeat(NONE)).take(DAYS);
            levels.flat_map(u16::to_be_bytes).collect::<Vec<_>>()
        };
        self.days.iter().flat_map(of_hour).chain(self.newest.to_be_bytes()).collect()
    }

    /// `None` where these are no bytes that were kept.
    pub(crate) fn of_kept(bytes: &[u8]) -> Option<Self> {
        let mut usual = Self::default();
        let (bytes, newest) = bytes.split_last_chunk().filter(|_| bytes.len() == KEPT_LEN)?;
        usual.newest = u64::from_be_bytes(*newest);
        for (days, kept) in usual.days.iter_mut().zip(bytes.chunks_exact(DAYS * 2)) {
            let levels = kept.chunks_exact(2).map(|level| u16::from_be_bytes([level[0], level[1]]));
            days.extend(levels.filter(|level| *level != NONE).map(|level| level.min(1000)));
        }
        Some(usual)
    }

    fn end_hour(&mut self, next: u64) -> bool {
        let ended = std::mem::replace(&mut self.hour, Hour::new(next));
        let Some(level) = ended.level() else { return false };
        let is_wrong = self.newest > ended.number.saturating_add(WRONG);
        if ended.number <= self.newest && !is_wrong {
            return false;
        }
        self.newest = ended.number;
        push(&mut self.days[hour_of_day(ended.number)], level, DAYS);
        push(&mut self.before, (ended.number, level), HOURS_BEFORE);
        true
    }
}

impl Hour {
    fn new(number: u64) -> Self {
        Self { number, spread: [0; 1000 / STEP as usize + 1] }
    }

    /// What three of four minutes of it did not exceed, if enough of it was measured.
    fn level(&self) -> Option<u16> {
        let all: u64 = self.spread.iter().sum();
        let mut left = all - all / 4;
        let reaches = |stood: &u64| {
            left = left.saturating_sub(*stood);
            left == 0
        };
        let step = self.spread.iter().position(reaches)?;
        (all >= MEASURED_US).then(|| u16::try_from(step).unwrap_or(0) * STEP)
    }
}

fn push<T>(ring: &mut VecDeque<T>, next: T, most: usize) {
    if ring.len() == most {
        ring.pop_front();
    }
    ring.push_back(next);
}

fn hour_number(at: Micros) -> u64 {
    at.0 / 3_600_000_000
}

fn hour_of_day(number: u64) -> usize {
    usize::try_from(number % HOURS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_US: u64 = 3_600_000_000;

    /// An hour in which every two seconds this is measured.
    fn hour(usual: &mut Usual, number: u64, permille: impl Fn(u64) -> u16) {
        for at in 0..1800 {
            let us = number * HOUR_US + at * 2_000_000;
            usual.learn(permille(at), Some(Micros(us)), us);
        }
    }

    #[test]
    fn an_hour_is_usual_by_most_of_its_days_and_other_hours_are_their_own() {
        let mut usual = Usual::default();
        for day in 0..10 {
            // A party on the seventh day.
            hour(&mut usual, day * 24 + 12, |at| if day == 6 { 900 } else { (at % 2) as u16 * 100 });
            hour(&mut usual, day * 24 + 13, |_| 0);
        }
        assert_eq!(usual.level(Micros((240 + 12) * HOUR_US)), 100);
        assert_eq!(usual.level(Micros((240 + 13) * HOUR_US)), 0);
        assert_eq!(usual.level(Micros((240 + 20) * HOUR_US)), 0, "of this hour nothing is known");
        assert!(usual.days.iter().all(|days| days.len() <= DAYS) && usual.before.len() <= HOURS_BEFORE);
    }

    #[test]
    fn on_the_first_day_the_lowest_of_three_hours_counts_where_they_are_just_before() {
        let mut usual = Usual::default();
        hour(&mut usual, 9, |_| 0);
        for number in 10..13 {
            // Three of four at most 120, or a little more.
            hour(&mut usual, number, |at| if at % 2 == 0 { 0 } else { 120 + (number as u16 - 10) * 10 });
        }
        // The last hour has not ended before another one is heard.
        assert_eq!(usual.level(Micros(13 * HOUR_US)), 0);
        usual.learn(0, Some(Micros(13 * HOUR_US)), 13 * HOUR_US);
        assert_eq!(usual.level(Micros(13 * HOUR_US)), 120);
        assert_eq!(usual.level(Micros(14 * HOUR_US)), 0, "an hour lies between");
    }

    #[test]
    fn what_was_learnt_of_days_outlives_a_restart_and_other_bytes_are_none() {
        let mut usual = Usual::default();
        for day in 0..9 {
            hour(&mut usual, day * 24 + 5, |_| 10 * day as u16);
            hour(&mut usual, day * 24 + 6, |_| 0);
        }
        let kept = usual.kept();
        assert_eq!(kept.len(), KEPT_LEN);
        let again = Usual::of_kept(&kept).unwrap();
        let five = Micros((9 * 24 + 5) * HOUR_US);
        assert_eq!((usual.level(five), again.level(five)), (50, 50), "of 20 to 80");
        assert_eq!(again.kept(), kept);
        assert!(Usual::of_kept(&kept[1..]).is_none() && Usual::of_kept(&[]).is_none());
    }

    #[test]
    fn an_hour_counts_once_however_the_clock_is_set_and_none_that_is_not_sure() {
        let mut usual = Usual::default();
        let count = |usual: &Usual| usual.days[2].len();
        let (mut steady_us, day) = (0, 1000);
        let mut shaken = |usual: &mut Usual, number: u64, is_sure: bool| {
            for _ in 0..600 {
                steady_us += 2_000_000;
                usual.learn(900, is_sure.then_some(Micros(number * HOUR_US)), steady_us);
            }
        };
        // The same night again and again: set back, and set back again.
        for _ in 0..7 {
            shaken(&mut usual, day * 24 + 2, true);
            shaken(&mut usual, day * 24 + 1, true);
        }
        assert_eq!(count(&usual), 1);
        for night in 1..7 {
            shaken(&mut usual, (day + night) * 24 + 2, false);
        }
        assert_eq!(count(&usual), 1);
        // What a clock that was far ahead taught does not keep the right one from it for ever.
        shaken(&mut usual, (day + 4000) * 24 + 2, true);
        shaken(&mut usual, (day + 1) * 24 + 2, true);
        shaken(&mut usual, (day + 1) * 24 + 3, true);
        assert_eq!(count(&usual), 3);
    }

    #[test]
    fn an_hour_that_was_hardly_measured_says_nothing() {
        let mut usual = Usual::default();
        for day in 0..5 {
            let at = Micros((day * 24 + 3) * HOUR_US);
            // Two scores, the second of which stands for ten seconds at most.
            assert!(!usual.learn(900, Some(at), at.0));
            assert!(!usual.learn(900, Some(Micros(at.0 + HOUR_US / 2)), at.0 + HOUR_US / 2));
        }
        assert!(usual.days.iter().all(VecDeque::is_empty));
    }
}
