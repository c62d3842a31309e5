use super::*;
use crate::record::{DETAILS_TAG_BYTES, LINE_MAX_BYTES, Record};
use crate::world_for_tests::World;
use std::vec::Vec;

const KINDS: [Kind; 4] = [Kind::Emergency, Kind::Legal, Kind::Recovery, Kind::OwnerShare];

fn key() -> NoticeKey {
    NoticeKey::new([1; 32])
}

const ID: EntryId = EntryId([2; 16]);

#[test]
fn details_of_every_kind_round_trip_sealed() {
    let world = World::new();
    for kind in KINDS {
        let details = world.ask(kind).details;
        assert!(details.is_complete_for(kind));
        let sealed = details.seal(&key(), &ID).unwrap();
        assert_eq!(sealed.as_bytes().len(), 1024 + DETAILS_TAG_BYTES);
        assert_eq!(Details::open(&sealed, &key(), &ID), Ok(details));
    }
}

#[test]
fn other_keys_and_ids_open_nothing() {
    let details = World::new().ask(Kind::Legal).details;
    let sealed = details.seal(&key(), &ID).unwrap();
    assert_eq!(Details::open(&sealed, &NoticeKey::new([9; 32]), &ID), Err(DetailsError::CannotOpen));
    assert_eq!(Details::open(&sealed, &key(), &EntryId([9; 16])), Err(DetailsError::CannotOpen));
    for at in [0, 500, 1039] {
        let mut altered = sealed.as_bytes().to_vec();
        altered[at] ^= 1;
        let altered = SealedDetails::new(altered).unwrap();
        assert_eq!(Details::open(&altered, &key(), &ID), Err(DetailsError::CannotOpen));
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
        details.seal(&key(), &ID).map(|sealed| sealed.as_bytes().len() - DETAILS_TAG_BYTES)
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
        let sealed = SealedDetails::new(key().seal_details(ID.as_bytes(), &padded)).unwrap();
        Details::open(&sealed, &key(), &ID)
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
