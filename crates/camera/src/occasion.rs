//! What an event is: a stretch in which clearly more moves than is usual, with a beginning and an
//! end. Pure. Contract: `proto/segment.md#motion`.
//!
//! ```text
//! begins    with a score at or above the mark: the threshold of the configuration, or, where usually much moves, twice that
//! goes on   as long as the pauses between such scores are shorter than `PAUSE_US`
//! ends      with the last such score, or at `LONGEST_US`, where the next one begins if it goes on
//! ```
//! The camera decides and says so in the sealed heads, and nobody else does: whoever reads some heads
//! of a day has not what was learnt from all the days before. What an event missed costs footage
//! where events only are filmed, so what was learnt never hides more than a third of the picture, and
//! the camera says by how much the mark is raised.

use crate::clock::Moment;
use crate::usual::Usual;
use media::time::Micros;

/// Without a score at the mark for so long the event is over. Longer than key frames are apart that
/// a careful owner sets, shorter than two visits.
const PAUSE_US: u64 = 12_000_000;
/// What moves a third of the picture is an event whatever was learnt: somebody may have taught it.
const CEILING: u16 = 333;
/// A longer one is cut into several.
const LONGEST_US: u64 = 15 * 60_000_000;

/// Two key frames that were compared, by the steady clock and by the time of footage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Between {
    pub(crate) from: Moment,
    pub(crate) to: Moment,
}

/// An event as it is so far. Its beginning is dated once: each conversion would be another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Occasion {
    pub(crate) from: Moment,
    pub(crate) to: Moment,
}

/// Tells events from what is usual.
#[derive(Debug)]
pub(crate) struct Occasions {
    threshold: u16,
    /// None: whatever reaches the threshold belongs to an event.
    usual: Option<Usual>,
    newest: Option<Occasion>,
}

impl Occasions {
    pub(crate) fn new(threshold: u16, usual: Option<Usual>) -> Self {
        Self { threshold, usual, newest: None }
    }

    /// What moved between two key frames. The event to which it belongs, if it does.
    pub(crate) fn handle(&mut self, permille: u16, between: Between) -> Option<Occasion> {
        let is_one = permille >= self.mark(between.to.wall_us);
        is_one.then(|| self.add(between))
    }

    /// Something moves, whoever says so: the event to which it belongs.
    pub(crate) fn add(&mut self, Between { from, to }: Between) -> Occasion {
        let near = |newest: &Occasion| from.steady_us.saturating_sub(newest.to.steady_us) <= PAUSE_US;
        let from = match self.newest.filter(near) {
            Some(newest) if to.steady_us.saturating_sub(newest.from.steady_us) <= LONGEST_US => newest.from,
            // It goes on, as another one.
            Some(newest) => newest.to,
            None => from,
        };
        // A clock that is slewed may go back a little.
        let to = Moment { wall_us: to.wall_us.max(from.wall_us), ..to };
        *self.newest.insert(Occasion { from, to })
    }

    /// The score is taken for usual, from now on. Whether there is something to keep.
    /// `wall_us`: the time of day, if it is sure.
    pub(crate) fn learn(&mut self, permille: u16, wall_us: Option<Micros>, steady_us: u64) -> bool {
        self.usual.as_mut().is_some_and(|usual| usual.learn(permille, wall_us, steady_us))
    }

    /// What was learnt and outlives a restart.
    pub(crate) fn kept(&self) -> Option<Vec<u8>> {
        self.usual.as_ref().map(Usual::kept)
    }

    /// What comes does not go on from what was.
    pub(crate) fn cut(&mut self) {
        self.newest = None;
    }

    /// From here on it is an event, now; none where that is the threshold.
    pub(crate) fn raised(&self, now: Micros) -> Option<u16> {
        Some(self.mark(now)).filter(|mark| *mark > self.threshold)
    }

    fn mark(&self, now: Micros) -> u16 {
        let Some(usual) = &self.usual else { return self.threshold };
        let usual = usual.level(now);
        self.threshold.max((2 * usual).min(CEILING))
    }
}

#[cfg(test)]
mod tests;
