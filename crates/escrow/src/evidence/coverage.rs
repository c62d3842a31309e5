//! What of the epochs is in the file, what is missing, and up to where that is proven. Contract:
//! `proto/evidence.md#what-it-shows`.
//!
//! The close record of an epoch, signed in the EpochOpen after it, says how many segments the
//! camera filmed in it. Counted against it, an epoch is complete or not; without it nobody can say,
//! and it is not said.

use super::EvidenceError;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;
use media::account::{Account, Culprit};
use media::block::Block;
use media::epoch::{EpochClose, EpochOpen, GapReason};
use media::id::{EpochNo, Sequence};
use media::receipt::Range;
use media::time::Micros;
use seal::opener::{Continuity, Ended, Gap, OpenError};

/// An epoch, or the end of one, of which the file does not show whether anything is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unproven {
    /// Which.
    pub epoch: EpochNo,
    /// From the end of its last segment in the file.
    pub from_us: Micros,
    /// To the epoch's end, as far as it was planned.
    pub to_us: Micros,
}

/// Segments that are missing, and whose loss they are, as far as the EpochOpens of the file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// Which, by the track's own numbers.
    pub range: Range,
    /// Whose.
    pub culprit: Culprit,
}

/// What is in the file of the footage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footage {
    /// First epoch.
    pub first_epoch: EpochNo,
    /// Last epoch.
    pub last_epoch: EpochNo,
    /// The first epoch's start.
    pub start_us: Micros,
    /// The last epoch's end.
    pub end_us: Micros,
    /// Whole segments: signed, opened, in the chain.
    pub segments: u64,
    /// Segments that the camera filmed, by its close records, and that are not in the file.
    pub missing: u64,
    /// What is missing between start and end, or was not filmed, where the file shows it.
    pub gaps: Vec<Gap>,
    /// Whose loss the missing ones are.
    pub losses: Vec<Loss>,
    /// Of what it is not shown whether anything is missing.
    pub unproven: Vec<Unproven>,
    /// Epochs whose seed is not in the file: nothing of them is shown, nor missing.
    pub unopened: Vec<EpochNo>,
}

/// Whether all is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// All that the camera filmed in these epochs is in the file.
    Complete,
    /// Something that the camera filmed is not, or an epoch was not opened.
    Incomplete,
    /// Nothing is known to be missing, and it is not shown that nothing is.
    NotProven,
}

impl Footage {
    /// Whether all is there.
    pub fn completeness(&self) -> Completeness {
        let is_missing = self.missing > 0 || self.gaps.iter().any(|gap| gap.segments > 0);
        if is_missing || !self.unopened.is_empty() {
            Completeness::Incomplete
        } else if self.unproven.is_empty() {
            Completeness::Complete
        } else {
            Completeness::NotProven
        }
    }
}

/// The epochs of a file, being counted.
pub(super) struct Coverage {
    opens: Vec<EpochOpen>,
    closing: Option<EpochOpen>,
    /// Whose seed the file has not.
    unopened: BTreeSet<EpochNo>,
    continuity: Continuity,
    seen: BTreeMap<EpochNo, Counted>,
    first: Option<Ended>,
    last: Option<Ended>,
    segments: u64,
    gaps: Vec<Gap>,
    /// Numbers between two segments that are not there.
    holes: Vec<Range>,
    account: Account,
}

/// Of one epoch.
struct Counted {
    segments: u64,
    last: Ended,
}

impl Coverage {
    pub(super) fn new(
        opens: Vec<EpochOpen>,
        closing: Option<EpochOpen>,
        unopened: BTreeSet<EpochNo>,
    ) -> Self {
        let mut account = Account::default();
        opens.iter().chain(&closing).for_each(|open| account.read(open));
        Self {
            opens,
            closing,
            unopened,
            account,
            holes: Vec::new(),
            continuity: Continuity::new(),
            seen: BTreeMap::new(),
            first: None,
            last: None,
            segments: 0,
            gaps: Vec::new(),
        }
    }

    pub(super) fn segments(&self) -> u64 {
        self.segments
    }

    /// What was missing or not filmed between the segments so far.
    pub(super) fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Takes the next whole segment.
    pub(super) fn take(&mut self, ended: &Ended) -> Result<(), OpenError> {
        let epoch = ended.header.epoch_no;
        let known = self.opens.iter().find(|open| open.context.epoch_no == epoch);
        let gap = self.continuity.take(ended, known.ok_or(OpenError::NoKey(epoch))?)?;
        // What lies in an epoch that nobody opened is nobody's loss; what is missing on both sides of it,
        // the close records say.
        let last = self.last.filter(|last| !self.is_unopened(last.header.epoch_no, epoch));
        if last.is_some() || self.last.is_none() {
            self.holes.extend(last.and_then(|last| hole(&last, ended, gap.as_ref())));
            self.gaps.extend(gap);
        }
        self.segments += 1;
        self.first.get_or_insert(*ended);
        self.last = Some(*ended);
        let before = self.seen.get(&epoch).map_or(0, |seen| seen.segments);
        self.seen.insert(epoch, Counted { segments: before + 1, last: *ended });
        Ok(())
    }

    /// What is there, once the file has ended.
    pub(super) fn finish(self) -> Result<Footage, EvidenceError> {
        let (Some(first), Some(last)) = (self.opens.first(), self.opens.last()) else {
            return Err(EvidenceError::NoEpochs);
        };
        let (mut missing, mut unproven) = (0, Vec::new());
        for (open, close) in self.closes() {
            let epoch = open.context.epoch_no;
            if self.unopened.contains(&epoch) {
                continue;
            }
            let Some(close) = close else {
                let seen = self.seen.get(&epoch);
                let from_us = seen.map_or(open.context.start_us, |seen| end_of(&seen.last));
                let to_us = open.context.end_us().max(from_us);
                unproven.push(Unproven { epoch, from_us, to_us });
                continue;
            };
            missing += self.missing_of(epoch, close).ok_or(EvidenceError::WrongClose(epoch))?;
        }
        let (before, after) = (self.missing_before(first), self.missing_after(first, last));
        let losses = self.losses(before.as_ref(), after.as_ref());
        let gaps = before.into_iter().chain(self.gaps.iter().copied()).chain(after).collect();
        Ok(Footage {
            first_epoch: first.context.epoch_no,
            last_epoch: last.context.epoch_no,
            start_us: first.context.start_us,
            end_us: last.context.end_us(),
            segments: self.segments,
            missing,
            gaps,
            losses,
            unproven,
            unopened: self.unopened.into_iter().collect(),
        })
    }

    /// The numbers that are missing, each stretch with whose loss it is.
    fn losses(&self, before: Option<&Gap>, after: Option<&Gap>) -> Vec<Loss> {
        let first = self.first.map(|first| first.header.sequence.0);
        let last = self.last.map(|last| last.header.sequence.0 + 1);
        // Which numbers an epoch that was not opened has, nobody knows here.
        let (begun, ended) = (self.first.as_ref().map(epoch_of), self.last.as_ref().map(epoch_of));
        let before = before.filter(|_| begun.is_none_or(|begun| self.unopened.range(..begun).count() == 0));
        let after = after.filter(|_| ended.is_none_or(|ended| self.unopened.range(ended..).count() == 0));
        let before =
            before.zip(first).and_then(|(gap, first)| numbers(first.saturating_sub(gap.segments), first));
        let after = after.zip(last).and_then(|(gap, last)| numbers(last, last.saturating_add(gap.segments)));
        let missing = before.into_iter().chain(self.holes.iter().copied()).chain(after);
        let losses = missing.flat_map(|range| self.account.culprits(range));
        losses.map(|(range, culprit)| Loss { range, culprit }).collect()
    }

    /// Each epoch with its close record, if the file has it.
    fn closes(&self) -> impl Iterator<Item = (&EpochOpen, Option<&EpochClose>)> {
        let after = self.opens.iter().skip(1).map(Some).chain([self.closing.as_ref()]);
        self.opens.iter().zip(after).map(|(open, after)| {
            let close = after.and_then(|after| after.previous.as_ref());
            let closes = |close: &&EpochClose| {
                let epoch = open.context.epoch_no;
                // That of another history of the camera's identity proves nothing about this one.
                let is_of_this =
                    close.gap != GapReason::IdentityConflict || self.missing_of(epoch, close) == Some(0);
                close.epoch_no == epoch && is_of_this
            };
            (open, close.filter(closes))
        })
    }

    /// The same of the epochs that were opened.
    fn opened_closes(&self) -> impl Iterator<Item = (&EpochOpen, Option<&EpochClose>)> {
        self.closes().filter(|(open, _)| !self.unopened.contains(&open.context.epoch_no))
    }

    /// Whether an epoch between these two was not opened.
    fn is_unopened(&self, from: EpochNo, to: EpochNo) -> bool {
        from < to && self.unopened.range(from..to).next().is_some()
    }

    /// How many segments of an epoch are not there; none where its close record cannot be true.
    fn missing_of(&self, epoch: EpochNo, close: &EpochClose) -> Option<u64> {
        let Some(seen) = self.seen.get(&epoch) else { return Some(close.segments.into()) };
        let last = &seen.last;
        let is_last = last.header.k.checked_add(1) == Some(close.segments);
        let is_beyond = last.header.k >= close.segments;
        if is_beyond || (is_last && last.trailer.chain.0 != close.chain) {
            return None;
        }
        u64::from(close.segments).checked_sub(seen.segments)
    }

    /// The file may begin after its first epoch did.
    fn missing_before(&self, first: &EpochOpen) -> Option<Gap> {
        let header = &self.first?.header;
        let mut before =
            self.opened_closes().filter(|(open, _)| open.context.epoch_no < header.epoch_no).peekable();
        let is_missing = header.k > 0 || before.peek().is_some();
        let counted = before.filter_map(|(_, close)| close).map(|close| u64::from(close.segments));
        let segments = u64::from(header.k) + counted.sum::<u64>();
        let (from_us, to_us) = (first.context.start_us, header.start_us);
        is_missing.then_some(Gap { from_us: from_us.min(to_us), to_us, segments, reason: None })
    }

    /// The file may end before its last epoch does: what its close records say of that.
    fn missing_after(&self, first: &EpochOpen, last: &EpochOpen) -> Option<Gap> {
        let reached = self.last.map(|last| (last.header.epoch_no, u64::from(last.header.k) + 1));
        let from_us = self.last.as_ref().map_or(first.context.start_us, end_of);
        let is_behind = |open: &EpochOpen| reached.is_none_or(|(epoch, _)| open.context.epoch_no >= epoch);
        let closes = self.opened_closes().filter(|(open, _)| is_behind(open));
        let (mut segments, mut reason) = (0, None);
        for close in closes.filter_map(|(_, close)| close) {
            let seen = reached.filter(|(epoch, _)| *epoch == close.epoch_no).map_or(0, |(_, seen)| seen);
            segments += u64::from(close.segments).saturating_sub(seen);
            reason = Some(close.gap).filter(|gap| *gap != GapReason::None).or(reason);
        }
        // SPEC: segment.md#opening: the camera's reason MUST NOT excuse segments that it filmed,
        // spool overflow apart.
        let reason = reason.filter(|reason| segments == 0 || *reason == GapReason::SpoolOverflow);
        let to_us = last.context.end_us().max(from_us);
        (segments > 0 || reason.is_some()).then_some(Gap { from_us, to_us, segments, reason })
    }
}

/// From one number to the one before another; none where there is none.
fn numbers(first: u64, end: u64) -> Option<Range> {
    (first < end).then(|| Range { first: Sequence(first), last: Sequence(end - 1) })
}

/// The numbers between two segments that are not there. Those between two blocks were given to none.
fn hole(last: &Ended, next: &Ended, gap: Option<&Gap>) -> Option<Range> {
    let (before, next) = (last.header.sequence, next.header.sequence);
    let end = match Block::of_segment(before) == Block::of_segment(next) {
        true => next.0,
        false => before.0.saturating_add(1).saturating_add(gap.map_or(0, |gap| gap.segments)),
    };
    numbers(before.0.saturating_add(1), end)
}

fn epoch_of(ended: &Ended) -> EpochNo {
    ended.header.epoch_no
}

fn end_of(last: &Ended) -> Micros {
    last.header.start_us.after(Duration::from_micros(last.trailer.duration_us.into()))
}
