//! When something moved, by what the heads of segments say: one rule for page and alarm. Pure.
//! Contract: `proto/segment.md#motion`.
//!
//! The camera says in its heads which event they belong to. What the owner says is which cells of the
//! picture are ignored: a head of which too little is left outside of them belongs to none. A score of
//! 0 has none to be ignored: what the filmed camera itself says is an event whatever the picture shows.

use media::motion::{self, Cells};
use media::time::Micros;
use serde::Serialize;

/// Of a head so much must be left outside of cells that are ignored, per mille, or all of it.
const LEFT_PERMILLE: u16 = 20;
/// A camera ends an event after a quarter of an hour: what says that it lasted longer is none,
/// microseconds.
const LONGEST_US: u64 = 20 * 60_000_000;
/// A pause shorter than this does not end an event, microseconds.
pub(crate) const PAUSE_US: u64 = 5_000_000;
/// Segments closer than this follow one another, microseconds.
pub(crate) const CLOSE_US: u64 = 1_000_000;

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

/// What moved outside of the cells that are ignored, in order, by what the heads of a camera say in
/// order.
pub(crate) fn moved(heads: impl Iterator<Item = motion::Motion>, ignored: Cells) -> Vec<Motion> {
    let mut events = Vec::<Motion>::new();
    // When the camera says that the last of them began: what is ignored of it may be its beginning.
    let mut begun = None;
    for head in heads {
        let Some(event) = head.event else { continue };
        let permille = head.permille_outside(ignored);
        let lasts_us = event.to_us.0.saturating_sub(event.from_us.0);
        if permille < head.permille.min(LEFT_PERMILLE) || lasts_us > LONGEST_US {
            continue;
        }
        let (from, to) = (event.from_us.0, event.to_us.0);
        // SPEC: segment.md#motion: heads with one beginning are of one event.
        match events.last_mut().filter(|_| begun == Some(from)) {
            Some(last) => {
                last.to = last.to.max(to);
                if permille > last.permille {
                    (last.permille, last.at) = (permille, to);
                }
            }
            // What moved last is seen in the last picture of it.
            None => events.push(Motion { from, to, permille, at: to }),
        }
        begun = Some(from);
    }
    events
}

/// What two keys saw at once is one event: for a moment both film.
pub(crate) fn joined(mut seen: Vec<Motion>) -> Vec<Motion> {
    seen.sort_by_key(|event| event.from);
    let mut events = Vec::<Motion>::new();
    for next in seen {
        match events.last_mut().filter(|last| next.from < last.to) {
            Some(last) => {
                last.to = last.to.max(next.to);
                if next.permille > last.permille {
                    (last.permille, last.at) = (next.permille, next.at);
                }
            }
            None => events.push(next),
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::motion::Event;

    const S: u64 = 1_000_000;

    /// What a head says of an event, seconds; none where it says that there is none.
    fn head(permille: u16, cells: Cells, event: Option<(u64, u64)>) -> motion::Motion {
        let event = event.map(|(from, to)| Event { from_us: Micros(from * S), to_us: Micros(to * S) });
        motion::Motion { permille, cells, event }
    }

    fn shown(heads: &[motion::Motion], ignored: Cells) -> Vec<(u64, u64, u16, u64)> {
        let events = moved(heads.iter().copied(), ignored);
        events.iter().map(|event| (event.from / S, event.to / S, event.permille, event.at / S)).collect()
    }

    #[test]
    fn an_event_is_what_the_camera_says_it_is_whatever_the_score() {
        let all = Cells::NONE;
        let heads = [
            head(900, all, None),
            head(30, all, Some((100, 102))),
            head(0, all, None),
            head(200, all, Some((100, 104))),
            head(50, all, Some((100, 112))),
            head(10, all, Some((112, 114))),
        ];
        assert_eq!(shown(&heads, all), [(100, 112, 200, 104), (112, 114, 10, 114)]);
        assert_eq!(shown(&heads[..1], all), []);
        // What a sensor noticed in the dark, also where part of the picture is ignored.
        let dark = [head(0, all, Some((200, 202))), head(0, all, Some((200, 204)))];
        for ignored in [all, all.with(3, 3)] {
            assert_eq!(shown(&dark, ignored), [(200, 204, 0, 202)]);
        }
        assert_eq!(shown(&[head(200, all, Some((1, u64::MAX / S)))], all), [], "no event is over all days");
    }

    #[test]
    fn what_moves_in_cells_that_are_ignored_is_no_event_also_of_the_past() {
        let left = (0..9).fold(Cells::NONE, |cells, row| cells.with(0, row));
        let heads = [head(50, left, Some((100, 102))), head(50, left.with(9, 9), Some((100, 104)))];
        assert_eq!(shown(&heads, left), []);
        let upper = Cells::within([0, 0, 100, 50]).unwrap();
        assert_eq!(shown(&heads, upper), [(100, 104, 34, 102)], "five of its nine cells are left");
        // A camera whose owner wants less than that to be one is not overruled.
        let little = [head(8, Cells::NONE, Some((100, 102)))];
        assert_eq!(shown(&little, Cells::NONE).len(), 1);
        assert_eq!(shown(&little, upper), []);
    }

    /// The old camera films on for a minute after the new one was paired.
    #[test]
    fn what_both_keys_of_a_camera_saw_is_one_event_and_what_follows_another_is_not() {
        let event =
            |from: u64, to: u64, permille| Motion { from: from * S, to: to * S, permille, at: to * S };
        let (old, new) = ([event(10, 12, 30), event(50, 60, 40)], [event(56, 64, 90), event(64, 82, 20)]);
        let all = joined([&old[..], &new].concat());
        let both = Motion { at: 64 * S, ..event(50, 64, 90) };
        assert_eq!(all, [event(10, 12, 30), both, event(64, 82, 20)]);
    }
}
