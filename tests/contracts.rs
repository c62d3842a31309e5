//! The contracts name tests: each one named must exist, or a promise stands without its test.

use std::fs;
use std::path::Path;

/// Every cell of the threat model that names a test names a file that exists and, after a colon, a
/// test function in it.
#[test]
fn every_test_that_the_threat_model_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = fs::read_to_string(root.join("proto/threat-model.md")).unwrap();
    let mut named = 0;
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cell = line.trim_end_matches('|').rsplit('|').next().unwrap().trim();
        if cell == "test" || cell.starts_with('-') {
            continue;
        }
        let places: Vec<&str> = spans(cell).collect();
        assert!(!places.is_empty(), "no test in: {line}");
        for place in places {
            let (file, test) =
                place.split_once(": ").map_or((place, None), |(file, test)| (file, Some(test)));
            let path =
                [root.join("tests").join(file), root.join(file)].into_iter().find(|path| path.is_file());
            let path = path.unwrap_or_else(|| panic!("{place}: no such file"));
            let source = fs::read_to_string(&path).unwrap();
            assert!(source.contains("#[test]") || source.contains("#[tokio::test"), "{place}: holds no test");
            if let Some(test) = test {
                assert!(source.contains(&format!("fn {test}(")), "{place}: no such test");
            }
            named += 1;
        }
    }
    assert!(named > 20, "the table was not found");
}

/// Every path that the texts for people name in backticks exists.
#[test]
fn every_path_that_the_readme_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let tops = ["crates/", "tests/", "proto/", "benches/", "fuzz/", "deploy/"];
    for (page, at_least) in [("README.md", 11), ("CONTRIBUTING.md", 5), ("SECURITY.md", 1)] {
        let text = fs::read_to_string(root.join(page)).unwrap();
        let paths: Vec<&str> =
            spans(&text).filter(|span| tops.iter().any(|top| span.starts_with(top))).collect();
        assert!(paths.len() >= at_least, "{page} names few paths: {paths:?}");
        for path in paths {
            assert!(root.join(path).exists(), "{page} names {path}, which does not exist");
        }
    }
}

/// Every row of "Where is ...?" leads to a file.
#[test]
fn every_place_in_the_map_of_the_crates_exists() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("crates");
    let text = fs::read_to_string(crates.join("README.md")).unwrap();
    let (_, map) = text.split_once("## Where is ...?").unwrap();
    let places: Vec<&str> = map.lines().filter(|line| line.starts_with("| ")).flat_map(spans).collect();
    assert!(places.len() > 30, "the map was not found");
    for place in places {
        let (party, file) = place.split_once('/').unwrap();
        assert!(crates.join(party).join("src").join(file).is_file(), "crates/README.md: no {place}");
    }
}

/// What stands in backticks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}
