//! Four cameras and four viewers for half an hour: does any of them hold more and more?
//!
//! ```text
//! cargo run --release -p candor-benches --bin soak -- [--minutes 30] [--json]
//! ```
//!
//! Relay, cameras and viewers are processes of their own, as in a deployment: this program starts itself again as `candor <party> <verb>`.
//! Log, witnesses, trustees and monitors run in this one, and are one row. Every few seconds the memory and the open descriptors of each
//! are read; the line through what came after the warm-up says how fast they grow.
#![allow(clippy::unwrap_used)]

mod part;

use measure::slope::least_squares;
use measure::{Report, Table};
use part::{Part, Viewing};
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::{Instant, interval};
use world::{Stage, config_files};

const CAMERAS: usize = 4;
/// As a deployment's.
const EPOCH_SECONDS: u16 = 60;
const LOOK: Duration = Duration::from_secs(5);
/// The part of the time that is not counted: pools, caches and windows fill.
const WARM_UP: f64 = 0.2;

fn main() -> ExitCode {
    // As one of the parties.
    if std::env::args().nth(1).is_some_and(|first| !first.starts_with("--")) {
        return candor::cli::main();
    }
    let minutes = minutes();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(soak(Duration::from_secs(60 * minutes)));
    ExitCode::SUCCESS
}

fn minutes() -> u64 {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--minutes").skip(1);
    let minutes = arguments.next().map_or(30, |minutes| minutes.parse().unwrap());
    assert!(minutes > 0, "--minutes is at least 1");
    minutes
}

async fn soak(time: Duration) {
    let mut report = Report::new("soak");
    let mut stage = Stage::set_with(CAMERAS, |plan| plan.epoch_seconds = EPOCH_SECONDS).await;
    // They are paired; from here on they are processes.
    for camera in &mut stage.cast.video.cameras {
        camera.part.stop().await.unwrap();
    }
    stage.cast.video.relay.stop().await.unwrap();
    let mut parts = vec![Part::this("log, witnesses, trustees, monitors")];
    parts.push(Part::start("relay", &["relay", "serve", "--config"], &config_files::relay(&stage), &[]));
    let owner = config_files::owner(&stage);
    let mut viewing = Vec::new();
    for n in 0..CAMERAS {
        let config = config_files::filming(&stage, n);
        parts.push(Part::start(format!("camera {}", n + 1), &["camera", "run", "--config"], &config, &[]));
    }
    stage.stored_until(host::clock::now_us()).await;
    for (n, camera) in (1..).zip(&stage.cast.video.cameras) {
        let (part, bytes) = Viewing::start(format!("viewer {n}"), &owner, &camera.name);
        parts.push(part);
        viewing.push(bytes);
    }

    let (begun, mut looks) = (Instant::now(), interval(LOOK));
    while begun.elapsed() < time {
        looks.tick().await;
        for part in &mut parts {
            part.look(begun.elapsed());
        }
    }
    report.add(table(time, &parts));
    report.add(work(&stage, &viewing).await);
    report.print();
    drop(parts);
    stage.strike().await;
}

fn table(time: Duration, parts: &[Part]) -> Table {
    let minutes = time.as_secs() / 60;
    let mut table = Table::new(
        format!(
            "{minutes} minutes, looked at every {} s; the first {:.0} % are warm-up and not counted",
            LOOK.as_secs(),
            100.0 * WARM_UP
        ),
        &[
            "process",
            "own memory: first kB",
            "last kB",
            "most kB",
            "kB/hour",
            "+-",
            "descriptors: first",
            "last",
            "most",
        ],
    );
    for part in parts {
        let counted: Vec<_> = part.looks.iter().filter(|(at, _)| *at >= time.mul_f64(WARM_UP)).collect();
        let memory: Vec<(f64, f64)> =
            counted.iter().map(|(at, held)| (at.as_secs_f64() / 3600.0, held.own_kb as f64)).collect();
        let descriptors: Vec<f64> = counted.iter().map(|(_, held)| held.descriptors as f64).collect();
        let memory_kb: Vec<f64> = memory.iter().map(|(_, kb)| *kb).collect();
        let slope = least_squares(&memory);
        let [m, d] = [&memory_kb, &descriptors].map(|values| edges(values));
        table.row(&part.name, &[m[0], m[1], m[2], slope.growth, slope.error, d[0], d[1], d[2]]);
    }
    table
}

/// The first, the last, the most.
fn edges(values: &[f64]) -> [f64; 3] {
    let ends = |value: Option<&f64>| value.copied().unwrap_or(f64::NAN);
    [ends(values.first()), ends(values.last()), values.iter().copied().fold(f64::NAN, f64::max)]
}

/// That they worked all the while.
async fn work(stage: &Stage, viewing: &[Viewing]) -> Table {
    let mut table =
        Table::new("what they did", &["camera", "segments stored", "MB stored", "MB watched live"]);
    let cameras = owner::book::status(&stage.cast.people.owner).await.unwrap();
    for (part, viewing) in stage.cast.video.cameras.iter().zip(viewing) {
        let stored = cameras.iter().find(|camera| camera.name == part.name).unwrap();
        table.row(
            &part.name,
            &[stored.segments as f64, stored.bytes as f64 / 1e6, viewing.bytes() as f64 / 1e6],
        );
    }
    table
}
