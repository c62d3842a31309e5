use super::*;
use crate::book::stored::Base64;
use media::id::CameraId;

fn camera(name: &str, at: u8) -> StoredCamera {
    StoredCamera {
        name: name.to_owned(),
        camera_id: CameraId([at; 32]),
        model: "model".to_owned(),
        enrollment: Base64(vec![1, 2, 3]),
        policies: Vec::new(),
        notice_from: 20_000,
        paired_at: 1,
        welcomed: true,
        replaces: None,
        ignored: Default::default(),
        epochs_checked: std::collections::BTreeMap::new(),
    }
}

#[test]
fn a_change_is_there_for_the_next_command_and_a_failed_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Book::open(dir.path()), Err(BookError::Missing { .. })));
    Book::create(dir.path()).unwrap();
    assert!(matches!(Book::create(dir.path()), Err(BookError::File(DurableError::Exists { .. }))));
    let (one, other) = (Book::open(dir.path()).unwrap(), Book::open(dir.path()).unwrap());
    one.change(|stored| stored.add(camera("door", 1))).unwrap();
    // The other command's view is older, its change is not lost in it.
    other.change(|stored| stored.add(camera("yard", 2))).unwrap();
    let names = |book: &Book| book.latest().cameras.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&other), ["door", "yard"]);
    let failed = one.change(|stored| {
        stored.add(camera("shed", 3))?;
        stored.add(camera("door", 4))
    });
    assert!(matches!(failed, Err(BookError::NameTaken { .. })));
    assert_eq!(names(&Book::open(dir.path()).unwrap()), ["door", "yard"]);
}

#[test]
fn a_pairing_that_never_ended_frees_its_name_and_stays_in_the_book() {
    let mut stored = Stored::default();
    stored.add(StoredCamera { welcomed: false, ..camera("door", 0xab) }).unwrap();
    stored.add(camera("door", 2)).unwrap();
    let names: Vec<_> = stored.cameras.iter().map(|camera| camera.name.as_str()).collect();
    assert_eq!(names, ["door (abababab)", "door"]);
    assert_eq!(stored.camera("door").unwrap().camera_id, CameraId([2; 32]));
}

#[test]
fn names_are_those_a_person_types() {
    for good in [
        "door",
        "front door 2",
        "Straße",
        "a.b-c_d",
        "Anna's room",
        "door & garden",
        "yard (north) [2]",
        "\"the\" <gate>",
        "मुख्य द्वार",
        "玄関",
        "الباب",
        "ประตูหน้า",
        "50 %, #1!",
        // Joiners as their scripts spell, selectors and joiners of emoji, and a wide space.
        "دوربین\u{200c}ها",
        "ക്ഷേത്രം ന്\u{200d}",
        "ශ්\u{200d}රී",
        "❤\u{fe0f} garden",
        "👨\u{200d}👩\u{200d}👧",
        "❤\u{fe0f}\u{200d}🔥",
        "玄関\u{3000}外",
    ] {
        assert!(check_name(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        " ",
        " door",
        "door ",
        "a/b",
        "a\\b",
        "a\nb",
        "..\u{0}",
        "-o",
        "door\u{202e}",
        "door\u{200b}",
        // Another name that looks the same.
        "do\u{200d}or",
        "door\u{fe0f}",
        "\u{200d}",
        "\u{200c}درب",
        "\u{3000}",
        "玄関\u{3000}",
        "دوربین\u{200f}",
        &"x".repeat(65),
    ] {
        assert!(matches!(check_name(bad), Err(BookError::BadName { .. })), "{bad:?}");
    }
}

#[test]
fn a_damaged_book_is_named_and_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    for damaged in ["", "{", "{\"format\":2,\"cameras\":[],\"head\":null,\"own\":[],\"findings\":[]}", "[]"] {
        std::fs::write(path(dir.path()), damaged).unwrap();
        assert!(matches!(Book::open(dir.path()), Err(BookError::Malformed { .. })), "{damaged}");
        assert_eq!(std::fs::read_to_string(path(dir.path())).unwrap(), damaged);
    }
}

#[test]
fn notice_keys_of_every_day_come_from_the_root_that_was_kept() {
    use media::id::Day;
    use seal::notice::NoticeRoot;
    let dir = tempfile::tempdir().unwrap();
    let stored = camera("door", 7);
    let root = NoticeRoot::new([9; 32]);
    notice::keep(dir.path(), &stored.camera_id, Day(20_000), &root).unwrap();
    assert!(notice::keep(dir.path(), &stored.camera_id, Day(20_000), &root).is_err(), "never overwritten");
    let days = notice::camera_days(dir.path(), std::slice::from_ref(&stored), Day(20_002)).unwrap();
    // The pairing day, two more, and tomorrow.
    assert_eq!(days.len(), 4);
    let second = root.next(&stored.camera_id, Day(20_000)).key(&stored.camera_id, Day(20_001));
    assert_eq!(days[1].key.commit(), second.commit());
    assert_eq!(notice::camera_days(dir.path(), std::slice::from_ref(&stored), Day(19_000)).unwrap().len(), 0);
    let other_day = StoredCamera { notice_from: 20_001, ..stored };
    assert!(matches!(notice::camera_days(dir.path(), &[other_day], Day(20_002)), Err(BookError::Secret(_))));
}

#[test]
fn a_name_is_one_cameras_whatever_happens_while_an_invite_is_open() {
    let (mut book, hex) = (Stored::default(), |at: u8| CameraId([at; 32]).to_string());
    let of = |at: u8, name: &str, welcomed, replaces: Option<u8>| StoredCamera {
        camera_id: CameraId([at; 32]),
        welcomed,
        replaces: replaces.map(hex),
        ..camera(name, at)
    };
    book.cameras = vec![of(1, "gate", true, None), of(2, "shed", false, None)];
    // Two invites for new keys of what was `door` when they were made, and is `gate` by now.
    for at in [3, 4] {
        book.add(of(at, &long_name("door", &CameraId([at; 32])), false, Some(1))).unwrap();
    }
    assert!(!book.is_to_be_retired(&book.cameras[0]));
    assert_eq!(book.welcome(&CameraId([3; 32])).unwrap().name, "gate");
    assert!(book.is_to_be_retired(&book.cameras[0]), "its key is still good");
    let late = book.welcome(&CameraId([4; 32])).unwrap().name;
    // A name of a pairing that never ended is free, and not two cameras'.
    book.free("shed").unwrap();
    book.cameras[0].name = "shed".to_owned();
    let mut names: Vec<_> = book.cameras.iter().map(|camera| camera.name.clone()).collect();
    assert!(late.starts_with("door (") && names[2] == "gate", "{names:?}");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 4);
}
