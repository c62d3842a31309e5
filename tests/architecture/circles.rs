//! The files of a crate form no circle: whoever reads one need not have read all. A module and what
//! lies below it may know each other.

use super::rust::{Token, paths, shipped};
use super::{crate_of, is_for_tests, sources};
use std::collections::{BTreeMap, BTreeSet};

/// Circles that are still to be untied, as `crate: file file ..`.
const STILL_CIRCLES: &[&str] = &[];

type Module = Vec<String>;

/// The modules of one crate: what each takes in by `use`, what it gives on by `pub use`, every path
/// that it names.
#[derive(Default)]
struct House {
    named: BTreeMap<Module, Vec<Vec<String>>>,
    given_on: BTreeMap<Module, Vec<Vec<String>>>,
}

impl House {
    fn add(&mut self, module: Module, tokens: &[Token<'_>]) {
        let (mut named, mut given_on) = (Vec::new(), Vec::new());
        let owned = |path: Vec<&str>| path.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let mut at = 0;
        while at < tokens.len() {
            let before = at.checked_sub(1).map_or("", |before| tokens[before].text);
            let after = tokens.get(at + 1).map_or("", |after| after.text);
            match tokens[at].text {
                "use" if after != "<" => {
                    at += 1;
                    let found: Vec<_> = paths(tokens, &mut at).into_iter().map(owned).collect();
                    if matches!(before, "pub" | ")") {
                        given_on.extend(found.clone());
                    }
                    named.extend(found);
                }
                "crate" | "super" | "self" if after == "::" => {
                    named.extend(paths(tokens, &mut at).into_iter().map(owned));
                }
                _ => at += 1,
            }
        }
        self.named.insert(module.clone(), named);
        self.given_on.insert(module, given_on);
    }

    /// The module in which what `path` names stands, as `from` sees it; none: in another crate.
    fn home(&self, from: &Module, path: &[String], depth: usize) -> Option<Module> {
        let mut rest = path;
        let mut at = match rest.first()?.as_str() {
            "crate" => Module::new(),
            "self" => from.clone(),
            "super" => {
                let ups = rest.iter().take_while(|part| *part == "super").count();
                rest = &rest[ups - 1..];
                from[..from.len().checked_sub(ups)?].to_vec()
            }
            _ => {
                let child = [&from[..], &rest[..1]].concat();
                self.named.contains_key(&child).then_some(child)?
            }
        };
        rest = &rest[1..];
        while let Some(part) = rest.first() {
            let child = [&at[..], &rest[..1]].concat();
            if self.named.contains_key(&child) {
                (at, rest) = (child, &rest[1..]);
                continue;
            }
            let given = self.given_on[&at].iter().find(|given| given.last() == Some(part));
            let further = given.filter(|_| depth < 8).and_then(|given| self.home(&at, given, depth + 1));
            return Some(further.unwrap_or(at));
        }
        Some(at)
    }

    /// Which module names which other one, but for those that lie above or below it.
    fn edges(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let mut edges: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
        for (module, named) in &self.named {
            let homes = named.iter().filter_map(|path| self.home(module, path, 0));
            let beside = homes.filter(|home| !home.starts_with(module) && !module.starts_with(home));
            edges.insert(module.clone(), beside.collect());
        }
        edges
    }

    /// Modules that reach themselves, each circle as its members.
    fn circles(&self) -> BTreeSet<Vec<Module>> {
        let edges = self.edges();
        let reached = |from: &Module| {
            let (mut seen, mut queue) = (BTreeSet::new(), vec![from.clone()]);
            while let Some(next) = queue.pop() {
                queue.extend(edges[&next].iter().filter(|to| seen.insert((*to).clone())).cloned());
            }
            seen
        };
        let reach: BTreeMap<&Module, BTreeSet<Module>> =
            edges.keys().map(|from| (from, reached(from))).collect();
        let circle = |from: &Module| -> Vec<Module> {
            reach[from].iter().filter(|to| reach[to].contains(from)).cloned().collect()
        };
        reach.keys().filter(|from| reach[*from].contains(**from)).map(|from| circle(from)).collect()
    }
}

#[test]
fn the_files_of_a_crate_form_no_circle() {
    let files = sources();
    let mut houses: BTreeMap<String, House> = BTreeMap::new();
    for (path, text) in &files {
        let name = match (crate_of(path), path.starts_with("benches")) {
            (Some(name), _) => name.to_owned(),
            (None, true) => format!("benches {}", path.iter().nth(1).unwrap().to_str().unwrap()),
            (None, false) => continue,
        };
        if is_for_tests(path) {
            continue;
        }
        let depth = if crate_of(path).is_some() { 3 } else { 2 };
        let module: Module = path
            .with_extension("")
            .iter()
            .skip(depth)
            .map(|part| part.to_str().unwrap().to_owned())
            .collect();
        let module = if matches!(module.join("/").as_str(), "lib" | "main") { Module::new() } else { module };
        houses.entry(name).or_default().add(module, &shipped(text));
    }
    let mut found = BTreeSet::new();
    for (name, house) in &houses {
        for circle in house.circles() {
            let members: Vec<String> = circle.iter().map(|module| module.join("/")).collect();
            found.insert(format!("{name}: {}", members.join(" ")));
        }
    }
    let allowed: BTreeSet<String> = STILL_CIRCLES.iter().map(|circle| (*circle).to_owned()).collect();
    assert_eq!(found, allowed, "a circle of files: move what both need to where neither names the other");
}

#[test]
fn a_circle_is_found_also_through_what_a_module_gives_on() {
    let mut house = House::default();
    let module =
        |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    for (path, text) in [
        ("", "mod a; mod b; mod c; pub use c::C;"),
        ("a", "use crate::b::B;"),
        ("b", "mod inner; fn f(_: crate::C) {}"),
        ("b/inner", "use super::B;"),
        ("c", "use super::{a::A};"),
    ] {
        house.add(module(path), &shipped(text));
    }
    assert_eq!(house.circles(), BTreeSet::from([vec![module("a"), module("b"), module("c")]]));
    house.add(module("c"), &shipped("use std::fmt; use super::*;"));
    assert_eq!(house.circles(), BTreeSet::new());
}
