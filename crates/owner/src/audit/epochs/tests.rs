use super::*;
use crate::book::notice::days_of;
use crate::book::{Base64, StoredDayKey, StoredPolicy, fixtures};
use ed25519_dalek::SigningKey;
use media::epoch::{EpochClose, EpochContext, SealedShare};
use media::id::EpochNo;
use media::message::Request;
use media::policy::OwnerPolicy;
use media::time::Seconds;
use seal::notice::NoticeRoot;
use std::time::Duration;

const DAY: Day = Day(20_000);
/// The log was read to here.
const READ_AT: u64 = 20_000 * 86_400 + 4000;

fn camera_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn id() -> CameraId {
    CameraId::of_key(&camera_key().verifying_key().to_bytes())
}

fn policy() -> OwnerPolicy {
    fixtures::policy(id(), 2, vec![fixtures::entry(1), fixtures::entry(2)])
}

fn camera() -> StoredCamera {
    fixtures::camera("front-door", policy(), DAY)
}

fn known() -> Known {
    let key = |at: u8, destroy_by: u64| StoredDayKey {
        vkey: format!("vkey {}", at % 4),
        day: DAY.0,
        key_id: hex::encode([at; 32]),
        destroy_by,
        ended: None,
    };
    let over = Day(DAY.0 + 1).start().0;
    let day_keys = vec![key(1, over + 8_640_000), key(2, over), key(6, over + 8_640_001)];
    let head = crate::book::KeptHead {
        size: 1,
        root: String::new(),
        checkpoint: String::new(),
        cosigned_at: READ_AT,
        last: None,
        covers: Vec::new(),
    };
    let book = Stored { day_keys, head: Some(head), ..Stored::default() };
    Known::of(
        &book,
        days_of(&id(), NoticeRoot::new([5; 32]), DAY, Day(DAY.0 + 3)),
        Day(DAY.0 + 3).start().micros(),
    )
}

/// An epoch as the camera should sign it.
fn open() -> EpochOpen {
    let signed = policy().sign(&SigningKey::from_bytes(&[1; 32])).unwrap();
    let share = |at: u8| SealedShare { day_key_id: [at; 32], sealed: vec![1] };
    EpochOpen {
        share_commits: vec![[0; 32]; 2],
        shares: vec![Some(share(1)), Some(share(2))],
        ..stage::bare::open(EpochContext {
            camera_id: id(),
            track: TrackId(0),
            epoch_no: EpochNo(12),
            start_us: DAY.start().after(Duration::from_secs(3600)).micros(),
            dur_ms: 60_000,
            policy_hash: signed.hash(),
            notice_commit: NoticeRoot::new([5; 32]).key(&id(), DAY).commit(),
            t: 2,
            n: 2,
        })
    }
}

/// What the audit says of an epoch that the camera signed.
fn alarms(alter: impl FnOnce(&mut EpochOpen)) -> Vec<String> {
    let mut open = open();
    alter(&mut open);
    let known = known();
    let mut checker = Checker::new(&camera(), TrackId(7), &known).unwrap();
    checker.check(&open);
    let reached = Checked { start_us: open.context.start_us.0, epoch: open.context.epoch_no.0 };
    assert_eq!((checker.checked, checker.reached), (1, reached));
    checker.alarms
}

#[test]
fn a_camera_that_commits_to_a_foreign_notice_chain_is_named_before_any_request_is() {
    assert_eq!(alarms(|_| ()), Vec::<String>::new());
    let foreign = alarms(|open| {
        open.context.notice_commit = NoticeRoot::new([6; 32]).key(&id(), DAY).commit();
    });
    assert_eq!(foreign.len(), 1);
    assert!(
        foreign[0].starts_with("front-door, track 7: epoch 12: its notice key is not yours"),
        "{foreign:?}"
    );
    // The right key of another day, and a day that no key is of.
    let other_day = alarms(|open| {
        open.context.notice_commit =
            NoticeRoot::new([5; 32]).next(&id(), DAY).key(&id(), Day(DAY.0 + 1)).commit();
    });
    assert!(other_day[0].contains("not yours of that day"), "{other_day:?}");
    let before = alarms(|open| {
        open.context.start_us = Seconds(3600).micros();
        open.shares.clear();
    });
    assert!(before[0].contains("no notice key of its day"), "{before:?}");
}

#[test]
fn a_share_that_is_sealed_to_a_key_which_its_trustee_did_not_log_is_named() {
    let strange = alarms(|open| open.shares[1].as_mut().unwrap().day_key_id = [9; 32]);
    assert!(strange[0].contains("a key that trustee2.example has not logged"), "{strange:?}");
    assert_eq!(alarms(|open| open.shares[1] = None), [""; 0], "nothing is dealt to it");
    let kept = alarms(|open| open.shares[1].as_mut().unwrap().day_key_id = [6; 32]);
    assert!(kept[0].contains("a key that trustee2.example keeps longer than you agreed to"), "{kept:?}");
    let swapped = alarms(|open| open.shares.swap(0, 1));
    assert!(swapped[0].contains("a key that trustee1.example has not logged"), "{swapped:?}");
}

#[test]
fn two_histories_of_one_identity_are_named() {
    let close =
        EpochClose { epoch_no: EpochNo(3), segments: 1, chain: [1; 32], gap: GapReason::IdentityConflict };
    let told = alarms(|open| open.previous = Some(close));
    assert!(
        matches!(&told[..], [one] if one.contains("epoch 12") && one.contains("films with its key")),
        "{told:?}"
    );
    assert_eq!(alarms(|open| open.previous = Some(EpochClose { gap: GapReason::Restart, ..close })), [""; 0]);
}

/// What came late was checked up to its own number, and behind that the next audit went on.
#[test]
fn what_came_late_and_is_held_back_is_met_again() {
    let (known, mut camera) = (known(), camera());
    let at = |seconds| Seconds(READ_AT + seconds).micros();
    camera.check_epochs_to(TrackId::MAIN, Checked { start_us: at(60).0, epoch: 11 });
    let mut checker = checker_of_late(&camera, &known);
    let mut late = open();
    late.context.start_us = at(1);
    late.context.epoch_no = EpochNo(12);
    late.shares[1].as_mut().unwrap().day_key_id = [9; 32];
    checker.check(&late);
    let reached = checker.reached();
    camera.check_epochs_to(TrackId::MAIN, reached);
    let key = camera_key().verifying_key().to_bytes();
    let [_, (_, late)] = Checker::new(&camera, TrackId::MAIN, &known).unwrap().to_ask(key, TrackId::MAIN);
    assert!(matches!(late.request(), Some(Request::FetchEpochs { cursor: EpochNo(12), .. })));
}

/// A restored trustee has a new key, and the audit's head is from before it.
#[test]
fn a_key_that_was_logged_after_the_head_is_not_accused_and_its_epoch_is_met_again() {
    let known = known();
    for (start, accused) in [(READ_AT, true), (READ_AT + 1, false)] {
        let mut open = None;
        alarms(|one| {
            one.context.start_us = Seconds(start).micros();
            one.shares[1].as_mut().unwrap().day_key_id = [9; 32];
            open = Some(one.clone());
        });
        let mut checker = Checker::new(&camera(), TrackId::MAIN, &known).unwrap();
        checker.check(&open.unwrap());
        assert_eq!(checker.alarms.is_empty(), !accused, "{:?}", checker.alarms);
        assert!(checker.newest.is_some());
        let mut later = checker.newest.clone().unwrap();
        later.context.start_us = Seconds(start + 60).micros();
        later.context.epoch_no = EpochNo(13);
        later.shares[1].as_mut().unwrap().day_key_id = [2; 32];
        checker.check(&later);
        let (reached, epoch) = if accused { (start + 60, 13) } else { (start, 12) };
        assert_eq!(checker.reached(), Checked { start_us: Seconds(reached).micros().0, epoch });
    }
}

#[test]
fn conflicts_of_a_key_that_is_retired_are_done_with() {
    let (known, mut retired) = (known(), camera());
    let last = OwnerPolicy { version: 2, prev_hash: [1; 32], epoch_len_s: 0, ..policy() };
    let last = last.sign(&SigningKey::from_bytes(&[1; 32])).unwrap();
    let (policy, since) = (Base64(last.bytes().to_vec()), open().context.start_us.seconds().0 + 5);
    retired.policies.push(StoredPolicy { policy, since, ..retired.policies[0].clone() });
    let mut checker = Checker::new(&retired, TrackId::MAIN, &known).unwrap();
    let gap = GapReason::IdentityConflict;
    let mut open = open();
    open.previous = Some(EpochClose { epoch_no: EpochNo(3), segments: 1, chain: [1; 32], gap });
    checker.check(&open);
    assert_eq!(checker.alarms, [""; 0]);
    // A later audit begins with the last epoch of each of two histories, which says nothing of it.
    let mut checker = Checker::new(&retired, TrackId::MAIN, &known).unwrap();
    for epoch in [12, 1 << 36] {
        open.context.epoch_no = EpochNo(epoch);
        open.previous = None;
        checker.check(&open);
    }
    assert_eq!(checker.alarms, [""; 0]);
    // What it films after that is not.
    open.context.start_us = open.context.start_us.after(Duration::from_secs(3600));
    checker.check(&open);
    assert!(
        checker.alarms[0].contains("expected nothing, for the camera is retired"),
        "{:?}",
        checker.alarms
    );
}

#[test]
fn what_the_relay_serves_out_of_order_is_named() {
    let known = known();
    let mut checker = Checker::new(&camera(), TrackId::MAIN, &known).unwrap();
    let page = Page { epochs: Vec::new(), disordered: Some(EpochNo(9)), foreign: 0, stuck: false };
    checker.take(&page);
    assert_eq!(checker.alarms, ["front-door: epoch 9: the relay serves it out of order"]);
}

#[test]
fn no_number_of_conflicts_hides_what_else_is_wrong_and_no_date_keeps_it_from_being_seen() {
    let known = known();
    let mut checker = Checker::new(&camera(), TrackId::MAIN, &known).unwrap();
    let (close, mut at) = (
        EpochClose { epoch_no: EpochNo(0), segments: 0, chain: [0; 32], gap: GapReason::IdentityConflict },
        0,
    );
    let mut check = |checker: &mut Checker<'_>, alter: &dyn Fn(&mut EpochOpen)| {
        at += 1;
        let mut open = open();
        open.context.epoch_no = EpochNo(at);
        alter(&mut open);
        checker.check(&open);
    };
    for _ in 0..100 {
        check(&mut checker, &|open| open.previous = Some(close));
    }
    check(&mut checker, &|open| open.context.policy_hash = [9; 32]);
    assert_eq!(checker.alarms.len(), 2, "{:?}", checker.alarms);
    assert!(checker.alarms[0].contains("epoch 1:") && checker.alarms[0].contains("(100 times)"));
    assert!(checker.alarms[1].contains("epoch 101: expected"));
    // One that begins next year.
    let reached = checker.reached;
    check(&mut checker, &|open| open.context.start_us = Day(DAY.0 + 365).start().micros());
    assert_eq!(checker.reached, reached);
    assert!(checker.alarms.iter().any(|alarm| alarm.contains("a time that has not come")));
    // Numbers that go on elsewhere without a word.
    check(&mut checker, &|open| open.context.epoch_no = EpochNo(1 << 36));
    assert!(checker.alarms.iter().any(|alarm| alarm.contains("does not say why")), "{:?}", checker.alarms);
}

/// A copy that was off the net filmed on in a block of its own; when it came back, what it had filmed began before
/// the last audit, and none looked at it.
#[test]
fn what_another_history_filmed_before_the_last_audit_is_asked_for_when_it_comes() {
    let (known, mut camera) = (known(), camera());
    let camera_key = camera_key().verifying_key().to_bytes();
    let asked = |camera: &StoredCamera| {
        let pagings = Checker::new(camera, TrackId::MAIN, &known).unwrap().to_ask(camera_key, TrackId::MAIN);
        pagings.map(|(_, paging)| match paging.request() {
            Some(Request::FetchEpochs { from_us, to_us, cursor, .. }) => Some((from_us, to_us, cursor)),
            other => {
                assert_eq!(other, None);
                None
            }
        })
    };
    assert_eq!(asked(&camera), [Some((Micros(0), Micros::MAX, EpochNo(0))), None]);
    camera.check_epochs_to(TrackId::MAIN, Checked { start_us: 70, epoch: 12 });
    let late = (Micros(0), Micros(70), EpochNo(12));
    assert_eq!(asked(&camera), [Some((Micros(70), Micros::MAX, EpochNo(0))), Some(late)]);

    // It is named, and what is filmed now is what it was.
    let mut checker = Checker::new(&camera, TrackId::MAIN, &known).unwrap();
    checker.check(&open());
    let newest = checker.newest.clone();
    let gap = GapReason::IdentityConflict;
    let mut copied = open();
    copied.previous = Some(EpochClose { epoch_no: EpochNo(3), segments: 1, chain: [1; 32], gap });
    copied.context.epoch_no = EpochNo(1 << 36);
    copied.context.start_us = copied.context.start_us.before(Duration::from_secs(600));
    let late = checker_of_late(&camera, &known);
    checker.block = late.block;
    checker.check(&copied);
    assert!(
        matches!(&checker.alarms[..], [one] if one.contains("films with its key")),
        "{:?}",
        checker.alarms
    );
    assert_eq!(checker.newest, newest);

    // One that does not confess is named, too.
    for previous in
        [None, Some(EpochClose { epoch_no: EpochNo(3), segments: 1, chain: [1; 32], gap: GapReason::None })]
    {
        let mut checker = checker_of_late(&camera, &known);
        checker.check(&EpochOpen { previous, ..copied.clone() });
        assert!(
            matches!(&checker.alarms[..], [one] if one.contains("does not say why")),
            "{:?}",
            checker.alarms
        );
    }
}

/// As it is when what came late is asked for.
fn checker_of_late<'a>(camera: &StoredCamera, known: &'a Known) -> Checker<'a> {
    let mut checker = Checker::new(camera, TrackId::MAIN, known).unwrap();
    let [_, (before, _)] = checker.to_ask(camera_key().verifying_key().to_bytes(), TrackId::MAIN);
    checker.block = before;
    checker
}
