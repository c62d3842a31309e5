//! What a camera says of itself, passed on. Contract: `proto/session.md#health`.

use crate::world::{CAMERA, Camera, DEVICE, End, GUEST, STRANGER, World, soon};
use media::health::Health;
use media::id::Day;
use media::limits;
use media::message::{CameraStatus, Control, RefusalCode, Request, Response};
use media::time::Micros;
use stage::keys::key;

fn health(camera: &Camera, at: u64) -> Health {
    let sealed = vec![at.to_be_bytes()[7]; limits::HEALTH_SEALED];
    Health {
        camera_id: camera.id(),
        at_us: Micros(at),
        no_picture_since_us: Some(Micros(at)),
        day: Day(1),
        sealed,
    }
}

async fn put(end: &End, signed: Vec<u8>) -> Result<(), RefusalCode> {
    match end.call(&Request::PutHealth(signed)).await {
        Response::Ok => Ok(()),
        Response::Refused(refusal) => Err(refusal.code),
        other => panic!("{other:?}"),
    }
}

async fn told(world: &World, device: u8) -> CameraStatus {
    let device = world.connect(device).await;
    let Response::Cameras(cameras) = device.call(&Request::ListCameras).await else { panic!() };
    cameras[0].clone()
}

#[tokio::test]
async fn the_last_word_of_the_connection_that_publishes_is_passed_on_as_it_was_signed() {
    let mut world = World::new().await;
    let (camera, end) = world.camera().await;
    assert!(told(&world, DEVICE).await.health.is_empty());
    for at in [5, 3] {
        let signed = health(&camera, at).sign(&key(CAMERA));
        put(&end, signed.clone()).await.unwrap();
        assert_eq!(told(&world, DEVICE).await.health, signed);
        assert_eq!(told(&world, GUEST).await.health, signed);
    }
    let last = told(&world, DEVICE).await.health;

    // Not before it publishes, nobody else's, not another's, no other length.
    let quiet = world.connect(CAMERA).await;
    assert_eq!(put(&quiet, health(&camera, 9).sign(&key(CAMERA))).await, Err(RefusalCode::NotAllowed));
    let stranger = world.connect(STRANGER).await;
    assert_eq!(put(&stranger, health(&camera, 9).sign(&key(STRANGER))).await, Err(RefusalCode::NotAllowed));
    assert_eq!(put(&end, health(&camera, 9).sign(&key(STRANGER))).await, Err(RefusalCode::BadSignature));
    let other = Health { camera_id: Camera::new(CAMERA + 1).id(), ..health(&camera, 9) };
    assert_eq!(put(&end, other.sign(&key(CAMERA))).await, Err(RefusalCode::BadSignature));
    let short = Health { sealed: vec![1; limits::HEALTH_SEALED - 1], ..health(&camera, 9) };
    assert_eq!(put(&end, short.sign(&key(CAMERA))).await, Err(RefusalCode::Malformed));
    assert_eq!(told(&world, DEVICE).await.health, last);

    // It goes on saying it of a camera that has gone; who was replaced says nothing more.
    let mut newer = world.connect(CAMERA).await;
    assert!(matches!(newer.publish(camera.id()).await, Control::PublishOk { .. }));
    let signed = health(&camera, 7).sign(&key(CAMERA));
    put(&newer, signed.clone()).await.unwrap();
    assert!(soon(end.link.call(&Request::PutHealth(health(&camera, 8).sign(&key(CAMERA))))).await.is_err());
    newer.link.goodbye();
    while told(&world, DEVICE).await.online {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(told(&world, DEVICE).await.health, signed);
    // In memory alone.
    world.stop().await;
    world.start().await;
    assert!(told(&world, DEVICE).await.health.is_empty());
}
