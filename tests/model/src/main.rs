//! The model with larger bounds, or with a mistake, from the command line.
//!
//! ```text
//! cargo run --release -p model                                  every scope of the test command
//! cargo run --release -p model -- reading --leaves 3            one of them, with larger bounds
//! cargo run --release -p model -- --mistake no-stored-head      the steps to what a mistake breaks
//! ```
#![allow(clippy::print_stdout)]

use clap::Parser;
use clap::builder::PossibleValuesParser;
use model::{Ask, Mistake, Outcome, Scope, check, find};
use std::process::ExitCode;

/// Visits every state of the release protocol within bounds, and says whether its promises hold in each.
#[derive(Debug, Parser)]
#[command(name = "model")]
struct Args {
    /// What is tried; all of them where none is named
    #[arg(value_parser = PossibleValuesParser::new(["recovering", "rewriting", "reading", "releasing", "naming", "counting"]))]
    scopes: Vec<String>,
    /// Cameras of the owner: with 2 there is an emergency about the other one as well
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    cameras: u8,
    /// Let every request of the model be asked within these scopes
    #[arg(long)]
    every_request: bool,
    /// The most requests and vetoes in one history of the log
    #[arg(long, value_name = "N")]
    leaves: Option<usize>,
    /// Trustees of the owner's policy, at most 5
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=5))]
    trustees: Option<u8>,
    /// So many of them rebuild a key
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u8).range(1..=5))]
    needed: Option<u8>,
    /// So many of them leak their shares, fewer than are needed
    #[arg(long, value_name = "M")]
    leaking: Option<u8>,
    /// How often a trustee may fall
    #[arg(long, value_name = "N")]
    crashes: Option<u8>,
    /// How often a trustee may be put back from an old backup
    #[arg(long, value_name = "N")]
    restores: Option<u8>,
    /// How many histories the log may have
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=3))]
    histories: Option<u8>,
    /// Make this mistake, and show what comes of it
    #[arg(long, value_parser = PossibleValuesParser::new(Mistake::ALL.map(Mistake::word)))]
    mistake: Option<String>,
    /// Threads
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let threads = usize::from(args.threads);
    if let Some(word) = &args.mistake {
        return make(Mistake::ALL.into_iter().find(|mistake| mistake.word() == *word), threads);
    }
    let is_asked =
        |scope: &Scope| args.scopes.is_empty() || args.scopes.iter().any(|name| name == scope.name);
    let mut all_hold = true;
    for scope in Scope::all().into_iter().filter(is_asked) {
        let scope = match args.bounds(scope) {
            Ok(scope) => scope,
            Err(error) => {
                println!("{error}");
                return ExitCode::from(2);
            }
        };
        println!("{}: {scope:?}", scope.name);
        let name = scope.name;
        all_hold &= told(name, &check(scope, threads, |progress| println!("{name}: {progress}")));
    }
    if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn make(mistake: Option<Mistake>, threads: usize) -> ExitCode {
    let Some(mistake) = mistake else { return ExitCode::from(2) };
    let (scope, promise) = mistake.breaks();
    match find(mistake, threads) {
        Some(found) => {
            println!("{} breaks \"{}\" within {}:\n{found}", mistake.word(), promise.name(), scope.name);
            ExitCode::SUCCESS
        }
        None => {
            println!("{}: nothing is broken within {}", mistake.word(), scope.name);
            ExitCode::FAILURE
        }
    }
}

impl Args {
    /// A scope with the bounds that were asked for.
    fn bounds(&self, mut scope: Scope) -> Result<Scope, &'static str> {
        if self.every_request {
            scope.asks = Ask::ALL.into_iter().filter(|ask| *ask != Ask::Other).collect();
        }
        if self.cameras > 1 {
            scope.asks.push(Ask::Other);
        }
        scope.leaves = self.leaves.unwrap_or(scope.leaves);
        scope.trustees = self.trustees.unwrap_or(scope.trustees);
        scope.needed = self.needed.unwrap_or(scope.needed);
        scope.leaking = self.leaking.unwrap_or(scope.leaking);
        scope.crashes = self.crashes.unwrap_or(scope.crashes);
        scope.restores = self.restores.unwrap_or(scope.restores);
        scope.histories = self.histories.map_or(scope.histories, usize::from);
        match scope.leaking < scope.needed && scope.needed <= scope.trustees {
            true => Ok(scope),
            false => Err("fewer must leak than are needed, and no more be needed than there are"),
        }
    }
}

fn told(name: &str, outcome: &Outcome) -> bool {
    let Outcome { states, histories, depth, took, broken, missing } = outcome;
    let secs = took.as_secs();
    println!("{name}: {states} states, {histories} histories of the log, {depth} steps deep, {secs} s");
    for (promise, found) in broken {
        println!("{name}: BROKEN: {promise}\n{found}");
    }
    for never in missing {
        println!("{name}: never happened: {never}");
    }
    broken.is_empty() && missing.is_empty()
}
