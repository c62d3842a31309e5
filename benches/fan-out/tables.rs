//! What the rounds say, in three tables.

use super::{FRAGMENT, READING, ROUNDS};
use measure::{Samples, Table};

/// One round of one side with so many viewers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// CPU seconds of the forwarder for a gigabyte that viewers received.
    pub(crate) cpu_s_per_gb: f64,
    /// Of these, the thread that stores.
    pub(crate) store_percent: f64,
    /// Pushed.
    pub(crate) per_second: f64,
    /// Of what was sent at the camera's pace, in percent.
    pub(crate) delivered: f64,
}

fn median(rounds: impl Iterator<Item = f64>) -> f64 {
    Samples::new(rounds.collect()).median()
}

pub(crate) fn through_the_relay(all: &[(usize, Vec<(Round, Round)>)]) -> Table {
    let mut table = Table::new(
        format!("through the relay; fragments of {} kB; medians of {ROUNDS} rounds", FRAGMENT >> 10),
        &[
            "viewers",
            "pushed: fragments/s",
            "MB/s",
            "of 1 viewer",
            "paced: p50 ms",
            "p99 ms",
            "delivered %",
            "cpu-s/GB",
            "of 1 viewer",
            "store %",
        ],
    );
    let of = |rounds: &[(Round, Round)], what: fn(&Round) -> f64| {
        median(rounds.iter().map(|(relay, _)| what(relay)))
    };
    let one = &all[0].1;
    for (viewers, rounds) in all {
        let (rate, cpu) = (of(rounds, |r| r.per_second), of(rounds, |r| r.cpu_s_per_gb));
        let numbers = [
            rate,
            rate * FRAGMENT as f64 / 1e6,
            rate / of(one, |r| r.per_second),
            of(rounds, |r| r.p50_ms),
            of(rounds, |r| r.p99_ms),
            of(rounds, |r| r.delivered),
            cpu,
            cpu / of(one, |r| r.cpu_s_per_gb),
            of(rounds, |r| r.store_percent),
        ];
        table.row(viewers.to_string(), &numbers);
    }
    table
}

pub(crate) fn against_bare(all: &[(usize, Vec<(Round, Round)>)]) -> Table {
    let mut table = Table::new(
        "the bare forwarder, and the relay as a multiple of it in the same round",
        &[
            "viewers",
            "bare: fragments/s",
            "p50 ms",
            "p99 ms",
            "cpu-s/GB",
            "relay/bare: fragments/s",
            "p50",
            "p99",
            "cpu",
            "cpu least",
            "cpu most",
        ],
    );
    for (viewers, rounds) in all {
        let bare = |what: fn(&Round) -> f64| median(rounds.iter().map(|(_, bare)| what(bare)));
        let ratios = |what: fn(&Round) -> f64| {
            Samples::new(rounds.iter().map(|(relay, bare)| what(relay) / what(bare)).collect())
        };
        let cpu = ratios(|r| r.cpu_s_per_gb);
        let numbers = [
            bare(|r| r.per_second),
            bare(|r| r.p50_ms),
            bare(|r| r.p99_ms),
            bare(|r| r.cpu_s_per_gb),
            ratios(|r| r.per_second).median(),
            ratios(|r| r.p50_ms).median(),
            ratios(|r| r.p99_ms).median(),
            cpu.median(),
            cpu.quantile(0.0),
            cpu.quantile(1.0),
        ];
        table.row(viewers.to_string(), &numbers);
    }
    table
}

pub(crate) fn slow_viewers(all: &[(usize, Vec<Round>)]) -> Table {
    let mut table = Table::new(
        format!(
            "{READING} viewers that read, beside some that stopped; rate and latency of those that read, and as multiples of none stalled"
        ),
        &[
            "stalled",
            "pushed: fragments/s",
            "of none",
            "paced: p50 ms",
            "of none",
            "p99 ms",
            "of none",
            "delivered %",
        ],
    );
    let none = &all[0].1;
    for (stalled, rounds) in all {
        let of = |what: fn(&Round) -> f64| median(rounds.iter().map(what));
        let ratio = |what: fn(&Round) -> f64| {
            median(rounds.iter().zip(none).map(|(own, none)| what(own) / what(none)))
        };
        let numbers = [
            of(|r| r.per_second),
            ratio(|r| r.per_second),
            of(|r| r.p50_ms),
            ratio(|r| r.p50_ms),
            of(|r| r.p99_ms),
            ratio(|r| r.p99_ms),
            of(|r| r.delivered),
        ];
        table.row(stalled.to_string(), &numbers);
    }
    table
}
