//! Audits of a real log: own and foreign leaves, grants that come later, and a fork.

use crate::world::World;
use escrow::details::Details;
use escrow::record::{Country, EntryId, Grant, Kind, Line, Name, Request, Seconds, Signed, Span, Word};
use host::clock::Clock;
use host::machine::Machine;
use media::id::{EpochNo, TrackId};
use owner::Owner;
use owner::audit::{AuditError, AuditStep, Report, Since, State, audit, audit_log};
use stage::keybook::Paired;
use stage::keys::{operator, registrar, sponsor, trustee};
use stage::paper::{History, NOW, Served, Show};
use std::time::Duration;
use tlog::stamp::StampFault;
use tlog::{Entry, Hash};

async fn audited(world: &World, since: Since) -> Result<Report, AuditError> {
    audit_log(&world.owner(), since, &mut |_| {}).await
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// An emergency request about a camera's footage of so many days after its pairing.
pub(crate) fn emergency(camera: &Paired, days: u32) -> Signed<Request> {
    let (key, id) = (camera.notice(days), EntryId::generate(&mut host::rng::Rng::system()));
    let line = |text: &str| Line::new(text);
    let details = Details {
        camera_id: camera.id,
        track: TrackId(0),
        first_epoch: EpochNo(100),
        last_epoch: EpochNo(114),
        agency: Some(name("police.example")),
        officer: line("A. Officer"),
        badge: line("1182"),
        supervisor: line("B. Supervisor"),
        call_back: line("14:02"),
        case_number: line("2026-1182"),
        court: None,
        order: None,
        grounds: None,
        in_danger: line("a child of six"),
        urgency: line("it is freezing"),
        no_order: line("no court sits"),
        purpose: line("where it went"),
        recipient: None,
    };
    let sealed = details.seal(&camera.audit_pk, &id, &mut host::rng::Rng::system()).unwrap();
    let request = Request {
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
        time: Seconds(host::clock::now()),
    };
    Signed::sign(request, &[&sponsor()]).unwrap()
}

pub(crate) fn grant(index: u64, request: &Signed<Request>, by: u8) -> Vec<u8> {
    let grant = Grant {
        id: request.value().id,
        trustee: name(trustee(by).name()),
        request_index: index,
        request: request.hash(),
        epochs: 15,
        shares: Hash([3; 32]),
        bundle: Hash([4; 32]),
        decision: Hash([5; 32]),
        approver: None,
        time: Seconds(host::clock::now()),
    };
    Signed::sign(grant, &[&trustee(by)]).unwrap().entry_bytes().to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_was_fresh_is_not_believed_when_the_owners_clock_goes_on() {
    let world = World::new().await;
    // A log has a head from its first leaf on.
    world.add(&tlog::note::sign("candor nothing v9\n", &[&sponsor()]).unwrap().encode()).await;
    let (clock, hand) = Clock::stepped(host::clock::now_us());
    let owner = Owner::open_on(world.owner_config.clone(), Machine::with_clock(clock)).unwrap();
    audit_log(&owner, Since::LastHead, &mut |_| {}).await.unwrap();
    hand.step(Duration::from_secs(2 * log_client::MAX_HEAD_AGE_SECS));
    let stale = audit_log(&owner, Since::LastHead, &mut |_| {}).await;
    assert!(matches!(stale, Err(AuditError::Follow(_))), "{stale:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_names_what_concerns_own_cameras_and_nothing_else() {
    let world = World::new().await;
    let camera = world.pair("front-door", 21).await;
    let clean = audited(&world, Since::LastHead).await.unwrap();
    assert!(clean.is_clean(), "{clean:?}");
    assert_eq!((clean.head_size, clean.leaves_read, clean.camera_days), (1, 1, 32));
    assert!(clean.witnesses.len() >= 3);
    let [policy] = &clean.rows[..] else { panic!("one row") };
    assert_eq!((policy.kind.word(), policy.leaf_index, policy.expected), ("policy", camera.leaf_index, true));

    // Somebody else's camera, and noise by a submitter.
    let other = World::new().await;
    let foreign = emergency(&other.pair("not-ours", 22).await, 3);
    world.add(foreign.entry_bytes()).await;
    world.add(&tlog::note::sign("candor nothing v9\n", &[&sponsor()]).unwrap().encode()).await;
    let clean = audited(&world, Since::LastHead).await.unwrap();
    assert!(clean.is_clean());
    assert_eq!((clean.leaves_read, clean.rows.len()), (2, 1));

    let (index, request) = world.log(&emergency(&camera, 29)).await;
    world.add(&grant(index, &request, 1)).await;
    let mut steps = Vec::new();
    let found = audit_log(&world.owner(), Since::LastHead, &mut |step| steps.push(step)).await.unwrap();
    assert!(!found.is_clean());
    let row = found.rows.iter().find(|row| row.leaf_index == index).unwrap();
    assert_eq!((row.camera.as_str(), row.kind.word(), row.expected), ("front-door", "emergency", false));
    assert_eq!((row.epochs, row.grants, row.state), (Some((100, 114)), 1, Some(State::Attempted)));
    assert!(row.remarks.is_empty(), "{:?}", row.remarks);
    assert!(matches!(steps.first(), Some(AuditStep::Head { .. })));
    assert!(matches!(steps.last(), Some(AuditStep::Leaves { done: 2, total: 2 })));

    // Grants that come after an audit are counted by the next, which reads nothing else again.
    for by in [2, 3] {
        world.add(&grant(index, &request, by)).await;
    }
    let later = audited(&world, Since::LastHead).await.unwrap();
    let row = later.rows.iter().find(|row| row.leaf_index == index).unwrap();
    assert_eq!((later.leaves_read, row.grants, row.state), (2, 3, Some(State::Completed)));
    let all = audited(&world, Since::Beginning).await.unwrap();
    assert_eq!(all.leaves_read, all.head_size);
    let facts = |report: &Report| {
        let of = |row: &owner::audit::Row| (row.leaf_index, row.when, row.grants, row.state, row.expected);
        report.rows.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(facts(&all), facts(&later), "the whole log tells the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_the_owner_did_not_make_and_one_that_is_missing_are_named() {
    let world = World::new().await;
    let camera = world.pair("front-door", 21).await;
    world.add(&camera.silent_viewer()).await;
    let found = audited(&world, Since::LastHead).await.unwrap();
    let rows: Vec<_> = found.rows.iter().map(|row| (row.kind.word(), row.expected)).collect();
    assert_eq!(rows, [("policy", true), ("policy", false)]);
    assert!(!found.is_clean());

    // A camera that is paired after an audit is covered from the log's beginning.
    let second = world.pair("yard", 23).await;
    let found = audited(&world, Since::LastHead).await.unwrap();
    assert_eq!(found.leaves_read, found.head_size);
    assert!(found.rows.iter().any(|row| row.camera == "yard" && row.leaf_index == second.leaf_index));

    // A book that says a leaf was proved where the log shows another.
    let path = world.keybook().join("book.json");
    let mut book: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    book["cameras"][0]["policies"][0]["leaf_index"] = 1.into();
    std::fs::write(&path, serde_json::to_vec(&book).unwrap()).unwrap();
    let found = audited(&world, Since::Beginning).await.unwrap();
    assert!(
        found.policy_alarms.iter().any(|alarm| alarm.contains("front-door")),
        "{:?}",
        found.policy_alarms
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_relay_does_not_answer_is_not_clean() {
    let world = World::new().await;
    world.pair("front-door", 21).await;
    let report = audit(&world.owner(), Since::LastHead, &mut |_| {}).await.unwrap();
    assert!(report.rows.iter().all(|row| row.expected));
    assert!(report.unchecked[0].contains("not checked"), "{:?}", report.unchecked);
    assert!(!report.is_clean());
    assert!(!report.has_alarm() && report.policy_alarms.is_empty(), "nobody did anything: {report:?}");
}

/// Whoever follows the guide with an operator whose key is not registered, or not yet, films what trustees
/// can never release: that was said to nobody until a release was refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_no_registered_sponsor_logged_is_told_and_one_that_counts_is_not() {
    let world = World::with_submitters(&stage::log::vkeys([operator(), registrar()])).await;
    world.pair("front-door", 21).await;
    for leaf in stage::leaves::founding(host::clock::now()) {
        world.add(&leaf).await;
    }
    world.pair("yard", 23).await;
    let report = audit(&world.owner(), Since::LastHead, &mut |_| {}).await.unwrap();
    let [told] = &report.unreleasable[..] else { panic!("{:?}", report.unreleasable) };
    assert!(told.starts_with("front-door: ") && told.contains("candor owner policy --apply"), "{told}");
    assert!(!report.has_alarm(), "nobody made what the owner did not make: {report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_forked_with_all_its_witnesses_is_found_and_both_heads_are_kept() {
    let mut world = World::new().await;
    world.pair("front-door", 21).await;
    world.log.stop().await;
    world.back_up();
    world.log.start_again().await;
    world.add(&grant(0, &request_of_nobody(), 1)).await;
    let seen = audited(&world, Since::LastHead).await.unwrap();
    assert_eq!(seen.head_size, 2);

    // The log and every witness go back, and tell another story from there.
    world.log.stop().await;
    world.restore();
    world.log.start_again().await;
    for by in [2, 3] {
        world.add(&grant(0, &request_of_nobody(), by)).await;
    }
    for since in [Since::LastHead, Since::Beginning] {
        let error = audited(&world, since).await.unwrap_err();
        let AuditError::Fork { kept, shown } = &error else { panic!("{error}") };
        assert!(std::fs::read_to_string(kept).unwrap().starts_with("log.example/candor\n2\n"));
        assert!(std::fs::read_to_string(shown).unwrap().starts_with("log.example/candor\n3\n"));
    }
}

fn request_of_nobody() -> Signed<Request> {
    let request = Request {
        id: EntryId([1; 16]),
        kind: Kind::OwnerShare,
        sponsor: name("relay.example"),
        agency: None,
        country: None,
        basis: None,
        span: Span::from_secs(60).unwrap(),
        needs: 0,
        incident: None,
        policy: Hash([1; 32]),
        release_key: Hash([2; 32]),
        label: Hash([3; 32]),
        details: escrow::record::SealedDetails::new(vec![0; 1024 + 16]).unwrap(),
        details_key: escrow::record::WrappedKey::new(vec![0; 1168]).unwrap(),
        time: Seconds(1),
    };
    Signed::sign(request, &[&sponsor()]).unwrap()
}

/// Late, early, out of order, not at all: named with its evidence, by each audit until somebody took
/// it away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_stamps_as_no_honest_log_does_is_named_with_its_evidence() {
    for (kind, lie) in stage::paper::LIES {
        let world = World::new().await;
        std::fs::write(&world.owner_config.log.policy, stage::paper::policy_text()).unwrap();
        let mut history = History::default();
        history.add(b"a");
        let log = Served::new(Show::all(&history)).await;
        let mut config = world.owner_config.clone();
        config.log.url = log.url.clone();
        let owner = Owner::open_on(config, Machine::with_clock(Clock::stepped(NOW * 1_000_000).0)).unwrap();
        let audited = async || audit_log(&owner, Since::LastHead, &mut |_| {}).await.unwrap();
        assert!(audited().await.is_clean());
        lie(&mut history);
        log.show(Show::all(&history));
        let found = audited().await;
        assert_eq!((found.policy_alarms.len(), found.is_clean()), (1, false), "{kind}");
        let folder = world.keybook().join("forks");
        let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        assert!(found.policy_alarms[0].contains(file.to_str().unwrap()), "{:?}", found.policy_alarms);
        let fault = StampFault::parse(&std::fs::read(&file).unwrap()).unwrap();
        let fault = fault.verify(&stage::paper::policy()).unwrap();
        assert_eq!((fault.kind().word(), fault.index()), (kind, 1));

        history.add_at(b"c", NOW + 1);
        log.show(Show::all(&history));
        assert_eq!(audited().await.policy_alarms.len(), 1, "{kind}: it stands");
        std::fs::remove_file(file).unwrap();
        assert!(audited().await.is_clean(), "{kind}");
    }
}
