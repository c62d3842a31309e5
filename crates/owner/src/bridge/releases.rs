//! What the audit verified of requests for the owner's footage, as programs are told it. Pure.
//!
//! Said is what the log shows: that trustees granted a request, so that its keys could be had.
//! Whether anybody had them, or looked at anything, no log shows.

use crate::audit::{Report, Row, State};
use crate::book::{FoundKind, Stored};
use media::time::Seconds;
use serde::Serialize;

/// One request about a camera, or one policy that its owner did not make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Release {
    /// Its place in the log.
    pub(super) leaf: u64,
    pub(super) camera: String,
    /// `emergency`, `legal`, `recovery`, `owner-share`, or `policy`.
    pub(super) kind: &'static str,
    /// `asked`, `attempted` or `completed`; none for what no trustee is asked for.
    pub(super) state: Option<State>,
    /// Who asked. `NOT signed by NAME` where no registered key of that name did.
    pub(super) agency: Option<String>,
    pub(super) reason: Option<String>,
    /// First and last, of one picture: 0 the main one, 1 the second one.
    pub(super) epochs: Option<(u64, u64)>,
    pub(super) track: u32,
    /// The longest that these epochs can be together, seconds, where all epochs of the camera are
    /// planned alike.
    pub(super) at_most_secs: Option<u64>,
    pub(super) grants: u32,
    /// Whether this owner made it.
    pub(super) yours: bool,
    /// When this device read it in a witnessed head first, Unix microseconds.
    pub(super) read_us: u64,
    /// All of it in one sentence.
    pub(super) text: String,
    pub(super) remarks: Vec<String>,
}

/// The releases of a report that are about these cameras (by name), in the log's order.
pub(super) fn of(report: &Report, stored: &Stored, sees: impl Fn(&str) -> bool) -> Vec<Release> {
    let is_told = |row: &&Row| row.kind != FoundKind::Policy || !row.expected;
    let rows = report.rows.iter().filter(is_told).filter(|row| sees(&row.camera));
    rows.map(|row| release(row, epoch_secs(stored, &row.camera))).collect()
}

impl Release {
    /// Whether trustees let keys go to somebody else.
    pub(super) fn is_given(&self) -> bool {
        self.state == Some(State::Completed) && !self.yours
    }
}

/// The year of a moment, UTC.
pub(super) fn year_of(at: Seconds) -> u64 {
    // Counted from the 1st of March of the year 0: leap days end the years.
    let days = at.0 / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    // January and February are the last two of such a year.
    era * 400 + year + u64::from(of_year >= 306)
}

/// How long an epoch of a camera is planned, if all its policies say the same.
fn epoch_secs(stored: &Stored, name: &str) -> Option<u64> {
    let policies = &stored.camera(name)?.policies;
    // A retired camera's last policy films nothing.
    let lengths = policies.iter().filter_map(|policy| policy.signed().ok());
    let mut lengths = lengths.map(|signed| signed.unverified().epoch_len_s).filter(|length| *length > 0);
    let first = lengths.next()?;
    lengths.all(|length| length == first).then_some(first.into())
}

fn release(row: &Row, epoch_secs: Option<u64>) -> Release {
    let many = row.epochs.and_then(|(first, last)| last.checked_sub(first)?.checked_add(1));
    let at_most_secs = many.zip(epoch_secs).and_then(|(many, secs)| many.checked_mul(secs));
    let how_much = match (at_most_secs, many) {
        (Some(secs), _) if secs < 120 => format!("up to {secs} s"),
        (Some(secs), _) => format!("up to {} min", secs.div_ceil(60)),
        (None, Some(1)) => "1 epoch".to_owned(),
        (None, Some(many)) => format!("{many} epochs"),
        (None, None) => "an unknown part".to_owned(),
    };
    let (camera, leaf, kind) = (&row.camera, row.leaf_index, row.kind.word());
    let who = match row.agency.as_deref() {
        Some(agency) if agency.starts_with("NOT signed") => format!("somebody ({agency})"),
        Some(agency) => agency.to_owned(),
        None => if row.expected { "you" } else { "somebody" }.to_owned(),
    };
    let text = match (row.kind, row.state) {
        (FoundKind::Policy, _) => {
            format!("a policy of {camera} that you did not make is in the log (leaf {leaf})")
        }
        (FoundKind::Request(_), Some(State::Completed)) => {
            let grants = row.grants;
            format!(
                "{who} was given the keys of {how_much} of {camera} by {grants} trustees ({kind}, leaf {leaf})"
            )
        }
        (FoundKind::Request(_), Some(State::Attempted)) => {
            format!(
                "{who} asks for {how_much} of {camera}, and too few trustees granted it ({kind}, leaf {leaf})"
            )
        }
        (FoundKind::Request(_), Some(State::Refused)) => {
            format!("{who} asked for {how_much} of {camera}, and the trustees refused ({kind}, leaf {leaf})")
        }
        (FoundKind::Request(_), Some(State::Asked) | None) => {
            format!("{who} asks for {how_much} of {camera} ({kind}, leaf {leaf})")
        }
    };
    Release {
        leaf,
        camera: camera.clone(),
        kind,
        state: row.state,
        agency: row.agency.clone(),
        reason: row.reason.clone(),
        epochs: row.epochs,
        track: row.track,
        at_most_secs,
        grants: row.grants,
        yours: row.expected,
        read_us: row.when.saturating_mul(1_000_000),
        text,
        remarks: row.remarks.clone(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use escrow::record::Kind;

    pub(in crate::bridge) fn row(state: Option<State>, epochs: Option<(u64, u64)>) -> Row {
        Row {
            when: 1_795_600_000,
            camera: "front-door".to_owned(),
            kind: FoundKind::Request(Kind::Emergency),
            agency: Some("police.example".to_owned()),
            reason: None,
            track: 0,
            epochs,
            grants: 3,
            state,
            leaf_index: 22,
            expected: false,
            remarks: Vec::new(),
        }
    }

    #[test]
    fn a_year_begins_in_the_first_second_of_january_by_utc() {
        let years = [(0, 1970), (951_868_799, 2000), (1_798_761_599, 2026), (1_798_761_600, 2027)];
        for (secs, year) in years {
            assert_eq!(year_of(Seconds(secs)), year);
        }
        let (mut day, mut year) = (0, 1970);
        while year < 2370 {
            assert_eq!(
                (year_of(Seconds(day * 86_400)), year_of(Seconds(day * 86_400 + 86_399))),
                (year, year)
            );
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            day += if leap { 366 } else { 365 };
            assert_eq!(year_of(Seconds(day * 86_400 - 1)), year);
            year += 1;
        }
    }

    #[test]
    fn what_is_said_is_what_the_log_shows_and_no_more() {
        let text = |row: &Row, secs| release(row, secs).text;
        let given = row(Some(State::Completed), Some((1, 3)));
        assert_eq!(
            text(&given, Some(60)),
            "police.example was given the keys of up to 3 min of front-door by 3 trustees (emergency, leaf 22)"
        );
        assert!(text(&given, Some(10)).contains("up to 30 s"));
        assert!(text(&given, None).contains("3 epochs of"), "epochs of several lengths");
        let asked = text(&row(Some(State::Asked), Some((1, 1))), None);
        assert_eq!(asked, "police.example asks for 1 epoch of front-door (emergency, leaf 22)");
        let attempted = text(&row(Some(State::Attempted), None), Some(60));
        assert!(attempted.contains("an unknown part") && attempted.contains("too few"), "{attempted}");
        // Whoever may write to the log can write any numbers.
        let far = release(&row(Some(State::Completed), Some((0, u64::MAX))), Some(600));
        assert_eq!(far.at_most_secs, None);
        let backwards = release(&row(Some(State::Completed), Some((3, 1))), Some(600));
        assert!(backwards.text.contains("an unknown part") && backwards.is_given());
        let policy = Row { kind: FoundKind::Policy, state: None, ..row(None, None) };
        assert!(text(&policy, Some(60)).contains("that you did not make"), "{}", text(&policy, Some(60)));
    }
}
