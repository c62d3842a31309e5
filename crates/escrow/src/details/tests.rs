use super::*;
use crate::record::{DETAILS_TAG_BYTES, LINE_MAX_BYTES, Record};
use crate::world_for_tests::{Rng, World};
use rand_core::SeedableRng as _;
use std::vec::Vec;

const KINDS: [Kind; 4] = [Kind::Emergency, Kind::Legal, Kind::Recovery, Kind::OwnerShare];

const ID: EntryId = EntryId([2; 16]);

fn key() -> DetailsKey {
    DetailsKey::new([1; 32])
}

fn audit() -> SecretKey {
    SecretKey::new([3; 32])
}

fn sealed(details: &Details, draw: u64) -> Result<Sealed, DetailsError> {
    details.seal(&audit().public(), &ID, &mut Rng::seed_from_u64(draw))
}

#[test]
fn details_of_every_kind_round_trip_sealed() {
    let world = World::new();
    for kind in KINDS {
        let details = world.ask(kind).details;
        assert!(details.is_complete_for(kind));
        let sealed = sealed(&details, 1).unwrap();
        assert_eq!(sealed.details.as_bytes().len(), 1024 + DETAILS_TAG_BYTES);
        assert_eq!(Details::open(&sealed.details, &sealed.key), Ok(details));
    }
}

#[test]
fn other_keys_open_nothing() {
    let sealed = sealed(&World::new().ask(Kind::Legal).details, 1).unwrap();
    assert_eq!(Details::open(&sealed.details, &key()), Err(DetailsError::CannotOpen));
    for at in [0, 500, 1039] {
        let mut altered = sealed.details.as_bytes().to_vec();
        altered[at] ^= 1;
        let altered = SealedDetails::new(altered).unwrap();
        assert_eq!(Details::open(&altered, &sealed.key), Err(DetailsError::CannotOpen));
    }
}

#[test]
fn two_drafts_of_one_id_are_no_two_time_pad() {
    let world = World::new();
    let (one, other) = (world.ask(Kind::Legal).details, world.ask(Kind::Emergency).details);
    let (a, b) = (sealed(&one, 1).unwrap(), sealed(&other, 2).unwrap());
    // Under one key stream the sum of the sealed texts is the sum of the texts: what one draft says
    // would tell what the other one does.
    let sum = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| a ^ b).collect::<Vec<u8>>();
    let texts = sum(one.text().as_bytes(), other.text().as_bytes());
    let sealed = sum(a.details.as_bytes(), b.details.as_bytes());
    assert_ne!(sealed[..texts.len()], texts);
    // Nor is anything left of it where both say the same.
    let same = texts.iter().zip(&sealed).filter(|(text, _)| **text == 0);
    assert!(same.filter(|(_, sealed)| **sealed == 0).count() < texts.len() / 8);
    assert_ne!(a.key, b.key);
}

#[test]
fn a_days_notice_key_finds_leaves_and_reads_none() {
    let mut world = World::new();
    let package = world.ordinary();
    let leaf: crate::record::Signed<Request> = crate::record::Signed::parse(&package.leaf).unwrap();
    let request = leaf.value();
    let keys: Vec<_> = world.camera.days().map(|day| world.camera.notice_key(day)).collect();
    assert!(keys.iter().any(|key| key.label(request.id.as_bytes()) == request.label.0), "it is found");
    for key in keys {
        let key = *key.expose();
        assert_eq!(Details::open(&request.details, &DetailsKey::new(key)), Err(DetailsError::CannotOpen));
        assert_eq!(owner_key(request, &SecretKey::new(key)), Err(DetailsError::CannotOpen));
        assert_eq!(owner_key(request, &seal::details::audit_key(&key)), Err(DetailsError::CannotOpen));
    }
}

#[test]
fn the_owner_reads_what_the_trustees_read_or_nobody_grants() {
    let mut world = World::new();
    let package = world.ordinary();
    let leaf: crate::record::Signed<Request> = crate::record::Signed::parse(&package.leaf).unwrap();
    let (request, audit) = (leaf.value(), world.camera.audit());
    let key = owner_key(request, &audit).unwrap();
    assert_eq!(key, package.details_key);
    assert_eq!(Details::open(&request.details, &key), Ok(world.ask(Kind::Emergency).details));
    assert!(owner_can_read(request, &key, &audit.public()));
    // The key of another leaf, another owner's wrap, and a wrap that was altered.
    assert!(!owner_can_read(request, &DetailsKey::new([1; 32]), &audit.public()));
    assert!(!owner_can_read(request, &key, &SecretKey::new([1; 32]).public()));
    assert!(!owner_can_read(request, &key, &[]));
    for at in [0, 1119, 1120, 1167] {
        let mut altered = request.details_key.as_bytes().to_vec();
        altered[at] ^= 1;
        let altered = Request { details_key: WrappedKey::new(altered).unwrap(), ..request.clone() };
        assert!(!owner_can_read(&altered, &key, &audit.public()), "byte {at}");
    }
}

#[test]
fn each_size_holds_up_to_its_last_byte() {
    let mut details = World::new().ask(Kind::Legal).details;
    let empty = details.text().len() - "a burglary next door".len();
    let mut fill = |total: usize| {
        let lines = [
            &mut details.grounds,
            &mut details.officer,
            &mut details.badge,
            &mut details.supervisor,
            &mut details.case_number,
            &mut details.court,
            &mut details.in_danger,
            &mut details.urgency,
            &mut details.no_order,
            &mut details.purpose,
        ];
        let mut left = total - empty + 200;
        for line in lines {
            let length = left.clamp(2, LINE_MAX_BYTES);
            *line = Line::new(&"x".repeat(length));
            left = left.saturating_sub(length);
        }
        // The first line takes what the others made more or less.
        let (now, own) = (details.text().len(), details.grounds.as_ref().unwrap().as_str().len());
        details.grounds = Line::new(&"x".repeat((own + total).checked_sub(now).unwrap()));
        assert_eq!(details.text().len(), total);
        sealed(&details, 1).map(|sealed| sealed.details.as_bytes().len() - DETAILS_TAG_BYTES)
    };
    assert_eq!(fill(1024), Ok(1024));
    assert_eq!(fill(1025), Ok(4096));
    assert_eq!(fill(4096), Ok(4096));
    assert_eq!(fill(4097), Ok(16_384));
    assert_eq!(fill(16_384), Ok(16_384));
    assert_eq!(fill(16_385), Err(DetailsError::Padding));
}

#[test]
fn padding_is_zeros_to_the_smallest_size() {
    let text = World::new().ask(Kind::Legal).details.text();
    let open = |padded: Vec<u8>| {
        let sealed = SealedDetails::new(key().seal(&padded)).unwrap();
        Details::open(&sealed, &key())
    };
    let padded = |size: usize, fill: u8| {
        let mut bytes = text.clone().into_bytes();
        bytes.resize(size, fill);
        bytes
    };
    assert!(open(padded(1024, 0)).is_ok());
    assert_eq!(open(padded(4096, 0)), Err(DetailsError::Padding));
    assert!(matches!(open(padded(1024, b' ')), Err(DetailsError::Text(_))));
    assert!(matches!(open(std::vec![0; 1024]), Err(DetailsError::Text(_))));
    assert!(matches!(open(std::vec![0xff; 1024]), Err(DetailsError::Text(_))));
}

#[test]
fn lines_show_what_they_say() {
    let long = "x".repeat(LINE_MAX_BYTES);
    for good in ["a", "1182", "naïve – “quoted”, 東京", " indented", "--", long.as_str()] {
        assert!(Line::new(good).is_some(), "{good:?}");
    }
    let too_long = "x".repeat(LINE_MAX_BYTES + 1);
    let bad = [
        "",
        "-",
        "two\nlines",
        "nul\0",
        "tab\t",
        "\u{85}",
        "\u{202e}live",
        "\u{2066}",
        "\u{2028}",
        &too_long,
    ];
    for bad in bad {
        assert!(Line::new(bad).is_none(), "{bad:?}");
    }
}

#[test]
fn an_empty_range_is_refused() {
    let mut details = World::new().ask(Kind::Legal).details;
    details.first_epoch = EpochNo(details.last_epoch.0 + 1);
    assert!(matches!(<Details as Record>::parse_text(&details.text()), Err(TextError::Contradiction(_))));
}

#[test]
fn every_kind_misses_what_it_must_state() {
    let world = World::new();
    type Forget = fn(&mut Details);
    let cases: [(Kind, Forget); 13] = [
        (Kind::Emergency, |details| details.agency = None),
        (Kind::Emergency, |details| details.officer = None),
        (Kind::Emergency, |details| details.badge = None),
        (Kind::Emergency, |details| details.case_number = None),
        (Kind::Emergency, |details| details.supervisor = None),
        (Kind::Emergency, |details| details.in_danger = None),
        (Kind::Emergency, |details| details.urgency = None),
        (Kind::Emergency, |details| details.no_order = None),
        (Kind::Emergency, |details| details.purpose = None),
        (Kind::Legal, |details| details.grounds = None),
        (Kind::Recovery, |details| details.grounds = None),
        (Kind::OwnerShare, |details| details.recipient = None),
        (Kind::OwnerShare, |details| details.agency = Name::new("police.example")),
    ];
    for (kind, forget) in cases {
        let mut details = world.ask(kind).details;
        forget(&mut details);
        assert!(!details.is_complete_for(kind));
    }
}
