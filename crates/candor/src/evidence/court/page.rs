//! The page of a court file: what its evidence shows, in plain words, for a screen and for paper. No
//! script, nothing from elsewhere.

use super::{EVIDENCE, FILM};
use crate::evidence::{Standing, Statement, statements};
use escrow::evidence::Verified;
use std::fmt::Write as _;

const STYLE: &str = "\
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f23;background:#fff}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%}\
td{border-top:1px solid #d5d9d4;padding:.5rem .75rem .5rem 0;vertical-align:top;overflow-wrap:anywhere}\
td:first-child{white-space:nowrap;font-weight:600}.by{color:#57606a;font-size:.9rem}\
code{font-size:.9em;overflow-wrap:anywhere}@media print{body{margin:0;font-size:11pt}tr{break-inside:avoid}}";

/// The whole page. It follows from the evidence alone, so that whoever checks it can write it again.
pub(super) fn page(verified: &Verified, films: usize) -> String {
    let films = match films {
        0 => "There is no film: no segment is in the evidence.".to_owned(),
        1 => format!("<code>{FILM}</code> is the film: any player shows it."),
        many => {
            format!(
                "<code>{FILM}</code> to <code>film-{many}.mp4</code> are the films, one for each run of the camera."
            )
        }
    };
    let mut rows = String::new();
    // Of a log policy that somebody trusts the page cannot know.
    for statement in statements(verified, None) {
        row(&mut rows, &statement);
    }
    format!(
        "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>Footage and its proof</title><style>{STYLE}</style></head><body>
<h1>Footage and its proof</h1>
<p>{films} <code>{EVIDENCE}</code> is the proof: the footage as the camera sealed it, who asked for it, who let it go, and
where each of that stands in the public log. This page says in words what the proof shows.</p>
<h2>Check it first</h2>
<p>Whoever gave you this file could have written any page. Do not rely on this one before you have run, on a computer of your own,</p>
<p><code>candor verify FILE.zip --policy log-policy.txt</code></p>
<p>FILE.zip is this file, whole, as you were given it. <code>log-policy.txt</code> names the log and the witnesses that you trust: take
it from the log's operator, a monitor or the owner, never from whoever gave you this file. The program needs no network. It verifies the proof, makes
film and page again from it, and says whether these are the same, byte for byte. Who has this file can watch the footage: keep it as such.</p>
<h2>What the proof shows, and what it does not</h2>
<table>{rows}</table>
</body></html>
"
    )
}

fn row(rows: &mut String, statement: &Statement) {
    let mark = match statement.shown {
        Standing::Shown => "Shown",
        Standing::NotShown => "Not shown",
        Standing::Missing => "Missing",
        Standing::False => "False",
    };
    let (says, by) = (escaped(&statement.says), escaped(&statement.by));
    // Writing to a string does not fail.
    let _ = write!(rows, "\n<tr><td>{mark}</td><td>{says}<div class=\"by\">By: {by}</div></td></tr>");
}

/// Names and grounds are other people's words: nothing of them is markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_people_wrote_is_no_markup() {
        let mut rows = String::new();
        let says = "<script>alert('x')</script> & \"police\"".to_owned();
        row(&mut rows, &Statement { about: "x", shown: Standing::Shown, says, by: "<b>".to_owned() });
        assert!(
            rows.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;police&quot;"),
            "{rows}"
        );
        assert!(rows.contains("By: &lt;b&gt;") && !rows.contains("<script"), "{rows}");
    }
}
