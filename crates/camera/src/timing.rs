//! When each picture was made, by the steady clock of this machine: a camera's stamps say how far
//! pictures lie apart, their arrival says how the two clocks lie. Pure.
//!
//! ```text
//! stamps   0.0  0.1  0.2 ...      arrival   7.31  7.32  7.33 ... 7.61      a burst, then live
//! anchor = smallest (arrival - stamp) = 7.21      made = anchor + stamp = 7.21  7.31  7.41 ...
//! ```
//! The first pictures of a connection are held until the smallest delay stands still, so that a
//! burst at its beginning lies right. A network that holds pictures up moves nothing: their delays
//! are larger. A clock that is a little slow is followed along the line of its smallest delays. A
//! stamp that steps against arrival is taken for a camera that set its clock, and the run goes on;
//! stamps that go at no pace of a clock are not used, and arrival's are.
//!
//! The camera's own clock (RTCP) moves no anchor: one that is two seconds slow could not be told
//! from a network of two seconds.

use std::collections::VecDeque;

const SECOND: i64 = 1_000_000;
/// Stamps that move against arrival by more than this have stepped.
const STEP: i64 = SECOND;
/// The first pictures are held so long at least,
const HELD_LEAST: i64 = SECOND / 2;
/// until the smallest delay has not fallen for so long,
const HELD_STILL: i64 = 3 * SECOND / 10;
/// or so long at most.
pub(crate) const HELD_MOST: i64 = 32 * SECOND / 10;
/// A fall of the smallest delay by less than this is none.
const FALL: i64 = SECOND / 20;
/// Delays are remembered so long, second by second,
const WINDOW: i64 = 60 * SECOND;
/// and of so many seconds at least, where pictures are rare.
const WINDOW_LEAST: usize = 4;
/// Smallest delays of so many seconds that all lie near a line are a clock's own pace,
const LINE_LEAST: usize = 8;
/// if they lie no further from it than this,
const LINE_NEAR: f64 = 50_000.0;
/// and it is no steeper than this.
const LINE_STEEP: f64 = 0.05;
/// A first picture may be so old against the one behind it.
const KEPT_MOST: i64 = 30 * SECOND;
/// Stamps that go back by more than so many pictures, and than this, have stepped.
const BACK_PICTURES: i64 = 6;
const BACK_LEAST: i64 = SECOND / 5;
/// Smallest delays of so many seconds on a steeper line are the pace of no clock.
const OWN_WAY_LEAST: usize = 12;
/// Pace is measured over so long,
const PACE: i64 = 3 * SECOND;
/// from pictures that lie this far apart at least.
const PACE_APART: i64 = SECOND / 100;
/// A pace is that of a clock up to this factor.
const PACE_WRONG: i64 = 4;
/// An anchor that is this far behind is drawn near in large steps.
const FAR: i64 = SECOND;
/// Between two corrections of the anchor.
const CORRECTED: i64 = 5 * SECOND;

/// The times of one stream.
#[derive(Debug, Default)]
pub(crate) struct Timing {
    /// From a stamp to the run's own time.
    shift: i64,
    goes_by_arrival: bool,
    first: Option<Place>,
    last: Option<Place>,
    /// The latest time of the run.
    top: i64,
    /// How far pictures usually lie apart.
    usual: Option<i64>,
    delays: Delays,
    pace: VecDeque<Place>,
    anchor: Option<i64>,
    corrected: i64,
}

/// A picture by both clocks.
#[derive(Debug, Clone, Copy)]
struct Place {
    media: i64,
    arrived: i64,
}

/// Where a picture lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its time within the run, microseconds.
    pub(crate) media: i64,
    /// From the latest picture before it.
    pub(crate) apart: i64,
    /// How far pictures usually lay apart before it.
    pub(crate) usual: Option<i64>,
    pub(crate) oddity: Option<Oddity>,
}

/// What is odd about a stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Oddity {
    /// It stepped by so much against arrival.
    Stepped(i64),
    /// Stamps go far slower or faster than time: arrival's pace is used from here on.
    OffPace,
}

impl Timing {
    /// A picture came whose stamp says this.
    pub(crate) fn see(&mut self, stamp: i64, arrived: i64) -> Seen {
        let mut oddity = None;
        let last = self.last;
        let since = last.map_or(0, |last| (arrived - last.arrived).max(0));
        let mut media = stamp + self.shift;
        if self.goes_by_arrival {
            media = self.top + since;
        } else if let Some(last) = last {
            let slack = STEP.max(self.usual.unwrap_or(0) * 5 / 2);
            let moved = media - last.media;
            let is_back =
                moved < -self.usual.map_or(slack, |usual| slack.min(BACK_LEAST.max(usual * BACK_PICTURES)));
            let step = if self.anchor.is_some() { STEP } else { KEPT_MOST };
            let is_ahead = moved - since > step
                && self.delays.smallest().is_some_and(|smallest| arrived - media < smallest - slack);
            if is_back || is_ahead {
                self.shift += self.top + since - media;
                oddity = Some(Oddity::Stepped(moved - since));
                media = self.top + since;
                self.pace.clear();
            }
        } else {
            self.shift = -stamp;
            media = 0;
        }
        if !self.goes_by_arrival
            && self.pace.back().is_none_or(|newest| arrived - newest.arrived >= PACE_APART)
        {
            self.pace.push_back(Place { media, arrived });
            if self.is_off_pace() {
                self.goes_by_arrival = true;
                oddity = Some(Oddity::OffPace);
                // The run's time goes where arrival does from here on; whoever holds pictures lays them so.
                media = match (self.anchor, self.first) {
                    (None, Some(first)) => arrived - first.arrived,
                    (Some(_), _) | (None, None) => self.top + since,
                };
                self.top = media;
                self.delays = Delays::default();
            }
        }
        self.delays.see(arrived, arrived - media);
        if self.is_late_for_good(arrived) {
            self.delays.forget_old(arrived);
            oddity = Some(Oddity::Stepped(self.anchor.unwrap_or(0) - self.delays.now()));
            self.anchor = Some(self.delays.now());
        }
        let apart = if last.is_some() { media - self.top } else { 0 };
        let usual = self.usual;
        if apart > 0 {
            self.usual = Some(self.usual.map_or(apart, |usual| (usual * 3 + apart.min(usual * 4)) / 4));
        }
        self.top = self.top.max(media);
        let place = Place { media, arrived };
        self.first.get_or_insert(place);
        self.last = Some(place);
        Seen { media, apart, usual, oddity }
    }

    /// Whether the first pictures need not be held any longer; from then on there are times.
    pub(crate) fn is_settled(&mut self, now: i64) -> bool {
        if self.anchor.is_some() {
            return true;
        }
        let Some(first) = self.first else { return false };
        let waited = now - first.arrived;
        let is_still = now - self.delays.fell_at >= HELD_STILL;
        let is_settled = waited >= HELD_MOST || waited >= HELD_LEAST && is_still && !self.seems_off_pace(now);
        if is_settled {
            self.anchor = Some(self.delays.now());
            self.corrected = self.top;
        }
        is_settled
    }

    /// They cannot be held any longer.
    pub(crate) fn settle(&mut self) {
        self.anchor.get_or_insert(self.delays.now());
    }

    /// When to ask again whether it is settled.
    pub(crate) fn settles_at(&self) -> Option<i64> {
        let first = self.first.filter(|_| self.anchor.is_none())?;
        Some(
            (self.delays.fell_at + HELD_STILL).max(first.arrived + HELD_LEAST).min(first.arrived + HELD_MOST),
        )
    }

    /// When something of this time of the run was made, by the steady clock.
    pub(crate) fn made(&self, media: i64) -> i64 {
        self.anchor.unwrap_or_else(|| self.delays.now()) + media
    }

    /// What begins with this picture may lie otherwise than what went before: as little as a picture
    /// earlier, so that nothing lies on it, or later.
    pub(crate) fn correct(&mut self, media: i64, is_key: bool) {
        let Some(anchor) = self.anchor else { return };
        let since = media - self.corrected;
        if !is_key && since < CORRECTED {
            return;
        }
        let target = self.delays.now();
        let step = if anchor - target > FAR { since / 4 } else { 0 };
        self.anchor = Some(target.max(anchor - step.max(self.usual.unwrap_or(0))));
        self.corrected = media;
    }

    /// The run's time of a stamp that no picture bears, if stamps are used.
    pub(crate) fn placed(&self, stamp: i64) -> Option<i64> {
        (!self.goes_by_arrival && self.last.is_some()).then(|| stamp + self.shift)
    }

    /// How far pictures usually lie apart, if two were seen.
    pub(crate) fn usual(&self) -> Option<i64> {
        self.usual
    }

    fn is_off_pace(&mut self) -> bool {
        if self.delays.goes_its_own_way() {
            return true;
        }
        let Some(newest) = self.pace.back().copied() else { return false };
        while self.pace.get(1).is_some_and(|second| newest.arrived - second.arrived >= PACE) {
            self.pace.pop_front();
        }
        let Some(oldest) = self.pace.front().copied() else { return false };
        let (passed, moved) = (newest.arrived - oldest.arrived, newest.media - oldest.media);
        if passed < PACE || self.pace.len() < 6 {
            return false;
        }
        let pairs = self.pace.iter().zip(self.pace.iter().skip(1));
        let longest = pairs.map(|(a, b)| b.arrived - a.arrived).max().unwrap_or(0);
        // Pictures that were held up come together, and are no measure.
        let is_steady = longest < passed / 3;
        // What was held up and comes at many times its pace never comes before it was made.
        let is_early = self.anchor.is_none_or(|anchor| newest.arrived - newest.media < anchor - STEP);
        is_steady && (moved * PACE_WRONG < passed || is_early && moved > passed * PACE_WRONG)
    }

    fn seems_off_pace(&self, now: i64) -> bool {
        let Some(oldest) = self.pace.front() else { return false };
        self.pace.len() > 3 && (self.top - oldest.media) * PACE_WRONG < now - oldest.arrived
    }

    /// Whether nothing has come in time for long, though nothing catches up: the camera's stamps stood
    /// still, or its delay has grown for good.
    fn is_late_for_good(&self, arrived: i64) -> bool {
        let Some(anchor) = self.anchor else { return false };
        let least = |from: i64, to: i64| {
            let seconds = self.delays.seconds.iter().filter(|second| (from..to).contains(&second.at));
            let delays: Vec<i64> = seconds.map(|second| second.delay).collect();
            Some(*delays.iter().min()?).filter(|_| delays.len() >= 4)
        };
        let (before, newest) =
            (least(arrived - 10 * SECOND, arrived - 5 * SECOND), least(arrived - 5 * SECOND, arrived + 1));
        let (Some(before), Some(newest)) = (before, newest) else { return false };
        before.min(newest) > anchor + STEP && newest > before - STEP / 10
    }
}

/// Delays (arrival less time of the run), the smallest of each second.
#[derive(Debug, Default)]
struct Delays {
    seconds: VecDeque<Least>,
    /// When the smallest fell last.
    fell_at: i64,
}

#[derive(Debug, Clone, Copy)]
struct Least {
    at: i64,
    delay: i64,
}

/// How delays go.
struct Line {
    slope: f64,
    /// Where it is at the newest.
    now: f64,
    /// How far a second's smallest lies from it at most.
    farthest: f64,
}

impl Delays {
    fn see(&mut self, arrived: i64, delay: i64) {
        if self.smallest().is_none_or(|smallest| delay < smallest - FALL) {
            self.fell_at = arrived;
        }
        let is_old = |oldest: &Least| arrived - oldest.at > WINDOW;
        while self.seconds.len() > WINDOW_LEAST && self.seconds.front().is_some_and(is_old) {
            self.seconds.pop_front();
        }
        match self.seconds.back_mut() {
            Some(newest) if newest.at / SECOND == arrived / SECOND => {
                if delay < newest.delay {
                    *newest = Least { at: arrived, delay };
                }
            }
            _ => self.seconds.push_back(Least { at: arrived, delay }),
        }
    }

    fn smallest(&self) -> Option<i64> {
        self.seconds.iter().map(|second| second.delay).min()
    }

    fn forget_old(&mut self, now: i64) {
        self.seconds.retain(|second| now - second.at < 5 * SECOND);
    }

    /// The delay that a picture without any hindrance has now.
    fn now(&self) -> i64 {
        self.line().or_else(|| self.smallest()).unwrap_or(0)
    }

    /// Where the line is now on which all smallest delays lie, if they do.
    fn line(&self) -> Option<i64> {
        let Line { slope, now, farthest } = self.fit(LINE_LEAST)?;
        (farthest < LINE_NEAR && slope.abs() < LINE_STEEP).then_some(now as i64)
    }

    /// Whether delays have only grown, or only fallen, at a pace that is no clock's.
    fn goes_its_own_way(&self) -> bool {
        self.fit(OWN_WAY_LEAST).is_some_and(|Line { slope, farthest, .. }| {
            // A second's smallest lies anywhere in it.
            slope.abs() >= LINE_STEEP && farthest < LINE_NEAR + SECOND as f64 * slope.abs()
        })
    }

    /// Least squares over at least so many seconds.
    fn fit(&self, least: usize) -> Option<Line> {
        let newest = self.seconds.back().filter(|_| self.seconds.len() >= least)?;
        let points: Vec<(f64, f64)> = self
            .seconds
            .iter()
            .map(|second| ((second.at - newest.at) as f64, (second.delay - newest.delay) as f64))
            .collect();
        let count = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(|point| point.0), mean(|point| point.1));
        let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
        let slope = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / spread;
        let off = points.iter().map(|point| (point.1 - y - slope * (point.0 - x)).abs());
        Some(Line { slope, now: newest.delay as f64 + y - slope * x, farthest: off.fold(0.0, f64::max) })
    }
}

#[cfg(test)]
mod tests;
