use super::*;
use crate::world_for_tests::{name, signer};
use seal::hpke::SecretKey;
use tlog::Entry as _;

fn key() -> DayKey {
    DayKey {
        trustee: name("bar.example"),
        day: Day(20_780),
        public: SecretKey::new([1; 32]).public(),
        destroy_by: Seconds(1_798_761_600),
    }
}

#[test]
fn a_day_key_round_trips_under_its_trustee_s_signature() {
    let trustee = signer("bar.example", 1);
    let note = key().sign(&trustee).unwrap();
    let read = DayKey::decode_verified(note.entry_bytes(), &trustee.verifier(), Day(20_780)).unwrap();
    assert_eq!(read, key());
    assert_eq!(read.id(), Hash::of(&[b"candor day key\0", &key().public]));
}

#[test]
fn others_keys_and_other_days_are_refused() {
    let (trustee, other) = (signer("bar.example", 1), signer("other.example", 2));
    let note = key().sign(&trustee).unwrap();
    let read = |bytes: &[u8], by: &Signer, day| DayKey::decode_verified(bytes, &by.verifier(), Day(day));
    assert_eq!(read(note.entry_bytes(), &other, 20_780), Err(DayKeyError::NotSigned));
    assert_eq!(read(note.entry_bytes(), &signer("bar.example", 3), 20_780), Err(DayKeyError::NotSigned));
    assert_eq!(read(note.entry_bytes(), &trustee, 20_781), Err(DayKeyError::WrongDay));
    // Signed by another under this trustee's name in the text.
    let foreign = key().sign(&other).unwrap();
    assert_eq!(read(foreign.entry_bytes(), &other, 20_780), Err(DayKeyError::NotSigned));
    assert_eq!(read(foreign.entry_bytes(), &trustee, 20_780), Err(DayKeyError::NotSigned));
}

#[test]
fn a_key_that_is_kept_longer_than_the_owner_agreed_to_is_refused() {
    let over = Day(20_781).start();
    for (destroy_by, fits) in
        [(over.0 - 1, false), (over.0, true), (over.0 + 500, true), (over.0 + 501, false)]
    {
        let key = DayKey { destroy_by: Seconds(destroy_by), ..key() };
        let expected = if fits { Ok(key.clone()) } else { Err(DayKeyError::KeptTooLong) };
        assert_eq!(key.kept_within(500), expected, "{destroy_by}");
    }
}

#[test]
fn a_key_of_another_length_is_no_day_key() {
    for length in [0, 32, PUBLIC_BYTES - 1, PUBLIC_BYTES + 1] {
        let short = DayKey { public: alloc::vec![1; length], ..key() };
        assert_eq!(DayKey::parse_text(&short.text()), Err(TextError::BadValue("key")));
    }
    assert!(DayKey::parse_text(&key().text().replace("day-key v1", "day-key v2")).is_err());
    assert!(DayKey::parse_text(&(key().text() + "note 1\n")).is_err());
}

#[test]
fn a_published_key_is_believed_with_its_leaf_in_the_log_and_not_without() {
    let mut world = crate::world_for_tests::World::new();
    let signer = crate::world_for_tests::trustee(1);
    let another = crate::world_for_tests::signer(signer.name(), 77);
    let key = DayKey { trustee: name(signer.name()), ..key() };
    let note = key.clone().sign(&signer).unwrap().entry_bytes().to_vec();
    let (vkey, day) = (crate::record::Vkey::new(signer.verifier()).unwrap(), key.day);
    let said = DayKeysLeaf {
        trustee: key.trustee.clone(),
        vkey,
        day: day.0,
        key_id: key.id(),
        keys: Hash::of(&[&note]),
        destroy_by: key.destroy_by,
        time: Seconds(1),
    };
    let mut published = |said: &DayKeysLeaf, by: &[&Signer]| {
        let leaf = Signed::sign(said.clone(), by).unwrap();
        let (index, leaf) = world.add(&leaf);
        let leaf = leaf.entry_bytes().to_vec();
        let proof = world.log.proof(index, 4, world.time).encode();
        PublishedDayKey { note: note.clone(), leaf, proof }
    };
    let good = published(&said, &[&signer]);
    let others = [
        published(&DayKeysLeaf { key_id: Hash([1; 32]), ..said.clone() }, &[&signer]),
        published(&DayKeysLeaf { day: day.0 + 1, ..said.clone() }, &[&signer]),
        published(&DayKeysLeaf { keys: Hash([1; 32]), ..said.clone() }, &[&signer]),
        // To be destroyed at another time than the key's note says.
        published(&DayKeysLeaf { destroy_by: Seconds(1_798_761_601), ..said.clone() }, &[&signer]),
        // What counts nowhere in the log: another line, or another key stated as the trustee's.
        published(&said, &[&signer, &another]),
        published(
            &DayKeysLeaf { vkey: crate::record::Vkey::new(another.verifier()).unwrap(), ..said.clone() },
            &[&signer],
        ),
    ];
    let read = |published: &PublishedDayKey| {
        PublishedDayKey::decode_verified(&published.encode(), &signer.verifier(), day, &world.log_policy)
    };
    let place = TlogProof::parse(&good.proof).unwrap().index();
    assert_eq!(read(&good), Ok((good.clone(), key, place)));
    for other in others {
        assert_eq!(read(&other), Err(DayKeyError::WrongLeaf));
    }
    // Signed by the trustee, and never logged: a key for one camera alone would be such a one.
    let unlogged = PublishedDayKey { proof: world.log.proof(0, 4, world.time).encode(), ..good };
    assert!(matches!(read(&unlogged), Err(DayKeyError::NotLogged(_))));
}
