//! One camera's past: which times were filmed, which are missing and why, and which were released to whom.
//!
//! The times come from the EpochOpens that the relay holds, each signed by the camera, so that a day costs kilobytes and no footage. What
//! is missing inside an epoch shows when it is played. Fetched once, kept while the page stays near.

use super::events::Known;
use crate::audit::Row;
use crate::live::viewer::signed_reason;
use crate::relay::{Lent, Session};
use crate::{Owner, heads};
use media::epoch::{EpochOpen, GapReason};
use media::id::{CameraId, TrackId};
use media::sign::PublicKey;
use quic::CallError;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Moments closer than this are one, microseconds.
const CLOSE_US: u64 = 1_000_000;
/// How long the newest stored segment lasts at most; it may still grow, microseconds.
const NEWEST_US: u64 = 2_000_000;
/// The most epochs kept of one camera: more than ten days of the shortest ones.
const MAX_EPOCHS: usize = 100_000;

/// Between two looks whether epochs that were not there have come: a camera sends them late after an outage. Microseconds.
const LATE_AGAIN_US: u64 = 10_000_000;
/// The most holes that one look asks about, the newest.
const LATE_HOLES: usize = 8;

/// Epochs seen so far, by camera id and track, and the session for more.
#[derive(Debug, Default)]
pub(super) struct Epochs {
    tracks: Mutex<BTreeMap<(String, TrackId), Track>>,
    sessions: Lent,
}

/// One track's, over one stretch of time without a hole.
#[derive(Debug, Clone, Default, PartialEq)]
struct Track {
    epochs: BTreeMap<u64, Epoch>,
    from_us: u64,
    to_us: u64,
    /// When its holes were asked about last.
    looked_us: u64,
}

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

/// A stretch that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Gap {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) reason: &'static str,
}

/// A request about the camera, where its epochs lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Release {
    pub(super) from: u64,
    pub(super) to: u64,
    #[serde(flatten)]
    pub(super) row: Row,
}

/// All that is shown of a span. Unix microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Timeline {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) recorded: Vec<(u64, u64)>,
    pub(super) gaps: Vec<Gap>,
    pub(super) releases: Vec<Release>,
}

impl Epochs {
    fn tracks(&self) -> MutexGuard<'_, BTreeMap<(String, TrackId), Track>> {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The epochs of the main picture in a span that were seen so far, in order.
    pub(super) fn known(&self, id: &str, span: crate::Span) -> Vec<Known> {
        let tracks = self.tracks();
        let main = tracks.get(&(id.to_owned(), TrackId::MAIN));
        main.map_or_else(Vec::new, |track| track.known(span.from_us(), span.to_us()))
    }

    /// The timeline of a span; `newest_us` is the start of the newest stored segment.
    pub(super) async fn timeline(
        &self,
        owner: &Owner,
        name: &str,
        span: crate::Span,
        newest_us: u64,
        rows: &[Row],
    ) -> Result<Timeline, CallError> {
        let mut session = self.sessions.borrow(owner);
        let timeline = self.timeline_by(owner, &mut session, name, span, newest_us, rows).await;
        self.sessions.give_back(session);
        timeline
    }

    async fn timeline_by(
        &self,
        owner: &Owner,
        session: &mut Session,
        name: &str,
        span: crate::Span,
        newest_us: u64,
        rows: &[Row],
    ) -> Result<Timeline, CallError> {
        let stored = owner.stored();
        let Some(camera) = stored.camera(name) else { return Err(CallError::Unexpected("no such camera")) };
        let key = camera.camera_key().map_err(|_| CallError::Unexpected("no key of the camera"))?;
        let main = self.fetched(session, (camera.camera_id, TrackId::MAIN), &key, span).await?;
        let mut timeline = main.timeline(span.from_us(), span.to_us(), newest_us, name, rows);
        // A release names epochs of one track: those of the second one lie where its own EpochOpens say.
        if rows.iter().any(|row| row.track == TrackId::SUB.0 && row.camera == name) {
            let sub = self.fetched(session, (camera.camera_id, TrackId::SUB), &key, span).await?;
            timeline.releases.extend(sub.releases(TrackId::SUB, span.from_us(), span.to_us(), name, rows));
        }
        Ok(timeline)
    }

    /// What is known of a track in a span, asked of the relay where it is not kept.
    async fn fetched(
        &self,
        session: &mut Session,
        (camera_id, of): (CameraId, TrackId),
        key: &PublicKey,
        span: crate::Span,
    ) -> Result<Track, CallError> {
        let id = (camera_id.to_string(), of);
        let mut track = self.tracks().get(&id).cloned().unwrap_or_default();
        let mut wanted = track.wanted(span.from_us(), span.to_us());
        wanted.extend(track.late(span.from_us(), span.to_us(), host::clock::now_us()));
        for (from_us, to_us) in wanted {
            let mut take = |open: EpochOpen| track.take(&open);
            heads::epoch_opens(session, (camera_id, of), key, (from_us, to_us), &mut take).await?;
        }
        track.cover(span.from_us(), span.to_us().min(host::clock::now_us()));
        self.tracks().insert(id, track.clone());
        Ok(track)
    }
}

impl Track {
    /// What must be fetched for a span. A span far from what is kept starts anew.
    fn wanted(&mut self, from_us: u64, to_us: u64) -> Vec<(u64, u64)> {
        let touches = from_us <= self.to_us && to_us >= self.from_us;
        if !touches || self.epochs.len() > MAX_EPOCHS {
            *self = Self { epochs: BTreeMap::new(), from_us, to_us: from_us, looked_us: 0 };
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
    fn late(&mut self, from_us: u64, to_us: u64, now_us: u64) -> Vec<(u64, u64)> {
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

    fn cover(&mut self, from_us: u64, to_us: u64) {
        self.from_us = self.from_us.min(from_us);
        self.to_us = self.to_us.max(to_us);
    }

    /// Takes what the camera signed.
    fn take(&mut self, open: &EpochOpen) {
        self.epochs.insert(open.context.epoch_no.0, Epoch::of(open));
    }

    fn known(&self, from: u64, to: u64) -> Vec<Known> {
        let mut numbers = self.epochs.iter().peekable();
        let mut known = Vec::new();
        while let Some((number, epoch)) = numbers.next() {
            let closes = numbers.peek().and_then(|(_, next)| next.closes);
            let segments = closes.filter(|(closed, _)| closed == number).map(|(_, segments)| segments);
            if epoch.start_us < to && epoch.end_us > from {
                known.push(Known {
                    number: *number,
                    start_us: epoch.start_us,
                    end_us: epoch.end_us,
                    segments,
                });
            }
        }
        known
    }

    fn timeline(&self, from: u64, to: u64, newest_us: u64, name: &str, rows: &[Row]) -> Timeline {
        let (mut recorded, mut gaps) = (Vec::<(u64, u64)>::new(), Vec::new());
        let mut numbers = self.epochs.iter().peekable();
        while let Some((number, epoch)) = numbers.next() {
            let next = numbers.peek();
            let end = match next {
                Some((_, next)) => epoch.end_us.min(next.start_us),
                None => epoch.end_us.min(newest_us.saturating_add(NEWEST_US)).max(epoch.start_us),
            };
            match recorded.last_mut() {
                Some(last) if epoch.start_us <= last.1.saturating_add(CLOSE_US) => last.1 = last.1.max(end),
                _ => recorded.push((epoch.start_us, end)),
            }
            if let Some((next_number, next)) = next
                && let Some(reason) = next.missing(epoch, **next_number == number.saturating_add(1))
            {
                gaps.push(Gap { from: end, to: next.start_us, reason });
            }
        }
        let within = |(start, end): (u64, u64)| {
            let cut = (start.max(from), end.min(to));
            (cut.0 < cut.1).then_some(cut)
        };
        Timeline {
            from,
            to,
            recorded: recorded.into_iter().filter_map(within).collect(),
            gaps: gaps.into_iter().filter(|gap| gap.from < to && gap.to >= from).collect(),
            releases: self.releases(TrackId::MAIN, from, to, name, rows),
        }
    }

    /// The releases in sight that name epochs of this track, which is `of`.
    fn releases(&self, of: TrackId, from: u64, to: u64, name: &str, rows: &[Row]) -> Vec<Release> {
        let about = |row: &&Row| row.camera == name && row.kind != "policy" && row.track == of.0;
        rows.iter().filter(about).filter_map(|row| self.release(row, from, to)).collect()
    }

    /// Where a row's epochs lie, if that is in sight.
    fn release(&self, row: &Row, from: u64, to: u64) -> Option<Release> {
        let (first, last) = row.epochs?;
        let mut epochs = self.epochs.range(first..=last.max(first)).map(|(_, epoch)| epoch);
        let start = epochs.next()?;
        let end = epochs.next_back().unwrap_or(start);
        let release = Release { from: start.start_us, to: end.end_us, row: row.clone() };
        (release.from < to && release.to > from).then_some(release)
    }
}

impl Epoch {
    fn of(open: &EpochOpen) -> Self {
        Self {
            start_us: open.context.start_us,
            end_us: open.context.end_us(),
            missing_before: open.previous.as_ref().map_or(GapReason::None, |previous| previous.gap),
            closes: open.previous.as_ref().map(|previous| (previous.epoch_no.0, previous.segments)),
        }
    }

    /// Why footage is missing between `before` and this.
    fn missing(&self, before: &Self, is_next: bool) -> Option<&'static str> {
        if !is_next {
            return Some("the relay shows no record of this time");
        }
        let is_apart = self.start_us > before.end_us.saturating_add(CLOSE_US);
        signed_reason(self.missing_before).or(is_apart.then_some("not filmed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::State;

    const S: u64 = 1_000_000;

    fn track(epochs: &[(u64, u64, u64, GapReason)]) -> Track {
        let epoch = |&(number, start, end, missing_before): &(u64, u64, u64, GapReason)| {
            let closes = number.checked_sub(1).map(|before| (before, 30));
            (number, Epoch { start_us: start * S, end_us: end * S, missing_before, closes })
        };
        Track { epochs: epochs.iter().map(epoch).collect(), from_us: 0, to_us: 1000 * S, looked_us: 0 }
    }

    fn row(epochs: Option<(u64, u64)>) -> Row {
        Row {
            when: 5,
            camera: "door".to_owned(),
            kind: "emergency".to_owned(),
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
        let shown = track.timeline(0, 1000 * S, 430 * S, "door", &[]);
        // An epoch cut short by a restart ends where the next one starts, at the latest.
        assert_eq!(shown.recorded, [(100 * S, 220 * S), (300 * S, 390 * S), (420 * S, 432 * S)]);
        let gaps: Vec<_> = shown.gaps.iter().map(|gap| (gap.from / S, gap.to / S, gap.reason)).collect();
        let restarted = "the camera was off or restarted";
        let unknown = "the relay shows no record of this time";
        assert_eq!(gaps, [(220, 300, restarted), (330, 330, restarted), (390, 420, unknown)]);
        let part = track.timeline(150 * S, 210 * S, 430 * S, "door", &[]);
        assert_eq!((part.recorded, part.gaps), (vec![(150 * S, 210 * S)], vec![]));
    }

    #[test]
    fn a_release_stands_where_its_epochs_lie() {
        let track = track(&[(1, 100, 160, GapReason::None), (2, 160, 220, GapReason::None)]);
        let rows = [row(Some((1, 2))), row(Some((2, 9))), row(Some((7, 9))), row(None)];
        let shown = track.timeline(0, 1000 * S, 220 * S, "door", &rows);
        let places: Vec<_> = shown.releases.iter().map(|it| (it.from / S, it.to / S)).collect();
        assert_eq!(places, [(100, 220), (160, 220)]);
        // Epochs of the second track have numbers of their own.
        let of_sub = [Row { track: 1, ..row(Some((1, 2))) }];
        assert!(track.timeline(0, 1000 * S, 220 * S, "door", &of_sub).releases.is_empty());
        assert_eq!(track.releases(TrackId::SUB, 0, 1000 * S, "door", &of_sub).len(), 1);
        assert!(track.timeline(0, 1000 * S, 220 * S, "yard", &rows).releases.is_empty());
        assert!(track.timeline(0, 90 * S, 220 * S, "door", &rows).releases.is_empty());
    }

    #[test]
    fn an_epochs_segments_are_counted_by_the_one_behind_it() {
        let track = track(&[
            (1, 100, 160, GapReason::None),
            (2, 160, 220, GapReason::None),
            (4, 280, 340, GapReason::None),
        ]);
        let known = track.known(0, 1000 * S);
        let counted: Vec<_> = known.iter().map(|epoch| (epoch.number, epoch.segments)).collect();
        assert_eq!(counted, [(1, Some(30)), (2, None), (4, None)]);
        assert_eq!(track.known(160 * S, 280 * S).len(), 1);
    }

    #[test]
    fn what_came_late_is_found_by_asking_about_the_holes() {
        use GapReason::None;
        let mut track = track(&[(1, 100, 160, None), (2, 160, 220, None), (5, 340, 400, None)]);
        assert_eq!(track.late(0, 1000 * S, 50 * S), [(220 * S, 340 * S)]);
        assert!(track.late(0, 1000 * S, 59 * S).is_empty(), "not at once again");
        assert!(track.late(0, 200 * S, 70 * S).is_empty(), "out of sight");
        let shown = track.timeline(0, 1000 * S, 400 * S, "door", &[]);
        assert_eq!(shown.gaps.len(), 1);
        let came = Epoch { start_us: 220 * S, end_us: 280 * S, missing_before: None, closes: Option::None };
        track.epochs.insert(3, came);
        assert_eq!(track.late(0, 1000 * S, 90 * S), [(280 * S, 340 * S)]);
    }

    #[test]
    fn what_is_kept_is_not_asked_again() {
        let mut track = Track::default();
        assert_eq!(track.wanted(100, 200), [(100, 200)]);
        track.cover(100, 200);
        assert_eq!(track.wanted(120, 180), []);
        assert_eq!(track.wanted(50, 250), [(50, 100), (200, 250)]);
        track.cover(50, 250);
        assert_eq!(track.wanted(900, 950), [(900, 950)], "far away: anew");
    }
}
