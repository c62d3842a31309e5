//! The bridge's live pictures, read by what others read them with.

use crate::bridge::{get, started, until};
use crate::watch::Scene;
use owner::{Owner, tokens};
use serde_json::Value;
use stage::by_hand::Camera;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);
const OF: &str = "/api/v1/cameras/front-door";

/// Films second after second, three times as fast as they pass, until it is told to stop.
fn filming(mut camera: Camera) -> (oneshot::Sender<()>, JoinHandle<Camera>) {
    let (stop, mut stopped) = oneshot::channel();
    let films = tokio::spawn(async move {
        while stopped.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty) {
            camera.film().await;
            tokio::time::sleep(Duration::from_millis(330)).await;
        }
        camera
    });
    (stop, films)
}

/// What ffprobe reads in three seconds of film: codecs, and how many packets of each.
async fn probed(url: &str) -> Vec<(String, usize)> {
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-read_intervals", "%+3", "-count_packets"])
        .args(["-show_entries", "stream=codec_name,nb_read_packets", "-of", "json", url])
        .kill_on_drop(true)
        .output();
    let probe = timeout(PATIENCE, probe).await.expect("it reads no end").unwrap();
    let said = String::from_utf8_lossy(&probe.stderr);
    assert!(probe.status.success(), "{url}: {said}");
    let told: Value = serde_json::from_slice(&probe.stdout).unwrap();
    let stream = |of: &Value| {
        let packets = of["nb_read_packets"].as_str().and_then(|packets| packets.parse().ok());
        (of["codec_name"].as_str().unwrap().to_owned(), packets.unwrap_or(0))
    };
    told["streams"].as_array().unwrap().iter().map(stream).collect()
}

async fn token(owner: &Owner) -> String {
    tokens::add(owner, "player", None, None).await.unwrap().token
}

/// The relay has said that the camera is there.
async fn online(address: SocketAddr, token: &str) {
    until("it is connected", async || get(address, token, OF).await.json()["connected"] == true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ffprobe_reads_film_and_playlist_in_h264_and_in_h265_with_sound() {
    let scene = Scene::new().await;
    let mut camera = scene.paired("front-door").await;
    camera.films("h264-aac.mp4", &[]);
    camera.film().await;
    let token = token(&scene.owner).await;
    let (bridge, address, _) = started(&scene.world.owner_config).await;
    online(address, &token).await;
    let sound = stage::fixture("h264-aac.mp4");
    let sound = ["-stream_loop", "60", "-i", sound.to_str().unwrap(), "-map", "0:v", "-map", "1:a"];
    for (codec, fixture, more) in [("h264", None, &[][..]), ("hevc", Some("h265.mp4"), &sound[..])] {
        fixture.into_iter().for_each(|fixture| camera.films(fixture, more));
        let (stop, films) = filming(camera);
        // What the playlist of before still lists is of the run before.
        if fixture.is_some() {
            until("the new run is listed alone", async || {
                let text = get(address, &token, &format!("{OF}/live/index.m3u8")).await.text();
                text.matches("#ext-x-map").count() == 1 || text.matches("#EXT-X-MAP").count() == 1
            })
            .await;
        }
        for url in [
            format!("http://x:{token}@{address}{OF}/live.mp4"),
            format!("http://{address}{OF}/live.mp4?token={token}"),
            format!("http://x:{token}@{address}{OF}/live/index.m3u8"),
            format!("http://{address}{OF}/live/index.m3u8?token={token}"),
        ] {
            let streams = probed(&url).await;
            let [(video, pictures), (audio, sounds)] = &streams[..] else { panic!("{url}: {streams:?}") };
            assert_eq!((video.as_str(), audio.as_str()), (codec, "aac"), "{url}");
            // Ten pictures a second, and sound beside each.
            assert!(*pictures >= 25 && *sounds >= 25, "{url}: {streams:?}");
        }
        stop.send(()).unwrap();
        camera = timeout(PATIENCE, films).await.unwrap().unwrap();
    }
    bridge.stop_and_join().await.unwrap();
}

/// An open film, and what came of it until its end.
async fn opened(address: SocketAddr, token: &str) -> JoinHandle<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET {OF}/live.mp4 HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|name| name == b"moof") {
        assert!(
            timeout(PATIENCE, stream.read_buf(&mut bytes)).await.unwrap().unwrap() > 0,
            "it ends at once"
        );
    }
    tokio::spawn(async move {
        // Cut off is an end too.
        let _ = stream.read_to_end(&mut bytes).await;
        bytes
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_film_ends_with_its_run_and_with_its_token_and_a_camera_that_is_away_is_named() {
    let scene = Scene::new().await;
    let mut camera = scene.paired("front-door").await;
    let (mine, lent) =
        (token(&scene.owner).await, tokens::add(&scene.owner, "lent", None, None).await.unwrap().token);
    let (bridge, address, owner) = started(&scene.world.owner_config).await;
    online(address, &mine).await;
    let none = get(address, &mine, &format!("{OF}/live.mp4")).await;
    assert!(none.status == 503 && none.text().contains("no-picture"), "nothing was filmed: {}", none.text());
    assert!(none.head.contains("retry-after: 10"), "{}", none.head);
    let wrong = get(address, &mine, &format!("{OF}/live.mp4?track=7")).await;
    assert!(wrong.status == 400 && wrong.text().contains("wrong-track"), "{}", wrong.text());

    camera.film().await;
    let film = opened(address, &mine).await;
    camera.film().await;
    camera.films("h265.mp4", &[]);
    camera.film().await;
    let bytes = timeout(PATIENCE, film).await.expect("it goes on in another codec").unwrap();
    assert_eq!(bytes.windows(4).filter(|name| *name == b"moov").count(), 1);
    let list = async || get(address, &mine, &format!("{OF}/live/index.m3u8")).await;
    until("both runs are listed", async || list().await.text().matches("#EXT-X-MAP").count() == 2).await;
    let (head, text) = (list().await.head, list().await.text());
    assert!(head.contains("application/vnd.apple.mpegurl"), "{head}");
    assert!(text.contains("#EXT-X-DISCONTINUITY\n#EXT-X-MAP"), "{text}");
    let gone = get(address, &mine, &format!("{OF}/live/s1.m4s")).await;
    assert!(gone.status == 404 && gone.text().contains("segment-gone"), "{}", gone.text());
    assert_eq!(get(address, &mine, &format!("{OF}/live/book.json")).await.status, 404);

    // What is watched by a token ends with it; others go on.
    let (others, film) = (opened(address, &mine).await, opened(address, &lent).await);
    tokens::remove(&owner, "lent").await.unwrap();
    timeout(PATIENCE, film).await.expect("it goes on without its token").unwrap();
    assert!(!others.is_finished());
    drop(camera);
    until("it is offline", async || {
        let answer = get(address, &mine, &format!("{OF}/live.mp4")).await;
        answer.status == 503 && answer.text().contains("camera-offline")
    })
    .await;
    bridge.stop_and_join().await.unwrap();
    timeout(PATIENCE, others).await.expect("it outlives the bridge").unwrap();
}
