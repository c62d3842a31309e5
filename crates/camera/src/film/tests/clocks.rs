//! Days, and clocks that jump: which notices are given out, and that filming goes on.

use super::*;

const DAY: u64 = 86_400 * SECOND;

/// Days after the first whose notices wait for the relay.
fn given_out(scene: &Scene) -> Vec<u32> {
    let waiting = scene.handover.spool().waiting_notices().unwrap();
    waiting.iter().map(|(day, _)| day.0 - Micros(MIDNIGHT).day().0).collect()
}

/// The owner's commitment of a day after the first.
fn commit(day: u32) -> [u8; 32] {
    let camera = SigningKey::from_bytes(&[7; 32]);
    let id = CameraId::of_key(&camera.verifying_key().to_bytes());
    let first = Notices { day: Micros(MIDNIGHT).day(), root: NoticeRoot::new([3; 32]) };
    let at = Day(first.day.0 + day);
    first.on(at, &id).unwrap().0.key(&id).commit()
}

#[test]
fn a_new_day_has_its_own_notice_key_and_skipped_days_have_theirs() {
    let mut scene = Scene::new(&[], u64::MAX);
    scene.handover.relay_time.hear(Micros(MIDNIGHT), 0);
    scene.films(MIDNIGHT, 0);
    scene.films(MIDNIGHT + 3 * DAY, 3 * DAY);
    assert_eq!(given_out(&scene), [0, 1, 2, 3]);
    let opens = scene.opens();
    assert_eq!(opens.last().unwrap().context.notice_commit, commit(3));
    assert_eq!(opens[0].context.notice_commit, commit(0));
    // The clock goes back behind it, a little and far: there is no key of that day any more, and it is
    // filmed on by the time that goes on.
    for (at, wall) in [(3 * DAY + 10 * SECOND, 3 * DAY - 60 * SECOND), (3 * DAY + 20 * SECOND, DAY)] {
        let filmed = scene.segments().len();
        scene.films(MIDNIGHT + wall, at);
        assert!(scene.segments().len() >= filmed + 4, "{wall}");
        assert_eq!(scene.opens().last().unwrap().context.notice_commit, commit(3));
        assert!(scene.handover.stats.now().troubles.time.unwrap().contains("set the clock"));
    }
    assert_eq!(given_out(&scene), [0, 1, 2, 3]);
}

#[test]
fn a_clock_that_jumps_a_day_a_year_or_back_gives_no_notice_out_and_stops_no_filming() {
    for relay in [None, Some(Micros(MIDNIGHT))] {
        let mut scene = Scene::new(&[], u64::MAX);
        if let Some(relay) = relay {
            scene.handover.relay_time.hear(relay, 0);
        }
        scene.films(MIDNIGHT + 3600 * SECOND, 3600 * SECOND);
        for (at, wall) in [(1, MIDNIGHT + DAY), (2, MIDNIGHT + 365 * DAY), (3, MIDNIGHT - DAY), (4, 0)] {
            let (filmed, steady) = (scene.segments().len(), (3600 + at * 10) * SECOND);
            scene.films(wall, steady);
            assert_eq!(scene.segments().len(), filmed + 4, "{wall}");
            assert_eq!(given_out(&scene), [0], "{wall}");
            assert_eq!(scene.handover.spool().notices().unwrap().day, Micros(MIDNIGHT).day());
            // By the time before, so that trustees' keys of that day are there.
            let open = scene.opens().pop().unwrap().context;
            assert_eq!((open.day(), open.notice_commit), (Micros(MIDNIGHT).day(), commit(0)));
        }
        // The right time again, and nothing was used up.
        scene.films(MIDNIGHT + 3700 * SECOND, 3700 * SECOND);
        scene.films(MIDNIGHT + DAY, DAY);
        assert_eq!(scene.opens().last().unwrap().context.notice_commit, commit(1));
        assert_eq!(given_out(&scene), if relay.is_some() { vec![0, 1] } else { vec![0] });
    }
}

#[test]
fn a_camera_that_is_offline_for_40_days_films_on_and_gives_out_its_notices_when_it_is_back() {
    let trustee = Signer::from_seed("bar.example", &[9; 32]).unwrap();
    let mut scene = Scene::new(std::slice::from_ref(&trustee), u64::MAX);
    let first = Micros(MIDNIGHT).day().0;
    for day in first..=first + 35 {
        give_key(&scene, &trustee, 1, Day(day));
    }
    for day in 0..=40 {
        let filmed = scene.segments().len();
        scene.films(MIDNIGHT + day * DAY, day * DAY);
        assert!(scene.segments().len() > filmed, "day {day}");
        let open = scene.opens().pop().unwrap();
        assert_eq!(open.context.notice_commit, commit(u32::try_from(day).unwrap()));
        assert_eq!(open.is_escrowed(), day <= 35, "day {day}: shares are dealt as long as there are keys");
        assert_eq!(given_out(&scene), [0], "day {day}");
        assert!(scene.handover.stats.now().troubles.time.unwrap().contains("unconfirmed"));
    }
    let now = 40 * DAY + 60 * SECOND;
    scene.handover.relay_time.hear(Micros(MIDNIGHT + now), now);
    scene.films(MIDNIGHT + now, now);
    assert_eq!(given_out(&scene), (0..=40).collect::<Vec<_>>());
    assert_eq!(scene.handover.stats.now().troubles.time, None);
    // The same over a restart: what it had is where it goes on.
    assert_eq!(scene.handover.spool().notices().unwrap().day, Day(first + 40));
}
