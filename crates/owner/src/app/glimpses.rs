//! What the heads of the segments tell, by epoch: how far footage reaches, and how much moved in
//! it. Read once, kept for timeline and events alike.
//!
//! An epoch is asked for until as many heads are here as its close record, signed by the camera in
//! the epoch behind it, says that it had; so what comes late, after an outage, is found. A day is
//! many heads: each question fetches a bounded number, the newest first, and says whether more are
//! to come.

use crate::book::StoredCamera;
use crate::heads::{self, Head, Wanted};
use crate::lent::Lent;
use crate::state::Owner;
use host::lock::Mutex;
use media::id::{CameraId, Sequence};
use media::motion::Motion;
use media::time::Micros;
use quic::CallError;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};

/// An epoch that still grew when it was asked for is asked for again after so long, microseconds.
const AGAIN_US: u64 = 3_000_000;
/// One that should be whole and is not (retention took of it, or it comes late) waits longer.
const LATE_AGAIN_US: u64 = 30_000_000;
/// Neighbouring epochs that are asked for at once.
const EPOCHS_AT_ONCE: usize = 16;
/// The most heads of one run of epochs, eight in each second of the longest ones: a relay that
/// sends more of them sends none.
const HEADS_PER_RUN: usize = EPOCHS_AT_ONCE * 4800;
/// Epochs kept of one camera: more than a week of minutes.
const MAX_EPOCHS: usize = 12_000;

/// After how much a question is answered, whatever is still to be fetched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    pub(super) heads: usize,
    pub(super) runs: usize,
}

/// One epoch, as the timeline knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KnownEpoch {
    pub(super) number: u64,
    pub(super) start_us: u64,
    pub(super) end_us: u64,
    /// A later one is known: it does not grow.
    pub(super) over: bool,
    /// How many segments it had, once it was closed.
    pub(super) segments: Option<u32>,
}

/// What one head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Glimpse {
    /// The segment's number in its epoch, and for ever.
    pub(super) k: u32,
    pub(super) sequence: u64,
    pub(super) start_us: u64,
    pub(super) end_us: u64,
    pub(super) motion: Motion,
}

/// What is stored of one epoch.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct StoredEpoch {
    /// From where to where no segment is missing, in order; empty where nothing of it is there.
    pub(super) parts: Vec<(u64, u64)>,
    /// Where its newest segment starts.
    pub(super) newest_us: u64,
    /// Its first segments are missing; its last ones.
    pub(super) lost: (bool, bool),
    /// The numbers that are missing before each part, and behind the last one; empty where none are.
    pub(super) missing: Vec<Range<Sequence>>,
    /// It did not grow any more when this was asked.
    pub(super) over: bool,
}

/// Heads seen so far, by camera id, and the session for more.
#[derive(Debug, Default)]
pub(super) struct Glimpses {
    seen: Mutex<BTreeMap<String, Seen>>,
    sessions: Lent,
}

/// One camera's, by epoch number.
#[derive(Debug, Default)]
struct Seen(BTreeMap<u64, OfEpoch>);

#[derive(Debug, Default, Clone, PartialEq)]
struct OfEpoch {
    /// In order.
    segments: Vec<Glimpse>,
    stored: StoredEpoch,
    /// Nothing of it is missing.
    whole: bool,
    /// Some of it does not open for this device: how far it reaches cannot be told.
    sealed: bool,
    asked_us: u64,
}

/// What one run of questions brought.
#[derive(Debug, Default)]
struct Found {
    segments: Vec<(u64, Glimpse)>,
    sealed: BTreeSet<u64>,
}

impl Glimpses {
    /// Reads the heads of epochs where that is due; whether all of them are read, or more are to
    /// come.
    pub(super) async fn read(
        &self,
        owner: &Owner,
        camera: &StoredCamera,
        known: &[KnownEpoch],
        most: Most,
    ) -> Result<bool, CallError> {
        let mut session = self.sessions.borrow(owner);
        let id = camera.camera_id.to_string();
        let mut keys = heads::keyring(camera)?;
        let (mut fetched, mut runs) = (0, 0);
        // One moment for the whole question: what is asked for in it is not due again before it
        // ends, however slow the relay is.
        let now_us = owner.now_us().0;
        let is_all = loop {
            let run = self.seen.lock().entry(id.clone()).or_default().next_run(known, now_us);
            let (Some(first), Some(last)) = (run.first(), run.last()) else { break true };
            if fetched >= most.heads || runs >= most.runs {
                break false;
            }
            runs += 1;
            let before = fetched;
            let mut found = Found::default();
            let mut cursor = Sequence(0);
            loop {
                let (from_us, to_us) = (Micros(first.start_us), Micros(last.end_us));
                let wanted = Wanted { from_us, to_us, cursor, pictures: false };
                let answer = heads::fetch(owner, &mut session, camera, &mut keys, wanted).await?;
                fetched += answer.told;
                let glimpse = |head: &Head| (head.header.epoch_no.0, Glimpse::of(head));
                found.segments.extend(answer.heads.iter().map(glimpse));
                found.sealed.extend(answer.refused.iter().map(|epoch| epoch.0));
                match answer.next {
                    Some(next) if fetched - before < HEADS_PER_RUN => cursor = next,
                    _ => break,
                }
            }
            self.seen.lock().entry(id.clone()).or_default().take(&run, &found, now_us);
        };
        self.sessions.give_back(session);
        Ok(is_all)
    }

    /// What is stored of epochs, as far as it was read.
    pub(super) fn stored(
        &self,
        camera: CameraId,
        numbers: RangeInclusive<u64>,
    ) -> BTreeMap<u64, StoredEpoch> {
        let seen = self.seen.lock();
        let epochs = seen.get(&camera.to_string()).into_iter().flat_map(|seen| seen.0.range(numbers.clone()));
        let told = epochs.filter(|(_, epoch)| !epoch.sealed);
        told.map(|(number, epoch)| (*number, epoch.stored.clone())).collect()
    }

    /// Goes through every segment that was seen of a camera, in order.
    pub(super) fn through<T>(
        &self,
        id: &str,
        with: impl FnOnce(&mut dyn Iterator<Item = &Glimpse>) -> T,
    ) -> T {
        let seen = self.seen.lock();
        let epochs = seen.get(id).into_iter().flat_map(|seen| seen.0.values());
        with(&mut epochs.flat_map(|epoch| &epoch.segments))
    }
}

impl Seen {
    /// The newest neighbouring epochs that must be asked for, oldest first.
    fn next_run(&self, known: &[KnownEpoch], now_us: u64) -> Vec<KnownEpoch> {
        let is_due = |epoch: &&KnownEpoch| {
            let Some(held) = self.0.get(&epoch.number) else { return true };
            let pause = if held.stored.over { LATE_AGAIN_US } else { AGAIN_US };
            // A clock that stepped back must not silence it.
            !held.whole && now_us.abs_diff(held.asked_us) >= pause
        };
        let mut run = Vec::<KnownEpoch>::new();
        for epoch in known.iter().rev().filter(is_due).take(EPOCHS_AT_ONCE) {
            if run.last().is_some_and(|later| later.number != epoch.number.saturating_add(1)) {
                break;
            }
            run.push(*epoch);
        }
        run.reverse();
        run
    }

    /// Takes what was found of the epochs that were asked for.
    fn take(&mut self, run: &[KnownEpoch], found: &Found, now_us: u64) {
        if self.0.len() > MAX_EPOCHS {
            self.0.clear();
        }
        for epoch in run {
            let of = |(number, glimpse): &(u64, Glimpse)| (*number == epoch.number).then_some(*glimpse);
            let segments: Vec<_> = found.segments.iter().filter_map(of).collect();
            let whole = epoch.segments.is_some_and(|all| segments.len() >= all as usize);
            let sealed = found.sealed.contains(&epoch.number);
            let stored = StoredEpoch::of(&segments, epoch.segments, epoch.over);
            self.0.insert(epoch.number, OfEpoch { segments, stored, whole, sealed, asked_us: now_us });
        }
    }
}

impl Glimpse {
    fn of(head: &Head) -> Self {
        let (header, motion) = (&head.header, head.sealed.motion);
        let sequence = header.sequence.0;
        Self { k: header.k, sequence, start_us: header.start_us.0, end_us: head.end_us().0, motion }
    }
}

impl StoredEpoch {
    /// By the numbers of its segments, of which there were `all`: on a slow machine times have
    /// holes in which nothing is missing.
    fn of(segments: &[Glimpse], all: Option<u32>, over: bool) -> Self {
        let mut parts = Vec::<(u64, u64)>::new();
        let (mut next, mut missing, mut expected) = (None, Vec::new(), None);
        for segment in segments {
            match parts.last_mut() {
                Some(last) if next == Some(segment.k) => last.1 = last.1.max(segment.end_us),
                _ => {
                    parts.push((segment.start_us, segment.end_us));
                    let first = segment.sequence.saturating_sub(segment.k.into());
                    missing.push(Sequence(expected.unwrap_or(first))..Sequence(segment.sequence));
                }
            }
            next = segment.k.checked_add(1);
            expected = Some(segment.sequence.saturating_add(1));
        }
        let behind = u64::from(all.unwrap_or(0).saturating_sub(next.unwrap_or(0)));
        missing.extend(expected.map(|from| Sequence(from)..Sequence(from.saturating_add(behind))));
        let first = segments.first().is_some_and(|segment| segment.k > 0);
        let last = all.is_some_and(|all| next.unwrap_or(0) < all);
        let newest_us = segments.last().map_or(0, |segment| segment.start_us);
        Self { parts, newest_us, lost: (first, last), missing, over }
    }

    /// Where its first segment starts.
    pub(super) fn first_us(&self) -> Option<u64> {
        self.parts.first().map(|(from, _)| *from)
    }

    /// Its parts before a moment.
    pub(super) fn until(&self, latest: u64) -> impl Iterator<Item = (u64, u64)> {
        let parts = self.parts.iter().filter(move |(from, _)| *from < latest);
        parts.map(move |(from, to)| (*from, (*to).min(latest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    fn known(number: u64, segments: Option<u32>) -> KnownEpoch {
        let (start_us, end_us) = (number * 10 * S, (number + 1) * 10 * S);
        KnownEpoch { number, start_us, end_us, over: segments.is_some(), segments }
    }

    /// A segment of two seconds.
    fn glimpse(second: u64) -> Glimpse {
        let k = u32::try_from(second % 10 / 2).unwrap();
        let sequence = 1000 + second / 2;
        Glimpse { k, sequence, start_us: second * S, end_us: (second + 2) * S, motion: Motion::default() }
    }

    fn found(segments: &[(u64, u64)]) -> Found {
        let segments = segments.iter().map(|(number, second)| (*number, glimpse(*second))).collect();
        Found { segments, sealed: BTreeSet::new() }
    }

    #[test]
    fn an_epoch_is_asked_for_until_it_is_whole_and_the_newest_come_first() {
        let mut seen = Seen::default();
        let all = [known(1, Some(2)), known(2, Some(2)), known(5, Some(1)), known(6, None)];
        let numbers = |run: Vec<KnownEpoch>| run.iter().map(|epoch| epoch.number).collect::<Vec<_>>();
        assert_eq!(numbers(seen.next_run(&all, 0)), [5, 6]);
        seen.take(&all[2..], &found(&[(5, 50), (6, 60), (4, 40)]), 100 * S);
        assert_eq!(seen.0.keys().copied().collect::<Vec<_>>(), [5, 6], "what was not asked for is not kept");
        assert_eq!(numbers(seen.next_run(&all, 100 * S)), [1, 2], "within one question none comes twice");
        // One of two heads: the rest comes late, and is asked for in a while.
        seen.take(&all[..2], &found(&[(1, 10)]), 100 * S);
        assert!(seen.next_run(&all, 102 * S).is_empty());
        assert_eq!(numbers(seen.next_run(&all, 103 * S)), [6], "the newest one grows");
        seen.take(&all[3..], &found(&[]), 131 * S);
        assert_eq!(numbers(seen.next_run(&all, 131 * S)), [1, 2]);
        seen.take(&all[..2], &found(&[(1, 10), (1, 12), (2, 20), (2, 22)]), 131 * S);
        assert_eq!(numbers(seen.next_run(&all, 1000 * S)), [6]);
        // Closed meanwhile: its last segments are asked for as soon as those of an epoch that
        // grows.
        assert_eq!(numbers(seen.next_run(&[known(6, Some(3))], 134 * S)), [6]);
        let many: Vec<_> = (100..200).map(|number| known(number, Some(1))).collect();
        assert_eq!(seen.next_run(&many, 0).len(), EPOCHS_AT_ONCE);
    }

    #[test]
    fn what_is_stored_of_an_epoch_is_told_where_its_heads_open() {
        let glimpses = Glimpses::default();
        let camera = CameraId([7; 32]);
        let run =
            [known(1, Some(5)), known(2, Some(2)), known(3, Some(2)), known(4, None), known(5, Some(2))];
        let segments = found(&[(1, 12), (1, 14), (1, 18), (2, 20), (4, 40)]).segments;
        let mut found = Found { segments, sealed: [2].into() };
        // Three seconds late, and nothing between is missing.
        found.segments.extend([(5, glimpse(50)), (5, Glimpse { k: 1, ..glimpse(55) })]);
        glimpses.seen.lock().entry(camera.to_string()).or_default().take(&run, &found, 0);
        let mut stored = glimpses.stored(camera, 0..=9);
        let numbers = |of: &StoredEpoch| -> Vec<(u64, u64)> {
            of.missing.iter().map(|missing| (missing.start.0, missing.end.0)).collect()
        };
        assert_eq!(numbers(&stored[&1]), [(1005, 1006), (1008, 1009), (1010, 1010)], "by their numbers");
        assert_eq!(numbers(&stored[&3]), [], "nothing says which numbers it had");
        assert_eq!(numbers(&stored[&4]), [(1020, 1020), (1021, 1021)]);
        stored.values_mut().for_each(|epoch| epoch.missing.clear());
        let told = |parts: &[(u64, u64)], newest: u64, lost, over| StoredEpoch {
            missing: Vec::new(),
            parts: parts.iter().map(|(from, to)| (from * S, to * S)).collect(),
            newest_us: newest * S,
            lost,
            over,
        };
        assert_eq!(stored[&1], told(&[(12, 16), (18, 20)], 18, (true, false), true), "the first, and a hole");
        assert_eq!(stored.get(&2), None, "this device has not all keys of it");
        assert_eq!(stored[&3], told(&[], 0, (false, true), true), "nothing of it is there");
        assert_eq!(stored[&4], told(&[(40, 42)], 40, (false, false), false), "it grows");
        assert_eq!(stored[&5], told(&[(50, 57)], 55, (false, false), true));
        assert_eq!(glimpses.stored(camera, 5..=9).len(), 1);
    }
}
