//! From whole segment to whole segment: nothing replayed, the chain unbroken, and what is missing named.
//!
//! The trailer signs the chain, and the chain folds in every segment of the epoch and the close of the epoch before. So two neighbours tell
//! whether anything stood between them; an EpochOpen tells how many segments the epoch before it had, and why footage is missing.

use super::{Ended, OpenError};
use media::chain::Chain;
use media::epoch::{EpochOpen, GapReason};

/// Footage that is missing, as the chain and the close records tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The end of what came before, Unix microseconds.
    pub from_us: u64,
    /// The start of what follows.
    pub to_us: u64,
    /// Segments known to be missing.
    pub segments: u64,
    /// The camera's signed reason, or `None` where the camera filmed and the segment is not there: withheld or not yet stored.
    pub reason: Option<GapReason>,
}

/// Follows one track from whole segment to whole segment, in sequence.
#[derive(Debug, Default)]
pub struct Continuity {
    last: Option<Ended>,
}

impl Continuity {
    /// Starts anywhere: the first segment is taken as it is (its chain is checked if it is the first of its epoch).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next whole segment; `open` is the verified EpochOpen of its epoch. Says what is missing before it.
    ///
    /// # Errors
    /// [`OpenError::Replayed`], [`OpenError::BrokenChain`]: the segment is not taken.
    pub fn take(&mut self, ended: &Ended, open: &EpochOpen) -> Result<Option<Gap>, OpenError> {
        let header = &ended.header;
        let broken = Err(OpenError::BrokenChain(header.sequence));
        if open.context.epoch_no != header.epoch_no || open.context.camera_id != header.camera_id {
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

    /// The chain before this segment, where it is known: it is its epoch's first, or the one before it was taken.
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

    /// What is missing between the last segment and this one.
    fn gap(&self, ended: &Ended, open: &EpochOpen) -> Result<Option<Gap>, Contradiction> {
        let Some(last) = &self.last else { return Ok(None) };
        let (before, header) = (&last.header, &ended.header);
        let missing = header.sequence.0 - before.sequence.0 - 1;
        let gap = |segments, reason| {
            let end_us = before.start_us.saturating_add(u64::from(last.trailer.duration_us));
            Some(Gap { from_us: end_us.min(header.start_us), to_us: header.start_us, segments, reason })
        };
        if before.epoch_no == header.epoch_no {
            let segments = missing.max(u64::from(header.k - before.k) - 1);
            return Ok(if segments > 0 { gap(segments, None) } else { None });
        }
        let close = open.previous.as_ref();
        let reason = close.map(|close| close.gap).filter(|gap| *gap != GapReason::None);
        let Some(close) = close.filter(|close| close.epoch_no == before.epoch_no) else {
            // Whole epochs are not there: the sequence says how many segments at least.
            return Ok(gap(missing.max(u64::from(header.k)), None));
        };
        let seen = before.k.checked_add(1).ok_or(Contradiction)?;
        let at_end = close.segments.checked_sub(seen).ok_or(Contradiction)?;
        if at_end == 0 && close.chain != last.trailer.chain.0 {
            return Err(Contradiction);
        }
        let segments = missing.max(u64::from(at_end) + u64::from(header.k));
        // The camera's reason explains that it did not film; segments that it did film and that are not here, it does not explain.
        Ok(if segments > 0 {
            gap(segments, None)
        } else if reason.is_some() {
            gap(0, reason)
        } else {
            None
        })
    }
}

/// The camera's close record says other than its segments do.
struct Contradiction;

/// Whether the segment's signed chain is what follows from the chain before it.
fn leads_to(before: Chain, ended: &Ended) -> bool {
    before.next(&ended.header.hash(), &ended.fragments_hash) == ended.trailer.chain
}
