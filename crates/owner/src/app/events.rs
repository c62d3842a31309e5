//! When something moved, by the heads of the segments: footage is fetched only when somebody looks at it.
//!
//! Kept by epoch. An epoch is asked for until as many heads are here as its close record, signed by the camera in the epoch behind it, says that it had;
//! so what comes late, after an outage, is found. A day is many heads: each question fetches a bounded number, the newest first, and says
//! whether more are to come.

use super::App;
use super::socket::Stretch;
use crate::heads::{self, Head, Wanted};
use crate::relay::{Lent, Session};
use crate::{Owner, Span};
use axum::Json;
use axum::extract::{Query, State};
use host::http::Failure;
use media::id::Sequence;
use quic::CallError;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A segment of which this much of the picture changed belongs to an event, per mille.
const MOVED_PERMILLE: u16 = 20;
/// A pause shorter than this does not end an event, microseconds.
const PAUSE_US: u64 = 5_000_000;
/// Segments closer than this follow one another, microseconds.
const CLOSE_US: u64 = 1_000_000;
/// An epoch that is not whole is asked for again after so long, microseconds.
const AGAIN_US: u64 = 3_000_000;
/// An epoch that should be whole and is not (retention took of it, or it comes late) waits longer.
const LATE_AGAIN_US: u64 = 30_000_000;
/// Neighbouring epochs that are asked for at once.
const EPOCHS_AT_ONCE: usize = 16;
/// Heads after which a question is answered, whatever is still to be fetched: about 3 MB.
const HEADS_PER_ASK: usize = 2048;
/// The most heads of one run of epochs, eight in each second of the longest ones: a relay that sends more of them sends none.
const HEADS_PER_RUN: usize = EPOCHS_AT_ONCE * 4800;
/// Runs after which a question is answered.
const RUNS_PER_ASK: usize = 64;
/// Epochs kept of one camera: more than a week of minutes.
const MAX_EPOCHS: usize = 12_000;

/// One epoch, as the timeline knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) number: u64,
    pub(super) start_us: u64,
    pub(super) end_us: u64,
    /// How many segments it had, once it was closed.
    pub(super) segments: Option<u32>,
}

/// Heads seen so far, by camera id, and the session for more.
#[derive(Debug, Default)]
pub(super) struct Events {
    seen: Mutex<BTreeMap<String, Seen>>,
    sessions: Lent,
}

/// One camera's, by epoch number.
#[derive(Debug, Default)]
struct Seen(BTreeMap<u64, Glimpses>);

#[derive(Debug, Default, Clone, PartialEq)]
struct Glimpses {
    /// In order.
    segments: Vec<Glimpse>,
    whole: bool,
    asked_us: u64,
}

/// What one head says of motion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Glimpse {
    start_us: u64,
    end_us: u64,
    permille: u16,
}

/// Something moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Event {
    pub(super) from: u64,
    pub(super) to: u64,
    /// The most of the picture that changed at once.
    pub(super) permille: u16,
}

/// What is known of a span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Shown {
    pub(super) events: Vec<Event>,
    /// Whether every head that is there has been read; otherwise ask again.
    pub(super) complete: bool,
}

pub(super) async fn events(
    State(app): State<Arc<App>>,
    Query(stretch): Query<Stretch>,
) -> Result<Json<Shown>, Failure> {
    let (name, span) = (app.camera_name(&stretch.camera)?, stretch.span()?);
    let known = app.epochs.known(&stretch.camera, span);
    let shown = app.events.shown(&app.owner, &name, &known, span).await;
    shown.map(Json).map_err(|error| Failure::new(502, "relay", error.to_string()))
}

impl Events {
    fn seen(&self) -> MutexGuard<'_, BTreeMap<String, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn shown(
        &self,
        owner: &Owner,
        name: &str,
        known: &[Known],
        span: Span,
    ) -> Result<Shown, CallError> {
        let mut session = self.sessions.borrow(owner);
        let shown = self.shown_by(owner, &mut session, name, known, span).await;
        self.sessions.give_back(session);
        shown
    }

    async fn shown_by(
        &self,
        owner: &Owner,
        session: &mut Session,
        name: &str,
        known: &[Known],
        span: Span,
    ) -> Result<Shown, CallError> {
        let stored = owner.stored();
        let camera = stored.camera(name).ok_or(CallError::Unexpected("no such camera"))?;
        let id = camera.camera_id.to_string();
        let mut keys = heads::keyring(camera)?;
        let (mut fetched, mut runs) = (0, 0);
        // One moment for the whole question: what is asked for in it is not due again before it ends, however slow the relay is.
        let now_us = host::clock::now_us();
        loop {
            let run = self.seen().entry(id.clone()).or_default().next_run(known, now_us);
            let (Some(first), Some(last)) = (run.first(), run.last()) else { break };
            if fetched >= HEADS_PER_ASK || runs >= RUNS_PER_ASK {
                let events = self.seen().entry(id).or_default().events(span);
                return Ok(Shown { events, complete: false });
            }
            runs += 1;
            let before = fetched;
            let mut found = Vec::new();
            let mut cursor = Sequence(0);
            loop {
                let (from_us, to_us) = (first.start_us, last.end_us);
                let wanted = Wanted { from_us, to_us, cursor, pictures: false };
                let answer = heads::fetch(owner, session, camera, &mut keys, wanted).await?;
                fetched += answer.told;
                found.extend(answer.heads.iter().map(|head| (head.header.epoch_no.0, Glimpse::of(head))));
                match answer.next {
                    Some(next) if fetched - before < HEADS_PER_RUN => cursor = next,
                    _ => break,
                }
            }
            self.seen().entry(id.clone()).or_default().take(&run, &found, now_us);
        }
        let events = self.seen().entry(id).or_default().events(span);
        Ok(Shown { events, complete: true })
    }
}

impl Seen {
    /// The newest neighbouring epochs that must be asked for, oldest first.
    fn next_run(&self, known: &[Known], now_us: u64) -> Vec<Known> {
        let is_due = |epoch: &&Known| {
            let Some(held) = self.0.get(&epoch.number) else { return true };
            let pause = if epoch.segments.is_some() { LATE_AGAIN_US } else { AGAIN_US };
            // A clock that stepped back must not silence it.
            !held.whole && now_us.abs_diff(held.asked_us) >= pause
        };
        let mut run = Vec::<Known>::new();
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
    fn take(&mut self, run: &[Known], found: &[(u64, Glimpse)], now_us: u64) {
        if self.0.len() > MAX_EPOCHS {
            self.0.clear();
        }
        for epoch in run {
            let of = |(number, glimpse): &(u64, Glimpse)| (*number == epoch.number).then_some(*glimpse);
            let segments: Vec<_> = found.iter().filter_map(of).collect();
            let whole = epoch.segments.is_some_and(|all| segments.len() >= all as usize);
            self.0.insert(epoch.number, Glimpses { segments, whole, asked_us: now_us });
        }
    }

    /// What moved in a span, in order.
    fn events(&self, span: Span) -> Vec<Event> {
        let mut events = Vec::<Event>::new();
        // The segment before, and the one before that, where they follow one another.
        let (mut before, mut earlier): (Option<Glimpse>, Option<Glimpse>) = (None, None);
        for glimpse in self.0.values().flat_map(|epoch| &epoch.segments) {
            let follows = |before: &Glimpse| before.end_us.abs_diff(glimpse.start_us) <= CLOSE_US;
            before = before.filter(follows);
            earlier = earlier.filter(|_| before.is_some());
            // SPEC: segment.md#motion: what a head tells was in the segment two before its own.
            let shown = earlier.or(before).unwrap_or(*glimpse);
            let (from, to) = (shown.start_us, shown.end_us);
            (earlier, before) = (before, Some(*glimpse));
            if glimpse.permille < MOVED_PERMILLE {
                continue;
            }
            match events.last_mut().filter(|last| from <= last.to.saturating_add(PAUSE_US)) {
                Some(last) => {
                    last.to = last.to.max(to);
                    last.permille = last.permille.max(glimpse.permille);
                }
                None => events.push(Event { from, to, permille: glimpse.permille }),
            }
        }
        events.retain(|event| event.from < span.to_us() && event.to > span.from_us());
        events
    }
}

impl Glimpse {
    fn of(head: &Head) -> Self {
        Self { start_us: head.header.start_us, end_us: head.end_us(), permille: head.sealed.motion_permille }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    fn known(number: u64, segments: Option<u32>) -> Known {
        Known { number, start_us: number * 10 * S, end_us: (number + 1) * 10 * S, segments }
    }

    /// Segments of two seconds from a second on.
    fn glimpses(from: u64, permille: &[u16]) -> Vec<Glimpse> {
        let glimpse = |(at, permille): (u64, &u16)| {
            let start_us = (from + 2 * at) * S;
            Glimpse { start_us, end_us: start_us + 2 * S, permille: *permille }
        };
        (0..).zip(permille).map(glimpse).collect()
    }

    fn shown(segments: &[&[Glimpse]]) -> Vec<(u64, u64, u16)> {
        let epoch = |segments: &&[Glimpse]| Glimpses { segments: segments.to_vec(), ..Glimpses::default() };
        let seen = Seen((0..).zip(segments.iter().map(epoch)).collect());
        let events = seen.events(Span::new(0, 1000 * S).unwrap());
        events.iter().map(|event| (event.from / S, event.to / S, event.permille)).collect()
    }

    #[test]
    fn motion_stands_two_segments_before_its_head_and_neighbours_join() {
        let one = glimpses(100, &[0, 0, 20, 900, 19, 0]);
        assert_eq!(shown(&[&one]), [(100, 104, 900)], "the heads at 104 and 106 tell of 100 to 104");
        assert!(shown(&[&glimpses(100, &[0, 19, 0])]).is_empty());
        // Over the edge of an epoch, and over a short pause; a longer one parts them.
        let (edge, next) = (glimpses(200, &[0, 50, 0, 0]), glimpses(208, &[60, 0, 0, 0, 0, 70]));
        assert_eq!(shown(&[&edge, &next]), [(200, 206, 60), (214, 216, 70)]);
        // Nothing before it: it is shown where it is.
        assert_eq!(shown(&[&glimpses(300, &[30]), &glimpses(400, &[40])]), [(300, 302, 30), (400, 402, 40)]);
    }

    #[test]
    fn an_epoch_is_asked_for_until_it_is_whole_and_the_newest_come_first() {
        let mut seen = Seen::default();
        let all = [known(1, Some(2)), known(2, Some(2)), known(5, Some(1)), known(6, None)];
        let numbers = |run: Vec<Known>| run.iter().map(|epoch| epoch.number).collect::<Vec<_>>();
        assert_eq!(numbers(seen.next_run(&all, 0)), [5, 6]);
        let found = [(5, glimpses(50, &[1])[0]), (6, glimpses(60, &[1])[0]), (4, glimpses(40, &[1])[0])];
        seen.take(&all[2..], &found, 100 * S);
        assert_eq!(seen.0.keys().copied().collect::<Vec<_>>(), [5, 6], "what was not asked for is not kept");
        assert_eq!(numbers(seen.next_run(&all, 100 * S)), [1, 2], "within one question none comes twice");
        // One of two heads: the rest comes late, and is asked for in a while.
        seen.take(&all[..2], &[(1, glimpses(10, &[1])[0])], 100 * S);
        assert!(seen.next_run(&all, 102 * S).is_empty());
        assert_eq!(numbers(seen.next_run(&all, 103 * S)), [6], "the newest one grows");
        seen.take(&all[3..], &[], 131 * S);
        assert_eq!(numbers(seen.next_run(&all, 131 * S)), [1, 2]);
        seen.take(&all[..2], &[1, 1, 2, 2].map(|n| (n, glimpses(10 * n, &[1])[0])), 131 * S);
        assert_eq!(numbers(seen.next_run(&all, 1000 * S)), [6]);
        let many: Vec<_> = (100..200).map(|number| known(number, Some(1))).collect();
        assert_eq!(seen.next_run(&many, 0).len(), EPOCHS_AT_ONCE);
    }
}
