//! The rows of the count, and their sums.

use std::collections::{BTreeMap, BTreeSet};
use tlog::Hash;

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct RowKey {
    /// `2026-11`, UTC, by the stamp of the request.
    pub month: String,
    /// `emergency`, `legal`, `recovery`, `owner-share`.
    pub kind: String,
    /// `-` for the owner's own kinds.
    pub agency: String,
}

/// The numbers of a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    pub requests: u64,
    /// How many events the requests are about, by their own word; one that names none is about its own.
    pub incidents: u64,
    pub grants: u64,
    pub refusals: u64,
    pub shares_bad: u64,
    /// Requests with at least one grant.
    pub attempted: u64,
    /// Requests with grants of as many trustees as they need.
    pub completed: u64,
    /// Requests that were ratified as soon as the rules ask.
    pub ratified: u64,
    /// Requests that were ratified after that: by the rules they are unratified.
    pub ratified_late: u64,
}

/// Emergencies of all agencies and months: the number a journalist asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Emergencies {
    pub requested: u64,
    /// How many events they are about, whichever agencies asked.
    pub incidents: u64,
    pub attempted: u64,
    pub completed: u64,
    pub ratified: u64,
}

impl Row {
    pub(crate) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.incidents += other.incidents;
        self.grants += other.grants;
        self.refusals += other.refusals;
        self.shares_bad += other.shares_bad;
        self.attempted += other.attempted;
        self.completed += other.completed;
        self.ratified += other.ratified;
        self.ratified_late += other.ratified_late;
    }
}

/// The whole count.
#[derive(serde::Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    key: &'a RowKey,
    #[serde(flatten)]
    row: &'a Row,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) rows: BTreeMap<RowKey, Row>,
    /// The events of each row.
    events: BTreeMap<RowKey, BTreeSet<Hash>>,
    /// Requests that no registered keys signed, and nobody granted.
    pub(super) unauthorised: u64,
    /// The same, granted: trustees that did what the rules forbid. These stand in the rows.
    pub(super) granted_unauthorised: u64,
}

impl Table {
    /// Adds what one request says to its row; it is about this event.
    // SPEC: gossip.md#counting: requests of one incident are one event.
    pub(super) fn add(&mut self, key: RowKey, row: &Row, event: Hash) {
        let is_new = self.events.entry(key.clone()).or_default().insert(event);
        self.rows.entry(key).or_default().add(&Row { incidents: u64::from(is_new), ..*row });
    }

    pub(super) fn emergencies(&self) -> Emergencies {
        let kind = escrow::record::Kind::Emergency.word();
        let mut sum = Row::default();
        self.rows.iter().filter(|(key, _)| key.kind == kind).for_each(|(_, row)| sum.add(row));
        let events = self.events.iter().filter(|(key, _)| key.kind == kind).flat_map(|(_, events)| events);
        Emergencies {
            requested: sum.requests,
            incidents: events.collect::<BTreeSet<_>>().len() as u64,
            attempted: sum.attempted,
            completed: sum.completed,
            ratified: sum.ratified,
        }
    }

    /// One flat object a row.
    pub(super) fn rows_json(&self) -> Vec<serde_json::Value> {
        self.rows.iter().map(|(key, row)| serde_json::json!(Line { key, row })).collect()
    }
}
