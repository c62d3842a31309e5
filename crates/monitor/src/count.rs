//! The public count (proto/gossip.md#counting): from the entries and the published rules alone, so
//! that a stranger gets the same numbers.
//!
//! ```text
//! month    kind       agency          requests  grants  refusals  attempted  completed  ratified
//! 2026-11  emergency  police.example  3         7       1         3          2          1
//! ```
//!
//! A grant, refusal or ratification belongs to the row of the request that it names, and the row's
//! month is the request's. Whose keys may ask and ratify is what `escrow::register` makes of the
//! log; whose keys grant is in the configuration, since a name in the log is whoever took it first.

mod month;
mod table;

pub(crate) use month::month_of;
pub use table::{Emergencies, Row, RowKey};

use escrow::policy::PolicyDoc;
use escrow::record::{EntryId, Leaf, Name, Signed};
use escrow::register::{Register, Requested};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use table::Table;
use tlog::Hash;
use tlog::note::Verifier;

/// What the log alone does not say, and a count needs.
#[derive(Debug, Clone)]
pub struct CountRule {
    /// Grants of so many different trustees complete a release: t of the owners' policies, which
    /// are not public.
    pub threshold: u32,
    /// The trustees' keys. A grant or refusal that its trustee's key did not sign counts as
    /// `unsigned`.
    pub trustees: Vec<Verifier>,
    /// The rules of release: whose registrations count, and how soon an emergency must be ratified.
    pub rules: PolicyDoc,
}

/// The count of a log's prefix.
#[derive(Debug, Clone)]
pub struct Counts {
    rule: CountRule,
    register: Register,
    /// Entries by the kind of their leaf; what is no leaf is `unknown`.
    leaves: BTreeMap<&'static str, u64>,
    /// What trustees did about each request, by its place in the log.
    marks: BTreeMap<u64, Marks>,
    days: BTreeMap<Name, Days>,
    dangling: u64,
    unsigned: u64,
}

/// The trustees that did something about a request: each counts once, however often it says so.
#[derive(Debug, Clone, Default)]
struct Marks {
    granted: BTreeSet<Name>,
    refused: BTreeSet<Name>,
    share_bad: BTreeSet<Name>,
}

/// The days of one trustee.
#[derive(Debug, Clone, Default)]
struct Days {
    published: BTreeSet<u32>,
    destroyed: BTreeSet<u32>,
}

impl Counts {
    pub fn new(rule: CountRule) -> Self {
        Self {
            register: Register::new(&rule.rules),
            rule,
            leaves: BTreeMap::new(),
            marks: BTreeMap::new(),
            days: BTreeMap::new(),
            dangling: 0,
            unsigned: 0,
        }
    }

    pub(crate) fn rule(&self) -> &CountRule {
        &self.rule
    }

    /// Counts the next entry.
    pub fn add(&mut self, entry: &[u8]) {
        let index = self.register.size();
        let folded = self.register.fold(index, entry).expect("the index is the register's own size");
        let Some(signed) = folded else {
            // SPEC: gossip.md#counting: what is no leaf counts as unknown and MUST NOT stop the
            // count.
            *self.leaves.entry("unknown").or_default() += 1;
            return;
        };
        *self.leaves.entry(signed.value().word()).or_default() += 1;
        match signed.value() {
            Leaf::Request(_) => {
                self.marks.insert(index, Marks::default());
            }
            Leaf::Grant(leaf) => {
                let about = (leaf.request_index, leaf.request, Some(leaf.id));
                self.mark(&signed, &leaf.trustee, about, |marks| &mut marks.granted);
            }
            Leaf::Refusal(leaf) => {
                let about = (leaf.request_index, leaf.request, Some(leaf.id));
                self.mark(&signed, &leaf.trustee, about, |marks| &mut marks.refused);
            }
            Leaf::ShareBad(leaf) => {
                let about = (leaf.request_index, leaf.request, Some(leaf.id));
                self.mark(&signed, &leaf.trustee, about, |marks| &mut marks.share_bad);
            }
            Leaf::Ratification(leaf) => self.ratify((leaf.request_index, leaf.request, None)),
            Leaf::DayKeys(leaf) => {
                if self.is_by(&signed, &leaf.trustee) {
                    self.days.entry(leaf.trustee.clone()).or_default().published.insert(leaf.day);
                }
            }
            Leaf::KeyDestroyed(leaf) => {
                if self.is_by(&signed, &leaf.trustee) {
                    let days = self.days.entry(leaf.trustee.clone()).or_default();
                    if days.published.contains(&leaf.day) {
                        days.destroyed.insert(leaf.day);
                    }
                }
            }
            // Counted by their kind alone: what they say is the register's to know, or the owner's.
            Leaf::Policy(_) | Leaf::Veto(_) | Leaf::RequesterKey(_) | Leaf::PolicyDoc(_) => {}
        }
    }

    /// Marks the request that a trustee's leaf names; counts the leaf as unsigned or dangling where
    /// there is none.
    fn mark(
        &mut self,
        leaf: &Signed<Leaf>,
        trustee: &Name,
        about: About,
        of: fn(&mut Marks) -> &mut BTreeSet<Name>,
    ) {
        if !self.is_by(leaf, trustee) {
            self.unsigned += 1;
        } else if !is_about(self.register.request(about.0), about) {
            self.dangling += 1;
        } else if let Some(marks) = self.marks.get_mut(&about.0) {
            of(marks).insert(trustee.clone());
        }
    }

    /// The register knows whose ratification counts: it has taken this one, if it ever takes one.
    fn ratify(&mut self, about: About) {
        let request = self.register.request(about.0);
        if !is_about(request, about) {
            self.dangling += 1;
        } else if request.is_none_or(|request| request.ratified_at.is_none()) {
            self.unsigned += 1;
        }
    }

    fn is_by(&self, leaf: &Signed<Leaf>, trustee: &Name) -> bool {
        let named = self.rule.trustees.iter().filter(|key| key.name() == trustee.as_str());
        named.into_iter().any(|key| leaf.is_signed_by(key))
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

    /// What `GET /counts` answers, but for the head.
    pub fn to_json(&self) -> serde_json::Value {
        let table = self.table();
        let days = self.days.iter().map(|(trustee, days)| {
            let numbers =
                serde_json::json!({ "published": days.published.len(), "destroyed": days.destroyed.len() });
            (trustee.as_str().to_owned(), numbers)
        });
        serde_json::json!({
            "entries": self.entries(),
            "leaves": self.leaves,
            "rows": table.rows_json(),
            "emergencies": table.emergencies(),
            "completed_at_grants": self.rule.threshold,
            "rules": self.rule.rules.hash().to_base64(),
            "day_keys": days.collect::<serde_json::Map<_, _>>(),
            "unauthorised": table.unauthorised,
            "granted_unauthorised": table.granted_unauthorised,
            "dangling": self.dangling,
            "unsigned": self.unsigned,
        })
    }

    fn table(&self) -> Table {
        let mut table = Table::default();
        for (index, marks) in &self.marks {
            let Some(request) = self.register.request(*index) else { continue };
            // SPEC: gossip.md#counting: a request counts once registered keys signed it, or once a
            // trustee granted it.
            if !request.authorised && marks.granted.is_empty() {
                table.unauthorised += 1;
                continue;
            }
            table.granted_unauthorised += u64::from(!request.authorised);
            let key = RowKey {
                month: month_of(request.time.0),
                kind: request.kind.word().to_owned(),
                agency: request.agency.as_ref().map_or("-", Name::as_str).to_owned(),
            };
            table.rows.entry(key).or_default().add(&self.row(request, marks));
        }
        table
    }

    /// What one request adds to its row.
    fn row(&self, request: &Requested, marks: &Marks) -> Row {
        let [grants, refusals, shares_bad] =
            [&marks.granted, &marks.refused, &marks.share_bad].map(|trustees| trustees.len() as u64);
        let within = Duration::from_secs(self.rule.rules.figures().ratify_within_secs);
        let deadline = request.time.after(within);
        Row {
            requests: 1,
            grants,
            refusals,
            shares_bad,
            attempted: u64::from(grants > 0),
            completed: u64::from(grants >= u64::from(self.rule.threshold)),
            ratified: u64::from(request.ratified_at.is_some_and(|at| at <= deadline)),
            ratified_late: u64::from(request.ratified_at.is_some_and(|at| at > deadline)),
        }
    }
}

/// Which request a leaf is about: its place, its hash, and its id where the leaf states it.
type About = (u64, Hash, Option<EntryId>);

fn is_about(request: Option<&Requested>, (_, hash, id): About) -> bool {
    request.is_some_and(|request| request.hash == hash && id.is_none_or(|id| id == request.id))
}

#[cfg(test)]
mod tests;
