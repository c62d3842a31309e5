//! What is kept beside the video.

use super::*;
use crate::suite::{bundle, camera_of, enrollment, epoch, epoch_of, key, numbers, policy};
use media::id::{Day, EpochNo};
use media::message::RefusalCode;
use media::pair::HeldPolicy;
use media::policy::SignedOwnerPolicy;

#[tokio::test]
async fn policies_follow_one_another_under_one_owner() {
    let dir = new_dir();
    let config = config(&dir);
    let store = open(&config);
    let (camera, owner, thief) = (key(1), key(2), key(3));
    let id = camera_of(&camera);
    let enrolled = enrollment(&camera, &owner);
    let first = policy(id, &owner, 1, [0; 32], 7);
    let second = policy(id, &owner, 2, first.hash(), 9);
    assert_eq!(store.policy(id, None).await.unwrap(), None);
    store.put_policy(&enrolled, &bundle(&first), T0).await.unwrap();
    store.put_policy(&enrolled, &bundle(&first), T0).await.expect("sent again");

    let code = async |enrolled: &[u8], policy: &SignedOwnerPolicy| {
        store.put_policy(enrolled, &bundle(policy), T0).await.unwrap_err().refusal_code()
    };
    assert_eq!(
        code(&enrolled, &policy(id, &owner, 3, first.hash(), 7)).await,
        RefusalCode::StalePolicy,
        "a hole"
    );
    assert_eq!(
        code(&enrolled, &policy(id, &owner, 1, [0; 32], 8)).await,
        RefusalCode::StalePolicy,
        "another first"
    );
    assert_eq!(
        code(&enrolled, &policy(id, &owner, 2, [9; 32], 7)).await,
        RefusalCode::StalePolicy,
        "another past"
    );
    assert_eq!(code(&enrolled, &policy(id, &thief, 2, first.hash(), 7)).await, RefusalCode::BadSignature);
    let taken_over = enrollment(&camera, &thief);
    assert_eq!(code(&taken_over, &policy(id, &thief, 2, first.hash(), 7)).await, RefusalCode::NotAllowed);
    let other = policy(camera_of(&thief), &owner, 1, [0; 32], 7);
    assert_eq!(code(&enrolled, &other).await, RefusalCode::Malformed, "the policy of another camera");

    store.put_policy(&enrolled, &bundle(&second), T0).await.unwrap();
    assert_eq!(code(&enrolled, &policy(id, &owner, 2, first.hash(), 1)).await, RefusalCode::StalePolicy);
    store.close().await;
    lose_index(&config);
    let store = open(&config);
    let newest = store.policy(id, None).await.unwrap().unwrap();
    assert_eq!(newest, HeldPolicy { enrollment: enrolled, bundle: bundle(&second) });
    assert_eq!(store.policy(id, Some(first.hash())).await.unwrap().unwrap().bundle, bundle(&first));
    assert_eq!(store.policy(id, Some([1; 32])).await.unwrap(), None);
    assert_eq!(store.cameras().await.unwrap().len(), 1, "enrolled, and no footage yet");
}

#[tokio::test]
async fn each_camera_keeps_its_owners_days() {
    let dir = new_dir();
    let config = config(&dir);
    let store = open(&config);
    let owner = key(9);
    for (n, days) in [(1u8, 1), (2, 7)] {
        let camera = key(n);
        let id = camera_of(&camera);
        store
            .put_policy(&enrollment(&camera, &owner), &bundle(&policy(id, &owner, 1, [0; 32], days)), T0)
            .await
            .unwrap();
        store.put_segment(Header { camera_id: id, ..facts(0) }, body(0)).await.unwrap();
    }
    let counts = async || {
        store.cameras().await.unwrap().iter().flat_map(|c| &c.tracks).map(|t| t.segments).sum::<u64>()
    };
    let swept = store.sweep(at(2 * DAY_US)).await.unwrap();
    assert_eq!((swept.segments, swept.packs), (1, 1), "short-lived footage does not wait for the other's");
    assert_eq!(counts().await, 1);
    // The owner changes their mind: footage that is there already obeys.
    let (camera, id) = (key(2), camera_of(&key(2)));
    let first = policy(id, &owner, 1, [0; 32], 7);
    let second = policy(id, &owner, 2, first.hash(), 1);
    store.put_policy(&enrollment(&camera, &owner), &bundle(&second), T0).await.unwrap();
    assert_eq!(store.sweep(at(2 * DAY_US)).await.unwrap().segments, 1);
    assert_eq!(store.policy(id, None).await.unwrap().unwrap().bundle, bundle(&second), "policies stay");
}

#[tokio::test]
async fn epoch_opens_are_found_by_time_and_outlive_every_segment_that_needs_them() {
    let dir = new_dir();
    let config = config(&dir);
    let store = open(&config);
    let camera = key(1);
    let id = camera_of(&camera);
    for n in 0..20 {
        store.put_epoch_open(&epoch(&camera, n), T0).await.unwrap();
    }
    store.put_epoch_open(&epoch(&camera, 3), at(1)).await.expect("sent again");
    let other = store.put_epoch_open(&epoch_of(&camera, 3, 59_000), T0).await.unwrap_err();
    assert!(matches!(other, StoreError::Taken { what: "EpochOpen", number: 3 }), "{other}");
    let endless = store.put_epoch_open(&epoch_of(&camera, 99, u32::MAX), T0).await.unwrap_err();
    assert!(matches!(endless, StoreError::Malformed(_)), "{endless}");

    let found = store.epoch_opens(id, TRACK, at(179_999_999), at(900_000_000), EpochNo(0), 4).await.unwrap();
    assert_eq!((numbers(&found), found.more), (vec![2, 3, 4, 5], true));
    let found = store.epoch_opens(id, TRACK, at(1_080_000_000), Micros::MAX, EpochNo(0), 4).await.unwrap();
    assert_eq!((numbers(&found), found.more), (vec![18, 19], false));

    // Backfilled twenty days after its EpochOpen came.
    let segment = Header { camera_id: id, epoch_no: EpochNo(2), received_us: at(20 * DAY_US), ..facts(0) };
    store.put_segment(segment, body(0)).await.unwrap();
    store.sweep(at(40 * DAY_US)).await.unwrap();
    assert_eq!(
        store.epoch_opens(id, TRACK, Micros(0), Micros::MAX, EpochNo(0), 64).await.unwrap().opens.len(),
        20
    );
    store.sweep(at(51 * DAY_US)).await.unwrap();
    assert!(
        store.epoch_opens(id, TRACK, Micros(0), Micros::MAX, EpochNo(0), 64).await.unwrap().opens.is_empty()
    );
    assert!(packs(&config).is_empty());
}

#[tokio::test]
async fn notices_and_day_keys_stay_whatever_the_video_does() {
    let dir = new_dir();
    let config = quota(8000, WhenFull::DropOldest, &dir);
    let store = open(&config);
    let day = Day(19_000);
    store.put_day_notice(CAMERA, day, Bytes::from_static(b"notice"), T0).await.unwrap();
    let other = store.put_day_notice(CAMERA, day, Bytes::from_static(b"other"), T0).await.unwrap_err();
    assert_eq!(other.refusal_code(), RefusalCode::SequenceTaken);
    for (name, bytes) in [("b.example", "first"), ("a.example", "keys"), ("b.example", "second")] {
        store.put_day_keys(name, day, bytes.as_bytes(), T0).await.unwrap();
    }
    store.put_day_keys("a.example", Day(19_001), b"tomorrow", T0).await.unwrap();
    for n in 0..120 {
        put(&store, n).await.unwrap();
    }
    store.sweep(at(999 * DAY_US)).await.unwrap();
    store.close().await;
    lose_index(&config);
    let store = open(&config);
    assert_eq!(store.day_notice(CAMERA, day).await.unwrap().as_deref(), Some(&b"notice"[..]));
    assert_eq!(store.day_notice(CAMERA, Day(1)).await.unwrap(), None);
    let keys = store.day_keys(day).await.unwrap();
    let keys: Vec<_> = keys.iter().map(|k| (k.name.as_str(), k.bytes.as_slice())).collect();
    assert_eq!(keys, [("a.example", &b"keys"[..]), ("b.example", &b"second"[..])]);
    store.put_day_notice(CAMERA, Day(19_002), Bytes::from_static(b"n"), T0).await.unwrap();
    store.close().await;
    assert_eq!(packs(&config).len(), 1, "the pack of objects goes on after a restart");
}
