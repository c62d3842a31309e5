//! Published, acknowledged, fetched: the same bytes.

use crate::world::{CAMERA, Camera, DEVICE, OWNER, SECOND, SPONSOR, TRACK, World, soon};
use ed25519_dalek::SigningKey;
use media::epoch::SealedShare;
use media::id::{Day, EpochNo, Sequence};
use media::message::{Control, RefusalCode, Request, Response};
use media::notice::{self, DayNotice, HeldNotice};
use media::segment::SegmentQuery;
use media::time::Micros;
use quic::LinkError;
use std::time::Duration;

#[tokio::test]
async fn what_was_acknowledged_is_signed_so_that_a_camera_can_show_it_to_others() {
    let world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    let mut sent = Vec::new();
    for _ in 0..3 {
        sent.push(camera.film(&[b"x"]));
        end.stored(&sent[sent.len() - 1]).await;
    }
    let receipt = loop {
        if let Control::Receipt(receipt) = soon(end.control.next()).await.unwrap().unwrap() {
            break receipt;
        }
    };
    let receipt = receipt.verify().unwrap();
    assert_eq!((receipt.relay_key, receipt.camera_id, receipt.track), (world.at().key.0, camera.id(), TRACK));
    let ranges: Vec<_> = receipt.acknowledged.iter().map(|it| (it.first, it.last)).collect();
    assert_eq!(ranges, [(sent[0].header.sequence, sent[2].header.sequence)]);
    assert_eq!((receipt.epoch_no, receipt.k), (sent[2].header.epoch_no, sent[2].header.k));
}

#[tokio::test]
async fn what_was_acknowledged_is_fetched_byte_for_byte_and_in_order() {
    let world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    let mut sent = Vec::new();
    for n in 0..5 {
        if n == 3 {
            end.put_epoch(&mut camera).await;
        }
        let segment = camera.film(&[b"moof", &[n; 70_000], b"mdat"]);
        end.stored(&segment).await;
        sent.push(segment);
    }
    let device = world.connect(DEVICE).await;
    let fetched = device.fetch(camera.id(), 0).await;
    assert_eq!(fetched.len(), 5);
    for (segment, (received_us, bytes)) in sent.iter().zip(&fetched) {
        assert_eq!(segment.bytes, bytes[..]);
        assert!(*received_us > Micros(0));
    }
    assert_eq!(device.fetch(camera.id(), 3).await.len(), 2, "from a cursor on");
    // A range gives what overlaps it and nothing else.
    let from_us = sent[1].header.start_us;
    let range = SegmentQuery {
        camera_id: camera.id(),
        track: TRACK,
        from_us,
        to_us: from_us.after(Duration::from_micros(SECOND)),
        cursor: Sequence(0),
    };
    let mut segments = soon(device.link.fetch_segments(&range)).await.unwrap();
    assert_eq!(segments.next().await.unwrap().unwrap().1, sent[1].bytes);
    assert_eq!(segments.next().await.unwrap(), None);
    let epochs = Request::FetchEpochs {
        camera_id: camera.id(),
        track: TRACK,
        from_us: Micros(0),
        to_us: Micros::MAX,
        cursor: EpochNo(0),
    };
    let Response::Epochs { opens, more: false } = device.call(&epochs).await else { panic!() };
    assert_eq!(opens.len(), 2);
}

#[tokio::test]
async fn backfill_arrives_out_of_order_and_the_relay_says_what_is_missing() {
    let world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    let segments: Vec<_> = (0..4).map(|n| camera.film(&[&[n; 10]])).collect();
    for at in [0, 3, 1, 2] {
        end.stored(&segments[at]).await;
    }
    end.publishes(&camera, 4).await;
    assert_eq!(world.connect(OWNER).await.fetch(camera.id(), 0).await.len(), 4);
}

#[tokio::test]
async fn a_camera_whose_clock_is_off_is_stored_and_the_difference_is_shown() {
    let world = World::new().await;
    let mut camera = crate::world::Camera::new(CAMERA);
    world.enroll(&camera, &[(DEVICE, media::policy::Role::Admin)]).await;
    let (_, policy) = camera.enrollment(1, [0; 32], &[(DEVICE, media::policy::Role::Admin)]);
    camera.policy_hash = policy.hash();
    camera.now_us -= 90 * SECOND;
    let mut end = world.connect(CAMERA).await;
    end.put_epoch(&mut camera).await;
    end.publish(camera.id()).await;
    end.stored(&camera.film(&[b"x"])).await;
    let device = world.connect(DEVICE).await;
    let Response::Cameras(cameras) = device.call(&Request::ListCameras).await else { panic!() };
    assert_eq!(cameras.len(), 1);
    let [track] = cameras[0].tracks[..] else { panic!("{cameras:?}") };
    assert_eq!((cameras[0].online, track.track, track.segments), (true, TRACK, 1));
    assert_eq!(Some(track.newest_us), cameras[0].newest_us);
    assert!((90_000..120_000).contains(&cameras[0].clock_offset_ms), "{}", cameras[0].clock_offset_ms);
}

#[tokio::test]
async fn of_two_publishers_with_one_identity_the_newer_wins_and_the_older_is_told() {
    let world = World::with(|config| config.http = Some("127.0.0.1:0".parse().unwrap())).await;
    let (mut camera, mut first) = world.camera().await;
    first.stored(&camera.film(&[b"x"])).await;
    let mut second = world.connect(CAMERA).await;
    second.publishes(&camera, 1).await;
    match soon(first.link.closed()).await {
        LinkError::Refused(refusal) => assert_eq!(refusal.code, RefusalCode::Replaced),
        other => panic!("{other}"),
    }
    second.stored(&camera.film(&[b"y"])).await;
    // The older one's leaving does not take the newer one's place.
    let device = world.connect(DEVICE).await;
    let Response::Cameras(cameras) = device.call(&Request::ListCameras).await else { panic!() };
    assert!(cameras[0].online);
    let fetch = host::http::Fetch::new(host::http::FetchLimits::default());
    let page = fetch.get(&format!("http://{}/status", world.at().http.unwrap())).await.unwrap();
    let page: serde_json::Value = serde_json::from_slice(&page.body).unwrap();
    assert_eq!(page["cameras"][0]["replaced"], 1);
    assert_eq!(page["cameras"][0]["online"], true);
}

const DAY: Day = Day(20_000);
const NOTICE_KEY: [u8; 32] = [8; 32];

/// The camera's notice of the day, sealed to so many trustees.
fn held(camera: &Camera, key: &SigningKey, slots: std::ops::Range<u8>) -> HeldNotice {
    let slots = slots.map(|n| SealedShare { day_key_id: [n; 32], sealed: vec![n; 40] }).collect();
    let notice_commit = notice::commit(&NOTICE_KEY);
    let notice = DayNotice { camera_id: camera.id(), day: DAY, notice_commit, slots };
    HeldNotice { notice_key: NOTICE_KEY, notice: notice.sign(key) }
}

#[tokio::test]
async fn a_day_notice_is_for_owner_and_sponsor() {
    let world = World::new().await;
    let (camera, end) = world.camera().await;
    let held = held(&camera, &camera.key, 0..3);
    assert_eq!(end.call(&Request::PutDayNotice(held.clone())).await, Response::Ok);
    assert_eq!(end.call(&Request::PutDayNotice(held.clone())).await, Response::Ok);
    let get = Request::GetDayNotice { camera_id: camera.id(), day: DAY };
    for seed in [OWNER, DEVICE, SPONSOR] {
        assert_eq!(world.connect(seed).await.call(&get).await, Response::Object(held.notice.clone()));
    }
    let guest = world.connect(crate::world::GUEST).await;
    assert_eq!(guest.refused(&get).await, RefusalCode::NotAllowed);
    let forged = self::held(&camera, &crate::world::key(99), 0..3);
    assert_eq!(end.refused(&Request::PutDayNotice(forged)).await, RefusalCode::BadSignature);
    let other_key = HeldNotice { notice_key: [9; 32], ..held };
    assert_eq!(end.refused(&Request::PutDayNotice(other_key)).await, RefusalCode::Malformed);
}

#[tokio::test]
async fn a_day_notice_only_grows() {
    let world = World::new().await;
    let (camera, end) = world.camera().await;
    let device = world.connect(DEVICE).await;
    let get = Request::GetDayNotice { camera_id: camera.id(), day: DAY };
    // At pairing the camera has no trustee's key yet; what is sent again with fewer changes nothing.
    for (slots, stands) in [(0..0, 0..0), (0..3, 0..3), (0..2, 0..3), (0..0, 0..3), (0..5, 0..5)] {
        let put = Request::PutDayNotice(held(&camera, &camera.key, slots));
        assert_eq!(end.call(&put).await, Response::Ok);
        let stands = held(&camera, &camera.key, stands).notice;
        assert_eq!(device.call(&get).await, Response::Object(stands));
    }
    let without_one = Request::PutDayNotice(held(&camera, &camera.key, 1..9));
    assert_eq!(end.refused(&without_one).await, RefusalCode::SequenceTaken);
    // Its own the camera reads back, to go on from.
    assert_eq!(end.call(&get).await, Response::Object(held(&camera, &camera.key, 0..5).notice));
}

/// A sponsor had the notice key of each day of any camera that it knew, and so every leaf about it.
#[tokio::test]
async fn a_sponsor_is_given_labels_of_its_own_drafts_and_no_notice_key() {
    let world = World::with(|config| {
        (config.limits.opens_per_minute, config.limits.opens_at_once) = (1, 4);
    })
    .await;
    let (camera, end) = world.camera().await;
    let put = Request::PutDayNotice(held(&camera, &camera.key, 0..3));
    assert_eq!(end.call(&put).await, Response::Ok);
    let (camera_id, draft) = (camera.id(), [5; 32]);
    let sponsor = world.connect(SPONSOR).await;
    let get = Request::GetLabel { camera_id, day: DAY, draft };
    let Response::Object(label) = sponsor.call(&get).await else { panic!() };
    let id = notice::draft_id(crate::world::key(SPONSOR).verifying_key().as_bytes(), &draft);
    assert_eq!(label, notice::label(&NOTICE_KEY, &id));
    // The same draft by another hand is another leaf; and no draft leads to an id that is in the log.
    let others = notice::draft_id(crate::world::key(OWNER).verifying_key().as_bytes(), &draft);
    assert_ne!(others, id);
    assert_ne!(label, notice::label(&NOTICE_KEY, &draft[..16].try_into().unwrap()));
    let Response::Object(shown) = sponsor.call(&Request::GetDayNotice { camera_id, day: DAY }).await else {
        panic!()
    };
    assert!(!shown.windows(32).any(|window| window == NOTICE_KEY), "the key is not in what it is shown");
    // Labels are for who asks, counted, and of days that the camera gave out.
    for seed in [OWNER, DEVICE, CAMERA] {
        assert_eq!(world.connect(seed).await.refused(&get).await, RefusalCode::NotAllowed);
    }
    let other_day = Request::GetLabel { camera_id, day: Day(DAY.0 + 1), draft };
    assert_eq!(sponsor.refused(&other_day).await, RefusalCode::NotFound);
    assert!(matches!(sponsor.call(&get).await, Response::Object(_)));
    assert!(matches!(sponsor.call(&get).await, Response::Object(_)));
    assert_eq!(sponsor.refused(&get).await, RefusalCode::Quota);
}
