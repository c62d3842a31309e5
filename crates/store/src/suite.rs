//! The promises of `contract.rs`, asked of any implementation, and the cameras and owners to ask
//! with.
//!
//! A test gives places on which a store can be opened, closed and opened again, and
//! [`keeps_its_contract`] does the rest. What only one implementation can be asked (which step of a
//! write fails, what a crash leaves) stands beside that implementation.

use crate::contract::{Backend, CameraTotals, Entry};
use crate::error::StoreError;
use crate::objects::EpochOpens;
use crate::record::{DAY_US, Header, Kind};
use crate::retention::{Terms, WhenFull};
use crate::store::Store;
use bytes::Bytes;
use ed25519_dalek::SigningKey;
use media::enrollment::{CameraConsent, Enrollment};
use media::epoch::{EpochContext, EpochOpen, SignedEpochOpen};
use media::id::{CameraId, Day, EpochNo, Sequence, TrackId};
use media::message::TrackStatus;
use media::pair::{HeldPolicy, PolicyBundle};
use media::policy::{Classes, OwnerPolicy, SignedOwnerPolicy};
use media::segment::SegmentQuery;
use media::time::{Micros, Seconds};
use std::sync::Arc;
use std::time::Duration;

/// Some moment in 2023; the relay's clock in these tests.
pub const T0: Micros = Micros(1_700_000_000_000_000);
pub const CAMERA: CameraId = CameraId([7; 32]);
pub const TRACK: TrackId = TrackId(0);

/// What outlives the store that is opened on it.
pub trait Place {
    /// Opens what the place holds: nothing, the first time. The one before has been dropped.
    fn open(&self, terms: Terms) -> Arc<dyn Backend>;
}

/// Asks for what the contract promises of records and readers. It does not try a second opener, nor
/// damage and faults, which each implementation makes in its own way.
pub async fn keeps_its_contract<P: Place>(new: impl Fn() -> P) {
    what_was_put_is_there_for_good_and_once(&new()).await;
    a_segment_stands_only_between_its_neighbours(&new()).await;
    the_first_missing_sequence_follows_backfill(&new()).await;
    a_span_finds_what_overlaps_it(&new()).await;
    cameras_are_counted(&new()).await;
    policies_follow_one_another_under_one_owner(&new()).await;
    epoch_opens_are_found_by_time_and_outlive_their_segments(&new()).await;
    objects_stay_whatever_the_video_does(&new()).await;
    footage_goes_after_its_owners_days(&new()).await;
    a_quota_refuses_or_drops_the_oldest(&new()).await;
    many_may_write_at_once(&new()).await;
}

fn open(place: &impl Place, terms: Terms) -> Store {
    Store::over(place.open(terms))
}

async fn again(place: &impl Place, store: Store) -> Store {
    store.close().await;
    open(place, Terms::default())
}

async fn what_was_put_is_there_for_good_and_once(place: &impl Place) {
    let store = open(place, Terms::default());
    for n in 0..8 {
        put(&store, n).await.unwrap();
    }
    let used = store.used_bytes();
    let store = again(place, store).await;
    assert_eq!(sequences(&store).await, (0..8).collect::<Vec<_>>());
    assert_eq!(next(&store).await, 8);
    let segments = stored(&store, all(Micros(0), Micros::MAX)).await;
    assert_eq!(without_body(segments[3].header), facts(3));
    assert_eq!(store.read_part(&segments[3], 2..5).await.unwrap(), body(3).slice(2..5));
    assert_eq!(store.read_part(&segments[3], 0..0).await.unwrap(), Bytes::new());
    store.read_part(&segments[3], 0..99).await.unwrap_err();

    let later = Header { received_us: at(DAY_US), ..facts(3) };
    store.put_segment(later, body(3)).await.unwrap();
    assert_eq!(store.used_bytes(), used, "nothing is kept twice");
    for (facts, body) in [(facts(3), body(4)), (Header { duration_us: 1, ..facts(3) }, body(3))] {
        let error = store.put_segment(facts, body).await.unwrap_err();
        assert!(matches!(error, StoreError::Taken { what: "segment", number: 3 }), "{error}");
    }
    let long = store.put_segment(facts(8), vec![0; media::limits::SEGMENT + 1]).await.unwrap_err();
    assert!(matches!(long, StoreError::TooLarge { .. }), "{long}");
    assert_eq!(sequences(&store).await, (0..8).collect::<Vec<_>>());
}

async fn a_segment_stands_only_between_its_neighbours(place: &impl Place) {
    let store = open(place, Terms::default());
    put(&store, 5).await.unwrap();
    put(&store, 12).await.unwrap();
    for (sequence, like) in [(6, 5), (6, 12), (4, 5), (13, 12), (13, 0)] {
        let facts = Header { number: sequence, ..facts(like) };
        let error = store.put_segment(facts, body(sequence)).await.unwrap_err();
        let refused = matches!(error, StoreError::OutOfOrder(s) if s == sequence);
        assert!(refused, "{sequence} like {like}: {error}");
    }
    let other = Header { track: TrackId(1), number: 6, ..facts(5) };
    store.put_segment(other, body(6)).await.expect("another track has another order");
    put(&store, 8).await.unwrap();
    assert_eq!(sequences(&store).await, [5, 8, 12]);
}

async fn the_first_missing_sequence_follows_backfill(place: &impl Place) {
    let store = open(place, Terms::default());
    assert_eq!(next(&store).await, 0, "an unknown track");
    for (n, missing) in [(5, 0), (0, 1), (2, 1), (1, 3), (4, 3), (3, 6), (6, 7)] {
        put(&store, n).await.unwrap();
        assert_eq!(next(&store).await, missing, "after {n}");
    }
    assert_eq!(next(&again(place, store).await).await, 7);
}

async fn a_span_finds_what_overlaps_it(place: &impl Place) {
    let store = open(place, Terms::default());
    for n in 0..300 {
        put(&store, n).await.unwrap();
    }
    let found = async |from, to| {
        stored(&store, all(from, to)).await.iter().map(|s| s.header.number).collect::<Vec<_>>()
    };
    assert_eq!(found(Micros(0), Micros::MAX).await, (0..300).collect::<Vec<_>>());
    assert_eq!(found(at(200_500_000), at(202_000_000)).await, [200, 201], "the end is excluded");
    assert_eq!(found(at(3_000_000), at(3_000_001)).await, [3]);
    assert!(found(at(3_000_000), at(3_000_000)).await.is_empty());
    assert!(found(at(9), T0).await.is_empty());
    assert!(found(at(300_000_000), Micros::MAX).await.is_empty());
    let page =
        store.segments(SegmentQuery { cursor: Sequence(290), ..all(Micros(0), Micros::MAX) }).await.unwrap();
    assert_eq!((page.entries.len(), page.next), (10, None));
    let stepped = Header { start_us: Micros(5), ..facts(300) };
    store.put_segment(stepped, body(300)).await.unwrap();
    assert_eq!(found(Micros(0), Micros(10)).await, [300], "a camera whose clock stepped back");
}

async fn cameras_are_counted(place: &impl Place) {
    let store = open(place, Terms::default());
    for n in 0..3 {
        put(&store, n).await.unwrap();
    }
    let fast = Header { camera_id: CameraId([9; 32]), start_us: at(40_000_000), ..facts(0) };
    store.put_segment(Header { received_us: T0, ..fast }, body(0)).await.unwrap();
    let track = |segments, newest_us| TrackStatus { track: TRACK, segments, bytes: 9 * segments, newest_us };
    let slow = CameraTotals {
        camera_id: CAMERA,
        newest_us: Some(at(2_000_000)),
        clock_offset_ms: 5,
        tracks: vec![track(3, at(2_000_000))],
    };
    let fast = CameraTotals {
        camera_id: CameraId([9; 32]),
        newest_us: Some(at(40_000_000)),
        clock_offset_ms: -40_000,
        tracks: vec![track(1, at(40_000_000))],
    };
    assert_eq!(store.cameras().await.unwrap(), [slow, fast]);
}

async fn policies_follow_one_another_under_one_owner(place: &impl Place) {
    let store = open(place, Terms::default());
    let (camera, owner, thief) = (key(1), key(2), key(3));
    let id = camera_of(&camera);
    let enrolled = enrollment(&camera, &owner);
    let first = policy(id, &owner, 1, [0; 32], 7);
    let second = policy(id, &owner, 2, first.hash(), 9);
    assert_eq!(store.policy(id, None).await.unwrap(), None);
    for what in ["first", "sent again"] {
        store.put_policy(&enrolled, &bundle(&first), T0).await.expect(what);
    }
    for (what, stale) in [
        ("a hole", policy(id, &owner, 3, first.hash(), 7)),
        ("another first", policy(id, &owner, 1, [0; 32], 8)),
        ("another past", policy(id, &owner, 2, [9; 32], 7)),
    ] {
        let error = store.put_policy(&enrolled, &bundle(&stale), T0).await.unwrap_err();
        assert!(matches!(error, StoreError::StalePolicy { held: 1, .. }), "{what}: {error}");
    }
    let stolen = bundle(&policy(id, &thief, 2, first.hash(), 7));
    let error = store.put_policy(&enrolled, &stolen, T0).await.unwrap_err();
    assert!(matches!(error, StoreError::BadSignature(_)), "{error}");
    let error = store.put_policy(&enrollment(&camera, &thief), &stolen, T0).await.unwrap_err();
    assert!(matches!(error, StoreError::OtherOwner), "{error}");
    store.put_policy(&enrolled, &bundle(&second), T0).await.unwrap();

    let store = again(place, store).await;
    let newest = store.policy(id, None).await.unwrap().unwrap();
    assert_eq!(newest, HeldPolicy { enrollment: enrolled, bundle: bundle(&second) });
    assert_eq!(store.policy(id, Some(first.hash())).await.unwrap().unwrap().bundle, bundle(&first));
    assert_eq!(store.policy(id, Some([1; 32])).await.unwrap(), None);
    assert_eq!(store.cameras().await.unwrap().len(), 1, "enrolled, and no footage yet");
}

async fn epoch_opens_are_found_by_time_and_outlive_their_segments(place: &impl Place) {
    let store = open(place, Terms::default());
    let camera = key(1);
    let id = camera_of(&camera);
    for n in 0..20 {
        store.put_epoch_open(&epoch(&camera, n), T0).await.unwrap();
    }
    store.put_epoch_open(&epoch(&camera, 3), at(1)).await.expect("sent again");
    let other = store.put_epoch_open(&epoch_of(&camera, 3, 59_000), T0).await.unwrap_err();
    assert!(matches!(other, StoreError::Taken { what: "EpochOpen", number: 3 }), "{other}");
    assert_eq!(store.newest_epoch(id, TRACK).await.unwrap(), Some(EpochNo(19)));
    assert_eq!(store.newest_epoch(id, TrackId(TRACK.0 + 1)).await.unwrap(), None);
    let found = store.epoch_opens(id, TRACK, at(179_999_999), at(900_000_000), EpochNo(0), 4).await.unwrap();
    assert_eq!((numbers(&found), found.more), (vec![2, 3, 4, 5], true));
    let found = store.epoch_opens(id, TRACK, at(179_999_999), at(900_000_000), EpochNo(13), 4).await.unwrap();
    assert_eq!((numbers(&found), found.more), (vec![13, 14], false));
    let found = store.epoch_opens(id, TRACK, at(1_080_000_000), Micros::MAX, EpochNo(0), 4).await.unwrap();
    assert_eq!((numbers(&found), found.more), (vec![18, 19], false));

    // Backfilled twenty days after its EpochOpen came.
    let segment = Header { camera_id: id, epoch_no: EpochNo(2), ..facts(0) };
    let segment = Header { received_us: at(20 * DAY_US), ..segment };
    store.put_segment(segment, body(0)).await.unwrap();
    store.sweep(at(40 * DAY_US)).await.unwrap();
    let found = store.epoch_opens(id, TRACK, Micros(0), Micros::MAX, EpochNo(0), 64).await.unwrap();
    assert!(numbers(&found).contains(&2), "{:?}", numbers(&found));
    store.sweep(at(51 * DAY_US)).await.unwrap();
    assert!(
        store.epoch_opens(id, TRACK, Micros(0), Micros::MAX, EpochNo(0), 64).await.unwrap().opens.is_empty()
    );
}

async fn objects_stay_whatever_the_video_does(place: &impl Place) {
    let store = open(place, Terms { quota_bytes: Some(8000), ..Terms::default() });
    let day = Day(19_000);
    store.put_day_notice(CAMERA, day, Bytes::from_static(b"notice"), T0).await.unwrap();
    let other = store.put_day_notice(CAMERA, day, Bytes::from_static(b"other"), T0).await.unwrap_err();
    assert!(matches!(other, StoreError::Taken { what: "DayNotice", number: 19_000 }), "{other}");
    // The same again is no error; what is not newer does not take its place.
    for (number, said) in [(5, "first"), (9, "later"), (9, "later")] {
        store.put_settings(CAMERA, number, said.into(), T0).await.unwrap();
    }
    for (number, said) in [(9, "other"), (8, "older"), (5, "first")] {
        let refused = store.put_settings(CAMERA, number, said.into(), T0).await.unwrap_err();
        assert!(matches!(refused, StoreError::Taken { what: "settings", .. }), "{refused}");
    }
    for (name, bytes) in [("b.example", "first"), ("a.example", "keys"), ("b.example", "second")] {
        store.put_day_keys(name, day, bytes.as_bytes(), T0).await.unwrap();
    }
    store.put_day_keys("a.example", Day(19_001), b"tomorrow", T0).await.unwrap();
    for n in 0..120 {
        put(&store, n).await.unwrap();
    }
    store.sweep(at(999 * DAY_US)).await.unwrap();
    let store = again(place, store).await;
    assert_eq!(store.day_notice(CAMERA, day).await.unwrap().as_deref(), Some(&b"notice"[..]));
    assert_eq!(store.day_notice(CAMERA, Day(1)).await.unwrap(), None);
    assert_eq!(store.settings(CAMERA).await.unwrap().as_deref(), Some(&b"later"[..]));
    assert_eq!(store.settings(CameraId([1; 32])).await.unwrap(), None);
    let keys = store.day_keys(day).await.unwrap();
    let keys: Vec<_> = keys.iter().map(|k| (k.name.as_str(), k.bytes.as_slice())).collect();
    assert_eq!(keys, [("a.example", &b"keys"[..]), ("b.example", &b"second"[..])]);
}

async fn footage_goes_after_its_owners_days(place: &impl Place) {
    let store = open(place, Terms::default());
    let owner = key(9);
    for (n, days) in [(1u8, 1), (2, 7)] {
        let (camera, id) = (key(n), camera_of(&key(n)));
        let first = bundle(&policy(id, &owner, 1, [0; 32], days));
        store.put_policy(&enrollment(&camera, &owner), &first, T0).await.unwrap();
        store.put_segment(Header { camera_id: id, ..facts(0) }, body(0)).await.unwrap();
    }
    let of = |n| SegmentQuery { camera_id: camera_of(&key(n)), ..all(Micros(0), Micros::MAX) };
    let held = stored(&store, of(1)).await[0];
    assert_eq!(store.sweep(at(DAY_US - 1)).await.unwrap().segments, 0, "never less than its days");
    assert_eq!(store.sweep(at(2 * DAY_US)).await.unwrap().segments, 1);
    assert_eq!((stored(&store, of(1)).await.len(), stored(&store, of(2)).await.len()), (0, 1));
    assert!(matches!(store.read_segment(&held).await, Err(StoreError::Gone)), "held by a slow reader");
    // The owner changes their mind: footage that is there already obeys.
    let (camera, id) = (key(2), camera_of(&key(2)));
    let second = policy(id, &owner, 2, policy(id, &owner, 1, [0; 32], 7).hash(), 1);
    store.put_policy(&enrollment(&camera, &owner), &bundle(&second), T0).await.unwrap();
    assert_eq!(store.sweep(at(2 * DAY_US)).await.unwrap().segments, 1);
    let store = again(place, store).await;
    assert_eq!(store.next_missing(id, TRACK).await.unwrap(), Sequence(1), "what was complete stays known");
    assert_eq!(store.policy(id, None).await.unwrap().unwrap().bundle, bundle(&second), "policies stay");
}

async fn a_quota_refuses_or_drops_the_oldest(place: &impl Place) {
    let terms = Terms { quota_bytes: Some(4000), ..Terms::default() };
    let store = open(place, Terms { when_full: WhenFull::Refuse, ..terms });
    let mut n = 0;
    let error = loop {
        match put(&store, n).await {
            Ok(()) => n += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Full(_)), "{error}");
    assert_eq!(sequences(&store).await, (0..n).collect::<Vec<_>>());
    put(&store, 0).await.expect("what is there already needs no room");
    let notice = store.put_day_notice(CAMERA, Day(1), Bytes::from_static(b"notice"), T0).await;
    notice.expect("a quota is for footage");
    store.close().await;

    let store = open(place, terms);
    for n in n..n + 100 {
        put(&store, n).await.unwrap();
        assert!(store.used_bytes() <= 4000, "after {n}");
    }
    let left = sequences(&store).await;
    assert!(left.len() > 20, "no more went than had to: {}", left.len());
    assert_eq!(left, (left[0]..n + 100).collect::<Vec<_>>(), "the oldest went");
    assert!(left[0] > 0);
    assert_eq!(next(&store).await, n + 100);
}

async fn many_may_write_at_once(place: &impl Place) {
    let store = open(place, Terms::default());
    let writes = (0..100).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { put(&store, n).await })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap().unwrap();
    }
    assert_eq!(sequences(&store).await, (0..100).collect::<Vec<_>>());
}

/// Sequence `n`: second `n` of the track, five segments to an epoch.
pub fn facts(n: u64) -> Header {
    Header {
        epoch_no: EpochNo(n / 5),
        k: u32::try_from(n % 5).unwrap(),
        start_us: at(n * 1_000_000),
        duration_us: 1_000_000,
        ..Header::new(Kind::Segment, CAMERA, n, at(n * 1_000_000 + 5_000))
    }
}

/// What a header says, whatever its body is.
pub fn without_body(header: Header) -> Header {
    Header { length: 0, body_crc: 0, ..header }
}

pub fn body(n: u64) -> Bytes {
    Bytes::from(format!("segment {n}"))
}

pub async fn put(store: &Store, n: u64) -> Result<(), StoreError> {
    store.put_segment(facts(n), body(n)).await
}

/// So many microseconds after [`T0`].
pub fn at(us: u64) -> Micros {
    T0.after(Duration::from_micros(us))
}

pub fn all(from_us: Micros, to_us: Micros) -> SegmentQuery {
    SegmentQuery { camera_id: CAMERA, track: TRACK, from_us, to_us, cursor: Sequence(0) }
}

pub async fn stored(store: &Store, mut query: SegmentQuery) -> Vec<Entry> {
    let mut segments = Vec::new();
    loop {
        let page = store.segments(query).await.unwrap();
        segments.extend(page.entries);
        match page.next {
            Some(next) => query.cursor = Sequence(next),
            None => return segments,
        }
    }
}

/// The sequences that are stored, each read back and compared.
pub async fn sequences(store: &Store) -> Vec<u64> {
    let mut found = Vec::new();
    for segment in stored(store, all(Micros(0), Micros::MAX)).await {
        let n = segment.header.number;
        assert_eq!(store.read_segment(&segment).await.unwrap(), body(n), "the bytes of {n}");
        found.push(n);
    }
    found
}

pub async fn next(store: &Store) -> u64 {
    store.next_missing(CAMERA, TRACK).await.unwrap().0
}

pub fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

pub fn camera_of(camera: &SigningKey) -> CameraId {
    CameraId::of_key(&camera.verifying_key().to_bytes())
}

pub fn enrollment(camera: &SigningKey, owner: &SigningKey) -> Vec<u8> {
    let (camera_pk, owner_root_pk) = (camera.verifying_key().to_bytes(), owner.verifying_key().to_bytes());
    let camera_consent = CameraConsent::sign(camera, &owner_root_pk, [5; 32]);
    Enrollment { camera_pk, owner_root_pk, created: Seconds(1), firmware_hash: [0; 32], camera_consent }
        .sign(owner)
}

pub fn policy(
    camera: CameraId,
    owner: &SigningKey,
    version: u32,
    prev_hash: [u8; 32],
    days: u16,
) -> SignedOwnerPolicy {
    OwnerPolicy {
        camera_id: camera,
        version,
        prev_hash,
        epoch_len_s: 60,
        t: 0,
        trustees: Vec::new(),
        recipients: Vec::new(),
        classes: Classes::default(),
        retention_days: days,
        log_policy_hash: [1; 32],
        policy_doc_hash: [2; 32],
        day_key_max_secs: 8_640_000,
        recovery_pk: [0; 32],
        audit_pk: vec![0; 1216],
    }
    .sign(owner)
    .unwrap()
}

pub fn bundle(policy: &SignedOwnerPolicy) -> PolicyBundle {
    PolicyBundle { policy: policy.bytes().to_vec(), leaf: b"leaf".to_vec(), proof: b"proof".to_vec() }
}

pub fn epoch(camera: &SigningKey, n: u64) -> SignedEpochOpen {
    epoch_of(camera, n, 60_000)
}

pub fn epoch_of(camera: &SigningKey, n: u64, dur_ms: u32) -> SignedEpochOpen {
    let context = EpochContext {
        camera_id: camera_of(camera),
        track: TRACK,
        epoch_no: EpochNo(n),
        start_us: at(n * 60_000_000),
        dur_ms,
        policy_hash: [3; 32],
        notice_commit: [4; 32],
        t: 0,
        n: 0,
    };
    let open = EpochOpen {
        context,
        key_commit: [6; 32],
        share_commits: Vec::new(),
        shares: Vec::new(),
        wraps: Vec::new(),
        previous: None,
        lost: Vec::new(),
        receipt: None,
    };
    open.sign(camera)
}

pub fn numbers(opens: &EpochOpens) -> Vec<u64> {
    let number = |bytes: &Bytes| SignedEpochOpen::decode(bytes).unwrap().unverified().context.epoch_no.0;
    opens.opens.iter().map(number).collect()
}
