//! The house's laws that a compiler does not check: who may know whom, and what must not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The arrows of `crates/README.md`. A new arrow is a decision: it is written there and here in one commit.
const ARROWS: &[(&str, &[&str])] = &[
    ("tlog", &[]),
    ("media", &[]),
    ("container", &[]),
    ("host", &[]),
    ("seal", &["media"]),
    ("escrow", &["media", "seal", "tlog"]),
    ("quic", &["media"]),
    ("log-client", &["host", "tlog"]),
    ("relay-client", &["host", "media", "quic"]),
    ("camera", &["container", "escrow", "host", "media", "quic", "seal", "tlog"]),
    ("relay", &["host", "log-client", "media", "quic", "tlog"]),
    ("log-server", &["host", "tlog"]),
    ("witness", &["host", "tlog"]),
    ("monitor", &["escrow", "host", "log-client", "tlog"]),
    ("trustee", &["escrow", "host", "log-client", "media", "seal", "tlog"]),
    ("registrar", &["escrow", "host", "log-client", "tlog"]),
    ("requester", &["container", "escrow", "host", "log-client", "media", "quic", "seal", "tlog"]),
    ("owner", &["container", "escrow", "host", "log-client", "media", "quic", "seal", "tlog"]),
];

const SCIENCES: &[&str] = &["tlog", "media", "seal", "escrow", "container"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Normal (not dev, not build) dependencies by package name, for the whole resolved graph.
fn dependency_graph() -> BTreeMap<String, BTreeSet<String>> {
    // Of this platform only: what others would link is not downloaded here.
    let version = Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["id"].as_str().unwrap(), p["name"].as_str().unwrap()))
        .collect();
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for node in metadata["resolve"]["nodes"].as_array().unwrap() {
        let name = names[node["id"].as_str().unwrap()];
        let edges = graph.entry(name.to_owned()).or_default();
        for dep in node["deps"].as_array().unwrap() {
            if dep["dep_kinds"].as_array().unwrap().iter().any(|k| k["kind"].is_null()) {
                edges.insert(names[dep["pkg"].as_str().unwrap()].to_owned());
            }
        }
    }
    graph
}

fn closure(graph: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut queue = vec![from.to_owned()];
    while let Some(next) = queue.pop() {
        for dep in graph.get(&next).into_iter().flatten() {
            if seen.insert(dep.clone()) {
                queue.push(dep.clone());
            }
        }
    }
    seen
}

#[test]
fn arrows_are_exactly_those_of_the_house() {
    let graph = dependency_graph();
    let ours: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    let on_disk: BTreeSet<String> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|e| e.unwrap())
        .filter(|e| e.path().is_dir())
        .map(|e| e.file_name().into_string().unwrap())
        .filter(|name| name != "candor")
        .collect();
    assert_eq!(on_disk, ours.iter().map(|s| (*s).to_owned()).collect(), "a crate is missing from ARROWS");
    for (name, allowed) in ARROWS {
        let actual: BTreeSet<&str> =
            graph[*name].iter().map(String::as_str).filter(|d| ours.contains(d)).collect();
        let extra: Vec<_> = actual.difference(&allowed.iter().copied().collect()).copied().collect();
        assert!(extra.is_empty(), "{name} must not depend on {extra:?}");
    }
}

#[test]
fn the_relay_and_the_hand_that_asks_it_link_no_key_code() {
    let graph = dependency_graph();
    for blind in ["relay", "relay-client"] {
        let tree = closure(&graph, blind);
        for forbidden in ["seal", "escrow", "hpke", "ml-kem", "x-wing", "chacha20poly1305", "aes-gcm"] {
            assert!(!tree.contains(forbidden), "the tree of {blind} holds {forbidden}");
        }
    }
    // The same question of a crate that does hold it: the assertion above can fail.
    assert!(closure(&graph, "camera").contains("hpke"));
}

#[test]
fn no_party_depends_on_a_party() {
    let graph = dependency_graph();
    let parties =
        ["camera", "relay", "log-server", "witness", "monitor", "trustee", "registrar", "requester", "owner"];
    for party in parties {
        let tree = closure(&graph, party);
        let met: Vec<_> = parties.iter().filter(|p| tree.contains(**p)).collect();
        assert!(met.is_empty(), "{party} reaches {met:?}");
    }
}

#[test]
fn only_quic_speaks_quinn_and_sciences_touch_nothing() {
    let graph = dependency_graph();
    for (name, edges) in &graph {
        let ours = ARROWS.iter().any(|(n, _)| n == name) || name == "candor";
        if ours && name != "quic" {
            assert!(!edges.contains("quinn"), "{name} uses quinn directly");
        }
    }
    for science in SCIENCES {
        let tree = closure(&graph, science);
        for hand in ["tokio", "hyper", "quinn", "redb", "rustix"] {
            assert!(!tree.contains(hand), "the science {science} reaches {hand}");
        }
        // mp4-atom links the facade of `tracing`, which touches nothing by itself; sciences do not speak to it.
        assert!(!graph[*science].contains("tracing"), "the science {science} logs");
    }
}

/// Every Rust file of ours, with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut queue =
        vec![root().join("crates"), root().join("tests"), root().join("benches"), root().join("fuzz")];
    while let Some(dir) = queue.pop() {
        for entry in fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()) {
            if entry.is_dir() && !entry.ends_with("target") {
                queue.push(entry);
            } else if entry.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&entry).unwrap();
                files.push((entry, text));
            }
        }
    }
    files
}

#[test]
fn no_file_is_over_800_lines_and_no_module_is_a_drawer() {
    for (path, text) in sources() {
        assert!(text.lines().count() <= 800, "{} is over 800 lines: split it", path.display());
        let stem = path.file_stem().unwrap().to_str().unwrap();
        for drawer in ["util", "utils", "common", "helpers", "misc", "shared", "types", "prelude", "core"] {
            assert_ne!(stem, drawer, "{}: name it for what it holds", path.display());
        }
    }
}

#[test]
fn sciences_take_time_and_chance_as_arguments() {
    for (path, text) in sources() {
        let local = path.strip_prefix(root()).unwrap().to_path_buf();
        let in_science = SCIENCES.iter().any(|s| local.starts_with(Path::new("crates").join(s).join("src")));
        let is_test = local.file_stem().is_some_and(|s| s == "tests") || local.iter().any(|c| c == "tests");
        if !in_science || is_test {
            continue;
        }
        let shipped = text.split("#[cfg(test)]").next().unwrap();
        for hand in
            ["SystemTime::now", "Instant::now", "std::fs", "std::net", "std::env", "thread_rng", "OsRng"]
        {
            assert!(!shipped.contains(hand), "{} uses {hand}", local.display());
        }
    }
}

#[test]
fn every_citation_of_the_contracts_resolves() {
    let mut headings: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in fs::read_dir(root().join("proto")).unwrap().map(|e| e.unwrap().path()) {
        if entry.extension().is_some_and(|e| e == "md") {
            let name = entry.file_name().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&entry).unwrap();
            let anchors =
                text.lines().filter(|l| l.starts_with('#')).map(|l| anchor(l.trim_start_matches('#').trim()));
            headings.insert(name, anchors.collect());
        }
    }
    let mut citations = 0;
    for (path, text) in sources() {
        for line in text.lines() {
            let Some(cited) = line.trim_start().strip_prefix("// SPEC: ") else { continue };
            let place = cited.split([':', ' ', ',']).next().unwrap();
            let (file, heading) = place.split_once('#').unwrap_or((place, ""));
            let known = headings.get(file).unwrap_or_else(|| panic!("{}: no proto/{file}", path.display()));
            assert!(
                heading.is_empty() || known.contains(heading),
                "{}: no heading for {place}",
                path.display()
            );
            citations += 1;
        }
    }
    assert!(citations > 0, "no code cites the contracts");
}

/// A heading's anchor, as Markdown renderers make it.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}
