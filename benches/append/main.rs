//! Appending to a real log with four witnesses, against the bare Merkle tree and against the disk
//! alone; and what a proof costs as a log grows.
//!
//! ```text
//! cargo run --release -p candor-benches --bin append [-- --json]
//! ```
//!
//! A submitter sends a leaf, waits for its proof under a cosigned head, and sends the next one.
//! *Eager* is a log that makes heads as fast as it can; *as shipped* waits 50 ms for others and
//! makes at most one head a second, as public witnesses ask.
#![allow(clippy::unwrap_used)]

mod client;

use client::Client;
use measure::{Candidate, Report, Samples, Table, in_turns};
use stage::log::Log;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use tlog::Hash;
use tlog::merkle::{Tree, leaf_hash, verify_consistency, verify_inclusion};
use tokio::task::JoinSet;

const SUBMITTERS: [usize; 3] = [1, 16, 256];
const ROUNDS: usize = 3;
const EAGER: Pace = Pace { batch_ms: 1, checkpoint_ms: 0 };
const SHIPPED: Pace = Pace { batch_ms: 50, checkpoint_ms: 1000 };

/// How long the log collects leaves, and the least time between two heads.
#[derive(Debug, Clone, Copy)]
struct Pace {
    batch_ms: u64,
    checkpoint_ms: u64,
}

/// Leaves that were cosigned in a while, and how long each waited.
struct Added {
    per_second: f64,
    waited_ms: Samples,
}

/// One round: the disk, the tree in memory, and the log with each number of submitters.
struct Round {
    fsync_ms: Samples,
    tree_per_second: f64,
    added: Vec<Added>,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut report = Report::new("append");
    for (name, pace, time) in [
        ("eager: heads as fast as they can be made", EAGER, Duration::from_millis(1200)),
        ("as shipped: a batch waits 50 ms, a head a second", SHIPPED, Duration::from_millis(2500)),
    ] {
        let rounds: Vec<Round> = runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let mut log = Log::start(config(dir.path(), pace)).await;
            // To warm up; and a proof that does not verify would end it here.
            let client = Client::new(&log);
            let leaf = client.leaf("the first");
            let proof = client.add(&leaf).await;
            assert_eq!(client.verify(leaf, &proof), 0);
            let mut rounds = Vec::new();
            for number in 0..ROUNDS {
                rounds.push(round(&log, number, time).await);
            }
            log.stop().await;
            rounds
        });
        report.add(table(name, &rounds));
    }
    report.add(growth());
    report.print();
}

fn config(dir: &Path, pace: Pace) -> log_server::Config {
    let mut config = stage::log::config(dir, stage::log::vkeys([stage::keys::sponsor()]));
    // Rates are not what is measured.
    let submitter = &mut config.submitters[0];
    (submitter.per_minute, submitter.burst, submitter.bytes_per_minute) = (u32::MAX, u32::MAX, u32::MAX);
    log_server::Config {
        batch_ms: pace.batch_ms,
        checkpoint_ms: pace.checkpoint_ms,
        beyond_quorum_ms: 100,
        add_wait_secs: 30,
        ..config
    }
}

async fn round(log: &Log, number: usize, time: Duration) -> Round {
    let fsync_ms = fsyncs(&log.config.data, 30);
    let tree_per_second = bare_tree();
    let mut added = Vec::new();
    for submitters in SUBMITTERS {
        added.push(submit(log, number, submitters, time).await);
    }
    Round { fsync_ms, tree_per_second, added }
}

async fn submit(log: &Log, round: usize, submitters: usize, time: Duration) -> Added {
    let mut all = JoinSet::new();
    let begun = Instant::now();
    for submitter in 0..submitters {
        let client = Client::new(log);
        all.spawn(async move {
            let mut waited = Vec::new();
            while begun.elapsed() < time {
                let leaf = client.leaf(&format!("{round} {submitters} {submitter} {}", waited.len()));
                let sent = Instant::now();
                client.add(&leaf).await;
                waited.push(sent.elapsed().as_secs_f64() * 1e3);
            }
            waited
        });
    }
    let waited_ms: Vec<f64> = all.join_all().await.into_iter().flatten().collect();
    Added {
        per_second: waited_ms.len() as f64 / begun.elapsed().as_secs_f64(),
        waited_ms: Samples::new(waited_ms),
    }
}

/// A leaf's bytes written to a file that grows, and fsync: the least that "durable" can mean here.
fn fsyncs(dir: &Path, times: usize) -> Samples {
    let mut file = File::create(dir.join("fsync")).unwrap();
    let one = |_| {
        let begun = Instant::now();
        file.write_all(&[7; 700]).unwrap();
        file.sync_all().unwrap();
        begun.elapsed().as_secs_f64() * 1e3
    };
    Samples::new((0..times).map(one).collect())
}

/// Leaves a second into a tree in memory: hash, push, a new root.
fn bare_tree() -> f64 {
    const LEAVES: u32 = 20_000;
    let (begun, mut tree, mut leaf) = (Instant::now(), Tree::new(), [7; 700]);
    for at in 0..LEAVES {
        leaf[..4].copy_from_slice(&at.to_be_bytes());
        tree.push(leaf_hash(&leaf));
        std::hint::black_box(tree.root());
    }
    f64::from(LEAVES) / begun.elapsed().as_secs_f64()
}

fn table(name: &str, rounds: &[Round]) -> Table {
    let mut table = Table::new(
        format!("{name}; log and 4 witnesses, 3 must cosign; medians of {ROUNDS} rounds"),
        &["", "leaves/s", "of 1", "p50 ms", "p99 ms", "p50 of fsync", "bare tree/log"],
    );
    let median = |what: &dyn Fn(&Round) -> f64| Samples::new(rounds.iter().map(what).collect()).median();
    for (at, submitters) in SUBMITTERS.into_iter().enumerate() {
        let numbers = [
            median(&|round| round.added[at].per_second),
            median(&|round| round.added[at].per_second / round.added[0].per_second),
            median(&|round| round.added[at].waited_ms.median()),
            median(&|round| round.added[at].waited_ms.quantile(0.99)),
            median(&|round| round.added[at].waited_ms.median() / round.fsync_ms.median()),
            median(&|round| round.tree_per_second / round.added[at].per_second),
        ];
        table.row(format!("{submitters} submitters"), &numbers);
    }
    let (p50, p99) =
        (median(&|round| round.fsync_ms.median()), median(&|round| round.fsync_ms.quantile(0.99)));
    table.row("fsync alone", &[1e3 / p50, f64::NAN, p50, p99, 1.0, f64::NAN]);
    table.row(
        "bare tree alone",
        &[median(&|round| round.tree_per_second), f64::NAN, f64::NAN, f64::NAN, f64::NAN, 1.0],
    );
    table
}

/// The same questions to a small and to a large tree.
fn growth() -> Table {
    let sizes = [1u64 << 10, 1 << 20];
    let mut tree = Tree::new();
    let mut table = Table::new(
        "proofs as a log grows; times from a tree in memory, and of 2^20 as a multiple of 2^10",
        &["what", "2^10: us", "2^20: us", "2^20/2^10", "2^10: hashes", "2^20: hashes"],
    );
    for at in 0..sizes[1] {
        tree.push(leaf_hash(&at.to_be_bytes()));
    }
    let roots = sizes.map(|size| tree.root_at(size).unwrap());
    // Not a corner: a leaf from the middle, and a head that is no power of two.
    let (leaf_at, old_at) = (|size: u64| size / 3, |size: u64| size / 3 * 2 + 1);
    let included = sizes.map(|size| tree.prove_inclusion(leaf_at(size), size).unwrap());
    let grown = sizes.map(|size| tree.prove_consistency(old_at(size), size).unwrap());
    let old_roots = sizes.map(|size| tree.root_at(old_at(size)).unwrap());
    let leaf = |at: usize| -> Hash { leaf_hash(&leaf_at(sizes[at]).to_be_bytes()) };
    let check_in = |at: usize| {
        verify_inclusion(&leaf(at), leaf_at(sizes[at]), sizes[at], &roots[at], &included[at]).unwrap()
    };
    let check_grown = |at: usize| {
        verify_consistency(old_at(sizes[at]), &old_roots[at], sizes[at], &roots[at], &grown[at]).unwrap()
    };
    let rounds = in_turns(
        Duration::from_secs(4),
        vec![
            Candidate::new("prove 0", || tree.prove_inclusion(leaf_at(sizes[0]), sizes[0]).unwrap()),
            Candidate::new("prove 1", || tree.prove_inclusion(leaf_at(sizes[1]), sizes[1]).unwrap()),
            Candidate::new("verify 0", || check_in(0)),
            Candidate::new("verify 1", || check_in(1)),
            Candidate::new("prove growth 0", || tree.prove_consistency(old_at(sizes[0]), sizes[0]).unwrap()),
            Candidate::new("prove growth 1", || tree.prove_consistency(old_at(sizes[1]), sizes[1]).unwrap()),
            Candidate::new("verify growth 0", || check_grown(0)),
            Candidate::new("verify growth 1", || check_grown(1)),
        ],
    );
    let inclusion = included.map(|proof| proof.0.len() as f64);
    let consistency = grown.map(|proof| proof.0.len() as f64);
    for (what, small, large, hashes) in [
        ("prove that a leaf is in", "prove 0", "prove 1", inclusion),
        ("verify it", "verify 0", "verify 1", inclusion),
        ("prove that it only grew", "prove growth 0", "prove growth 1", consistency),
        ("verify it", "verify growth 0", "verify growth 1", consistency),
    ] {
        let us = |name| rounds.seconds(name).median() * 1e6;
        table.row(what, &[us(small), us(large), rounds.ratio(large, small).median(), hashes[0], hashes[1]]);
    }
    table
}
