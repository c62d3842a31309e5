//! The house's laws that a compiler does not check.
//!
//! A list of exceptions here may only shrink: what is on it and need not be there any more is red
//! too.

mod arrows;
mod circles;
mod citations;
mod rust;
mod sizes;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every Rust file of ours by its path from the root, with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut queue = ["crates", "tests", "benches", "fuzz"].map(|top| root().join(top)).to_vec();
    while let Some(dir) = queue.pop() {
        for entry in fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()) {
            if entry.is_dir() && !entry.ends_with("target") {
                queue.push(entry);
            } else if entry.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&entry).unwrap();
                files.push((entry.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    files
}

/// The name of the crate whose source this is; none: tests, benches, fuzz targets.
fn crate_of(path: &Path) -> Option<&str> {
    let mut parts = path.iter().map(|part| part.to_str().unwrap());
    match (parts.next(), parts.next(), parts.next()) {
        (Some("crates"), Some(name), Some("src")) => Some(name),
        _ => None,
    }
}

/// Whether a file of a crate's source is for its tests alone.
fn is_for_tests(path: &Path) -> bool {
    path.iter().any(|part| {
        let part = part.to_str().unwrap().trim_end_matches(".rs");
        part == "tests" || part.ends_with("for_tests")
    })
}
