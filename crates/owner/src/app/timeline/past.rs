//! One track by its EpochOpens: what must be fetched, and what is drawn of it. Pure.
//!
//! ```text
//! signed by the camera   when an epoch starts, when it was planned to end, how many segments it had, why footage is missing behind it
//! told by heads          where its footage lies; a relay that lies about how long a segment is moves an edge, until it is played
//! ```

use super::{Hole, Released};
use crate::app::glimpses::{CLOSE_US, KnownEpoch, StoredEpoch};
use crate::audit::{FoundKind, Row};
use crate::live::viewer::{UNEXPLAINED, culprits, signed_reason};
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
            self.gaps.push(Hole { from: reached.min(from), to: from, reason });
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
mod tests {
    use super::*;
    use crate::audit::State;

    const S: u64 = 1_000_000;

    fn track(epochs: &[(u64, u64, u64, GapReason)]) -> Past {
        let epoch = |&(number, start, end, missing_before): &(u64, u64, u64, GapReason)| {
            let closes = number.checked_sub(1).map(|before| (before, 30));
            (number, Epoch { start_us: start * S, end_us: end * S, missing_before, closes })
        };
        let epochs = epochs.iter().map(epoch).collect();
        Past { epochs, from_us: 0, to_us: 1000 * S, ..Past::default() }
    }

    /// What heads told of an epoch that is over, in seconds.
    fn told(parts: &[(u64, u64)], last_lost: bool) -> StoredEpoch {
        let parts: Vec<_> = parts.iter().map(|(from, to)| (from * S, to * S)).collect();
        let newest_us = parts.last().map_or(0, |(_, to)| to - 2 * S);
        StoredEpoch { parts, newest_us, lost: (false, last_lost), missing: Vec::new(), over: true }
    }

    type Seconds = (Vec<(u64, u64)>, Vec<(u64, u64, &'static str)>);

    fn seconds((recorded, gaps): Drawn) -> Seconds {
        let recorded = recorded.iter().map(|(from, to)| (from / S, to / S)).collect();
        (
            recorded,
            gaps.into_iter()
                .map(|gap| (gap.from / S, gap.to / S, &*gap.reason.into_owned().leak()))
                .collect(),
        )
    }

    fn row(epochs: Option<(u64, u64)>) -> Row {
        Row {
            when: 5,
            camera: "door".to_owned(),
            kind: FoundKind::Request(escrow::record::Kind::Emergency),
            agency: None,
            reason: None,
            track: 0,
            epochs,
            grants: 3,
            state: Some(State::Completed),
            leaf_index: 22,
            expected: false,
            remarks: Vec::new(),
        }
    }

    #[test]
    fn epochs_are_one_recording_until_something_is_missing() {
        use GapReason::{None, Restart};
        let track = track(&[
            (1, 100, 160, None),
            (2, 160, 220, None),
            (3, 300, 360, Restart),
            (4, 330, 390, Restart),
            (6, 420, 480, None),
        ]);
        let (recorded, gaps) = seconds(track.drawn(&BTreeMap::new(), 0, 1000 * S, 430 * S));
        // Where no heads were read, an epoch cut short by a restart ends where the next one starts,
        // at the latest.
        assert_eq!(recorded, [(100, 220), (300, 390), (420, 432)]);
        let restarted = "the camera was off or restarted";
        let unknown = "the relay shows no record of this time";
        assert_eq!(gaps, [(220, 300, restarted), (330, 330, restarted), (390, 420, unknown)]);
        let part = track.drawn(&BTreeMap::new(), 150 * S, 210 * S, 430 * S);
        assert_eq!(seconds(part), (vec![(150, 210)], vec![]));
    }

    #[test]
    fn footage_ends_where_its_last_segment_does_and_the_gap_begins_there() {
        use GapReason::{None, Privacy, SpoolOverflow};
        let track = track(&[
            (1, 100, 160, None),
            (2, 160, 220, None),
            (3, 200, 260, Privacy),
            (4, 260, 320, None),
            (6, 380, 440, SpoolOverflow),
            (7, 440, 500, None),
        ]);
        let cut: Vec<_> = track.cut_short(0, 1000 * S).iter().map(|epoch| epoch.number).collect();
        assert_eq!(cut, [2, 4], "what stands behind them says so");
        assert_eq!(track.around(210 * S, 270 * S), 1..=5);
        let privacy = "the camera's privacy switch was on";
        let unknown = "the relay shows no record of this time";

        // Of those alone: the rest as planned.
        let mut stored = BTreeMap::from([(2, told(&[(162, 171)], false)), (4, told(&[(261, 270)], false))]);
        let (recorded, gaps) = seconds(track.drawn(&stored, 0, 1000 * S, 450 * S));
        assert_eq!(recorded, [(100, 171), (200, 270), (380, 452)]);
        assert_eq!(gaps, [(171, 200, privacy), (270, 380, unknown)]);

        // Of all: an epoch's last segment reaches into the next one, and what is not there is no
        // recording.
        stored.insert(1, told(&[(100, 162)], false));
        stored.insert(3, told(&[(200, 220), (240, 261)], false));
        stored.insert(6, told(&[(380, 443)], false));
        stored.insert(7, StoredEpoch { over: false, ..told(&[(443, 455)], false) });
        let (recorded, gaps) = seconds(track.drawn(&stored, 0, 1000 * S, 453 * S));
        assert_eq!(recorded, [(100, 171), (200, 220), (240, 270), (380, 455)]);
        assert_eq!(gaps, [(171, 200, privacy), (220, 240, UNEXPLAINED), (270, 380, unknown)]);

        // A slow machine films a segment late: nothing is missing in the chain, and no gap is
        // drawn.
        stored.insert(6, told(&[(380, 435)], false));
        let (recorded, gaps) = seconds(track.drawn(&stored, 350 * S, 1000 * S, 453 * S));
        assert_eq!((recorded, gaps), (vec![(380, 455)], vec![(270, 380, unknown)]));
        // The first ones of one are lost.
        stored.insert(7, StoredEpoch { lost: (true, false), ..stored[&7].clone() });
        let (recorded, gaps) = seconds(track.drawn(&stored, 400 * S, 1000 * S, 453 * S));
        assert_eq!((recorded, gaps), (vec![(400, 435), (443, 455)], vec![(435, 443, UNEXPLAINED)]));
        stored.insert(6, told(&[(380, 443)], false));

        // Nothing of one is there; and the newest one has grown since its heads were read.
        stored.insert(3, told(&[], true));
        let (recorded, gaps) = seconds(track.drawn(&stored, 0, 1000 * S, 458 * S));
        assert_eq!(recorded, [(100, 171), (261, 270), (380, 460)]);
        assert_eq!(gaps, [(171, 261, privacy), (270, 380, unknown)]);
        // The end of one is lost.
        stored.insert(1, told(&[(100, 130)], true));
        let (recorded, gaps) = seconds(track.drawn(&stored, 0, 250 * S, 458 * S));
        assert_eq!(recorded, [(100, 130), (162, 171)]);
        assert_eq!(gaps, [(130, 162, UNEXPLAINED), (171, 261, privacy)]);
    }

    #[test]
    fn a_hole_on_the_line_says_whose_loss_it_is() {
        use media::epoch::{EpochContext, LossReason, Lost};
        use media::id::{CameraId, EpochNo};
        use media::receipt::Receipt;
        use media::time::Micros;
        let mut track = track(&[(1, 100, 160, GapReason::None), (2, 160, 220, GapReason::None)]);
        let parts = [(100, 110), (120, 130), (140, 150)];
        let numbers = [0..0, 5..10, 15..20, 25..30];
        let missing = numbers.iter().map(|at| Sequence(at.start)..Sequence(at.end)).collect();
        let stored = BTreeMap::from([
            (1, StoredEpoch { missing, ..told(&parts, true) }),
            (2, told(&[(162, 220)], false)),
        ]);
        let drawn = |track: &Past| seconds(track.drawn(&stored, 0, 1000 * S, 210 * S)).1;
        assert_eq!(drawn(&track).iter().map(|gap| gap.2).collect::<Vec<_>>(), [UNEXPLAINED; 3]);
        // The relay acknowledged the first ones, the camera let the next ones go; nobody says more.
        let relay = ed25519_dalek::SigningKey::from_bytes(&[50; 32]);
        let range = |first, last| media::receipt::Range { first: Sequence(first), last: Sequence(last) };
        let receipt = Receipt {
            relay_key: relay.verifying_key().to_bytes(),
            camera_id: CameraId([7; 32]),
            track: TrackId::MAIN,
            at_us: Micros(0),
            epoch_no: EpochNo(1),
            k: 9,
            chain: [0; 32],
            acknowledged: vec![range(5, 9)],
        };
        let context = EpochContext {
            camera_id: CameraId([7; 32]),
            track: TrackId::MAIN,
            epoch_no: EpochNo(2),
            start_us: Micros(160 * S),
            dur_ms: 60_000,
            policy_hash: [0; 32],
            notice_commit: [0; 32],
            t: 0,
            n: 0,
        };
        track.relay = relay.verifying_key().to_bytes();
        track.take(&EpochOpen {
            context,
            key_commit: [0; 32],
            share_commits: Vec::new(),
            shares: Vec::new(),
            wraps: Vec::new(),
            previous: None,
            lost: vec![Lost { range: range(15, 19), why: LossReason::SpoolOverflow }],
            receipt: Some(receipt.sign(&relay)),
        });
        let said = drawn(&track);
        assert!(said[0].2.starts_with("the relay acknowledged it"), "{said:?}");
        assert_eq!((said[1].2, said[2].2), (LossReason::SpoolOverflow.told(), UNEXPLAINED));
    }

    #[test]
    fn a_clock_that_stepped_back_and_a_relay_that_lies_about_lengths_draw_nothing_twice() {
        use GapReason::{ClockStep, None};
        let track = track(&[(1, 100, 160, None), (2, 110, 160, ClockStep)]);
        let stored = BTreeMap::from([(1, told(&[(100, 130)], false)), (2, told(&[(112, 9_000_000)], false))]);
        let (recorded, gaps) = seconds(track.drawn(&stored, 0, 1000 * S, 0));
        assert_eq!(recorded, [(100, 1000)]);
        assert_eq!(gaps, [(112, 112, "the camera's clock stepped")]);
    }

    #[test]
    fn a_release_stands_where_its_epochs_lie() {
        let track = track(&[(1, 100, 160, GapReason::None), (2, 160, 220, GapReason::None)]);
        let rows = [row(Some((1, 2))), row(Some((2, 9))), row(Some((7, 9))), row(None)];
        let shown = track.releases(TrackId::MAIN, 0, 1000 * S, "door", &rows);
        let places: Vec<_> = shown.iter().map(|it| (it.from / S, it.to / S)).collect();
        assert_eq!(places, [(100, 220), (160, 220)]);
        // Epochs of the second track have numbers of their own.
        let of_sub = [Row { track: 1, ..row(Some((1, 2))) }];
        assert!(track.releases(TrackId::MAIN, 0, 1000 * S, "door", &of_sub).is_empty());
        assert_eq!(track.releases(TrackId::SUB, 0, 1000 * S, "door", &of_sub).len(), 1);
        assert!(track.releases(TrackId::MAIN, 0, 1000 * S, "yard", &rows).is_empty());
        assert!(track.releases(TrackId::MAIN, 0, 90 * S, "door", &rows).is_empty());
    }

    #[test]
    fn an_epochs_segments_are_counted_by_the_one_behind_it() {
        let track = track(&[
            (1, 100, 160, GapReason::None),
            (2, 160, 220, GapReason::None),
            (4, 280, 340, GapReason::None),
        ]);
        let known = track.known(0, 1000 * S);
        let counted: Vec<_> = known.iter().map(|epoch| (epoch.number, epoch.segments, epoch.over)).collect();
        assert_eq!(counted, [(1, Some(30), true), (2, None, true), (4, None, false)]);
        assert_eq!(track.known(160 * S, 280 * S).len(), 1);
    }

    #[test]
    fn what_came_late_is_found_by_asking_about_the_holes() {
        use GapReason::None;
        let mut track = track(&[(1, 100, 160, None), (2, 160, 220, None), (5, 340, 400, None)]);
        assert_eq!(track.late(0, 1000 * S, 50 * S), [(220 * S, 340 * S)]);
        assert!(track.late(0, 1000 * S, 59 * S).is_empty(), "not at once again");
        assert!(track.late(0, 200 * S, 70 * S).is_empty(), "out of sight");
        let (_, gaps) = track.drawn(&BTreeMap::new(), 0, 1000 * S, 400 * S);
        assert_eq!(gaps.len(), 1);
        let came = Epoch { start_us: 220 * S, end_us: 280 * S, missing_before: None, closes: Option::None };
        track.epochs.insert(3, came);
        assert_eq!(track.late(0, 1000 * S, 90 * S), [(280 * S, 340 * S)]);
    }

    #[test]
    fn what_is_kept_is_not_asked_again() {
        let mut track = Past::default();
        assert_eq!(track.wanted(100, 200), [(100, 200)]);
        track.cover(100, 200);
        assert_eq!(track.wanted(120, 180), []);
        assert_eq!(track.wanted(50, 250), [(50, 100), (200, 250)]);
        track.cover(50, 250);
        assert_eq!(track.wanted(900, 950), [(900, 950)], "far away: anew");
    }
}
