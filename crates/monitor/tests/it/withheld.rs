//! A head that the log signed and does not serve, or whose entries it does not have.

use crate::world::{Watcher, monitor_config, write_policy};
use monitor::Gossip;
use stage::paper::{History, Served, Show};

fn body(history: &History) -> Vec<u8> {
    let head = Some(String::from_utf8(history.signed().encode()).unwrap());
    serde_json::to_vec(&Gossip { head, forks: Vec::new() }).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_larger_head_waits_until_the_log_has_grown_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let policy = write_policy(dir.path());
    let (small, large) = (History::of(5, "", 0), History::of(9, "", 0));
    let log = Served::new(Show::all(&small)).await;
    let watcher = Watcher::start(&monitor_config(dir.path(), &policy, "m1", &log.url, &[])).await;
    watcher.follows_to(5).await;
    for _ in 0..3 {
        assert_eq!(watcher.gossip(body(&large)).await.status, 200);
    }
    assert_eq!(watcher.get("/status").await.1["pending_heads"], 1);
    log.show(Show::all(&large));
    watcher.follows_to(9).await;
    let status = watcher.until("it was checked", |status| status["pending_heads"] == 0).await;
    assert_eq!(status["alarms"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_a_peer_was_shown_and_this_monitor_never_is_raises_an_alarm() {
    let dir = tempfile::tempdir().unwrap();
    let policy = write_policy(dir.path());
    let (small, large) = (History::of(5, "", 0), History::of(9, "", 0));
    let [to_one, to_two] = [Served::new(Show::all(&small)).await, Served::new(Show::all(&large)).await];
    let mut config = monitor_config(dir.path(), &policy, "m1", &to_one.url, &[]);
    config.withheld_secs = 1;
    let one = Watcher::start(&config).await;
    one.follows_to(5).await;
    let two = monitor_config(dir.path(), &policy, "m2", &to_two.url, &[one.url()]);
    let _two = Watcher::start(&two).await;
    let status = one.until("an alarm", |status| status["alarms"] != serde_json::json!([])).await;
    assert!(status["alarms"][0].as_str().unwrap().starts_with("withheld-head-"), "{status}");
    assert_eq!(one.get("/status").await.0, 500);
    assert_eq!(one.alarms("withheld-head"), [large.signed().encode()]);
    // It is no fork: what the log does show is still followed.
    to_one.show(Show::all(&History::of(7, "", 0)));
    one.until("growth", |status| status["size"] == 7).await;
    // The alarm outlives a restart.
    one.running.stop_and_join().await.unwrap();
    let again = Watcher::start(&config).await;
    assert_eq!(again.get("/status").await.0, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_whose_entries_are_not_to_be_had_is_withheld_too() {
    let dir = tempfile::tempdir().unwrap();
    let policy = write_policy(dir.path());
    let (small, large) = (History::of(5, "", 0), History::of(9, "", 0));
    let log = Served::new(Show::all(&small)).await;
    let mut config = monitor_config(dir.path(), &policy, "m1", &log.url, &[]);
    config.withheld_secs = 1;
    let watcher = Watcher::start(&config).await;
    watcher.follows_to(5).await;
    log.show(Show { tiles: None, ..Show::all(&large) });
    let status = watcher.until("an alarm", |status| status["alarms"] != serde_json::json!([])).await;
    assert!(status["alarms"][0].as_str().unwrap().starts_with("withheld-head-"), "{status}");
    assert_eq!((&status["state"], &status["size"]), (&serde_json::json!("failing"), &serde_json::json!(5)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_its_own_entries_do_not_give_raises_an_alarm_and_is_never_adopted() {
    let dir = tempfile::tempdir().unwrap();
    let policy = write_policy(dir.path());
    let small = History::of(5, "", 0);
    let log = Served::new(Show::all(&small)).await;
    let watcher = Watcher::start(&monitor_config(dir.path(), &policy, "m1", &log.url, &[])).await;
    watcher.follows_to(5).await;
    // Signed and cosigned, and served with the tiles of another tree.
    log.show(Show { tiles: Some(History::of(5, "served", 4)), ..Show::all(&History::of(5, "signed", 4)) });
    let status = watcher.until("an alarm", |status| status["alarms"] != serde_json::json!([])).await;
    assert!(status["alarms"][0].as_str().unwrap().starts_with("unreproducible-head-"), "{status}");
    assert_eq!(status["size"], 5);
    assert_eq!(watcher.get("/counts").await.1["entries"], 5);
    // The log mends its ways: it is followed again, and the alarm stands.
    log.show(Show::all(&History::of(7, "", 0)));
    watcher.follows_to(7).await;
    assert_eq!(watcher.get("/status").await.0, 500);
}
