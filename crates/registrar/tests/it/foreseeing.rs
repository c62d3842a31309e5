//! What would count for nothing is told, by name, and not logged.

use crate::world::World;
use escrow::record::{KeyState, Role};
use registrar::{Draft, Error, ForNothing, foresee_key, foresee_rules, register, revoke};
use tlog::note::Signer;

fn vkey(name: &str, seed: u8) -> String {
    Signer::from_seed(name, &[seed; 32]).unwrap().verifier().vkey()
}

fn why(result: Result<Option<u64>, Error>) -> ForNothing {
    match result.unwrap_err() {
        Error::ForNothing(why) => why,
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_that_counts_for_nothing_is_named_before_it_is_logged() {
    let world = World::new().await;
    let (own, officer) = (&world.registrar, vkey("police.example/7", 1));
    let asked =
        async |state, agency: &str, vkey: &str| foresee_key(own, state, Role::Officer, agency, vkey).await;
    let new = KeyState::Registered;
    assert!(matches!(why(asked(new, "police.example", &officer).await), ForNothing::NoRules));

    // Rules with a scope; then the same by a registrar whom they do not name.
    let path = world.dir.path().join("rules.txt");
    let [operator, registrar] = [&world.operator, &world.registrar].map(|who| registrar::vkey(who).unwrap());
    let scoped = format!("{registrar} police.example US");
    let trustee = stage::keys::trustee(0).verifier().vkey();
    let draft = Draft {
        operator: &operator,
        registrars: &[&scoped],
        trustees: &[&trustee],
        figures: &[],
        after: None,
    };
    registrar::write_rules(&path, &draft).unwrap();
    assert_eq!(foresee_rules(&world.operator, &path).await.unwrap(), None);
    registrar::publish_rules(&world.operator, &path).await.unwrap();

    let typo = why(asked(new, "police.exmaple", &officer).await);
    assert!(matches!(typo, ForNothing::OtherName { .. }), "{typo}");
    let outside = why(asked(new, "sponsor.example", &vkey("sponsor.example/1", 2)).await);
    assert!(
        matches!(&outside, ForNothing::OutOfScope { scope, .. } if scope == "police.example"),
        "{outside}"
    );
    let stranger = foresee_key(&world.stranger, new, Role::Officer, "police.example", &officer).await;
    assert!(matches!(why(stranger), ForNothing::NoRegistrar { .. }));
    let never = why(asked(KeyState::Revoked, "police.example", &officer).await);
    assert!(matches!(never, ForNothing::NeverRegistered), "{never}");

    assert_eq!(asked(new, "police.example", &officer).await.unwrap(), None);
    let at = register(own, Role::Officer, "police.example", &officer).await.unwrap().index;
    assert_eq!(asked(new, "police.example", &officer).await.unwrap(), Some(at));
    let twice = foresee_key(own, new, Role::Supervisor, "police.example", &officer).await;
    assert!(matches!(why(twice), ForNothing::OtherKey));
    let gone = revoke(own, Role::Officer, "police.example", &officer).await.unwrap().index;
    assert_eq!(asked(KeyState::Revoked, "police.example", &officer).await.unwrap(), Some(gone));
    assert!(matches!(why(asked(new, "police.example", &officer).await), ForNothing::Revoked));

    // Rules: the same again, those that follow, and the ones that were before.
    assert_eq!(foresee_rules(&world.operator, &path).await.unwrap(), Some(0));
    let next = world.dir.path().join("next.txt");
    registrar::write_rules(&next, &Draft { after: Some(&path), ..draft }).unwrap();
    assert_eq!(foresee_rules(&world.operator, &next).await.unwrap(), None);
    let foreign = why(foresee_rules(&world.registrar, &next).await);
    assert!(matches!(foreign, ForNothing::NotTheirOperator { .. }), "{foreign}");
    registrar::publish_rules(&world.operator, &next).await.unwrap();
    assert!(matches!(why(foresee_rules(&world.operator, &path).await), ForNothing::Superseded { .. }));
    let first = world.dir.path().join("first.txt");
    registrar::write_rules(&first, &Draft { figures: &[("emergency-span-secs", 9)], ..draft }).unwrap();
    assert!(matches!(why(foresee_rules(&world.operator, &first).await), ForNothing::NotNext { .. }));
}
