//! What its owner asks of a camera, from the owner's device to the camera's own word.

use crate::world::World;
use media::motion::Cells;
use std::time::{Duration, Instant};

/// Until the camera says that it follows this number.
async fn until_followed(world: &World, number: u64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let status = owner::status::status(&world.owner).await.unwrap().remove(0);
        if status.settings == Some(number) {
            let troubles = &status.condition.troubles;
            assert!(!troubles.iter().any(|it| it.kind == "settings"), "{troubles:?}");
            return;
        }
        assert!(Instant::now() < deadline, "it does not follow {number}: {status:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_follows_what_is_asked_of_it_connected_or_not_and_says_so() {
    let world = World::new().await;
    world.pair().await;
    let tree = Cells::NONE.with(0, 0).with(1, 0);
    // Before it ever ran.
    let asked = owner::settings::ignore(&world.owner, "door", tree).await.unwrap();
    assert_eq!(owner::settings::asked(&world.owner, "door").await.unwrap(), Some(asked));
    let filming = world.film().await;
    until_followed(&world, asked.number).await;
    // While it is connected it is told.
    let cleared = owner::settings::ignore(&world.owner, "door", Cells::NONE).await.unwrap();
    assert!(cleared.number > asked.number && cleared.ignored == Cells::NONE);
    until_followed(&world, cleared.number).await;
    filming.stop_and_join().await.unwrap();
    assert!(owner::settings::ignore(&world.owner, "nobody", tree).await.is_err());
}
