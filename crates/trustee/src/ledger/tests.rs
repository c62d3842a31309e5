use super::*;

fn refused(name: &str) -> Refused {
    Refused {
        step: "g7".to_owned(),
        name: name.to_owned(),
        text: "no".to_owned(),
        what_to_do: "nothing".to_owned(),
    }
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
    assert!(matches!(Ledger::open(&path, "me"), Err(LedgerError::Missing { .. })));
    assert!(!path.exists());
    Ledger::create(&path, "me").unwrap();
    assert!(matches!(Ledger::create(&path, "me"), Err(LedgerError::Exists { .. })));
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
    assert_eq!(ledger.hold(&request, &id, b"first").unwrap(), b"first");
    assert_eq!(ledger.hold(&request, &id, b"second").unwrap(), b"first");
    // Another leaf of the same id is never granted.
    assert!(matches!(ledger.hold(&Hash([2; 32]), &id, b"third"), Err(LedgerError::IdGranted)));
    assert_eq!(ledger.unproved().unwrap(), [request]);
    drop(ledger);

    let ledger = Ledger::open(&dir.path().join("ledger.redb"), "me").unwrap();
    assert_eq!(ledger.held(&request).unwrap().unwrap(), b"first");
    assert_eq!(ledger.request_of(&id).unwrap(), Some(request));
    assert_eq!(ledger.granted(&request, b"bundle").unwrap(), b"bundle");
    assert_eq!(ledger.granted(&request, b"other").unwrap(), b"bundle");
    assert_eq!(ledger.unproved().unwrap(), []);
    assert_eq!(ledger.bundle(&request).unwrap().unwrap(), b"bundle");
}

#[test]
fn a_refused_request_may_still_be_granted_but_has_one_leaf() {
    let (_dir, ledger) = fresh();
    let (request, id) = (Hash([1; 32]), [7; 16]);
    ledger.refuse(&request, &id, &refused("a"), b"leaf a").unwrap();
    ledger.refuse(&request, &id, &refused("b"), b"leaf b").unwrap();
    assert_eq!(ledger.refused(&request).unwrap().unwrap().name, "a");
    assert_eq!(ledger.outbox().unwrap(), [b"leaf a".to_vec()]);
    ledger.sent(b"leaf a").unwrap();
    ledger.sent(b"leaf a").unwrap();
    assert_eq!(ledger.outbox().unwrap(), Vec::<Vec<u8>>::new());
    // The id of a refused leaf is not taken: another leaf with it may be the one that counts.
    ledger.hold(&Hash([2; 32]), &id, b"held").unwrap();
    assert_eq!(ledger.request_of(&id).unwrap(), Some(Hash([2; 32])));
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
