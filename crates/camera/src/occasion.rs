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
//! where events only are filmed, so whatever is new is one: a camera learns for three hours before it
//! takes anything for usual.

use crate::usual::Usual;
use media::time::Micros;

/// Without a score at the mark for so long the event is over. Longer than key frames are apart that
/// a careful owner sets, shorter than two visits.
const PAUSE_US: u64 = 12_000_000;
/// A longer one is cut into several.
const LONGEST_US: u64 = 15 * 60_000_000;

/// Two key frames that were compared, by the steady clock, and the time of day then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Between {
    pub(crate) from_us: u64,
    pub(crate) to_us: u64,
    pub(crate) wall_us: Micros,
}

/// An event as it is so far, by the steady clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Occasion {
    pub(crate) from_us: u64,
    pub(crate) to_us: u64,
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
        let is_one = permille >= self.mark(between.wall_us);
        is_one.then(|| self.add(between))
    }

    /// Something moves, whoever says so: the event to which it belongs.
    pub(crate) fn add(&mut self, Between { from_us, to_us, .. }: Between) -> Occasion {
        let goes_on = |newest: &Occasion| {
            from_us.saturating_sub(newest.to_us) <= PAUSE_US
                && to_us.saturating_sub(newest.from_us) <= LONGEST_US
        };
        let from_us = self.newest.filter(goes_on).map_or(from_us, |newest| newest.from_us);
        *self.newest.insert(Occasion { from_us, to_us })
    }

    /// The score is taken for usual, from now on. Whether there is something to keep.
    pub(crate) fn learn(&mut self, permille: u16, between: Between) -> bool {
        let learnt = |usual: &mut Usual| usual.learn(permille, between.wall_us, between.to_us);
        self.usual.as_mut().is_some_and(learnt)
    }

    /// What was learnt and outlives a restart.
    pub(crate) fn kept(&self) -> Option<Vec<u8>> {
        self.usual.as_ref().map(Usual::kept)
    }

    /// What comes does not go on from what was.
    pub(crate) fn cut(&mut self) {
        self.newest = None;
    }

    /// From here on it is an event.
    fn mark(&self, now: Micros) -> u16 {
        let Some(usual) = &self.usual else { return self.threshold };
        let usual = usual.level(now);
        // Where nearly everything moves, half of what is left.
        self.threshold.max((2 * usual).min(u16::midpoint(usual, 1000)))
    }
}

#[cfg(test)]
mod tests;
