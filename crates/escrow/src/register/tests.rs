//! Folding: what counts, and what somebody else wrote.

use super::*;
use crate::policy::{Registrar, Scope};
use crate::record::{
    Bytes, Country, DayKeysLeaf, KeyDestroyed, KeyEnd, KeyState, PolicyDocLeaf, Record, RefusalLeaf,
    RequesterKey, ShareBad, Vkey, Word,
};
use crate::world_for_tests::*;
use core::time::Duration;
use media::id::Day;
use std::vec::Vec;
use tlog::note::Signer;

mod keys;

fn fold<T: Record>(world: &mut World, leaf: T, signers: &[&Signer]) -> Weight {
    let signed = Signed::sign(leaf, signers).unwrap();
    fold_entry(world, &stamped(signed.entry_bytes(), world.time)).unwrap().weight
}

fn fold_entry(world: &mut World, entry: &[u8]) -> Option<Folded> {
    let index = world.register.size();
    assert_eq!(world.log.add(entry), index);
    world.register.fold(index, entry).unwrap()
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

fn key_leaf(state: KeyState, role: Role, agency: &str, key: &Signer, registrar: &str) -> RequesterKey {
    RequesterKey {
        state,
        role,
        agency: name(agency),
        vkey: Vkey::new(key.verifier()).unwrap(),
        registrar: name(registrar),
        time: Seconds(NOW),
    }
}

/// A world under next rules with two registrars: the ordinary one for police.example and its like in
/// the US, and another for everything else.
fn two_registrars() -> (World, Signer) {
    let mut world = World::new();
    let other = signer("other-registrar.example", 58);
    let of = |key: &Signer, names: &[&str], countries: &[&str]| Registrar {
        key: Vkey::new(key.verifier()).unwrap(),
        names: match names {
            [] => Scope::All,
            names => Scope::Of(names.iter().map(|text| name(text)).collect()),
        },
        countries: match countries {
            [] => Scope::All,
            countries => Scope::Of(countries.iter().map(|code| Country::new(code).unwrap()).collect()),
        },
    };
    let registrars = Vec::from([
        of(&registrar(), &["police.example", "relay.example"], &["US"]),
        of(&other, &["sheriff.example"], &[]),
    ]);
    let next = world.rules.clone().with_registrars(registrars).unwrap().after(&world.rules.hash());
    world.publish(&next);
    assert_eq!(world.register.rules(), Some(&next));
    world.rules = next;
    (world, other)
}

#[test]
fn entries_are_taken_in_order_and_noise_changes_nothing() {
    let mut register = Register::new(policy().stamp_keys());
    assert_eq!(register.fold(1, b"x").unwrap_err(), OutOfOrder { got: 1, size: 0 });
    for (index, noise) in (0..).zip([&b""[..], b"noise", &[0xff; 100], b"candor grant v1\n\n"]) {
        assert!(register.fold(index, noise).unwrap().is_none());
    }
    assert_eq!(register.size(), 4);
    assert_eq!(register.fold(0, b"again").unwrap_err(), OutOfOrder { got: 0, size: 4 });
}

#[test]
fn without_the_log_s_own_stamp_or_with_an_earlier_one_a_leaf_counts_nowhere() {
    let (mut world, index) = requested();
    let signed = Signed::sign(grant(&world, index, "trustee1.example"), &[&trustee(1)]).unwrap();
    let bytes = signed.entry_bytes();
    assert!(fold_entry(&mut world, bytes).is_none(), "no stamp");
    let foreign = tlog::stamp::stamp(
        &signer("other-log.example", 3),
        tlog::note::UnverifiedNote::parse(bytes).unwrap(),
        world.time,
    );
    assert!(fold_entry(&mut world, &foreign.unwrap().encode()).is_none(), "another log's stamp");
    assert!(fold_entry(&mut world, &stamped(bytes, NOW - 1)).is_none(), "a stamp that goes back");
    assert!(world.register.request(index).unwrap().grants.is_empty());
    assert_eq!(fold_entry(&mut world, &stamped(bytes, NOW)).unwrap().weight, Weight::Counts);
}

#[test]
fn a_request_counts_with_the_keys_that_were_registered_before_it() {
    let (world, index) = requested();
    let request = world.register.request(index).unwrap();
    assert!(request.authorised);
    assert_eq!((request.stamp, request.needs), (Seconds(NOW), 3));
    assert_eq!(world.register.owner_of(&request.id), Some(index));
    assert_eq!(world.register.requests_before(index).count(), 0);
    assert_eq!(world.register.requests_before(index + 1).count(), 1);
}

/// Ten copies of a logged emergency, each with one more line, used up every quota.
#[test]
fn one_more_signature_line_makes_no_other_request() {
    let mut world = World::new();
    let package = world.ordinary();
    let index = world.register.size() - 1;
    let leaf = Signed::<Request>::parse(&package.leaf).unwrap();
    let copies: Vec<_> = (0..10u8)
        .map(|n| {
            let signers =
                [officer(), supervisor(), sponsor(), signer(&std::format!("copy{n}.example"), 100 + n)];
            let copy = Signed::sign(leaf.value().clone(), &signers.each_ref()).unwrap();
            stamped(copy.entry_bytes(), NOW)
        })
        .collect();
    for copy in copies {
        assert_eq!(fold_entry(&mut world, &copy).unwrap().weight, Weight::Repeated);
    }
    let after = world.register.size();
    assert_eq!(world.register.requests_before(after).count(), 1);
    assert_eq!(world.register.owner_of(&leaf.value().id), Some(index));
}

#[test]
fn a_request_with_another_line_waits_for_the_one_that_has_none() {
    let mut world = World::new();
    let mut ask = world.ask(Kind::Emergency);
    ask.signers.push(signer("stranger.example", 98));
    world.log_request(&ask);
    let early = world.register.size() - 1;
    assert!(!world.register.request(early).unwrap().authorised);
    ask.signers.pop();
    world.log_request(&ask);
    assert_eq!(world.register.owner_of(&ask.id), Some(early + 1));
    // The order of the lines is that of the roles.
    for swapped in [[1, 0, 2], [2, 0, 1], [0, 2, 1]] {
        let mut ask = world.ask(Kind::Emergency);
        ask.id = EntryId([swapped[0]; 16]);
        let mut signers: Vec<_> = ask.signers.into_iter().map(Some).collect();
        ask.signers = swapped.iter().map(|at| signers[usize::from(*at)].take().unwrap()).collect();
        world.log_request(&ask);
        assert_eq!(world.register.owner_of(&ask.id), None, "{swapped:?}");
    }
}

#[test]
fn only_the_trustee_s_own_grant_of_this_very_request_counts() {
    let (mut world, index) = requested();
    let ordinary = grant(&world, index, "trustee1.example");
    let forged = signer("trustee1.example", 99);
    let stranger = signer("nobody.example", 98);
    let bad: [(Grant, &[&Signer], Weight); 7] = [
        (ordinary.clone(), &[&forged], Weight::Unknown),
        (Grant { trustee: name("trustee2.example"), ..ordinary.clone() }, &[&trustee(1)], Weight::Unknown),
        (Grant { trustee: name("nobody.example"), ..ordinary.clone() }, &[&stranger], Weight::Unknown),
        (Grant { epochs: 4, ..ordinary.clone() }, &[&trustee(1), &stranger], Weight::Unknown),
        (Grant { request_index: index - 1, ..ordinary.clone() }, &[&trustee(1)], Weight::Dangling),
        (Grant { request: Hash([1; 32]), ..ordinary.clone() }, &[&trustee(1)], Weight::Dangling),
        (Grant { id: EntryId([1; 16]), ..ordinary.clone() }, &[&trustee(1)], Weight::Dangling),
    ];
    for (leaf, by, weight) in bad {
        assert_eq!(fold(&mut world, leaf, by), weight);
    }
    assert!(world.register.request(index).unwrap().grants.is_empty());
    assert_eq!(world.register.owner_of(&EntryId([1; 16])), None);

    let first = world.register.size();
    assert_eq!(fold(&mut world, ordinary.clone(), &[&trustee(1)]), Weight::Counts);
    let again = fold(&mut world, Grant { time: Seconds(NOW + 1), ..ordinary }, &[&trustee(1)]);
    assert_eq!(again, Weight::Repeated);
    let grants: Vec<_> = world.register.request(index).unwrap().grants.iter().collect();
    assert_eq!(grants, [(&name("trustee1.example"), &first)]);
}

/// Trustees were whoever said so first: they set the register's clock, granted, and squatted names.
#[test]
fn who_declares_itself_a_trustee_is_none() {
    let mut world = World::with(&Setup { without: "day-keys", ..Setup::default() });
    let mut ask = world.ask(Kind::Emergency);
    drop(ask.signers.remove(0));
    world.log_request(&ask);
    let index = world.register.size() - 1;
    let day = Seconds(NOW).day().0;
    for (by, key) in [
        ("nobody.example", signer("nobody.example", 98)),
        ("trustee1.example", signer("trustee1.example", 99)),
    ] {
        let published = DayKeysLeaf {
            trustee: name(by),
            vkey: Vkey::new(key.verifier()).unwrap(),
            day,
            key_id: Hash([2; 32]),
            keys: Hash([0; 32]),
            destroy_by: Seconds(NOW + 40 * DAY),
            time: Seconds(i64::MAX as u64),
        };
        assert_eq!(fold(&mut world, published, &[&key]), Weight::Unknown);
        let granted = grant(&world, index, by);
        assert_eq!(fold(&mut world, granted, &[&key]), Weight::Unknown);
        assert!(world.register.day_keys_of(&key.verifier()).is_empty());
    }
    assert_eq!(world.register.owner_of(&ask.id), None, "nobody granted it");
    // The true one's name was not taken: its key and its grant count.
    let (true_one, time) = (trustee(1), Seconds(NOW));
    let vkey = Vkey::new(true_one.verifier()).unwrap();
    let (keys, key_id, destroy_by) = (Hash([0; 32]), Hash([3; 32]), Seconds(NOW + 40 * DAY));
    let own = DayKeysLeaf { trustee: name("trustee1.example"), vkey, day, key_id, keys, destroy_by, time };
    assert_eq!(fold(&mut world, own, &[&true_one]), Weight::Counts);
    assert_eq!(world.register.day_keys_of(&true_one.verifier())[&day][0].key_id, Hash([3; 32]));
    let granted = grant(&world, index, "trustee1.example");
    assert_eq!(fold(&mut world, granted, &[&true_one]), Weight::Counts);
}

#[test]
fn refusals_and_bad_shares_are_their_trustee_s() {
    let (mut world, index) = requested();
    let Grant { id, trustee: by, request_index, request, time, .. } =
        grant(&world, index, "trustee1.example");
    let [step, reason] = ["g7", "agency-quota"].map(|word| Word::new(word).unwrap());
    let refusal = RefusalLeaf { id, trustee: by.clone(), request_index, request, step, reason, time };
    let bad = ShareBad { id, trustee: by, request_index, request, evidence: Hash([0; 32]), time };
    assert_eq!(fold(&mut world, refusal.clone(), &[&trustee(2)]), Weight::Unknown);
    assert_eq!(fold(&mut world, bad.clone(), &[&trustee(2)]), Weight::Unknown);
    assert_eq!(fold(&mut world, refusal.clone(), &[&trustee(1)]), Weight::Counts);
    assert_eq!(fold(&mut world, bad, &[&trustee(1)]), Weight::Counts);
    assert_eq!(fold(&mut world, refusal, &[&trustee(1)]), Weight::Repeated);
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
    assert_eq!(world.register.requests_before(owner + 9).count(), 1, "the second of the id does not count");
}

/// A court's word about the request at this place.
fn ratification(world: &World, index: u64, id: u8) -> Ratification {
    Ratification {
        id: EntryId([id; 16]),
        court: name("court.example"),
        request_index: index,
        request: world.register.request(index).unwrap().hash,
        document: Hash([0; 32]),
        time: Seconds(NOW),
    }
}

#[test]
fn a_court_ratifies_what_was_granted_and_the_asker_nothing() {
    let (mut world, index) = requested();
    let leaf = |world: &World, id| ratification(world, index, id);
    let ratified = |world: &World| world.register.request(index).unwrap().ratified_at;
    // Refused, or not decided yet: there is nothing to confirm.
    let early = leaf(&world, 1);
    assert_eq!(fold(&mut world, early, &[&court(), &sponsor()]), Weight::Dangling);
    let granted = grant(&world, index, "trustee1.example");
    fold(&mut world, granted, &[&trustee(1)]);
    for signers in [
        &[&sponsor()][..],
        &[&officer(), &sponsor()],
        &[&court()],
        &[&court(), &officer()],
        &[&sponsor(), &court()],
        &[&court(), &sponsor(), &officer()],
    ] {
        let leaf = leaf(&world, 2);
        assert_eq!(fold(&mut world, leaf, signers), Weight::Unsigned);
    }
    let other = Ratification { request: Hash([9; 32]), ..leaf(&world, 3) };
    assert_eq!(fold(&mut world, other, &[&court(), &sponsor()]), Weight::Dangling);
    let by_asker = Ratification { court: name("police.example"), ..leaf(&world, 3) };
    assert_eq!(fold(&mut world, by_asker, &[&officer(), &sponsor()]), Weight::Unsigned);
    assert_eq!(ratified(&world), None);
    world.time += 5;
    let good = leaf(&world, 4);
    assert_eq!(fold(&mut world, good, &[&court(), &sponsor()]), Weight::Counts);
    world.time += 5;
    let second = leaf(&world, 5);
    assert_eq!(fold(&mut world, second, &[&court(), &sponsor()]), Weight::Repeated);
    assert_eq!(ratified(&world), Some(Seconds(NOW + 5)), "by its stamp");
}

/// What nobody granted cannot be confirmed; when it is granted after all, the court says so anew.
#[test]
fn a_ratification_before_the_first_grant_counts_nowhere_and_another_one_behind_it_does() {
    let (mut world, index) = requested();
    let leaf = |world: &World, id| ratification(world, index, id);
    let early = leaf(&world, 1);
    assert_eq!(fold(&mut world, early.clone(), &[&court(), &sponsor()]), Weight::Dangling);
    let granted = grant(&world, index, "trustee1.example");
    fold(&mut world, granted, &[&trustee(1)]);
    assert_eq!(world.register.request(index).unwrap().ratified_at, None, "the grant revives nothing");
    world.time += 5;
    let anew = leaf(&world, 2);
    assert_eq!(fold(&mut world, anew, &[&court(), &sponsor()]), Weight::Counts);
    assert_eq!(world.register.request(index).unwrap().ratified_at, Some(Seconds(NOW + 5)));
}

#[test]
fn a_veto_is_its_device_s_and_any_sponsor_carries_it() {
    let mut world = World::new();
    let ask = world.ask(Kind::Recovery);
    let package = world.log_request(&ask);
    let index = world.register.size() - 1;
    let hash = Signed::<Request>::parse(&package.leaf).unwrap().hash();
    let leaf = |key: &Signer, id| Veto {
        id: EntryId([id; 16]),
        device: Vkey::new(key.verifier()).unwrap(),
        request_index: index,
        request: hash,
        time: Seconds(NOW),
    };
    let stranger = signer("device", 97);
    assert_eq!(fold(&mut world, leaf(&device(), 1), &[&sponsor()]), Weight::Unsigned);
    assert_eq!(fold(&mut world, leaf(&device(), 1), &[&stranger, &sponsor()]), Weight::Unsigned);
    assert_eq!(fold(&mut world, leaf(&device(), 1), &[&device()]), Weight::Unsigned);
    assert!(world.register.request(index).unwrap().vetoed_by.is_empty());
    assert_eq!(fold(&mut world, leaf(&stranger, 2), &[&stranger, &sponsor()]), Weight::Counts);
    assert_eq!(fold(&mut world, leaf(&device(), 3), &[&device(), &sponsor()]), Weight::Counts);
    let ids = [&stranger, &device()].map(|key| DeviceId::of_key(&key.verifier().ed25519_key().unwrap()));
    assert_eq!(world.register.request(index).unwrap().vetoed_by, ids);
}

/// A leaf about the key of the camera's day of the first trustee, under another id and end.
fn day_key(by: &Signer, key_id: Hash, destroy_by: Seconds) -> DayKeysLeaf {
    DayKeysLeaf {
        trustee: name("trustee1.example"),
        vkey: Vkey::new(by.verifier()).unwrap(),
        day: Seconds(NOW).day().0,
        key_id,
        keys: Hash([0; 32]),
        destroy_by,
        time: Seconds(NOW),
    }
}

fn ended(key_id: Hash, reason: KeyEnd) -> KeyDestroyed {
    let day = Seconds(NOW).day().0;
    KeyDestroyed { trustee: name("trustee1.example"), day, key_id, reason, time: Seconds(NOW) }
}

/// The keys of the camera's day, as the log tells what became of them.
fn told(world: &World) -> Vec<(Hash, Option<KeyEnd>)> {
    let (own, day) = (trustee(1).verifier(), Seconds(NOW).day().0);
    let keys = world.register.day_keys_of(&own).remove(&day).unwrap_or_default();
    keys.iter().map(|key| (key.key_id, key.ended)).collect()
}

#[test]
fn a_day_key_is_its_trustee_s_first_and_ends_with_it() {
    let mut world = World::new();
    let kept = Seconds(NOW + 40 * DAY);
    let [(id, None)] = told(&world)[..] else { panic!("published") };
    // The trustee changes its mind, and somebody takes its name: the first key stands.
    let other = day_key(&trustee(1), Hash([1; 32]), kept);
    assert_eq!(fold(&mut world, other.clone(), &[&trustee(1)]), Weight::Repeated);
    let squatter = signer("trustee1.example", 99);
    let squat = day_key(&squatter, Hash([2; 32]), kept);
    assert_eq!(fold(&mut world, squat, &[&squatter]), Weight::Unknown);
    assert_eq!(told(&world), [(id, None)]);
    assert!(world.register.day_keys_of(&squatter.verifier()).is_empty());

    assert_eq!(fold(&mut world, ended(id, KeyEnd::Due), &[&squatter]), Weight::Unknown);
    assert_eq!(fold(&mut world, ended(Hash([1; 32]), KeyEnd::Due), &[&trustee(1)]), Weight::Dangling);
    assert_eq!(told(&world), [(id, None)]);
    assert_eq!(fold(&mut world, ended(id, KeyEnd::Due), &[&trustee(1)]), Weight::Counts);
    assert_eq!(told(&world), [(id, Some(KeyEnd::Due))]);
    // What was destroyed in its time is followed by none, and is not lost afterwards.
    assert_eq!(fold(&mut world, ended(id, KeyEnd::Lost), &[&trustee(1)]), Weight::Repeated);
    let again = DayKeysLeaf { time: Seconds(NOW + 1), ..other };
    assert_eq!(fold(&mut world, again, &[&trustee(1)]), Weight::Repeated);
}

#[test]
fn a_trustee_has_one_key_of_a_day_at_a_time_and_a_second_only_once_the_first_is_lost_in_the_log() {
    let mut world = World::new();
    let kept = Seconds(NOW + 40 * DAY);
    let [(first, None)] = told(&world)[..] else { panic!("published") };
    let second = day_key(&trustee(1), Hash([1; 32]), kept);
    assert_eq!(fold(&mut world, second.clone(), &[&trustee(1)]), Weight::Repeated);
    assert_eq!(fold(&mut world, ended(first, KeyEnd::Lost), &[&trustee(1)]), Weight::Counts);
    assert_eq!(told(&world), [(first, Some(KeyEnd::Lost))]);
    // The lost one again is no second one.
    assert_eq!(fold(&mut world, day_key(&trustee(1), first, kept), &[&trustee(1)]), Weight::Repeated);
    assert_eq!(fold(&mut world, second, &[&trustee(1)]), Weight::Counts);
    assert_eq!(told(&world), [(first, Some(KeyEnd::Lost)), (Hash([1; 32]), None)]);
    let third = day_key(&trustee(1), Hash([2; 32]), kept);
    assert_eq!(fold(&mut world, third, &[&trustee(1)]), Weight::Repeated);
}

/// The figure stood in the rules, and nobody asked for it.
#[test]
fn a_key_that_its_trustee_would_keep_longer_than_the_rules_allow_counts_nowhere() {
    let mut world = World::with(&Setup { without: "day-keys", ..Setup::default() });
    let over = Day(Seconds(NOW).day().0 + 1).start();
    let most = over.after(Duration::from_secs(world.rules.figures().day_key_max_secs));
    for (n, destroy_by) in
        (1u8..).zip([Seconds(most.0 + 1), Seconds(over.0 - 1), Seconds(0), Seconds(i64::MAX as u64)])
    {
        let leaf = day_key(&trustee(1), Hash([n; 32]), destroy_by);
        assert_eq!(fold(&mut world, leaf, &[&trustee(1)]), Weight::Unsigned, "{destroy_by:?}");
    }
    assert_eq!(told(&world), []);
    assert_eq!(fold(&mut world, day_key(&trustee(1), Hash([9; 32]), most), &[&trustee(1)]), Weight::Counts);
    let keys = world.register.day_keys().filter(|(_, key)| key.trustee == name("trustee1.example"));
    assert_eq!(keys.map(|(_, key)| key.destroy_by).collect::<Vec<_>>(), [most]);
}

/// A new PolicyDoc made history anew: quotas, suspensions and last year's count.
#[test]
fn rules_follow_each_other_and_nothing_starts_anew() {
    let (mut world, index) = requested();
    let (first, hash) = (world.rules.clone(), world.rules.hash());
    let leaf = |rules: &PolicyDoc| PolicyDocLeaf {
        operator: name("candor.example"),
        document: Bytes(rules.encode()),
        time: Seconds(NOW),
    };
    let mallory = signer("mallory.example", 97);
    let squat = PolicyDocLeaf { operator: name("mallory.example"), ..leaf(&first) };
    assert_eq!(fold(&mut world, squat, &[&mallory]), Weight::Unsigned);
    let figures = crate::policy::Figures { emergency_camera_max: 9, ..*first.figures() };
    let next = first.clone().with_figures(figures);
    for (rules, by) in [
        (next.clone(), operator()),
        (next.clone().after(&Hash([7; 32])), operator()),
        (next.clone().after(&hash), signer("candor.example", 99)),
        (next.clone().after(&hash), mallory),
    ] {
        assert_eq!(fold(&mut world, leaf(&rules), &[&by]), Weight::Unsigned);
    }
    assert_eq!(world.register.rules(), Some(&first));
    let place = world.register.size();
    let next = next.after(&hash);
    assert_eq!(fold(&mut world, leaf(&next), &[&operator()]), Weight::Counts);
    assert_eq!((world.register.rules(), world.register.rules_at(place)), (Some(&next), Some(&first)));
    assert_eq!(world.register.rules_at(place + 1), Some(&next));
    assert_eq!((world.register.rules_at(0), world.register.rules_of(&hash)), (None, Some(&first)));
    assert_eq!(world.register.rules_of(&Hash([7; 32])), None);
    // What was asked under the old ones was asked.
    assert!(world.register.request(index).unwrap().authorised);
    assert_eq!(world.register.requests_before(place).count(), 1);
}
