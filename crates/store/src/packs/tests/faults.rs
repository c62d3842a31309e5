//! Every step of a write, failed and failed but persisted: nothing acknowledged is lost, and the
//! store goes on.

use super::faulty::Fault;
use super::*;
use std::collections::BTreeSet;

const FAULTS: [Fault; 3] = [Fault::Failed, Fault::FailedButPersisted, Fault::DiskFull];
const SEGMENTS: u64 = 4;

async fn check(store: &Store, when: &str) {
    assert_eq!(sequences(store).await, (0..SEGMENTS).collect::<Vec<_>>(), "{when}");
    assert_eq!(next(store).await, SEGMENTS, "{when}");
    let notice = store.day_notice(CAMERA, media::id::Day(3)).await.unwrap();
    assert_eq!(notice.as_deref(), Some(&b"notice"[..]), "{when}");
}

#[tokio::test]
async fn a_failing_step_of_a_write_costs_nothing_that_was_acknowledged() {
    let mut steps = BTreeSet::new();
    for fault in FAULTS {
        for nth in 0.. {
            let dir = new_dir();
            // One or two segments a pack.
            let config = PacksConfig { pack_bytes: 150, ..config(&dir) };
            let (store, disk) = open_faulty(&config);
            disk.fail_at(nth, fault);
            let mut failures = 0;
            for n in 0..SEGMENTS {
                if n == 2 {
                    let notice =
                        || store.put_day_notice(CAMERA, media::id::Day(3), Bytes::from_static(b"notice"), T0);
                    if notice().await.is_err() {
                        failures += 1;
                        notice().await.unwrap();
                    }
                }
                // What failed is not there, or is the same when it is sent again.
                if let Err(error) = put(&store, n).await {
                    failures += 1;
                    assert_eq!(fault == Fault::DiskFull, matches!(error, StoreError::Full(_)), "{error}");
                    insist(&store, n).await;
                }
            }
            let Some(step) = disk.struck() else {
                assert_eq!(failures, 0, "no step failed and a write did");
                break;
            };
            assert_eq!(failures, 1, "{fault:?} at {step} ({nth})");
            steps.insert(step);
            let when = format!("{fault:?} at {step} ({nth})");
            check(&store, &when).await;
            let rows = store.packs.inner.index.dump();
            store.close().await;
            let store = open(&config);
            check(&store, &format!("{when}, opened again")).await;
            store.close().await;
            lose_index(&config);
            let store = open(&config);
            check(&store, &format!("{when}, without the index")).await;
            let records = |rows: Vec<(&'static str, Vec<u8>, Vec<u8>)>| {
                rows.into_iter().filter(|row| matches!(row.0, "tracks" | "spans")).collect::<Vec<_>>()
            };
            assert_eq!(records(store.packs.inner.index.dump()), records(rows), "{when}");
            assert!(store.packs.recovery().damaged.is_empty(), "{when}: {:?}", store.packs.recovery());
        }
    }
    assert_eq!(steps, BTreeSet::from(["commit", "create", "sync", "write"]), "steps that were made to fail");
}

#[tokio::test]
async fn a_pack_that_cannot_be_cut_back_is_given_up() {
    // Of a write into an existing pack: header, body, fsync, commit; a failure before the commit is
    // followed by the cut.
    for (step, fault) in [(1, Fault::DiskFull), (1, Fault::FailedButPersisted), (2, Fault::Failed)] {
        let dir = new_dir();
        let config = config(&dir);
        let (store, disk) = open_faulty(&config);
        put(&store, 0).await.unwrap();
        disk.fail_at(step, fault);
        disk.fail_at(step + 1, Fault::Failed);
        put(&store, 1).await.unwrap_err();
        assert_eq!(disk.struck(), Some("cut"));
        put(&store, 1).await.unwrap();
        put(&store, 2).await.unwrap();
        let when = format!("{fault:?} at step {step}");
        assert_eq!(sequences(&store).await, [0, 1, 2], "{when}");
        assert_eq!(packs(&config).len(), 2, "{when}");
        store.close().await;
        let store = open(&config);
        assert_eq!(sequences(&store).await, [0, 1, 2], "{when}, opened again");
        store.close().await;
        lose_index(&config);
        let store = open(&config);
        assert_eq!(sequences(&store).await, [0, 1, 2], "{when}, without the index");
        assert_eq!(
            (next(&store).await, store.cameras().await.unwrap()[0].tracks[0].segments),
            (3, 3),
            "{when}"
        );
    }
}

#[tokio::test]
async fn an_objects_pack_whose_fsync_failed_is_never_written_to_again() {
    let dir = new_dir();
    let config = config(&dir);
    let (store, disk) = open_faulty(&config);
    let notice = async |day| {
        store.put_day_notice(CAMERA, media::id::Day(day), Bytes::from_static(b"notice"), T0).await
    };
    notice(1).await.unwrap();
    let pack = packs(&config).remove(0);
    let whole = std::fs::read(&pack).unwrap();
    // Header, body, fsync; the cut behind it works.
    disk.fail_at(2, Fault::Failed);
    notice(2).await.unwrap_err();
    assert_eq!(disk.struck(), Some("sync"));
    notice(2).await.unwrap();
    assert_eq!(packs(&config).len(), 2);
    assert_eq!(std::fs::read(&pack).unwrap(), whole);
}

#[tokio::test]
async fn a_failing_step_of_a_sweep_loses_no_knowledge_and_is_made_good() {
    let mut steps = BTreeSet::new();
    for fault in FAULTS {
        for nth in 0.. {
            let dir = new_dir();
            let config = PacksConfig { pack_bytes: 150, ..config(&dir) };
            let (store, disk) = open_faulty(&config);
            for n in 0..SEGMENTS {
                put(&store, n).await.unwrap();
            }
            disk.fail_at(nth, fault);
            let swept = store.sweep(at(40 * DAY_US)).await;
            let Some(step) = disk.struck() else {
                assert_eq!(swept.unwrap().segments, SEGMENTS);
                break;
            };
            steps.insert(step);
            let when = format!("{fault:?} at {step} ({nth})");
            assert!(swept.is_err(), "{when}");
            assert_eq!(next(&store).await, SEGMENTS, "{when}");
            // At whatever point it failed, a start without the index knows what was complete.
            store.close().await;
            lose_index(&config);
            let store = open(&config);
            assert_eq!(next(&store).await, SEGMENTS, "{when}");
            store.sweep(at(40 * DAY_US)).await.unwrap();
            assert_eq!(stored(&store, all(Micros(0), Micros::MAX)).await, [], "{when}");
            assert_eq!((next(&store).await, packs(&config).len()), (SEGMENTS, 0), "{when}");
        }
    }
    assert_eq!(steps, BTreeSet::from(["commit", "remove", "replace"]));
}

#[tokio::test]
async fn a_look_that_fails_is_neither_absence_nor_damage() {
    let dir = new_dir();
    let config = config(&dir);
    let (store, disk) = open_faulty(&config);
    for n in 0..3 {
        put(&store, n).await.unwrap();
    }
    let segment = stored(&store, all(Micros(0), Micros::MAX)).await[0];
    for nth in 0..3 {
        disk.fail_looks_from(Some(nth));
        for failed in [store.read_segment(&segment).await.map(drop), put(&store, 0).await] {
            assert!(matches!(failed, Err(StoreError::Disk(_))), "look {nth}: {failed:?}");
            disk.fail_looks_from(Some(nth));
        }
    }
    disk.fail_looks_from(None);
    put(&store, 0).await.expect("it is there, and was never damaged");
    assert_eq!(store.read_segment(&segment).await.unwrap(), body(0));
    store.close().await;

    // Opening gives up at whatever it cannot see, and cuts nothing off that it could not read.
    let pack = packs(&config).remove(0);
    let whole = std::fs::read(&pack).unwrap();
    lose_index(&config);
    let mut opened = None;
    for nth in 0.. {
        let disk = Arc::new(Faulty::default());
        disk.fail_looks_from(Some(nth));
        match Packs::open_on(config.clone(), Rng::system(), disk.clone()) {
            Err(error) => assert!(matches!(error, StoreError::Disk(_)), "look {nth}: {error}"),
            Ok(packs) => {
                disk.fail_looks_from(None);
                opened = Some((nth, Opened::of(packs)));
                break;
            }
        }
        assert_eq!(std::fs::read(&pack).unwrap(), whole, "look {nth}");
    }
    let (looks, store) = opened.unwrap();
    assert!(looks > 8, "a name, a list, floors, a pack and six reads: {looks}");
    assert_eq!(sequences(&store).await, [0, 1, 2]);
}

/// An index that a reader found damaged, with a step (or every look from one on) of making it anew
/// failing: whoever reads sees all that was acknowledged or an error, and so does a later start.
#[tokio::test]
async fn an_index_that_is_made_anew_with_a_failing_step_is_never_seen_in_part() {
    let mut steps = BTreeSet::new();
    for fault in FAULTS.map(Some).into_iter().chain([None]) {
        for nth in 0.. {
            let dir = new_dir();
            let config = PacksConfig { pack_bytes: 150, ..config(&dir) };
            let (store, disk) = open_faulty(&config);
            let notice =
                |day| store.put_day_notice(CAMERA, media::id::Day(day), Bytes::from_static(b"notice"), T0);
            for n in 0..SEGMENTS {
                put(&store, n).await.unwrap();
            }
            notice(3).await.unwrap();
            let index = &store.packs.inner.index;
            index.read(|_| -> Result<(), redb::Error> { panic!("a senseless page") }).unwrap_err();
            match fault {
                Some(fault) => disk.fail_at(nth, fault),
                None => disk.fail_looks_from(Some(nth)),
            }
            // Making it anew is all that a sweep of nothing needs of the disk, but for its commit.
            let swept = store.sweep(T0).await;
            disk.fail_looks_from(None);
            let when = format!("{fault:?} ({nth}): {swept:?}");
            if let Ok(found) = store.segments(all(Micros(0), Micros::MAX)).await {
                assert_eq!(found.entries.len() as u64, SEGMENTS, "{when}");
                let notice = store.day_notice(CAMERA, media::id::Day(3)).await.unwrap();
                assert_eq!(notice.as_deref(), Some(&b"notice"[..]), "{when}");
            }
            steps.extend(disk.struck());
            if swept.is_ok() {
                assert_eq!(disk.struck(), None, "{when}");
                assert!(nth > 4, "a step and a look for each pack: {when}");
                break;
            }
            // Into a pack that was there before.
            notice(4).await.unwrap();
            check(&store, &when).await;
            store.close().await;
            check(&open(&config), &format!("{when}, opened again")).await;
        }
    }
    assert_eq!(steps, BTreeSet::from(["commit", "remove"]), "steps that were made to fail");
}
