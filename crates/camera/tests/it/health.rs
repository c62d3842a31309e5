//! What a camera says of itself, from the source to its owner.

use crate::world::World;
use camera::{SourceConfig, Stream, Transport};
use host::shutdown::Shutdown;
use owner::status::{CameraState, Status};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

/// Asks the relay until the camera is so.
async fn until(world: &World, what: &str, is_so: impl Fn(&Status) -> bool) -> Status {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let status = owner::status::status(&world.owner).await.unwrap().remove(0);
        if is_so(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "never: {what}; {status:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A camera that refuses whoever asks; its port.
async fn refusing() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (read, mut write) = stream.split();
                let (mut lines, mut number) = (BufReader::new(read).lines(), String::new());
                while let Ok(Some(line)) = lines.next_line().await {
                    if let Some(found) = line.strip_prefix("CSeq:") {
                        found.trim().clone_into(&mut number);
                    }
                    if line.is_empty() {
                        let answer = format!(
                            "RTSP/1.0 401 Unauthorized\r\nCSeq: {number}\r\nWWW-Authenticate: Basic realm=\"door\"\r\n\r\n"
                        );
                        let _ = write.write_all(answer.as_bytes()).await;
                    }
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_whose_password_is_refused_is_connected_and_says_that_it_has_no_picture() {
    let mut world = World::new().await;
    world.pair().await;
    let url = format!("rtsp://door:s3cret@127.0.0.1:{}/", refusing().await);
    let stream = Stream::new(url.parse().unwrap(), Transport::Tcp, None, None).unwrap();
    world.camera.source = SourceConfig::Stream(stream);
    let filming = world.film().await;
    let refused = "refuses the user or the password";
    let status = until(&world, "it says why", |it| it.condition.text.contains(refused)).await;
    assert!(status.online && status.condition.state == CameraState::NoPicture, "{status:?}");
    assert!(status.condition.text.starts_with("no picture for "), "{status:?}");
    assert!(!format!("{status:?}").contains("s3cret"));
    filming.stop_and_join().await.unwrap();
    let status = until(&world, "it is gone", |it| !it.online).await;
    assert_eq!(status.condition.state, CameraState::Offline);

    // The same camera with a picture says that it films; with its privacy switch on, that.
    world.camera.source = SourceConfig::file(stage::fixture("h264-aac.mp4"), true);
    let filming = world.film_with(Shutdown::new()).await;
    until(&world, "it films", |it| it.condition.state == CameraState::Filming).await;
    camera::duty::set_privacy(&world.camera, true).unwrap();
    let status = until(&world, "it rests", |it| it.condition.state == CameraState::Resting).await;
    assert_eq!((status.condition.word.as_str(), status.online), ("privacy on", true));
    filming.stop_and_join().await.unwrap();
}
