//! Live: how much later than the camera the owner sees, and where the time goes.
//!
//! ```text
//! cargo run -p candor-benches --bin live [-- --json]       needs ffmpeg, chromium, GStreamer's RTSP server (deploy/setup.sh)
//! ```
//!
//! One RTSP camera at 30 pictures a second that draws the wall clock into each; filmed, sealed,
//! relayed and opened as it ships, over loopback, with fragments of 100 ms. *Added*: from a
//! fragment's being complete in the camera to its being open in the owner's app. *Glass to glass*:
//! from the drawing of a picture to its being on the owner's page in chromium. In turns with it the
//! same source without Candor ([`bare`]): the same ffmpeg, straight into a page with the same
//! rules.
#![allow(clippy::unwrap_used)]

mod bare;

use bare::Bare;
use camera::Transport;
use host::shutdown::Shutdown;
use measure::{Report, Samples, Table};
use owner::live::Event;
use std::time::Duration;
use world::browser::Browser;
use world::filming::Filming;
use world::rtsp::RtspServer;
use world::wall_clock::{self, Followed};
use world::{Stage, until};

/// Turns of each kind of page.
const ROUNDS: usize = 3;
/// Pictures that are followed in each.
const PICTURES: usize = 300;
/// How long fragments are counted for what is added.
const COUNTED: Duration = Duration::from_secs(20);
const MOUNT: &str = wall_clock::MOUNTS[0];

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut report = Report::new("live");
    runtime.block_on(measure(&mut report));
    report.print();
}

async fn measure(report: &mut Report) {
    let stage = Stage::set(0).await;
    let server = RtspServer::start().await;
    let filming = Filming::begin(&stage, MOUNT, server.source(MOUNT, Transport::Tcp)).await;
    filming.acked(2).await;

    let added = added(&stage).await;
    let mut table = Table::new(
        "added by Candor: fragment complete in the camera -> open in the owner's app",
        &["path", "fragments", "p50 ms", "p99 ms", "most ms"],
    );
    let [p50, p99, most] = [0.5, 0.99, 1.0].map(|part| added.quantile(part));
    table.row("camera, relay, owner", &[added.len() as f64, p50, p99, most]);
    report.add(table);

    let app = owner::app::start(stage.cast.people.owner.clone(), None, stage.shutdown.child()).await.unwrap();
    let bare = Bare::start(&server, MOUNT).await;
    let (mut candor, mut without) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        candor.push(followed(&app.at().url).await);
        without.push(followed(bare.url()).await);
    }
    report.add(glass_to_glass(&candor, &without));
    report.add(shares(&candor, added.median()));
    app.stop_and_join().await.unwrap();
    bare.stop().await;
    filming.stop().await;
    stage.strike().await;
}

/// Milliseconds, of each fragment.
async fn added(stage: &Stage) -> Samples {
    let mut latencies = Vec::new();
    let mut on = |event| {
        if let Event::Fragment { latency_us, .. } = event {
            latencies.push(latency_us as f64 / 1000.0);
        }
    };
    let stop = Shutdown::new();
    let mut sink = tokio::io::sink();
    let watching = owner::live::live(&stage.cast.people.owner, MOUNT, &mut sink, &stop, &mut on);
    let counted = async {
        tokio::time::sleep(COUNTED).await;
        stop.request();
    };
    tokio::join!(watching, counted).0.unwrap();
    // The first segment comes from its beginning, which was before anybody watched.
    Samples::new(latencies.split_off(10.min(latencies.len())))
}

/// What one fresh browser shows of a page with one video, once its view has settled.
async fn followed(url: &str) -> Followed {
    let browser = Browser::start().await;
    browser.go(url).await;
    browser.until("a picture", "document.querySelector('video')?.currentTime > 8").await;
    wall_clock::follow(&browser).await;
    until("pictures", async || wall_clock::followed(&browser).await[0].pictures.len() >= PICTURES).await;
    wall_clock::followed(&browser).await.remove(0)
}

fn latencies(seen: &Followed) -> Samples {
    Samples::new(seen.pictures.iter().map(|picture| picture.latency_ms() as f64).collect())
}

fn glass_to_glass(candor: &[Followed], bare: &[Followed]) -> Table {
    let mut table = Table::new(
        format!("glass to glass, chromium; {ROUNDS} rounds of {PICTURES} pictures, in turns"),
        &["page", "p50 ms", "p99 ms", "stood still", "of bare: p50", "p99"],
    );
    for (name, rounds) in [("the owner's page", candor), ("bare: ffmpeg into a page", bare)] {
        let median = |of: &dyn Fn(usize) -> f64| Samples::new((0..ROUNDS).map(of).collect()).median();
        let at = |part: f64| median(&|round| latencies(&rounds[round]).quantile(part));
        let ratio = |part: f64| {
            median(&|round| latencies(&rounds[round]).quantile(part) / latencies(&bare[round]).quantile(part))
        };
        let waits: u64 = rounds.iter().map(|seen| seen.waits).sum();
        table.row(name, &[at(0.5), at(0.99), waits as f64, ratio(0.5), ratio(0.99)]);
    }
    table
}

fn shares(candor: &[Followed], added: f64) -> Table {
    let mut table =
        Table::new("where the median picture's time goes, the owner's page", &["step", "ms", "%"]);
    let all = |of: &dyn Fn(&wall_clock::Shown) -> f64| {
        Samples::new(candor.iter().flat_map(|seen| &seen.pictures).map(of).collect()).median()
    };
    let whole = all(&|shown| shown.latency_ms() as f64);
    let page = all(&|shown| shown.ahead as f64);
    for (step, ms) in [
        ("drawing, encoding, RTSP, a fragment's filling, decoding", whole - page - added),
        ("added by Candor", added),
        ("kept in hand by the page", page),
        ("whole", whole),
    ] {
        table.row(step, &[ms, 100.0 * ms / whole]);
    }
    table
}
