//! Folding: what counts, and what somebody else wrote.

use super::*;
use crate::record::{Record, RefusalLeaf, Word};
use crate::world_for_tests::{
    DAY, NOW, World, name, officer, operator, registrar, signer, sponsor, supervisor, trustee,
};
use std::vec::Vec;
use tlog::Entry as _;
use tlog::note::Signer;

fn fold<T: Record>(register: &mut Register, leaf: T, signers: &[&Signer]) -> u64 {
    let index = register.size();
    register.fold(index, Signed::sign(leaf, signers).unwrap().entry_bytes()).unwrap();
    index
}

fn grant(world: &World, index: u64, by: &str) -> Grant {
    let requested = world.register.request(index).unwrap();
    Grant {
        id: requested.id,
        trustee: name(by),
        request_index: index,
        request: requested.hash,
        epochs: 3,
        shares: Hash([0; 32]),
        bundle: Hash([0; 32]),
        decision: Hash([0; 32]),
        approver: None,
        time: Seconds(NOW),
    }
}

fn requested() -> (World, u64) {
    let mut world = World::new();
    world.ordinary();
    let index = world.register.size() - 1;
    (world, index)
}

#[test]
fn entries_are_taken_in_order_and_noise_changes_nothing() {
    let (world, _) = requested();
    let mut register = Register::new(&world.rules);
    assert_eq!(register.fold(1, b"x"), Err(OutOfOrder { got: 1, size: 0 }));
    for (index, noise) in (0..).zip([&b""[..], b"noise", &[0xff; 100], b"candor grant v1\n\n"]) {
        register.fold(index, noise).unwrap();
    }
    assert_eq!((register.size(), register.clock()), (4, Seconds(0)));
    assert_eq!(register.fold(0, b"again"), Err(OutOfOrder { got: 0, size: 4 }));
}

#[test]
fn a_request_counts_with_the_keys_that_were_registered_before_it() {
    let (world, index) = requested();
    let request = world.register.request(index).unwrap();
    assert!(request.authorised);
    assert_eq!(world.register.owner_of(&request.id), Some(index));
    assert_eq!(world.register.requests_before(index).count(), 0);
    assert_eq!(world.register.requests_before(index + 1).count(), 1);
}

#[test]
fn only_the_trustee_s_own_grant_of_this_very_request_counts() {
    let (mut world, index) = requested();
    let ordinary = grant(&world, index, "trustee1.example");
    let forged = signer("trustee1.example", 99);
    let bad = [
        (ordinary.clone(), &forged),
        (Grant { trustee: name("trustee2.example"), ..ordinary.clone() }, &trustee(1)),
        (Grant { trustee: name("nobody.example"), ..ordinary.clone() }, &signer("nobody.example", 98)),
        (Grant { request_index: index - 1, ..ordinary.clone() }, &trustee(1)),
        (Grant { request: Hash([1; 32]), ..ordinary.clone() }, &trustee(1)),
        (Grant { id: EntryId([1; 16]), ..ordinary.clone() }, &trustee(1)),
    ];
    for (leaf, by) in bad {
        fold(&mut world.register, leaf, &[by]);
    }
    assert!(world.register.request(index).unwrap().grants.is_empty());
    assert_eq!(world.register.owner_of(&EntryId([1; 16])), None);

    let first = fold(&mut world.register, ordinary.clone(), &[&trustee(1)]);
    fold(&mut world.register, Grant { time: Seconds(NOW + 1), ..ordinary }, &[&trustee(1)]);
    let grants: Vec<_> = world.register.request(index).unwrap().grants.iter().collect();
    assert_eq!(grants, [(&name("trustee1.example"), &first)]);
}

#[test]
fn an_id_belongs_to_the_first_that_counts() {
    let mut world = World::new();
    let mut ask = world.ask(Kind::Emergency);
    let officer = ask.signers.remove(0);
    world.log_request(&ask);
    assert_eq!(world.register.owner_of(&ask.id), None, "the officer did not sign");
    ask.signers.insert(0, officer);
    world.log_request(&ask);
    let owner = world.register.size() - 1;
    ask.time += 1;
    world.log_request(&ask);
    assert_eq!(world.register.owner_of(&ask.id), Some(owner));
}

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
fn only_a_registrar_of_the_rules_registers() {
    let mut world = World::new();
    let leaf = |registrar: &str| RequesterKey {
        state: KeyState::Registered,
        role: Role::Sponsor,
        agency: name("mallory.example"),
        vkey: crate::record::Vkey::new(signer("mallory.example", 97).verifier()).unwrap(),
        registrar: name(registrar),
        time: Seconds(NOW),
    };
    let mallory = signer("mallory.example", 97);
    let draft = Signed::sign(leaf("registrar.example"), &[&mallory]).unwrap();
    fold(&mut world.register, leaf("registrar.example"), &[&signer("registrar.example", 99)]);
    fold(&mut world.register, leaf("mallory.example"), &[&mallory]);
    fold(&mut world.register, leaf("mallory.example"), &[&registrar()]);
    assert!(!world.register.was_sponsored(&draft, &name("mallory.example")));
    fold(&mut world.register, leaf("registrar.example"), &[&registrar()]);
    assert!(world.register.was_sponsored(&draft, &name("mallory.example")));
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
    assert_eq!(world.register.authority(&request), Err(Unauthorised::Supervisor));
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
    assert_eq!(world.register.authority(&request), Err(Unauthorised::Officer));
}

#[test]
fn the_clock_is_the_second_latest_word_of_a_trustee() {
    let (mut world, index) = requested();
    let before = world.register.clock();
    assert_eq!(before, Seconds(NOW - DAY));
    let refusal = |time| RefusalLeaf {
        id: EntryId([0; 16]),
        trustee: name("trustee1.example"),
        request_index: index,
        request: Hash([0; 32]),
        step: Word::new("g7").unwrap(),
        reason: Word::new("agency-quota").unwrap(),
        time: Seconds(time),
    };
    fold(&mut world.register, refusal(NOW + 1000 * DAY), &[&trustee(1)]);
    assert_eq!(world.register.clock(), before, "one trustee alone moves nothing");
    fold(
        &mut world.register,
        RefusalLeaf { trustee: name("trustee2.example"), ..refusal(NOW) },
        &[&trustee(2)],
    );
    assert_eq!(world.register.clock(), Seconds(NOW));
    fold(
        &mut world.register,
        RefusalLeaf { trustee: name("trustee3.example"), ..refusal(NOW + 9) },
        &[&trustee(4)],
    );
    assert_eq!(world.register.clock(), Seconds(NOW), "a forged word moves nothing");
}

#[test]
fn ratifications_and_vetoes_are_the_sponsor_s() {
    let (mut world, index) = requested();
    let hash = world.register.request(index).unwrap().hash;
    let ratification = Ratification {
        id: EntryId([1; 16]),
        sponsor: name("relay.example"),
        request_index: index,
        request: hash,
        document: Hash([0; 32]),
        time: Seconds(NOW),
    };
    fold(&mut world.register, ratification.clone(), &[&officer()]);
    fold(&mut world.register, Ratification { request: Hash([9; 32]), ..ratification.clone() }, &[&sponsor()]);
    assert_eq!(world.register.request(index).unwrap().ratified_at, None);
    fold(&mut world.register, ratification.clone(), &[&sponsor()]);
    fold(&mut world.register, Ratification { time: Seconds(NOW + 1), ..ratification.clone() }, &[&sponsor()]);
    assert_eq!(world.register.request(index).unwrap().ratified_at, Some(Seconds(NOW)));

    let Ratification { id, sponsor: by, request_index, request, document, time } = ratification;
    let veto = Veto { id, sponsor: by, request_index, request, document, time };
    fold(&mut world.register, veto.clone(), &[&signer("relay.example", 99)]);
    assert_eq!(world.register.request(index).unwrap().vetoed, None);
    let first = fold(&mut world.register, veto.clone(), &[&sponsor()]);
    fold(&mut world.register, veto, &[&sponsor()]);
    assert_eq!(world.register.request(index).unwrap().vetoed, Some(first));
}

#[test]
fn a_day_key_is_its_trustee_s_first_and_ends_with_it() {
    let mut world = World::new();
    let day = media::time::Seconds(NOW).day().0;
    let (own, key) = (name("trustee1.example"), trustee(1).verifier());
    let id = world.register.day_key(&own, day).unwrap();
    let leaf = |by: &Signer, key_id| DayKeysLeaf {
        trustee: own.clone(),
        vkey: crate::record::Vkey::new(by.verifier()).unwrap(),
        day,
        key_id,
        keys: Hash([0; 32]),
        time: Seconds(NOW),
    };
    // The trustee changes its mind, and somebody takes its name: the first key stands.
    fold(&mut world.register, leaf(&trustee(1), Hash([1; 32])), &[&trustee(1)]);
    let squatter = signer("trustee1.example", 99);
    fold(&mut world.register, leaf(&squatter, Hash([2; 32])), &[&squatter]);
    assert_eq!(world.register.day_key(&own, day), Some(id));
    assert_eq!(world.register.day_key_of(&key, day), Published::Key(id));
    assert_eq!(world.register.day_key_of(&squatter.verifier(), day), Published::Nothing);

    let destroyed = |key_id| KeyDestroyed { trustee: own.clone(), day, key_id, time: Seconds(NOW) };
    fold(&mut world.register, destroyed(id), &[&squatter]);
    fold(&mut world.register, destroyed(Hash([1; 32])), &[&trustee(1)]);
    assert!(!world.register.is_destroyed(&own, day));
    fold(&mut world.register, destroyed(id), &[&trustee(1)]);
    assert!(world.register.is_destroyed(&own, day));
    assert_eq!(world.register.day_key(&own, day), None);
    assert_eq!(world.register.day_key_of(&key, day), Published::Destroyed);
}

#[test]
fn the_rules_are_their_operator_s() {
    let world = World::new();
    let mut register = Register::new(&world.rules);
    let leaf =
        |by: &str| PolicyDocLeaf { operator: name(by), document: world.rules.hash(), time: Seconds(NOW) };
    fold(&mut register, leaf("candor.example"), &[&signer("candor.example", 99)]);
    fold(&mut register, leaf("other.example"), &[&operator()]);
    assert!(!register.has_rules(&world.rules.hash()));
    fold(&mut register, leaf("candor.example"), &[&operator()]);
    assert!(register.has_rules(&world.rules.hash()));
}
