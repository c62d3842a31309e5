//! Events, key pictures and status, read from the heads of segments over a real relay.

use crate::app::{get, post, started};
use crate::watch::Scene;
use media::epoch::GapReason;
use media::motion::{Cells, Motion};
use media::segment::Start;
use serde_json::Value;
use stage::by_hand::SEGMENT_US;

/// The JSON behind an answer's head.
fn json(text: &str) -> Value {
    let body = text.split_once("\r\n\r\n").unwrap().1;
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_moved_is_read_from_heads_kept_and_completed_when_more_is_filmed() {
    let scene = Scene::new().await;
    let mut camera = scene.paired("front-door").await;
    for at in 0..14 {
        camera.motion.permille = if (4..6).contains(&at) { 300 } else { 0 };
        camera.film().await;
    }
    let (app, address, path) = started(&scene.world).await;
    let (from, to) = (camera.began_us, camera.began_us + 30 * SEGMENT_US);
    let span = format!("camera={}&from={from}&to={to}", camera.id);
    // The fifth and the sixth head tell of two segments before their own.
    let first = (from + 2 * SEGMENT_US, from + 4 * SEGMENT_US);
    let events = async || {
        let timeline = get(address, &format!("{path}api/timeline?{span}")).await;
        assert_eq!(timeline.status, 200, "{}", timeline.text);
        let shown = json(&get(address, &format!("{path}api/events?{span}")).await.text);
        assert_eq!(shown["complete"], true, "{shown}");
        let event = |event: &Value| (event["from"].as_u64().unwrap(), event["to"].as_u64().unwrap());
        shown["events"].as_array().unwrap().iter().map(event).collect::<Vec<_>>()
    };
    assert_eq!(events().await, [first]);
    // Later ones are found, those that are known stay.
    for at in 14..24 {
        camera.motion.permille = if at == 17 { 40 } else { 0 };
        camera.film().await;
    }
    let second = (from + 15 * SEGMENT_US, from + 16 * SEGMENT_US);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    while events().await != [first, second] {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", events().await);
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let unknown = get(address, &format!("{path}api/events?camera=x&from=1&to=2")).await;
    assert_eq!(unknown.status, 404, "{}", unknown.text);
    app.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zones_that_are_ignored_hold_no_events_at_once_and_also_of_the_past() {
    let scene = Scene::new().await;
    let mut camera = scene.paired("front-door").await;
    let row = |row| (0..16).fold(Cells::NONE, |cells, column| cells.with(column, row));
    for at in 0..14 {
        camera.motion = match at {
            4 => Motion { permille: 100, cells: row(0), ..Motion::default() },
            12 => Motion { permille: 100, cells: row(8), ..Motion::default() },
            _ => Motion::default(),
        };
        camera.film().await;
    }
    let (app, address, path) = started(&scene.world).await;
    let (from, to) = (camera.began_us, camera.began_us + 30 * SEGMENT_US);
    let span = format!("camera={}&from={from}&to={to}", camera.id);
    let events = async || {
        assert_eq!(get(address, &format!("{path}api/timeline?{span}")).await.status, 200);
        let shown = json(&get(address, &format!("{path}api/events?{span}")).await.text);
        let from = |event: &Value| (event["from"].as_u64().unwrap() - from) / SEGMENT_US;
        shown["events"].as_array().unwrap().iter().map(from).collect::<Vec<_>>()
    };
    let paint = async |seen: &str, ignored: &str| {
        let what = format!("{path}api/zones?camera={}&seen={seen}&ignored={ignored}", camera.id);
        post(address, &what).await
    };
    let zones = async || json(&get(address, &format!("{path}api/zones?camera={}", camera.id)).await.text);
    assert_eq!(events().await, [2, 10]);
    let none = "0".repeat(36);
    assert_eq!(zones().await, serde_json::json!({ "ignored": none, "asked": null, "problem": null }));
    let upper = format!("ffff{}", &none[4..]);
    let kept = json(&paint(&none, &upper).await.text);
    assert_eq!(kept["ignored"], upper.as_str());
    assert!(kept["asked"].as_u64() > Some(0), "the camera is asked: {kept}");
    assert_eq!(zones().await["asked"], kept["asked"]);
    assert_eq!(events().await, [10]);
    assert_eq!(zones().await["ignored"], upper.as_str());
    assert_eq!(
        owner::zones::ignored(&scene.world.owner(), "front-door"),
        Some(row(0)),
        "other commands see it"
    );
    for wrong in ["", "ffff", &format!("{none}0")] {
        assert_eq!(paint(&upper, wrong).await.status, 400, "{wrong}");
    }
    // Another page's stroke is not undone by one who did not see it.
    let refused = paint(&none, &none).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert_eq!(zones().await["ignored"], upper.as_str());
    let status = owner::status::status(&scene.world.owner()).await.unwrap();
    assert!(status[0].condition.notes[0].starts_with("in 16 of the 144 cells"), "{status:?}");
    assert_eq!(paint(&upper, &none).await.status, 200);
    assert_eq!(events().await, [2, 10]);
    let unknown = post(address, &format!("{path}api/zones?camera=x&seen={none}&ignored={none}")).await;
    assert_eq!(unknown.status, 404, "{}", unknown.text);
    app.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_days_first_recording_is_told_and_days_that_are_asked_for_wrongly_are_named() {
    let scene = Scene::new().await;
    let mut camera = scene.paired("front-door").await;
    let (app, address, path) = started(&scene.world).await;
    let id = camera.id;
    let days = async |edges: &[u64]| {
        let edges = edges.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        get(address, &format!("{path}api/days?camera={id}&edges={edges}")).await
    };
    let (began, second) = (camera.began_us, SEGMENT_US);
    let hours = |count: u64| began - count * 3600 * second;
    let of = [hours(24), hours(1), began + 3 * second, began + 60 * second, began + 120 * second];
    assert_eq!(json(&days(&of).await.text), serde_json::json!([null, null, null, null]));
    camera.film().await;
    camera.rest(40 * second, GapReason::Privacy);
    camera.film().await;
    // The one before is under way, as far as its EpochOpen says; the other one begins then.
    let known = serde_json::json!([null, began, began + 3 * second, null]);
    assert_eq!(json(&days(&of).await.text), known);
    assert_eq!(json(&days(&of[..1]).await.text), serde_json::json!([]));
    for (wrong, name) in [
        (vec![of[1], of[0]], "wrong-span"),
        (vec![hours(60), began], "wrong-span"),
        (vec![began; 34], "wrong-edges"),
    ] {
        let refused = days(&wrong).await;
        assert_eq!((refused.status, json(&refused.text)["error"].as_str()), (400, Some(name)), "{wrong:?}");
    }
    let garbage = get(address, &format!("{path}api/days?camera={id}&edges=1,x")).await;
    assert_eq!(garbage.status, 400, "{}", garbage.text);
    app.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeline_ends_recordings_where_footage_ends_and_begins_gaps_there() {
    let scene = Scene::new().await;
    let mut camera = scene.paired("front-door").await;
    // Seconds 0 to 3, 15 to 17 and 19 to 23 of epochs of ten; 17 and 18 are lost on the way.
    for _ in 0..3 {
        camera.film().await;
    }
    camera.rest(12 * SEGMENT_US, GapReason::Privacy);
    for at in 15..23 {
        match at {
            17 | 18 => camera.lose().await,
            _ => camera.film().await,
        }
    }
    camera.rest(SEGMENT_US, GapReason::Restart);
    camera.film().await;

    let (app, address, path) = started(&scene.world).await;
    let began = camera.began_us;
    let span = format!("camera={}&from={}&to={}", camera.id, began - SEGMENT_US, began + 30 * SEGMENT_US);
    let timeline = async || {
        let answer = get(address, &format!("{path}api/timeline?{span}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        json(&answer.text)
    };
    let second = |us: &Value| us.as_u64().unwrap().saturating_sub(began) / SEGMENT_US;
    let gaps = |shown: &Value| -> Vec<(u64, u64, String)> {
        let gap =
            |gap: &Value| (second(&gap["from"]), second(&gap["to"]), gap["reason"].as_str().unwrap().into());
        shown["gaps"].as_array().unwrap().iter().map(gap).collect()
    };
    let missing = [
        (3, 15, "the camera's privacy switch was on".to_owned()),
        (17, 19, "filmed, but the relay does not give it: the camera has not said why, and no receipt seen here shows that it ever came there".to_owned()),
        (23, 24, "the camera was off or restarted".to_owned()),
    ];
    // At once, whether or not anybody asks for events.
    assert_eq!(gaps(&timeline().await), missing);
    let events = json(&get(address, &format!("{path}api/events?{span}")).await.text);
    assert_eq!(events["complete"], true, "{events}");
    let shown = timeline().await;
    assert_eq!(gaps(&shown), missing);
    let recorded = shown["recorded"].as_array().unwrap().iter();
    let recorded: Vec<_> = recorded.map(|bar| (second(&bar[0]), second(&bar[1]))).collect();
    assert_eq!(recorded, [(0, 3), (15, 17), (19, 25)], "{shown}");
    app.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moments_key_picture_is_served_also_where_its_segment_continues_another() {
    let scene = Scene::new().await;
    let mut camera = scene.paired("front-door").await;
    for at in 0..6 {
        camera.start = if (3..=4).contains(&at) { Start::Continuation } else { Start::KeyFrame };
        camera.film().await;
    }
    let (app, address, path) = started(&scene.world).await;
    let picture =
        async |at_us: u64| get(address, &format!("{path}api/picture?camera={}&at={at_us}", camera.id)).await;
    for (second, key, end) in [(1, 1, 2), (2, 2, 3), (3, 2, 4), (4, 2, 5), (5, 5, 6)] {
        let answer = picture(camera.began_us + second * SEGMENT_US + 300_000).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let head = answer.text.to_lowercase();
        let at = |second: u64| camera.began_us + second * SEGMENT_US;
        let times = format!("candor-times: {} {}", at(key), at(end));
        assert!(head.contains(&times), "{second}: no {times} in {}", &head[..600]);
        assert!(head.contains("content-type: video/mp4; codecs=\"avc1.640009\""), "{}", &head[..600]);
        for name in ["ftyp", "moov", "moof", "mdat"] {
            assert_eq!(answer.text.matches(name).count(), 1, "{second}: {name}");
        }
    }
    for at_us in [camera.began_us - 1, camera.began_us + 6 * SEGMENT_US] {
        let nothing = picture(at_us).await;
        assert_eq!(nothing.status, 204, "{}", nothing.text);
    }
    app.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_tells_the_rate_of_the_newest_minute_and_what_waits_at_the_camera() {
    let scene = Scene::new().await;
    let mut camera = scene.paired("front-door").await;
    let status = owner::status::status(&scene.owner).await.unwrap();
    assert_eq!((status[0].bits_per_second, status[0].waiting), (None, None), "nothing is filmed yet");
    for waiting in [0, 9, 3] {
        camera.waiting = waiting;
        camera.film().await;
    }
    let status = owner::status::status(&scene.owner).await.unwrap();
    assert_eq!(status[0].waiting, Some(3), "as the newest head says");
    assert_eq!(status[0].newest_us, camera.began_us + 2 * SEGMENT_US);
    // Every segment lasts a second.
    assert_eq!(status[0].bits_per_second, Some(status[0].bytes * 8 / 3));
    assert!(status[0].bytes > 1000, "{status:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_is_told_who_may_watch_and_who_holds_shares() {
    let scene = Scene::new().await;
    scene.paired("front-door").await;
    let (app, address, path) = started(&scene.world).await;
    let shared = json(&get(address, &format!("{path}api/sharing")).await.text);
    let camera = &shared["cameras"][0];
    assert_eq!((&camera["name"], &camera["version"]), (&"front-door".into(), &1.into()), "{shared}");
    let viewers = camera["viewers"].as_array().unwrap();
    assert_eq!(viewers.len(), 1, "{shared}");
    assert_eq!((&viewers[0]["is_this_device"], &viewers[0]["role"]), (&true.into(), &"admin".into()));
    assert_eq!((&camera["trustees"], &camera["threshold"]), (&serde_json::json!([]), &0.into()), "{shared}");
    app.stop_and_join().await.unwrap();
}
