//! How what the parties hand back reads to people: moments, tables, a trustee's answer, an audit.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use media::time::{Micros, Seconds};
use owner::audit::Report;
use requester::collect::Answer;

/// A moment as everybody reads it, wherever they are: UTC.
pub(crate) fn show_us(us: u64) -> String {
    stamp(us).map_or_else(|| us.to_string(), |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// A moment as whoever owns or asks for footage reads it: by the clocks of this machine.
pub(crate) fn show_here_us(us: u64) -> String {
    stamp(us).map_or_else(|| us.to_string(), |at| by_the_clock(at, &TimeZone::system()))
}

/// A moment by the clocks of a zone. Its offset from UTC is always there: on one night of the year
/// a minute comes twice.
pub(crate) fn by_the_clock(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%:z").to_string()
}

/// How far the clocks of this machine are ahead of UTC at a moment, seconds.
pub(crate) fn ahead(at: Micros) -> i64 {
    stamp(at.0).map_or(0, |at| TimeZone::system().to_offset(at).seconds().into())
}

fn stamp(us: u64) -> Option<Timestamp> {
    Timestamp::from_microsecond(i64::try_from(us).ok()?).ok()
}

/// A cell of a table: what there is, or a dash.
pub(crate) fn or_dash(shown: Option<String>) -> String {
    shown.unwrap_or_else(|| "-".to_owned())
}

/// Columns, padded; the first row is the heading.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut lines = Vec::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        lines.push(cells.collect::<Vec<_>>().join("  ").trim_end().to_owned());
    }
    lines.join("\n")
}

/// A trustee's answer in a few words.
pub(crate) fn answer_text(answer: &Answer) -> String {
    match answer {
        Answer::Granted { grant_index } => format!("granted, leaf {grant_index}"),
        Answer::Pending(state) => format!("not yet: {}", state.word()),
        // What a person of the trustee wrote, which nobody but the asker is told.
        Answer::Refused(refused) if refused.is_denial() => {
            format!("refused at {} ({}): {}", refused.step, refused.name, refused.text)
        }
        Answer::Refused(refused) => {
            format!("refused at {} ({}): {}", refused.step, refused.name, refused.what_to_do)
        }
        Answer::Unusable { reason } => format!("no usable answer: {reason}"),
    }
}

/// What an audit found, as a table and a sentence.
pub(crate) fn audit_text(report: &Report) -> String {
    let heading =
        ["leaf", "camera", "kind", "by", "epochs", "grants", "state", "yours", "reason"].map(str::to_owned);
    let mut rows = vec![heading.to_vec()];
    for row in &report.rows {
        let sub = if row.track == 0 { "" } else { " (sub)" };
        rows.push(vec![
            row.leaf_index.to_string(),
            row.camera.clone(),
            row.kind.word().to_owned(),
            or_dash(row.agency.clone()),
            or_dash(row.epochs.map(|(first, last)| format!("{first}-{last}{sub}"))),
            row.grants.to_string(),
            or_dash(row.state.map(|state| state.word().to_owned())),
            if row.expected { "yes".to_owned() } else { "NO".to_owned() },
            or_dash(row.reason.clone()),
        ]);
    }
    let found = if report.rows.is_empty() { "no record about your cameras".to_owned() } else { table(&rows) };
    let alarms: String =
        report.policy_alarms.iter().map(|alarm| format!("\nPOLICY ALARM: {alarm}")).collect();
    let unchecked: String =
        report.unchecked.iter().map(|what| format!("\nCOULD NOT BE CHECKED: {what}")).collect();
    let unreleasable: String = report.unreleasable.iter().map(|camera| format!("\n{camera}")).collect();
    let now = Seconds(report.cosigned_at).micros();
    let holders: String =
        report.holders.iter().map(|of| format!("\n{}: {}", of.camera, of.text(now))).collect();
    let unknown = |camera: &String| format!("\n{camera}: who holds shares of it is not known");
    let unknown: String = report.holders_unknown.iter().map(unknown).collect();
    format!(
        "{found}{alarms}{unchecked}{unreleasable}{holders}{unknown}\nlog head {} ({} witnesses), {} leaves read, {} camera-days tried, {} epochs checked",
        report.head_size,
        report.witnesses.len(),
        report.leaves_read,
        report.camera_days,
        report.epochs_checked
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_asker_is_told_why_a_human_said_no() {
        let denied = Answer::Refused(escrow::answer::Refused::denied("the number is not this station's"));
        let text = answer_text(&denied);
        assert!(text.contains("g8") && text.ends_with("the number is not this station's"), "{text}");
    }

    #[test]
    fn columns_line_up() {
        let rows = [vec!["camera".to_owned(), "age".to_owned()], vec!["front".to_owned(), "2 s".to_owned()]];
        assert_eq!(table(&rows), "camera  age\nfront   2 s");
    }
}
