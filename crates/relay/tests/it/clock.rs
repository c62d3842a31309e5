//! A relay whose clock a test steps: what is kept and who may watch follow the machine that was
//! handed in.

use crate::world::{CAMERA, DEVICE, World, key};
use host::clock::Clock;
use host::machine::Machine;
use media::id::Day;
use media::message::{RefusalCode, Request, Response};
use media::notice::{self, DayNotice, HeldNotice};
use media::time::Micros;
use std::time::Duration;

#[tokio::test]
async fn the_notice_of_a_day_that_has_not_come_waits_until_it_has() {
    let mut world = World::with(|_| {}).await;
    let (camera, _) = world.camera().await;
    world.stop().await;
    let (clock, hand) = Clock::stepped(camera.now_us);
    world.machine = Machine::with_clock(clock);
    world.start().await;
    let today = Micros(camera.now_us).day().0;
    let key = key(CAMERA);
    let connected = world.connect(CAMERA).await;
    let put = async |day: u32| {
        let notice_commit = notice::commit(&[7; 32]);
        let notice = DayNotice { camera_id: camera.id(), day: Day(day), notice_commit, slots: Vec::new() };
        let held = HeldNotice { notice_key: [7; 32], notice: notice.sign(&key) };
        match connected.call(&Request::PutDayNotice(held)).await {
            Response::Ok => None,
            Response::Refused(refusal) => Some((refusal.code, refusal.code.passes())),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((put(today).await, put(today + 1).await), (None, None));
    for day in [today + 2, today + 365, u32::MAX] {
        assert_eq!(put(day).await, Some((RefusalCode::Quota, true)), "{day}");
    }
    hand.step(Duration::from_secs(86_400));
    assert_eq!(put(today + 2).await, None);
}

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
