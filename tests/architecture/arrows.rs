//! Who may know whom: the arrows between crates, the relay's blindness, the purity of sciences.

use super::root;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

/// The arrows of `crates/README.md`. A new arrow is a decision: it is written there and here in one
/// commit.
const ARROWS: &[(&str, &[&str])] = &[
    ("tlog", &[]),
    ("media", &[]),
    ("container", &[]),
    ("host", &[]),
    ("seal", &["media"]),
    ("record", &["media", "tlog"]),
    ("escrow", &["media", "record", "seal", "tlog"]),
    ("quic", &["media"]),
    ("log-client", &["host", "tlog"]),
    ("relay-client", &["host", "media", "quic"]),
    ("page", &["host"]),
    ("onvif", &["host"]),
    ("camera", &["container", "escrow", "host", "media", "onvif", "quic", "relay-client", "seal", "tlog"]),
    ("store", &["host", "media"]),
    ("relay", &["host", "log-client", "media", "quic", "record", "store", "tlog"]),
    ("log-server", &["host", "tlog"]),
    ("witness", &["host", "tlog"]),
    ("monitor", &["escrow", "host", "log-client", "page", "tlog"]),
    ("trustee", &["escrow", "host", "log-client", "media", "seal", "tlog"]),
    ("registrar", &["escrow", "host", "log-client", "tlog"]),
    (
        "requester",
        &["container", "escrow", "host", "log-client", "media", "quic", "relay-client", "seal", "tlog"],
    ),
    (
        "owner",
        &[
            "container",
            "escrow",
            "host",
            "log-client",
            "media",
            "page",
            "quic",
            "relay-client",
            "seal",
            "tlog",
        ],
    ),
];

pub(super) const SCIENCES: &[&str] = &["tlog", "media", "seal", "record", "escrow", "container"];

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
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        let (extra, gone) = (&actual - &allowed, &allowed - &actual);
        assert!(extra.is_empty(), "{name} must not depend on {extra:?}");
        assert!(
            gone.is_empty(),
            "{name} does not depend on {gone:?} any more: ARROWS and crates/README.md say so"
        );
    }
}

/// The picture that people read is the table that is asserted.
#[test]
fn the_picture_in_the_readme_shows_exactly_these_arrows() {
    let text = fs::read_to_string(root().join("crates/README.md")).unwrap();
    let picture = text.split("```").nth(1).unwrap();
    let mut drawn: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in picture.lines().filter(|line| line.contains("->")) {
        let (what, targets) = line.split_once("->").unwrap();
        // The first line of a group begins with the group's name.
        let name = what.split_whitespace().nth(usize::from(!line.starts_with(' '))).unwrap();
        let targets = if targets.trim() == "nothing of ours" { "" } else { targets };
        drawn.insert(name, targets.split_whitespace().collect());
    }
    assert_eq!(drawn.remove("candor"), Some(BTreeSet::from(["all"])));
    let asserted = ARROWS.iter().map(|(name, targets)| (*name, targets.iter().copied().collect())).collect();
    assert_eq!(drawn, asserted);
}

/// What is for tests alone is in nothing that ships.
#[test]
fn only_tests_and_benches_depend_on_the_stage() {
    let graph = dependency_graph();
    let users: Vec<&str> =
        graph.iter().filter(|(_, edges)| edges.contains("stage")).map(|(name, _)| &**name).collect();
    assert_eq!(users, ["candor-benches", "candor-tests", "model"]);
    for (name, _) in ARROWS.iter().chain([&("candor", &[][..])]) {
        assert!(!closure(&graph, name).contains("stage"), "{name} links the stage");
    }
}

#[test]
fn the_relay_and_the_hand_that_asks_it_link_no_key_code() {
    let graph = dependency_graph();
    for blind in ["relay", "store", "relay-client"] {
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
        // mp4-atom links the facade of `tracing`, which touches nothing by itself; sciences do not
        // speak to it.
        assert!(!graph[*science].contains("tracing"), "the science {science} logs");
    }
}
