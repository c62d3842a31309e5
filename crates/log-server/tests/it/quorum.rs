//! Witnesses: three of four go on, two of four publish nothing; a fork and a rollback find no
//! quorum and leave evidence.

use crate::world::{World, error_of, leaf};
use stage::{copy_folder, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_of_four_go_on_and_two_of_four_publish_nothing() {
    let mut world = World::new().await;
    world.config.add_wait_secs = 2;
    let log = world.start().await;
    world.added(&log, &leaf("one")).await;
    world.stage.stop_witness(3).await;
    assert_eq!(world.added(&log, &leaf("two")).await.index(), 1);

    world.stage.stop_witness(2).await;
    assert_eq!(error_of(&world.add(&log, &leaf("three")).await), (503, "no-quorum".to_owned()));
    // Neither the head nor the tiles of what the witnesses have not seen.
    assert_eq!(world.published(&log).await.unwrap().0, 2);
    assert_eq!(world.get(&log, "/tile/0/000.p/3").await.status, 404);
    assert_eq!(world.get(&log, "/tile/entries/000.p/3").await.status, 404);
    let status: serde_json::Value = serde_json::from_slice(&world.get(&log, "/status").await.body).unwrap();
    assert_eq!(status["trouble"], "no-quorum");

    // One comes back: what waited is published, and its submitter finds it by sending the same
    // bytes.
    world.stage.start_witness(2).await;
    until("published", async || (world.published(&log).await.unwrap().0 == 3).then_some(())).await;
    assert_eq!(world.added(&log, &leaf("three")).await.index(), 2);
    assert_eq!(world.alarms(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_that_was_away_catches_up_and_an_idle_head_stays_fresh() {
    let mut world = World::new().await;
    world.config.refresh_secs = 1;
    world.stage.stop_witness(0).await;
    let log = world.start().await;
    for n in 0..5 {
        world.added(&log, &leaf(&format!("{n}"))).await;
    }
    world.stage.start_witness(0).await;
    let times = |body: &[u8]| {
        let head = world.policy.verify_checkpoint(body).unwrap();
        (head.checkpoint().size(), head.cosignatures().len(), head.cosigned_at())
    };
    let (_, _, first) = times(&world.get(&log, "/checkpoint").await.body);
    let later = until("four fresh cosignatures on the same head", async || {
        let (size, count, time) = times(&world.get(&log, "/checkpoint").await.body);
        assert_eq!(size, 5);
        (count == 4 && time > first).then_some(time)
    })
    .await;
    assert!(later > first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forked_log_finds_no_quorum_and_the_witnesses_keep_the_evidence() {
    let world = World::new().await;
    let log = world.start().await;
    for n in 0..3 {
        world.added(&log, &leaf(&format!("shared {n}"))).await;
    }
    log.stop_and_join().await.unwrap();
    // One key, one shared prefix, two folders.
    let mut fork = world.config.clone();
    fork.data = copy_folder(&world.config.data, &world.dir.path().join("fork"));
    fork.add_wait_secs = 3;

    let log = world.start().await;
    world.added(&log, &leaf("this history, one")).await;
    world.added(&log, &leaf("this history, two")).await;
    log.stop_and_join().await.unwrap();

    let forked_world = World { config: fork, ..world };
    // It starts from the shared prefix, and the witnesses know more: it may not even publish that.
    let forked = forked_world.start().await;
    assert_eq!(forked_world.published(&forked).await.unwrap().0, 3);
    let reply = forked_world.add(&forked, &leaf("the other history")).await;
    assert_eq!(error_of(&reply), (503, "no-quorum".to_owned()));
    assert_eq!(forked_world.published(&forked).await.unwrap().0, 3);
    let alarms = forked_world.alarms();
    assert!(alarms.iter().any(|name| name.starts_with("size-beyond-ours-w1-3")), "{alarms:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_as_large_as_the_honest_log_is_refused_with_422_and_kept() {
    let world = World::new().await;
    let log = world.start().await;
    world.added(&log, &leaf("shared")).await;
    log.stop_and_join().await.unwrap();
    let mut fork = world.config.clone();
    fork.data = copy_folder(&world.config.data, &world.dir.path().join("fork"));
    fork.add_wait_secs = 3;
    // The forked side grows first, with witnesses that a thief of their keys runs on copies of
    // their folders.
    let mut world = world;
    for n in 0..4 {
        world.stage.stop_witness(n).await;
        let own = world.stage.witness_configs[n].data.clone();
        let aside = copy_folder(&own, &world.dir.path().join(format!("copy{n}")));
        world.stage.witness_configs[n].data = aside;
        world.stage.start_witness(n).await;
    }
    let honest = std::mem::replace(&mut world.config, fork);
    let forked = world.start().await;
    world.added(&forked, &leaf("the other history")).await;
    forked.stop_and_join().await.unwrap();
    for n in 0..4 {
        world.stage.stop_witness(n).await;
        world.stage.witness_configs[n].data = world.dir.path().join(format!("w{}", n + 1));
        world.stage.start_witness(n).await;
    }
    let fork = std::mem::replace(&mut world.config, honest);
    let log = world.start().await;
    world.added(&log, &leaf("this history")).await;
    log.stop_and_join().await.unwrap();

    // Now the forked log, of the same size, meets the honest witnesses.
    world.config = fork;
    let forked = world.start().await;
    until("an alarm of every witness", async || {
        let alarms = world.alarms();
        (alarms.iter().filter(|name| name.starts_with("head-contradicted-")).count() == 4).then_some(())
    })
    .await;
    assert_eq!(error_of(&world.add(&forked, &leaf("more")).await), (503, "no-quorum".to_owned()));
    for n in 1..=4 {
        let refused = world.dir.path().join(format!("w{n}/refused"));
        assert_eq!(std::fs::read_dir(refused).unwrap().count(), 1, "w{n}");
    }
}
