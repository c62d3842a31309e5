//! A relay whose clock a test steps: what is kept and who may watch follow the machine that was
//! handed in.

use crate::world::{DEVICE, World};
use host::clock::Clock;
use host::machine::Machine;
use std::time::Duration;

#[tokio::test]
async fn footage_goes_when_the_relays_own_clock_says_so() {
    let mut world = World::with(|config| config.store.sweep_secs = 1).await;
    let (mut camera, mut end) = world.camera().await;
    end.stored(&camera.film(&[b"x"])).await;
    world.stop().await;
    let (clock, hand) = Clock::stepped(camera.now_us);
    world.machine = Machine::with_clock(clock);
    world.start().await;
    let device = world.connect(DEVICE).await;
    assert_eq!(device.fetch(camera.id(), 0).await.len(), 1);
    hand.step(Duration::from_secs(31 * 86_400));
    let gone = async {
        while !device.fetch(camera.id(), 0).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    crate::world::soon(gone).await;
}
