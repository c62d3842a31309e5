//! Two histories of one camera's identity, at the relay. Contract: `proto/segment.md#two-histories`.

use crate::world::{CAMERA, Camera, DEVICE, End, TRACK, World, soon};
use media::block::Block;
use media::epoch::GapReason;
use media::id::{EpochNo, Sequence};
use media::message::{CameraStatus, Control, RefusalCode, Request, Response};
use quic::LinkError;
use std::time::Duration;

fn block(number: u64) -> EpochNo {
    EpochNo(number * Block::of_epoch(EpochNo(0)).next().unwrap().first_epoch().0)
}

async fn put(end: &End, open: Vec<u8>) -> Result<(), RefusalCode> {
    match end.call(&Request::PutEpochOpen(open)).await {
        Response::Ok => Ok(()),
        Response::Refused(refusal) => Err(refusal.code),
        other => panic!("{other:?}"),
    }
}

async fn status(world: &World) -> CameraStatus {
    let device = world.connect(DEVICE).await;
    let Response::Cameras(cameras) = device.call(&Request::ListCameras).await else { panic!() };
    cameras[0].clone()
}

#[tokio::test]
async fn with_its_leave_a_camera_hears_of_the_highest_epoch_open_whoever_put_it() {
    let world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    let newest = camera.next_epoch();
    put(&end, newest.clone()).await.unwrap();
    let Control::PublishOk { newest: told, .. } = end.publish(camera.id()).await else { panic!() };
    assert_eq!(told, newest);
    let mut copy = world.connect(CAMERA).await;
    let Control::PublishOk { newest: told, .. } = copy.publish(camera.id()).await else { panic!() };
    assert_eq!(told, newest);
}

#[tokio::test]
async fn a_copied_key_uses_up_no_numbers_and_two_histories_stand_apart() {
    let world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    end.stored(&camera.film(&[b"x"])).await;
    for absurd in [EpochNo(u64::MAX), block(17)] {
        let open = Camera::new(CAMERA).epoch(absurd, GapReason::IdentityConflict);
        assert_eq!(put(&end, open).await, Err(RefusalCode::OutOfOrder));
    }
    assert_eq!(status(&world).await.conflicts, 0);

    // The other history goes on in the next block, where it publishes; once more is no second conflict.
    let mut other = Camera::new(CAMERA);
    other.next_epoch();
    let open = other.epoch(block(1), GapReason::IdentityConflict);
    let quiet = world.connect(CAMERA).await;
    assert_eq!(put(&quiet, open.clone()).await, Err(RefusalCode::NotAllowed));
    put(&end, open.clone()).await.unwrap();
    put(&end, open).await.unwrap();
    assert_eq!(status(&world).await.conflicts, 1);
    // Its segments are of its block, whatever it says.
    let astray = other.film(&[b"y"]);
    assert_eq!(end.nacked(&astray.bytes, Sequence(0)).await, RefusalCode::OutOfOrder);
    put(&end, other.epoch(EpochNo(block(1).0 + 1), GapReason::None)).await.unwrap();
    other.sequence = block(1).0;
    end.stored(&other.film(&[b"y"])).await;
    // Blocks have a rate, however they are asked for.
    let mut taken = 1;
    while put(&end, Camera::new(CAMERA).epoch(block(taken + 1), GapReason::None)).await.is_ok() {
        taken += 1;
    }
    assert!(taken <= 6, "{taken}");
    assert_eq!(status(&world).await.conflicts, taken, "each is told, with a reason or without");
    // The first one goes on below it.
    end.stored(&camera.film(&[b"z"])).await;
    assert_eq!(world.connect(DEVICE).await.fetch(camera.id(), 0).await.len(), 3);
}

#[tokio::test]
async fn of_two_that_take_turns_each_has_its_time() {
    let world = World::new().await;
    let (camera, first) = world.camera().await;
    let mut second = world.connect(CAMERA).await;
    assert!(matches!(second.publish(camera.id()).await, Control::PublishOk { .. }));
    assert!(matches!(soon(first.link.closed()).await, LinkError::Refused(_)));
    // Whoever took over is not pushed out at once, however often somebody tries.
    for _ in 0..3 {
        let mut third = world.connect(CAMERA).await;
        match third.publish(camera.id()).await {
            Control::Refuse(refusal) => assert_eq!(refusal.code, RefusalCode::Quota),
            other => panic!("{other:?}"),
        }
    }
    assert!(!second.link.is_closed());
    assert!(matches!(second.publish(camera.id()).await, Control::PublishOk { track: TRACK, .. }));
    tokio::time::sleep(Duration::from_secs(10)).await;
    let mut third = world.connect(CAMERA).await;
    assert!(matches!(third.publish(camera.id()).await, Control::PublishOk { .. }));
    assert_eq!(status(&world).await.replaced, 2);
}
