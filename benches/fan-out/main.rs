//! One camera, one real relay on loopback, 1 to 64 viewers: how much, how soon, at what cost; and
//! that a slow viewer slows nobody else.
//!
//! ```text
//! cargo run --release -p candor-benches --bin fan-out [-- --json]
//! ```
//!
//! Everything is measured twice in each round: through the relay, and through a bare forwarder made
//! of the same `quic` crate, which checks nothing, stores nothing and knows nobody. *Paced*: a 4
//! Mbit/s camera with a fragment each 33 ms, for latency and processor time. *Pushed*: the camera
//! sends the next segment once all viewers have the one before the last, for the most that goes
//! through.
#![allow(clippy::unwrap_used)]

mod camera;
mod forwarder;
mod tables;
mod viewer;

use camera::Camera;
use forwarder::{End, Forwarder};
use measure::{Report, Samples, cpu};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tables::{Round, against_bare, slow_viewers, through_the_relay};
use tokio::sync::mpsc;
use viewer::{Clock, Seen};

const VIEWERS: [usize; 4] = [1, 4, 16, 64];
/// Viewers that read beside those that do not.
const READING: usize = 8;
const ROUNDS: usize = 3;
const FRAGMENT: usize = 16 << 10;
/// A segment of a second.
pub(crate) const FRAGMENTS: u32 = 30;
const GAP: Duration = Duration::from_micros(33_333);
/// How long a camera is pushed in one round.
const PUSHED: Duration = Duration::from_millis(300);
/// More than what a connection's windows take for a peer that does not read.
const FILL: usize = 20 << 20;
/// Segments that are on their way at once when pushed.
const AHEAD: u64 = 2;

/// A forwarder and the camera that publishes through it.
struct Side {
    forwarder: Forwarder,
    camera: Camera,
    end: End,
}

fn main() {
    // The camera and all viewers; the forwarders have their own.
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).thread_name("cast").enable_all().build().unwrap();
    let mut report = Report::new("fan-out");
    let mut relay = Side::new(&runtime, Forwarder::relay());
    let mut bare = Side::new(&runtime, Forwarder::bare());
    // To warm up.
    runtime.block_on(async { (relay.round(1, None).await, bare.round(1, None).await) });

    let mut rounds: Vec<(usize, Vec<(Round, Round)>)> = VIEWERS.map(|viewers| (viewers, Vec::new())).to_vec();
    let mut slow: Vec<(usize, Vec<Round>)> = [0, 2].map(|stalled| (stalled, Vec::new())).to_vec();
    for _ in 0..ROUNDS {
        for (viewers, rounds) in &mut rounds {
            rounds.push(
                runtime.block_on(async {
                    (relay.round(*viewers, None).await, bare.round(*viewers, None).await)
                }),
            );
        }
        for (stalled, rounds) in &mut slow {
            rounds.push(runtime.block_on(relay.round(READING, Some(*stalled))));
        }
    }
    report.add(through_the_relay(&rounds));
    report.add(against_bare(&rounds));
    report.add(slow_viewers(&slow));
    report.print();
    for side in [relay, bare] {
        side.end.link.goodbye();
        side.forwarder.stop();
    }
}

impl Side {
    fn new(runtime: &tokio::runtime::Runtime, forwarder: Forwarder) -> Self {
        let camera = Camera::new();
        let end = runtime.block_on(forwarder.connect_camera(&camera));
        Self { forwarder, camera, end }
    }

    /// Pushes, then films at the camera's pace, with so many viewers that read and so many that
    /// were sent to and stopped reading.
    async fn round(&mut self, viewers: usize, stalled: Option<usize>) -> Round {
        let mut reading = Vec::new();
        for _ in 0..viewers {
            reading.push(self.forwarder.connect_viewer(self.camera.id()).await);
        }
        let mut not_reading = Vec::new();
        for _ in 0..stalled.unwrap_or(0) {
            not_reading.push(self.forwarder.connect_viewer(self.camera.id()).await);
        }
        if stalled.is_some() {
            // What their windows still take is sent before anything is measured.
            self.push(&mut reading, FILL).await;
        }
        let (pushed_s, pushed) = self.push(&mut reading, 0).await;
        let (threads, store) = (self.forwarder.threads, format!("{}-store", self.forwarder.threads));
        let before = (cpu::used_by(threads), cpu::used_by(&store));
        let sent = FRAGMENTS;
        let seen = self.pace(&mut reading).await;
        let used = (cpu::used_by(threads) - before.0, cpu::used_by(&store) - before.1);
        for end in reading.iter().chain(&not_reading) {
            end.link.goodbye();
        }
        let fragments: usize = seen.latencies_ms.len();
        let latencies = Samples::new(seen.latencies_ms);
        Round {
            p50_ms: latencies.quantile(0.5),
            p99_ms: latencies.quantile(0.99),
            cpu_s_per_gb: used.0.as_secs_f64() / (fragments * FRAGMENT) as f64 * 1e9,
            store_percent: 100.0 * used.1.as_secs_f64() / used.0.as_secs_f64(),
            per_second: pushed.latencies_ms.len() as f64 / pushed_s,
            delivered: 100.0 * fragments as f64 / (viewers as f64 * f64::from(sent)),
        }
    }

    /// One segment, fragment by fragment, as a camera films.
    async fn pace(&mut self, viewers: &mut Vec<End>) -> Seen {
        let clock = Arc::new(Clock::new(self.camera.next, 1));
        clock.set_last(self.camera.next);
        let watching = viewer::watch_all(viewers, &clock, None);
        let mut tick = tokio::time::interval(GAP);
        let mut out = self.end.link.open_segment(0).await.unwrap();
        for (at, piece) in self.camera.film(FRAGMENTS, &[7; FRAGMENT]).into_iter().enumerate() {
            tick.tick().await;
            clock.sent(at);
            out.write_bytes(piece).await.unwrap();
        }
        out.finish().unwrap();
        watching.join(viewers).await
    }

    /// Segment after segment, as fast as the viewers take them; at least so many bytes.
    async fn push(&mut self, viewers: &mut Vec<End>, least: usize) -> (f64, Seen) {
        let (done, mut finished) = mpsc::channel(1024);
        let first = self.camera.next;
        let clock = Arc::new(Clock::new(first, viewer::MOST_SEGMENTS));
        let mut behind = vec![first; viewers.len()];
        let watching = viewer::watch_all(viewers, &clock, Some(done));
        let (begun, mut bytes) = (Instant::now(), 0);
        loop {
            let over = begun.elapsed() >= PUSHED && bytes >= least || clock.is_full_at(self.camera.next);
            if over {
                clock.set_last(self.camera.next);
            }
            let number = (self.camera.next - first) as usize;
            let mut out = self.end.link.open_segment(0).await.unwrap();
            for (at, piece) in self.camera.film(FRAGMENTS, &[7; FRAGMENT]).into_iter().enumerate() {
                clock.sent(number * FRAGMENTS as usize + at);
                bytes += piece.len();
                out.write_bytes(piece).await.unwrap();
            }
            out.finish().unwrap();
            if over {
                break;
            }
            while behind.iter().any(|next| u64::from(*next) + AHEAD <= u64::from(self.camera.next)) {
                let (viewer, sequence): (usize, u32) = finished.recv().await.unwrap();
                behind[viewer] = sequence + 1;
            }
        }
        drop(finished);
        let seen = watching.join(viewers).await;
        (begun.elapsed().as_secs_f64(), seen)
    }
}
