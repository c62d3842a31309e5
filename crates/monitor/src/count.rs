//! The public count (proto/gossip.md#counting): from the entries and the published rules alone, so
//! that a stranger gets the same numbers.
//!
//! ```text
//! month    kind       agency          requests  incidents  grants  refusals  attempted  completed  ratified
//! 2026-11  emergency  police.example  3         2          7       1         3          2          1
//! ```
//!
//! A grant, refusal or ratification belongs to the row of the request that it names, and the row's
//! month is that of the request's stamp. Whose keys may ask, grant and ratify is what `escrow::register`
//! makes of the log; nothing of it is configured.

mod keys;
mod month;
mod table;

use keys::Uncounted;
pub(crate) use keys::Wrong;
pub(crate) use month::month_of;
pub use table::{Emergencies, Row, RowKey};

use escrow::record::{Leaf, Name, Seconds};
use escrow::register::{Folded, Register, Requested, Weight};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use table::Table;
use tlog::policy::Policy;

/// The count of a log's prefix.
#[derive(Debug, Clone)]
pub struct Counts {
    register: Register,
    /// Entries by the kind of their leaf; what is no leaf, or bears no good stamp, is `unknown`.
    leaves: BTreeMap<&'static str, u64>,
    /// Which trustees did something else than grant about each request, by its place in the log.
    marks: BTreeMap<u64, Marks>,
    apart: Apart,
    uncounted: Uncounted,
}

/// The trustees that did something about a request: each counts once, however often it says so.
#[derive(Debug, Clone, Default)]
struct Marks {
    refused: BTreeSet<Name>,
    share_bad: BTreeSet<Name>,
}

/// Leaves that count in no row.
#[derive(Debug, Clone, Copy, Default)]
struct Apart {
    /// About nothing that stands before them.
    dangling: u64,
    /// Of a text or id that counted before.
    repeated: u64,
    /// Of trustees that the rules in force do not name.
    unknown_trustees: u64,
    /// Signed by others than their kind needs.
    unsigned: u64,
}

impl Counts {
    /// Nothing yet, of a log under this policy.
    pub fn new(policy: &Policy) -> Self {
        Self {
            register: Register::new(policy.stamp_keys()),
            leaves: BTreeMap::new(),
            marks: BTreeMap::new(),
            apart: Apart::default(),
            uncounted: Uncounted::default(),
        }
    }

    /// Counts the next entry.
    pub fn add(&mut self, entry: &[u8]) {
        let index = self.register.size();
        let folded = self.register.fold(index, entry).expect("the index is the register's own size");
        let Some(Folded { leaf, weight, .. }) = folded else {
            // SPEC: gossip.md#counting: what is no leaf counts as unknown and MUST NOT stop the
            // count.
            *self.leaves.entry("unknown").or_default() += 1;
            return;
        };
        *self.leaves.entry(leaf.value().word()).or_default() += 1;
        self.uncounted.take(&leaf, weight, &self.register);
        match weight {
            Weight::Counts => self.counted(index, leaf.value()),
            // The rows tell of a request that was not authorised: it may be granted yet.
            Weight::Unauthorised => _ = self.marks.entry(index).or_default(),
            Weight::Repeated => self.apart.repeated += 1,
            Weight::Unknown => self.apart.unknown_trustees += 1,
            Weight::Unsigned => self.apart.unsigned += 1,
            Weight::Dangling => self.apart.dangling += 1,
        }
    }

    fn counted(&mut self, index: u64, leaf: &Leaf) {
        match leaf {
            Leaf::Request(_) => _ = self.marks.entry(index).or_default(),
            Leaf::Refusal(said) => {
                self.marks.entry(said.request_index).or_default().refused.insert(said.trustee.clone());
            }
            Leaf::ShareBad(said) => {
                self.marks.entry(said.request_index).or_default().share_bad.insert(said.trustee.clone());
            }
            // The register keeps these by their request; or they are counted by their kind alone: what
            // they say is the register's to know, or the owner's.
            Leaf::Grant(_) | Leaf::Ratification(_) | Leaf::Veto(_) => {}
            Leaf::DayKeys(_) | Leaf::KeyDestroyed(_) => {}
            Leaf::Policy(_) | Leaf::RequesterKey(_) | Leaf::PolicyDoc(_) => {}
        }
    }

    /// How many entries were counted.
    pub fn entries(&self) -> u64 {
        self.register.size()
    }

    /// The rows, by month, kind and agency.
    pub fn rows(&self) -> BTreeMap<RowKey, Row> {
        self.table().rows
    }

    /// Emergencies of all agencies and months.
    pub fn emergencies(&self) -> Emergencies {
        self.table().emergencies()
    }

    /// The hash of the PolicyDoc in force, base64; none before the first.
    pub fn rules(&self) -> Option<String> {
        self.register.rules().map(|rules| rules.hash().to_base64())
    }

    /// What is wrong with keys of days at this time.
    pub(crate) fn wrong_keys(&self, at: Seconds) -> Wrong {
        keys::wrong(&self.register, &self.uncounted, at)
    }

    /// What `GET /counts` answers, but for the head.
    pub fn to_json(&self) -> serde_json::Value {
        let table = self.table();
        serde_json::json!({
            "entries": self.entries(),
            "leaves": self.leaves,
            "rows": table.rows_json(),
            "emergencies": table.emergencies(),
            "rules": self.rules(),
            "day_keys": keys::counted(&self.register),
            "unauthorised": table.unauthorised,
            "granted_unauthorised": table.granted_unauthorised,
            "dangling": self.apart.dangling,
            "repeated": self.apart.repeated,
            "unknown_trustees": self.apart.unknown_trustees,
            "unsigned": self.apart.unsigned,
        })
    }

    fn table(&self) -> Table {
        let mut table = Table::default();
        for (index, marks) in &self.marks {
            let Some(request) = self.register.request(*index) else { continue };
            // SPEC: gossip.md#counting: a request counts once registered keys signed it, or once a
            // trustee granted it, and MUST count once by its id.
            if self.register.owner_of(&request.id) != Some(*index) {
                table.unauthorised += u64::from(!request.authorised);
                continue;
            }
            table.granted_unauthorised += u64::from(!request.authorised);
            let key = RowKey {
                month: month_of(request.stamp.0),
                kind: request.kind.word().to_owned(),
                agency: request.agency.as_ref().map_or("-", Name::as_str).to_owned(),
            };
            let event = request.incident.unwrap_or(request.hash);
            table.add(key, &self.row(*index, request, marks), event);
        }
        table
    }

    /// What one request adds to its row.
    fn row(&self, index: u64, request: &Requested, marks: &Marks) -> Row {
        let count = |trustees: usize| trustees as u64;
        let grants = count(request.grants.len());
        let rules = self.register.rules_at(index).map(|rules| rules.figures().ratify_within_secs);
        let deadline = request.stamp.after(Duration::from_secs(rules.unwrap_or_default()));
        Row {
            requests: 1,
            // The table knows which events it has seen.
            incidents: 0,
            grants,
            refusals: count(marks.refused.len()),
            shares_bad: count(marks.share_bad.len()),
            attempted: u64::from(grants > 0),
            completed: u64::from(request.needs > 0 && grants >= u64::from(request.needs)),
            ratified: u64::from(request.ratified_at.is_some_and(|at| at <= deadline)),
            ratified_late: u64::from(request.ratified_at.is_some_and(|at| at > deadline)),
        }
    }
}

#[cfg(test)]
mod tests;
