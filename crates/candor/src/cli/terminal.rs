//! What a command says: tables and sentences for people, JSON for scripts; errors on standard
//! error, with what to do.

use super::Outcome;
use escrow::record::is_visible;
use std::io::{IsTerminal as _, Write as _};

/// Where a command speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    json: bool,
    colours: bool,
}

impl Terminal {
    pub(crate) fn new(json: bool) -> Self {
        let colours = !json && std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { json, colours }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// The result: an object for scripts, else what `human` makes of it.
    pub(crate) fn result<T: serde::Serialize>(&self, value: &T, human: impl FnOnce(&T) -> String) {
        let text = match self.json {
            true => serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}")),
            false => human(value),
        };
        self.line(&text);
    }

    /// The same, with which a verb ends well.
    pub(crate) fn done<T: serde::Serialize>(&self, value: &T, human: impl FnOnce(&T) -> String) -> Outcome {
        self.result(value, human);
        Ok(())
    }

    /// The verifier keys that `init` made, and what to do with them.
    pub(crate) fn vkeys(&self, vkeys: &[String], next: &str) -> Outcome {
        self.result(&serde_json::json!({ "vkeys": vkeys }), |_| vkeys.join("\n"));
        self.next(next);
        Ok(())
    }

    /// The same where there is one.
    pub(crate) fn vkey(&self, vkey: &str, next: &str) -> Outcome {
        self.result(&serde_json::json!({ "vkey": vkey }), |_| vkey.to_owned());
        self.next(next);
        Ok(())
    }

    /// A step of long work: one JSON object a line on standard error for scripts, a sentence there
    /// for people.
    pub(crate) fn step<T: serde::Serialize>(&self, value: &T, human: impl FnOnce(&T) -> String) {
        let text = match self.json {
            true => serde_json::to_string(value).unwrap_or_default(),
            false => shown(&human(value)),
        };
        // Nothing is left to tell when standard error is gone.
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// A line on standard output.
    pub(crate) fn line(&self, text: &str) {
        let shown = if self.json { text.to_owned() } else { shown(text) };
        // A closed pipe ends what is said, not what is done.
        let _ = writeln!(std::io::stdout(), "{shown}");
    }

    /// What to do next, for people: on standard error, so that standard output stays what was asked
    /// for.
    pub(crate) fn next(&self, text: &str) {
        if !self.json {
            let _ = writeln!(std::io::stderr(), "Next: {}", shown(text));
        }
    }

    pub(crate) fn error(&self, error: &anyhow::Error) {
        let error = chain(error);
        let _ = match self.json {
            true => {
                let object = serde_json::json!({ "error": error });
                writeln!(std::io::stderr(), "{object}")
            }
            false => writeln!(std::io::stderr(), "error: {}", shown(&error)),
        };
    }

    /// Bold on a terminal.
    pub(crate) fn bold(&self, text: &str) -> String {
        if self.colours { format!("{BOLD}{text}{PLAIN}") } else { text.to_owned() }
    }
}

const BOLD: &str = "\u{1b}[1m";
const PLAIN: &str = "\u{1b}[0m";

/// What others wrote must not steer the terminal, nor show anything else than it says: what does not
/// show is told by its number. Our own bold stays.
// SPEC: release.md#visible-text: text that a person reads MUST NOT hold any other.
fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c == '\n' || is_visible(c.encode_utf8(&mut [0; 4])) {
            true => shown.push(c),
            false => shown.extend(c.escape_unicode()),
        }
    }
    let own = |escape: &str| escape.replace('\u{1b}', "\\u{1b}");
    shown.replace(&own(BOLD), BOLD).replace(&own(PLAIN), PLAIN)
}

/// The error and its causes, in one line. What an error has told of its cause already is not told
/// again.
fn chain(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !told.contains(&cause) {
            told = if told.is_empty() { cause } else { format!("{told}: {cause}") };
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let cause = || std::io::Error::other("no route");
        let silent = anyhow::Error::new(cause()).context("the relay");
        assert_eq!(chain(&silent), "the relay: no route");
        let telling = anyhow::Error::new(cause()).context("the relay: no route; try again");
        assert_eq!(chain(&telling), "the relay: no route; try again");
    }

    #[test]
    fn what_others_wrote_does_not_steer_the_terminal_and_hides_nothing() {
        let said = "police.example\u{200b}\n\u{9b}2J\u{202e}gnp \u{1b}]0;title\u{7} Gro\u{df}";
        let expected = "police.example\\u{200b}\n\\u{9b}2J\\u{202e}gnp \\u{1b}]0;title\\u{7} Gro\u{df}";
        assert_eq!(shown(said), expected);
        let bold = Terminal { json: false, colours: true }.bold("NOT signed");
        assert_eq!(shown(&bold), bold);
    }
}
