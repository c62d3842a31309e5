//! The gate, whole, and then every refusal by one mutation each.

mod refusals;

use super::*;
use crate::record::Kind;
use crate::world_for_tests::{NOW, Rng, World, approver, stamped, trustee};
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
    assert!(world.passed(1, &package).needs_approval());
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

    // Three days later: a fresh proof, and the first one to show since when.
    world.time = NOW + wait;
    package.first_proof = core::mem::take(&mut package.proof);
    package.proof = world.log.proof(request.index(), 4, world.time).encode();
    let checked = world.passed(1, &package);
    assert!(!checked.needs_approval());
    let opened = checked.approve(None, &[]).unwrap().open_shares(&world.key_of(1)).unwrap();
    let held = opened.seal(&trustee(1), Seconds(world.time), &mut Rng::seed_from_u64(1)).unwrap();
    assert_eq!(held.grant().value().approver, None);

    // Without the first proof nobody can tell, so the wait starts again.
    package.first_proof = Vec::new();
    let again = world.check_as(1, &package, world.time);
    assert!(matches!(again, Err(Refusal::Rule(crate::policy::Rule::LoggedLate))), "{again:?}");
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
fn nothing_secret_is_in_a_debug_text() {
    let mut world = World::new();
    let package = world.ordinary();
    let checked = world.passed(1, &package);
    let shown = std::format!("{checked:?}");
    assert!(shown.contains("emergency") && !shown.contains("a boy of 4"), "{shown}");
    let approval = Approval::sign(&checked.request().value().hash(), &approver());
    let approved = checked.approve(Some(&approval), &[approver().verifier()]).unwrap();
    let opened = approved.open_shares(&world.key_of(1)).unwrap();
    assert!(std::format!("{opened:?}").contains("secret"));
}
