//! Text that people read, and what it may hold: no character may make it show something else than
//! it says. One function decides, wherever a person reads. Contract: `proto/release.md#visible-text`;
//! vectors: `proto/vectors/visible.json`.

use alloc::string::{String, ToString as _};

/// The longest line of free text.
pub const LINE_MAX_BYTES: usize = 2000;

/// Whether every character of a line shows, as one that stands where it was written.
// SPEC: release.md#visible-text: text that a person reads MUST NOT hold any other.
pub fn is_visible(text: &str) -> bool {
    !text.chars().any(hides)
}

/// By ranges and not by the properties of one version of Unicode: everybody decides the same.
fn hides(c: char) -> bool {
    let blank = c != ' ' && c.is_whitespace();
    c.is_control()
        || blank
        || matches!(c,
            // Soft hyphen, combining joiner, Arabic letter mark, fillers and vowels without a shape.
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
            // Zero-width, marks of direction, line and paragraph separators, invisible operators.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            // Variation selectors, annotation, musical and shorthand controls, tags.
            | '\u{fe00}'..='\u{fe0f}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
            // What every font draws as it likes: private use; noncharacters.
            | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' | '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// One line of free text: 1 to [`LINE_MAX_BYTES`] bytes, all of it [visible](is_visible).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line(String);

impl Line {
    /// Checks a line. `-` is refused: it says that there is none.
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=LINE_MAX_BYTES).contains(&text.len()) && text != "-";
        (fits && is_visible(text)).then(|| Self(text.to_string()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
