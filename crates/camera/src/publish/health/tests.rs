//! What is said of a track, second by second.

use super::*;
use crate::spool::{Spool, Spools};
use crate::state;
use media::id::Sequence;
use media::message::RefusalCode;

const SECOND: u64 = 1_000_000;

struct Watching {
    _dir: tempfile::TempDir,
    stats: Stats,
    look: Look,
    off: Option<GapReason>,
}

impl Watching {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Spool::create(dir.path()).unwrap();
        let (main, _) = state::of_tracks(Spools::open(dir.path()).unwrap());
        let look = Look::begin(std::slice::from_ref(&main), 0);
        Self { _dir: dir, stats: main.stats.clone(), look, off: None }
    }

    /// State, since which second, and the first trouble.
    fn at(&mut self, second: u64) -> (PictureState, u64, Option<String>) {
        let now = self.look.now(self.off, second * SECOND);
        let (_, state, since_us) = now.pictures[0];
        (state, since_us / SECOND, now.troubles.first().map(|trouble| trouble.text.clone()))
    }

    fn picture(&self, second: u64) {
        self.stats.change(|now| now.picture_us = Some(second * SECOND));
    }

    fn trouble(&self, text: Option<&str>) {
        self.stats.change(|now| now.troubles.picture = text.map(str::to_owned));
    }
}

#[test]
fn a_camera_that_films_nothing_says_so_from_its_start_and_with_the_reason_once_there_is_one() {
    let mut watching = Watching::new();
    let missing = |since, text: &str| (PictureState::Missing, since, Some(text.to_owned()));
    assert_eq!(watching.at(1), missing(0, "the source is being started"));
    watching.trouble(Some("the password was refused"));
    assert_eq!(watching.at(50), missing(0, "the password was refused"));
    watching.trouble(None);
    watching.picture(60);
    assert_eq!(watching.at(60), (PictureState::Filmed, 60, None));
    // It went with the last picture, not when that was noticed.
    watching.picture(70);
    watching.trouble(Some("the camera closed the stream"));
    assert_eq!(watching.at(75), missing(70, "the camera closed the stream"));
    watching.trouble(None);
    watching.picture(80);
    assert_eq!(watching.at(80).0, PictureState::Filmed);
}

#[test]
fn pictures_that_only_stop_are_missed_without_a_word_of_the_source() {
    let mut watching = Watching::new();
    watching.picture(10);
    assert_eq!(watching.at(10).0, PictureState::Filmed);
    assert_eq!(watching.at(70).0, PictureState::Filmed, "a picture a minute is slow, and one");
    let expected = (PictureState::Missing, 10, Some("the source sends no picture".to_owned()));
    assert_eq!(watching.at(71), expected);
}

#[test]
fn what_the_owner_ordered_is_said_as_that_and_what_is_missing_after_it_counts_from_its_end() {
    let mut watching = Watching::new();
    watching.picture(10);
    watching.at(10);
    watching.off = Some(GapReason::Privacy);
    watching.trouble(Some("a pipe that froze"));
    assert_eq!(watching.at(20), (PictureState::Private, 20, None));
    watching.off = Some(GapReason::OutsideSchedule);
    assert_eq!(watching.at(4000), (PictureState::OutsideHours, 4000, None));
    watching.off = None;
    watching.trouble(None);
    let (state, since, _) = watching.at(4010);
    assert_eq!((state, since), (PictureState::Missing, 4010));
    watching.trouble(Some("no route"));
    assert_eq!(watching.at(5000), (PictureState::Missing, 4010, Some("no route".to_owned())));
    watching.trouble(None);
    watching.picture(5001);
    watching.stats.change(|now| now.holds_back = true);
    assert_eq!(watching.at(5001), (PictureState::NothingMoves, 5001, None));
}

#[test]
fn a_short_rest_makes_no_picture_of_before_it_one_of_now() {
    let mut watching = Watching::new();
    watching.picture(10);
    watching.at(10);
    watching.off = Some(GapReason::Privacy);
    watching.at(11);
    watching.off = None;
    assert_eq!(watching.at(12).0, PictureState::Missing);
    assert_eq!(watching.at(13).0, PictureState::Missing);
    watching.picture(14);
    assert_eq!(watching.at(14).0, PictureState::Filmed);
}

#[test]
fn every_trouble_is_told_the_worst_first_and_a_spool_that_lost_something_for_a_while() {
    let mut watching = Watching::new();
    watching.picture(10);
    watching.stats.change(|now| {
        let said = |text: &str| Some(text.to_owned());
        now.dropped = 3;
        now.troubles = Troubles {
            picture: None,
            sound: said("sound"),
            clock: said("camera clock"),
            time: said("time"),
            link: said("link"),
            identity: said("identity"),
            policy: said("policy"),
            settings: said("settings"),
            sensor: said("sensor"),
            escrow: said("escrow"),
            chosen: None,
        };
    });
    let kinds = |now: Now| now.troubles.iter().map(|trouble| trouble.kind).collect::<Vec<_>>();
    let told = watching.look.now(None, 10 * SECOND);
    assert!(told.troubles.iter().any(|trouble| trouble.text.contains("3 segments")), "{told:?}");
    let all = [
        TroubleKind::Identity,
        TroubleKind::Policy,
        TroubleKind::Settings,
        TroubleKind::Spool,
        TroubleKind::Relay,
        TroubleKind::Clock,
        TroubleKind::CameraClock,
        TroubleKind::Trustees,
        TroubleKind::Sensor,
        TroubleKind::Sound,
    ];
    assert_eq!(kinds(told), all);
    watching.picture(700);
    let later = kinds(watching.look.now(None, 700 * SECOND));
    assert!(!later.contains(&TroubleKind::Spool) && later.len() == 9, "{later:?}");
    let resting = kinds(watching.look.now(Some(GapReason::Privacy), 701 * SECOND));
    assert!(!resting.contains(&TroubleKind::Sound) && resting.len() == 8, "{resting:?}");
}

/// It was told as a trouble with the sound: such a camera was amber for ever.
#[test]
fn what_the_configuration_chose_is_told_behind_what_is_wrong_and_as_no_trouble() {
    let mut watching = Watching::new();
    watching.picture(10);
    watching.stats.change(|now| {
        now.troubles.chosen = Some("no sound is recorded".to_owned());
        now.troubles.link = Some("no route".to_owned());
    });
    let told = watching.look.now(None, 10 * SECOND).troubles;
    let kinds: Vec<_> = told.iter().map(|trouble| trouble.kind).collect();
    assert_eq!(kinds, [TroubleKind::Relay, TroubleKind::Chosen]);
}

#[test]
fn a_wall_clock_that_is_set_moves_no_moment() {
    let now = Now {
        pictures: vec![(TrackId::MAIN, PictureState::Missing, 5 * SECOND)],
        troubles: vec![],
        settings: 3,
    };
    for wall_us in [Micros(30 * SECOND), Micros(1_795_700_000_000_000)] {
        let (said, missing) = now.said(Moment { wall_us, steady_us: 25 * SECOND }, 7);
        let since_us = wall_us.before(Duration::from_secs(20));
        assert_eq!((said.pictures[0].since_us, missing, said.waiting), (since_us, Some(since_us), 7));
    }
}

#[test]
fn seconds_that_count_on_are_no_news() {
    let now = |text: &str| {
        let troubles = vec![Trouble::new(TrackId::MAIN, TroubleKind::Sound, text)];
        Now { pictures: vec![(TrackId::MAIN, PictureState::Filmed, 5)], troubles, settings: 0 }
    };
    assert!(now("not come for 9 s").is_like(&now("not come for 10 s")));
    assert!(!now("not come for 9 s").is_like(&now("it died")));
    assert!(!now("it died").is_like(&Now { troubles: vec![], ..now("") }));
    assert!(!now("").is_like(&Now { pictures: vec![(TrackId::MAIN, PictureState::Missing, 5)], ..now("") }));
}

#[test]
fn a_clock_that_is_not_believed_dates_no_word() {
    let at = |wall: u64, steady: u64| Moment { wall_us: Micros(wall * SECOND), steady_us: steady * SECOND };
    assert_eq!(as_footage(at(90_000_000, 30), None), at(90_000_000, 30));
    assert_eq!(as_footage(at(90_000_000, 30), Some(at(1_000, 10))), at(1_020, 30));
}

#[tokio::test]
async fn a_segment_that_the_relay_does_not_keep_is_told_until_one_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let track = crate::publish::tests::track_with_a_segment(dir.path());
    let mut look = Look::begin(std::slice::from_ref(&track.handover), 0);
    let mut told = |second: u64| {
        let found = look.now(None, second * SECOND).troubles;
        let about = found.into_iter().find(|trouble| trouble.kind == TroubleKind::Relay);
        about.map(|trouble| (trouble.track, trouble.text))
    };
    assert_eq!(told(1), None);
    // One that is tried again, and one that is put aside.
    for code in [RefusalCode::StorageFull, RefusalCode::BadSignature] {
        let refusal = code.because("not kept");
        track.handle_nack(Sequence(0), &refusal).await.unwrap();
        assert_eq!(told(2), Some((TrackId::MAIN, refusal.to_string())), "{code:?}");
    }
    track.handover.outbox.add(Sequence(1));
    track.handle_ack(Sequence(1)).await.unwrap();
    assert_eq!(told(3), None);
}
