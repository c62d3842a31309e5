//! Garbage on each kind of stream: a name, a closed session, and a relay that serves the next one.

use crate::world::{DEVICE, TRACK, World, soon};
use media::id::Sequence;
use media::message::{Control, RefusalCode, Request, Response};
use media::time::Micros;
use quic::LinkError;

/// A row of bytes that is no message, the same in every run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

fn malformed(error: LinkError) {
    assert!(matches!(&error, LinkError::Refused(r) if r.code == RefusalCode::Malformed), "{error}");
}

#[tokio::test]
async fn garbage_where_a_segment_should_be_ends_that_session_and_no_other() {
    let world = World::new().await;
    let device = world.connect(DEVICE).await;
    let (camera, first) = world.camera().await;
    let mut end = first;
    for (seed, length) in (1..).zip([0, 1, 71, 72, 73, 1000, 100_000]) {
        end.send(&noise(seed, length)).await;
        malformed(soon(end.link.closed()).await);
        end = world.connect(crate::world::CAMERA).await;
        end.publish(camera.id()).await;
    }
    assert!(matches!(device.call(&Request::ListCameras).await, Response::Cameras(c) if c.len() == 1));
}

#[tokio::test]
async fn messages_that_are_not_a_clients_to_send_end_the_session() {
    let world = World::new().await;
    for message in [
        Control::Ack { track: TRACK, sequence: Sequence(0) },
        Control::Welcome { version: 1, now_us: Micros(0) },
        Control::Hello { version: 1 },
    ] {
        let peer = world.connect(DEVICE).await;
        peer.link.control_send(&message).unwrap();
        malformed(soon(peer.link.closed()).await);
    }
}

#[tokio::test]
async fn a_request_over_every_limit_ends_the_session() {
    let world = World::new().await;
    let peer = world.connect(DEVICE).await;
    let flood = Request::PutEpochOpen(vec![0; media::limits::MESSAGE]);
    let _ = soon(peer.link.call(&flood)).await.unwrap_err();
    malformed(soon(peer.link.closed()).await);
    assert_eq!(world.connect(DEVICE).await.call(&Request::ListCameras).await, Response::Cameras(Vec::new()));
}
