//! From whole segment to whole segment: nothing replayed, the chain unbroken, and what is missing
//! named.
//!
//! The trailer signs the chain, and the chain folds in every segment of the epoch and the close of
//! the epoch before. So two neighbours tell whether anything stood between them; an EpochOpen tells
//! how many segments the epoch before it had, and why footage is missing.

use super::{Ended, OpenError};
use core::cmp::Ordering;
use core::time::Duration;
use media::block::Block;
use media::chain::Chain;
use media::epoch::{EpochClose, EpochOpen, GapReason};
use media::time::Micros;

/// Footage that is missing, as the chain and the close records tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The end of what came before.
    pub from_us: Micros,
    /// The start of what follows.
    pub to_us: Micros,
    /// Segments known to be missing.
    pub segments: u64,
    /// The camera's signed reason, or `None` where the camera filmed and the segment is not there:
    /// withheld or not yet stored. Under [`GapReason::SpoolOverflow`] the camera says that it
    /// dropped its oldest segments itself; under [`GapReason::IdentityConflict`] another history of
    /// its identity begins.
    pub reason: Option<GapReason>,
}

/// Follows one track from whole segment to whole segment, in sequence.
#[derive(Debug, Default)]
pub struct Continuity {
    last: Option<Ended>,
}

impl Continuity {
    /// Starts anywhere: the first segment is taken as it is (its chain is checked if it is the
    /// first of its epoch).
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next whole segment; `open` is the verified EpochOpen of its epoch. Says what is
    /// missing before it.
    ///
    /// # Errors
    /// [`OpenError::WrongTrack`], [`OpenError::Replayed`], [`OpenError::BrokenChain`]: the segment
    /// is not taken.
    pub fn take(&mut self, ended: &Ended, open: &EpochOpen) -> Result<Option<Gap>, OpenError> {
        let header = &ended.header;
        let broken = Err(OpenError::BrokenChain(header.sequence));
        let of_epoch = (open.context.camera_id, open.context.track) == (header.camera_id, header.track);
        let of_track = self.last.is_none_or(|last| {
            (last.header.camera_id, last.header.track) == (header.camera_id, header.track)
        });
        if !of_epoch || !of_track {
            return Err(OpenError::WrongTrack);
        }
        if open.context.epoch_no != header.epoch_no {
            return broken;
        }
        let place = |ended: &Ended| (ended.header.epoch_no, ended.header.k, ended.header.sequence);
        if let Some(last) = &self.last {
            let (epoch, k, sequence) = place(last);
            if header.sequence <= sequence || (header.epoch_no, header.k) <= (epoch, k) {
                return Err(OpenError::Replayed(header.sequence));
            }
        }
        if self.chain_before(ended, open).is_some_and(|before| !leads_to(before, ended)) {
            return broken;
        }
        let Ok(gap) = self.gap(ended, open) else { return broken };
        self.last = Some(*ended);
        Ok(gap)
    }

    /// The chain before this segment, where it is known: it is its epoch's first, or the one before
    /// it was taken.
    fn chain_before(&self, ended: &Ended, open: &EpochOpen) -> Option<Chain> {
        let header = &ended.header;
        if header.k == 0 {
            return Some(Chain::start(&open.context.hash(), &open.prev_close_hash()));
        }
        let last = self.last.as_ref()?;
        let is_next =
            last.header.epoch_no == header.epoch_no && last.header.k.checked_add(1) == Some(header.k);
        is_next.then_some(last.trailer.chain)
    }

    // SPEC: segment.md#opening: what is missing between neighbours MUST be said, with the number of
    // segments.
    /// What is missing between the last segment and this one.
    fn gap(&self, ended: &Ended, open: &EpochOpen) -> Result<Option<Gap>, Contradiction> {
        let Some(last) = &self.last else { return Ok(None) };
        let (before, header) = (&last.header, &ended.header);
        let by_sequence = header.sequence.0 - before.sequence.0 - 1;
        let (by_number, said) = if before.epoch_no == header.epoch_no {
            (u64::from(header.k - before.k) - 1, None)
        } else {
            let close = open.previous.as_ref();
            (u64::from(header.k) + missing_of(close, last)?, close.map(|close| close.gap))
        };
        let is_one_block = Block::of_segment(before.sequence) == Block::of_segment(header.sequence);
        let segments = if is_one_block { by_sequence.max(by_number) } else { by_number };
        // SPEC: segment.md#opening: the camera's reason MUST NOT excuse segments that it filmed,
        // spool overflow apart.
        let reason = match said {
            None | Some(GapReason::None) => None,
            Some(GapReason::SpoolOverflow) => said,
            Some(_) => said.filter(|_| segments == 0),
        };
        if segments == 0 && reason.is_none() {
            return Ok(None);
        }
        let end_us = before.start_us.after(Duration::from_micros(last.trailer.duration_us.into()));
        Ok(Some(Gap { from_us: end_us.min(header.start_us), to_us: header.start_us, segments, reason }))
    }
}

/// How many segments behind `last` the close record of a later epoch says there were.
fn missing_of(close: Option<&EpochClose>, last: &Ended) -> Result<u64, Contradiction> {
    let Some(close) = close else { return Ok(0) };
    // SPEC: segment.md#two-histories: it closes an epoch of its own history, which the one at hand may
    // not be: that MUST NOT be taken for a broken chain.
    let other = if close.gap == GapReason::IdentityConflict { Ok(0) } else { Err(Contradiction) };
    match close.epoch_no.cmp(&last.header.epoch_no) {
        Ordering::Less => other,
        // A whole epoch is not there, and perhaps others before it: the sequence counts them, but not
        // from one block to another. Only there each is taken to have had a segment.
        Ordering::Greater => {
            let is_uncounted = close.gap == GapReason::IdentityConflict
                && Block::of_epoch(close.epoch_no) == Block::of_epoch(last.header.epoch_no);
            let between = if is_uncounted { close.epoch_no.0 - last.header.epoch_no.0 - 1 } else { 0 };
            Ok(u64::from(close.segments).saturating_add(between))
        }
        // Which history's this number is here, nobody can tell.
        Ordering::Equal if close.gap == GapReason::IdentityConflict => other,
        Ordering::Equal => {
            let seen = last.header.k.checked_add(1).ok_or(Contradiction)?;
            match close.segments.checked_sub(seen) {
                Some(0) if close.chain != last.trailer.chain.0 => other,
                Some(at_end) => Ok(at_end.into()),
                None => other,
            }
        }
    }
}

/// The camera's close record says other than its segments do.
struct Contradiction;

/// Whether the segment's signed chain is what follows from the chain before it.
fn leads_to(before: Chain, ended: &Ended) -> bool {
    before.next(&ended.header.hash(), &ended.fragments_hash) == ended.trailer.chain
}
