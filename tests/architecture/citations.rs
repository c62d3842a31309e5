//! Code cites the contract that it obeys, in a comment that begins with the word. One MUST in
//! `proto/` asks for one citation.

use super::{root, sources};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Headings whose MUSTs are not all cited, and how many are not.
const UNCITED: &[(&str, usize)] = &[];

/// A place in the contracts: file and heading's anchor, as one cites it.
type Place = String;

/// Every heading, with the number of its MUSTs.
fn headings() -> BTreeMap<Place, usize> {
    let mut headings = BTreeMap::new();
    for entry in fs::read_dir(root().join("proto")).unwrap().map(|e| e.unwrap().path()) {
        if entry.extension().is_none_or(|e| e != "md") {
            continue;
        }
        let file = entry.file_name().unwrap().to_str().unwrap().to_owned();
        let mut place = file.clone();
        headings.insert(place.clone(), 0);
        for line in fs::read_to_string(&entry).unwrap().lines() {
            if line.starts_with('#') {
                place = format!("{file}#{}", anchor(line.trim_start_matches('#').trim()));
            }
            let musts = line.split(|c: char| !c.is_alphanumeric()).filter(|word| *word == "MUST").count();
            *headings.entry(place.clone()).or_default() += musts;
        }
    }
    headings
}

/// Every citation, with the file in which it stands.
fn citations() -> Vec<(Place, String)> {
    let mut found = Vec::new();
    for (path, text) in sources() {
        for line in text.lines() {
            let Some((comment, cited)) = line.split_once("SPEC: ") else { continue };
            if ["//", "///", "//!"].iter().any(|mark| comment.trim_end().ends_with(mark)) {
                let place = cited.split([':', ' ', ',', '`', ')']).next().unwrap().trim_end_matches('.');
                found.push((place.to_owned(), path.display().to_string()));
            }
        }
    }
    found
}

#[test]
fn every_citation_of_the_contracts_resolves() {
    let (headings, citations) = (headings(), citations());
    for (place, file) in &citations {
        assert!(headings.contains_key(place), "{file}: no heading for {place}");
    }
    assert!(!citations.is_empty(), "no code cites the contracts");
}

#[test]
fn every_must_is_cited_but_for_those_of_a_list_that_shrinks() {
    let mut cited: BTreeMap<Place, usize> = BTreeMap::new();
    citations().into_iter().for_each(|(place, _)| *cited.entry(place).or_default() += 1);
    // The index speaks of the word itself.
    let ours = headings().into_iter().filter(|(place, _)| !place.starts_with("README.md"));
    let missing = ours.map(|(place, musts)| {
        let missing = musts.saturating_sub(cited.get(&place).copied().unwrap_or(0));
        (place, missing)
    });
    let missing: BTreeSet<(Place, usize)> = missing.filter(|(_, missing)| *missing > 0).collect();
    assert_eq!(missing, UNCITED.iter().map(|(place, missing)| ((*place).to_owned(), *missing)).collect());
}

/// A heading's anchor, as Markdown renderers make it.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}
