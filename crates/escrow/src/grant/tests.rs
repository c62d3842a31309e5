//! The gate, whole, and then every refusal by one mutation each.

mod attacks;
mod refusals;

use super::*;
use crate::record::Kind;
use crate::world_for_tests::{NOW, Rng, World, approver, signer, stamped, trustee, yes};
use media::time::Seconds;
use rand_core::SeedableRng as _;
use tlog::Entry as _;

#[test]
fn an_ordinary_emergency_passes_every_step_and_gives_a_bundle() {
    let mut world = World::new();
    let package = world.ordinary();
    let package = Package::decode(&package.encode()).unwrap();
    let held = world.hold(2, &package);
    let (request, grant) = (world.logged(&package), held.grant().value().clone());
    assert_eq!((grant.request_index, grant.request), (request.index(), request.value().hash()));
    assert_eq!((grant.epochs, grant.trustee.as_str()), (3, "trustee2.example"));
    assert!(grant.approver.is_some() && held.grant().is_signed_by(&trustee(2).verifier()));

    let bundle = world.release(held);
    let ask = world.ask(Kind::Emergency);
    let key = trustee(2).verifier();
    let open = bundle.open(&request, &key, &ask.release_key, &world.log_policy).unwrap();
    assert_eq!(open.shares.len(), 3);
    open.of_trustee(2).unwrap();
}

#[test]
fn a_legal_request_passes_with_its_order() {
    let mut world = World::new();
    let ask = world.ask(Kind::Legal);
    let package = world.log_request(&ask);
    assert_eq!(world.passed(1, &package).approvals_needed(), 1);
}

#[test]
fn a_recovery_waits_from_when_it_was_logged_and_asks_no_human() {
    let mut world = World::new();
    let ask = world.ask(Kind::Recovery);
    let mut package = world.log_request(&ask);
    let request = world.logged(&package);
    let wait = world.rules.figures().recovery_wait_secs;
    let Ok(Verdict::WaitUntil { until, request: waiting }) = world.check(&package) else {
        panic!("it does not wait")
    };
    assert_eq!((until, *waiting), (Seconds(NOW + wait), request.clone()));

    // Three days later, under a fresh head: the stamp stands.
    world.time = NOW + wait;
    package.proof = world.log.proof(request.index(), 4, world.time).encode();
    let checked = world.passed(1, &package);
    assert_eq!(checked.approvals_needed(), 0);
    let opened = checked.approve(&[], &[]).unwrap().open_shares(&world.key_of(1)).unwrap();
    let held = opened.seal(&trustee(1), Seconds(world.time), &mut Rng::seed_from_u64(1)).unwrap();
    assert_eq!(held.grant().value().approver, None);
}

#[test]
fn what_is_held_survives_a_restart_and_is_given_out_the_same() {
    let mut world = World::new();
    let package = world.ordinary();
    let held = world.hold(1, &package);
    let restored = Held::decode(&held.encode()).unwrap();
    assert_eq!(restored, held);
    let first = world.release(held.clone());
    let index = world.log.tree.size() - 1;
    let proof = world.log.proof(index, 4, NOW);
    let entry = stamped(restored.grant().entry_bytes(), world.time);
    let logged = Logged::verify(Signed::parse(&entry).unwrap(), &proof, &world.log_policy).unwrap();
    assert_eq!(restored.release(&logged, &proof.encode()).unwrap(), first);

    // Every single altered or missing byte is noticed, or leaves the grant's words as they are.
    let bytes = held.encode();
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        assert!(
            Held::decode(&altered).is_ok_and(|other| other == held) || {
                let signed =
                    Held::decode(&altered).map(|other| other.grant().is_signed_by(&trustee(1).verifier()));
                !matches!(signed, Ok(true))
            }
        );
        assert!(Held::decode(&bytes[..at]).is_err());
    }
}

#[test]
fn two_trustees_hold_different_shares_of_one_request() {
    let mut world = World::new();
    let package = world.ordinary();
    let (a, b) = (world.hold(1, &package), world.hold(2, &package));
    assert_ne!(a.grant().value().shares, b.grant().value().shares);
    assert_eq!(a.grant().value().request, b.grant().value().request);
    assert_ne!(a.grant().entry_bytes(), b.grant().entry_bytes());
}

#[test]
fn where_the_rules_ask_for_two_approvers_one_person_is_not_two() {
    let mut world = World::new();
    let package = world.ordinary();
    let second = signer("clerk-2.example", 57);
    let approvers = [approver().verifier(), second.verifier()];
    let request = world.logged(&package).value().hash();
    let approve = |by: &[&tlog::note::Signer]| {
        let mut checked = world.passed(1, &package);
        checked.case.second_approver = true;
        assert_eq!(checked.approvals_needed(), 2);
        let approvals: Vec<_> = by.iter().map(|by| yes(&request, by)).collect();
        checked.approve(&approvals, &approvers).map(|approved| approved.decision.approver)
    };
    assert_eq!(approve(&[]), Err(Refusal::ApprovalMissing));
    assert_eq!(approve(&[&approver()]), Err(Refusal::SecondApproverMissing));
    assert_eq!(approve(&[&approver(), &approver()]), Err(Refusal::SecondApproverMissing));
    let key = |signer: &tlog::note::Signer| signer.verifier().ed25519_key().unwrap();
    let both = Hash::of(&[&key(&approver()), &key(&second)]);
    assert_eq!(approve(&[&approver(), &second]), Ok(Some(both)));
    let stranger = signer("stranger.example", 58);
    assert_eq!(approve(&[&approver(), &stranger]), Err(Refusal::ApproverUnknown));
}

#[test]
fn a_denial_is_an_approvers_signature_over_this_request_and_the_reason() {
    let (request, approvers) = (Hash([1; 32]), [approver().verifier()]);
    let reason = crate::record::Line::new("nobody there knows of it").unwrap();
    let denial = Denial::sign(&request, reason.clone(), &approver());
    assert_eq!(denial.verify(&request, &approvers), Ok(reason.clone()));
    assert_eq!(denial.verify(&Hash([2; 32]), &approvers), Err(Refusal::ApprovalOfOtherRequest));
    assert_eq!(denial.verify(&request, &[trustee(1).verifier()]), Err(Refusal::ApproverUnknown));
    let approval = yes(&request, &approver());
    let disguised = Denial { note: approval.note };
    assert_eq!(disguised.verify(&request, &approvers), Err(Refusal::ApprovalMalformed));
}

#[test]
fn nothing_secret_is_in_a_debug_text() {
    let mut world = World::new();
    let package = world.ordinary();
    let checked = world.passed(1, &package);
    let shown = std::format!("{checked:?}");
    assert!(shown.contains("emergency") && !shown.contains("a boy of 4"), "{shown}");
    let approval = yes(&checked.request().value().hash(), &approver());
    let approved = checked.approve(&[approval], &[approver().verifier()]).unwrap();
    let opened = approved.open_shares(&world.key_of(1)).unwrap();
    assert!(std::format!("{opened:?}").contains("secret"));
}
