//! What the page is made of, and what it waits for.

use super::*;
use crate::status::CameraState;
use std::collections::BTreeSet;

fn text(of: &str) -> &'static str {
    let found = ASSETS.all().find(|(name, _)| *name == of);
    found.map_or_else(|| panic!("no {of}"), |(_, text)| text)
}

/// The words that a script waits for in a `switch` over events.
pub(in crate::app) fn cases(of: &str) -> BTreeSet<&'static str> {
    let lines = text(of).lines().filter_map(|line| line.trim().strip_prefix("case \""));
    lines.filter_map(|line| line.strip_suffix("\":")).collect()
}

#[test]
fn the_page_takes_nothing_from_elsewhere_and_holds_nothing_inline() {
    let page = PAGE.all().find(|(name, _)| *name == "page.html").unwrap();
    for (name, text) in ASSETS.all().chain([page]) {
        let urls = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!urls.contains("://"), "{name} names another site");
        for sink in
            ["innerHTML", "outerHTML", "document.write", "eval(", "new Function", "insertAdjacentHTML"]
        {
            assert!(!text.contains(sink), "{name} uses {sink}");
        }
    }
    for inline in ["<style", "style=", "onclick", "onload", "<script>"] {
        assert!(!page.1.contains(inline), "{inline} in the page");
    }
}

#[test]
fn every_module_that_is_imported_is_there() {
    for (name, text) in ASSETS.all().filter(|(name, _)| name.ends_with(".js")) {
        for line in text.lines().filter(|line| line.starts_with("import ")) {
            let from = line.rsplit('"').nth(1).unwrap().strip_prefix("./").unwrap();
            assert!(ASSETS.all().any(|(known, _)| known == from), "{name} imports {from}");
        }
    }
}

#[test]
fn the_page_knows_how_good_each_state_of_a_camera_is() {
    let table = text("words.js").split("const KINDS = {").nth(1).unwrap().split("};").next().unwrap();
    let known: BTreeSet<String> = table
        .lines()
        .filter_map(|line| Some(line.trim().split_once(": \"")?.0.trim_matches('"').to_owned()))
        .collect();
    let states = [
        CameraState::Filming,
        CameraState::NothingMoves,
        CameraState::Resting,
        CameraState::NoPicture,
        CameraState::NotStored,
        CameraState::Silent,
        CameraState::Offline,
    ];
    let word = |state| serde_json::to_value(state).unwrap().as_str().unwrap().to_owned();
    assert_eq!(known, states.map(word).into());
}
