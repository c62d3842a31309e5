//! The monitor's page for people: how many releases, by whom, and why the number can be believed.
//! No script, nothing from elsewhere.
//!
//! In scope: the count and the state of its proof as one HTML page. Out of scope: gathering either
//! ([`crate::count`], [`crate::state`]).

use crate::count::{Row, RowKey, month_of};
use crate::look::State;
use crate::state::Status;
use page::assets::Assets;
use page::html::{Head, Text};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

pub(crate) const ASSETS: Assets = Assets(&[("page.css", include_str!("page.css"))]);
const STYLES: [&str; 2] = ["base.css", "page.css"];
/// The page loads itself again after so long, seconds.
const AGAIN: u32 = 10;

type Column = (&'static str, fn(&Row) -> u64);

/// The numbers of the table.
const COLUMNS: [Column; 8] = [
    ("Requests", |row| row.requests),
    ("Incidents", |row| row.incidents),
    ("Grants", |row| row.grants),
    ("Refusals", |row| row.refusals),
    ("Bad shares", |row| row.shares_bad),
    ("Completed", |row| row.completed),
    ("Ratified", |row| row.ratified),
    ("Ratified late", |row| row.ratified_late),
];

/// What the page shows.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) rows: &'a BTreeMap<RowKey, Row>,
    /// The hash of the rules in force.
    pub(crate) rules: Option<String>,
    /// What `GET /counts` says, for what is in no row.
    pub(crate) counts: &'a serde_json::Value,
    /// The followed head's root, and who cosigned it.
    pub(crate) head: Option<(String, Vec<String>)>,
    pub(crate) log: &'a str,
    pub(crate) status: &'a Status,
    /// Unix seconds.
    pub(crate) now: u64,
}

impl Display for Page<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let title = "Releases of footage: the public count";
        writeln!(f, "{}<main>", Head { title, styles: &STYLES, again_after: AGAIN })?;
        self.alarms(f)?;
        self.overdue(f)?;
        self.count(f)?;
        self.table(f)?;
        self.proof(f)?;
        f.write_str("</main>\n</html>\n")
    }
}

impl Page<'_> {
    fn alarms(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.status.alarms.is_empty() {
            return Ok(());
        }
        f.write_str("<div class=\"alarm\" role=\"alert\"><strong class=\"bad\">An alarm stands.</strong> ")?;
        f.write_str("Do not believe this log's count until it is explained. Evidence: ")?;
        for alarm in &self.status.alarms {
            write!(f, "<code>{}</code> ", Text(alarm))?;
        }
        f.write_str("</div>\n")
    }

    fn overdue(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (trustee, days) in &self.status.uncounted_keys {
            writeln!(
                f,
                "<div class=\"alarm\" role=\"alert\"><strong class=\"bad\">Keys that count nowhere.</strong> <code>{}</code> \
                 logged {} of them: a second key of a day, or one that is kept too long.</div>",
                Text(trustee),
                days.len()
            )?;
        }
        if self.status.overdue_keys.is_empty() {
            return Ok(());
        }
        f.write_str(
            "<div class=\"alarm\" role=\"alert\"><strong class=\"bad\">Keys that should be gone.</strong> ",
        )?;
        f.write_str(
            "Their time is over for more than a day, and the log does not say that they were destroyed:",
        )?;
        for (trustee, days) in &self.status.overdue_keys {
            let plural = if days.len() == 1 { "" } else { "s" };
            write!(f, " <code>{}</code> ({} day{plural})", Text(trustee), days.len())?;
        }
        f.write_str(". The counts below are not in doubt for it.</div>\n")
    }

    fn count(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let year = month_of(self.now).split('-').next().unwrap_or_default().to_owned();
        let of_year = self.rows.iter().filter(|(key, _)| key.month.split('-').next() == Some(&year));
        let (mut emergencies, mut others) = (Row::default(), 0);
        for (key, row) in of_year {
            if key.kind == escrow::record::Kind::Emergency.word() {
                emergencies.add(row);
            } else {
                others += row.completed;
            }
        }
        let plural = |n: u64| if n == 1 { "" } else { "s" };
        let completed = emergencies.completed;
        writeln!(f, "<h1>{completed} emergency release{} in {year}</h1>", plural(completed))?;
        writeln!(
            f,
            "<p>{} emergenc{} asked for by keys that may, {} ratified afterwards. {others} other release{} completed.{}</p>",
            emergencies.requests,
            if emergencies.requests == 1 { "y was" } else { "ies were" },
            emergencies.ratified,
            plural(others),
            match self.number("unauthorised") {
                0 => String::new(),
                1 => " One more request stands in the log, by keys that may not ask.".to_owned(),
                more => format!(" {more} more requests stand in the log, by keys that may not ask."),
            },
        )?;
        f.write_str(
            "<p class=\"quiet\">No key is let go without a record in the log, so this is a count of records: \
             whoever reads the log gets the same number. Whose camera a record is about, no record says.</p>\n",
        )
    }

    /// What is in no row.
    fn number(&self, name: &str) -> u64 {
        self.counts[name].as_u64().unwrap_or_default()
    }

    fn table(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.rows.is_empty() {
            return f.write_str(match self.number("unauthorised") {
                0 => "<p>No request was ever logged.</p>\n",
                _ => "<p>No request was ever logged by keys that may ask.</p>\n",
            });
        }
        f.write_str(
            "<div class=\"wide\"><table>\n<caption>By month of the request's stamp, UTC</caption>\n<tr>",
        )?;
        f.write_str("<th scope=\"col\">Month</th><th scope=\"col\">Kind</th><th scope=\"col\">Agency</th>")?;
        for (head, _) in COLUMNS {
            write!(f, "<th scope=\"col\" class=\"n\">{head}</th>")?;
        }
        f.write_str("</tr>\n")?;
        for (key, row) in self.rows.iter().rev() {
            let (month, kind, agency) = (Text(&key.month), Text(&key.kind), Text(&key.agency));
            write!(f, "<tr><td>{month}</td><td>{kind}</td><td>{agency}</td>")?;
            for (_, number) in COLUMNS {
                write!(f, "<td class=\"n\">{}</td>", number(row))?;
            }
            f.write_str("</tr>\n")?;
        }
        f.write_str("</table></div>\n")
    }

    fn proof(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let status = self.status;
        let good = status.state == State::Following && status.alarms.is_empty();
        f.write_str("<h2>Why believe it</h2>\n<dl>\n")?;
        let class = if good { "good" } else { "bad" };
        write!(f, "<dt>This monitor</dt><dd class=\"{class}\">{}", sentence(status.state))?;
        if let Some(error) = &status.error {
            write!(f, ": {}", Text(error))?;
        }
        f.write_str("</dd>\n")?;
        writeln!(
            f,
            "<dt>Log</dt><dd><code>{}</code>, {} records followed</dd>",
            Text(self.log),
            status.size
        )?;
        if let Some((root, witnesses)) = &self.head {
            let names = witnesses.join(", ");
            writeln!(f, "<dt>Witnesses</dt><dd>{} cosigned: {}</dd>", witnesses.len(), Text(&names))?;
            if let Some(at) = status.cosigned_at {
                writeln!(f, "<dt>Age of the head</dt><dd>{} s</dd>", self.now.saturating_sub(at))?;
            }
            writeln!(f, "<dt>Root</dt><dd><code>{}</code></dd>", Text(root))?;
        }
        writeln!(
            f,
            "<dt>Completed means</dt><dd>grants of as many trustees as the request says it needs; trustees are \
             those of the rules in force, now <code>{}</code></dd>",
            Text(self.rules.as_deref().unwrap_or("none"))
        )?;
        let number = |name| self.number(name);
        let against = number("granted_unauthorised");
        let class = if against == 0 { "good" } else { "bad" };
        writeln!(f, "<dt>Granted against the rules</dt><dd class=\"{class}\">{against}</dd>")?;
        writeln!(
            f,
            "<dt>In no row</dt><dd>{} requests that nobody was authorised to make; records by {} unknown trustees, \
             {} with other signatures than they need, {} repeated, {} about nothing</dd>",
            number("unauthorised"),
            number("unknown_trustees"),
            number("unsigned"),
            number("repeated"),
            number("dangling"),
        )?;
        for (peer, trouble) in &status.peers {
            let seen = trouble.as_deref().map_or("sees the same log", |trouble| trouble);
            writeln!(f, "<dt>Peer monitor</dt><dd><code>{}</code>: {}</dd>", Text(peer), Text(seen))?;
        }
        f.write_str(
            "</dl>\n<p class=\"quiet\">Recount it: <code>candor monitor check --config monitor.toml</code> reads the log itself and needs \
             no word of this page. For programs: <a href=\"counts\">counts</a>, <a href=\"status\">status</a>, \
             <a href=\"gossip\">gossip</a>.</p>\n",
        )
    }
}

fn sentence(state: State) -> &'static str {
    match state {
        State::Following => "follows the log; every step of its growth was verified",
        State::Behind => "is shown an older head than it knows",
        State::QuorumMissing => "is shown a head that too few witnesses cosigned",
        State::Forked => "holds proof that the log signed two histories",
        State::Starting => "is starting",
        State::Failing => "cannot follow the log",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        Status {
            state: State::Following,
            size: 28,
            cosigned_at: Some(1_795_995_990),
            last_good_look_secs: Some(1),
            error: None,
            pending_heads: 0,
            peers: BTreeMap::from([("http://peer.example".to_owned(), None)]),
            alarms: Vec::new(),
            overdue_keys: BTreeMap::new(),
            overdue_keys_of_former: BTreeMap::new(),
            uncounted_keys: BTreeMap::new(),
        }
    }

    fn page(rows: &BTreeMap<RowKey, Row>, status: &Status) -> String {
        let head = Some(("CsUY".to_owned(), vec!["w1".to_owned(), "w2".to_owned()]));
        let rules = Some("mEiB".to_owned());
        let log = "http://log.example";
        let counts = &serde_json::json!({ "unknown_trustees": 3, "granted_unauthorised": 0 });
        Page { rows, rules, counts, head, log, status, now: 1_795_996_000 }.to_string()
    }

    fn row(month: &str, kind: &str, agency: &str, completed: u64) -> (RowKey, Row) {
        let [month, kind, agency] = [month, kind, agency].map(str::to_owned);
        (RowKey { month, kind, agency }, Row { requests: completed, completed, ..Row::default() })
    }

    #[test]
    fn the_headline_counts_this_years_emergencies_and_no_others() {
        let rows = BTreeMap::from([
            row("2026-11", "emergency", "police.example", 7),
            row("2026-02", "emergency", "sheriff.example", 4),
            row("2025-12", "emergency", "police.example", 100),
            row("2026-11", "legal", "police.example", 2),
        ]);
        let html = page(&rows, &status());
        assert!(html.contains("<h1>11 emergency releases in 2026</h1>"), "{html}");
        assert!(html.contains("2 other releases completed"));
        assert!(html.contains("2 cosigned: w1, w2") && html.contains("<dd>10 s</dd>"));
        assert!(!html.contains("alarm stands"));
        let (key, one) = row("2026-11", "emergency", "police.example", 1);
        assert!(
            page(&BTreeMap::from([(key, one)]), &status()).contains("<h1>1 emergency release in 2026</h1>")
        );
        assert!(page(&BTreeMap::new(), &status()).contains("No request was ever logged"));
    }

    /// The page said that nobody had ever asked where requests by keys that may not ask stood in the log.
    #[test]
    fn requests_that_count_in_no_row_are_not_said_to_be_none() {
        let status = status();
        let counts = &serde_json::json!({ "unauthorised": 2 });
        let (log, rows) = ("http://log.example", &BTreeMap::new());
        let html = Page { rows, rules: None, counts, head: None, log, status: &status, now: 1_795_996_000 };
        let html = html.to_string();
        assert!(!html.contains("No request was ever logged.<"), "{html}");
        assert!(html.contains("2 more requests stand in the log, by keys that may not ask"), "{html}");
    }

    #[test]
    fn an_alarm_comes_first_and_what_others_wrote_is_no_markup() {
        let alarms = vec!["fork-<script>".to_owned()];
        let error = Some("<img src=x onerror=\"alert('1')\">".to_owned());
        let rows = BTreeMap::from([row("2026-11", "legal", "<b>&amp;", 1)]);
        let html = page(&rows, &Status { alarms, error, state: State::Forked, ..status() });
        assert!(html.find("An alarm stands").unwrap() < html.find("<h1>").unwrap());
        assert!(html.contains("fork-&lt;script&gt;") && html.contains("&lt;b&gt;&amp;amp;"));
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("<b>"));
    }
}
