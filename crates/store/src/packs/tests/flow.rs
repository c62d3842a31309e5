//! Storing, ordering, asking by time, opening again.

use super::*;
use media::message::TrackStatus;

#[tokio::test]
async fn nothing_is_created_silently() {
    let dir = tempfile::tempdir().unwrap();
    let config = PacksConfig::new(&dir.path().join("relay"));
    let error = Packs::open(config.clone(), Rng::system()).unwrap_err();
    assert!(matches!(error, StoreError::Missing(_)), "{error}");
    assert!(error.to_string().contains("candor relay init"), "{error}");
    std::fs::create_dir(&config.dir).unwrap();
    assert!(
        matches!(Packs::open(config.clone(), Rng::system()), Err(StoreError::Missing(_))),
        "an empty folder is no store"
    );
    Packs::create(&config.dir).unwrap();
    assert!(Packs::create(&config.dir).is_err(), "a second time");
    let store = open(&config);
    let second = Packs::open(config.clone(), Rng::system()).unwrap_err();
    assert!(second.to_string().contains("in use by another process"), "{second}");
    assert!(!second.to_string().contains("failed"), "{second}");
    store.close().await;
    open(&config).close().await;
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_closing_and_without_the_index() {
    let dir = new_dir();
    let config = config(&dir);
    let store = open(&config);
    for n in 0..8 {
        put(&store, n).await.unwrap();
    }
    assert_eq!(sequences(&store).await, (0..8).collect::<Vec<_>>());
    let before = store.packs.inner.index.dump();
    store.close().await;

    let store = open(&config);
    assert_eq!(
        store.packs.recovery(),
        &Recovery::default(),
        "a store that was closed in good order replays nothing"
    );
    store.close().await;

    lose_index(&config);
    let store = open(&config);
    assert!(store.packs.recovery().rebuilt);
    assert_eq!(store.packs.recovery().replayed, 8);
    assert_eq!(store.packs.inner.index.dump(), before, "an index made anew is the same, row by row");
    assert_eq!(sequences(&store).await, (0..8).collect::<Vec<_>>());
    put(&store, 8).await.unwrap();
    assert_eq!(next(&store).await, 9);
}

#[tokio::test]
async fn an_unreadable_index_is_made_anew() {
    let dir = new_dir();
    let config = config(&dir);
    let store = open(&config);
    put(&store, 0).await.unwrap();
    let path = config.dir.join(INDEX_FILE);
    store.close().await;
    let whole = std::fs::read(&path).unwrap();
    let half = &whole[..whole.len() / 2];
    for senseless in [&[0xa5; 8192][..], &[][..], &whole[..100], half] {
        std::fs::write(&path, senseless).unwrap();
        let store = open(&config);
        assert_eq!(store.packs.recovery().replayed, 1, "an index of {} bytes", senseless.len());
        assert_eq!(sequences(&store).await, [0]);
        assert_eq!(next(&store).await, 1);
        store.close().await;
    }
}

#[tokio::test]
async fn a_segment_sent_again_is_acknowledged_once_more_and_another_is_refused() {
    let dir = new_dir();
    let store = open(&config(&dir));
    put(&store, 3).await.unwrap();
    let used = store.used_bytes();
    let later = Header { received_us: at(DAY_US), ..facts(3) };
    store.put_segment(later, body(3)).await.unwrap();
    assert_eq!(store.used_bytes(), used, "nothing was written twice");
    let error = store.put_segment(facts(3), body(4)).await.unwrap_err();
    assert!(matches!(error, StoreError::Taken { what: "segment", number: 3 }), "{error}");
    assert_eq!(error.refusal_code(), media::message::RefusalCode::SequenceTaken);
}

#[tokio::test]
async fn a_segment_stands_only_between_its_neighbours() {
    let dir = new_dir();
    let store = open(&config(&dir));
    put(&store, 5).await.unwrap();
    put(&store, 12).await.unwrap();
    for (sequence, like) in [(6, 5), (6, 12), (4, 5), (13, 12), (13, 0)] {
        let facts = Header { number: sequence, ..facts(like) };
        let error = store.put_segment(facts, body(sequence)).await.unwrap_err();
        assert!(
            matches!(error, StoreError::OutOfOrder(s) if s == sequence),
            "{sequence} like {like}: {error}"
        );
    }
    let other = Header { track: TrackId(1), number: 6, ..facts(5) };
    store.put_segment(other, body(6)).await.expect("another track has another order");
    put(&store, 8).await.unwrap();
    assert_eq!(sequences(&store).await, [5, 8, 12]);
}

#[tokio::test]
async fn the_first_missing_sequence_follows_backfill() {
    let dir = new_dir();
    let config = config(&dir);
    let store = open(&config);
    assert_eq!(next(&store).await, 0, "an unknown track");
    for (n, missing) in [(5, 0), (0, 1), (2, 1), (1, 3), (4, 3), (3, 6), (6, 7)] {
        put(&store, n).await.unwrap();
        assert_eq!(next(&store).await, missing, "after {n}");
    }
    store.close().await;
    lose_index(&config);
    assert_eq!(next(&open(&config)).await, 7);
}

#[tokio::test]
async fn a_range_finds_what_overlaps_it_in_order_of_sequence_and_page_by_page() {
    let dir = new_dir();
    let store = open(&config(&dir));
    let writes = (0..700).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { put(&store, n).await })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap().unwrap();
    }
    let found = async |from, to| {
        stored(&store, all(from, to)).await.iter().map(|s| s.header.number).collect::<Vec<_>>()
    };
    assert_eq!(found(Micros(0), Micros::MAX).await, (0..700).collect::<Vec<_>>());
    assert_eq!(
        found(at(600_500_000), at(602_000_000)).await,
        [600, 601],
        "a part of one, and not the one that starts at the end"
    );
    assert_eq!(found(at(3_000_000), at(3_000_001)).await, [3]);
    assert!(found(at(3_000_000), at(3_000_000)).await.is_empty());
    assert!(found(at(9), T0).await.is_empty());
    assert!(found(at(700_000_000), Micros::MAX).await.is_empty());
    let page =
        store.segments(SegmentQuery { cursor: Sequence(690), ..all(Micros(0), Micros::MAX) }).await.unwrap();
    assert_eq!((page.entries.len(), page.next), (10, None));
    assert_eq!(page.entries[0].header.length, 11);

    let stepped = Header { start_us: Micros(5), ..facts(700) };
    store.put_segment(stepped, body(700)).await.unwrap();
    assert_eq!(found(Micros(0), Micros(10)).await, [700], "a camera whose clock stepped back");
}

#[tokio::test]
async fn many_writers_share_one_fsync_and_none_is_told_before_it() {
    let dir = new_dir();
    let (store, disk) = open_faulty(&config(&dir));
    disk.hold(true);
    let first = tokio::spawn({
        let store = store.clone();
        async move { put(&store, 0).await }
    });
    until("the first fsync", || disk.syncs() == 1).await;
    let writes: Vec<_> = (1..=100)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { put(&store, n).await })
        })
        .collect();
    let queue = store.packs.commands.clone().unwrap();
    until("a hundred writes to wait", || queue.capacity() == QUEUE - 100).await;
    drop(queue);
    assert!(!first.is_finished(), "acknowledged before it was durable");
    assert!(stored(&store, all(Micros(0), Micros::MAX)).await.is_empty(), "seen before it was durable");
    disk.hold(false);
    first.await.unwrap().unwrap();
    for write in writes {
        write.await.unwrap().unwrap();
    }
    assert_eq!(disk.syncs(), 2, "one for the first, one for the hundred that waited");
    assert_eq!(sequences(&store).await.len(), 101);
}

#[tokio::test]
async fn cameras_are_counted_with_the_difference_of_their_clocks() {
    let dir = new_dir();
    let store = open(&config(&dir));
    for n in 0..3 {
        put(&store, n).await.unwrap();
    }
    let fast = Header { camera_id: CameraId([9; 32]), start_us: at(40_000_000), received_us: T0, ..facts(0) };
    store.put_segment(fast, body(0)).await.unwrap();
    // The second track begins later, and its newest segment comes before the first track's.
    let second = Header { track: TrackId(1), start_us: at(1_000_000), received_us: T0, ..facts(0) };
    store.put_segment(second, body(0)).await.unwrap();
    let cameras = store.cameras().await.unwrap();
    let track = |track, segments, newest_us| TrackStatus {
        track: TrackId(track),
        segments,
        bytes: 9 * segments,
        newest_us,
    };
    assert_eq!(
        cameras,
        [
            CameraTotals {
                camera_id: CAMERA,
                newest_us: Some(at(2_000_000)),
                clock_offset_ms: 5,
                tracks: vec![track(0, 3, at(2_000_000)), track(1, 1, at(1_000_000))],
            },
            CameraTotals {
                camera_id: CameraId([9; 32]),
                newest_us: Some(at(40_000_000)),
                clock_offset_ms: -40_000,
                tracks: vec![track(0, 1, at(40_000_000))],
            },
        ]
    );
}
