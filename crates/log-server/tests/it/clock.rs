//! A running log and its witnesses on clocks that the test steps: what the log states is its
//! machine's time, and never one that its witnesses contradict.

use crate::world::{World, error_of, leaf};
use host::clock::Clock;
use host::machine::Machine;
use host::shutdown::Shutdown;
use host::start::Start;
use stage::log::RunningLog;
use std::time::Duration;
use tlog::checkpoint::UnverifiedCheckpoint;
use tlog::note::Verifier;

const THEN: u64 = 1_800_000_000;

async fn start(world: &World, clock: &Clock) -> RunningLog {
    let start = Start::from(Shutdown::new()).with_machine(Machine::with_clock(clock.clone()));
    log_server::start(world.config.clone(), start).await.unwrap()
}

/// When the log says that it ordered this leaf.
async fn stamped(world: &World, log: &RunningLog, text: &str) -> u64 {
    let logged = world.added(log, &leaf(text)).await;
    tlog::stamp::verify(logged.value(), &world.policy.stamp_keys()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_and_a_stamp_state_the_machines_time() {
    let (clock, hand) = Clock::stepped(THEN * 1_000_000);
    let world = World::on(clock.clone()).await;
    let log = start(&world, &clock).await;
    let [plain, post_quantum] = [0, 1].map(|at| Verifier::parse(&log.at().vkeys[at]).unwrap());
    let stated = async |key: &Verifier| {
        let head = world.get(&log, "/checkpoint").await;
        UnverifiedCheckpoint::parse(&head.body).unwrap().note().verify_one(key)
    };

    assert_eq!(stamped(&world, &log, "one").await, THEN);
    assert_eq!(stated(&post_quantum).await, Ok(Some(THEN)));
    assert_eq!(stated(&plain).await, Ok(None));
    hand.step(Duration::from_secs(3600));
    assert_eq!(stamped(&world, &log, "two").await, THEN + 3600);
    assert_eq!(stated(&post_quantum).await, Ok(Some(THEN + 3600)));
    // Back by less than the witnesses contradict: stamps never decrease.
    hand.set((THEN + 3600 - 10) * 1_000_000);
    assert_eq!(stamped(&world, &log, "three").await, THEN + 3600);
    log.stop_and_join().await.unwrap();
    let log = start(&world, &clock).await;
    assert_eq!(stamped(&world, &log, "four").await, THEN + 3600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_the_witnesses_contradict_stamps_nothing_until_it_is_put_right() {
    let (clock, hand) = Clock::stepped(THEN * 1_000_000);
    let mut world = World::on(Clock::stepped(THEN * 1_000_000).0).await;
    world.config.add_wait_secs = 2;
    let log = start(&world, &clock).await;
    assert_eq!(stamped(&world, &log, "one").await, THEN);
    for (text, wrong) in [("two", THEN + 365 * 86_400), ("three", THEN - 3600), ("four", 0)] {
        hand.set(wrong * 1_000_000);
        let refused = world.add(&log, &leaf(text)).await;
        assert_eq!(error_of(&refused), (503, "clock".to_owned()), "{wrong}");
        assert!(refused.excerpt().contains("NTP"), "{}", refused.excerpt());
        assert_eq!(world.published(&log).await.unwrap().0, 1);
    }
    // The log asks its witnesses again within ten seconds; a submitter sends the same until then.
    hand.set(THEN * 1_000_000);
    stage::until("the log orders again", async || {
        (world.add(&log, &leaf("two")).await.status == 200).then_some(())
    })
    .await;
    for text in ["two", "three", "four"] {
        assert_eq!(stamped(&world, &log, text).await, THEN, "what waited is ordered now");
    }
}
