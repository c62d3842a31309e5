//! Every scope holds; every mistake is found.

use crate::{Mistake, Scope, check, find};

/// As the machines of the test command have them.
const THREADS: usize = 2;

fn holds(scope: Scope) {
    let name = scope.name;
    let outcome = check(scope, THREADS, |_| ());
    let broken: Vec<_> = outcome.broken.iter().map(|(name, found)| format!("{name}\n{found}")).collect();
    assert!(broken.is_empty(), "{name}: {}", broken.join("\n"));
    assert_eq!(outcome.missing, [""; 0], "{name}: what must happen somewhere never did");
    // It is told with `--nocapture`: what proto/model.md says of sizes is read here.
    #[allow(clippy::print_stdout)]
    {
        println!(
            "{name}: {} states, {} histories, {} deep, {:?}",
            outcome.states, outcome.histories, outcome.depth, outcome.took
        );
    }
}

#[test]
fn a_key_that_is_known_has_its_grants_in_the_log_whatever_falls_or_forks() {
    holds(Scope::releasing());
}

#[test]
fn the_owners_one_reading_finds_what_counts_whenever_it_is_logged() {
    holds(Scope::reading());
}

#[test]
fn what_is_counted_is_counted_from_the_log() {
    holds(Scope::counting());
}

#[test]
fn an_id_is_one_leafs_whoever_forgets() {
    holds(Scope::naming());
}

#[test]
fn a_veto_that_was_read_or_stood_for_minutes_holds() {
    holds(Scope::recovering());
}

#[test]
fn what_was_read_is_not_undone_by_witnesses_who_all_lie() {
    holds(Scope::rewriting());
}

/// The checks above can fail: each mistake leads somewhere.
#[test]
fn every_mistake_that_is_made_on_purpose_is_found() {
    for mistake in Mistake::ALL {
        let (scope, promise) = mistake.breaks();
        let found = find(mistake, THREADS);
        let found = found.unwrap_or_else(|| panic!("{}: not found within {}", mistake.word(), scope.name));
        #[allow(clippy::print_stdout)]
        {
            println!("{} breaks \"{}\":\n{found}", mistake.word(), promise.name());
        }
    }
}
