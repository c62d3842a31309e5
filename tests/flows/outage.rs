//! Nothing is lost, whatever is away: the relay, a camera, a part of the packets, most of the
//! uplink. What the owner plays is compared, segment by segment, with what the cameras had sealed
//! (their spools, looked into all the while) and with what the relay stores.

mod yard;

use bytes::Bytes;
use camera::SourceConfig;
use host::shutdown::Shutdown;
use owner::Picture;
use owner::live::Event;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use world::network::{Network, Proxy};
use world::processes::Process;
use world::{EPOCH_SECONDS, Stage, config_files, footage, until};
use yard::{Camera, Film, film, lost, nothing_is_lost, seal_more, stored};

const CAMERAS: usize = 4;
/// How long the relay is away.
const AWAY: Duration = Duration::from_secs(60);
const RESTARTED: &str = "the camera was off or restarted";

fn serve_relay(config: &Path) -> Process {
    Process::start(&["relay", "serve", "--config", config.to_str().unwrap()])
}

/// The relay's address, which stays the same when it starts again.
fn relay_of(stage: &Stage) -> SocketAddr {
    stage.cast.video.relay.config.listen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_away_for_a_minute_misses_nothing_of_four_cameras() {
    let mut stage = Stage::set(0).await;
    let config = config_files::relay(&stage);
    let cameras = film(&stage, CAMERAS, None, |_| {}).await;
    stage.cast.video.relay.stop().await.unwrap();
    let relay = serve_relay(&config);
    seal_more(&cameras, 3).await;
    relay.kill().await;
    let before: Vec<usize> = cameras.iter().map(|camera| camera.main.sealed().len()).collect();
    sleep(AWAY).await;
    for (camera, before) in cameras.iter().zip(before) {
        // What is sealed is counted first: another one may come between.
        let more = camera.main.sealed().len() - before;
        let waiting = camera.main.spooled().len();
        assert!(more > 10 && waiting >= more, "{}: {more} sealed, {waiting} wait", camera.main.name);
    }
    let relay = serve_relay(&config);
    for camera in &cameras {
        let last = camera.main.drained().await;
        let gaps = nothing_is_lost(&stage, &camera.main, last).await;
        assert!(gaps.is_empty(), "{}: {gaps:?}", camera.main.name);
    }
    drop(cameras);
    relay.kill().await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_killed_keeps_what_it_had_sealed_and_signs_that_it_was_off() {
    let mut stage = Stage::set(0).await;
    let config = config_files::relay(&stage);
    let mut cameras = film(&stage, 1, None, |_| {}).await;
    stage.cast.video.relay.stop().await.unwrap();
    let relay = serve_relay(&config);
    // While the relay takes what it sends.
    seal_more(&cameras, 3).await;
    cameras[0].kill().await;
    cameras[0].start();
    seal_more(&cameras, 2).await;
    // While the relay is away, and much waits.
    relay.kill().await;
    seal_more(&cameras, 4).await;
    let kept = cameras[0].kill().await;
    assert!(kept.len() >= 4, "{:?} wait", kept.keys());
    cameras[0].start();
    seal_more(&cameras, 3).await;
    let relay = serve_relay(&config);
    let last = cameras[0].main.drained().await;
    let sealed = cameras[0].main.sealed();
    assert!(kept.iter().all(|(sequence, segment)| sealed.get(sequence) == Some(segment)));
    assert_eq!(nothing_is_lost(&stage, &cameras[0].main, last).await, [RESTARTED, RESTARTED]);
    drop(cameras);
    relay.kill().await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_filmed_over_a_network_that_loses_and_delays_is_all_there() {
    let stage = Stage::set(0).await;
    let network = Network { lost_permille: 50, delay: Duration::from_millis(200), ..Network::GOOD };
    let proxy = Proxy::start(relay_of(&stage), network).await;
    let cameras = film(&stage, CAMERAS, Some(proxy.address()), |_| {}).await;
    sleep(Duration::from_secs(15)).await;
    proxy.cut();
    sleep(Duration::from_secs(10)).await;
    proxy.mend();
    sleep(Duration::from_secs(15)).await;
    for camera in &cameras {
        let last = camera.main.drained().await;
        let gaps = nothing_is_lost(&stage, &camera.main, last).await;
        assert!(gaps.is_empty(), "{}: {gaps:?}", camera.main.name);
    }
    let (passed, lost) = proxy.passed_and_lost();
    assert!(lost * 30 > passed, "{lost} lost, {passed} passed");
    drop(cameras);
    stage.strike().await;
}

/// Bytes a second of the film that the first camera films, with what sealing and QUIC add.
const PICTURE: u64 = 270_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_sent_without_making_the_live_picture_late() {
    let stage = Stage::set(0).await;
    // A router that lets packets wait for seconds: whoever fills the uplink is late by as much.
    let network = Network {
        bytes_per_second: Some(2 * PICTURE),
        delay: Duration::from_millis(20),
        queue: Duration::from_secs(4),
        ..Network::GOOD
    };
    let proxy = Proxy::start(relay_of(&stage), network).await;
    let cameras = film(&stage, 1, Some(proxy.address()), |_| {}).await;
    seal_more(&cameras, 2).await;
    // Longer than a silent session stands.
    proxy.cut();
    sleep(Duration::from_secs(25)).await;
    proxy.mend();
    let watching = Watching::start(&stage, &cameras[0].main);
    until("the live picture is back", async || !watching.latencies_us().is_empty()).await;
    let behind = cameras[0].main.spooled().len();
    let last = cameras[0].main.drained().await;
    let mut latencies_us = watching.latencies_us();
    assert!(behind >= 5, "the picture came before the backlog: {behind} waited");
    latencies_us.sort_unstable();
    let at = |percent| latencies_us[(latencies_us.len() - 1) * percent / 100] / 1000;
    assert!(at(50) < 1500, "the queue is full: late by {} ms (median), {} ms (90 %)", at(50), at(90));
    assert_eq!(nothing_is_lost(&stage, &cameras[0].main, last).await, [""; 0]);
    drop(cameras);
    watching.stop().await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_goes_no_faster_than_its_share_of_the_uplink() {
    let stage = Stage::set(0).await;
    // Nothing else holds it back: no rate, no loss, and no queue that it could fill.
    let network = Network { delay: Duration::from_millis(100), ..Network::GOOD };
    let proxy = Proxy::start(relay_of(&stage), network).await;
    let smallest = |config: &mut camera::Config| config.backfill_percent = 1u8.try_into().unwrap();
    let mut cameras = film(&stage, 1, Some(proxy.address()), smallest).await;
    seal_more(&cameras, 1).await;
    proxy.cut();
    seal_more(&cameras, 8).await;
    let backlog = cameras[0].kill().await;
    proxy.mend();
    cameras[0].start();
    let newest = *backlog.keys().next_back().unwrap();
    let bytes = |segments: Vec<&Bytes>| -> usize { segments.into_iter().map(Bytes::len).sum() };
    let (mut live, mut late) = (0, 0);
    until("live segments are stored", async || {
        let stored = stored(&stage, &cameras[0].main).await;
        let newer: Vec<_> = stored.range(newest + 1..).map(|(_, segment)| segment).collect();
        let are_enough = newer.len() >= 5;
        live = bytes(newer);
        late = bytes(stored.iter().filter(|(n, _)| backlog.contains_key(n)).map(|(_, s)| s).collect());
        are_enough
    })
    .await;
    let waited = bytes(backlog.values().collect());
    assert!(waited > live, "a backlog of {waited} bytes, and {live} live ones");
    assert!(late * 4 < live, "{late} bytes of the backlog went beside {live} live ones");
    drop(cameras);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uplink_slower_than_the_picture_loses_the_oldest_and_never_silently() {
    let stage = Stage::set(0).await;
    let network = Network { delay: Duration::from_millis(20), ..Network::GOOD };
    let proxy = Proxy::start(relay_of(&stage), network).await;
    // Room for some seven seconds.
    let cameras = film(&stage, 1, Some(proxy.address()), |config| config.spool_bytes = 7 * PICTURE).await;
    let camera = &cameras[0];
    seal_more(&cameras, 2).await;
    proxy.carry(Some(PICTURE / 2));
    // The oldest go, and the newest pictures still come through, whole.
    until("the spool lets segments go", async || {
        let (there, waiting) = (stored(&stage, &camera.main).await.len(), camera.main.spooled().len());
        there > 4 && camera.main.sealed().len() >= there + waiting + 4
    })
    .await;
    proxy.carry(None);
    // The next epoch's beginning tells of it.
    seal_more(&cameras, u64::from(EPOCH_SECONDS)).await;
    let last = camera.main.drained().await;
    let lost = lost(&stage, &camera.main, last).await;
    assert!(!lost.is_empty());
    drop(cameras);
    stage.strike().await;
}

/// Bytes a second of the other film.
const SMALLER: u64 = 150_000;

#[tokio::test(flavor = "multi_thread")]
async fn an_uplink_too_slow_for_both_tracks_costs_segments_of_the_second_alone_and_never_silently() {
    let stage = Stage::set(0).await;
    let network = Network { delay: Duration::from_millis(20), ..Network::GOOD };
    let proxy = Proxy::start(relay_of(&stage), network).await;
    // The second picture is the larger one here, so that much must go: it is its being the second
    // that decides.
    let films = footage();
    let cameras = film(&stage, 1, Some(proxy.address()), |config| {
        config.source = SourceConfig::file(&films[1], true);
        config.sub = Some(SourceConfig::file(&films[0], true));
        config.spool_bytes = 7 * PICTURE;
    })
    .await;
    let Camera { main, sub, .. } = &cameras[0];
    until("both are filmed", async || [main, sub].iter().all(|film| film.last_sealed() >= Some(2))).await;
    let watching = Watching::start(&stage, main);
    // Either of them, and not both.
    proxy.carry(Some(2 * SMALLER));
    until("the second track loses segments", async || {
        sleep(Duration::from_secs(1)).await;
        let there = stored(&stage, sub).await.len() + sub.spooled().len();
        sub.sealed().len() >= there + 8
    })
    .await;
    let seen = watching.latencies_us().len();
    until("live goes on meanwhile", async || watching.latencies_us().len() >= seen + 50).await;
    proxy.carry(None);
    // The next epoch's beginning tells of it.
    seal_more(&cameras, u64::from(EPOCH_SECONDS)).await;
    let last = main.drained().await;
    assert_eq!(nothing_is_lost(&stage, main, last).await, [""; 0]);
    let last = sub.drained().await;
    let lost = lost(&stage, sub, last).await;
    // Some that the spool let go were under way, and arrived after all.
    assert!(!lost.is_empty());
    drop(cameras);
    watching.stop().await;
    stage.strike().await;
}

/// A live view, and how late each fragment was.
struct Watching {
    latencies_us: Arc<Mutex<Vec<u64>>>,
    stop: Shutdown,
    task: JoinHandle<()>,
}

impl Watching {
    fn start(stage: &Stage, film: &Film) -> Self {
        let (owner, name, track) = (yard::owner(stage), film.name.clone(), film.picture().track);
        let (latencies_us, stop) = (Arc::new(Mutex::new(Vec::new())), Shutdown::new());
        let (seen, stopped) = (latencies_us.clone(), stop.clone());
        let task = tokio::spawn(async move {
            let on = &mut |event| {
                if let Event::Fragment { latency_us, .. } = event {
                    seen.lock().unwrap().push(latency_us);
                }
            };
            let picture = Picture { camera: &name, track };
            owner::live::live(&owner, picture, &mut tokio::io::sink(), &stopped, on).await.unwrap();
        });
        Self { latencies_us, stop, task }
    }

    fn latencies_us(&self) -> Vec<u64> {
        self.latencies_us.lock().unwrap().clone()
    }

    async fn stop(self) {
        self.stop.request();
        self.task.await.unwrap();
    }
}
