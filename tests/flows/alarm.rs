//! The offline alarm as it runs beside an owner: a real camera goes and comes back, then the relay
//! does, and each is told once; to a command and to a webhook, whose URL nobody else gets to see.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use world::processes::Process;
use world::{Stage, config_files, until};

/// What the alarm printed so far: event and camera.
fn told(alarm: &Process) -> Vec<(String, Option<String>)> {
    let word = |line: &Value, field: &str| line[field].as_str().map(str::to_owned);
    let said = alarm.stdout();
    let lines = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| (word(&line, "event").unwrap(), word(&line, "camera"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_goes_and_comes_back_is_told_once_and_so_is_the_relay() {
    let mut stage = Stage::set(2).await;
    let names: Vec<String> = stage.cast.video.cameras.iter().map(|camera| camera.name.clone()).collect();
    let hook = stage.folder().join("hook");
    let by_hook = stage.folder().join("told");
    let script = format!("#!/bin/sh\necho \"$CANDOR_ALARM_EVENT $CANDOR_ALARM_CAMERA\" >> {by_hook:?}\n");
    std::fs::write(&hook, script).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o700)).unwrap();
    let posted = Arc::new(Mutex::new(Vec::new()));
    let to = posted.clone();
    // It refuses one message, and repeats where it was asked for.
    let answer = async move |message: String| {
        let message: Value = serde_json::from_str(&message).unwrap();
        let event = message["event"].as_str().unwrap().to_owned();
        let is_refused = event == "camera-back";
        to.lock().unwrap().push(event);
        match is_refused {
            true => (StatusCode::NOT_FOUND, "no such path: /hook/s3cret"),
            false => (StatusCode::OK, ""),
        }
    };
    let listener = host::http::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let at = listener.local_addr().unwrap();
    let router = Router::new().route("/hook/s3cret", post(answer));
    let limits = host::http::ServeLimits::default();
    tokio::spawn(host::http::serve(listener, router, limits, stage.shutdown.child()));
    let webhook = stage.folder().join("webhook");
    host::secret::create_line(&webhook, &format!("http://{at}/hook/s3cret")).unwrap();
    let config = config_files::owner(&stage);
    let alarm = Process::start(&[
        "owner",
        "alarm",
        "--json",
        "--config",
        config.to_str().unwrap(),
        "--after",
        "20s",
        "--command",
        hook.to_str().unwrap(),
        "--webhook-file",
        webhook.to_str().unwrap(),
    ]);
    let told_so_far = |what: &str, count: usize| {
        let what = format!("{what}: {:?} {}", told(&alarm), alarm.stderr());
        let alarm = &alarm;
        async move { until(&what, async || told(alarm).len() >= count).await }
    };

    let part = &mut stage.cast.video.cameras[0].part;
    part.stop().await.unwrap();
    told_so_far("the camera is missed", 1).await;
    let started = camera::start(part.config.clone(), stage.shutdown.child()).await.unwrap();
    part.resume(started);
    told_so_far("the camera is back", 2).await;

    let relay = &mut stage.cast.video.relay;
    relay.stop().await.unwrap();
    told_so_far("the relay is missed", 3).await;
    let started = relay::start(relay.config.clone(), stage.shutdown.child()).await.unwrap();
    relay.resume(started);
    told_so_far("the relay is back", 4).await;

    let event = |event: &str, camera: Option<&str>| (event.to_owned(), camera.map(str::to_owned));
    let expected = [
        event("camera-offline", Some(&names[0])),
        event("camera-back", Some(&names[0])),
        event("relay-unreachable", None),
        event("relay-back", None),
    ];
    assert_eq!(told(&alarm)[..4], expected, "{}", alarm.stdout());
    let lines = format!("camera-offline {0}\ncamera-back {0}\nrelay-unreachable \nrelay-back \n", names[0]);
    until("the hook is told", async || {
        std::fs::read_to_string(&by_hook).unwrap_or_default().starts_with(&lines)
    })
    .await;
    let events = expected.map(|(event, _)| event);
    until("the webhook is told", async || posted.lock().unwrap().starts_with(&events)).await;
    let command_line = std::fs::read(format!("/proc/{}/cmdline", alarm.pid())).unwrap();
    assert!(!String::from_utf8_lossy(&command_line).contains("s3cret"));
    let refused = format!("http://{at} answered 404");
    assert!(alarm.stderr().contains(&refused), "{}", alarm.stderr());
    assert!(!alarm.stderr().contains("s3cret"), "{}", alarm.stderr());
    alarm.interrupt();
    assert_eq!(alarm.ended().await.code, Some(0));
    stage.strike().await;
}
