//! What a reader can hold in the head: files, functions, names.

use super::rust::{Token, closing, tokens};
use super::{crate_of, is_for_tests, rust, sources};
use std::collections::{BTreeMap, BTreeSet};

const FILE_LINES: usize = 800;
const FUNCTION_LINES: usize = 100;

/// Functions that are still longer.
const STILL_LONG: &[&str] = &[];

/// Types of one name that still stand in one crate twice.
const STILL_TWICE: &[&str] = &["tlog: VerifyError"];

#[test]
fn no_file_is_over_800_lines_and_no_module_is_a_drawer() {
    for (path, text) in sources() {
        assert!(text.lines().count() <= FILE_LINES, "{} is over 800 lines: split it", path.display());
        let stem = path.file_stem().unwrap().to_str().unwrap();
        for drawer in ["util", "utils", "common", "helpers", "misc", "shared", "types", "prelude", "core"] {
            assert_ne!(stem, drawer, "{}: name it for what it holds", path.display());
        }
    }
}

#[test]
fn no_function_is_over_100_lines() {
    let mut found = BTreeSet::new();
    for (path, text) in sources() {
        for (name, lines) in functions(&tokens(&text)) {
            if lines > FUNCTION_LINES {
                found.insert(format!("{}: {name}", path.display()));
            }
        }
    }
    assert_eq!(
        found,
        STILL_LONG.iter().map(|known| (*known).to_owned()).collect(),
        "split it by what it does"
    );
}

/// Each function that has a body, with its lines.
fn functions<'a>(tokens: &[Token<'a>]) -> Vec<(&'a str, usize)> {
    let mut found = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        let [word, name] = pair else { continue };
        if word.text != "fn" || !name.text.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            continue;
        }
        // Past parameters and return types, which may hold a semicolon in brackets.
        let mut open = at;
        while open < tokens.len() && !matches!(tokens[open].text, "{" | ";") {
            open = if matches!(tokens[open].text, "(" | "[") { closing(tokens, open) } else { open } + 1;
        }
        if tokens.get(open).is_some_and(|token| token.text == "{") {
            found.push((name.text, tokens[closing(tokens, open)].line - word.line + 1));
        }
    }
    found
}

/// One name, one type: who reads `Track` in a crate need not ask which. What a file keeps to itself
/// or to its parent does not count.
#[test]
fn no_two_types_of_a_crate_share_a_name() {
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (path, text) in sources() {
        let Some(name) = crate_of(&path).filter(|_| !is_for_tests(&path)) else { continue };
        let tokens = rust::shipped(&text);
        for (at, token) in tokens.iter().enumerate() {
            let is_type = matches!(token.text, "struct" | "enum" | "trait" | "type" | "union");
            let before = |back: usize| at.checked_sub(back).map_or("", |at| tokens[at].text);
            let is_seen =
                before(1) == "pub" || before(1) == ")" && before(2) == "crate" && before(4) == "pub";
            // Not the pattern of a macro.
            let of = tokens.get(at + 1).map_or("", |token| token.text);
            if is_type && is_seen && of.starts_with(char::is_alphabetic) {
                *seen.entry((name.to_owned(), of.to_owned())).or_default() += 1;
            }
        }
    }
    let twice = seen.into_iter().filter(|(_, count)| *count > 1);
    let twice: BTreeSet<String> = twice.map(|((name, of), _)| format!("{name}: {of}")).collect();
    assert_eq!(
        twice,
        STILL_TWICE.iter().map(|known| (*known).to_owned()).collect(),
        "name it for what it is of"
    );
}

#[test]
fn a_functions_lines_are_counted_to_its_own_end() {
    let text = "trait T { fn a(&self); fn b() -> [u8; 2] {\n[0; 2]\n}\n}\nfn c(\n_: fn(u8),\n) {\n{}\n}";
    assert_eq!(functions(&tokens(text)), [("a", 0), ("b", 3), ("c", 5)][1..]);
}
