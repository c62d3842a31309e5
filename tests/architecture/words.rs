//! Words that must not stand where they would be a fault of a kind.

use super::arrows::SCIENCES;
use super::{crate_of, is_for_tests, rust, sources};
use std::collections::BTreeSet;

/// Crates that still hide variants from a workspace that must decide about each of them.
const STILL_NON_EXHAUSTIVE: &[&str] = &[];

/// Files that still make for themselves what `host::blocking` and `host::lock` hold.
const STILL_THEIR_OWN: &[&str] = &[];

#[test]
fn sciences_take_time_and_chance_as_arguments() {
    for (path, text) in sources() {
        let in_science = crate_of(&path).is_some_and(|name| SCIENCES.contains(&name));
        if !in_science || is_for_tests(&path) {
            continue;
        }
        let shipped = text.split("#[cfg(test)]").next().unwrap();
        for hand in
            ["SystemTime::now", "Instant::now", "std::fs", "std::net", "std::env", "thread_rng", "OsRng"]
        {
            assert!(!shipped.contains(hand), "{} uses {hand}", path.display());
        }
    }
}

/// A new variant is a compile error at each place that must decide about it. Nothing is published
/// that could need the attribute.
#[test]
fn nothing_is_non_exhaustive() {
    let mut found = BTreeSet::new();
    for (path, text) in sources() {
        if rust::tokens(&text).iter().any(|token| token.text == "non_exhaustive") {
            found.insert(crate_of(&path).unwrap_or("tests").to_owned());
        }
    }
    assert_eq!(found, STILL_NON_EXHAUSTIVE.iter().map(|name| (*name).to_owned()).collect());
}

/// A lock that a panic does not poison, and work on a thread that may wait, exist once: in `host`.
#[test]
fn locks_and_waiting_threads_are_those_of_the_host() {
    let mut found = BTreeSet::new();
    for (path, text) in sources() {
        if crate_of(&path).is_none_or(|name| name == "host") || is_for_tests(&path) {
            continue;
        }
        let words = ["spawn_blocking", "PoisonError"];
        if rust::shipped(&text).iter().any(|token| words.contains(&token.text)) {
            found.insert(path.display().to_string());
        }
    }
    assert_eq!(found, STILL_THEIR_OWN.iter().map(|path| (*path).to_owned()).collect());
}
