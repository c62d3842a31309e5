//! Every refusal, provoked by one mutation of an ordinary request. A refusal without a case here
//! fails the test, and so does one without a line in the contract.

use super::super::*;
use crate::policy::{Figures, Rule};
use crate::record::{
    EntryId, KeyEnd, KeyState, RECOVERY_KEY_NAME, Role, SealedDetails, Seconds, Span, Veto, Vkey,
    WRAPPED_KEY_BYTES, Word, WrappedKey,
};
use crate::world_for_tests::*;
use media::id::CameraId;
use media::policy::{Class, Classes};
use seal::hpke::SecretKey;
use std::collections::BTreeSet;
use std::vec::Vec;
use tlog::Entry as _;

mod provoke;

use provoke::*;

type Provoke = fn() -> Refusal;

fn cases() -> Vec<(&'static str, Provoke)> {
    let mut cases = to_g4();
    cases.extend(g5_and_g6());
    cases.extend(g7());
    cases.extend(from_g8());
    cases
}

fn to_g4() -> Vec<(&'static str, Provoke)> {
    std::vec![
        ("package-malformed", || package(|_, package| package.leaf = b"no leaf".to_vec())),
        ("package-too-large", || package(|_, package| {
            let one = package.notices[0].clone();
            package.notices = std::vec![one; NOTICES_MAX + 1];
        })),
        ("no-epochs", || package(|_, package| package.opens.clear())),
        ("no-escrow-kind", || ask(Kind::OwnerShare, |_| {})),
        ("rules-not-logged", || {
            let mut world = World::new();
            let package = world.ordinary();
            let others = Figures { head_age_secs: 121, ..*world.rules.figures() };
            world.rules = world.rules.with_figures(others);
            world.check(&package).unwrap_err()
        }),
        ("not-in-rules", || {
            let mut world = World::new();
            let package = world.ordinary();
            world.check_as(TRUSTEES + 2, &package, NOW).unwrap_err()
        }),
        ("other-rules", || ask(Kind::Emergency, |ask| ask.alter = |leaf| leaf.policy = Hash([0; 32]))),
        ("not-logged", || package(|_, package| package.proof.clear())),
        ("checkpoint-refused", || package(|world, package| {
            package.proof = proof_under(world, package, &signer("log.example", 99), 4, NOW);
        })),
        ("quorum-not-met", || package(|world, package| {
            package.proof = proof_under(world, package, &log_signer(), 2, NOW);
        })),
        ("head-stale", || package(|world, package| {
            package.proof = proof_under(world, package, &log_signer(), 4, NOW - 121);
        })),
        ("head-ahead", || roots(&|_| None)),
        ("fork", || roots(&|_| Some(Hash([9; 32])))),
        ("not-included", || package(|_, package| {
            let leaf = Signed::<Request>::parse(&package.leaf).unwrap();
            package.leaf = leaf.countersign(&signer("stranger", 98)).unwrap().entry_bytes().to_vec();
        })),
        ("not-stamped", || {
            let mut world = World::new();
            let mut package = world.ordinary();
            let (_, stamp) = tlog::stamp::split(&package.leaf).unwrap();
            package.leaf.truncate(package.leaf.len() - stamp.len());
            let index = world.log.add(&package.leaf);
            package.proof = world.log.proof(index, 4, NOW).encode();
            world.check(&package).unwrap_err()
        }),
        ("register-behind", || {
            let mut world = World::new();
            let before = world.register.clone();
            let package = world.ordinary();
            world.register = before;
            world.check(&package).unwrap_err()
        }),
        ("id-taken", || {
            let mut world = World::new();
            world.ordinary();
            let mut ask = world.ask(Kind::Emergency);
            ask.release_key = SecretKey::new([97; 32]);
            let package = world.log_request(&ask);
            world.check(&package).unwrap_err()
        }),
        ("sponsor-unregistered", || ask(Kind::Emergency, |ask| drop(ask.signers.pop()))),
        ("officer-unregistered", || ask(Kind::Emergency, |ask| drop(ask.signers.remove(0)))),
        ("supervisor-unregistered", || ask(Kind::Emergency, |ask| drop(ask.signers.remove(1)))),
        ("other-signatures", || ask(Kind::Emergency, |ask| ask.signers.push(signer("stranger.example", 98)))),
        ("key-revoked", || {
            let mut world = World::new();
            let package = world.ordinary();
            world.register_key(Role::Officer, "police.example", &officer(), KeyState::Revoked);
            world.check(&package).unwrap_err()
        }),
        ("registered-late", || {
            let mut world = World::with(&Setup { without: "officer", ..Setup::default() });
            let package = world.ordinary();
            world.register_key(Role::Officer, "police.example", &officer(), KeyState::Registered);
            world.check(&package).unwrap_err()
        }),
        ("release-key-mismatch", || package(|_, package| {
            package.release_key = SecretKey::new([97; 32]).public();
        })),
    ]
}

fn g5_and_g6() -> Vec<(&'static str, Provoke)> {
    std::vec![
        ("enrollment-forged", || package(|_, package| flip_last(&mut package.enrollment))),
        ("notice-forged", || package(|_, package| flip_last(&mut package.notices[0]))),
        ("notices-incomplete", || package(|_, package| drop(package.notices.remove(0)))),
        ("notice-mismatch", || world(|setup| setup.context = |_, context| context.notice_commit = [0; 32])),
        ("label-mismatch", || ask(Kind::Emergency, |ask| ask.alter = |leaf| leaf.label = Hash([0; 32]))),
        ("details-unreadable", || ask(Kind::Emergency, |ask| {
            ask.alter = |leaf| leaf.details = SealedDetails::new(std::vec![0; 1040]).unwrap();
        })),
        ("other-camera", || ask(Kind::Emergency, |ask| ask.details.camera_id = CameraId([0; 32]))),
        ("order-mismatch", || package(|_, package| package.order = ORDER.to_vec())),
        ("details-mismatch", || ask(Kind::Emergency, |ask| ask.details.agency = Some(name("other.example")))),
        ("span-mismatch", || ask(Kind::Emergency, |ask| {
            ask.alter = |leaf| leaf.span = Span::from_secs(60).unwrap();
        })),
        ("details-incomplete", || ask(Kind::Emergency, |ask| ask.details.in_danger = None)),
        ("policy-forged", || package(|_, package| flip_last(&mut package.policy.policy))),
        ("policy-of-other-camera", || world(|setup| {
            setup.policy = |policy| policy.camera_id = CameraId([0; 32]);
        })),
        ("policy-leaf-mismatch", || world(|setup| {
            setup.policy_leaf = |leaf| leaf.commitment = Hash([0; 32]);
        })),
        ("policy-unsponsored", || world(
            |setup| setup.policy_leaf = |leaf| leaf.sponsor = name("other.example")
        )),
        ("policy-not-logged", || package(|world, package| {
            package.policy.proof = world.log.proof(0, 4, NOW).encode();
        })),
        ("owner-cannot-read", || ask(Kind::Emergency, |ask| {
            ask.alter = |leaf| leaf.details_key = WrappedKey::new(std::vec![0; WRAPPED_KEY_BYTES]).unwrap();
        })),
        ("policy-under-other-rules", || world(
            |setup| setup.policy = |policy| policy.policy_doc_hash = [0; 32]
        )),
        (
            "policy-under-other-log",
            || world(|setup| setup.policy = |policy| policy.log_policy_hash = [0; 32])
        ),
        ("class-not-allowed", || world(|setup| {
            setup.policy = |policy| policy.classes = Classes::of(&[Class::Legal, Class::Recovery]);
        })),
        ("not-a-trustee", || {
            let mut world = World::new();
            let package = world.ordinary();
            world.check_as(TRUSTEES + 1, &package, NOW).unwrap_err()
        }),
        ("epoch-forged", || package(|_, package| flip_last(&mut package.opens[1]))),
        ("other-track", || ask(Kind::Emergency, |ask| ask.details.track = media::id::TrackId(1))),
        ("epochs-not-contiguous", || package(|_, package| package.opens.swap(0, 1))),
        ("range-mismatch", || package(|world, package| {
            // As many epochs, one further on.
            package.opens.remove(0);
            package.opens.push(world.camera.opens[3].bytes().to_vec());
        })),
        ("other-policy", || world(|setup| {
            setup.context = |at, context| {
                if at == 1 {
                    context.policy_hash = [0; 32]
                }
            };
        })),
        ("shares-mismatch", || world(|setup| setup.context = |at, context| if at == 1 {
            context.t = 2
        })),
        ("epoch-too-long", || world(|setup| setup.context = |at, context| if at == 1 {
            context.dur_ms = 60_001
        })),
        ("past-retention", || world(|setup| setup.policy = |policy| policy.retention_days = 0)),
        ("needs-mismatch", || ask(Kind::Emergency, |ask| ask.alter = |leaf| leaf.needs = 1)),
        ("notice-unreadable", || package(|world, package| world.withhold_notice(package, 2))),
        ("recovery-unsigned", || ask(Kind::Recovery, |ask| ask.signers[0] = signer(RECOVERY_KEY_NAME, 94))),
        // An owner without a recovery key.
        ("recovery-unsigned", || world_of(Kind::Recovery, |setup| setup.policy =
            |policy| policy.recovery_pk = [0; 32])),
    ]
}

fn g7() -> Vec<(&'static str, Provoke)> {
    std::vec![
        ("request-from-future", || ask(Kind::Emergency, |ask| ask.time = NOW + 31)),
        ("logged-late", || ask(Kind::Emergency, |ask| ask.time = NOW - 3601)),
        ("expired", || {
            let mut world = World::new();
            let mut package = world.ordinary();
            world.time = NOW + 8 * DAY;
            package.proof = proof_under(&world, &package, &log_signer(), 4, world.time);
            world.check_as(1, &package, world.time).unwrap_err()
        }),
        ("footage-from-future", || {
            let mut world = World::new();
            world.time = NOW - 421;
            let mut ask = world.ask(Kind::Emergency);
            ask.time = NOW - 421;
            let mut package = world.log_request(&ask);
            package.proof = proof_under(&world, &package, &log_signer(), 4, NOW);
            world.check(&package).unwrap_err()
        }),
        ("basis-unknown", || ask(Kind::Emergency, |ask| {
            ask.alter = |leaf| leaf.basis = Word::new("a-hunch");
        })),
        ("span-too-long", || world(|setup| setup.figures.emergency_span_secs = 179)),
        ("footage-too-old", || world(|setup| setup.figures.emergency_lookback_secs = 599)),
        ("agency-suspended", || second(
            Kind::Emergency,
            |figures| (figures.unratified_max, figures.ratify_within_secs) = (0, 10),
            |world, first| {
                let grant = world.hold(1, first).grant().clone();
                world.add(&grant);
            },
        )),
        ("agency-quota", || second(Kind::Emergency, |figures| figures.emergency_agency_max = 1, |_, _| {})),
        ("camera-quota", || second(Kind::Emergency, |figures| figures.emergency_camera_max = 1, |_, _| {})),
        ("legal-quota", || second(Kind::Legal, |figures| figures.legal_agency_max = 1, |_, _| {})),
        ("recovery-quota", || second(Kind::Recovery, |figures| figures.recovery_camera_max = 1, |_, _| {})),
        ("order-missing", || ask(Kind::Legal, |ask| ask.details.order = None)),
        ("span-too-long", || world_of(Kind::Legal, |setup| setup.figures.legal_span_secs = 179)),
        ("vetoed", || {
            let mut world = World::new();
            let ask = world.ask(Kind::Recovery);
            let package = world.log_request(&ask);
            let request = world.logged(&package);
            let veto = Veto {
                id: EntryId([96; 16]),
                device: Vkey::new(device().verifier()).unwrap(),
                request_index: request.index(),
                request: request.value().hash(),
                time: Seconds(NOW),
            };
            world.add(&Signed::sign(veto, &[&device(), &sponsor()]).unwrap());
            world.check(&package).unwrap_err()
        }),
    ]
}

fn from_g8() -> Vec<(&'static str, Provoke)> {
    std::vec![
        ("approval-missing", || approval(|_| None, &[approver().verifier()])),
        ("second-approver-missing", || {
            let mut world = World::new();
            let package = world.ordinary();
            let mut checked = world.passed(1, &package);
            checked.case.second_approver = true;
            let one = yes(&checked.request().value().hash(), &approver());
            checked.approve(&[one], &[approver().verifier()]).unwrap_err()
        }),
        ("approval-malformed", || approval(
            |_| Some(Approval { note: b"yes".to_vec() }),
            &[approver().verifier()],
        )),
        ("approval-of-other-request", || approval(
            |_| Some(yes(&Hash([0; 32]), &approver())),
            &[approver().verifier()],
        )),
        ("approver-unknown", || approval(
            |request| Some(yes(request, &signer("clerk.example", 95))),
            &[approver().verifier()],
        )),
        ("share-not-dealt", || refused(shares(|setup| setup.open = |_, open| open.shares[0] = None, |_| {}))),
        ("day-key-destroyed", || refused(shares(|_| {}, |world| world.end_day_key(1, KeyEnd::Due)))),
        ("day-key-lost", || {
            let mut world = World::new();
            let package = world.ordinary();
            world.end_day_key(1, KeyEnd::Lost);
            // What this trustee cannot count any more is for two to approve.
            let (checked, second) = (world.passed(1, &package), signer("clerk2.example", 56));
            let request = checked.request().value().hash();
            let approvals = [yes(&request, &approver()), yes(&request, &second)];
            let approved = checked.approve(&approvals, &[approver().verifier(), second.verifier()]);
            refused(approved.unwrap().open_shares(&world.key_of(1)).unwrap_err())
        }),
        ("day-key-unknown", || {
            let mut world = World::new();
            let package = world.ordinary();
            refused(approved(&world, &package).open_shares(&|_, _| None).unwrap_err())
        }),
        ("day-key-mismatch", || refused(shares(
            |setup| setup.open = |at, open| if at == 1 {
                open.shares[0].as_mut().unwrap().day_key_id = [0; 32]
            },
            |_| {},
        ))),
        ("share-bound-elsewhere", || refused(shares(
            |setup| setup.open = |at, open| if at == 1 {
                open.shares[0].as_mut().unwrap().sealed = open.shares[1].clone().unwrap().sealed
            },
            |_| {},
        ))),
        ("release-key-unusable", || seal_with(&trustee(1), |world| {
            let mut ask = world.ask(Kind::Emergency);
            ask.alter = |leaf| leaf.release_key = Hash::of(&[&[0xff; 1216]]);
            let mut package = world.log_request(&ask);
            package.release_key = std::vec![0xff; 1216];
            package
        })),
        ("wrong-signer", || seal_with(&trustee(2), World::ordinary)),
        ("grant-mismatch", || release(2, NOW)),
        ("grant-proof-mismatch", || release(1, NOW - 1)),
    ]
}

#[test]
fn every_refusal_is_provoked_by_one_mutation() {
    let (mut provoked, mut leaves) = (BTreeSet::new(), BTreeSet::new());
    for (name, provoke) in cases() {
        let refusal = provoke();
        assert_eq!(refusal.name(), name, "{refusal}");
        assert!(!refusal.what_to_do().is_empty());
        provoked.insert((refusal.step(), refusal.name()));
        assert!(refusal.becomes_leaf() || refusal.step() != "g7", "{refusal}");
        if refusal.becomes_leaf() && refusal.step() != "g7" {
            leaves.insert(refusal.name());
        }
    }
    assert_eq!(provoked, known());
    assert_eq!(leaves, leaves_of_the_contract());
}

/// Those of the table of leaves, but for what the gate does not refuse: a denial and a bad share.
fn leaves_of_the_contract() -> BTreeSet<&'static str> {
    let contract = include_str!("../../../../../proto/release.md");
    let section = contract.split("\n### ").find(|section| section.starts_with("Refusal leaves")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| g"));
    let names = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    names.filter(|name| !["denied", "share-bad"].contains(name)).collect()
}

fn known() -> BTreeSet<(&'static str, &'static str)> {
    let rules = Rule::ALL.iter().map(|rule| ("g7", rule.name()));
    Refusal::TABLE.iter().copied().chain(rules).collect()
}

#[test]
fn the_contract_lists_every_refusal_and_no_other() {
    let contract = include_str!("../../../../../proto/release.md");
    let gate = contract.split("\n## ").find(|section| section.starts_with("The gate")).unwrap();
    let row = |line: &'static str| {
        let mut cells = line.strip_prefix("| g")?.split(" | ");
        let (step, name) = (cells.next()?, cells.next()?.trim_matches('`'));
        Some((std::format!("g{step}"), name))
    };
    let listed: BTreeSet<_> = gate.lines().filter_map(row).collect();
    let known: BTreeSet<_> = known().into_iter().map(|(step, name)| (step.into(), name)).collect();
    assert_eq!(listed, known);
}

#[test]
fn a_share_that_breaks_its_commitment_is_bad_and_named() {
    let failure = shares(
        |setup| {
            setup.open = |at, open| {
                if at == 1 {
                    open.share_commits[0] = [0; 32]
                }
            }
        },
        |_| {},
    );
    assert_eq!(failure, ShareFailure::Bad(media::id::EpochNo(FIRST_EPOCH + 1)));
}

#[test]
fn every_part_of_a_package_must_be_canonical() {
    let parts: [fn(&mut Package) -> &mut Vec<u8>; 7] = [
        |package| &mut package.leaf,
        |package| &mut package.proof,
        |package| &mut package.enrollment,
        |package| &mut package.policy.policy,
        |package| &mut package.policy.leaf,
        |package| &mut package.policy.proof,
        |package| &mut package.opens[2],
    ];
    let mut world = World::new();
    let package = world.ordinary();
    assert!(matches!(world.check(&package), Ok(Verdict::Pass(_))));
    for part in parts {
        let mut altered = package.clone();
        part(&mut altered).push(b' ');
        assert_eq!(world.check(&altered).unwrap_err().name(), "package-malformed");
    }
}
