//! What is said of a camera, whatever its relay does.

use super::*;
use crate::book::Base64;
use crate::book::fixtures::{camera, policy};
use crate::status::StoredTrack;
use ed25519_dalek::SigningKey;
use media::enrollment::{CameraConsent, Enrollment};
use media::id::{CameraId, Day};
use media::time::Seconds;
use seal::notice::NoticeRoot;

const NOW: Micros = Micros(1_795_700_000_000_000);
const DAY: Day = Day(20_783);

fn before(secs: u64) -> Micros {
    NOW.before(Duration::from_secs(secs))
}

/// As the relay says: connected or not, its newest segment so many seconds ago.
fn status(online: bool, newest_us: Micros) -> Status {
    let track = StoredTrack { track: 0, segments: 1, bytes: 1, newest_us: newest_us.0 };
    Status {
        name: "door".to_owned(),
        camera_id: String::new(),
        policy_version: 1,
        paired_at: 0,
        retired: false,
        to_do: None,
        condition: Condition::default(),
        settings: None,
        online,
        segments: 1,
        bytes: 1,
        newest_us: newest_us.0,
        clock_offset_ms: 0,
        clock_is_off: false,
        replaced: 0,
        conflicts: 0,
        bits_per_second: None,
        waiting: None,
        second: false,
        tracks: vec![track],
        holders: None,
    }
}

fn said(state: PictureState, since_us: Micros, troubles: &[(TrackId, TroubleKind, &str)]) -> Said {
    let troubles = troubles.iter().map(|(track, kind, text)| Trouble::new(*track, *kind, *text)).collect();
    Said {
        pictures: vec![Picture { track: TrackId::MAIN, state, since_us }],
        troubles,
        waiting: 0,
        settings: 0,
    }
}

fn word(at_us: Micros, said: Said) -> Word {
    let missing = |picture: &&Picture| picture.state == PictureState::Missing;
    let no_picture_since_us = said.pictures.iter().find(missing).map(|picture| picture.since_us);
    Word { at_us, no_picture_since_us, said: Some(said) }
}

fn refused(at_us: Micros, since_us: Micros) -> Word {
    let why = "the camera refuses the user or the password; correct `user`";
    word(at_us, said(PictureState::Missing, since_us, &[(TrackId::MAIN, TroubleKind::Picture, why)]))
}

fn told(status: &Status, word: Option<&Word>) -> (CameraState, String, String) {
    let Condition { state, word, text, .. } = of(status, word, NOW);
    (state, word, text)
}

#[test]
fn a_camera_that_is_connected_and_films_nothing_is_said_to_with_the_reason() {
    let (state, word, text) = told(&status(true, before(130)), Some(&refused(before(10), before(150))));
    assert_eq!(state, CameraState::NoPicture);
    assert_eq!(word, "no picture for 2 min");
    assert_eq!(text, "no picture for 2 min: the camera refuses the user or the password");
    let unread = Word { said: None, ..refused(before(10), before(150)) };
    let (state, _, text) = told(&status(true, before(130)), Some(&unread));
    assert_eq!(state, CameraState::NoPicture, "{text}");
}

#[test]
fn a_camera_is_never_well_because_nothing_was_heard() {
    let here = status(true, before(1));
    assert_eq!(told(&here, None).0, CameraState::Silent);
    let well = |at_us| word(at_us, said(PictureState::Filmed, before(9000), &[]));
    assert_eq!(told(&here, Some(&well(before(119)))).0, CameraState::Filming);
    let (state, word, text) = told(&here, Some(&well(before(300))));
    assert_eq!((state, word.as_str()), (CameraState::Silent, "silent for 5 min"));
    assert_eq!(
        text,
        "connected, says the relay; what it said last is 5 min old, if its clock and this device's are right"
    );
    let (state, _, text) = told(&here, Some(&well(NOW.after(Duration::from_secs(7_200)))));
    assert!(state == CameraState::Silent && text.contains("dated 2 h ahead"), "{text}");
    let (state, _, text) = told(&here, Some(&refused(before(300), before(900))));
    assert!(state == CameraState::Silent && text.ends_with("refuses the user or the password"), "{text}");
    assert_eq!(told(&status(false, before(1)), Some(&well(before(1)))).0, CameraState::Offline);
    let unread = Word { said: None, ..well(before(1)) };
    assert_eq!(told(&here, Some(&unread)).0, CameraState::Silent, "what does not open says nothing");
}

#[test]
fn a_camera_that_films_while_the_relay_stores_nothing_of_it_is_not_well() {
    let films = |since| word(before(1), said(PictureState::Filmed, since, &[]));
    let (state, short, _) = told(&status(true, before(200)), Some(&films(before(500))));
    assert_eq!((state, short.as_str()), (CameraState::NotStored, "nothing stored for 3 min"));
    // By its own clock, which is a little wrong; so is what is stored of it.
    let behind = word(before(90), said(PictureState::Filmed, before(9000), &[]));
    assert_eq!(told(&status(true, before(95)), Some(&behind)).0, CameraState::Filming);
    // Of the second picture something is: that is not the main one.
    let mut other = status(true, before(200));
    other.tracks.push(StoredTrack { track: 1, newest_us: before(1).0, ..other.tracks[0] });
    other.newest_us = before(1).0;
    assert_eq!(told(&other, Some(&films(before(500)))).0, CameraState::NotStored);
    // It has just begun again: what comes has not been there long enough.
    assert_eq!(told(&status(true, before(9000)), Some(&films(before(20)))).0, CameraState::Filming);
    // A segment of the backlog came last; the newest one counts.
    let mut status = status(true, before(9000));
    status.tracks[0].newest_us = before(5).0;
    assert_eq!(told(&status, Some(&films(before(500)))).0, CameraState::Filming);
}

#[test]
fn rest_by_the_owners_rule_is_said_as_that() {
    for (state, expected, word_told) in [
        (PictureState::Private, CameraState::Resting, "privacy on"),
        (PictureState::OutsideHours, CameraState::Resting, "outside its hours"),
        (PictureState::NothingMoves, CameraState::NothingMoves, "nothing moves"),
    ] {
        let word = word(before(5), said(state, before(7_300), &[]));
        let told = told(&status(true, before(9000)), Some(&word));
        assert_eq!((told.0, told.1.as_str()), (expected, word_told));
        assert!(told.2.contains("2 h"), "{}", told.2);
    }
}

#[test]
fn other_troubles_stand_beside_and_no_character_of_a_sources_hides_what_it_says() {
    let troubles = [
        (TrackId::MAIN, TroubleKind::Sound, "no \u{202e}sound"),
        (TrackId::SUB, TroubleKind::Picture, "no route"),
    ];
    let word = word(before(5), said(PictureState::Filmed, before(60), &troubles));
    let troubles = of(&status(true, before(1)), Some(&word), NOW).troubles;
    let texts: Vec<_> = troubles.iter().map(|it| (it.kind, it.text.as_str())).collect();
    assert_eq!(texts, [("sound", "no sound"), ("picture", "second picture: no route")]);
}

#[test]
fn what_a_cameras_configuration_chose_is_a_note_and_no_trouble() {
    let chosen = [(TrackId::MAIN, TroubleKind::Chosen, "no sound is recorded")];
    let word = word(before(5), said(PictureState::Filmed, before(60), &chosen));
    let condition = of(&status(true, before(1)), Some(&word), NOW);
    assert_eq!(condition.notes, ["no sound is recorded"]);
    assert_eq!(condition.troubles, []);
}

#[test]
fn an_old_word_takes_no_place_of_one_that_is_of_now() {
    let mut heard = Heard::default();
    heard.replace(refused(before(5), before(60)), NOW);
    heard.replace(word(before(60), said(PictureState::Filmed, before(900), &[])), NOW);
    assert_eq!(heard.word().unwrap().at_us, before(5), "a relay that puts back what was well");
    // A clock that was set back: what it said before is old by then.
    let later = NOW.after(Duration::from_secs(200));
    heard.replace(refused(before(60), before(60)), later);
    assert_eq!(heard.word().unwrap().at_us, before(60));
    // One that was set back from the future is heard at once.
    heard.replace(refused(NOW.after(Duration::from_secs(9000)), NOW), NOW);
    heard.replace(refused(before(1), before(60)), NOW);
    assert_eq!(heard.word().unwrap().at_us, before(1));
}

#[test]
fn what_the_camera_did_not_sign_for_itself_is_nothing() {
    let (door, other) = (SigningKey::from_bytes(&[3; 32]), SigningKey::from_bytes(&[4; 32]));
    let camera_id = CameraId::of_key(door.verifying_key().as_bytes());
    let owner = SigningKey::from_bytes(&[1; 32]);
    let owner_root_pk = owner.verifying_key().to_bytes();
    let enrollment = Enrollment {
        camera_pk: door.verifying_key().to_bytes(),
        owner_root_pk,
        created: Seconds(1),
        firmware_hash: [0; 32],
        camera_consent: CameraConsent::sign(&door, &owner_root_pk, [0; 32]),
    };
    let paired = Day(DAY.0 - 3);
    let mut camera = camera("door", policy(camera_id, 0, Vec::new()), paired);
    camera.enrollment = Base64(enrollment.sign(&owner));
    let dir = tempfile::tempdir().unwrap();
    let root = NoticeRoot::new([5; 32]);
    notice::keep(dir.path(), &camera_id, paired, &root).unwrap();
    let today = (paired.0..DAY.0).fold(root, |root, day| root.next(&camera_id, Day(day)));
    let why = said(PictureState::Missing, before(60), &[(TrackId::MAIN, TroubleKind::Picture, "no route")]);
    let key = today.health_key(&camera_id, DAY);
    let health = |day| Health {
        camera_id,
        at_us: before(1),
        no_picture_since_us: Some(before(60)),
        day,
        sealed: key.seal(why.clone(), &mut host::rng::Rng::system()),
    };
    let read = |signed: &[u8]| read(dir.path(), &camera, signed).unwrap();
    let signed = health(DAY).sign(&door);
    assert_eq!(read(&signed).unwrap().said, Some(why.clone()));
    assert!(read(&health(DAY).sign(&other)).is_none());
    for at in [5, 40, 60, 200] {
        let mut altered = signed.clone();
        altered[at] ^= 1;
        assert!(read(&altered).is_none(), "{at}");
    }
    // Signed by it and sealed under another day's key, or of a day before it was there: unread.
    for day in [Day(DAY.0 - 1), Day(paired.0 - 1), Day(u32::MAX)] {
        assert_eq!(read(&health(day).sign(&door)).unwrap().said, None, "{day:?}");
    }
}

#[test]
fn a_word_for_a_time_to_come_is_none_of_now_and_a_clock_that_leapt_is_told() {
    let leapt = [(TrackId::MAIN, TroubleKind::Clock, "the clock leapt")];
    let ahead = |secs| {
        let at_us = NOW.after(Duration::from_secs(secs));
        told(&status(true, before(1)), Some(&word(at_us, said(PictureState::Filmed, before(900), &leapt))))
    };
    assert_eq!(ahead(30).0, CameraState::Filming);
    let (state, _, text) = ahead(31);
    assert!(state == CameraState::Silent && text.ends_with("it said: the clock leapt"), "{text}");
}

#[test]
fn what_waits_at_the_camera_by_its_own_count_is_told_whatever_the_relay_says_that_it_stored() {
    let waiting = |waiting| {
        let said = Said { waiting, ..said(PictureState::Filmed, before(900), &[]) };
        of(&status(true, before(1)), Some(&word(before(1), said)), NOW).troubles
    };
    assert_eq!(waiting(WAITING), []);
    assert_eq!(waiting(900)[0].text, "900 segments wait at the camera for the relay");
}
