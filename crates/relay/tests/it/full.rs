//! A full disk: nothing is acknowledged that is not there, and it goes on when space returns.

use crate::world::{DEVICE, World};
use media::message::RefusalCode;
use std::fs::File;

#[tokio::test]
async fn a_full_disk_is_named_and_the_same_segment_is_stored_when_space_returns() {
    // The relay keeps its distance from the end of the disk; a file that takes a quarter of what is
    // free crosses it.
    let mut free = 0;
    let world = World::with(|config| {
        free = host::durable::free_bytes(config.data.parent().unwrap()).unwrap();
        config.store.min_free_bytes = free - free / 8;
    })
    .await;
    let (mut camera, mut end) = world.camera().await;
    end.stored(&camera.film(&[b"x"])).await;
    let path = world.dir.path().join("filler");
    let filler = File::create(&path).unwrap();
    rustix::fs::fallocate(&filler, rustix::fs::FallocateFlags::empty(), 0, free / 4).unwrap();
    let segment = camera.film(&[b"y"]);
    assert_eq!(end.nacked(&segment.bytes, segment.header.sequence).await, RefusalCode::StorageFull);
    assert_eq!(
        world.connect(DEVICE).await.fetch(camera.id(), 0).await.len(),
        1,
        "what was stored is still served"
    );
    drop(filler);
    std::fs::remove_file(&path).unwrap();
    end.stored(&segment).await;
    assert_eq!(world.connect(DEVICE).await.fetch(camera.id(), 0).await.len(), 2);
}
