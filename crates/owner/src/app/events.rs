//! When something moved, by the heads of the segments: footage is fetched only when somebody looks
//! at it.

use super::App;
use super::asked::Stretch;
use super::glimpses::{CLOSE_US, Glimpse, Most};
use crate::span::Span;
use axum::Json;
use axum::extract::{Query, State};
use host::http::Failure;
use serde::Serialize;
use std::sync::Arc;

/// A segment of which this much of the picture changed belongs to an event, per mille.
const MOVED_PERMILLE: u16 = 20;
/// A pause shorter than this does not end an event, microseconds.
const PAUSE_US: u64 = 5_000_000;
/// After about 3 MB of heads a question is answered.
const MOST: Most = Most { heads: 2048, runs: 64 };

/// Something moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Motion {
    pub(super) from: u64,
    pub(super) to: u64,
    /// The most of the picture that changed at once.
    pub(super) permille: u16,
}

/// What is known of a span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Moved {
    pub(super) events: Vec<Motion>,
    /// Whether every head that is there has been read; otherwise ask again.
    pub(super) complete: bool,
}

pub(super) async fn events(
    State(app): State<Arc<App>>,
    Query(stretch): Query<Stretch>,
) -> Result<Json<Moved>, Failure> {
    let (camera, span) = app.stretch(&stretch)?;
    let (mut events, mut complete) = (Vec::new(), true);
    // Under whichever keys it was filmed.
    for (of, part) in app.owner.stored().parts(&camera.name, span) {
        let id = of.camera_id.to_string();
        let read = app.glimpses.read(&app.owner, of, &app.epochs.known(&id, part), MOST).await;
        complete &= read.map_err(|error| Failure::new(502, "relay", error.to_string()))?;
        events.extend(app.glimpses.through(&id, |segments| moved(segments, part)));
    }
    Ok(Json(Moved { events: joined(events), complete }))
}

/// What two keys saw at once is one event: for a moment both film.
fn joined(mut seen: Vec<Motion>) -> Vec<Motion> {
    seen.sort_by_key(|event| event.from);
    let mut events = Vec::new();
    seen.into_iter().for_each(|event| add(&mut events, event));
    events
}

/// Adds what moved to what is there, as one event where hardly a pause lies between.
fn add(events: &mut Vec<Motion>, next: Motion) {
    match events.last_mut().filter(|last| next.from <= last.to.saturating_add(PAUSE_US)) {
        Some(last) => {
            last.to = last.to.max(next.to);
            last.permille = last.permille.max(next.permille);
        }
        None => events.push(next),
    }
}

/// What moved in a span, in order.
fn moved(segments: &mut dyn Iterator<Item = &Glimpse>, span: Span) -> Vec<Motion> {
    let mut events = Vec::<Motion>::new();
    // The segment before, and the one before that, where they follow one another.
    let (mut before, mut earlier): (Option<Glimpse>, Option<Glimpse>) = (None, None);
    for glimpse in segments {
        let follows = |before: &Glimpse| before.end_us.abs_diff(glimpse.start_us) <= CLOSE_US;
        before = before.filter(follows);
        earlier = earlier.filter(|_| before.is_some());
        // SPEC: segment.md#motion: what a head tells was in the segment two before its own.
        let shown = earlier.or(before).unwrap_or(*glimpse);
        let (from, to) = (shown.start_us, shown.end_us);
        (earlier, before) = (before, Some(*glimpse));
        if glimpse.motion.permille < MOVED_PERMILLE {
            continue;
        }
        add(&mut events, Motion { from, to, permille: glimpse.motion.permille });
    }
    events.retain(|event| event.from < span.to_us().0 && event.to > span.from_us().0);
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::time::Micros;

    const S: u64 = 1_000_000;

    /// Segments of two seconds from a second on.
    fn glimpses(from: u64, permille: &[u16]) -> Vec<Glimpse> {
        let glimpse = |(at, permille): (u64, &u16)| {
            let start_us = (from + 2 * at) * S;
            let motion = media::motion::Motion { permille: *permille, ..Default::default() };
            Glimpse { k: 0, sequence: 0, start_us, end_us: start_us + 2 * S, motion }
        };
        (0..).zip(permille).map(glimpse).collect()
    }

    fn shown(segments: &[&[Glimpse]]) -> Vec<(u64, u64, u16)> {
        let events =
            moved(&mut segments.iter().copied().flatten(), Span::new(Micros(0), Micros(1000 * S)).unwrap());
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
    /// The old camera films on for a minute after the new one was paired.
    #[test]
    fn what_both_keys_of_a_camera_saw_is_one_event() {
        let event = |from: u64, to: u64, permille| Motion { from: from * S, to: to * S, permille };
        let (old, new) = ([event(10, 12, 30), event(50, 60, 40)], [event(56, 64, 90), event(80, 82, 20)]);
        let all = joined([&old[..], &new].concat());
        assert_eq!(all, [event(10, 12, 30), event(50, 64, 90), event(80, 82, 20)]);
    }
}
