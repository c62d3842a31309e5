//! Whose keys count: registrars and their scopes, and keys that were revoked.

use super::*;

#[test]
fn a_revoked_key_stays_revoked_in_its_role() {
    let mut world = World::new();
    let package = world.ordinary();
    let request = Signed::<Request>::parse(&package.leaf).unwrap();
    let authority = world.register.authority(&request).unwrap();
    assert_eq!(authority.officer, Some(officer().verifier()));
    assert_eq!(authority.supervisor, Some(supervisor().verifier()));

    let state = |world: &mut World, state| {
        world.register_key(Role::Officer, "police.example", &officer(), state);
        world.register.authority(&request).map(drop)
    };
    assert_eq!(state(&mut world, KeyState::Revoked), Err(Unauthorised::Revoked(Role::Officer)));
    assert_eq!(state(&mut world, KeyState::Registered), Err(Unauthorised::Revoked(Role::Officer)));
}

#[test]
fn a_revoked_key_comes_back_under_no_name_in_no_role() {
    let mut world = World::new();
    world.register_key(Role::Officer, "police.example", &officer(), KeyState::Revoked);
    let renamed = signer("police.example/officer-new", 52);
    assert_eq!(renamed.verifier().ed25519_key(), officer().verifier().ed25519_key());
    for (role, agency, key) in [
        (Role::Officer, "police.example", &renamed),
        (Role::Supervisor, "police.example", &renamed),
        (Role::Officer, "sheriff.example", &officer()),
        (Role::Court, "court.example", &renamed),
    ] {
        let leaf = key_leaf(KeyState::Registered, role, agency, key, "registrar.example");
        assert_eq!(fold(&mut world, leaf, &[&registrar()]), Weight::Unsigned, "{role} {agency}");
    }
    let mut ask = world.ask(Kind::Emergency);
    ask.signers[0] = renamed;
    let package = world.log_request(&ask);
    let request = Signed::<Request>::parse(&package.leaf).unwrap();
    assert_eq!(world.register.authority(&request), Err(Unauthorised::Missing(Role::Officer)));
}

#[test]
fn only_a_registrar_of_the_rules_registers() {
    let mut world = World::new();
    let leaf = |registrar| {
        let key = signer("mallory.example", 97);
        key_leaf(KeyState::Registered, Role::Sponsor, "mallory.example", &key, registrar)
    };
    let mallory = signer("mallory.example", 97);
    let draft = Signed::sign(leaf("registrar.example"), &[&mallory]).unwrap();
    let draft = Signed::<RequesterKey>::parse(&stamped(draft.entry_bytes(), NOW)).unwrap();
    fold(&mut world, leaf("registrar.example"), &[&signer("registrar.example", 99)]);
    fold(&mut world, leaf("mallory.example"), &[&mallory]);
    fold(&mut world, leaf("mallory.example"), &[&registrar()]);
    fold(&mut world, leaf("registrar.example"), &[&registrar(), &mallory]);
    let behind = world.register.size() + 1;
    assert!(!world.register.was_sponsored(&draft, &name("mallory.example"), behind));
    assert_eq!(fold(&mut world, leaf("registrar.example"), &[&registrar()]), Weight::Counts);
    assert!(world.register.was_sponsored(&draft, &name("mallory.example"), behind));
    // What it signed before it was registered, it signed as nobody.
    assert!(!world.register.was_sponsored(&draft, &name("mallory.example"), behind - 1));
}

/// Any registrar registered for, and revoked for ever, anybody.
#[test]
fn a_registrar_speaks_within_its_scope_and_revokes_its_own_keys_alone() {
    let (mut world, other) = two_registrars();
    let (sheriff, deputy) = (signer("sheriff.example/1", 70), signer("sheriff.example/2", 71));
    let registered = KeyState::Registered;
    let of_other =
        |state, role, agency, key: &Signer| key_leaf(state, role, agency, key, "other-registrar.example");
    // Out of scope, though it is a registrar.
    let foreign = of_other(registered, Role::Officer, "police.example", &sheriff);
    assert_eq!(fold(&mut world, foreign, &[&other]), Weight::Unsigned);
    let foreign = key_leaf(registered, Role::Officer, "sheriff.example", &sheriff, "registrar.example");
    assert_eq!(fold(&mut world, foreign, &[&registrar()]), Weight::Unsigned);
    let look_alike = key_leaf(registered, Role::Officer, "notpolice.example", &sheriff, "registrar.example");
    assert_eq!(fold(&mut world, look_alike, &[&registrar()]), Weight::Unsigned);
    // Another's key, revoked.
    let stolen = of_other(KeyState::Revoked, Role::Officer, "police.example", &officer());
    assert_eq!(fold(&mut world, stolen, &[&other]), Weight::Unsigned);
    // Within its scope, and below it.
    let below =
        key_leaf(registered, Role::Officer, "cold-cases.police.example", &deputy, "registrar.example");
    assert_eq!(fold(&mut world, below, &[&registrar()]), Weight::Counts);
    let own = of_other(registered, Role::Officer, "sheriff.example", &sheriff);
    assert_eq!(fold(&mut world, own, &[&other]), Weight::Counts);
    world.ordinary();
    assert!(world.register.request(world.register.size() - 1).unwrap().authorised);
}

#[test]
fn a_key_speaks_for_requests_of_its_registrars_countries() {
    let (mut world, _) = two_registrars();
    let [officer, supervisor] = [signer("police.example/3", 72), signer("police.example/4", 73)];
    for (role, key) in [(Role::Officer, &officer), (Role::Supervisor, &supervisor)] {
        world.register_key(role, "police.example", key, KeyState::Registered);
    }
    for (country, authorised) in [("US", true), ("DE", false)] {
        let mut ask = world.ask(Kind::Emergency);
        ask.id = EntryId([country.as_bytes()[0]; 16]);
        (ask.signers[0], ask.signers[1]) = (signer("police.example/3", 72), signer("police.example/4", 73));
        if country == "DE" {
            ask.alter = |leaf| leaf.country = Country::new("DE");
        }
        world.log_request(&ask);
        let index = world.register.size() - 1;
        assert_eq!(world.register.request(index).unwrap().authorised, authorised, "{country}");
    }
}

#[test]
fn who_is_no_registrar_any_more_leaves_its_keys_to_the_others() {
    let (mut world, other) = two_registrars();
    let everything = |key: &Signer| Registrar {
        key: Vkey::new(key.verifier()).unwrap(),
        names: Scope::All,
        countries: Scope::All,
    };
    let next = world.rules.clone().with_registrars(Vec::from([everything(&other)])).unwrap();
    let next = next.after(&world.rules.hash());
    world.publish(&next);
    let leaf = |by| key_leaf(KeyState::Revoked, Role::Officer, "police.example", &officer(), by);
    assert_eq!(fold(&mut world, leaf("registrar.example"), &[&registrar()]), Weight::Unsigned);
    assert_eq!(fold(&mut world, leaf("other-registrar.example"), &[&other]), Weight::Counts);
}

#[test]
fn one_person_cannot_be_officer_and_supervisor() {
    let mut world = World::new();
    let twice = signer("police.example/also-byron", 52);
    assert_eq!(twice.verifier().ed25519_key(), officer().verifier().ed25519_key());
    world.register_key(Role::Supervisor, "police.example", &twice, KeyState::Registered);
    let mut ask = world.ask(Kind::Emergency);
    ask.signers[1] = twice;
    let package = world.log_request(&ask);
    let request = Signed::<Request>::parse(&package.leaf).unwrap();
    assert_eq!(world.register.authority(&request), Err(Unauthorised::Missing(Role::Supervisor)));
}

#[test]
fn an_officer_of_another_agency_does_not_count() {
    let mut world = World::new();
    let foreign = signer("coastguard.example/1", 96);
    world.register_key(Role::Officer, "coastguard.example", &foreign, KeyState::Registered);
    let mut ask = world.ask(Kind::Emergency);
    ask.signers[0] = foreign;
    let package = world.log_request(&ask);
    let request = Signed::<Request>::parse(&package.leaf).unwrap();
    assert_eq!(world.register.authority(&request), Err(Unauthorised::Missing(Role::Officer)));
}
