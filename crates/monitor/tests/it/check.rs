//! The recount by a stranger: the same numbers, and an exit code that a script can use.

use crate::world::{Watcher, World, monitor_config, write_policy};
use escrow::record::Kind;
use monitor::{Config, Emergencies, Error};
use stage::keys::trustee;
use stage::leaves::{ask, founding, grant};
use stage::paper::{History, NOW, Served, Show};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_recounts_the_same_numbers_from_the_log_alone() {
    let mut world = World::new().await;
    world.log.start_log().await;
    let mut leaves = founding(NOW);
    world.add(&leaves).await;
    for grants in [5, 3, 2, 0] {
        let asked = world.ask(ask(Kind::Emergency, "police.example", leaves.len() as u64, NOW)).await;
        let grants: Vec<_> = (0..grants).map(|at| grant(&asked, &trustee(at))).collect();
        world.add(&grants).await;
        leaves.extend([vec![asked.bytes], grants].concat());
    }
    let watcher = Watcher::start(&world.monitor("m1", &[])).await;
    watcher.follows_to(leaves.len() as u64).await;

    // The stranger has the log's URL and its policy; and no folder.
    let stranger = Config { data: world.dir.path().join("nowhere"), ..world.monitor("unused", &[]) };
    let report = monitor::check(&stranger, Some(2)).await.unwrap();
    assert_eq!((report.size, report.agrees), (leaves.len() as u64, Some(true)));
    assert!(report.alarms.is_empty(), "{:?}", report.alarms);
    assert!(!stranger.data.exists());
    let expected = Emergencies { requested: 4, incidents: 4, attempted: 3, completed: 2, ratified: 0 };
    assert_eq!(report.counts.emergencies(), expected);
    let mut published = watcher.get("/counts").await.1;
    assert_eq!(published["head"]["cosigned_at"], report.cosigned_at);
    published.as_object_mut().unwrap().remove("head");
    assert_eq!(published, report.counts.to_json());

    let wrong = monitor::check(&stranger, Some(11)).await.unwrap();
    assert_eq!((wrong.agrees, wrong.alarms.len()), (Some(false), 0));
    let unasked = monitor::check(&stranger, None).await.unwrap();
    assert_eq!((unasked.agrees, unasked.alarms.len()), (None, 0));
    world.log.stop_log().await;
    assert!(matches!(monitor::check(&stranger, None).await, Err(Error::Log(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standing_alarm_is_told_and_a_log_that_does_not_verify_is_no_count() {
    let dir = tempfile::tempdir().unwrap();
    let policy = write_policy(dir.path());
    let log = Served::new(Show::all(&History::of(5, "one", 3))).await;
    let config = monitor_config(dir.path(), &policy, "m1", &log.url, &[]);
    let watcher = Watcher::start(&config).await;
    watcher.follows_to(8).await;
    let quiet = monitor::check(&config, Some(0)).await.unwrap();
    assert_eq!((quiet.agrees, quiet.alarms.len()), (Some(true), 0));
    log.show(Show::all(&History::of(5, "two", 4)));
    watcher.until("forked", |status| status["state"] == "forked").await;
    let report = monitor::check(&config, Some(0)).await.unwrap();
    assert_eq!((report.size, report.alarms.len()), (9, 1));
    assert!(report.alarms[0].starts_with("fork-"));

    let stranger = Config { data: dir.path().join("nowhere"), listen: stage::loopback(), ..config };
    assert!(monitor::check(&stranger, None).await.unwrap().alarms.is_empty());
    log.show(Show { cosigners: 2, ..Show::all(&History::of(5, "one", 3)) });
    assert!(matches!(monitor::check(&stranger, None).await, Err(Error::Log(_))));
    log.show(Show { tiles: Some(History::of(5, "served", 3)), ..Show::all(&History::of(5, "one", 3)) });
    assert!(matches!(monitor::check(&stranger, None).await, Err(Error::Log(_))));
    log.show(Show { tiles: None, ..Show::all(&History::of(5, "one", 3)) });
    assert!(matches!(monitor::check(&stranger, None).await, Err(Error::Log(_))));
}
