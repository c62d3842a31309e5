//! A running witness on a clock that the test steps: what it states is its own machine's time.

use crate::{Log, ORIGIN, Started, config};
use host::clock::Clock;
use host::http::{Fetch, FetchLimits};
use host::machine::Machine;
use host::shutdown::Shutdown;
use host::start::Start;
use std::time::Duration;
use tlog::checkpoint::UnverifiedCheckpoint;

const THEN: u64 = 1_800_000_000;

#[tokio::test]
async fn a_cosignature_states_the_machines_time_and_none_is_made_without_one() {
    let log = Log::new(1, 0, 9);
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &[&log]);
    witness::init(&config).unwrap();
    let (clock, hand) = Clock::stepped(THEN * 1_000_000);
    let start = Start::from(Shutdown::new()).with_machine(Machine::with_clock(clock));
    let running = witness::start(config, start).await.unwrap();
    let witness = Started { running, fetch: Fetch::new(FetchLimits::default()) };
    let times = || async {
        let shown = UnverifiedCheckpoint::parse(&witness.latest(ORIGIN).await.body).unwrap();
        witness.keys().iter().map(|key| shown.note().verify_one(key).unwrap()).collect::<Vec<_>>()
    };

    witness.check(&witness.add(log.request(0, 5)).await, &log.head(5));
    assert_eq!(times().await, [Some(THEN); 2]);
    hand.step(Duration::from_secs(86_400));
    witness.check(&witness.add(log.request(5, 5)).await, &log.head(5));
    assert_eq!(times().await, [Some(THEN + 86_400); 2]);

    // A machine that lost its time: the witness says nothing, and keeps what it said.
    hand.set(0);
    assert_eq!(witness.add(log.request(5, 9)).await.status, 500);
    assert_eq!(times().await, [Some(THEN + 86_400); 2]);
    hand.set(THEN * 1_000_000);
    witness.check(&witness.add(log.request(5, 9)).await, &log.head(9));
}
