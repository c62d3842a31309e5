//! The owner's one reading (proto/release.md#the-owners-one-reading), as a model: an owner audits once
//! a day for forty days; somebody who holds every key, the camera's chain of days to come among
//! them, logs anything at any time. What the rules let count at any time must be among the findings,
//! although each leaf was tried once, with the keys of that moment.
//!
//! In the model: when a leaf is logged, which day's key labels it, which footage it asks for, which
//! time it states, when it is shown to a trustee. Not in it: signatures and proofs, which the
//! attacker has; a foreign notice chain, which the audit of EpochOpens names.

use super::*;
use escrow::policy::{Decision, Facts, Found, PolicyDoc, decide};
use escrow::register::Register;
use std::time::Duration;

const DAYS: u64 = 40;
const DAY_SECS: u64 = 86_400;
/// Keys of days beyond the last audit, which the attacker has as well.
const KEYS: u64 = DAYS + 20;
const TRIES: usize = 1500;

/// Draws, the same at each run.
struct Draw(u64);

impl Draw {
    /// Below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// Within `reach` of `middle`.
    fn around(&mut self, middle: u64, reach: u64) -> u64 {
        middle.saturating_sub(reach) + self.below(2 * reach + 1)
    }
}

/// One leaf of the attacker's.
struct Try {
    stamp: u64,
    leaf: Vec<u8>,
    /// Whether anybody acts on it, whenever it is shown.
    counts: bool,
}

struct Attacker {
    draw: Draw,
    rules: PolicyDoc,
    register: Register,
    keys: Vec<CameraDay>,
    /// What every request of the attacker's says beside what is drawn.
    request: Request,
}

impl Attacker {
    fn new() -> Self {
        let (rules, register) = (stage::leaves::rules(), Register::new(Vec::new()));
        let request = emergency(PAIRED, &details(CAMERA), |_| ()).value().clone();
        let last = Day(PAIRED.0 + u32::try_from(KEYS).unwrap());
        Self { draw: Draw(9), rules, register, keys: days_of(&CAMERA, root(), PAIRED, last), request }
    }

    fn logs(&mut self, number: usize) -> Try {
        let id = EntryId((number as u128 + 1).to_be_bytes());
        let begin = PAIRED.start().0;
        let stamp = begin + self.draw.below(DAYS * DAY_SECS);
        // Half of them close to the borders: the ends of days, of the log's and the owner's.
        let start = match self.draw.below(2) {
            0 => begin + self.draw.below(KEYS * DAY_SECS),
            _ => self.draw.around(stamp, 2 * DAY_SECS).max(begin),
        };
        let day = Seconds(start).day();
        let key = &self.keys.iter().find(|key| key.day == day).unwrap().key;
        if self.draw.below(4) == 0 {
            let label = Hash(key.label(id.as_bytes()));
            let leaf = OwnerPolicyLeaf { id, label, ..policy_leaf(1) };
            let counts = OwnerPolicyLeaf::may_be_labelled(day, Seconds(stamp));
            let leaf = Signed::sign(leaf, &[&relay()]).unwrap().entry_bytes().to_vec();
            return Try { stamp, leaf, counts };
        }
        let kind = [Kind::Emergency, Kind::Legal, Kind::Recovery][self.draw.below(3) as usize];
        let time = match self.draw.below(4) {
            0 => begin + self.draw.below(KEYS * DAY_SECS),
            _ => self.draw.around(stamp, 7200),
        };
        let label = Hash(key.label(id.as_bytes()));
        let mut request = Request { id, kind, label, time: Seconds(time), ..self.request.clone() };
        match kind {
            Kind::Recovery => (request.agency, request.country, request.basis) = (None, None, None),
            Kind::Legal => request.basis = Word::new("court-order"),
            Kind::Emergency | Kind::OwnerShare => {}
        }
        let request = Signed::sign(request, &[&relay()]).unwrap();
        let end = start + 1 + self.draw.below(8 * 3600);
        let counts = (0..8).any(|_| {
            let shown = stamp + self.draw.below(30 * DAY_SECS);
            self.passes(request.value(), stamp, (start, end), shown)
        });
        Try { stamp, leaf: request.entry_bytes().to_vec(), counts }
    }

    /// Whether the rules let the request through when it is shown at that time, or some time after.
    fn passes(&self, request: &Request, stamp: u64, (start, end): (u64, u64), shown: u64) -> bool {
        let facts = Facts {
            register: &self.register,
            rules: &self.rules,
            request,
            index: 1,
            stamp: Seconds(stamp),
            start_us: Seconds(start).micros(),
            end_us: Seconds(end).micros(),
            order: Found::Yes,
            veto: Found::No,
            notices: Found::Yes,
            is_same_camera: &|_| false,
        };
        !matches!(decide(&facts, Seconds(shown)), Decision::Refuse(_))
    }
}

#[test]
fn whatever_anybody_logs_at_any_time_what_can_count_is_found_at_its_one_reading() {
    let mut attacker = Attacker::new();
    let mut log: Vec<Try> = (0..TRIES).map(|number| attacker.logs(number)).collect();
    log.sort_by_key(|logged| logged.stamp);

    let (mut findings, mut read) = (Vec::new(), 0);
    for day in 0..=DAYS {
        // Some time of that day; a log or witness may be half a minute ahead of the owner's clock.
        let now = PAIRED.start().0 + day * DAY_SECS + attacker.draw.below(DAY_SECS);
        let days = days_of(&CAMERA, root(), PAIRED, Seconds(now).day());
        let book = Stored { findings, ..book(Vec::new()) };
        let mut ledger = Ledger::new(&book, days, audit(), now).unwrap();
        while let Some(next) = log.get(read).filter(|next| next.stamp <= now + 30) {
            ledger.take(read as u64, &next.leaf);
            read += 1;
        }
        findings = ledger.into_kept().0;
    }
    let last = PAIRED.start().after(Duration::from_secs((DAYS + 2) * DAY_SECS));
    let mut ledger = Ledger::new(
        &Stored { findings, ..book(Vec::new()) },
        days_of(&CAMERA, root(), PAIRED, last.day()),
        audit(),
        last.0,
    )
    .unwrap();
    (read..TRIES).for_each(|at| ledger.take(at as u64, &log[at].leaf));

    let found: BTreeSet<u64> = ledger.rows().iter().map(|row| row.leaf_index).collect();
    let (mut counted, mut passed_by) = (0, 0);
    for (at, logged) in log.iter().enumerate() {
        let found = found.contains(&(at as u64));
        assert!(found || !logged.counts, "the leaf at {at} counts, and passed the owner by");
        counted += usize::from(logged.counts);
        passed_by += usize::from(!found);
    }
    // The model is not empty: many count, and many do pass the owner by, for they count nowhere.
    assert!(counted > TRIES / 20 && passed_by > TRIES / 20, "{counted} count, {passed_by} passed by");
}
