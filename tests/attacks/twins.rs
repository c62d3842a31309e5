//! Two publishers with one identity: a camera's folder was copied and runs a second time. The relay
//! lets the newer connection win, tells the older one so by name and counts it on the operator's
//! page; of the two histories at most one is stored, and what was acknowledged before the copy
//! stays playable.

use camera::Stats;
use candor::cast::Cast;
use host::http::{Fetch, FetchLimits};
use host::shutdown::Shutdown;
use media::time::Micros;
use owner::Span;
use owner::live::{Event, Watched};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch;
use world::{Stage, copy_folder, until};

const SECOND_US: u64 = 1_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_camera_is_named_to_both_counted_and_cannot_mix_its_footage_with_the_originals() {
    let mut stage = Stage::set(1).await;
    show_status_page(&mut stage.cast).await;
    let filmed = stage.filmed(1).await;
    let original = &mut stage.cast.video.cameras[0];
    original.part.stop().await.unwrap();
    let copied_us = host::clock::now_us();
    let mut copy = original.part.config.clone();
    copy.data = stage.folder().join("copied-camera");
    copy_folder(&stage.cast.video.cameras[0].part.config.data, &copy.data);
    let before = Span::new(Micros(filmed.from_us), Micros(copied_us)).unwrap();
    let (played, sequences) = play(&stage.cast, before).await;
    assert!(played.segments > 0 && played.refused == 0, "{played:?}");

    let config = stage.cast.video.cameras[0].part.config.clone();
    let first = camera::start(config, Shutdown::new()).await.unwrap();
    let second = camera::start(copy, Shutdown::new()).await.unwrap();
    assert_eq!(first.at().camera_id, second.at().camera_id);
    let (watching, troubles) = watch(&[first.at().stats.clone(), second.at().stats.clone()]);

    // The one that was replaced hears why; the operator sees that it goes on.
    until("one of them is told that another connection took over", async || {
        troubles.borrow().iter().any(|said| said.contains("replaced") && said.contains("your key was copied"))
    })
    .await;
    until("the relay counts it", async || replaced(&stage.cast).await >= 2).await;
    until("the owner is told", async || {
        let status = owner::status::status(&stage.cast.people.owner).await.unwrap();
        status[0].replaced >= 2
    })
    .await;
    // They were one until the copy, and film the same numbers from there: the relay takes the first
    // of each number.
    until("one of them is refused by name", async || {
        troubles.borrow().iter().any(|said| said.contains("sequence-taken"))
    })
    .await;
    let acked = || first.at().stats.now().acked + second.at().stats.now().acked;
    until("footage of one of them is stored", async || acked() > 0).await;
    first.stop_and_join().await.unwrap();
    second.stop_and_join().await.unwrap();
    watching.abort();

    // What was acknowledged before the copy is there, each segment, and plays; nothing of two
    // histories is shown as one.
    let (again, still) = play(&stage.cast, before).await;
    assert_eq!((again.segments, again.refused), (played.segments, 0));
    assert_eq!(still, sequences);
    let since = Span::new(Micros(filmed.from_us), Micros(host::clock::now_us() + SECOND_US)).unwrap();
    let (all, of_all) = play(&stage.cast, since).await;
    assert_eq!(all.refused, 0, "{all:?}");
    assert!(sequences.is_subset(&of_all) && of_all.len() > sequences.len(), "{all:?}");
    stage.strike().await;
}

/// Plays a span; what was watched, and the sequences whose signatures and chain held.
async fn play(cast: &Cast, span: Span) -> (Watched, BTreeSet<u64>) {
    let mut verified = BTreeSet::new();
    let on = &mut |event| {
        if let Event::SegmentVerified { sequence, .. } = event {
            assert!(verified.insert(sequence), "{sequence} was played twice");
        }
    };
    let name = &cast.video.cameras[0].name;
    let watched = owner::play::play(&cast.people.owner, name, span, &mut tokio::io::sink(), on).await;
    (watched.unwrap(), verified)
}

/// Everything that the cameras say is wrong with their sessions, as it comes and goes.
fn watch(cameras: &[Stats]) -> (tokio::task::JoinHandle<()>, watch::Receiver<BTreeSet<String>>) {
    let (told, troubles) = watch::channel(BTreeSet::new());
    let cameras = cameras.to_vec();
    let watching = tokio::spawn(async move {
        loop {
            for said in cameras.iter().filter_map(|stats| stats.now().troubles.link) {
                told.send_modify(|troubles: &mut BTreeSet<String>| _ = troubles.insert(said));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    (watching, troubles)
}

/// The relay once more, with its operator's page.
async fn show_status_page(cast: &mut Cast) {
    let relay = &mut cast.video.relay;
    relay.stop().await.unwrap();
    relay.config.http = Some("127.0.0.1:0".parse().unwrap());
    let running = super::strangers::relay_again(&relay.config).await;
    relay.resume(running);
}

/// How often the operator's page says that a publisher was replaced.
async fn replaced(cast: &Cast) -> u64 {
    let http = cast.video.relay.at().unwrap().http.unwrap();
    let reply = Fetch::new(FetchLimits::default()).get(&format!("http://{http}/status")).await.unwrap();
    let page: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    let id = cast.video.cameras[0].id.to_string();
    let cameras = page["cameras"].as_array().unwrap();
    let camera = cameras.iter().find(|camera| camera["camera_id"] == id.as_str());
    camera.map_or(0, |camera| camera["replaced"].as_u64().unwrap())
}
