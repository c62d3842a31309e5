//! Filming events only: motion, and what was before and after.

use super::*;
use crate::heard::Measured;
use crate::motion::Moved;

fn events(pre_roll_secs: u64, post_roll_secs: u64) -> Filming {
    let table = format!(
        "mode = \"events\"\npre_roll_secs = {pre_roll_secs}\npost_roll_secs = {post_roll_secs}\nthreshold_permille = 20"
    );
    host::config::parse(&table, std::path::Path::new("camera.toml")).unwrap()
}

impl Scene {
    /// The same four seconds again and again, in one run; each second begins with a key frame and,
    /// before it, this score.
    fn seconds(&mut self, from: u64, scores: &[u16]) {
        let pieces = self.pieces.clone();
        let (init, fragments) = pieces.split_first().unwrap();
        let at = |us: u64| Moment { wall_us: Micros(MIDNIGHT + us), steady_us: us };
        if from == 0 {
            self.film.handle(Heard::Piece(init.clone(), at(0)));
        }
        let per_second = fragments.len() / 4;
        for (second, score) in (from..).zip(scores) {
            let begins = second * SECOND;
            self.film.handle(measured(*score, begins));
            let place = usize::try_from(second % 4).unwrap() * per_second;
            for (n, piece) in (1..).zip(&fragments[place..place + per_second]) {
                self.film.handle(Heard::Piece(piece.clone(), at(begins + n * SECOND / per_second as u64)));
            }
        }
    }

    /// The seconds, from midnight on, in which spooled segments begin.
    fn filmed(&self) -> Vec<u64> {
        self.segments().iter().map(|(header, ..)| (header.start_us.0 - MIDNIGHT) / SECOND).collect()
    }

    fn gaps(&self) -> Vec<GapReason> {
        self.opens().iter().filter_map(|open| open.previous).map(|close| close.gap).collect()
    }
}

/// The key frame at this moment was compared with the one a second before it.
fn measured(permille: u16, steady_us: u64) -> Heard {
    let now = Moment { wall_us: Micros(MIDNIGHT + steady_us), steady_us };
    let (moved, from_us) = (Moved::some(permille), steady_us.saturating_sub(SECOND));
    Heard::Motion(Measured { moved, from_us, to_us: steady_us, now })
}

/// What a sealed head says of motion; the epoch must still be open.
fn motion_of(scene: &Scene, sequence: u64) -> Motion {
    let epoch = scene.film.epoch.as_ref().unwrap();
    let mut keys = seal::opener::Keyring::new(scene.camera_pk, TrackId(0));
    keys.insert(&epoch.open, epoch.key.clone());
    let mut opener = seal::opener::SegmentOpener::default();
    opener.push(&scene.handover.spool().segments.read(Sequence(sequence)).unwrap().unwrap()).unwrap();
    loop {
        if let seal::opener::Opened::Head(head) = opener.poll(&keys).unwrap().unwrap() {
            return head.motion;
        }
    }
}

#[test]
fn each_score_stands_in_the_head_of_the_segment_that_begins_next_and_in_no_other() {
    let mut scene = Scene::new(&[], u64::MAX);
    scene.seconds(0, &[0, 300]);
    // Two before one key frame, the decoder having lagged: the higher one. Then none.
    scene.film.handle(measured(700, SECOND));
    scene.seconds(2, &[40, 0]);
    scene.film.end_segment();
    let sequences: Vec<u64> = scene.segments().iter().map(|(header, ..)| header.sequence.0).collect();
    let motion: Vec<u16> = sequences.iter().map(|sequence| motion_of(&scene, *sequence).permille).collect();
    assert_eq!(motion, [0, 300, 700, 0]);
    // Measured before the source broke off: it says nothing of what comes after.
    scene.film.handle(measured(800, 4 * SECOND));
    scene.film.handle(Heard::Lost);
    scene.seconds(9, &[0]);
    scene.film.end_segment();
    assert_eq!(motion_of(&scene, 4), Motion::default());
}

#[test]
fn a_head_names_the_event_to_which_what_moved_belongs_by_the_time_of_footage() {
    let mut scene = Scene::in_epochs_of(600, &[], u64::MAX, &Filming::default());
    // Another one after a pause; what moves too little belongs to none.
    let mut scores = [0; 24];
    (scores[2], scores[3], scores[4], scores[5], scores[20]) = (300, 19, 20, 5, 30);
    scene.seconds(0, &scores);
    scene.film.end_segment();
    let second = |at: Micros| (at.0 - MIDNIGHT) / SECOND;
    let told = (0..24).filter_map(|sequence| {
        let event = motion_of(&scene, sequence).event?;
        Some((sequence, second(event.from_us), second(event.to_us)))
    });
    // From the key frame before, to the one in which it was seen last.
    assert_eq!(told.collect::<Vec<_>>(), [(2, 1, 2), (4, 1, 4), (20, 19, 20)]);
    assert_eq!(scene.filmed(), (0..24).collect::<Vec<_>>());
}

#[test]
fn no_event_goes_over_a_hole_and_what_was_compared_before_it_says_nothing_of_what_comes() {
    let mut scene = Scene::in_epochs_of(600, &[], u64::MAX, &Filming::default());
    scene.seconds(0, &[0, 0]);
    scene.film.handle(Heard::Lost);
    scene.seconds(9, &[0]);
    // Of both sides of the hole, and of before it, measured late.
    for (from_us, to_us) in [(SECOND, 9 * SECOND), (0, SECOND)] {
        let now = Moment { wall_us: Micros(MIDNIGHT + 10 * SECOND), steady_us: 10 * SECOND };
        scene.film.handle(Heard::Motion(Measured { moved: Moved::some(900), from_us, to_us, now }));
    }
    scene.seconds(10, &[0]);
    scene.film.end_segment();
    assert_eq!(scene.segments().len(), 4);
    // The segments of before are of another epoch.
    assert_eq!((motion_of(&scene, 2), motion_of(&scene, 3)), (Motion::default(), Motion::default()));
}

#[test]
fn where_much_usually_moves_it_is_no_event_and_what_was_learnt_outlives_a_restart() {
    let mut usual = crate::usual::Usual::default();
    for at in 0..6 * 24 * 1800 {
        let us = MIDNIGHT - 6 * 24 * 3600 * SECOND + at * 2 * SECOND;
        usual.learn(200, Some(Micros(us)), us);
    }
    let scene = Scene::new(&[], u64::MAX);
    scene.handover.spool().keep_usual(&usual.kept()).unwrap();
    let said = |filming: Filming, permille| {
        let mut again = film(u64::MAX, &filming, &scene.handover);
        again.handle(measured(permille, 5 * SECOND));
        again.motion.event.is_some()
    };
    assert!(!said(Filming::default(), 332) && said(Filming::default(), 333));
    let note = scene.handover.stats.now().usual.unwrap();
    assert!(note.ends_with("333 of a thousand"), "{note}");
    // What cannot be read is learnt anew.
    scene.handover.spool().keep_usual(b"no levels").unwrap();
    assert!(said(Filming::default(), 20));
    // Switched off it goes by the threshold, and forgets.
    scene.handover.spool().keep_usual(&usual.kept()).unwrap();
    assert!(said(Filming { adapt: false, ..Filming::default() }, 20));
    assert!(said(Filming::default(), 20));
}

#[test]
fn what_the_filmed_camera_says_is_an_event_too_and_the_picture_decides_where_it_says_nothing() {
    let filming = |trigger: &str| {
        let table =
            format!("mode = \"events\"\npre_roll_secs = 1\npost_roll_secs = 1\ntrigger = \"{trigger}\"");
        host::config::parse(&table, std::path::Path::new("camera.toml")).unwrap()
    };
    let at = |second: u64| Moment { wall_us: Micros(MIDNIGHT + second * SECOND), steady_us: second * SECOND };
    let filmed = |trigger: &str| {
        let mut scene = Scene::filming(&[], u64::MAX, &filming(trigger));
        // It says that something moves in second 5 alone; the picture does so in second 12.
        let mut scores = [0; 30];
        (scores[12], scores[22]) = (500, 500);
        scene.seconds(0, &scores[..5]);
        scene.film.handle(Heard::Sensed(Sensed::Moves, at(5)));
        scene.seconds(5, &scores[5..6]);
        scene.film.handle(Heard::Sensed(Sensed::Still, at(6)));
        scene.seconds(6, &scores[6..20]);
        // From here on it is not heard.
        scene.film.handle(Heard::Sensed(Sensed::Nothing, at(20)));
        scene.seconds(20, &scores[20..]);
        scene.film.end_segment();
        scene.filmed()
    };
    assert_eq!(filmed("onvif"), [4, 5, 21, 22]);
    assert_eq!(filmed("both"), [4, 5, 11, 12, 21, 22]);
    assert_eq!(filmed("picture").len(), 6, "it is not asked then; what it says counts all the same");
}

#[test]
fn events_are_filmed_with_what_came_before_and_after_and_the_rest_is_a_signed_gap() {
    let mut scene = Scene::filming(&[], u64::MAX, &events(2, 3));
    // Still for 6 s, motion at the beginning of second 6, still until 20, motion again.
    let mut scores = [0; 24];
    (scores[6], scores[20]) = (20, 1000);
    scene.seconds(0, &scores);
    scene.film.end_segment();
    // Whole segments that cover two seconds before, and to the first key frame behind three seconds
    // after.
    assert_eq!(scene.filmed(), [4, 5, 6, 7, 8, 18, 19, 20, 21, 22]);
    // The gap, and the next epoch of ten seconds, which joins.
    assert_eq!(scene.gaps(), [GapReason::NothingMoved, GapReason::None]);
}

#[test]
fn what_follows_an_event_at_once_is_filmed_without_a_gap() {
    let mut scene = Scene::filming(&[], u64::MAX, &events(4, 1));
    let mut scores = [0; 9];
    (scores[0], scores[4]) = (500, 500);
    scene.seconds(0, &scores);
    scene.film.end_segment();
    // It had stopped at second 1; what came then was held, and nothing was gone.
    assert_eq!(scene.filmed(), [0, 1, 2, 3, 4]);
    assert!(scene.gaps().is_empty());
}

#[test]
fn where_motion_is_not_measured_everything_is_filmed() {
    let mut scene = Scene::filming(&[], u64::MAX, &events(2, 3));
    scene.seconds(0, &[0, 0]);
    let pieces = scene.pieces.clone();
    for second in 2..70 {
        for (n, piece) in (1..).zip(&pieces[1..]).take(10) {
            let us = second * SECOND + n * 100_000;
            scene.film.handle(Heard::Piece(
                piece.clone(),
                Moment { wall_us: Micros(MIDNIGHT + us), steady_us: us },
            ));
        }
    }
    scene.film.end_segment();
    let filmed = scene.filmed();
    assert!(filmed.first().is_some_and(|first| *first < 61), "{filmed:?}");
    assert_eq!(filmed.last(), Some(&69), "{filmed:?}");
}

#[test]
fn what_is_held_for_an_event_is_given_up_when_the_camera_rests() {
    let mut scene = Scene::filming(&[], u64::MAX, &events(60, 3));
    scene.seconds(0, &[0; 8]);
    scene.film.handle(Heard::Off(GapReason::Privacy));
    // On again, and something moves: nothing from before the switch is filmed.
    scene.seconds(20, &[0, 500, 0]);
    scene.film.end_segment();
    assert_eq!(scene.filmed(), [20, 21, 22]);
    assert_eq!(scene.segments().len(), 3);
}

#[test]
fn of_several_reasons_for_one_gap_the_heaviest_is_signed() {
    use GapReason::{OutsideSchedule, Privacy, Source};
    for (heard, said) in [
        (vec![Heard::Lost, Heard::Off(OutsideSchedule)], OutsideSchedule),
        (vec![Heard::Off(Privacy), Heard::Off(OutsideSchedule)], Privacy),
        (vec![Heard::Off(OutsideSchedule), Heard::Off(Privacy)], Privacy),
        (vec![Heard::Lost], Source),
    ] {
        let mut scene = Scene::new(&[], u64::MAX);
        scene.seconds(0, &[0, 0]);
        heard.into_iter().for_each(|heard| scene.film.handle(heard));
        scene.seconds(8, &[0]);
        scene.film.end_segment();
        assert_eq!(scene.gaps(), [said]);
    }
}

#[test]
fn what_is_held_for_an_event_is_bounded_in_bytes() {
    let scene = Scene::filming(&[], u64::MAX, &events(60, 3));
    let Some(Piece::Fragment(fragment)) = scene.pieces.get(1) else { panic!("no fragment") };
    // Two fit, and the third takes the place of the first.
    let third = u32::try_from(crate::events::HELD_BYTES_MAX / 5 * 2).unwrap();
    let taken = |now_us| Taken {
        fragment: fragment.clone().padded(third),
        cut: Cut::Before(Start::KeyFrame),
        now_us: Micros(now_us),
        motion: Motion::default(),
    };
    let mut events = Events::new(events(60, 3).events);
    let gone: Vec<bool> =
        (0..3).map(|second| events.handle(taken(second), second * SECOND).is_gone).collect();
    assert_eq!(gone, [false, false, true]);
    events.handle_motion(true, 3 * SECOND);
    let film = events.handle(taken(3), 3 * SECOND).film;
    assert_eq!(film.iter().map(|taken| taken.now_us.0).collect::<Vec<_>>(), [1, 2, 3]);
}
