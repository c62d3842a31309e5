use super::*;
use escrow::record::Word;

fn refused(name: &str) -> Refused {
    let word = |text| Word::new(text).unwrap();
    Refused { step: word("g7"), name: word(name), text: "no".to_owned(), what_to_do: "nothing".to_owned() }
}

fn fresh() -> (tempfile::TempDir, Ledger) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.redb");
    Ledger::create(&path, "me").unwrap();
    let ledger = Ledger::open(&path, "me").unwrap();
    (dir, ledger)
}

#[test]
fn a_ledger_is_created_once_never_implicitly_and_belongs_to_one_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.redb");
    assert!(matches!(Ledger::open(&path, "me"), Err(LedgerError::Database(DbError::Missing { .. }))));
    assert!(!path.exists());
    Ledger::create(&path, "me").unwrap();
    assert!(matches!(Ledger::create(&path, "me"), Err(LedgerError::Database(DbError::Exists { .. }))));
    assert!(matches!(Ledger::open(&path, "you"), Err(LedgerError::Foreign { owner, .. }) if owner == "me"));
    Ledger::open(&path, "me").unwrap();
    for garbage in [&b""[..], b"torn", &[0; 9000]] {
        let path = dir.path().join("garbage");
        std::fs::write(&path, garbage).unwrap();
        assert!(Ledger::open(&path, "me").is_err(), "{}", garbage.len());
    }
}

#[test]
fn what_is_held_first_stays_and_survives_a_restart() {
    let (dir, ledger) = fresh();
    let (request, id) = (Hash([1; 32]), [7; 16]);
    assert_eq!(ledger.granted(&request).unwrap(), Granted::Not);
    for held in [b"first", b"other"] {
        ledger.hold(&request, &id, held).unwrap();
        assert_eq!(ledger.granted(&request).unwrap(), Granted::Held(b"first".to_vec()));
    }
    // Another leaf of the same id is never granted.
    assert!(matches!(ledger.hold(&Hash([2; 32]), &id, b"third"), Err(LedgerError::IdGranted)));
    assert_eq!(ledger.unproved().unwrap(), [request]);
    drop(ledger);

    let ledger = Ledger::open(&dir.path().join("ledger.redb"), "me").unwrap();
    assert_eq!(ledger.granted(&request).unwrap(), Granted::Held(b"first".to_vec()));
    assert_eq!(ledger.keep_bundle(&request, b"bundle").unwrap(), b"bundle");
    assert_eq!(ledger.keep_bundle(&request, b"other").unwrap(), b"bundle");
    assert_eq!(ledger.unproved().unwrap(), []);
    assert_eq!(ledger.granted(&request).unwrap(), Granted::Bundle(b"bundle".to_vec()));
}

#[test]
fn a_refused_request_may_still_be_granted_but_has_one_leaf() {
    let (_dir, ledger) = fresh();
    let (request, id) = (Hash([1; 32]), [7; 16]);
    ledger.refuse(&request, &id, &refused("a"), b"leaf a").unwrap();
    ledger.refuse(&request, &id, &refused("b"), b"leaf b").unwrap();
    assert_eq!(ledger.refused(&request).unwrap().unwrap().name.as_str(), "a");
    assert_eq!(ledger.outbox().unwrap(), [b"leaf a".to_vec()]);
    ledger.drop_sent(b"leaf a").unwrap();
    ledger.drop_sent(b"leaf a").unwrap();
    assert_eq!(ledger.outbox().unwrap(), Vec::<Vec<u8>>::new());
    // The id of a refused leaf is not taken: another leaf with it may be the one that counts.
    ledger.hold(&Hash([2; 32]), &id, b"held").unwrap();
    let totals = ledger.totals().unwrap();
    assert_eq!(totals, Totals { granted: 0, appending: 1, refused: 1, outbox: 0 });
}

#[test]
fn head_and_fork_are_kept() {
    let (_dir, ledger) = fresh();
    assert_eq!((ledger.head().unwrap(), ledger.fork().unwrap()), (None, None));
    ledger.set_head(b"one").unwrap();
    ledger.set_head(b"two").unwrap();
    ledger.set_fork(b"fork").unwrap();
    assert_eq!(ledger.head().unwrap().unwrap(), b"two");
    assert_eq!(ledger.fork().unwrap().unwrap(), b"fork");
}

#[test]
fn a_file_damaged_anywhere_is_an_error_that_names_it_or_reads_as_something() {
    let (dir, ledger) = fresh();
    let path = dir.path().join("ledger.redb");
    for number in 0..40 {
        ledger.hold(&Hash([number; 32]), &[number; 16], &[number; 900]).unwrap();
    }
    drop(ledger);
    let whole = std::fs::read(&path).unwrap();
    let (mut refused, mut damaged) = (0, 0);
    for at in (0..whole.len()).step_by(whole.len() / 200) {
        let mut bytes = whole.clone();
        bytes[at..(at + 64).min(whole.len())].fill(0xff);
        std::fs::write(&path, bytes).unwrap();
        let used = Ledger::open(&path, "me").and_then(|ledger| {
            ledger.unproved()?;
            ledger.hold(&Hash([77; 32]), &[77; 16], b"held")?;
            (0..40).try_for_each(|number| ledger.granted(&Hash([number; 32])).map(drop))
        });
        if let Err(error) = used {
            assert!(error.to_string().contains("ledger.redb"), "{error}");
            refused += 1;
            damaged += usize::from(matches!(error, LedgerError::Database(DbError::Damaged { .. })));
        }
    }
    assert!(refused > 3 && damaged > 0, "{refused} {damaged}");
}
