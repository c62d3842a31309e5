//! Stopping in order, and coming back with everything.

use crate::world::{CAMERA, DEVICE, OWNER, TRACK, World, signed, soon};
use host::shutdown::Shutdown;
use media::id::EpochNo;
use media::message::{Control, RefusalCode, Request, Response};
use media::time::Micros;

#[tokio::test]
async fn a_restart_keeps_everything_and_connected_peers_are_told() {
    let mut world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    let mut sent = Vec::new();
    for _ in 0..3 {
        let segment = camera.film(&[b"x", b"y"]);
        end.stored(&segment).await;
        sent.push(segment);
    }
    let mut viewer = world.connect(DEVICE).await;
    world.stop().await;
    for peer in [&mut end, &mut viewer] {
        let told = loop {
            match soon(peer.control.next()).await {
                Ok(Some(Control::Receipt(_))) => {}
                Ok(Some(Control::Refuse(refusal))) => break refusal.code,
                Err(quic::LinkError::Refused(refusal)) => break refusal.code,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(told, RefusalCode::GoingAway);
    }

    world.start().await;
    let mut end = world.connect(CAMERA).await;
    end.publishes(&camera, 3).await;
    let fetched = world.connect(DEVICE).await.fetch(camera.id(), 0).await;
    assert_eq!(fetched.len(), 3);
    assert!(fetched.iter().zip(&sent).all(|((_, stored), sent)| sent.bytes == stored[..]));
    let epochs = Request::FetchEpochs {
        camera_id: camera.id(),
        track: TRACK,
        from_us: Micros(0),
        to_us: Micros::MAX,
        cursor: EpochNo(0),
    };
    let answer = world.connect(OWNER).await.call(&epochs).await;
    assert!(matches!(answer, Response::Epochs { opens, .. } if opens.len() == 1));
    // The epoch goes on: its EpochOpen need not be put again, and the chain is checked against what
    // is stored.
    end.stored(&camera.film(&[b"z"])).await;
    world.stop().await;
}

#[tokio::test]
async fn a_relay_that_was_never_initialised_does_not_start_and_init_overwrites_nothing() {
    let mut world = World::new().await;
    world.stop().await;
    assert!(relay::init(&world.config).is_err());
    world.start().await;
    let mut elsewhere = world.config.clone();
    elsewhere.listen = "127.0.0.1:0".parse().unwrap();
    elsewhere.data = world.dir.path().join("nowhere");
    let error = relay::start(elsewhere.clone(), Shutdown::new()).await.unwrap_err();
    assert!(error.to_string().contains("init"), "{error}");
    elsewhere.data = world.config.data.clone();
    let error = relay::start(elsewhere, Shutdown::new()).await.unwrap_err();
    assert!(matches!(error, relay::Error::Store(_)), "a second one on the same folder: {error}");
}

/// The relay reads of the segment before no more than its ends, without the checksum over all of
/// it.
#[tokio::test]
async fn a_stored_chain_that_the_disk_changed_is_not_held_against_the_next_segment() {
    for damaged in [false, true] {
        let mut world = World::new().await;
        let (mut camera, mut end) = world.camera().await;
        let first = camera.film(&[b"x"]);
        end.stored(&first).await;
        world.stop().await;
        let packs = std::fs::read_dir(world.config.data.join("store/packs")).unwrap();
        let is_video = |path: &std::path::PathBuf| path.to_str().unwrap().contains("video");
        let pack = packs.map(|pack| pack.unwrap().path()).find(is_video).unwrap();
        let mut bytes = std::fs::read(&pack).unwrap();
        let chain = bytes.len() - 96;
        if damaged {
            bytes[chain] ^= 1;
            std::fs::write(&pack, &bytes).unwrap();
        }
        world.start().await;
        let mut end = world.connect(CAMERA).await;
        end.publish(camera.id()).await;
        // Signed by the camera, and not what follows the first segment.
        let header = camera.header();
        let (other, _) = signed(&camera.key, &header, &media::chain::Chain([9; 32]), &[b"y"]);
        if damaged {
            end.stored(&camera.film(&[b"y"])).await;
        } else {
            assert_eq!(end.nacked(&other, header.sequence).await, RefusalCode::BadSignature);
            end.stored(&camera.film(&[b"y"])).await;
        }
    }
}
