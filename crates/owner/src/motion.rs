//! When something moved, by what the heads of segments say: one rule for page and alarm. Pure.
//! Contract: `proto/segment.md#motion`.

use media::motion::{self, Cells};
use media::time::Micros;
use serde::Serialize;

/// A segment of which this much of the picture changed belongs to an event, per mille.
const MOVED_PERMILLE: u16 = 20;
/// A pause shorter than this does not end an event, microseconds.
pub(crate) const PAUSE_US: u64 = 5_000_000;
/// Segments closer than this follow one another, microseconds.
pub(crate) const CLOSE_US: u64 = 1_000_000;

/// What the head of one segment says of motion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scored {
    pub(crate) start_us: u64,
    pub(crate) end_us: u64,
    /// Of the time before it.
    pub(crate) motion: motion::Motion,
}

/// Something moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Motion {
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// The most of the picture that changed at once.
    pub(crate) permille: u16,
    /// A moment whose picture shows what moved, as far as the scores tell.
    pub(crate) at: u64,
}

impl Motion {
    pub(crate) fn overlaps(&self, from_us: Micros, to_us: Micros) -> bool {
        self.from < to_us.0 && self.to > from_us.0
    }
}

/// What moved outside of the cells that are ignored, in order, by segments in order.
pub(crate) fn moved(segments: impl Iterator<Item = Scored>, ignored: Cells) -> Vec<Motion> {
    let mut events = Vec::<Motion>::new();
    // The segment before, and the one before that, where they follow one another.
    let (mut before, mut earlier): (Option<Scored>, Option<Scored>) = (None, None);
    for scored in segments {
        let follows = |before: &Scored| before.end_us.abs_diff(scored.start_us) <= CLOSE_US;
        before = before.filter(follows);
        earlier = earlier.filter(|_| before.is_some());
        // SPEC: segment.md#motion: what a head tells was in the segment two before its own.
        let shown = earlier.or(before).unwrap_or(scored);
        (earlier, before) = (before, Some(scored));
        let permille = scored.motion.permille_outside(ignored);
        if permille >= MOVED_PERMILLE {
            // What moved between its first picture and its last is seen in the last.
            let (from, to) = (shown.start_us, shown.end_us);
            add(&mut events, Motion { from, to, permille, at: to });
        }
    }
    events
}

/// What two keys saw at once is one event: for a moment both film.
pub(crate) fn joined(mut seen: Vec<Motion>) -> Vec<Motion> {
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
            if next.permille > last.permille {
                (last.permille, last.at) = (next.permille, next.at);
            }
        }
        None => events.push(next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    /// In the first column alone.
    fn at_the_left(permille: u16) -> motion::Motion {
        let column = || (0..9).fold(Cells::NONE, |cells, row| cells.with(0, row));
        let cells = if permille == 0 { Cells::NONE } else { column() };
        motion::Motion { permille, cells, event: None }
    }

    /// Segments of two seconds from a second on.
    fn scored(from: u64, permille: &[u16]) -> Vec<Scored> {
        let scored = |(at, permille): (u64, &u16)| {
            let start_us = (from + 2 * at) * S;
            Scored { start_us, end_us: start_us + 2 * S, motion: at_the_left(*permille) }
        };
        (0..).zip(permille).map(scored).collect()
    }

    fn shown(segments: &[&[Scored]]) -> Vec<(u64, u64, u16)> {
        let events = moved(segments.iter().copied().flatten().copied(), Cells::NONE);
        events.iter().map(|event| (event.from / S, event.to / S, event.permille)).collect()
    }

    #[test]
    fn motion_stands_two_segments_before_its_head_and_neighbours_join() {
        let one = scored(100, &[0, 0, 20, 900, 19, 0]);
        assert_eq!(shown(&[&one]), [(100, 104, 900)], "the heads at 104 and 106 tell of 100 to 104");
        assert_eq!(
            moved(one.iter().copied(), Cells::NONE)[0].at,
            104 * S,
            "the last picture of what moved most"
        );
        assert!(shown(&[&scored(100, &[0, 19, 0])]).is_empty());
        // Over the edge of an epoch, and over a short pause; a longer one parts them.
        let (edge, next) = (scored(200, &[0, 50, 0, 0]), scored(208, &[60, 0, 0, 0, 0, 70]));
        assert_eq!(shown(&[&edge, &next]), [(200, 206, 60), (214, 216, 70)]);
        // Nothing before it: it is shown where it is.
        assert_eq!(shown(&[&scored(300, &[30]), &scored(400, &[40])]), [(300, 302, 30), (400, 402, 40)]);
    }

    #[test]
    fn what_moves_in_cells_that_are_ignored_is_no_event_also_of_the_past() {
        let one = scored(100, &[0, 0, 50, 40]);
        let left = at_the_left(1).cells;
        assert_eq!(moved(one.iter().copied(), left), []);
        let upper = Cells::within([0, 0, 100, 50]).unwrap();
        assert_eq!(moved(one.iter().copied(), upper)[0].permille, 34, "five of its nine cells are left");
    }

    /// The old camera films on for a minute after the new one was paired.
    #[test]
    fn what_both_keys_of_a_camera_saw_is_one_event() {
        let event =
            |from: u64, to: u64, permille| Motion { from: from * S, to: to * S, permille, at: to * S };
        let (old, new) = ([event(10, 12, 30), event(50, 60, 40)], [event(56, 64, 90), event(80, 82, 20)]);
        let all = joined([&old[..], &new].concat());
        assert_eq!(all, [event(10, 12, 30), event(50, 64, 90), event(80, 82, 20)]);
    }
}
