//! Rust as far as these tests must read it: words and marks with their lines. Comments are left
//! out, literals are `""`, and what a file holds for its own tests is cut off.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) line: usize,
}

/// All of a file.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let length = length_of_token(rest, first);
        let (token, after) = rest.split_at(length);
        let shown = if is_literal(token) { "\"\"" } else { token };
        if !first.is_whitespace() && !token.starts_with("//") && !token.starts_with("/*") {
            tokens.push(Token { text: shown, line });
        }
        line += token.matches('\n').count();
        rest = after;
    }
    tokens
}

/// The same without `#[cfg(test)] mod name { .. }`.
pub(super) fn shipped(text: &str) -> Vec<Token<'_>> {
    let all = tokens(text);
    let test = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    let cut = all.windows(10).position(|window| {
        window.iter().zip(test).all(|(token, text)| token.text == text) && window[9].text == "{"
    });
    all[..cut.unwrap_or(all.len())].to_vec()
}

/// How many bytes belong to the token at the beginning of `rest`.
fn length_of_token(rest: &str, first: char) -> usize {
    let until =
        |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until("*/", 2);
    }
    if let Some(hashes) = raw_string(rest) {
        let quote = rest.find('"').unwrap();
        return until(&format!("\"{}", "#".repeat(hashes)), quote + 1);
    }
    match first {
        '"' => quoted(rest, '"'),
        'b' | 'c' if rest[1..].starts_with('"') => 1 + quoted(&rest[1..], '"'),
        'b' if rest[1..].starts_with('\'') => 1 + quoted(&rest[1..], '\''),
        '\'' if is_character(rest) => quoted(rest, '\''),
        ':' if rest.starts_with("::") => 2,
        _ if is_word(first) => rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()),
        _ => first.len_utf8(),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_literal(token: &str) -> bool {
    token.len() > 1 && (token.ends_with('"') || token.ends_with('\'') || raw_string(token).is_some())
}

/// `r"`, `r#"`, `br#"` and the like: how many hashes.
fn raw_string(rest: &str) -> Option<usize> {
    let after = ["r", "br", "cr"].iter().find_map(|prefix| rest.strip_prefix(prefix))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

/// A character and not a lifetime.
fn is_character(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    chars.next() == Some('\\') || chars.next() == Some('\'')
}

fn quoted(rest: &str, mark: char) -> usize {
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c == mark {
            return at + 1;
        }
    }
    rest.len()
}

/// Where the bracket that opens at `open` is closed.
pub(super) fn closing(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len() - 1
}

/// The paths of a use tree, or the one path, that begins at `at`; a renamed one ends with its new
/// name.
pub(super) fn paths<'a>(tokens: &[Token<'a>], at: &mut usize) -> Vec<Vec<&'a str>> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let mut path = Vec::new();
    loop {
        if text(*at) == "{" {
            let end = closing(tokens, *at);
            let mut all = Vec::new();
            *at += 1;
            while *at < end {
                if text(*at) == "," {
                    *at += 1;
                    continue;
                }
                // A star names the module before it.
                let before = *at;
                all.extend(paths(tokens, at).into_iter().map(|tail| [&path[..], &tail].concat()));
                *at = (*at).max(before + 1);
            }
            *at = end + 1;
            return all;
        }
        if !text(*at).starts_with(is_word) {
            return vec![path];
        }
        path.push(text(*at));
        *at += 1;
        if text(*at) == "as" {
            path.push(text(*at + 1));
            *at += 2;
        }
        let goes_on = text(*at) == "::" && (text(*at + 1) == "{" || text(*at + 1).starts_with(is_word));
        if !goes_on {
            return vec![path];
        }
        *at += 1;
    }
}

#[test]
fn what_is_no_code_is_no_token_and_paths_come_out_whole() {
    let text = r##"use crate::{a::B, c::{self, D as E}}; // use crate::no;
        fn f<'a>(x: &'a str) -> char { let _ = ("use crate::no", r#"fn "g"#, b'\'', '"'); '{' }
        #[cfg(test)]
        mod tests { use crate::no; }"##;
    let all = shipped(text);
    assert!(!all.iter().any(|token| token.text == "no" || token.text == "g"), "{all:?}");
    let found = paths(&all, &mut 1);
    assert_eq!(found, [vec!["crate", "a", "B"], vec!["crate", "c", "self"], vec!["crate", "c", "D", "E"]]);
    let open = all.iter().position(|token| token.text == "{" && token.line == 2).unwrap();
    assert_eq!((all[closing(&all, open)].text, all.len()), ("}", closing(&all, open) + 1));
}
