//! The example for Home Assistant: each address and topic that it names exists.

use crate::bridge::{get, started, until};
use crate::broker::Broker;
use crate::watch::Scene;
use owner::tokens;
use serde_json::Value;
use std::collections::BTreeSet;

const FILES: [&str; 4] = [
    include_str!("../../../../deploy/home-assistant/README.md"),
    include_str!("../../../../deploy/home-assistant/configuration.yaml"),
    include_str!("../../../../deploy/home-assistant/secrets.yaml"),
    include_str!("../../../../deploy/home-assistant/go2rtc.yaml"),
];

/// What stands behind a mark, up to what cannot be of it.
fn behind(mark: &str, is_of_it: impl Fn(char) -> bool) -> BTreeSet<String> {
    let all = FILES.iter().flat_map(|text| text.split(mark).skip(1));
    all.map(|rest| rest.split(|c: char| !is_of_it(c)).next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_address_and_topic_of_the_example_for_home_assistant_exists() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(folder.path()).await;
    let mut scene = Scene::new().await;
    let mut camera = scene.paired("front-door").await;
    for _ in 0..3 {
        camera.film().await;
    }
    scene.world.owner_config.bridge.mqtt = Some(broker.config());
    let token = tokens::add(&scene.owner, "home-assistant", None, None).await.unwrap().token;
    let (bridge, address, _) = started(&scene.world.owner_config).await;
    let reader = broker.reader().await;
    let ask = async |path: &str| get(address, &token, path).await;
    until("the first answers", async || ask("/api/v1/releases").await.status == 200).await;
    until("the camera", async || ask("/api/v1/cameras/front-door").await.json()["connected"] == true).await;

    let paths = behind("127.0.0.1:8620", |c| c.is_ascii_alphanumeric() || "/.-_".contains(c));
    assert!(paths.len() >= 4, "{paths:?}");
    for path in paths {
        let path = path.trim_end_matches('.');
        if path.ends_with("live.mp4") {
            // It goes on as long as the camera films; its end is the camera's.
            let film = ask(path);
            let ends = async {
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                camera.films("h265.mp4", &[]);
                camera.film().await;
            };
            let (film, ()) = tokio::join!(film, ends);
            assert!(film.status == 200 && film.body[4..8] == *b"ftyp", "{path}: {}", film.head);
        } else {
            let answer = ask(path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        }
    }
    let is_topic = |c: char| c.is_ascii_alphanumeric() || "/_-".contains(c);
    for topic in behind("topic: ", is_topic) {
        let is_there = || topic == "candor/event" || reader.text(&topic).is_some();
        until(&topic, async || is_there()).await;
    }
    let releases = ask("/api/v1/releases").await.json();
    let told = reader.json("candor/releases");
    let manual = crate::bridge::shown("/api/v1/releases")["releases"][0].clone();
    let is_field = |c: char| c.is_ascii_lowercase() || c == '_';
    for field in behind("value_json.", is_field).into_iter().chain(behind("payload_json.", is_field)) {
        let has = |of: &Value| of.get(&field).is_some();
        assert!(has(&releases) || has(&told) || has(&manual) || field == "event_type", "{field}");
    }
    bridge.stop_and_join().await.unwrap();
}
