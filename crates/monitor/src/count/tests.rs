//! Counting, by kind, agency and month; and what must not count.

use super::*;
use escrow::record::{KeyEnd, Kind};
use stage::keys::{officer, signer, sponsor, supervisor, trustee};
use stage::leaves::*;
use stage::paper::{NOW, policy, stamped};
use tlog::Hash;
use tlog::note::Signer;

const DAY: u64 = 86_400;

/// A log under count.
struct Log {
    counts: Counts,
    /// What it stamps with.
    now: u64,
}

impl Log {
    /// With rules, and everybody registered.
    fn new() -> Self {
        let mut log = Self::empty();
        founding(NOW).iter().for_each(|leaf| log.add(leaf));
        log
    }

    fn empty() -> Self {
        Self { counts: Counts::new(&policy()), now: NOW }
    }

    fn add(&mut self, leaf: &[u8]) {
        self.counts.add(&stamped(leaf, self.now));
    }

    fn enter(&mut self, asked: Asked) -> Asked {
        let asked = asked.clone().stamped(stamped(&asked.bytes, self.now));
        self.counts.add(&asked.bytes);
        asked
    }

    fn asked(&mut self, kind: Kind, agency: &str, time: u64) -> Asked {
        self.now = time;
        self.enter(ask(kind, agency, self.counts.entries(), time))
    }

    fn asked_by(&mut self, kind: Kind, agency: &str, signers: &[&Signer]) -> Asked {
        self.enter(ask_by(kind, agency, self.counts.entries(), NOW, signers))
    }

    fn granted(&mut self, asked: &Asked, trustees: std::ops::Range<u8>) {
        trustees.for_each(|at| self.add(&grant(asked, &trustee(at))));
    }

    fn row(&self, month: &str, kind: &str, agency: &str) -> Option<Row> {
        let key = RowKey { month: month.to_owned(), kind: kind.to_owned(), agency: agency.to_owned() };
        self.counts.rows().get(&key).copied()
    }

    fn number(&self, name: &str) -> u64 {
        self.counts.to_json()[name].as_u64().unwrap()
    }
}

#[test]
fn rows_are_by_month_kind_and_agency() {
    let mut log = Log::new();
    let first = log.asked(Kind::Emergency, "police.example", NOW);
    let other = log.asked(Kind::Emergency, "sheriff.example", NOW);
    let legal = log.asked(Kind::Legal, "police.example", NOW);
    log.asked(Kind::OwnerShare, "", NOW);
    let recovery = log.asked(Kind::Recovery, "", NOW);
    let november = [first, log.asked(Kind::Emergency, "police.example", NOW + DAY)];
    let december = log.asked(Kind::Emergency, "police.example", NOW + 10 * DAY);
    log.granted(&november[0], 0..5);
    log.granted(&november[1], 0..2);
    log.granted(&december, 1..4);
    log.add(&refusal(&other, &trustee(0)));
    log.add(&share_bad(&legal, &trustee(1)));
    log.granted(&recovery, 0..3);

    let row = |requests, grants, attempted, completed| Row {
        requests,
        incidents: requests,
        grants,
        attempted,
        completed,
        ..Row::default()
    };
    assert_eq!(log.row("2026-11", "emergency", "police.example"), Some(row(2, 7, 2, 1)));
    assert_eq!(log.row("2026-12", "emergency", "police.example"), Some(row(1, 3, 1, 1)));
    let refused = Row { refusals: 1, ..row(1, 0, 0, 0) };
    assert_eq!(log.row("2026-11", "emergency", "sheriff.example"), Some(refused));
    let bad = Row { shares_bad: 1, ..row(1, 0, 0, 0) };
    assert_eq!(log.row("2026-11", "legal", "police.example"), Some(bad));
    assert_eq!(log.row("2026-11", "owner-share", "-"), Some(row(1, 0, 0, 0)));
    assert_eq!(log.row("2026-11", "recovery", "-"), Some(row(1, 3, 1, 1)));
    assert_eq!(log.counts.rows().len(), 6);
    let expected = Emergencies { requested: 4, incidents: 4, attempted: 3, completed: 2, ratified: 0 };
    assert_eq!(log.counts.emergencies(), expected);
}

/// Three cameras of one street, by two agencies, for one event: it looked like three.
#[test]
fn a_dragnet_is_seen_as_one() {
    let mut log = Log::new();
    for agency in ["police.example", "police.example", "sheriff.example"] {
        log.enter(ask_about(Some(Hash([7; 32])), agency, log.counts.entries()));
    }
    // Who names no event asks about one of its own, every time.
    log.asked(Kind::Emergency, "sheriff.example", NOW);
    log.asked(Kind::Emergency, "sheriff.example", NOW);
    // Whoever was not authorised says nothing of an event.
    log.asked_by(Kind::Emergency, "police.example", &[&sponsor()]);
    let events = |agency| log.row("2026-11", "emergency", agency).map(|row| (row.requests, row.incidents));
    assert_eq!(events("police.example"), Some((2, 1)));
    assert_eq!(events("sheriff.example"), Some((3, 3)));
    let expected = Emergencies { requested: 5, incidents: 3, ..Emergencies::default() };
    assert_eq!(log.counts.emergencies(), expected);
}

#[test]
fn a_release_is_attempted_by_one_grant_and_completed_by_the_threshold() {
    for grants in 0..=TRUSTEES {
        let mut log = Log::new();
        let asked = log.asked(Kind::Emergency, "police.example", NOW);
        log.granted(&asked, 0..grants);
        // Again: a trustee counts once.
        log.granted(&asked, 0..grants);
        let row = log.row("2026-11", "emergency", "police.example").unwrap();
        assert_eq!(row.grants, u64::from(grants));
        assert_eq!(row.attempted, u64::from(grants >= 1));
        assert_eq!(row.completed, u64::from(u32::from(grants) >= NEEDS));
        assert_eq!(row.requests, 1);
    }
}

#[test]
fn an_emergency_is_ratified_in_time_or_not() {
    let within = rules().figures().ratify_within_secs;
    for (after, ratified, late) in [(0, 1, 0), (within, 1, 0), (within + 1, 0, 1)] {
        let mut log = Log::new();
        let asked = log.asked(Kind::Emergency, "police.example", NOW);
        log.granted(&asked, 0..3);
        log.now = NOW + after;
        log.add(&ratification(&asked, after));
        // A second one changes nothing.
        log.add(&ratification(&asked, after + 5));
        let row = log.row("2026-11", "emergency", "police.example").unwrap();
        assert_eq!((row.ratified, row.ratified_late), (ratified, late), "after {after} s");
        assert_eq!(log.counts.emergencies().ratified, ratified);
        assert_eq!((log.number("unsigned"), log.number("dangling")), (0, 0));
    }
}

#[test]
fn a_ratification_by_anybody_but_a_court_does_not_count_nor_one_of_what_was_refused() {
    let mut log = Log::new();
    let asked = log.asked(Kind::Emergency, "police.example", NOW);
    log.granted(&asked, 0..3);
    log.add(&ratification_by(&asked, 60, &[&sponsor()]));
    // The court's name, others' keys.
    let forged = Signer::from_seed("court.example/clerk", &[66; 32]).unwrap();
    log.add(&ratification_by(&asked, 61, &[&forged, &sponsor()]));
    log.add(&ratification_by(&asked, 62, &[&officer("police.example"), &sponsor()]));
    assert_eq!(log.number("unsigned"), 3);
    let elsewhere = Asked { index: asked.index + 1, ..asked };
    log.add(&ratification(&elsewhere, 60));
    assert_eq!(log.number("dangling"), 1);
    let refused = log.asked(Kind::Emergency, "police.example", NOW);
    log.add(&refusal(&refused, &trustee(0)));
    log.add(&ratification(&refused, 60));
    assert_eq!(log.number("dangling"), 2);
    assert_eq!(log.counts.emergencies().ratified, 0);
}

#[test]
fn a_request_without_the_signatures_its_kind_needs_does_not_count() {
    let of_sheriff = officer("sheriff.example");
    let (officer, supervisor, relay) = (officer("police.example"), supervisor("police.example"), sponsor());
    let forged = Signer::from_seed(officer.name(), &[66; 32]).unwrap();
    let mut log = Log::new();
    for signers in [
        &[&relay][..],
        &[&officer, &supervisor],
        &[&officer, &relay],
        &[&supervisor, &relay],
        &[&forged, &supervisor, &relay],
        &[&of_sheriff, &supervisor, &relay],
    ] {
        log.asked_by(Kind::Emergency, "police.example", signers);
    }
    assert_eq!(log.counts.rows(), BTreeMap::new());
    assert_eq!(log.number("unauthorised"), 6);
    // Nobody is registered yet: the same request, made before the registrations, does not count,
    // not even later.
    let mut early = Log::empty();
    early.asked(Kind::Emergency, "police.example", NOW);
    founding(NOW).iter().for_each(|leaf| early.add(leaf));
    assert_eq!((early.counts.rows().len(), early.number("unauthorised")), (0, 1));
}

#[test]
fn what_trustees_granted_against_the_rules_is_counted_and_named() {
    let mut log = Log::new();
    let asked = log.asked_by(Kind::Emergency, "police.example", &[&sponsor()]);
    log.granted(&asked, 0..3);
    let expected = Emergencies { requested: 1, incidents: 1, attempted: 1, completed: 1, ratified: 0 };
    assert_eq!(log.counts.emergencies(), expected);
    assert_eq!((log.number("unauthorised"), log.number("granted_unauthorised")), (0, 1));
}

#[test]
fn forged_and_misdirected_grants_do_not_count() {
    let mut log = Log::new();
    let asked = log.asked(Kind::Emergency, "police.example", NOW);
    let other = log.asked(Kind::Emergency, "police.example", NOW);
    // By nobody whom the rules name; by a trustee's name with another key; by a trustee in
    // another's name.
    let forged = Signer::from_seed(trustee(0).name(), &[66; 32]).unwrap();
    log.add(&grant(&asked, &signer("bar.example")));
    log.add(&grant(&asked, &forged));
    log.add(&refusal(&asked, &forged));
    log.add(&share_bad(&asked, &forged));
    let text = String::from_utf8(grant(&asked, &trustee(1))).unwrap();
    log.add(text.replacen("trustee1.example", "trustee2.example", 1).as_bytes());
    assert_eq!(log.number("unknown_trustees"), 5);
    // The signed text changed: nobody's word any more.
    log.add(text.replacen("epochs 15", "epochs 16", 1).as_bytes());
    assert_eq!(log.number("unknown_trustees"), 6);

    // Another place, another request's place, another id, a place that is not there yet.
    let next = log.counts.entries() + 4;
    for wrong in [
        Asked { index: 0, ..asked.clone() },
        Asked { index: other.index, ..asked.clone() },
        Asked { id: other.id, ..asked.clone() },
        Asked { index: next, ..asked.clone() },
    ] {
        log.add(&grant(&wrong, &trustee(0)));
    }
    assert_eq!(log.number("dangling"), 4);
    assert_eq!(log.number("granted_unauthorised"), 0);
    let expected = Emergencies { requested: 2, incidents: 2, ..Emergencies::default() };
    assert_eq!(log.counts.emergencies(), expected);
    // None of this keeps the real ones out.
    log.granted(&asked, 0..3);
    assert_eq!(log.counts.emergencies().completed, 1);
}

#[test]
fn what_is_no_leaf_is_unknown_and_stops_nothing() {
    let mut log = Log::new();
    let before = log.counts.entries();
    let asked = ask(Kind::Emergency, "police.example", 0, NOW).bytes;
    let foreign = tlog::note::sign("candor request v2\n", &[&sponsor()]).unwrap().encode();
    let garbage = [&b""[..], b"\n", &[0xff; 300], &asked[..asked.len() - 1], &foreign, &vec![b'a'; 65_535]];
    for entry in garbage {
        log.counts.add(entry);
    }
    assert_eq!(log.counts.entries(), before + 6);
    assert_eq!(log.counts.to_json()["leaves"]["unknown"], 6);
    let asked = log.asked(Kind::Legal, "police.example", NOW);
    log.granted(&asked, 0..1);
    assert_eq!(log.row("2026-11", "legal", "police.example").unwrap().grants, 1);
}

#[test]
fn days_whose_keys_were_destroyed_are_counted_by_their_trustee_alone() {
    let mut log = Log::new();
    for day in 20_000..20_003 {
        log.add(&day_keys(&trustee(0), day));
    }
    log.add(&destroyed(&trustee(0), 20_000));
    log.add(&destroyed(&trustee(0), 20_000));
    // Never published; somebody else's name for it.
    log.add(&destroyed(&trustee(0), 30_000));
    log.add(&destroyed(&Signer::from_seed(trustee(0).name(), &[66; 32]).unwrap(), 20_001));
    let days = &log.counts.to_json()["day_keys"];
    let expected = serde_json::json!({ "trustee0.example": { "published": 3, "destroyed": 1, "lost": 0 } });
    assert_eq!(days, &expected);
}

#[test]
fn a_key_is_overdue_from_a_day_after_its_time_until_its_trustee_says_that_it_is_gone() {
    let mut log = Log::new();
    for (at, day) in [(0, 20_000), (0, 20_001), (1, 20_000)] {
        log.add(&day_keys(&trustee(at), day));
    }
    // Kept longer than the rules allow: it counts nowhere, and is not waited for.
    log.add(&day_keys_until(&trustee(2), 20_000, Seconds(20_001 * DAY + 8_640_001)));
    assert_eq!(log.number("unsigned"), 1);
    let uncounted = |log: &Log| log.counts.wrong_keys(Seconds(0)).uncounted.into_iter().collect::<Vec<_>>();
    assert_eq!(uncounted(&log), [("trustee2.example".to_owned(), vec![20_000])]);
    let late = Seconds(destroy_by(20_000).0 + DAY + 1);
    let names = |log: &Log, at| log.counts.wrong_keys(at).overdue.into_iter().collect::<Vec<_>>();
    assert_eq!(names(&log, Seconds(late.0 - 1)), []);
    let both = [("trustee0.example".to_owned(), vec![20_000]), ("trustee1.example".to_owned(), vec![20_000])];
    assert_eq!(names(&log, late), both);
    // What others say of it, or what is said of another key, ends nothing.
    log.add(&destroyed(&Signer::from_seed(trustee(0).name(), &[66; 32]).unwrap(), 20_000));
    assert_eq!(names(&log, late), both);
    log.add(&destroyed(&trustee(0), 20_000));
    log.add(&ended(&trustee(1), 20_000, KeyEnd::Lost));
    assert_eq!(names(&log, late), []);
    let next = Seconds(late.0 + DAY);
    assert_eq!(names(&log, next), [("trustee0.example".to_owned(), vec![20_001])]);
    assert_eq!(log.counts.to_json()["day_keys"]["trustee1.example"]["lost"], 1);
    log.add(&destroyed(&trustee(2), 20_000));
    assert_eq!(uncounted(&log), []);
    // Announced anew, in a text that counts, the same key is none of them any more.
    log.add(&day_keys_until(&trustee(2), 20_001, Seconds(20_002 * DAY + 8_640_001)));
    assert_eq!(uncounted(&log), [("trustee2.example".to_owned(), vec![20_001])]);
    log.add(&day_keys(&trustee(2), 20_001));
    assert_eq!(uncounted(&log), []);
    log.add(&destroyed(&trustee(2), 20_001));
    // The rules that come next do not name the first one: it is told, and nobody can mend it.
    let vkeys = (1..=TRUSTEES).map(|at| stage::keys::vkey(&trustee(at))).collect();
    let operator = stage::keys::vkey(&stage::keys::operator());
    let rules =
        escrow::policy::PolicyDoc::recommended(operator, stage::keys::vkey(&stage::keys::registrar()), vkeys);
    log.add(&publication(&rules.unwrap().after(&stage::leaves::rules().hash()), NOW));
    let wrong = log.counts.wrong_keys(next);
    assert!(wrong.overdue.is_empty(), "{wrong:?}");
    assert_eq!(wrong.overdue_of_former["trustee0.example"], [20_001]);
}

#[test]
fn two_counts_of_one_log_are_one_number_to_the_letter() {
    let mut log = Log::new();
    let asked = log.asked(Kind::Emergency, "police.example", NOW);
    log.granted(&asked, 0..4);
    let mut again = Log::new();
    again.counts.add(&asked.bytes);
    again.granted(&asked, 0..4);
    assert_eq!(log.counts.to_json().to_string(), again.counts.to_json().to_string());
    let json = log.counts.to_json();
    assert_eq!(json["emergencies"]["completed"], 1);
    assert_eq!(json["rules"], rules().hash().to_base64());
    assert_eq!(json["rows"][0]["agency"], "police.example");
}

/// proto/vectors/recount.py made the log, of every kind of leaf and of what must not count, and counted it
/// by the specification alone.
#[test]
fn a_recount_from_the_specification_comes_to_the_same_numbers() {
    use base64::Engine as _;
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../../proto/vectors/recount.json")).unwrap();
    let mut counts = Counts::new(&Policy::parse(vectors["policy"].as_str().unwrap().as_bytes()).unwrap());
    for entry in vectors["entries"].as_array().unwrap() {
        let entry = base64::engine::general_purpose::STANDARD.decode(entry.as_str().unwrap());
        counts.add(&entry.unwrap());
    }
    assert_eq!(counts.to_json(), vectors["counts"]);
}
