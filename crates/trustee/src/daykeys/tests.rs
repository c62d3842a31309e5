use super::*;

const TODAY: u32 = 20_000;
const DAY: Duration = Duration::from_secs(86_400);
const NOW: Seconds = Seconds(TODAY as u64 * 86_400 + 3600);
/// Some key of a day, by the log's word.
const LOGGED: Published = Published::Key(Hash([1; 32]));
const TERMS: Terms = Terms { retention_days: 30, days_ahead: 2 };

fn trustee() -> Signer {
    Signer::from_seed("bar.example", &[3; 32]).unwrap()
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(DAYS)).unwrap();
    dir
}

fn open(dir: &tempfile::TempDir) -> DayKeys {
    DayKeys::open(dir.path(), Name::new("bar.example").unwrap(), TERMS, Rng::system()).unwrap()
}

/// The note that cameras are shown.
fn note(keys: &DayKeys, day: u32) -> Vec<u8> {
    let published: PublishedDayKey =
        media::codec::decode(escrow::daykeys::TYPE, &keys.published(day).unwrap().unwrap()).unwrap();
    assert_eq!(published.proof, b"proof");
    published.note
}

fn nothing(_: u32) -> Published {
    Published::Nothing
}

fn days(keys: &DayKeys, state: DayState) -> Vec<u32> {
    keys.states().into_iter().filter(|(_, found)| *found == state).map(|(day, _)| day).collect()
}

/// Tends as the work loop does, with a log that proves everything.
fn tend_and_prove(keys: &DayKeys, now: Seconds, announced: &dyn Fn(u32) -> Published) -> Vec<Vec<u8>> {
    keys.destroy(now, &trustee()).unwrap();
    let due = keys.tend(now, &trustee(), announced).unwrap();
    due.iter().for_each(|due| keys.keep_proof(due, &due.leaf, b"proof").unwrap());
    due.into_iter().map(|due| due.leaf).collect()
}

#[test]
fn keys_are_made_days_ahead_and_shown_only_once_their_leaf_is_logged() {
    let dir = folder();
    let keys = open(&dir);
    let due = keys.tend(NOW, &trustee(), &nothing).unwrap();
    assert_eq!(days(&keys, DayState::Made), [TODAY, TODAY + 1, TODAY + 2]);
    assert_eq!(keys.published(TODAY).unwrap(), None);
    // The log is down: the same leaves again, also after a restart.
    let again = open(&dir).tend(NOW.after(Duration::from_secs(60)), &trustee(), &nothing).unwrap();
    let leaves = |due: &[Due]| due.iter().map(|due| due.leaf.clone()).collect::<Vec<_>>();
    assert_eq!(leaves(&again), leaves(&due));
    keys.keep_proof(&due[0], b"the entry", b"proof").unwrap();
    let note = note(&keys, TODAY);
    assert_eq!(keys.published(TODAY + 1).unwrap(), None);

    let key = DayKey::decode_verified(&note, &trustee().verifier(), Day(TODAY)).unwrap();
    let leaf = Signed::<DayKeysLeaf>::parse(&due[0].leaf).unwrap();
    assert!(leaf.is_signed_by(&trustee().verifier()));
    assert_eq!((leaf.value().key_id, leaf.value().keys), (key.id(), Hash::of(&[&note])));
    assert_eq!(keys.secret(Day(TODAY), &key.id()).unwrap().unwrap().public(), key.public);
    assert!(keys.secret(Day(TODAY), &Hash([0; 32])).unwrap().is_none());
    assert!(keys.secret(Day(TODAY + 1), &key.id()).unwrap().is_none());
    assert!(keys.secret(Day(1), &key.id()).unwrap().is_none());
}

#[test]
fn a_key_lives_through_its_retention_and_seven_days_and_not_a_day_longer() {
    let dir = folder();
    let keys = open(&dir);
    tend_and_prove(&keys, NOW, &nothing);
    let note = note(&keys, TODAY);
    let key = DayKey::decode_verified(&note, &trustee().verifier(), Day(TODAY)).unwrap();
    let known = |day| if day <= TODAY + 2 { LOGGED } else { Published::Nothing };

    let end = Day(TODAY + 1 + 30 + 7).start();
    tend_and_prove(&keys, end.before(Duration::from_secs(1)), &known);
    assert!(keys.secret(Day(TODAY), &key.id()).unwrap().is_some());
    // Removed first, then said: with the log down the key is gone all the same.
    keys.destroy(end, &trustee()).unwrap();
    assert_eq!(key.destroy_by, end);
    assert!(keys.secret(Day(TODAY), &key.id()).unwrap().is_none());
    assert_eq!(days(&keys, DayState::Removed), [TODAY]);
    assert!(!dir.path().join("days").join(format!("{TODAY}.key")).exists());
    let due = keys.tend(end, &trustee(), &known).unwrap();
    let gone: Vec<_> = due.iter().filter_map(|due| Signed::<KeyDestroyed>::parse(&due.leaf).ok()).collect();
    assert_eq!(gone.len(), 1);
    assert_eq!((gone[0].value().day, gone[0].value().key_id), (TODAY, key.id()));
    due.iter().for_each(|due| keys.keep_proof(due, &due.leaf, b"proof").unwrap());
    assert_eq!(days(&keys, DayState::Destroyed), [TODAY]);
    assert_eq!(keys.published(TODAY).unwrap(), None);
    assert_eq!(days(&open(&dir), DayState::Destroyed), [TODAY]);
    // Once is enough.
    let later = keys.tend(end.after(Duration::from_secs(60)), &trustee(), &known).unwrap();
    assert!(later.iter().all(|due| Signed::<KeyDestroyed>::parse(&due.leaf).is_err()));
}

#[test]
fn a_key_goes_at_the_time_that_was_published_whatever_the_configuration_says_since() {
    let dir = folder();
    tend_and_prove(&open(&dir), NOW, &nothing);
    let end = Day(TODAY + 1 + 30 + 7).start();
    for retention_days in [3, 300] {
        let terms = Terms { retention_days, ..TERMS };
        let keys =
            DayKeys::open(dir.path(), Name::new("bar.example").unwrap(), terms, Rng::system()).unwrap();
        keys.destroy(end.before(Duration::from_secs(1)), &trustee()).unwrap();
        assert_eq!(keys.states()[&TODAY], DayState::Published);
        if retention_days == 300 {
            keys.destroy(end, &trustee()).unwrap();
            assert_eq!(keys.states()[&TODAY], DayState::Removed);
        }
    }
}

#[test]
fn after_a_lost_disk_every_day_that_the_log_knows_is_named_and_none_gets_a_second_key() {
    let dir = folder();
    let keys = open(&dir);
    let known = |day| if (TODAY - 40..=TODAY + 1).contains(&day) { LOGGED } else { Published::Nothing };
    tend_and_prove(&keys, NOW, &known);
    assert_eq!(days(&keys, DayState::Lost), (TODAY - 37..=TODAY + 1).collect::<Vec<_>>());
    assert_eq!(days(&keys, DayState::Published), [TODAY + 2]);
    // When their time is over, nobody waits for them any more.
    keys.destroy(Day(TODAY + 1).start(), &trustee()).unwrap();
    assert_eq!(days(&keys, DayState::Lost).first(), Some(&(TODAY - 36)));
}

#[test]
fn after_a_crash_between_any_two_files_the_next_look_goes_on() {
    for cut in ["note", "leaf", "published"] {
        let dir = folder();
        let keys = open(&dir);
        tend_and_prove(&keys, NOW, &nothing);
        let path = |what: &str| dir.path().join("days").join(format!("{TODAY}.{what}"));
        let secret = std::fs::read(path("key")).unwrap();
        for what in ["note", "leaf", "published"].into_iter().skip_while(|what| *what != cut) {
            std::fs::remove_file(path(what)).unwrap();
        }
        let keys = open(&dir);
        tend_and_prove(&keys, NOW, &nothing);
        assert_eq!(keys.states()[&TODAY], DayState::Published, "{cut}");
        assert_eq!(std::fs::read(path("key")).unwrap(), secret, "{cut}: the key was made anew");
    }
    // Between the removal and its leaf.
    let dir = folder();
    let keys = open(&dir);
    tend_and_prove(&keys, NOW, &nothing);
    std::fs::remove_file(dir.path().join("days").join(format!("{TODAY}.key"))).unwrap();
    let keys = open(&dir);
    assert_eq!(keys.states()[&TODAY], DayState::Lost);
    let known = |day| if day <= TODAY + 2 { LOGGED } else { Published::Nothing };
    tend_and_prove(&keys, keys.destroyed_from(TODAY), &known);
    assert_eq!(keys.states()[&TODAY], DayState::Destroyed);
}

#[test]
fn a_restored_folder_makes_no_second_key_and_brings_no_destroyed_one_back() {
    let dir = folder();
    let keys = open(&dir);
    tend_and_prove(&keys, NOW, &nothing);
    // The log knows of tomorrow's tomorrow's morrow; this folder is older.
    let ahead = |day| if day <= TODAY + 3 { LOGGED } else { Published::Nothing };
    tend_and_prove(&keys, NOW.after(DAY), &ahead);
    assert_eq!(keys.states()[&(TODAY + 3)], DayState::Lost);
    assert!(!dir.path().join("days").join(format!("{}.key", TODAY + 3)).exists());

    let destroyed = |day| if day == TODAY { Published::Destroyed } else { LOGGED };
    tend_and_prove(&keys, NOW.after(DAY), &destroyed);
    assert!(!dir.path().join("days").join(format!("{TODAY}.key")).exists());
    assert_ne!(keys.states()[&TODAY], DayState::Published);
}

#[test]
fn private_keys_are_closed_files_and_garbage_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = folder();
    let keys = open(&dir);
    tend_and_prove(&keys, NOW, &nothing);
    let path = dir.path().join("days").join(format!("{TODAY}.key"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::write(&path, b"CANDOR+SECRET+day-key+AAAA\n").unwrap();
    assert!(matches!(keys.secret(Day(TODAY), &Hash([0; 32])), Err(DayKeyError::Malformed { .. })));
    std::fs::write(&path, [0xff; 40]).unwrap();
    assert!(matches!(keys.secret(Day(TODAY), &Hash([0; 32])), Err(DayKeyError::Secret(_))));
    assert!(
        DayKeys::open(&dir.path().join("none"), Name::new("bar.example").unwrap(), TERMS, Rng::system())
            .is_err()
    );
}
