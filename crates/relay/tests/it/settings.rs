//! What owners ask of their cameras. Contract: `proto/session.md#camera-settings`.

use crate::world::{CAMERA, Camera, DEVICE, End, GUEST, OWNER, SPONSOR, STRANGER, World, bundle};
use media::id::{CameraId, Day};
use media::limits;
use media::message::{Control, RefusalCode, Request, Response};
use media::pair::HeldPolicy;
use media::settings::Settings;
use stage::keys::key;

pub(crate) fn settings(camera_id: CameraId, number: u64) -> Settings {
    let sealed = vec![7; limits::SETTINGS_SEALED];
    Settings { camera_id, number, signer: [0; 32], day: Day(1), sealed }
}

async fn put(end: &End, signed: Vec<u8>) -> Result<(), RefusalCode> {
    match end.call(&Request::PutSettings(signed)).await {
        Response::Ok => Ok(()),
        Response::Refused(refusal) => Err(refusal.code),
        other => panic!("{other:?}"),
    }
}

fn now_us() -> u64 {
    host::clock::Clock::system().micros()
}

async fn held(end: &End, camera_id: CameraId) -> Result<Vec<u8>, RefusalCode> {
    match end.call(&Request::GetSettings { camera_id }).await {
        Response::Object(held) => Ok(held),
        Response::Refused(refusal) => Err(refusal.code),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_newest_is_kept_over_a_restart_and_the_camera_is_told() {
    let mut world = World::new().await;
    let (camera, mut end) = world.camera().await;
    let (owner, device) = (world.connect(OWNER).await, world.connect(DEVICE).await);
    assert_eq!(held(&end, camera.id()).await, Err(RefusalCode::NotFound));
    let first = settings(camera.id(), 5).sign(&key(OWNER));
    put(&owner, first.clone()).await.unwrap();
    assert_eq!(end.hear().await, Control::Changed { camera_id: camera.id() });
    assert_eq!(held(&end, camera.id()).await.unwrap(), first);
    // Above the highest number there would be none for anybody.
    for number in [u64::MAX, now_us() + 2 * 86_400_000_000] {
        let last = settings(camera.id(), number).sign(&key(DEVICE));
        assert_eq!(put(&device, last).await, Err(RefusalCode::OutOfOrder));
    }
    // An admin's later one takes its place; the same again is no error, and an older one is not taken
    // back, whoever brings it.
    let later = settings(camera.id(), 9).sign(&key(DEVICE));
    for _ in 0..2 {
        put(&device, later.clone()).await.unwrap();
    }
    for refused in [first, settings(camera.id(), 9).sign(&key(OWNER))] {
        assert_eq!(put(&owner, refused).await, Err(RefusalCode::SequenceTaken));
    }
    for reader in [&owner, &device, &end] {
        assert_eq!(held(reader, camera.id()).await.unwrap(), later);
    }
    drop((owner, device));
    world.stop().await;
    world.start().await;
    assert_eq!(held(&world.connect(CAMERA).await, camera.id()).await.unwrap(), later);
}

#[tokio::test]
async fn nobody_else_asks_or_reads_and_a_device_that_was_taken_out_no_longer() {
    let world = World::new().await;
    let (camera, end) = world.camera().await;
    let not_allowed = Err(RefusalCode::NotAllowed);
    for seed in [GUEST, SPONSOR, STRANGER] {
        let peer = world.connect(seed).await;
        assert_eq!(put(&peer, settings(camera.id(), 5).sign(&key(seed))).await, not_allowed, "{seed}");
        assert_eq!(held(&peer, camera.id()).await, Err(RefusalCode::NotAllowed), "{seed}");
        // What the owner signed is not theirs to put.
        assert_eq!(put(&peer, settings(camera.id(), 5).sign(&key(OWNER))).await, not_allowed, "{seed}");
    }
    assert_eq!(put(&end, settings(camera.id(), 5).sign(&key(CAMERA))).await, not_allowed);
    let device = world.connect(DEVICE).await;
    let other = Camera::new(CAMERA + 1).id();
    assert_eq!(put(&device, settings(other, 5).sign(&key(DEVICE))).await, not_allowed);
    // What is none, and what was altered.
    let mut altered = settings(camera.id(), 5).sign(&key(DEVICE));
    altered[40] ^= 1;
    assert_eq!(put(&device, altered).await, Err(RefusalCode::BadSignature));
    let short = Settings { sealed: vec![7; limits::SETTINGS_SEALED - 1], ..settings(camera.id(), 5) };
    for garbage in [short.sign(&key(DEVICE)), Vec::new(), b"garbage".to_vec()] {
        assert_eq!(put(&device, garbage).await, Err(RefusalCode::Malformed));
    }
    put(&device, settings(camera.id(), 5).sign(&key(DEVICE))).await.unwrap();

    let (enrollment, policy) = camera.enrollment(2, camera.policy_hash, &[]);
    let without = Request::PutPolicy(HeldPolicy { enrollment, bundle: bundle(&policy) });
    assert_eq!(world.connect(OWNER).await.call(&without).await, Response::Ok);
    assert_eq!(put(&device, settings(camera.id(), 6).sign(&key(DEVICE))).await, not_allowed);
}

#[tokio::test]
async fn one_camera_is_asked_so_many_times_a_minute() {
    let world = World::new().await;
    let (camera, _end) = world.camera().await;
    let owner = world.connect(OWNER).await;
    let mut numbers = 1..=40;
    let refused = loop {
        let number = numbers.next().expect("it is bounded");
        if let Err(refused) = put(&owner, settings(camera.id(), number).sign(&key(OWNER))).await {
            break (number, refused);
        }
    };
    assert!((21..=30).contains(&refused.0) && refused.1 == RefusalCode::Quota, "{refused:?}");
}
