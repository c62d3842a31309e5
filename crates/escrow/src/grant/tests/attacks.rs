//! Attacks on time and identity that a trustee must refuse. Each passed the gate once.

use super::*;
use crate::daykeys::DayKey;
use crate::deal::{TrusteeId, open_notice};
use crate::policy::Rule;
use crate::record::{EntryId, KeyEnd};
use crate::world_for_tests::{Ask, DAY, ORDER, Setup, log_signer, name};
use media::notice::DayNotice;
use tlog::proof::TlogProof;

/// The proof of a package's request under a head that was cosigned just now.
fn renewed(world: &World, package: &Package) -> Package {
    let index = TlogProof::parse(&package.proof).unwrap().index();
    let inclusion = world.log.tree.prove_inclusion(index, world.log.tree.size()).unwrap();
    let head = world.log.checkpoint(&log_signer(), 4, world.time);
    let proof = TlogProof::from_parts(index, inclusion, &head).unwrap().encode();
    Package { proof, ..package.clone() }
}

/// A request that was logged at `stamp`, stating `time`, and sent now.
fn logged_at(stamp: u64, time: u64) -> Result<Verdict, Refusal> {
    let mut world = World::new();
    world.time = stamp;
    let ask = Ask { time, ..world.ask(Kind::Emergency) };
    let package = world.log_request(&ask);
    world.time = NOW;
    let package = renewed(&world, &package);
    world.check(&package)
}

/// T0 was taken from what the sender chose to show, so that a request could be logged days before its
/// footage, under the label of a day whose key its owner had not tried yet.
#[test]
fn a_request_that_was_logged_before_its_footage_is_refused_however_it_is_shown() {
    for (stamp, time) in [(NOW - 5 * DAY, NOW - 60), (NOW - DAY, NOW - 60), (NOW - 700, NOW - 60)] {
        let refused = logged_at(stamp, time).unwrap_err();
        assert_eq!(refused, Refusal::Rule(Rule::RequestFromFuture), "{stamp}");
    }
    // Stating its own time it asks for what was not filmed yet.
    assert_eq!(logged_at(NOW - 700, NOW - 700).unwrap_err(), Refusal::Rule(Rule::FromFuture));
    assert!(logged_at(NOW - 100, NOW - 100).is_ok());
}

/// Post-dated by 20 days it passed 20 days after it was logged.
#[test]
fn a_post_dated_request_is_refused_and_a_good_one_ends_with_its_validity() {
    let mut world = World::new();
    world.time = NOW - 20 * DAY;
    let post_dated = world.log_request(&world.ask(Kind::Emergency));
    world.time = NOW;
    let shown = renewed(&world, &post_dated);
    assert_eq!(world.check(&shown).unwrap_err(), Refusal::Rule(Rule::RequestFromFuture));

    let mut world = World::new();
    let package = world.ordinary();
    let valid = world.rules.figures().request_valid_secs;
    for (after, passes) in [(valid, true), (valid + 1, false)] {
        world.time = NOW + after;
        let shown = renewed(&world, &package);
        let checked = world.check_as(1, &shown, world.time);
        assert_eq!(checked.is_ok(), passes, "{checked:?}");
    }
}

/// Two emergencies about a newer day, then one about an older day whose package ends its notices there: the
/// newer ones were not recognised, and the quota of two was four.
#[test]
fn left_out_notices_buy_no_emergency_beyond_the_cameras_quota() {
    let mut setup = Setup::default();
    setup.figures.emergency_lookback_secs = 2 * DAY;
    let mut world = World::with(&setup);
    world.time = NOW + DAY;
    let ask =
        |world: &World, id| Ask { id: EntryId([id; 16]), time: NOW + DAY - 60, ..world.ask(Kind::Emergency) };
    for id in [1, 2] {
        let newer = Ask { label_day: Some(Seconds(NOW + DAY).day()), ..ask(&world, id) };
        world.log_request(&newer);
    }
    let third = ask(&world, 3);
    let mut package = world.log_request(&third);
    // The newest notice left out: that is seen, and one approver is not enough.
    assert_eq!(world.passed(1, &package).approvals_needed(), 2);
    // With it both are recognised.
    package.notices.push(world.camera.notice(Seconds(NOW + DAY).day(), &mut world.rng));
    let refused = world.check_as(1, &package, world.time).unwrap_err();
    assert_eq!(refused, Refusal::Rule(Rule::CameraQuota));
    // A hole is no way around it.
    package.notices.remove(1);
    let refused = world.check_as(1, &package, world.time).unwrap_err();
    assert_eq!(refused.name(), "notices-incomplete");
}

/// Notice keys came in clear, and who asked had them too. Now a relay could serve what the camera signed
/// before it had this trustee's key: the trustee is blind for that day, and one approver is not enough.
#[test]
fn a_withheld_slot_buys_no_emergency_before_one_approver() {
    let mut world = World::new();
    let package = world.ordinary();
    assert_eq!(world.passed(1, &package).approvals_needed(), 1);
    let mut withheld = package.clone();
    world.withhold_notice(&mut withheld, 0);
    assert_eq!(world.passed(1, &withheld).approvals_needed(), 2);
    assert_eq!(world.passed(2, &withheld).approvals_needed(), 1, "the others were given theirs");
    // Of the label's own day it is not to be had at all, whatever the humans say.
    let mut withheld = package.clone();
    world.withhold_notice(&mut withheld, 2);
    assert_eq!(world.check(&withheld).unwrap_err(), Refusal::NoticeUnreadable(Seconds(NOW).day()));
    // Who destroyed its key of a counted day is as blind for it, and a clerk more is asked.
    world.end_day_key_of(1, Seconds(NOW - 2 * DAY).day(), KeyEnd::Due);
    assert_eq!(world.passed(1, &renewed(&world, &package)).approvals_needed(), 2);
}

/// The sponsor had each day's notice key, and found every leaf about a camera whose id it knew.
#[test]
fn a_package_finds_no_leaf_but_by_a_trustees_day_key() {
    let mut world = World::new();
    let package = world.ordinary();
    let request = Signed::<Request>::parse(&package.leaf).unwrap();
    let (id, label) = (request.value().id, request.value().label);
    let finds = |bytes: &[u8]| {
        bytes
            .windows(32)
            .any(|key| Hash(media::notice::label(key.try_into().unwrap(), id.as_bytes())) == label)
    };
    let day = Seconds(NOW).day();
    assert!(finds(world.camera.notice_key(day).expose()), "the search finds the key where it is");
    assert!(!finds(&package.encode()));
    // Nor does another trustee's key of the day, or a slot that was moved to another camera or day.
    let notice = |bytes: &[u8]| DayNotice::decode_verified(bytes, &world.camera.public()).unwrap();
    let (notice, before) = (notice(&package.notices[2]), notice(&package.notices[1]));
    let key = DayKey {
        trustee: name("trustee1.example"),
        day,
        public: world.day_keys[0].public(),
        destroy_by: Seconds(0),
    };
    let (first, slot) = (TrusteeId::of(&trustee(1).verifier()), notice.slot(&key.id().0).unwrap());
    let opened = open_notice(&notice, slot, &first, &world.day_keys[0]);
    assert_eq!(opened.unwrap().expose(), world.camera.notice_key(day).expose());
    assert!(open_notice(&notice, slot, &first, &world.day_keys[1]).is_none());
    assert!(open_notice(&notice, slot, &TrusteeId::of(&trustee(2).verifier()), &world.day_keys[0]).is_none());
    assert!(open_notice(&before, slot, &first, &world.day_keys[0]).is_none());
    let moved = DayNotice { camera_id: media::id::CameraId([0; 32]), ..notice.clone() };
    assert!(open_notice(&moved, slot, &first, &world.day_keys[0]).is_none());
    // A camera that seals another key than it commits to has sealed none.
    let other = DayNotice { notice_commit: before.notice_commit, ..notice.clone() };
    assert!(open_notice(&other, slot, &first, &world.day_keys[0]).is_none());
}

/// An epoch of eight hours passed as one of the sixty epochs of an emergency.
#[test]
fn an_epoch_of_eight_hours_is_refused_under_any_policy() {
    const HOURS: u32 = 8 * 3600;
    let long: fn(u64, &mut media::epoch::EpochContext) = |_, context| context.dur_ms = HOURS * 1000;
    let mut setup = Setup { context: long, ..Setup::default() };
    setup.figures.emergency_span_secs = 30 * 3600;
    let mut world = World::with(&setup);
    world.time = NOW + DAY;
    let ask = Ask { time: NOW + DAY - 60, ..world.ask(Kind::Emergency) };
    let package = world.log_request(&ask);
    let refused = world.check_as(1, &package, world.time).unwrap_err();
    assert_eq!(refused.name(), "epoch-too-long", "{refused}");
}

/// The public count of completed releases went by the reader's configuration: a release under an owner's
/// t = 1 was never counted.
#[test]
fn a_request_that_understates_what_it_needs_is_refused() {
    for (t, needs, passes) in [(3, 3, true), (3, 1, false), (1, 3, false), (1, 1, true)] {
        let policy: fn(&mut media::policy::OwnerPolicy) = match t {
            1 => |policy| policy.t = 1,
            _ => |_| {},
        };
        let mut world = World::with(&Setup { policy, ..Setup::default() });
        let alter: fn(&mut Request) = match needs {
            1 => |leaf| leaf.needs = 1,
            _ => |leaf| leaf.needs = 3,
        };
        let package = world.log_request(&Ask { alter, ..world.ask(Kind::Emergency) });
        let checked = world.check(&package);
        assert_eq!(checked.is_ok(), passes, "t = {t}, needs {needs}: {checked:?}");
    }
}

/// Footage under older rules could not be released any more, and what was asked under them was undone.
#[test]
fn footage_under_older_rules_stays_releasable_under_the_next() {
    let mut world = World::new();
    let old = world.rules.hash();
    let figures = crate::policy::Figures { emergency_camera_max: 1, ..*world.rules.figures() };
    let next = world.rules.clone().with_figures(figures).after(&old);
    world.publish(&next);
    // A request under the old ones comes too late; one under the next ones is judged by them.
    let late = world.ordinary();
    assert_eq!(world.check(&late).unwrap_err(), Refusal::OtherRules);
    world.rules = next;
    let package = world.log_request(&Ask { id: EntryId([2; 16]), ..world.ask(Kind::Emergency) });
    assert_eq!(world.check(&package).unwrap_err(), Refusal::Rule(Rule::CameraQuota));
    let mut legal = world.ask(Kind::Legal);
    legal.id = EntryId([3; 16]);
    let package = world.log_request(&legal);
    assert!(world.check(&package).is_ok());
}

/// The leaf named an order by 32 bytes, and no channel brought it to the human who decides by it.
#[test]
fn a_legal_request_brings_the_very_order_that_it_names_or_is_refused() {
    let mut world = World::new();
    let ask = world.ask(Kind::Legal);
    let package = world.log_request(&ask);
    let with = |order: &[u8]| world.check(&Package { order: order.to_vec(), ..package.clone() });
    assert!(with(ORDER).is_ok());
    let longer = [ORDER, b" more"].concat();
    for other in [&b""[..], &ORDER[1..], &longer, b"another court's"] {
        assert_eq!(with(other).unwrap_err(), Refusal::OrderMismatch);
    }
    // The hash of nothing names no order.
    let mut none = Ask { id: EntryId([2; 16]), ..world.ask(Kind::Legal) };
    none.details.order = Some(Hash::of(&[]));
    let package = Package { order: Vec::new(), ..world.log_request(&none) };
    assert_eq!(world.check(&package).unwrap_err(), Refusal::OrderMismatch);
}

/// A trustee that had not announced a day's key in a text that counts signed for everybody that the share
/// was sealed to another key than its own.
#[test]
fn a_key_that_does_not_count_yet_is_said_to_the_asker_and_to_nobody_else() {
    let mut world = World::new();
    let package = world.ordinary();
    let checked = world.passed(1, &package);
    let approval = yes(&checked.request().value().hash(), &approver());
    let mut approved = checked.approve(&[approval], &[approver().verifier()]).unwrap();
    // The label's day was seen to; of the shares' the log has nothing of this trustee.
    assert!(approved.case.label_was_seen);
    approved.case.day_keys.clear();
    let refused = approved.open_shares(&world.key_of(1)).unwrap_err();
    let first = media::id::EpochNo(crate::world_for_tests::FIRST_EPOCH);
    assert_eq!(refused, ShareFailure::Refused(Refusal::DayKeyUnknown(first)));
}

/// A trustee that lost its key and made another was taken for one from which the notice is withheld: the
/// asker was told to bring another notice, of which there is none.
#[test]
fn what_was_dealt_to_a_lost_key_is_refused_as_that_whatever_key_came_since() {
    let mut world = World::new();
    let package = world.ordinary();
    world.end_day_key(1, KeyEnd::Lost);
    world.announce_anew(1);
    let package = renewed(&world, &package);
    let (checked, second) = (world.passed(1, &package), signer("clerk2.example", 56));
    let request = checked.request().value().hash();
    let approvals = [yes(&request, &approver()), yes(&request, &second)];
    let approved = checked.approve(&approvals, &[approver().verifier(), second.verifier()]).unwrap();
    let refused = approved.open_shares(&world.key_of(1)).unwrap_err();
    let first = media::id::EpochNo(crate::world_for_tests::FIRST_EPOCH);
    assert_eq!(refused, ShareFailure::Refused(Refusal::DayKeyLost(first)));
}
