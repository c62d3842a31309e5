use super::*;
use redb::{ReadableTable, ReadableTableMetadata};

const ROWS: TableDefinition<u64, &[u8]> = TableDefinition::new("rows");
const COUNT: One<u64> = One::new("count");
const CACHE_BYTES: usize = 256 << 10;
const ROW_COUNT: u64 = 300;

fn fill(db: &Db) -> Result<(), DbError> {
    db.write(|tx| {
        let mut rows = tx.open_table(ROWS)?;
        for at in 0..ROW_COUNT {
            rows.insert(at, [at as u8; 64].as_slice())?;
        }
        tx.open_table(COUNT)?.insert((), ROW_COUNT)?;
        Ok(())
    })
}

/// The count as it is kept, and the rows that are there.
fn look(db: &Db) -> Result<(u64, u64), DbError> {
    db.read(|tx| {
        let mut seen = 0;
        for row in tx.open_table(ROWS)?.iter()? {
            let (key, value) = row?;
            seen += u64::from(value.value() == [key.value() as u8; 64]);
        }
        Ok((tx.open_table(COUNT)?.get(())?.map_or(0, |count| count.value()), seen))
    })
}

fn add(db: &Db) -> Result<(), DbError> {
    db.write(|tx| {
        for at in 0..ROW_COUNT {
            tx.open_table(ROWS)?.insert(at * 7, [0; 90].as_slice())?;
        }
        tx.open_table(ROWS)?.retain(|key, _| key % 3 == 0)?;
        Ok(())
    })
}

#[test]
fn a_file_is_made_once_opened_if_it_is_there_and_keeps_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.redb");
    assert!(matches!(Db::open(&path, CACHE_BYTES), Err(DbError::Missing { .. })));
    assert!(!path.exists());
    let db = Db::create(&path, CACHE_BYTES).unwrap();
    fill(&db).unwrap();
    assert!(matches!(Db::open(&path, CACHE_BYTES), Err(DbError::Failed { .. })), "two have it open");
    drop(db);
    assert!(matches!(Db::create(&path, CACHE_BYTES), Err(DbError::Exists { .. })));
    assert_eq!(look(&Db::open(&path, CACHE_BYTES).unwrap()).unwrap(), (ROW_COUNT, ROW_COUNT));
    let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_refused_step_and_a_failed_one_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::create(&dir.path().join("a.redb"), CACHE_BYTES).unwrap();
    fill(&db).unwrap();
    let refused = db.attempt(Durability::Immediate, |tx| {
        tx.open_table(COUNT)?.insert((), 0)?;
        Ok(Err::<(), _>("no"))
    });
    assert_eq!(refused.unwrap(), Err("no"));
    let failed = db.write(|tx| {
        tx.open_table(COUNT)?.insert((), 0)?;
        Err::<(), _>(io::Error::other("no disk").into())
    });
    assert!(matches!(failed, Err(DbError::Failed { .. })));
    assert_eq!(look(&db).unwrap(), (ROW_COUNT, ROW_COUNT));
    for quick in [db, Db::create(&dir.path().join("b.redb"), CACHE_BYTES).unwrap().with_quick_repair()] {
        fill(&quick).unwrap();
        let lazy = quick.attempt(Durability::None, |tx| {
            tx.open_table(COUNT)?.insert((), 1)?;
            Ok(Ok::<_, ()>(()))
        });
        assert_eq!(lazy.unwrap(), Ok(()));
        assert_eq!(look(&quick).unwrap(), (1, ROW_COUNT));
    }
}

#[test]
fn a_panic_poisons_the_handle_for_readers_and_for_writers_in_the_queue() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.redb");
    for reading in [true, false] {
        let db = Db::open_cache(&path, CACHE_BYTES).unwrap().0;
        fill(&db).unwrap();
        let panicking = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            let queued = scope.spawn(|| {
                panicking.wait();
                add(&db)
            });
            let panicked = match reading {
                true => {
                    let panicked = db.read(|_| -> Result<(), Error> { panic!("in the library") });
                    panicking.wait();
                    panicked
                }
                false => db.write(|tx| -> Result<(), Error> {
                    tx.open_table(COUNT)?.insert((), 0)?;
                    panicking.wait();
                    panic!("in the library")
                }),
            };
            assert!(matches!(panicked, Err(DbError::Damaged { path: named, .. }) if named == path));
            assert!(matches!(queued.join().unwrap(), Err(DbError::Damaged { .. })));
        });
        assert!(matches!(look(&db), Err(DbError::Damaged { .. })));
        drop(db);
        // The file may be opened again in the same process, and holds what was committed.
        assert_eq!(look(&Db::open(&path, CACHE_BYTES).unwrap()).unwrap(), (ROW_COUNT, ROW_COUNT));
    }
}

/// Each of many bytes is damaged by itself; every use of the file, closing it included, ends in a
/// value.
#[test]
fn damage_anywhere_in_the_file_is_an_error_and_never_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, damaged) = (dir.path().join("whole.redb"), dir.path().join("damaged.redb"));
    let db = Db::create(&whole, CACHE_BYTES).unwrap();
    fill(&db).unwrap();
    add(&db).unwrap();
    fill(&db).unwrap();
    drop(db);
    let bytes = std::fs::read(&whole).unwrap();
    // Of the head one byte in three, and of the others, if they are not padding, one in so many.
    let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let places = (0..320).step_by(3).chain(used.iter().copied().step_by(used.len() / 150 + 1));
    let (mut harmless, mut told) = (0, 0);
    for (at, flip) in places.zip([0xff_u8, 0x01, 0x80].into_iter().cycle()) {
        let mut torn = bytes.clone();
        torn[at] ^= flip;
        std::fs::write(&damaged, &torn).unwrap();
        let used = Db::open(&damaged, CACHE_BYTES).and_then(|db| {
            look(&db)?;
            add(&db)?;
            fill(&db)?;
            look(&db)
        });
        match used {
            Ok(_) => harmless += 1,
            Err(DbError::Damaged { path, .. }) => {
                assert_eq!(path, damaged);
                told += 1;
            }
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
    // The library checks sums only where it repairs: most of what is flipped in rows is not
    // noticed.
    assert!(harmless > 0 && told > 40, "{harmless} {told}");
}

#[test]
fn a_cache_is_made_anew_when_it_is_missing_or_damaged_and_kept_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let (db, anew) = Db::open_cache(&path, CACHE_BYTES).unwrap();
    assert!(anew);
    fill(&db).unwrap();
    // Locked is not damaged: nothing is removed.
    assert!(matches!(Db::open_cache(&path, CACHE_BYTES), Err(DbError::Failed { .. })));
    drop(db);
    let (db, anew) = Db::open_cache(&path, CACHE_BYTES).unwrap();
    assert!(!anew && look(&db).is_ok());
    drop(db);
    let half = std::fs::read(&path).unwrap();
    for garbage in [&b""[..], b"not a database", &[0; 5000], &[0xff; 100], &half[..half.len() / 2]] {
        std::fs::write(&path, garbage).unwrap();
        assert!(matches!(Db::open(&path, CACHE_BYTES), Err(DbError::Damaged { .. })), "{}", garbage.len());
        let (db, anew) = Db::open_cache(&path, CACHE_BYTES).unwrap();
        assert!(anew);
        fill(&db).unwrap();
    }
}

#[test]
fn a_file_of_something_else_is_damaged_too() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::create(&dir.path().join("a.redb"), CACHE_BYTES).unwrap();
    assert!(matches!(look(&db), Err(DbError::Damaged { .. })), "it has none of the tables");
    let db = Db::create(&dir.path().join("b.redb"), CACHE_BYTES).unwrap();
    const OTHER: One<&str> = One::new("count");
    db.write(|tx| Ok(tx.open_table(OTHER)?.len().map(drop)?)).unwrap();
    let read = db.read(|tx| Ok(tx.open_table(COUNT)?.len()?));
    assert!(matches!(read, Err(DbError::Damaged { .. })), "its table holds something else");
}
