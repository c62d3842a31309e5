//! Days in front of a camera, simulated.

use super::*;

const S: u64 = 1_000_000;
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
/// The threshold that is usual.
const THRESHOLD: u16 = 20;

/// A camera with a key frame every two seconds.
struct Watch {
    occasions: Occasions,
    key_frames_apart: u64,
    /// By seconds, what was an event.
    seen: Vec<(u64, u64)>,
    /// Measurements that belonged to one.
    at_the_mark: u64,
}

impl Watch {
    fn new() -> Self {
        let occasions = Occasions::new(THRESHOLD, Some(Usual::default()));
        Self { occasions, key_frames_apart: 2, seen: Vec::new(), at_the_mark: 0 }
    }

    /// What moves from one second to another.
    fn sees(&mut self, from: u64, to: u64, permille: impl Fn(u64) -> u16) -> &mut Self {
        for at in (from..to).step_by(self.key_frames_apart as usize) {
            let between = Between { from: moment(at.saturating_sub(self.key_frames_apart)), to: moment(at) };
            let score = permille(at);
            if let Some(it) = self.occasions.handle(score, between) {
                self.at_the_mark += 1;
                let it = (it.from.steady_us / S, it.to.steady_us / S);
                match self.seen.last_mut().filter(|last| last.0 == it.0) {
                    Some(last) => *last = it,
                    None => self.seen.push(it),
                }
            }
            self.occasions.learn(score, Some(Micros(at * S)), at * S);
        }
        self
    }

    /// Seconds of a stretch that lie in events.
    fn of(&self, from: u64, to: u64) -> u64 {
        self.seen.iter().map(|(a, b)| (*b).min(to).saturating_sub((*a).max(from))).sum()
    }
}

fn moment(second: u64) -> Moment {
    Moment { wall_us: Micros(second * S), steady_us: second * S }
}

/// Evenly spread, and the same at each run.
fn chance(at: u64, most: u64) -> u16 {
    let mixed = (at ^ 0x9e37).wrapping_mul(0x2545_f491_4f6c_dd1d).rotate_left(29).wrapping_mul(0x9e37_79b9);
    ((mixed >> 20) % (most + 1)) as u16
}

/// Leaves, and the noise of a sensor.
fn garden(at: u64) -> u16 {
    chance(at, 8)
}

/// Cars two fifths of the time, by day.
fn street(at: u64) -> u16 {
    let is_day = (6..22).contains(&(at % DAY / HOUR));
    if is_day && chance(at / 10, 9) < 4 { 60 + chance(at, 80) } else { garden(at) }
}

#[test]
fn in_a_quiet_garden_every_visit_is_an_event_and_nothing_else_is() {
    let mut watch = Watch::new();
    // By day and by night, on ten days; one comes slowly nearer, and one stands still between.
    let visits = [(3 * HOUR + 100, 20), (14 * HOUR, 90), (20 * HOUR + 7, 40)];
    watch.sees(0, 10 * DAY, |at| {
        let here = |(from, lasts): &&(u64, u64)| (*from..from + lasts).contains(&(at % DAY));
        match visits.iter().find(here) {
            Some((from, _)) if (at % DAY - from) % 14 < 8 => 25 + chance(at, 60),
            _ => garden(at),
        }
    });
    assert_eq!(watch.seen.len(), 30, "{:?}", watch.seen);
    for (day, seen) in (0..).zip(watch.seen.chunks(3)) {
        for ((from, to), (visit, lasts)) in seen.iter().zip(visits) {
            let visit = day * DAY + visit;
            assert!(from + 2 >= visit && *from <= visit + 2 && *to <= visit + lasts, "{from} {to}: {visit}");
            assert!(to - from >= lasts - 14, "{from} {to}");
        }
    }
}

#[test]
fn in_a_busy_street_an_event_ends_and_what_stands_out_is_one() {
    let mut watch = Watch::new();
    let crowd = |at: u64| (10 * HOUR + 1000..10 * HOUR + 1060).contains(&(at % DAY));
    let thief = |at: u64| (3 * HOUR + 500..3 * HOUR + 520).contains(&(at % DAY));
    watch.sees(0, 9 * DAY, |at| match at {
        _ if crowd(at) => 500,
        _ if thief(at) => 40,
        _ => street(at),
    });
    // No event is endless on the first day either: it is cut, and after three hours cars are usual.
    assert!(watch.seen.iter().all(|(from, to)| to - from <= 15 * 60), "{:?}", watch.seen);
    let mornings = (watch.of(6 * HOUR, 9 * HOUR), watch.of(9 * HOUR + 60, 10 * HOUR));
    assert!(mornings.0 > HOUR && mornings.1 < 120, "{mornings:?}");
    // Once a few days have passed, a day has the two events and hardly another one.
    for day in 5..9 {
        let seen: Vec<_> = watch.seen.iter().filter(|(from, _)| from / DAY == day).collect();
        let holds = |at: u64| seen.iter().any(|(from, to)| *from <= day * DAY + at && day * DAY + at <= *to);
        assert!(holds(10 * HOUR + 1030) && holds(3 * HOUR + 510), "{seen:?}");
        assert!(watch.of(day * DAY, (day + 1) * DAY) < 200, "{seen:?}");
    }
}

#[test]
fn rain_is_an_event_when_it_begins_and_usual_while_it_lasts() {
    let mut watch = Watch::new();
    watch.sees(0, HOUR, garden).sees(HOUR, 3 * HOUR, |at| match at {
        // Somebody comes through the rain.
        8000..8030 => 180,
        _ => 45 + chance(at, 25),
    });
    let begins = watch.seen[0];
    assert!((HOUR - 2..=HOUR).contains(&begins.0), "{:?}", watch.seen);
    let until = watch.seen.iter().map(|(_, to)| *to).filter(|to| *to < 7900).max().unwrap();
    assert!(until < HOUR + 20 * 60, "{:?}", watch.seen);
    let (from, to) = *watch.seen.last().unwrap();
    assert!((7998..=8000).contains(&from) && to <= 8030, "{:?}", watch.seen);
    // It stops: after some minutes a person counts as before.
    watch.sees(3 * HOUR, 3 * HOUR + 600, garden).sees(3 * HOUR + 600, 3 * HOUR + 620, |_| 25);
    assert_eq!(watch.seen.last(), Some(&(3 * HOUR + 598, 3 * HOUR + 618)));
}

#[test]
fn a_tree_in_the_wind_is_usual_after_a_while_and_headlights_are_short() {
    let mut watch = Watch::new();
    watch.sees(0, HOUR, garden).sees(HOUR, 2 * HOUR, |at| 20 + chance(at, 100));
    assert_eq!(watch.of(HOUR + 25 * 60, 2 * HOUR), 0, "{:?}", watch.seen);
    // Each lights a part of the picture for one key frame, and is gone with the next.
    let mut watch = Watch::new();
    watch.sees(0, 3 * HOUR, |at| if at % 180 < 4 { 200 } else { garden(at) });
    assert_eq!(watch.seen.len(), 60);
    assert!(watch.seen.iter().all(|(from, to)| to - from <= 4), "{:?}", watch.seen);
}

#[test]
fn a_long_stay_becomes_background_and_one_evening_teaches_no_other() {
    let mut watch = Watch::new();
    watch.sees(0, 18 * HOUR, garden).sees(18 * HOUR, 23 * HOUR, |at| 200 + chance(at, 100));
    let ends = watch.seen.iter().map(|(_, to)| *to).max().unwrap();
    assert!(ends < 18 * HOUR + 40 * 60, "{:?}", watch.seen);
    // Every other evening counts as if the party had not been.
    watch.sees(23 * HOUR, DAY + 19 * HOUR, garden).sees(DAY + 19 * HOUR, DAY + 19 * HOUR + 10, |_| 30);
    assert_eq!(watch.seen.last(), Some(&(DAY + 19 * HOUR - 2, DAY + 19 * HOUR + 8)));
}

#[test]
fn where_clocks_are_set_by_an_hour_an_event_still_ends() {
    let mut watch = Watch::new();
    // By UTC the street wakes an hour earlier from the eighth day on.
    watch.sees(0, 8 * DAY, street);
    watch.sees(8 * DAY, 15 * DAY, |at| street(at + HOUR));
    let moved = |day: u64| watch.of(day * DAY + 5 * HOUR, day * DAY + 6 * HOUR);
    assert!(moved(8) > 1200, "{}", moved(8));
    assert!((12..15).all(|day| moved(day) < 120), "{:?}", (8..15).map(moved).collect::<Vec<_>>());
}

/// A bag waved before the lens for some minutes, at one hour of every night.
#[test]
fn nobody_teaches_a_camera_to_be_deaf() {
    for (minutes, most) in [(7, THRESHOLD), (30, CEILING)] {
        let mut watch = Watch::new();
        watch.sees(0, 9 * DAY, |at| match at % DAY {
            at if (2 * HOUR + 600..2 * HOUR + 600 + minutes * 60).contains(&at) => 1000,
            _ => garden(at),
        });
        // Ten days later at that hour; the last minutes say nothing of it.
        let at = 9 * DAY + 2 * HOUR + 1200;
        watch.sees(9 * DAY, at, garden);
        let mark = watch.occasions.raised(Micros(at * S)).unwrap_or(THRESHOLD);
        assert!(mark <= most, "{minutes} min: {mark}");
        assert!(watch.occasions.handle(400, Between { from: moment(at), to: moment(at + 2) }).is_some());
    }
}

#[test]
fn a_clock_that_is_slewed_changes_no_beginning() {
    let mut fixed = Occasions::new(THRESHOLD, None);
    let mut begun = std::collections::BTreeSet::new();
    for at in 1..1200 {
        // Two readings are never quite the same distance apart.
        let slewed = |at: u64| Moment { wall_us: Micros(at * S + at * 37 % 5000), steady_us: at * S };
        let it = fixed.handle(500, Between { from: slewed(at - 1), to: slewed(at) }).unwrap();
        assert!(it.from.wall_us <= it.to.wall_us);
        begun.insert(it.from.wall_us);
    }
    assert_eq!(begun.len(), 2, "{begun:?}");
}

#[test]
fn key_frames_ten_seconds_apart_make_one_event_of_a_walk_and_a_longer_one_is_cut() {
    let mut watch = Watch::new();
    watch.key_frames_apart = 10;
    // Two measurements above, one between them below.
    watch.sees(0, 600, |at| if at == 300 || at == 320 { 30 } else { 3 });
    assert_eq!(watch.seen, [(290, 320)]);
    let mut fixed = Occasions::new(THRESHOLD, None);
    let at = |at: u64| Between { from: moment(at - 2), to: moment(at) };
    let events: std::collections::BTreeSet<u64> = (2..3602)
        .step_by(2)
        .map(|second| fixed.handle(500, at(second)).unwrap().from.steady_us / S)
        .collect();
    // Each begins where the one before ended.
    assert_eq!(events.into_iter().collect::<Vec<_>>(), [0, 900, 1800, 2700]);
    // Nothing is learnt where that is switched off.
    assert_eq!((fixed.handle(19, at(9000)), fixed.kept()), (None, None));
    fixed.handle(500, at(9010));
    fixed.cut();
    assert_eq!(fixed.handle(500, at(9012)).unwrap().from, moment(9010));
}
