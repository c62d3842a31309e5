//! Four cameras and four viewers for an hour: does any of them hold more and more?
//!
//! ```text
//! cargo run --release -p candor-benches --bin soak -- [--minutes 30] [--warm-up 30] [--json]
//! ```
//!
//! Relay, cameras and viewers are processes of their own, as in a deployment: this program starts
//! itself again as `candor <party> <verb>`. Log, witnesses, trustees and monitors run in this one,
//! and are one row. Every few seconds the memory and the open descriptors of each are read; the
//! line through what came after the warm-up says how fast they grow, and those through its two
//! halves whether they slow down.
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
/// Minutes that are counted, unless it is said.
const MINUTES: u64 = 30;
/// Minutes before them that are not counted, unless it is said: pools, caches, windows and the
/// allocator's arenas fill.
const WARM_UP: u64 = 30;

fn main() -> ExitCode {
    // As one of the parties.
    if std::env::args().nth(1).is_some_and(|first| !first.starts_with("--")) {
        return candor::cli::main();
    }
    let [counted, warm_up] = [("--minutes", MINUTES), ("--warm-up", WARM_UP)].map(minutes);
    assert!(!counted.is_zero(), "--minutes is at least 1");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(soak(warm_up, counted));
    ExitCode::SUCCESS
}

fn minutes((name, default): (&str, u64)) -> Duration {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    Duration::from_secs(60 * arguments.next().map_or(default, |minutes| minutes.parse().unwrap()))
}

async fn soak(warm_up: Duration, counted: Duration) {
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
    while begun.elapsed() < warm_up + counted {
        looks.tick().await;
        for part in &mut parts {
            part.look(begun.elapsed());
        }
    }
    report.add(table(warm_up, counted, &parts));
    report.add(work(&stage, &viewing).await);
    report.print();
    drop(parts);
    stage.strike().await;
}

fn table(warm_up: Duration, counted: Duration, parts: &[Part]) -> Table {
    let minutes = |time: Duration| time.as_secs() / 60;
    let mut table = Table::new(
        format!(
            "{} minutes, looked at every {} s, after {} minutes of warm-up that are not counted",
            minutes(counted),
            LOOK.as_secs(),
            minutes(warm_up)
        ),
        &[
            "process",
            "own memory: first kB",
            "last kB",
            "most kB",
            "kB/hour",
            "+-",
            "first half",
            "second half",
            "descriptors: first",
            "last",
            "most",
        ],
    );
    for part in parts {
        let looks = |from: Duration, to: Duration| {
            part.looks.iter().filter(move |(at, _)| *at >= from && *at < to).collect::<Vec<_>>()
        };
        let slope = |from, to| {
            let hours = |at: &Duration| at.as_secs_f64() / 3600.0;
            let looks = looks(from, to);
            let memory: Vec<_> = looks.iter().map(|(at, held)| (hours(at), held.own_kb as f64)).collect();
            least_squares(&memory)
        };
        let (middle, end) = (warm_up + counted / 2, warm_up + counted);
        let all = looks(warm_up, end);
        let memory: Vec<f64> = all.iter().map(|(_, held)| held.own_kb as f64).collect();
        let descriptors: Vec<f64> = all.iter().map(|(_, held)| held.descriptors as f64).collect();
        let whole = slope(warm_up, end);
        let halves = [slope(warm_up, middle), slope(middle, end)].map(|half| half.growth);
        let [m, d] = [&memory, &descriptors].map(|values| edges(values));
        let row = [m[0], m[1], m[2], whole.growth, whole.error, halves[0], halves[1], d[0], d[1], d[2]];
        table.row(&part.name, &row);
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
    let cameras = owner::status::status(&stage.cast.people.owner).await.unwrap();
    for (part, viewing) in stage.cast.video.cameras.iter().zip(viewing) {
        let stored = cameras.iter().find(|camera| camera.name == part.name).unwrap();
        table.row(
            &part.name,
            &[stored.segments as f64, stored.bytes as f64 / 1e6, viewing.bytes() as f64 / 1e6],
        );
    }
    table
}
