mod reading;
mod remarks;

use super::*;
use crate::book::notice::days_of;
use crate::book::{OwnEntry, fixtures};
use escrow::record::{
    Country, Kind, Line, Name, Record, RefusalLeaf, SealedDetails, Seconds, Span, Word, policy_commitment,
};
use media::id::{Day, EpochNo, TrackId};
use media::policy::{Class, Classes, OwnerPolicy, TrusteeEntry};
use seal::notice::{NoticeKey, NoticeRoot};
use tlog::Entry;
use tlog::note::Signer;

const PAIRED: Day = Day(20_000);
const TODAY: Day = Day(20_040);
const CAMERA: CameraId = CameraId([7; 32]);

fn trustee(at: u8) -> Signer {
    Signer::from_seed(&format!("trustee{at}.example"), &[at; 32]).unwrap()
}

fn relay() -> Signer {
    Signer::from_seed("relay.example", &[100; 32]).unwrap()
}

fn root() -> NoticeRoot {
    NoticeRoot::new([5; 32])
}

fn audit() -> SecretKey {
    seal::details::audit_key(&[6; 32])
}

/// The notice key of a day, derived step by step.
fn notice_of(day: Day) -> NoticeKey {
    let mut root = root();
    (PAIRED.0..day.0).for_each(|at| root = root.next(&CAMERA, Day(at)));
    root.key(&CAMERA, day)
}

fn book(own: Vec<OwnEntry>) -> Stored {
    let entry = |at: u8| TrusteeEntry {
        name: trustee(at).name().to_owned(),
        vkey: trustee(at).verifier().vkey(),
        url: "http://t".to_owned(),
    };
    let policy = OwnerPolicy {
        classes: Classes::of(&[Class::Emergency]),
        ..fixtures::policy(CAMERA, 3, (1..=5).map(entry).collect())
    };
    let camera = fixtures::camera("front-door", policy, PAIRED);
    Stored { cameras: vec![camera], own, ..Stored::default() }
}

fn ledger(own: Vec<OwnEntry>, earlier: &[Finding]) -> Ledger {
    let days = days_of(&CAMERA, root(), PAIRED, TODAY);
    let book = Stored { findings: earlier.to_vec(), ..book(own) };
    Ledger::new(&book, days, audit(), 1_800_000_000).unwrap()
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn details(camera_id: CameraId) -> Details {
    let line = |text: &str| Line::new(text);
    Details {
        camera_id,
        track: TrackId(0),
        first_epoch: EpochNo(10),
        last_epoch: EpochNo(24),
        agency: Some(name("police.example")),
        officer: line("A. Officer"),
        badge: line("1182"),
        supervisor: line("B. Supervisor"),
        call_back: line("called back at 14:02 on the published number"),
        case_number: line("2026-1182"),
        court: None,
        order: None,
        grounds: line("a child is missing"),
        in_danger: line("a child of six"),
        urgency: line("it is freezing"),
        no_order: line("no court sits at night"),
        purpose: line("the direction it left in"),
        recipient: None,
    }
}

/// An emergency request about `camera`, labelled with the notice key of `day`.
fn emergency(day: Day, details: &Details, change: impl FnOnce(&mut Request)) -> Signed<Request> {
    let (key, id) = (notice_of(day), EntryId([day.0 as u8; 16]));
    let sealed = details.seal(&audit().public(), &id, &mut host::rng::Rng::system()).unwrap();
    let mut request = Request {
        id,
        kind: Kind::Emergency,
        sponsor: name("relay.example"),
        agency: Some(name("police.example")),
        country: Country::new("US"),
        basis: Word::new("danger-of-death"),
        span: Span::from_secs(900).unwrap(),
        needs: 3,
        incident: None,
        policy: Hash([1; 32]),
        release_key: Hash([2; 32]),
        label: Hash(key.label(id.as_bytes())),
        details: sealed.details,
        details_key: sealed.wrapped,
        time: Seconds(1_799_999_000),
    };
    change(&mut request);
    Signed::sign(request, &[&relay()]).unwrap()
}

fn grant(index: u64, request: &Signed<Request>, by: &Signer, epochs: u32) -> Signed<Grant> {
    let grant = Grant {
        id: request.value().id,
        trustee: name(by.name()),
        request_index: index,
        request: request.hash(),
        epochs,
        shares: Hash([3; 32]),
        bundle: Hash([4; 32]),
        decision: Hash([5; 32]),
        approver: None,
        time: Seconds(1_799_999_100),
    };
    Signed::sign(grant, &[by]).unwrap()
}

#[test]
fn a_request_is_found_by_the_key_of_any_day_since_pairing_and_by_no_other() {
    for day in [PAIRED, Day(20_001), Day(20_017), TODAY, Day(TODAY.0 + 1)] {
        let mut ledger = ledger(Vec::new(), &[]);
        ledger.take(3, b"no leaf at all");
        ledger.take(4, emergency(day, &details(CAMERA), |_| ()).entry_bytes());
        let [row] = &ledger.rows()[..] else { panic!("{day}") };
        assert_eq!((row.camera.as_str(), row.kind.word(), row.leaf_index), ("front-door", "emergency", 4));
        assert_eq!((row.epochs, row.grants, row.state), (Some((10, 24)), 0, Some(State::Asked)));
        assert_eq!(row.agency.as_deref(), Some("police.example"));
        assert_eq!(row.reason.as_deref(), Some("danger-of-death: a child is missing"));
        assert!(!row.expected && row.remarks.is_empty(), "{:?}", row.remarks);
    }
    let mut ledger = ledger(Vec::new(), &[]);
    // A day too far ahead, and somebody else's camera: not this owner's.
    ledger.take(0, emergency(Day(TODAY.0 + 2), &details(CAMERA), |_| ()).entry_bytes());
    let foreign = emergency(PAIRED, &details(CAMERA), |request| request.label = Hash([9; 32]));
    ledger.take(1, foreign.entry_bytes());
    assert!(ledger.rows().is_empty());
}

#[test]
fn requests_of_one_incident_are_told_as_one_search() {
    let mut ledger = ledger(Vec::new(), &[]);
    for (at, incident) in [Some(7), Some(7), Some(8), None, Some(7), None].into_iter().enumerate() {
        let change = |request: &mut Request| request.incident = incident.map(|byte| Hash([byte; 32]));
        ledger.take(at as u64, emergency(Day(20_001 + at as u32), &details(CAMERA), change).entry_bytes());
    }
    let told =
        |remarks: &[String]| remarks.iter().any(|text| text.starts_with("one of 3 requests of one incident"));
    let told: Vec<_> = ledger.rows().iter().map(|row| told(&row.remarks)).collect();
    assert_eq!(told, [true, true, false, false, true, false]);
    assert!(ledger.rows()[2].remarks.is_empty());
}

#[test]
fn grants_by_own_trustees_count_once_each() {
    let request = emergency(Day(20_030), &details(CAMERA), |_| ());
    let mut ledger = ledger(Vec::new(), &[]);
    ledger.take(10, request.entry_bytes());
    let state = |ledger: &Ledger| (ledger.rows()[0].grants, ledger.rows()[0].state.unwrap());
    ledger.take(11, grant(10, &request, &trustee(1), 15).entry_bytes());
    assert_eq!(state(&ledger), (1, State::Attempted));
    // The same trustee again, a stranger, a thief of a name, a wrong place, another request's hash.
    ledger.take(12, grant(10, &request, &trustee(1), 15).entry_bytes());
    ledger.take(13, grant(10, &request, &trustee(6), 15).entry_bytes());
    let thief = Signer::from_seed("trustee2.example", &[66; 32]).unwrap();
    ledger.take(14, grant(10, &request, &thief, 15).entry_bytes());
    ledger.take(15, grant(9, &request, &trustee(3), 15).entry_bytes());
    let other = emergency(Day(20_029), &details(CAMERA), |_| ());
    ledger.take(16, grant(10, &other, &trustee(3), 15).entry_bytes());
    assert_eq!(state(&ledger), (1, State::Attempted));
    assert_eq!(ledger.rows()[0].remarks.len(), 2, "the stranger and the thief are named");
    ledger.take(17, grant(10, &request, &trustee(2), 15).entry_bytes());
    ledger.take(18, grant(10, &request, &trustee(3), 16).entry_bytes());
    assert_eq!(state(&ledger), (3, State::Completed));
    let remarks = &ledger.rows()[0].remarks;
    assert!(
        remarks.iter().any(|remark| remark.contains("granted 16 epochs, the details ask for 15")),
        "{remarks:?}"
    );
}

#[test]
fn a_later_audit_goes_on_with_what_an_earlier_one_found() {
    let request = emergency(Day(20_030), &details(CAMERA), |_| ());
    let mut first = ledger(Vec::new(), &[]);
    first.take(10, request.entry_bytes());
    let (found, _) = first.into_kept();
    let mut later = Ledger { when: 1_900_000_000, ..ledger(Vec::new(), &found) };
    later.take(20, grant(10, &request, &trustee(1), 15).entry_bytes());
    let refusal = RefusalLeaf {
        id: request.value().id,
        trustee: name("trustee2.example"),
        request_index: 10,
        request: request.hash(),
        step: Word::new("g7").unwrap(),
        reason: Word::new("over-quota").unwrap(),
        time: Seconds(1_800_000_100),
    };
    later.take(21, Signed::sign(refusal.clone(), &[&trustee(2)]).unwrap().entry_bytes());
    later.take(22, Signed::sign(refusal, &[&trustee(3)]).unwrap().entry_bytes());
    let [row] = &later.rows()[..] else { panic!("one") };
    assert_eq!((row.grants, row.when), (1, 1_800_000_000), "the time of its first reading stays");
    assert_eq!(row.remarks, ["refused by trustee2.example (g7 over-quota)"]);
}

/// What all had refused was "asked" for ever.
#[test]
fn what_so_many_refused_that_too_few_are_left_is_refused() {
    let request = emergency(Day(20_030), &details(CAMERA), |_| ());
    let mut ledger = ledger(Vec::new(), &[]);
    ledger.take(10, request.entry_bytes());
    let refused = |by: u8| {
        let refusal = RefusalLeaf {
            id: request.value().id,
            trustee: name(trustee(by).name()),
            request_index: 10,
            request: request.hash(),
            step: Word::new("g7").unwrap(),
            reason: Word::new("camera-quota").unwrap(),
            time: Seconds(1_800_000_100),
        };
        Signed::sign(refusal, &[&trustee(by)]).unwrap()
    };
    // Three of five open it: with two refusals it may be granted yet, and one trustee's are one.
    for (at, by) in [(11, 1), (12, 2), (13, 2)] {
        ledger.take(at, refused(by).entry_bytes());
        assert_eq!(ledger.rows()[0].state, Some(State::Asked));
    }
    ledger.take(14, refused(3).entry_bytes());
    assert_eq!(ledger.rows()[0].state, Some(State::Refused));
    // Who granted all the same has let its share go.
    ledger.take(15, grant(10, &request, &trustee(4), 15).entry_bytes());
    assert_eq!(ledger.rows()[0].state, Some(State::Attempted));
}

fn policy_leaf(id: u8) -> OwnerPolicyLeaf {
    let id = EntryId([id; 16]);
    OwnerPolicyLeaf {
        id,
        sponsor: name("relay.example"),
        label: Hash(notice_of(PAIRED).label(id.as_bytes())),
        commitment: policy_commitment(&id, &Hash([1; 32])),
    }
}

fn own(text: &str, id: EntryId) -> OwnEntry {
    OwnEntry { id: id.to_hex(), text_sha256: hex::encode(sha256(&[text.as_bytes()])) }
}

#[test]
fn own_leaves_are_expected_and_a_copy_of_their_id_is_not() {
    let (mine, theirs) = (policy_leaf(1), policy_leaf(2));
    let copied = OwnerPolicyLeaf { commitment: Hash([6; 32]), ..mine.clone() };
    let mut ledger = ledger(vec![own(&mine.text(), mine.id)], &[]);
    for (at, leaf) in (0..).zip([mine, theirs, copied]) {
        ledger.take(at, Signed::sign(leaf, &[&relay()]).unwrap().entry_bytes());
    }
    let rows = ledger.rows();
    assert_eq!(rows.iter().map(|row| row.expected).collect::<Vec<_>>(), [true, false, false]);
    assert!(rows[1].remarks[0].contains("add a viewer"));
    assert!(rows.iter().all(|row| row.state.is_none()));
    // Which of them a sponsor signed whose registration counted, the whole log says.
    assert!(ledger.is_undecided());
    let register = Register::new(stage::paper::policy().stamp_keys());
    ledger.judge(&register, &BTreeSet::from([0]));
    let signed: Vec<_> = ledger.into_kept().0.iter().map(|found| found.signed).collect();
    assert_eq!(signed, [Some(false), Some(true), Some(true)]);
}

#[test]
fn an_emergency_is_never_the_owners_own_whatever_its_id() {
    let request = emergency(PAIRED, &details(CAMERA), |_| ());
    let mut ledger = ledger(vec![own(request.text(), request.value().id)], &[]);
    ledger.take(0, request.entry_bytes());
    assert!(!ledger.rows()[0].expected);
}

#[test]
fn the_first_key_of_a_day_that_a_trustee_of_the_policy_logged_is_kept() {
    let mut first = ledger(Vec::new(), &[]);
    let day = Seconds(1_800_000_000).day().0;
    let leaf = |by: &Signer, signer: &Signer, day: u32, id: u8| {
        let leaf = DayKeysLeaf {
            trustee: name(by.name()),
            vkey: escrow::record::Vkey::new(by.verifier()).unwrap(),
            day,
            key_id: Hash([id; 32]),
            keys: Hash([0; 32]),
            destroy_by: Day(day + 38).start(),
            time: Seconds(1_800_000_000),
        };
        Signed::sign(leaf, &[signer]).unwrap().entry_bytes().to_vec()
    };
    let leaves = [
        leaf(&trustee(1), &trustee(1), day - KEPT_DAYS - 1, 1),
        leaf(&trustee(1), &trustee(2), day, 2),
        leaf(&trustee(1), &trustee(1), day, 3),
        leaf(&trustee(1), &trustee(1), day, 4),
        leaf(&trustee(9), &trustee(9), day, 5),
    ];
    for (at, leaf) in (0..).zip(leaves) {
        first.take(at, &leaf);
    }
    let (_, kept) = first.into_kept();
    let [key] = &kept[..] else { panic!("{kept:?}") };
    assert_eq!(
        (&key.vkey, key.day, &key.key_id),
        (&trustee(1).verifier().vkey(), day, &Hash([3; 32]).to_hex())
    );
}

#[test]
fn a_key_that_its_trustee_lost_is_told_and_the_next_one_counts() {
    let mut ledger = ledger(Vec::new(), &[]);
    let day = Seconds(1_800_000_000).day().0;
    let key = |id: u8| DayKeysLeaf {
        trustee: name(trustee(1).name()),
        vkey: escrow::record::Vkey::new(trustee(1).verifier()).unwrap(),
        day,
        key_id: Hash([id; 32]),
        keys: Hash([0; 32]),
        destroy_by: Day(day + 38).start(),
        time: Seconds(1_800_000_000),
    };
    let ended = |id: u8, reason| KeyDestroyed {
        trustee: name(trustee(1).name()),
        day,
        key_id: Hash([id; 32]),
        reason,
        time: Seconds(1_800_000_000),
    };
    fn signed<T: escrow::record::Record>(leaf: T, by: &Signer) -> Vec<u8> {
        Signed::sign(leaf, &[by]).unwrap().entry_bytes().to_vec()
    }
    let leaves = [
        signed(DayKeysLeaf { destroy_by: Day(day + 1000).start(), ..key(7) }, &trustee(1)),
        signed(key(1), &trustee(1)),
        signed(key(2), &trustee(1)),
        // Another trustee logs the same id: what is said of it is said of its own.
        signed(
            DayKeysLeaf {
                trustee: name(trustee(2).name()),
                vkey: escrow::record::Vkey::new(trustee(2).verifier()).unwrap(),
                ..key(1)
            },
            &trustee(2),
        ),
        signed(ended(1, KeyEnd::Lost), &trustee(2)),
        signed(key(3), &trustee(1)),
        signed(ended(1, KeyEnd::Lost), &trustee(1)),
        // The lost one is no next one.
        signed(key(1), &trustee(1)),
        signed(key(4), &trustee(1)),
        signed(ended(4, KeyEnd::Due), &trustee(1)),
        signed(ended(4, KeyEnd::Lost), &trustee(1)),
        signed(key(5), &trustee(1)),
    ];
    for (at, leaf) in (0..).zip(leaves) {
        ledger.take(at, &leaf);
    }
    let (_, kept) = ledger.into_kept();
    let told: Vec<_> = kept.iter().map(|key| (key.key_id.clone(), key.ended.as_deref())).collect();
    let id = |id: u8| Hash([id; 32]).to_hex();
    assert_eq!(told, [(id(1), Some("lost")), (id(1), Some("lost")), (id(4), Some("due"))]);
    assert_eq!(kept[1].vkey, trustee(2).verifier().vkey());
}

#[test]
fn a_request_that_its_agency_did_not_sign_is_never_shown_as_the_agencys() {
    use stage::keys::{officer, sponsor, supervisor};
    const TIME: u64 = 1_799_999_000;
    let mut history = stage::paper::History::default();
    let mut register = Register::new(stage::paper::policy().stamp_keys());
    let mut ledger = ledger(Vec::new(), &[]);
    let mut add = |leaf: &[u8]| {
        let index = history.add_at(leaf, TIME);
        let entry = history.entry(index).to_vec();
        register.fold(index, &entry).unwrap();
        ledger.take(index, &entry);
        (index, entry)
    };
    stage::leaves::founding(TIME).iter().for_each(|leaf| drop(add(leaf)));
    let value = emergency(Day(20_030), &details(CAMERA), |_| ()).value().clone();
    let (officer, supervisor) = (officer("police.example"), supervisor("police.example"));
    let theirs = Signed::sign(value.clone(), &[&officer, &supervisor, &sponsor()]).unwrap();
    let (signed, entry) = add(theirs.entry_bytes());
    // Somebody who may write to the log, and an officer of another agency.
    let other = stage::keys::officer("sheriff.example");
    let (label, id) = (|id: EntryId| Hash(notice_of(Day(20_030)).label(id.as_bytes())), EntryId([77; 16]));
    let forged = Request { id, label: label(id), ..value };
    let forged = Signed::sign(forged, &[&other, &supervisor, &sponsor()]).unwrap();
    let (unsigned, _) = add(forged.entry_bytes());
    // A court's key ratifies; a sponsor alone says so.
    let asked = stage::leaves::Asked { index: signed, id: theirs.value().id, time: TIME, bytes: entry };
    add(&stage::leaves::ratification_by(&asked, 60, &[&sponsor(), &sponsor()]));
    assert!(ledger.is_undecided());
    let row = |ledger: &Ledger, index| ledger.rows().into_iter().find(|row| row.leaf_index == index).unwrap();
    ledger.judge(&register, &BTreeSet::new());
    assert_eq!(row(&ledger, signed).agency.as_deref(), Some("police.example"));
    assert_eq!(row(&ledger, signed).remarks, Vec::<String>::new(), "not ratified by its sponsor");
    assert_eq!(
        row(&ledger, unsigned).agency.as_deref(),
        Some("NOT signed by registered keys of police.example")
    );
    // What was granted, a court can ratify.
    let grant = stage::leaves::grant(&asked, &stage::keys::trustee(1));
    for leaf in [grant, stage::leaves::ratification(&asked, 60)] {
        let index = history.add_at(&leaf, TIME);
        register.fold(index, history.entry(index)).unwrap();
    }
    ledger.judge(&register, &BTreeSet::new());
    assert_eq!(row(&ledger, signed).remarks, ["ratified by a registered court's key"]);
}

/// Pairing a camera has the log read from its start: each record was then said to be seen first at that
/// moment, a release of last year too.
#[test]
fn what_was_seen_before_was_seen_when_it_was() {
    let request = emergency(PAIRED, &details(CAMERA), |_| ());
    let mut first = ledger(Vec::new(), &[]);
    first.take(0, request.entry_bytes());
    let (mut findings, _) = first.into_kept();
    findings[0].when = 1_700_000_000;
    let mut again = ledger(Vec::new(), &findings).afresh();
    assert!(again.rows().is_empty(), "it is found anew, or not at all");
    again.take(0, request.entry_bytes());
    again.take(1, emergency(Day(20_001), &details(CAMERA), |_| ()).entry_bytes());
    let seen: Vec<_> = again.rows().iter().map(|row| row.when).collect();
    assert_eq!(seen, [1_700_000_000, 1_800_000_000]);
}
