//! A running log on a clock that the test steps: what its own post-quantum key states is its
//! machine's time.

use crate::world::{World, leaf};
use host::clock::Clock;
use host::machine::Machine;
use host::shutdown::Shutdown;
use host::start::Start;
use std::time::Duration;
use tlog::checkpoint::UnverifiedCheckpoint;
use tlog::note::{NoteError, Verifier};

const THEN: u64 = 1_800_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_states_the_machines_time_and_a_log_without_one_signs_with_its_plain_key() {
    let world = World::new().await;
    let (clock, hand) = Clock::stepped(THEN * 1_000_000);
    let start = Start::from(Shutdown::new()).with_machine(Machine::with_clock(clock));
    let log = log_server::start(world.config.clone(), start).await.unwrap();
    let [plain, post_quantum] = [0, 1].map(|at| Verifier::parse(&log.at().vkeys[at]).unwrap());
    let stated = async |key: &Verifier| {
        let head = world.get(&log, "/checkpoint").await;
        UnverifiedCheckpoint::parse(&head.body).unwrap().note().verify_one(key)
    };

    world.added(&log, &leaf("one")).await;
    assert_eq!(stated(&post_quantum).await, Ok(Some(THEN)));
    assert_eq!(stated(&plain).await, Ok(None));
    hand.step(Duration::from_secs(3600));
    world.added(&log, &leaf("two")).await;
    assert_eq!(stated(&post_quantum).await, Ok(Some(THEN + 3600)));

    hand.set(0);
    world.added(&log, &leaf("three")).await;
    assert_eq!(stated(&post_quantum).await, Err(NoteError::NoKnownKey));
    assert_eq!(stated(&plain).await, Ok(None));
}
