use super::*;

const TODAY: u32 = 20_000;
const DAY: Duration = Duration::from_secs(86_400);
const NOW: Seconds = Seconds(TODAY as u64 * 86_400 + 3600);
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

/// What the log has of the trustee's keys.
#[derive(Default)]
struct Log(BTreeMap<u32, Vec<LoggedKey>>);

impl Log {
    /// With keys of these days that nobody here made.
    fn of(days: impl IntoIterator<Item = u32>) -> Self {
        let key = |day: u32| LoggedKey {
            trustee: Name::new("bar.example").unwrap(),
            vkey: trustee().verifier(),
            key_id: Hash([1; 32]),
            destroy_by: Day(day + 1 + 30 + 7).start(),
            ended: None,
        };
        Self(days.into_iter().map(|day| (day, vec![key(day)])).collect())
    }

    fn word(&self) -> Word<'_> {
        let keys = self.0.iter().map(|(day, keys)| (*day, keys.as_slice())).collect();
        Word { keys, size: 1000, max_secs: Some(8_640_000) }
    }

    /// The log takes a leaf.
    fn add(&mut self, leaf: &[u8]) {
        if let Ok(leaf) = Signed::<DayKeysLeaf>::parse(leaf) {
            let DayKeysLeaf { trustee, day, key_id, destroy_by, .. } = leaf.value().clone();
            let keys = self.0.entry(day).or_default();
            assert!(keys.last().is_none_or(|last| last.ended == Some(KeyEnd::Lost)), "a second live key");
            let vkey = leaf.value().vkey.verifier().clone();
            keys.push(LoggedKey { trustee, vkey, key_id, destroy_by, ended: None });
        } else {
            let said = Signed::<KeyDestroyed>::parse(leaf).unwrap().value().clone();
            let keys = self.0.get_mut(&said.day).unwrap();
            let key = keys.iter_mut().find(|key| key.key_id == said.key_id).unwrap();
            assert_eq!(key.ended.replace(said.reason), None, "said twice");
        }
    }
}

fn days(keys: &DayKeys, state: DayState) -> Vec<u32> {
    keys.states().into_iter().filter(|(_, found)| *found == state).map(|(day, _)| day).collect()
}

/// Tends as the work loop does, with a log that proves everything.
fn tend_and_prove(keys: &DayKeys, now: Seconds, log: &mut Log) -> Vec<Vec<u8>> {
    keys.destroy(now, &trustee()).unwrap();
    let due = keys.tend(now, &trustee(), &log.word()).unwrap();
    for due in &due {
        log.add(&due.leaf);
        keys.keep_proof(due, &due.leaf, b"proof").unwrap();
    }
    due.into_iter().map(|due| due.leaf).collect()
}

#[test]
fn keys_are_made_days_ahead_and_shown_only_once_their_leaf_is_logged() {
    let dir = folder();
    let keys = open(&dir);
    let due = keys.tend(NOW, &trustee(), &Log::default().word()).unwrap();
    assert_eq!(days(&keys, DayState::Made), [TODAY, TODAY + 1, TODAY + 2]);
    assert_eq!(keys.published(TODAY).unwrap(), None);
    // The log is down: the same leaves again, also after a restart.
    let again =
        open(&dir).tend(NOW.after(Duration::from_secs(60)), &trustee(), &Log::default().word()).unwrap();
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
    let mut log = Log::default();
    tend_and_prove(&keys, NOW, &mut log);
    let note = note(&keys, TODAY);
    let key = DayKey::decode_verified(&note, &trustee().verifier(), Day(TODAY)).unwrap();

    let end = Day(TODAY + 1 + 30 + 7).start();
    tend_and_prove(&keys, end.before(Duration::from_secs(1)), &mut log);
    assert!(keys.secret(Day(TODAY), &key.id()).unwrap().is_some());
    // Removed first, then said: with the log down the key is gone all the same.
    keys.destroy(end, &trustee()).unwrap();
    assert_eq!(key.destroy_by, end);
    assert!(keys.secret(Day(TODAY), &key.id()).unwrap().is_none());
    assert_eq!(days(&keys, DayState::Removed), [TODAY]);
    assert!(!dir.path().join("days").join(format!("{TODAY}.key")).exists());
    let due = keys.tend(end, &trustee(), &log.word()).unwrap();
    let gone: Vec<_> = due.iter().filter_map(|due| Signed::<KeyDestroyed>::parse(&due.leaf).ok()).collect();
    assert_eq!(gone.len(), 1);
    assert_eq!((gone[0].value().day, gone[0].value().key_id), (TODAY, key.id()));
    assert_eq!(gone[0].value().reason, KeyEnd::Due);
    for due in &due {
        log.add(&due.leaf);
        keys.keep_proof(due, &due.leaf, b"proof").unwrap();
    }
    assert_eq!(days(&keys, DayState::Destroyed), [TODAY]);
    assert_eq!(keys.published(TODAY).unwrap(), None);
    assert_eq!(days(&open(&dir), DayState::Destroyed), [TODAY]);
    // Once is enough.
    let later = keys.tend(end.after(Duration::from_secs(60)), &trustee(), &log.word()).unwrap();
    assert!(later.iter().all(|due| Signed::<KeyDestroyed>::parse(&due.leaf).is_err()));
}

#[test]
fn a_key_goes_at_the_time_that_was_published_whatever_the_configuration_says_since() {
    let dir = folder();
    tend_and_prove(&open(&dir), NOW, &mut Log::default());
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
    let mut log = Log::of(TODAY - 40..=TODAY + 1);
    tend_and_prove(&keys, NOW, &mut log);
    assert_eq!(days(&keys, DayState::Lost), (TODAY - 37..=TODAY + 1).collect::<Vec<_>>());
    assert_eq!(days(&keys, DayState::Published), [TODAY + 2]);
    // When the time of one is over, nobody waits for it any more: that it was lost is said then.
    assert_eq!(days(&keys, DayState::DeclaredLost), [TODAY - 40, TODAY - 39, TODAY - 38]);
    let said = tend_and_prove(&keys, Day(TODAY + 1).start(), &mut log);
    let said: Vec<_> = said.iter().filter_map(|leaf| Signed::<KeyDestroyed>::parse(leaf).ok()).collect();
    let [said] = &said[..] else { panic!("one leaf") };
    let said = said.value();
    assert_eq!((said.day, said.key_id, said.reason), (TODAY - 37, Hash([1; 32]), KeyEnd::Lost));
    assert_eq!(days(&keys, DayState::Lost).first(), Some(&(TODAY - 36)));
}

#[test]
fn what_a_restored_folder_lacks_is_said_to_be_lost_and_then_a_day_gets_a_second_key_and_no_third() {
    let dir = folder();
    let keys = open(&dir);
    let mut log = Log::of(TODAY - 2..=TODAY + 1);
    std::fs::write(dir.path().join(DAYS).join(RESTORED), b"").unwrap();
    // First it is said, and nothing is made before the log has it.
    let due = keys.tend(NOW, &trustee(), &log.word()).unwrap();
    let again = open(&dir);
    assert_eq!(days(&again, DayState::Removed), [TODAY - 2, TODAY - 1, TODAY, TODAY + 1]);
    assert_eq!(days(&again, DayState::Made), [TODAY + 2], "the log has no key of that day");
    assert_eq!(due.len(), 5);
    tend_and_prove(&again, NOW, &mut log);
    assert_eq!(days(&again, DayState::DeclaredLost), [TODAY - 2, TODAY - 1, TODAY, TODAY + 1]);
    let made = tend_and_prove(&again, NOW, &mut log);
    assert_eq!(made.len(), 2, "of today and tomorrow, and of no day that is over");
    assert_eq!(days(&again, DayState::Published), [TODAY, TODAY + 1, TODAY + 2]);
    assert_eq!(days(&again, DayState::DeclaredLost), [TODAY - 2, TODAY - 1]);
    let second = log.0[&TODAY][1].key_id;
    assert!(again.secret(Day(TODAY), &second).unwrap().is_some());
    // Whoever restored it said so once: what is lost after that is named, and no more.
    assert!(tend_and_prove(&again, NOW, &mut log).is_empty());
    std::fs::remove_file(dir.path().join("days").join(format!("{TODAY}.key"))).unwrap();
    let keys = open(&dir);
    assert!(tend_and_prove(&keys, NOW, &mut log).is_empty());
    assert_eq!(days(&keys, DayState::Lost), [TODAY]);
}

#[test]
fn a_copy_of_a_key_that_was_said_to_be_lost_opens_nothing_any_more() {
    let dir = folder();
    let keys = open(&dir);
    let mut log = Log::default();
    tend_and_prove(&keys, NOW, &mut log);
    let first = log.0[&TODAY][0].key_id;
    let copy: Vec<_> = ["key", "note", "leaf", "published"]
        .map(|what| (what, std::fs::read(dir.path().join("days").join(format!("{TODAY}.{what}"))).unwrap()))
        .into();
    let put_back = || {
        for (what, bytes) in &copy {
            std::fs::write(dir.path().join("days").join(format!("{TODAY}.{what}")), bytes).unwrap();
        }
    };
    for (what, _) in &copy {
        std::fs::remove_file(dir.path().join("days").join(format!("{TODAY}.{what}"))).unwrap();
    }
    std::fs::write(dir.path().join(DAYS).join(RESTORED), b"").unwrap();
    tend_and_prove(&open(&dir), NOW, &mut log);
    // It comes back before the second key is made, and after it.
    for state in [DayState::Published, DayState::Lost] {
        put_back();
        let keys = open(&dir);
        tend_and_prove(&keys, NOW, &mut log);
        assert!(keys.secret(Day(TODAY), &first).unwrap().is_none());
        assert_eq!(keys.states()[&TODAY], state);
        assert_eq!(log.0[&TODAY].len(), 2);
    }
}

#[test]
fn after_a_crash_between_any_two_files_the_next_look_goes_on() {
    for cut in ["note", "leaf", "published"] {
        let dir = folder();
        let keys = open(&dir);
        tend_and_prove(&keys, NOW, &mut Log::default());
        let path = |what: &str| dir.path().join("days").join(format!("{TODAY}.{what}"));
        let secret = std::fs::read(path("key")).unwrap();
        for what in ["note", "leaf", "published"].into_iter().skip_while(|what| *what != cut) {
            std::fs::remove_file(path(what)).unwrap();
        }
        let keys = open(&dir);
        tend_and_prove(&keys, NOW, &mut Log::default());
        assert_eq!(keys.states()[&TODAY], DayState::Published, "{cut}");
        assert_eq!(std::fs::read(path("key")).unwrap(), secret, "{cut}: the key was made anew");
    }
    // Between the removal and its leaf; and without the removal, where it was lost.
    for (removing, ended) in [(true, DayState::Destroyed), (false, DayState::DeclaredLost)] {
        let dir = folder();
        let keys = open(&dir);
        let mut log = Log::default();
        tend_and_prove(&keys, NOW, &mut log);
        let path = |what: &str| dir.path().join("days").join(format!("{TODAY}.{what}"));
        if removing {
            std::fs::write(path("removing"), b"").unwrap();
        }
        std::fs::remove_file(path("key")).unwrap();
        let keys = open(&dir);
        assert_eq!(keys.states()[&TODAY], DayState::Lost);
        tend_and_prove(&keys, keys.destroyed_from(TODAY), &mut log);
        assert_eq!(keys.states()[&TODAY], ended);
    }
}

/// A trustee that served before the rules named it had keys that counted nowhere for ever.
#[test]
fn a_key_that_would_count_nowhere_is_not_announced_and_one_that_does_not_is_served_no_more() {
    let dir = folder();
    let keys = open(&dir);
    let empty = Log::default();
    for max_secs in [None, Some(37 * 86_400 - 1)] {
        assert!(keys.tend(NOW, &trustee(), &Word { max_secs, ..empty.word() }).unwrap().is_empty());
    }
    let due = keys.tend(NOW, &trustee(), &Word { max_secs: Some(37 * 86_400), ..empty.word() }).unwrap();
    assert_eq!(due.len(), 3);
    // It was logged at place 7, and the log that was read to there does not count it.
    let history = stage::paper::History::of(8, "", 0);
    let proof = history.proof(7, stage::paper::NOW).encode();
    keys.keep_proof(&due[0], &due[0].leaf, &proof).unwrap();
    let read_to = |size| Word { size, ..empty.word() };
    keys.tend(NOW, &trustee(), &read_to(7)).unwrap();
    assert_eq!(keys.states()[&TODAY], DayState::Published, "it was not read yet");
    let later = NOW.after(Duration::from_secs(60));
    let again = keys.tend(later, &trustee(), &read_to(8)).unwrap();
    assert_eq!((keys.states()[&TODAY], keys.published(TODAY).unwrap()), (DayState::Made, None));
    let new = again.iter().find(|due| due.day == TODAY).unwrap();
    assert_ne!(new.leaf, due[0].leaf, "the log has the old text already");
    let id = |leaf: &[u8]| Signed::<DayKeysLeaf>::parse(leaf).unwrap().value().key_id;
    assert_eq!(id(&new.leaf), id(&due[0].leaf));
}

#[test]
fn a_file_in_the_place_of_a_key_is_no_key() {
    let dir = folder();
    let keys = open(&dir);
    let mut log = Log::default();
    tend_and_prove(&keys, NOW, &mut log);
    let path = |day: u32| dir.path().join("days").join(format!("{day}.key"));
    std::fs::copy(path(TODAY + 1), path(TODAY)).unwrap();
    std::fs::write(path(TODAY + 2), b"damaged").unwrap();
    let keys = open(&dir);
    assert_eq!(days(&keys, DayState::Lost), [TODAY, TODAY + 2]);
    assert_eq!(keys.published(TODAY).unwrap(), None);
    std::fs::write(dir.path().join(DAYS).join(RESTORED), b"").unwrap();
    tend_and_prove(&keys, NOW, &mut log);
    tend_and_prove(&keys, NOW, &mut log);
    assert_eq!(days(&keys, DayState::Published), [TODAY, TODAY + 1, TODAY + 2]);
    assert_eq!((log.0[&TODAY].len(), log.0[&(TODAY + 2)].len()), (2, 2));
}

/// A backup that was copied back without its modes.
#[test]
fn a_key_that_others_could_read_is_named_and_is_not_taken_for_lost() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = folder();
    let keys = open(&dir);
    let mut log = Log::default();
    tend_and_prove(&keys, NOW, &mut log);
    let path = dir.path().join("days").join(format!("{TODAY}.key"));
    let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    std::fs::write(dir.path().join(DAYS).join(RESTORED), b"").unwrap();
    let keys = open(&dir);
    tend_and_prove(&keys, NOW, &mut log);
    let id = log.0[&TODAY][0].key_id;
    assert!(matches!(keys.secret(Day(TODAY), &id), Err(DayKeyError::Secret(SecretError::Exposed { .. }))));
    assert_eq!((log.0[&TODAY].len(), log.0[&TODAY][0].ended), (1, None));
    mode(0o600);
    assert!(keys.secret(Day(TODAY), &id).unwrap().is_some());
}

#[test]
fn a_restored_folder_makes_no_second_key_and_brings_no_destroyed_one_back() {
    let dir = folder();
    let keys = open(&dir);
    let mut log = Log::default();
    tend_and_prove(&keys, NOW, &mut log);
    // The log knows of tomorrow's tomorrow's morrow; this folder is older.
    log.0.extend(Log::of([TODAY + 3]).0);
    tend_and_prove(&keys, NOW.after(DAY), &mut log);
    assert_eq!(keys.states()[&(TODAY + 3)], DayState::Lost);
    assert!(!dir.path().join("days").join(format!("{}.key", TODAY + 3)).exists());

    log.0.get_mut(&TODAY).unwrap()[0].ended = Some(KeyEnd::Due);
    tend_and_prove(&keys, NOW.after(DAY), &mut log);
    assert!(!dir.path().join("days").join(format!("{TODAY}.key")).exists());
    assert_ne!(keys.states().get(&TODAY), Some(&DayState::Published));
}

#[test]
fn private_keys_are_closed_files_and_garbage_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = folder();
    let keys = open(&dir);
    tend_and_prove(&keys, NOW, &mut Log::default());
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
