//! One track by its EpochOpens: what must be fetched, and what is drawn of it. Pure.
//!
//! ```text
//! signed by the camera   when an epoch starts, when it was planned to end, how many segments it had, why footage is missing behind it
//! told by heads          where its footage lies; a relay that lies about how long a segment is moves an edge, until it is played
//! ```

use super::{Hole, Released};
use crate::app::glimpses::{KnownEpoch, StoredEpoch};
use crate::audit::{FoundKind, Row};
use crate::live::viewer::{UNEXPLAINED, culprits, signed_reason};
use crate::motion::CLOSE_US;
use media::account::Account;
use media::epoch::{EpochOpen, GapReason};
use media::id::{Sequence, TrackId};
use media::sign::PublicKey;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

/// How long the newest stored segment lasts at most; it may still grow, microseconds.
const NEWEST_US: u64 = 2_000_000;
/// The most epochs kept of one camera: more than ten days of the shortest ones.
const MAX_EPOCHS: usize = 100_000;

/// Between two looks whether epochs that were not there have come: a camera sends them late after
/// an outage. Microseconds.
const LATE_AGAIN_US: u64 = 10_000_000;
/// Why nothing is there where nobody says that anything should be.
const NOT_FILMED: &str = "not filmed";
/// The most holes that one look asks about, the newest.
const LATE_HOLES: usize = 8;

/// One track's, over one stretch of time without a hole.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Past {
    epochs: BTreeMap<u64, Epoch>,
    /// Whose loss a segment of theirs is.
    account: Account,
    /// The owner's relay.
    pub(super) relay: PublicKey,
    from_us: u64,
    to_us: u64,
    /// When its holes were asked about last.
    looked_us: u64,
}

/// Where footage lies, and where none does.
type Drawn = (Vec<(u64, u64)>, Vec<Hole>);

/// What one EpochOpen says of times.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Epoch {
    start_us: u64,
    /// As planned.
    end_us: u64,
    /// Why footage is missing before it.
    missing_before: GapReason,
    /// Which epoch was closed before it, and how many segments that one had.
    closes: Option<(u64, u32)>,
}

impl Past {
    /// What must be fetched for a span. A span far from what is kept starts anew.
    pub(super) fn wanted(&mut self, from_us: u64, to_us: u64) -> Vec<(u64, u64)> {
        let touches = from_us <= self.to_us && to_us >= self.from_us;
        if !touches || self.epochs.len() > MAX_EPOCHS {
            *self = Self { relay: self.relay, from_us, to_us: from_us, ..Self::default() };
        }
        let mut wanted = Vec::new();
        if from_us < self.from_us {
            wanted.push((from_us, self.from_us));
        }
        if to_us > self.to_us {
            wanted.push((self.to_us, to_us));
        }
        wanted
    }

    /// Holes between known epochs, to be asked about once in a while.
    pub(super) fn late(&mut self, from_us: u64, to_us: u64, now_us: u64) -> Vec<(u64, u64)> {
        // A clock that stepped back must not silence it.
        if now_us.abs_diff(self.looked_us) < LATE_AGAIN_US {
            return Vec::new();
        }
        self.looked_us = now_us;
        let pairs = self.epochs.iter().zip(self.epochs.iter().skip(1)).rev();
        let hole = |((number, epoch), (next_number, next)): ((&u64, &Epoch), (&u64, &Epoch))| {
            let (from, to) = (epoch.end_us, next.start_us);
            let missing = number.saturating_add(1) != *next_number;
            (missing && from < to && from < to_us && to > from_us).then_some((from, to))
        };
        pairs.filter_map(hole).take(LATE_HOLES).collect()
    }

    pub(super) fn cover(&mut self, from_us: u64, to_us: u64) {
        self.from_us = self.from_us.min(from_us);
        self.to_us = self.to_us.max(to_us);
    }

    /// Takes what the camera signed.
    pub(super) fn take(&mut self, open: &EpochOpen) {
        self.account.read(open);
        self.epochs.insert(open.context.epoch_no.0, Epoch::of(open));
    }

    /// The epochs in a span, in order.
    pub(super) fn known(&self, from: u64, to: u64) -> Vec<KnownEpoch> {
        let mut numbers = self.epochs.iter().peekable();
        let mut known = Vec::new();
        while let Some((number, epoch)) = numbers.next() {
            let next = numbers.peek();
            let closes = next.and_then(|(_, next)| next.closes);
            let segments = closes.filter(|(closed, _)| closed == number).map(|(_, segments)| segments);
            if epoch.start_us < to && epoch.end_us > from {
                let (start_us, end_us) = (epoch.start_us, epoch.end_us);
                known.push(KnownEpoch { number: *number, start_us, end_us, over: next.is_some(), segments });
            }
        }
        known
    }

    /// Of these, those that may have ended before their plan, as what stands behind them says.
    pub(super) fn cut_short(&self, from: u64, to: u64) -> Vec<KnownEpoch> {
        let mut known = self.known(from, to);
        known.retain(|epoch| {
            let next = self.epochs.range(epoch.number.saturating_add(1)..).next();
            next.is_some_and(|(number, next)| {
                *number != epoch.number.saturating_add(1) || next.missing_before != GapReason::None
            })
        });
        known
    }

    /// Their numbers, and those beside them.
    pub(super) fn around(&self, from: u64, to: u64) -> RangeInclusive<u64> {
        let known = self.known(from, to);
        let (first, last) = (known.first(), known.last());
        let (first, last) = (first.map_or(1, |epoch| epoch.number), last.map_or(0, |epoch| epoch.number));
        first.saturating_sub(1)..=last.saturating_add(1)
    }

    /// What is drawn of a span. `newest_us` is the start of the newest stored segment.
    pub(super) fn drawn(
        &self,
        stored: &BTreeMap<u64, StoredEpoch>,
        from: u64,
        to: u64,
        newest_us: u64,
    ) -> Drawn {
        let mut line = Drawing {
            account: &self.account,
            relay: &self.relay,
            recorded: Vec::new(),
            gaps: Vec::new(),
            reached: None,
            why: None,
        };
        let mut last: Option<(u64, &Epoch)> = None;
        let mut numbers = self.epochs.iter().peekable();
        while let Some((number, epoch)) = numbers.next() {
            let next = numbers.peek().copied();
            if let Some((last_number, last)) = last {
                line.said(epoch.missing((last_number, last), *number));
            }
            last = Some((*number, epoch));
            // One that grows is told by its heads only if they are as new as what is stored.
            let is_told =
                |told: &&StoredEpoch| if next.is_some() { told.over } else { told.newest_us >= newest_us };
            let told = stored.get(number).filter(is_told);
            let latest = next.map(|(number, next)| {
                stored.get(number).and_then(StoredEpoch::first_us).unwrap_or(next.start_us)
            });
            match told {
                Some(told) => line.stored(told, epoch.start_us, latest.unwrap_or(u64::MAX)),
                None => {
                    let latest = latest.unwrap_or(newest_us.saturating_add(NEWEST_US));
                    line.planned(epoch.start_us, epoch.end_us.min(latest).max(epoch.start_us));
                }
            }
        }
        line.within(from, to)
    }

    /// The releases in sight that name epochs of this track, which is `of`.
    pub(super) fn releases(
        &self,
        of: TrackId,
        from: u64,
        to: u64,
        name: &str,
        rows: &[Row],
    ) -> Vec<Released> {
        let about = |row: &&Row| row.camera == name && row.kind != FoundKind::Policy && row.track == of.0;
        let release = |row: &Row| {
            let (first, last) = row.epochs?;
            let mut epochs = self.epochs.range(first..=last.max(first)).map(|(_, epoch)| epoch);
            let start = epochs.next()?;
            let end = epochs.next_back().unwrap_or(start);
            let release = Released { from: start.start_us, to: end.end_us, row: row.clone() };
            (release.from < to && release.to > from).then_some(release)
        };
        rows.iter().filter(about).filter_map(release).collect()
    }
}

/// What was drawn so far.
#[derive(Debug)]
struct Drawing<'a> {
    account: &'a Account,
    relay: &'a PublicKey,
    recorded: Vec<(u64, u64)>,
    gaps: Vec<Hole>,
    /// The end of the newest footage, and what is known of where it ends.
    reached: Option<(u64, By)>,
    /// Why nothing follows it at once.
    why: Option<Cow<'static, str>>,
}

/// How the end of footage is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Plan,
    Heads,
}

impl Drawing<'_> {
    /// The camera's own word why nothing is there, if it gave one.
    fn said(&mut self, why: Option<&'static str>) {
        self.why = why.map(Cow::Borrowed).or(self.why.take());
    }

    /// Segments are missing that the camera filmed: it is said whose loss they are, where that is shown.
    fn lost(&mut self, missing: Option<&Range<Sequence>>) {
        if self.why.is_none() && self.reached.is_some() {
            let said = missing.and_then(|missing| culprits(missing, self.account, self.relay));
            self.why = Some(said.map_or(Cow::Borrowed(UNEXPLAINED), Cow::Owned));
        }
    }

    /// An epoch as its heads tell.
    fn stored(&mut self, stored: &StoredEpoch, start_us: u64, latest: u64) {
        let (first_lost, last_lost) = stored.lost;
        for (at, (mut from, to)) in stored.until(latest).enumerate() {
            if at > 0 || first_lost {
                self.lost(stored.missing.get(at));
            }
            // Where nothing is missing, segments join: an epoch starts at a round time, in
            // mid-segment of the one before.
            match self.reached.filter(|_| self.why.is_none()) {
                Some((_, By::Plan)) => from = from.min(start_us),
                Some((reached, By::Heads)) => from = from.min(reached),
                None => {}
            }
            self.footage(from, to, By::Heads);
        }
        if last_lost {
            self.lost(stored.missing.get(stored.parts.len()));
        }
    }

    /// An epoch of which only the plan is known.
    fn planned(&mut self, mut from: u64, to: u64) {
        if let (Some((reached, By::Heads)), None) = (self.reached, &self.why) {
            from = from.min(reached);
        }
        self.footage(from, to, By::Plan);
    }

    fn footage(&mut self, from: u64, to: u64, by: By) {
        if let (Some((reached, _)), Some(reason)) = (self.reached, self.why.take()) {
            self.gaps.push(Hole::new(reached.min(from), from, reason));
        }
        match self.recorded.last_mut() {
            Some(last) if from <= last.1.saturating_add(CLOSE_US) => last.1 = last.1.max(to),
            _ => self.recorded.push((from, to)),
        }
        self.reached = Some((to, by));
    }

    fn within(mut self, from: u64, to: u64) -> Drawn {
        self.recorded.retain_mut(|(start, end)| {
            (*start, *end) = ((*start).max(from), (*end).min(to));
            start < end
        });
        self.gaps.retain(|gap| gap.from < to && gap.to >= from);
        (self.recorded, self.gaps)
    }
}

impl Epoch {
    fn of(open: &EpochOpen) -> Self {
        Self {
            start_us: open.context.start_us.0,
            end_us: open.context.end_us().0,
            missing_before: open.previous.as_ref().map_or(GapReason::None, |previous| previous.gap),
            closes: open.previous.as_ref().map(|previous| (previous.epoch_no.0, previous.segments)),
        }
    }

    /// Why footage is missing between `before` and this.
    fn missing(&self, (last, before): (u64, &Self), number: u64) -> Option<&'static str> {
        // Another history's numbers begin elsewhere; the one that it closes is here, or was before.
        let is_moved = self.missing_before == GapReason::IdentityConflict
            && self.closes.is_some_and(|(closed, _)| closed <= last);
        if last.saturating_add(1) != number && !is_moved {
            return Some("the relay shows no record of this time");
        }
        let is_apart = self.start_us > before.end_us.saturating_add(CLOSE_US);
        signed_reason(self.missing_before).or(is_apart.then_some(NOT_FILMED))
    }
}

#[cfg(test)]
mod tests;
