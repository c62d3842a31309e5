use super::*;

const AFTER: u64 = 60;

/// A decision fed second by second, and what it told so far.
struct Watched {
    decision: Decision,
    told: Vec<(u64, String)>,
}

impl Watched {
    fn new() -> Self {
        Self { decision: Decision::new(Duration::from_secs(AFTER)), told: Vec::new() }
    }

    fn see(&mut self, second: u64, cameras: &[Status]) {
        self.told(second, Ok(cameras));
    }

    fn fail(&mut self, second: u64) {
        self.told(second, Err("no route"));
    }

    fn told(&mut self, second: u64, seen: Result<&[Status], &str>) {
        for change in self.decision.handle(Duration::from_secs(second), seen) {
            let name = change.camera().map_or("relay", |(name, _)| name).to_owned();
            self.told.push((second, format!("{name} {}", change.event())));
        }
    }

    fn has_told(&self, expected: &[(u64, &str)]) {
        let told: Vec<(u64, &str)> = self.told.iter().map(|(at, text)| (*at, text.as_str())).collect();
        assert_eq!(told, expected);
    }
}

pub(in crate::alarm) fn status(name: &str, online: bool, newest_us: u64) -> Status {
    Status {
        name: name.to_owned(),
        camera_id: format!("id of {name}"),
        policy_version: 1,
        paired_at: 0,
        retired: false,
        to_do: None,
        condition: Condition {
            state: if online { CameraState::Filming } else { CameraState::Offline },
            ..Condition::default()
        },
        settings: None,
        online,
        segments: 0,
        bytes: 0,
        newest_us,
        clock_offset_ms: 0,
        clock_is_off: false,
        replaced: 0,
        conflicts: 0,
        bits_per_second: None,
        holders: None,
        waiting: None,
        second: false,
        tracks: Vec::new(),
    }
}

#[test]
fn a_camera_that_goes_and_comes_back_is_told_once_each() {
    let mut watched = Watched::new();
    for second in 0..300 {
        let online = !(100..200).contains(&second);
        watched.see(second, &[status("door", online, 5), status("yard", true, second)]);
    }
    // Its last sign of life was at 99.
    watched.has_told(&[(159, "door camera-offline"), (200, "door camera-back")]);
}

#[test]
fn what_is_shorter_than_the_grace_is_silent_however_often_it_happens() {
    let mut watched = Watched::new();
    for second in 0..1_000 {
        // 59 seconds away, one second there.
        watched.see(second, &[status("door", second % AFTER == 0, 5)]);
    }
    watched.has_told(&[]);
}

#[test]
fn a_new_segment_is_a_sign_of_life_and_an_old_one_is_not() {
    let mut watched = Watched::new();
    for second in 0..200 {
        let newest_us = second.min(100) / 10;
        watched.see(second, &[status("door", false, newest_us)]);
    }
    watched.has_told(&[(160, "door camera-offline")]);
}

#[test]
fn a_camera_that_never_came_is_told_after_the_grace_and_so_is_one_that_is_paired_later() {
    let mut watched = Watched::new();
    for second in 0..200 {
        let cameras = [status("door", false, 0), status("yard", false, 0)];
        watched.see(second, if second < 50 { &cameras[..1] } else { &cameras });
    }
    watched.has_told(&[(60, "door camera-offline"), (110, "yard camera-offline")]);
    let never =
        Change::CameraOffline { camera: "c".into(), camera_id: "i".into(), newest_us: 0, silent_secs: 60 };
    assert!(never.to_string().contains("nothing of it is stored yet"), "{never}");
}

#[test]
fn an_unreachable_relay_is_one_message_and_no_camera_is_called_offline_for_it() {
    let mut watched = Watched::new();
    for second in 0..400 {
        if (100..200).contains(&second) {
            watched.fail(second);
        } else {
            // One camera finds its way back half a minute after the relay, one never does.
            let yard = second < 100;
            watched.see(second, &[status("door", !(100..230).contains(&second), 5), status("yard", yard, 5)]);
        }
    }
    watched.has_told(&[
        (159, "relay relay-unreachable"),
        (200, "relay relay-back"),
        (260, "yard camera-offline"),
    ]);
}

#[test]
fn a_relay_that_restarts_within_the_grace_is_silent_and_takes_nothing_off_the_cameras_grace() {
    let mut watched = Watched::new();
    for second in 0..300 {
        match second {
            100..130 => watched.fail(second),
            130..180 => watched.see(second, &[status("door", false, 5)]),
            _ => watched.see(second, &[status("door", true, 5)]),
        }
    }
    watched.has_told(&[]);
}

#[test]
fn a_camera_that_is_offline_stays_so_over_an_outage_of_the_relay() {
    let mut watched = Watched::new();
    for second in 0..500 {
        match second {
            0..100 => watched.see(second, &[status("door", false, 5)]),
            100..200 => watched.fail(second),
            200..400 => watched.see(second, &[status("door", false, 5)]),
            _ => watched.see(second, &[status("door", true, 6)]),
        }
    }
    watched.has_told(&[
        (60, "door camera-offline"),
        (159, "relay relay-unreachable"),
        (200, "relay relay-back"),
        (400, "door camera-back"),
    ]);
}

#[test]
fn a_relay_that_never_answered_is_told_and_a_message_is_a_flat_object() {
    let mut watched = Watched::new();
    (0..300).for_each(|second| watched.fail(second));
    watched.has_told(&[(60, "relay relay-unreachable")]);

    let change = Change::CameraBack { camera: "door".into(), camera_id: "9f".into(), away_secs: 7 };
    let text = change.to_string();
    let message = serde_json::to_value(crate::alarm::Message { at: 3, change, text, picture: None }).unwrap();
    let expected = serde_json::json!({
        "at": 3, "event": "camera-back", "camera": "door", "camera_id": "9f", "away_secs": 7, "text": "door is back after 7 s",
    });
    assert_eq!(message, expected);
}

/// One was `retired-taken` in JSON, and `retired-camera-taken` for programs and in the guide.
#[test]
fn an_event_has_one_name() {
    let of = |event: &str| {
        let (camera, camera_id, reason) = ("door".to_owned(), "9f".to_owned(), "r".to_owned());
        match event {
            "camera-offline" => Change::CameraOffline { camera, camera_id, newest_us: 0, silent_secs: 0 },
            "camera-back" => Change::CameraBack { camera, camera_id, away_secs: 0 },
            "no-picture" => {
                Change::NoPicture { camera, camera_id, state: CameraState::NoPicture, since: 0, reason }
            }
            "picture-back" => Change::PictureBack { camera, camera_id, dark_secs: 0 },
            "identity-conflict" => Change::IdentityConflict { camera, camera_id, conflicts: 1 },
            "retired-camera-taken" => Change::RetiredTaken { camera, camera_id },
            "motion" => Change::Motion {
                camera,
                camera_id,
                from_us: 0,
                to_us: 0,
                local_time: String::new(),
                goes_on: false,
                permille: 1,
                untold: 0,
            },
            "relay-unreachable" => Change::RelayUnreachable { reason, silent_secs: 0 },
            _ => Change::RelayBack { away_secs: 0 },
        }
    };
    let all = "camera-offline camera-back no-picture picture-back identity-conflict retired-camera-taken motion \
               relay-unreachable relay-back";
    for event in all.split(' ') {
        let change = of(event);
        assert_eq!(
            (change.event(), &serde_json::to_value(&change).unwrap()["event"]),
            (event, &event.into())
        );
    }
}

#[test]
fn the_last_of_its_footage_going_is_no_sign_of_life() {
    let mut watched = Watched::new();
    for second in 0..300 {
        watched.see(second, &[status("door", second == 0, if second < 200 { 5 } else { 0 })]);
    }
    watched.has_told(&[(60, "door camera-offline")]);
}

#[test]
fn two_histories_of_one_identity_are_told_at_once_and_once_each() {
    let with = |conflicts| Status { conflicts, ..status("door", true, 1) };
    let mut watched = Watched::new();
    for (second, conflicts) in [(0, 0), (5, 1), (10, 1), (15, 3), (20, 3), (25, 0), (30, 1)] {
        watched.see(second, &[with(conflicts)]);
    }
    watched.has_told(&[
        (5, "door identity-conflict"),
        (15, "door identity-conflict"),
        // A relay that started again counts anew.
        (30, "door identity-conflict"),
    ]);
    let mut late = Watched::new();
    late.see(0, &[with(2)]);
    late.has_told(&[(0, "door identity-conflict")]);
}

fn seen(state: CameraState) -> Status {
    let condition = Condition { state, text: "no route".to_owned(), ..Condition::default() };
    Status { condition, ..status("door", true, 5) }
}

#[test]
fn a_camera_that_is_connected_and_films_nothing_is_told_once_and_so_is_its_picture() {
    for state in [CameraState::NoPicture, CameraState::NotStored, CameraState::Silent] {
        let mut watched = Watched::new();
        for second in 0..500 {
            let state = if (100..300).contains(&second) { state } else { CameraState::Filming };
            watched.see(second, &[seen(state)]);
        }
        watched.has_told(&[(160, "door no-picture"), (300, "door picture-back")]);
    }
    let reason = "no picture for 2 min: the password was refused".to_owned();
    let change = Change::NoPicture {
        camera: "door".into(),
        camera_id: "9f".into(),
        state: CameraState::NoPicture,
        since: 7,
        reason,
    };
    assert_eq!(change.to_string(), "door: no picture for 2 min: the password was refused");
    assert_eq!(serde_json::to_value(&change).unwrap()["state"], "no-picture");
}

#[test]
fn a_short_loss_rest_and_absence_are_no_loss_of_the_picture() {
    let mut watched = Watched::new();
    for second in 0..2_000 {
        let state = match second % 200 {
            0..59 => CameraState::NoPicture,
            59..140 => CameraState::Resting,
            _ => CameraState::NothingMoves,
        };
        watched.see(second, &[seen(state)]);
    }
    watched.has_told(&[]);
    // Offline while it has none: one message of each, and its return is no return of the picture.
    let mut watched = Watched::new();
    for second in 0..600 {
        match second {
            0..200 => watched.see(second, &[seen(CameraState::NoPicture)]),
            200..400 => watched.see(second, &[status("door", false, 5)]),
            400..500 => watched.see(second, &[seen(CameraState::NoPicture)]),
            _ => watched.see(second, &[seen(CameraState::Filming)]),
        }
    }
    watched.has_told(&[
        (60, "door no-picture"),
        (259, "door camera-offline"),
        (400, "door camera-back"),
        (500, "door picture-back"),
    ]);
}

#[test]
fn what_was_told_is_not_told_again_by_the_next_process_and_its_end_is() {
    let mut watched = Watched::new();
    let both = |state, online| {
        let yard = Status { conflicts: 2, ..status("yard", online, 5) };
        [seen(state), yard]
    };
    let dark = both(CameraState::NoPicture, false);
    (0..100).for_each(|second| watched.see(second, &dark));
    let told = [(0, "yard identity-conflict"), (60, "door no-picture"), (60, "yard camera-offline")];
    watched.has_told(&told);

    let kept = serde_json::to_vec(&watched.decision).unwrap();
    let kept: Decision = serde_json::from_slice(&kept).unwrap();
    let mut next = Watched { decision: kept.goes_on(Duration::from_secs(AFTER)), told: Vec::new() };
    (200..400).for_each(|second| next.see(second, &dark));
    next.has_told(&[]);
    next.see(400, &both(CameraState::Filming, true));
    next.has_told(&[(400, "door picture-back"), (400, "yard camera-back")]);
    assert!(next.decision.cameras.values().all(|known| !known.is_dark && !known.is_offline));
}

/// List, page and audit said it, and who watches none of them heard nothing.
#[test]
fn a_retired_camera_that_the_relay_still_takes_is_told_once_while_it_lasts() {
    let with = |to_do: Option<&str>| Status {
        retired: true,
        to_do: to_do.map(str::to_owned),
        ..status("door (9f86d081)", false, 1)
    };
    let mut watched = Watched::new();
    for second in 0..300 {
        let is_taken = (100..200).contains(&second) || second == 250;
        watched.see(second, &[with(is_taken.then_some("it is retired, and the relay still takes it"))]);
    }
    watched.has_told(&[
        (100, "door (9f86d081) retired-camera-taken"),
        (250, "door (9f86d081) retired-camera-taken"),
    ]);
}

#[test]
fn a_link_that_comes_and_goes_keeps_no_picture_from_being_told() {
    let mut watched = Watched::new();
    for second in 0..200 {
        let here = seen(CameraState::NoPicture);
        watched.see(second, &[if second % 2 == 0 { here } else { status("door", false, 5) }]);
    }
    watched.has_told(&[(60, "door no-picture")]);
}

#[test]
fn a_conflict_after_relay_and_alarm_began_anew_is_told() {
    let with = |conflicts| [Status { conflicts, ..status("door", true, 1) }];
    let mut watched = Watched::new();
    watched.see(0, &with(5));
    watched.has_told(&[(0, "door identity-conflict")]);
    let text = serde_json::to_vec(&watched.decision).unwrap();
    let next = |conflicts| {
        let kept: Decision = serde_json::from_slice(&text).unwrap();
        let mut next = Watched { decision: kept.goes_on(Duration::from_secs(AFTER)), told: Vec::new() };
        next.see(10, &with(conflicts));
        next.told.len()
    };
    assert_eq!((next(5), next(0), next(1)), (0, 0, 1));
}
