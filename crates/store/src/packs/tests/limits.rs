//! Retention, quota, a full disk.

use super::*;
use media::message::RefusalCode;

#[tokio::test]
async fn what_is_past_its_days_goes_with_its_entries_and_what_was_complete_is_remembered() {
    let dir = new_dir();
    let config = PacksConfig {
        pack_bytes: 500,
        terms: Terms { retention_days_max: 2, ..Terms::default() },
        ..config(&dir)
    };
    let store = open(&config);
    for n in 0..10 {
        put(&store, n).await.unwrap();
    }
    // Received a day later: an hour is the most that one pack spans.
    let late = Header { received_us: at(DAY_US), ..facts(10) };
    store.put_segment(late, body(10)).await.unwrap();
    let before = packs(&config).len();
    let held = stored(&store, all(Micros(0), Micros::MAX)).await[0];

    assert_eq!(store.sweep(at(2 * DAY_US)).await.unwrap(), Swept::default(), "not yet");
    let swept = store.sweep(at(2 * DAY_US + 60_000_000)).await.unwrap();
    assert_eq!((swept.segments, swept.packs as usize), (10, before - 1));
    assert_eq!(sequences(&store).await, [10]);
    assert_eq!(next(&store).await, 11);
    assert_eq!(store.cameras().await.unwrap()[0].tracks[0].segments, 1);
    assert!(
        matches!(store.read_segment(&held).await, Err(StoreError::Gone)),
        "held by a reader that was slow"
    );
    assert!(store.used_bytes() < 150, "the bytes went too");
    // But for where a look by time begins, which stays wide until its steps go.
    let rows = |store: &Opened| {
        store.packs.inner.index.dump().into_iter().filter(|row| row.0 != "spans").collect::<Vec<_>>()
    };
    let before = rows(&store);
    store.close().await;
    lose_index(&config);
    let store = open(&config);
    assert_eq!(next(&store).await, 11, "although no pack shows the first ten any more");
    assert_eq!(rows(&store), before);
    assert_eq!(sequences(&store).await, [10]);
}

#[tokio::test]
async fn a_file_that_outlived_its_entries_goes_with_the_next_sweep() {
    let dir = new_dir();
    let config = config(&dir);
    let store = open(&config);
    put(&store, 0).await.unwrap();
    let pack = packs(&config).remove(0);
    let copy = std::fs::read(&pack).unwrap();
    store.sweep(at(99 * DAY_US)).await.unwrap();
    store.close().await;
    // As after a crash between the index and the file.
    std::fs::write(&pack, copy).unwrap();
    let store = open(&config);
    assert_eq!(store.sweep(at(99 * DAY_US)).await.unwrap().packs, 1);
    assert!(!pack.exists());
}

#[tokio::test]
async fn a_quota_drops_the_oldest_footage() {
    let dir = new_dir();
    let config = quota(4000, WhenFull::DropOldest, &dir);
    let store = open(&config);
    for n in 0..200 {
        put(&store, n).await.unwrap();
        assert!(store.used_bytes() <= 4000, "after {n}");
    }
    let left = sequences(&store).await;
    assert_eq!(left.last(), Some(&199));
    assert!(left.len() > 25, "no more went than had to: {}", left.len());
    assert_eq!(left, (left[0]..200).collect::<Vec<_>>(), "the oldest went");
    assert_eq!(next(&store).await, 200);
}

#[tokio::test]
async fn a_quota_that_refuses_says_so_until_retention_makes_room() {
    let dir = new_dir();
    let config = quota(1000, WhenFull::Refuse, &dir);
    let store = open(&config);
    let mut n = 0;
    let error = loop {
        match put(&store, n).await {
            Ok(()) => n += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.refusal_code(), RefusalCode::StorageFull);
    assert!(error.to_string().contains("quota of 1000 bytes"), "{error}");
    assert_eq!(sequences(&store).await, (0..n).collect::<Vec<_>>());
    put(&store, 0).await.expect("what is there already needs no room");
    store.sweep(at(99 * DAY_US)).await.unwrap();
    put(&store, n).await.unwrap();
    assert_eq!(next(&store).await, n + 1);
}

#[tokio::test]
async fn a_full_disk_is_a_clear_error_and_writing_goes_on_when_space_returns() {
    let dir = new_dir();
    let config = PacksConfig { min_free_bytes: 1 << 20, ..config(&dir) };
    let (store, disk) = open_faulty(&config);
    put(&store, 0).await.unwrap();
    disk.set_free(Some((1 << 20) - 1));
    let error = put(&store, 1).await.unwrap_err();
    assert_eq!(error.refusal_code(), RefusalCode::StorageFull);
    assert!(error.to_string().contains("free space"), "{error}");
    assert_eq!(sequences(&store).await, [0], "reading goes on");
    disk.set_free(None);
    put(&store, 1).await.unwrap();
    assert_eq!(sequences(&store).await, [0, 1]);
}

#[tokio::test]
async fn an_oversized_segment_is_refused() {
    let dir = new_dir();
    let store = open(&config(&dir));
    let error = store.put_segment(facts(0), vec![0; media::limits::SEGMENT + 1]).await.unwrap_err();
    assert_eq!(error.refusal_code(), RefusalCode::TooLarge);
    store.put_segment(facts(0), vec![0; media::limits::SEGMENT]).await.unwrap();
}
