//! How the benches measure: candidates in turns, medians, ratios within a round; a table for
//! people, JSON for scripts.
//!
//! ```text
//! round 1: A B C    round 2: A B C    ...        a machine that slows down slows all of a round
//! ratio of B to A = median over rounds of (B in the round / A in the same round)
//! ```
//!
//! In scope: time, quantiles, processor time by thread name, what a process holds, growth,
//! printing. Out of scope: what is measured.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cpu;
pub mod process;
mod report;
pub mod slope;

pub use report::{Report, Table};

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Measured values of one thing.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    pub fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The value below which this part (0 to 1) of all lie; the nearest one that was measured. NaN
    /// of nothing.
    pub fn quantile(&self, part: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        // Rounded, and below the length: the cast loses nothing.
        let at = (part * last as f64).round() as usize;
        self.0.get(at).copied().unwrap_or(f64::NAN)
    }

    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Half the distance between the quartiles, in percent of the median.
    pub fn spread_percent(&self) -> f64 {
        50.0 * (self.quantile(0.75) - self.quantile(0.25)) / self.median()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One candidate: its name, and one call of what is measured.
pub struct Candidate<'a> {
    name: &'static str,
    call: Box<dyn FnMut() + 'a>,
}

impl<'a> Candidate<'a> {
    /// What `call` returns is kept from the optimiser.
    pub fn new<T>(name: &'static str, mut call: impl FnMut() -> T + 'a) -> Self {
        Self { name, call: Box::new(move || drop(black_box(call()))) }
    }
}

impl std::fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Candidate({})", self.name)
    }
}

/// What the rounds gave, by candidate, in the order given.
#[derive(Debug)]
pub struct Rounds {
    names: Vec<&'static str>,
    /// Seconds a call: `[candidate][round]`.
    seconds: Vec<Vec<f64>>,
}

/// Runs candidates in turns for about `budget`, each turn long enough that the clock's grain does
/// not matter.
pub fn in_turns(budget: Duration, mut candidates: Vec<Candidate<'_>>) -> Rounds {
    const ROUNDS: u32 = 15;
    let turn = budget / (ROUNDS + 2) / u32::try_from(candidates.len().max(1)).unwrap_or(1);
    // The first turn warms up and tells how many calls fit into one.
    let calls: Vec<u32> = candidates.iter_mut().map(|candidate| calls_within(turn, candidate)).collect();
    let mut seconds = vec![Vec::new(); candidates.len()];
    for _ in 0..ROUNDS {
        for (at, candidate) in candidates.iter_mut().enumerate() {
            let begun = Instant::now();
            for _ in 0..calls[at] {
                (candidate.call)();
            }
            seconds[at].push(begun.elapsed().as_secs_f64() / f64::from(calls[at]));
        }
    }
    Rounds { names: candidates.iter().map(|candidate| candidate.name).collect(), seconds }
}

fn calls_within(turn: Duration, candidate: &mut Candidate<'_>) -> u32 {
    let (begun, mut calls) = (Instant::now(), 0);
    while calls == 0 || begun.elapsed() < turn {
        (candidate.call)();
        calls += 1;
    }
    calls
}

impl Rounds {
    fn at(&self, name: &str) -> &[f64] {
        let at = self.names.iter().position(|known| *known == name);
        at.map(|at| &self.seconds[at][..]).unwrap_or_else(|| panic!("no candidate is called {name}"))
    }

    /// Seconds a call.
    pub fn seconds(&self, name: &str) -> Samples {
        Samples::new(self.at(name).to_vec())
    }

    /// How many times as long as `base` it took, round by round.
    pub fn ratio(&self, name: &str, base: &str) -> Samples {
        Samples::new(self.at(name).iter().zip(self.at(base)).map(|(own, base)| own / base).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let samples = Samples::new(vec![5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!([0.0, 0.5, 1.0].map(|part| samples.quantile(part)), [1.0, 3.0, 5.0]);
        assert!((samples.spread_percent() - 100.0 / 3.0).abs() < 1e-9);
        assert!(Samples::default().median().is_nan());
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // Each round is ten times slower than the one before; the ratio is 2 in all of them.
        let rounds = Rounds { names: vec!["a", "b"], seconds: vec![vec![1.0, 10.0], vec![2.0, 20.0]] };
        assert_eq!(rounds.ratio("b", "a").quantile(0.0), 2.0);
        assert_eq!(rounds.ratio("b", "a").quantile(1.0), 2.0);
    }

    #[test]
    fn every_candidate_runs_equally_often_in_turns() {
        let rounds =
            in_turns(Duration::from_millis(20), vec![Candidate::new("a", || 1), Candidate::new("b", || 2)]);
        assert_eq!(rounds.at("a").len(), rounds.at("b").len());
        assert!(rounds.seconds("a").median() > 0.0);
    }
}
