//! Free text that people read. Contract: `proto/release.md#details`.

use alloc::string::{String, ToString as _};

/// The longest line of free text.
pub const LINE_MAX_BYTES: usize = 2000;

/// One line of free text: 1 to [`LINE_MAX_BYTES`] bytes, no control characters, nothing that breaks
/// or turns a line around.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line(String);

impl Line {
    /// Checks a line. `-` is refused: it says that there is none.
    pub fn new(text: &str) -> Option<Self> {
        // A clerk decides by what a page shows: no character may make it show something else than
        // it says.
        let turns = |c: char| matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}');
        let plain = !text.chars().any(|c| c.is_control() || turns(c));
        (plain && (1..=LINE_MAX_BYTES).contains(&text.len()) && text != "-").then(|| Self(text.to_string()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
