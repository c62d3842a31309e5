//! Segments that must not stand, each by its own name; the session survives every one of them.

use crate::world::{CAMERA, Camera, DEVICE, World, key, signed};
use media::codec::Writer;
use media::epoch::SignedEpochOpen;
use media::id::{CameraId, EpochNo, Sequence, TrackId};
use media::message::{Control, RefusalCode, Request};
use media::segment::{HEADER_LEN, SegmentHeader};
use media::time::Micros;

#[tokio::test]
async fn forged_replayed_reordered_duplicated_and_cut_segments_are_each_named() {
    let world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    let first = camera.film(&[b"one", b"two"]);
    end.stored(&first).await;
    let chain = camera.chain();
    let honest = camera.film(&[b"three", b"four"]);
    let sequence = honest.header.sequence;
    let with = |change: &dyn Fn(&mut SegmentHeader)| {
        let mut header = honest.header;
        change(&mut header);
        header
    };

    // Forged: a fragment, the header, the signature, another's signature.
    let mut fragment = honest.bytes.clone();
    fragment[HEADER_LEN + 8] ^= 1;
    assert_eq!(end.nacked(&fragment, sequence).await, RefusalCode::BadSignature);
    let mut moved = honest.bytes.clone();
    moved[..HEADER_LEN].copy_from_slice(&with(&|h| h.start_us.0 += 1).encode());
    assert_eq!(end.nacked(&moved, sequence).await, RefusalCode::BadSignature);
    let mut signature = honest.bytes.clone();
    *signature.last_mut().unwrap() ^= 1;
    assert_eq!(end.nacked(&signature, sequence).await, RefusalCode::BadSignature);
    let (others, _) = signed(&key(99), &honest.header, &chain, &[b"three", b"four"]);
    assert_eq!(end.nacked(&others, sequence).await, RefusalCode::BadSignature);
    // Signed by the camera, but not after the segment before.
    let (unchained, _) = signed(&camera.key, &honest.header, &camera.chain(), &[b"three", b"four"]);
    assert_eq!(end.nacked(&unchained, sequence).await, RefusalCode::BadSignature);

    // Re-attributed: to another camera, to another track, to an epoch that nobody opened.
    let other = with(&|h| h.camera_id = CameraId([9; 32]));
    let (bytes, _) = signed(&camera.key, &other, &chain, &[b"x"]);
    assert_eq!(end.nacked(&bytes, sequence).await, RefusalCode::WrongCamera);
    let (bytes, _) = signed(&camera.key, &with(&|h| h.track = TrackId(1)), &chain, &[b"x"]);
    end.send(&bytes).await;
    match end.hear().await {
        Control::Nack { track: TrackId(1), refusal, .. } => assert_eq!(refusal.code, RefusalCode::NotAllowed),
        other => panic!("{other:?}"),
    }
    let (bytes, _) = signed(&camera.key, &with(&|h| h.epoch_no = EpochNo(9)), &chain, &[b"x"]);
    assert_eq!(end.nacked(&bytes, sequence).await, RefusalCode::NotFound);

    // Replayed under a new sequence, as it was and signed again; reordered.
    let mut replayed = first.bytes.clone();
    replayed[..HEADER_LEN].copy_from_slice(&SegmentHeader { sequence: Sequence(7), ..first.header }.encode());
    assert_eq!(end.nacked(&replayed, Sequence(7)).await, RefusalCode::BadSignature);
    let again = SegmentHeader { sequence: Sequence(7), ..first.header };
    let open = SignedEpochOpen::decode(&Camera::new(CAMERA).next_epoch()).unwrap();
    assert_eq!(open.unverified().context.epoch_no, EpochNo(0));
    let start = start_of(&world, &camera).await;
    let (bytes, _) = signed(&camera.key, &again, &start, &[b"one", b"two"]);
    assert_eq!(end.nacked(&bytes, Sequence(7)).await, RefusalCode::OutOfOrder);

    // Duplicated: the same is acknowledged again, another one under its sequence is not.
    end.stored(&first).await;
    let (bytes, _) = signed(&camera.key, &first.header, &start, &[b"other"]);
    assert_eq!(end.nacked(&bytes, first.header.sequence).await, RefusalCode::SequenceTaken);

    // Truncated, continued, with a hole.
    for cut in [HEADER_LEN, HEADER_LEN + 3, honest.bytes.len() - 1] {
        assert_eq!(end.nacked(&honest.bytes[..cut], sequence).await, RefusalCode::Malformed, "{cut}");
    }
    let longer = [&honest.bytes[..], b"x"].concat();
    assert_eq!(end.nacked(&longer, sequence).await, RefusalCode::Malformed);
    let mut hole = honest.bytes.clone();
    hole[HEADER_LEN + 3] = 1;
    assert_eq!(end.nacked(&hole, sequence).await, RefusalCode::Malformed);

    // After all that, the honest one stands, and nothing but the honest ones.
    end.stored(&honest).await;
    let stored = world.connect(DEVICE).await.fetch(camera.id(), 0).await;
    let stored: Vec<_> = stored.iter().map(|(_, bytes)| &bytes[..]).collect();
    assert_eq!(stored, [&first.bytes[..], &honest.bytes]);
}

/// `chain_0` of the camera's epoch, as anybody computes it from the stored EpochOpen.
async fn start_of(world: &World, camera: &Camera) -> media::chain::Chain {
    let request = Request::FetchEpochs {
        camera_id: camera.id(),
        track: crate::world::TRACK,
        from_us: Micros(0),
        to_us: Micros::MAX,
        cursor: EpochNo(0),
    };
    let answer = world.connect(DEVICE).await.call(&request).await;
    let media::message::Response::Epochs { opens, .. } = answer else { panic!("{answer:?}") };
    let open = SignedEpochOpen::decode(&opens[0]).unwrap();
    media::chain::Chain::start(&open.unverified().context.hash(), &open.unverified().prev_close_hash())
}

#[tokio::test]
async fn oversized_segments_and_fragments_are_refused_without_being_read() {
    let world = World::with(|config| config.limits.segment_bytes = 100_000).await;
    let (mut camera, mut end) = world.camera().await;
    let chain = camera.chain();
    let header = camera.header();
    let big = vec![1; 60_000];
    let (bytes, _) = signed(&camera.key, &header, &chain, &[&big, &big]);
    assert_eq!(end.nacked(&bytes, header.sequence).await, RefusalCode::TooLarge);
    // A fragment that announces more than any may have.
    let mut w = Writer::new();
    w.raw(&header.encode()).u32(0).u32(u32::MAX - 1).raw(&[0; 100]);
    assert_eq!(end.nacked(&w.finish(), header.sequence).await, RefusalCode::TooLarge);
    end.stored(&camera.film(&[b"x"])).await;
}

#[tokio::test]
async fn more_than_is_received_at_once_is_refused_whatever_its_pieces_and_then_given_back() {
    let world = World::with(|config| config.limits.receiving_bytes = 10_000).await;
    let (mut camera, mut end) = world.camera().await;
    let (header, chain) = (camera.header(), camera.chain());
    let (bytes, _) = signed(&camera.key, &header, &chain, &[&[1; 12_000]]);
    assert_eq!(end.nacked(&bytes, header.sequence).await, RefusalCode::Quota);
    let mut sending = end.link.open_segment(0).await.unwrap();
    for byte in bytes.chunks(1) {
        // The relay stops the stream when it has refused it.
        if sending.write(byte).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    match end.hear().await {
        Control::Nack { refusal, .. } => assert_eq!(refusal.code, RefusalCode::Quota),
        other => panic!("{other:?}"),
    }
    for _ in 0..3 {
        end.stored(&camera.film(&[&[1; 6000]])).await;
    }
}

#[tokio::test]
async fn a_chain_is_checked_across_sessions_too() {
    let world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    end.stored(&camera.film(&[b"one"])).await;
    drop(end);
    let mut end = world.connect(CAMERA).await;
    end.publish(camera.id()).await;
    let header = camera.header();
    let wrong = media::chain::Chain([3; 32]);
    let (bytes, _) = signed(&camera.key, &header, &wrong, &[b"two"]);
    assert_eq!(end.nacked(&bytes, header.sequence).await, RefusalCode::BadSignature);
    end.stored(&camera.film(&[b"two"])).await;
}

#[tokio::test]
async fn a_segment_that_the_camera_gives_up_is_neither_stored_nor_answered() {
    let world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    let segment = camera.film(&[b"one"]);
    let mut half = end.link.open_segment(0).await.unwrap();
    half.write(&segment.bytes[..HEADER_LEN + 4]).await.unwrap();
    drop(half);
    end.stored(&segment).await;
    assert_eq!(world.connect(DEVICE).await.fetch(camera.id(), 0).await.len(), 1);
}

#[tokio::test]
async fn epoch_opens_that_are_forged_or_anothers_or_of_an_unknown_policy_are_named() {
    let world = World::new().await;
    let (mut camera, end) = world.camera().await;
    let open = camera.next_epoch();
    let mut forged = open.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(end.refused(&Request::PutEpochOpen(forged)).await, RefusalCode::BadSignature);
    assert_eq!(end.refused(&Request::PutEpochOpen(open[..40].to_vec())).await, RefusalCode::Malformed);
    let anothers = Camera::new(CAMERA + 1).next_epoch();
    assert_eq!(end.refused(&Request::PutEpochOpen(anothers)).await, RefusalCode::WrongCamera);
    let mut unknown = Camera::new(CAMERA);
    unknown.policy_hash = [5; 32];
    let unknown = unknown.next_epoch();
    assert_eq!(end.refused(&Request::PutEpochOpen(unknown)).await, RefusalCode::NotFound);
    let mut twice = Camera::new(CAMERA);
    twice.now_us += 5;
    let twice = twice.next_epoch();
    assert_eq!(end.refused(&Request::PutEpochOpen(twice)).await, RefusalCode::SequenceTaken);
}

#[tokio::test]
async fn over_its_rate_a_camera_meets_quota_and_the_session_goes_on() {
    let world = World::with(|config| config.limits.writes_per_minute = 3).await;
    let (mut camera, mut end) = world.camera().await;
    end.stored(&camera.film(&[b"x"])).await;
    end.stored(&camera.film(&[b"x"])).await;
    let third = camera.film(&[b"x"]);
    assert_eq!(end.nacked(&third.bytes, third.header.sequence).await, RefusalCode::Quota);
    assert!(!end.link.is_closed());
}
