//! Live: bytes as they come, to each viewer at its own pace.

use crate::world::{DEVICE, End, GUEST, OWNER, TRACK, World, bundle, soon};
use media::message::{Control, From, RefusalCode, Request, Response};
use media::pair::HeldPolicy;
use media::policy::Role;
use media::segment::{HEADER_LEN, SegmentHeader};
use quic::{SegmentRecv, StreamError};

/// A viewer's next whole segment.
async fn whole(viewer: &End) -> Vec<u8> {
    let stream = soon(viewer.link.accept_segment()).await.unwrap();
    read(stream).await.unwrap()
}

async fn read(mut stream: SegmentRecv) -> Result<Vec<u8>, StreamError> {
    let mut all = Vec::new();
    while let Some(chunk) = soon(stream.read_chunk(64 << 10)).await? {
        all.extend_from_slice(&chunk);
    }
    Ok(all)
}

#[tokio::test]
async fn a_viewer_sees_fragments_before_the_segment_ends_and_then_the_same_bytes() {
    let world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    let mut viewer = world.connect(DEVICE).await;
    let ok = Control::SubscribeOk { camera_id: camera.id(), track: TRACK };
    assert_eq!(viewer.subscribe(camera.id(), From::NextSegment).await, ok);
    let segment = camera.film(&[b"first", b"second"]);
    let cut = HEADER_LEN + 8 + 5;
    let mut sending = end.link.open_segment(0).await.unwrap();
    sending.write(&segment.bytes[..cut]).await.unwrap();
    let mut stream = soon(viewer.link.accept_segment()).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < cut {
        seen.extend_from_slice(&soon(stream.read_chunk(1024)).await.unwrap().unwrap());
    }
    assert_eq!(seen, segment.bytes[..cut], "the first fragment is here while the segment is open");

    // A second viewer gets the past fragments of the segment that is open.
    let mut late = world.connect(GUEST).await;
    assert_eq!(late.subscribe(camera.id(), From::NewestKeyFrame).await, ok);
    let late_stream = soon(late.link.accept_segment()).await.unwrap();
    sending.write(&segment.bytes[cut..]).await.unwrap();
    sending.finish().unwrap();
    seen.extend_from_slice(&read(stream).await.unwrap());
    assert_eq!(seen, segment.bytes);
    assert_eq!(read(late_stream).await.unwrap(), segment.bytes);
    assert!(matches!(end.hear().await, Control::Ack { .. }));
}

#[tokio::test]
async fn a_segment_that_turns_out_bad_is_reset_for_every_viewer() {
    let world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    let mut viewer = world.connect(DEVICE).await;
    viewer.subscribe(camera.id(), From::NextSegment).await;
    let segment = camera.film(&[b"first", b"second"]);
    let mut bad = segment.bytes.clone();
    bad[HEADER_LEN + 8] ^= 1;
    let mut sending = end.link.open_segment(0).await.unwrap();
    sending.write(&bad[..bad.len() - 1]).await.unwrap();
    let stream = soon(viewer.link.accept_segment()).await.unwrap();
    sending.write(&bad[bad.len() - 1..]).await.unwrap();
    sending.finish().unwrap();
    assert!(matches!(end.hear().await, Control::Nack { .. }));
    assert_eq!(read(stream).await, Err(StreamError::Abandoned));
}

#[tokio::test]
async fn a_stalled_viewer_delays_nobody_and_jumps_to_the_newest_when_it_reads_again() {
    const SEGMENTS: usize = 24;
    let world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    let (mut quick, mut stalled) = (world.connect(DEVICE).await, world.connect(OWNER).await);
    quick.subscribe(camera.id(), From::NextSegment).await;
    stalled.subscribe(camera.id(), From::NextSegment).await;
    for _ in 0..SEGMENTS {
        // More in all than a connection's window: who does not read stops being sent to.
        let segment = camera.film_bytes(1 << 20);
        end.stored(&segment).await;
        assert_eq!(whole(&quick).await, segment.bytes, "nobody waits for the stalled viewer");
    }
    // What it did not take in time was reset for it alone; it goes on with a newer key frame, and
    // in order.
    let (mut resets, mut seen) = (0, Vec::new());
    let newest = loop {
        let newest = camera.film_bytes(1 << 10);
        end.stored(&newest).await;
        assert_eq!(whole(&quick).await, newest.bytes);
        while let Ok(stream) = tokio::time::timeout(relay::GRACE, stalled.link.accept_segment()).await {
            match read(stream.unwrap()).await {
                Ok(bytes) => seen.push(SegmentHeader::decode(&bytes[..HEADER_LEN]).unwrap().sequence),
                Err(StreamError::Abandoned) => resets += 1,
                Err(error) => panic!("{error}"),
            }
            if seen.last() == Some(&newest.header.sequence) {
                break;
            }
        }
        if seen.last() == Some(&newest.header.sequence) {
            break newest;
        }
        assert!(newest.header.sequence.0 < 100, "the stalled viewer never came to the newest segment");
    };
    assert!(seen.is_sorted(), "{seen:?}");
    let skipped = newest.header.sequence.0 + 1 - seen.len() as u64;
    assert!(skipped > 0, "nothing was skipped: the viewer was not behind");
    assert!(resets <= skipped);
}

#[tokio::test]
async fn a_viewer_that_the_owner_removes_is_told_and_sees_no_further_segment() {
    let world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    let mut guest = world.connect(GUEST).await;
    guest.subscribe(camera.id(), From::NextSegment).await;
    end.stored(&camera.film(&[b"one"])).await;
    whole(&guest).await;

    let owner = world.connect(OWNER).await;
    let (enrollment, policy) = camera.enrollment(2, camera.policy_hash, &[(DEVICE, Role::Admin)]);
    let put = Request::PutPolicy(HeldPolicy { enrollment, bundle: bundle(&policy) });
    assert_eq!(owner.call(&put).await, Response::Ok);
    let changed = Control::Changed { camera_id: camera.id() };
    assert_eq!(end.hear().await, changed, "the camera is told at once");

    end.stored(&camera.film(&[b"two"])).await;
    match guest.hear().await {
        Control::Refuse(refusal) => assert_eq!(refusal.code, RefusalCode::NotAllowed),
        other => panic!("{other:?}"),
    }
    let fetch = guest.link.fetch_segments(&crate::world::fetch(camera.id(), 0)).await;
    assert!(fetch.is_err());
}

#[tokio::test]
async fn backfill_is_not_live() {
    let world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    let segments: Vec<_> = (0..3).map(|n| camera.film(&[&[n; 10]])).collect();
    let mut viewer = world.connect(DEVICE).await;
    viewer.subscribe(camera.id(), From::NextSegment).await;
    for at in [1, 0, 2] {
        end.stored(&segments[at]).await;
    }
    assert_eq!(whole(&viewer).await, segments[1].bytes);
    assert_eq!(whole(&viewer).await, segments[2].bytes);
}
