//! From the start of a camera to its first durable segment.

use crate::filmed;
use camera::Config;
use host::shutdown::Shutdown;
use measure::{Samples, Table};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use world::Stage;
use world::rtsp::RtspServer;

/// A live picture with a key frame a second and G.711 sound, which nobody begins anew for a client.
const MOUNT: &str = "live";
const LOOK: Duration = Duration::from_millis(5);

pub(crate) async fn table(stage: &Stage, server: &RtspServer, starts: usize) -> Table {
    let mut table = Table::new(
        format!(
            "{starts} starts of a camera with a key frame a second, each at another moment of it; ms from the start"
        ),
        &["until", "p50", "p90", "most"],
    );
    let config = Config::new(stage.folder().join("starting"), filmed::source(server, MOUNT));
    candor::cast::pair(&stage.cast.people.owner, &config, "starting").await.unwrap();
    // Somebody watches all the while: the camera is awake.
    let _awake = filmed::reading(&server.url(MOUNT), false);
    let mut steps: [Vec<f64>; 4] = Default::default();
    for n in 0..starts {
        tokio::time::sleep(Duration::from_millis(n as u64 * 1000 / starts as u64)).await;
        let begun = Instant::now();
        let running = camera::start(config.clone(), Shutdown::new()).await.unwrap();
        let stats = running.at().stats.clone();
        steps[0].push(until(begun, || stats.now().picture_us.is_some()).await);
        steps[1].push(until(begun, || stats.now().sent > 0).await);
        steps[2].push(until(begun, || stats.now().acked > 0).await);
        running.stop_and_join().await.unwrap();
        steps[3].push(first_fragment(server).await);
    }
    let names = [
        "its first pictures are given to filming",
        "its first segment is sealed, at the next key frame",
        "that segment is durable at the relay",
        "before: an ffmpeg child hands on its first fragment",
    ];
    for (name, step) in names.into_iter().zip(steps) {
        let step = Samples::new(step);
        table.row(name, &[0.5, 0.9, 1.0].map(|part| step.quantile(part)));
    }
    table
}

/// When it is so, milliseconds.
async fn until(begun: Instant, is_so: impl Fn() -> bool) -> f64 {
    while !is_so() {
        tokio::time::sleep(LOOK).await;
    }
    begun.elapsed().as_secs_f64() * 1000.0
}

/// How long an ffmpeg that is started now takes to hand on a fragment, milliseconds.
async fn first_fragment(server: &RtspServer) -> f64 {
    let begun = Instant::now();
    let mut ffmpeg = filmed::reading(&server.url(MOUNT), false);
    let mut out = ffmpeg.stdout.take().unwrap();
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|word| word == b"mdat") {
        assert!(out.read_buf(&mut bytes).await.unwrap() > 0, "it ended");
    }
    begun.elapsed().as_secs_f64() * 1000.0
}
