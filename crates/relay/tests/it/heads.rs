//! Heads of stored segments: of each its first bytes as they were sent, and no more of it.

use crate::world::{
    CAMERA, Camera, DEVICE, End, GUEST, OWNER, SECOND, SPONSOR, STRANGER, World, fetch, signed, soon,
};
use media::limits;
use media::message::{RefusalCode, Request, Response};
use media::segment::{HEADER_LEN, HeadQuery, SegmentHeader, SegmentQuery, Start, StoredHead};
use media::time::Micros;
use quic::CallError;
use std::time::Duration;

fn heads(camera: &Camera, cursor: u64, pictures: bool) -> HeadQuery {
    HeadQuery { segments: fetch(camera.id(), cursor), pictures }
}

async fn fetched(end: &End, query: &HeadQuery) -> Vec<StoredHead> {
    let mut stream = soon(end.link.fetch_heads(query)).await.unwrap();
    let mut all = Vec::new();
    while let Some((received_us, head)) = soon(stream.next()).await.unwrap() {
        assert!(received_us > Micros(0));
        all.push(head);
    }
    all
}

#[tokio::test]
async fn a_head_is_the_segments_first_bytes_and_tells_how_large_and_long_it_is() {
    let world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    // Small and large fragments, and a segment that is all head.
    let fragments: [&[&[u8]]; 4] = [
        &[b"head", b"picture", b"more"],
        &[&[1; 9000], &[2; 300_000], b"more"],
        &[b"alone"],
        &[b"", b"", b""],
    ];
    let mut sent = Vec::new();
    for fragments in fragments {
        let segment = camera.film(fragments);
        end.stored(&segment).await;
        sent.push((segment, fragments));
    }
    // One that continues another has no key picture.
    let header = SegmentHeader { start: Start::Continuation, ..camera.header() };
    let (bytes, _) = signed(&camera.key, &header, &camera.chain(), &[b"head", b"delta"]);
    end.stored(&crate::world::Segment { header, bytes: bytes.clone() }).await;
    sent.push((crate::world::Segment { header, bytes }, &[b"head", b"delta"]));

    for pictures in [false, true] {
        let found = fetched(&world.connect(DEVICE).await, &heads(&camera, 0, pictures)).await;
        assert_eq!(found.len(), sent.len());
        for (head, (segment, fragments)) in found.iter().zip(&sent) {
            let wanted = if pictures && segment.header.start == Start::KeyFrame { 2 } else { 1 };
            let framed = fragments.iter().take(wanted).map(|sealed| 8 + sealed.len());
            let length = HEADER_LEN + framed.sum::<usize>();
            assert_eq!(head.bytes, segment.bytes[..length], "{}", segment.header.sequence);
            assert_eq!(head.segment_bytes as usize, segment.bytes.len());
            assert_eq!(head.duration_us, 1_000_000);
        }
    }
    let device = world.connect(DEVICE).await;
    assert_eq!(fetched(&device, &heads(&camera, 3, false)).await.len(), 2, "from a cursor on");
    let from_us = sent[1].0.header.start_us;
    let segments = SegmentQuery {
        from_us,
        to_us: from_us.after(Duration::from_micros(SECOND)),
        ..fetch(camera.id(), 0)
    };
    let range = HeadQuery { segments, pictures: false };
    let found = fetched(&device, &range).await;
    assert_eq!(found.len(), 1, "what overlaps the range and nothing else");
    assert_eq!(found[0].bytes[..HEADER_LEN], sent[1].0.header.encode());
}

#[tokio::test]
async fn an_answer_holds_no_more_than_its_bound_and_the_next_one_goes_on() {
    let world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    let most = limits::PICTURES_PER_ANSWER;
    for _ in 0..most + 3 {
        let segment = camera.film(&[b"head", b"picture"]);
        end.stored(&segment).await;
    }
    let device = world.connect(DEVICE).await;
    assert_eq!(fetched(&device, &heads(&camera, 0, true)).await.len(), most);
    assert_eq!(fetched(&device, &heads(&camera, most as u64, true)).await.len(), 3);
    assert_eq!(fetched(&device, &heads(&camera, 0, false)).await.len(), most + 3, "without pictures all fit");
}

#[tokio::test]
async fn who_may_watch_reads_heads_and_nobody_else_does() {
    let world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    end.stored(&camera.film(&[b"head", b"picture"])).await;
    for pictures in [false, true] {
        let request = heads(&camera, 0, pictures);
        for seed in [OWNER, DEVICE, GUEST] {
            assert_eq!(fetched(&world.connect(seed).await, &request).await.len(), 1, "{seed}");
        }
        // A sponsor may have the whole segments, and evidence is made of nothing less.
        for seed in [SPONSOR, STRANGER, CAMERA] {
            let peer = world.connect(seed).await;
            let refused = soon(peer.link.fetch_heads(&request)).await.unwrap_err();
            assert!(
                matches!(&refused, CallError::Refused(r) if r.code == RefusalCode::NotAllowed),
                "{seed}: {refused}"
            );
        }
    }
    // Heads where one message is expected are no answer to it, and end nothing.
    let device = world.connect(DEVICE).await;
    let error = soon(device.link.call(&Request::FetchHeads(heads(&camera, 0, false)))).await.unwrap_err();
    assert!(matches!(error, CallError::Unexpected(_)), "{error}");
    assert!(matches!(device.call(&Request::ListCameras).await, Response::Cameras(_)));
}
