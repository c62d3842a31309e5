//! Stopping, starting, losing files.

use crate::world::{World, leaf};
use host::given::GivenError;
use host::shutdown::Shutdown;
use log_server::Error;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_log_remembers_every_index_with_or_without_its_cache() {
    let world = World::new().await;
    let log = world.start().await;
    for n in 0..4 {
        assert_eq!(world.added(&log, &leaf(&format!("{n}"))).await.index(), n);
    }
    let second = log_server::start(world.config.clone(), Shutdown::new()).await.unwrap_err();
    assert!(second.to_string().contains("in use by another process"), "{second}");
    log.stop_and_join().await.unwrap();

    for damage in ["none", "missing", "torn"] {
        let index = world.config.data.join("index.redb");
        match damage {
            "missing" => std::fs::remove_file(&index).unwrap(),
            "torn" => std::fs::write(&index, b"torn").unwrap(),
            _ => {}
        }
        let log = world.start().await;
        for n in [3, 0, 2] {
            assert_eq!(world.added(&log, &leaf(&format!("{n}"))).await.index(), n, "{damage}");
        }
        assert_eq!(world.published(&log).await.unwrap().0, 4);
        log.stop_and_join().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_created_by_starting_and_damage_is_named() {
    let world = World::new().await;
    let log = world.start().await;
    world.added(&log, &leaf("one")).await;
    world.added(&log, &leaf("two")).await;
    log.stop_and_join().await.unwrap();
    let start = || log_server::start(world.config.clone(), Shutdown::new());
    let data = &world.config.data;

    for (file, word) in [
        ("log.key", "init"),
        ("log-ml-dsa-44.key", "init"),
        ("state/checkpoint", "init"),
        ("public/tile/0/000.p/2", "restore"),
        ("public/tile/entries/000.p/2", "restore"),
    ] {
        let aside = world.dir.path().join("aside");
        std::fs::rename(data.join(file), &aside).unwrap();
        let error = start().await.unwrap_err().to_string();
        assert!(error.contains(word), "{file}: {error}");
        assert!(!data.join(file).exists(), "{file} was created by starting");
        std::fs::rename(&aside, data.join(file)).unwrap();
    }
    for file in
        ["state/checkpoint", "public/tile/0/000.p/2", "public/tile/entries/000.p/2", "public/checkpoint"]
    {
        let whole = std::fs::read(data.join(file)).unwrap();
        std::fs::write(data.join(file), &whole[..whole.len() / 2]).unwrap();
        assert!(start().await.is_err(), "{file} torn");
        let mut flipped = whole.clone();
        flipped[whole.len() / 3] ^= 1;
        std::fs::write(data.join(file), flipped).unwrap();
        assert!(start().await.is_err(), "{file} flipped");
        std::fs::write(data.join(file), whole).unwrap();
    }
    assert!(log_server::init(&world.config).unwrap_err().to_string().contains("never overwritten"));
    let mut nowhere = world.config.clone();
    nowhere.data = world.dir.path().join("nowhere");
    let error = log_server::start(nowhere, Shutdown::new()).await.unwrap_err();
    assert!(error.to_string().contains("init"), "{error}");
    // Untouched by all this.
    let log = start().await.unwrap();
    assert_eq!(world.added(&log, &leaf("two")).await.index(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_does_not_fit_is_named() {
    let world = World::new().await;
    let good = std::fs::read_to_string(&world.config.policy).unwrap();
    let without_urls =
        good.lines().map(|line| format!("{}\n", line.split(" http").next().unwrap())).collect::<String>();
    let other_key = tlog::note::Signer::from_seed(stage::log::ORIGIN, &[9; 32]).unwrap().verifier().vkey();
    let other_log = good.replacen(good.lines().next().unwrap(), &format!("log {other_key}"), 1);
    for (text, word) in [
        (without_urls.as_str(), "URL"),
        (other_log.as_str(), "add the line: log "),
        ("quorum none\n", "line"),
    ] {
        std::fs::write(&world.config.policy, text).unwrap();
        let error = log_server::start(world.config.clone(), Shutdown::new()).await.unwrap_err();
        assert!(
            matches!(error, Error::Policy(GivenError::Malformed { .. })) && error.to_string().contains(word),
            "{error}"
        );
    }
    std::fs::remove_file(&world.config.policy).unwrap();
    assert!(matches!(
        log_server::start(world.config.clone(), Shutdown::new()).await,
        Err(Error::Policy(GivenError::Missing { .. }))
    ));
}

/// A full disk under a running log: a file system of a few blocks is not to be had here, so the
/// tile folder is made unwritable, which fails the same calls; `disk-full` itself is in the fault
/// table of the tree.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_cannot_write_says_so_and_goes_on_when_it_can_again() {
    let world = World::new().await;
    let log = world.start().await;
    world.added(&log, &leaf("one")).await;
    // A file where a folder must go stops every write below it, also for root.
    let tile = world.config.data.join("public/tile/0/000.p");
    let aside = world.dir.path().join("aside");
    std::fs::rename(&tile, &aside).unwrap();
    std::fs::write(&tile, b"in the way").unwrap();
    let reply = world.add(&log, &leaf("two")).await;
    assert_eq!(crate::world::error_of(&reply), (503, "storage".to_owned()));
    std::fs::remove_file(&tile).unwrap();
    std::fs::rename(&aside, &tile).unwrap();
    assert_eq!(world.added(&log, &leaf("two")).await.index(), 1);
}
