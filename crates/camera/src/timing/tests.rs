//! Cameras in virtual time: when a picture was made is known, and so is how wrong its time is.

use super::*;

const PICTURE: i64 = SECOND / 10;

/// When a picture was made, what it bears, and when it came.
struct Stamped {
    made: i64,
    stamp: i64,
    arrived: i64,
}

/// Ten pictures a second from second 100 on: stamps by this function of the seconds since, arrival
/// by that.
fn camera(seconds: i64, stamp: impl Fn(f64) -> f64, delay: impl Fn(f64) -> f64) -> Vec<Stamped> {
    let us = |secs: f64| (secs * 1e6) as i64;
    let mut arrived = 0;
    (0..seconds * 10)
        .map(|n| {
            let since = n as f64 / 10.0;
            let made = 100 * SECOND + n * PICTURE;
            // Nothing overtakes.
            arrived = arrived.max(made + us(delay(since)));
            Stamped { made, stamp: us(7777.0 + stamp(since)), arrived }
        })
        .collect()
}

/// How wrong the time of each picture is, microseconds, and what was odd. A key frame a second.
fn errors(sent: &[Stamped]) -> (Vec<i64>, Vec<Oddity>) {
    let (mut timing, mut odd, mut held, mut errors) = (Timing::default(), Vec::new(), Vec::new(), Vec::new());
    for (n, sent) in sent.iter().enumerate() {
        let seen = timing.see(sent.stamp, sent.arrived);
        odd.extend(seen.oddity);
        if seen.oddity == Some(Oddity::OffPace) {
            held.iter_mut().for_each(|(media, before, _): &mut (i64, &Stamped, _)| {
                *media = seen.media - (sent.arrived - before.arrived);
            });
        }
        held.push((seen.media, sent, n % 10 == 0));
        if timing.is_settled(sent.arrived) {
            for (media, sent, is_key) in held.drain(..) {
                timing.correct(media, is_key);
                errors.push(timing.made(media) - sent.made);
            }
        }
    }
    assert!(held.is_empty());
    (errors, odd)
}

fn worst(errors: &[i64]) -> i64 {
    errors.iter().map(|error| error.abs()).max().unwrap()
}

#[test]
fn each_kind_of_camera_has_its_pictures_where_they_were_made() {
    let steady = |since| since;
    let soon = |_| 0.05;
    let jitter = |since: f64| 0.03 + 0.1 * ((since * 7.3).sin() + 1.0);
    let none: &[Oddity] = &[];
    type Of<'a> = &'a dyn Fn(f64) -> f64;
    let cases: [(&str, Of, Of, f64, &[Oddity]); 17] = [
        ("steady", &steady, &soon, 0.1, none),
        ("jitter", &steady, &jitter, 0.2, none),
        ("four seconds at once at the beginning", &steady, &|since| (4.0 - since).max(0.05), 0.1, none),
        (
            "they take a second",
            &steady,
            &|since| if since < 4.0 { 4.0 - since * 0.75 } else { 0.05 },
            0.1,
            none,
        ),
        (
            "eight seconds held up",
            &steady,
            &|since| if (15.0..23.0).contains(&since) { 23.05 - since } else { 0.05 },
            0.1,
            none,
        ),
        (
            "an hour ahead",
            &|since| if since < 15.0 { since } else { since + 3600.0 },
            &soon,
            0.1,
            &[Oddity::Stepped(3_600_000_000)],
        ),
        (
            "half a minute ahead",
            &|since| if since < 15.0 { since } else { since + 30.0 },
            &soon,
            0.1,
            &[Oddity::Stepped(30_000_000)],
        ),
        (
            "ten seconds back",
            &|since| if since < 15.0 { since } else { since - 10.0 },
            &soon,
            0.1,
            &[Oddity::Stepped(-10_000_000)],
        ),
        ("two per cent fast", &|since| since * 1.02, &soon, 0.15, none),
        ("two per cent slow", &|since| since * 0.98, &soon, 0.25, none),
        (
            "the first stamp is an old one",
            &|since| if since == 0.0 { 0.0 } else { since + 3600.0 },
            &soon,
            0.1,
            &[Oddity::Stepped(3_600_000_000)],
        ),
        (
            "the first three are",
            &|since| if since < 0.25 { since } else { since + 3600.0 },
            &soon,
            0.1,
            &[Oddity::Stepped(3_600_000_000)],
        ),
        (
            "less than a second back",
            &|since| if since < 15.0 { since } else { since - 0.8 },
            &soon,
            0.1,
            &[Oddity::Stepped(-800_000)],
        ),
        (
            "fifteen seconds held up, and sent at five times their pace",
            &|since| since,
            &|since| if since < 15.0 { 0.05 } else { (15.0 - (since - 15.0) * 0.8).max(0.05) },
            0.1,
            none,
        ),
        (
            "twenty, at six times",
            &|since| since,
            &|since| if since < 15.0 { 0.05 } else { (20.0 - (since - 15.0) * 5.0 / 6.0).max(0.05) },
            0.1,
            none,
        ),
        ("stamps of a clock of 1 kHz", &|since| since / 90.0, &soon, 0.1, &[Oddity::OffPace]),
        ("stamps of eleven times the pace", &|since| since * 11.25, &soon, 0.1, &[Oddity::OffPace]),
    ];
    for (name, stamp, delay, within, said) in cases {
        let (errors, odd) = errors(&camera(90, stamp, delay));
        assert!(worst(&errors) as f64 <= within * 1e6, "{name}: {} us: {errors:?}", worst(&errors));
        assert_eq!(errors.len(), 900, "{name}");
        assert_eq!(odd, said, "{name}");
    }
}

#[test]
fn a_clock_that_stood_still_is_followed_after_some_seconds() {
    let sent = camera(60, |since| if since < 20.0 { since } else { since - 5.0 }, |_| 0.05);
    // What it would have sent meanwhile it did not send.
    let sent: Vec<Stamped> =
        sent.into_iter().filter(|sent| !(120 * SECOND..125 * SECOND).contains(&sent.made)).collect();
    let (errors, odd) = errors(&sent);
    assert!(worst(&errors[..200]) < SECOND / 10);
    assert!(worst(&errors[320..]) < SECOND / 10, "{errors:?}");
    let [Oddity::Stepped(by)] = odd[..] else { panic!("{odd:?}") };
    assert!((by + 5 * SECOND).abs() < SECOND / 10, "{by}");
    // At once, and not with the next key frame.
    let mut timing = Timing::default();
    let wrong = sent.iter().map(|sent| {
        let seen = timing.see(sent.stamp, sent.arrived);
        timing.is_settled(sent.arrived);
        (seen.oddity, timing.made(seen.media) - sent.made)
    });
    let (_, wrong) = wrong.collect::<Vec<_>>().into_iter().find(|(oddity, _)| oddity.is_some()).unwrap();
    assert!(wrong.abs() < SECOND / 10, "{wrong}");
}

#[test]
fn stamps_of_a_wrong_pace_are_found_within_twelve_seconds_and_arrival_goes_for_them() {
    for pace in [0.3, 0.5, 0.75, 0.9, 1.25, 1.5, 2.0, 3.0] {
        let (errors, odd) = errors(&camera(90, |since| since * pace, |_| 0.05));
        assert_eq!(odd, [Oddity::OffPace], "{pace}");
        assert!(worst(&errors[..130]) < 14 * SECOND, "{pace}: {}", worst(&errors[..130]));
        let late = errors.iter().rposition(|error| error.abs() > SECOND / 10).map_or(0, |at| at / 10);
        assert!(late < if pace < 1.0 { 13 } else { 60 }, "{pace}: {late} s");
    }
}

#[test]
fn a_late_anchor_is_drawn_near_without_laying_segments_on_one_another() {
    // A slow link: the first minute's worth of pictures comes at 0.8 of its pace, then all is in time.
    let sent = camera(60, |since| since, |since| if since < 10.0 { 2.0 - since * 0.2 } else { 0.05 });
    let mut timing = Timing::default();
    let (mut starts, mut held) = (Vec::new(), Vec::new());
    for (n, sent) in sent.iter().enumerate() {
        held.push((timing.see(sent.stamp, sent.arrived).media, n % 10 == 0));
        if timing.is_settled(sent.arrived) {
            for (media, is_key) in held.drain(..) {
                timing.correct(media, is_key);
                if is_key {
                    starts.push(timing.made(media));
                }
            }
        }
    }
    // Of a second each: none begins more than a quarter before the end of the one before.
    assert!(starts.windows(2).all(|two| two[1] - two[0] >= SECOND * 3 / 4), "{starts:?}");
    assert!((starts[59] - 159 * SECOND).abs() < SECOND / 10, "{starts:?}");
}

#[test]
fn pictures_without_a_hindrance_are_held_for_half_a_second_and_a_crowd_of_them_not_for_ever() {
    let mut timing = Timing::default();
    assert_eq!((timing.settles_at(), timing.is_settled(SECOND)), (None, false));
    timing.see(0, 5 * SECOND);
    assert_eq!(timing.settles_at(), Some(5 * SECOND + HELD_LEAST));
    assert!(!timing.is_settled(5 * SECOND + HELD_LEAST - 1) && timing.is_settled(5 * SECOND + HELD_LEAST));
    assert_eq!((timing.made(0), timing.settles_at()), (5 * SECOND, None));
    let mut falling = Timing::default();
    for n in 0..100 {
        falling.see(n * SECOND, n * PICTURE);
    }
    assert!(falling.is_settled(HELD_MOST));
}

#[test]
fn pictures_that_are_shown_out_of_order_and_ones_that_are_rare_step_nowhere() {
    let mut timing = Timing::default();
    for n in 0..200 {
        // Pairs are sent the later one first.
        let shown = (n ^ 1) * PICTURE;
        assert_eq!(timing.see(shown, n * PICTURE).oddity, None, "{n}");
        timing.is_settled(n * PICTURE);
    }
    let mut rare = Timing::default();
    for n in 0..20 {
        assert_eq!(rare.see(n * 12 * SECOND, n * 12 * SECOND).oddity, None);
        rare.is_settled(n * 12 * SECOND);
    }
    assert_eq!(rare.usual(), Some(12 * SECOND));
}
