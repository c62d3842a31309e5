//! Without a fresh log, and without a quorum, no key leaves; an old backup serves nothing before it
//! knows what happened since.

use crate::camera::{Camera, Dealing};
use crate::world::{Approval, World, failure, json, open, refusal};
use escrow::record::{Grant, Kind};
use host::clock::Clock;
use host::db::DbError;
use stage::{copy_folder, until};
use std::path::Path;
use std::time::Duration;
use tlog::Hash;
use trustee::{Error, LedgerError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_log_down_nothing_is_decided_and_with_it_back_everything_is() {
    let mut world = World::new(Approval::Automatic).await;
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::Well).await;
    let case = camera.request(&world, Kind::Legal).await;
    trustee.stop().await;
    world.log.stop_log().await;

    // Started without a log it catches up with nothing.
    let trustee = world.start().await;
    assert_eq!(failure(&trustee.post(case.body()).await), (503, "catching-up".to_owned()));
    assert_eq!(trustee.status().await["state"], "catching-up");
    trustee.stop().await;

    world.log.start_log().await;
    let trustee = world.start().await;
    until("it follows", async || (trustee.status().await["state"] == "following").then_some(())).await;
    let reply = trustee.post(case.body()).await;
    open(&world, &reply, case.logged(), &case.release_key);
    trustee.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_goes_away_later_stops_decisions_but_not_what_was_granted() {
    let mut world = World::new(Approval::Automatic).await;
    let (url, granted, asked);
    let running = {
        let trustee = world.start().await;
        let camera = Camera::film(&world, &trustee, Dealing::Well).await;
        granted = camera.request(&world, Kind::Legal).await;
        asked = camera.request(&world, Kind::Legal).await;
        assert_eq!(trustee.post(granted.body()).await.status, 200);
        url = trustee.url.clone();
        trustee.into_running()
    };
    world.log.stop_log().await;
    let post = async |body| crate::world::post(&world.fetch, &url, body).await;
    let reply = post(asked.body()).await;
    assert_eq!(failure(&reply), (503, "log-unreachable".to_owned()));
    assert_eq!(post(granted.body()).await.status, 200);
    running.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_witnesses_are_enough_and_with_two_no_bundle_leaves() {
    let mut world = World::new(Approval::Automatic).await;
    let (url, cases);
    let running = {
        let trustee = world.start().await;
        let camera = Camera::film(&world, &trustee, Dealing::Well).await;
        cases = [camera.request(&world, Kind::Legal).await, camera.request(&world, Kind::Legal).await];
        url = trustee.url.clone();
        trustee.into_running()
    };
    let fetch = world.fetch.clone();
    let post = async |body| crate::world::post(&fetch, &url, body).await;
    world.log.stop_witness(0).await;
    let reply = post(cases[0].body()).await;
    open(&world, &reply, cases[0].logged(), &cases[0].release_key);

    world.log.stop_witness(1).await;
    // The request stands under a head that a quorum cosigned just now; the grant does not.
    let reply = post(cases[1].body()).await;
    assert_eq!((reply.status, json(&reply)), (202, serde_json::json!({ "state": "appending" })));
    assert_eq!(world.leaves::<Grant>().await.len(), 1);

    world.log.start_witness(1).await;
    let reply = until("the quorum is back and the bundle leaves", async || {
        let reply = post(cases[1].body()).await;
        (reply.status == 200).then_some(reply)
    })
    .await;
    open(&world, &reply, cases[1].logged(), &cases[1].release_key);
    assert_eq!(world.leaves::<Grant>().await.len(), 2);
    running.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_backup_serves_nothing_before_the_log_and_never_grants_twice() {
    let mut world = World::new(Approval::Automatic).await;
    let backup = world.dir.path().join("backup");
    let case;
    {
        let trustee = world.start().await;
        let camera = Camera::film(&world, &trustee, Dealing::Well).await;
        case = camera.request(&world, Kind::Legal).await;
        trustee.stop().await;
        copy_folder(&world.config.data, &backup);
        let trustee = world.start().await;
        until("it follows", async || (trustee.status().await["state"] == "following").then_some(())).await;
        assert_eq!(trustee.post(case.body()).await.status, 200);
        trustee.stop().await;
    }
    std::fs::remove_dir_all(&world.config.data).unwrap();
    copy_folder(&backup, &world.config.data);
    world.log.stop_log().await;
    let trustee = world.start().await;
    assert_eq!(failure(&trustee.post(case.body()).await), (503, "catching-up".to_owned()));
    trustee.stop().await;

    world.log.start_log().await;
    let trustee = world.start().await;
    let reply = until("it has read what happened since", async || {
        let reply = trustee.post(case.body()).await;
        (reply.status != 503).then_some(reply)
    });
    assert_eq!(refusal(&reply.await), (403, "g10".to_owned(), "bundle-lost".to_owned()));
    assert_eq!(world.leaves::<Grant>().await.len(), 1);
    trustee.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_a_wrong_clock_no_head_is_fresh_and_by_the_right_one_it_goes_on() {
    let world = World::new(Approval::Human).await;
    let (clock, hand) = Clock::stepped(host::clock::now_us() + 600_000_000);
    let trustee = world.start_by(clock).await;
    let comes = async |ahead_us: u64, state: &str| {
        until(state, async || {
            hand.set(host::clock::now_us() + ahead_us);
            (trustee.status().await["state"] == state).then_some(())
        })
        .await;
    };
    // Ten minutes ahead every cosignature is old: that the log is there helps nothing.
    until("it has looked", async || trustee.status().await["error"].as_str().map(str::to_owned)).await;
    assert_eq!(trustee.status().await["state"], "catching-up");
    assert_eq!(failure(&trustee.get("/day-keys/1").await), (503, "catching-up".to_owned()));
    comes(0, "following").await;
    comes(600_000_000, "log-unreachable").await;
    comes(0, "following").await;
    trustee.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_is_damaged_under_a_running_trustee_ends_it_and_is_named() {
    let world = World::new(Approval::Human).await;
    let ledger = world.config.data.join("ledger.redb");
    grant_for_years(&ledger);
    let trustee = world.start().await;
    until("it follows", async || (trustee.status().await["state"] == "following").then_some(())).await;
    let damaged = vec![0xff; usize::try_from(ledger.metadata().unwrap().len()).unwrap()];
    std::fs::write(&ledger, damaged).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(60), trustee.into_running().join()).await;
    let error = ended.expect("it went on").unwrap_err();
    assert!(matches!(error, Error::Ledger(LedgerError::Database(DbError::Damaged { .. }))), "{error}");
    assert!(error.to_string().contains("ledger.redb"), "{error}");
}

/// More grants than a trustee keeps in memory.
fn grant_for_years(ledger: &Path) {
    let database = redb::Database::open(ledger).unwrap();
    let transaction = database.begin_write().unwrap();
    for table in ["held", "bundles"] {
        let table = redb::TableDefinition::<[u8; 32], &[u8]>::new(table);
        let mut table = transaction.open_table(table).unwrap();
        for number in 0..1000u64 {
            table.insert(Hash::of(&[&number.to_be_bytes()]).0, &[7; 4000][..]).unwrap();
        }
    }
    transaction.commit().unwrap();
}
