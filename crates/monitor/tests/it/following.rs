//! Following a real log: growth, counts, restarts, damage.

use crate::world::{Watcher, World, monitor_config, write_policy};
use escrow::record::Kind;
use host::shutdown::Shutdown;
use log_client::{PolicyFault, PolicyFileError};
use monitor::{Error, StoreError};
use stage::keys::trustee;
use stage::leaves::{
    Asked, ask, day_keys, destroy_by, destroyed, founding, grant, ratification, refusal, share_bad,
};
use stage::paper::{History, NOW, Served, Show};

/// Rules and registrations, then one emergency that three trustees granted, one that was refused, and what
/// trustees and a court add.
///
/// Told leaf by leaf: who answers a request names it as it stands in the log.
struct Story {
    granted: Option<Asked>,
    refused: Option<Asked>,
    told: usize,
}

const LENGTH: usize = 17;

impl Story {
    fn new() -> Self {
        Self { granted: None, refused: None, told: 0 }
    }

    async fn tell(&mut self, world: &World, to: usize) {
        for at in self.told..to {
            let (granted, refused) = (self.granted.as_ref(), self.refused.as_ref());
            let leaf = match at {
                0..7 => founding(NOW).remove(at),
                7 => {
                    self.granted = Some(world.ask(ask(Kind::Emergency, "police.example", 7, NOW)).await);
                    continue;
                }
                8..11 => grant(granted.unwrap(), &trustee(at as u8 - 8)),
                11 => {
                    self.refused = Some(world.ask(ask(Kind::Emergency, "sheriff.example", 11, NOW)).await);
                    continue;
                }
                12 => refusal(refused.unwrap(), &trustee(4)),
                13 => ratification(granted.unwrap(), 3600),
                14 => share_bad(granted.unwrap(), &trustee(3)),
                15 => day_keys(&trustee(0), 20_781),
                _ => destroyed(&trustee(0), 20_781),
            };
            world.add(&[leaf]).await;
        }
        self.told = to;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_follows_growth_and_counts_what_it_read() {
    let mut world = World::new().await;
    world.log.start_log().await;
    let watcher = Watcher::start(&world.monitor("m1", &[])).await;
    let (code, _) = watcher.get("/status").await;
    assert_eq!(code, 200);
    watcher.follows_to(0).await;
    let mut story = Story::new();
    for to in [7, 10, LENGTH] {
        story.tell(&world, to).await;
        let status = watcher.follows_to(to as u64).await;
        assert_eq!(status["alarms"], serde_json::json!([]));
        assert_eq!(status["error"], serde_json::Value::Null);
    }
    let (code, counts) = watcher.get("/counts").await;
    assert_eq!((code, &counts["entries"]), (200, &serde_json::json!(LENGTH)));
    let expected =
        serde_json::json!({ "requested": 2, "incidents": 2, "attempted": 1, "completed": 1, "ratified": 1 });
    assert_eq!(counts["emergencies"], expected);
    assert_eq!(counts["leaves"]["requester-key"], 6);
    assert_eq!(counts["rows"][1]["agency"], "sheriff.example");
    assert_eq!(counts["rows"][1]["refusals"], 1);
    assert_eq!(counts["rows"][0]["shares_bad"], 1);
    let days = serde_json::json!({ "trustee0.example": { "published": 1, "destroyed": 1, "lost": 0 } });
    assert_eq!(counts["day_keys"], days);
    assert_eq!(counts["head"]["size"], LENGTH);
    assert!(counts["head"]["cosigned_at"].as_u64().unwrap() > 0);
    world.log.stop_log().await;
    watcher.until("the log is gone", |status| status["state"] == "failing").await;
    watcher.running.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_monitor_knows_what_it_knew_and_goes_on() {
    let mut world = World::new().await;
    world.log.start_log().await;
    let config = world.monitor("m1", &[]);
    let mut story = Story::new();
    story.tell(&world, 9).await;
    let first = Watcher::start(&config).await;
    first.follows_to(9).await;
    let second = monitor::start(config.clone(), Shutdown::new()).await.unwrap_err();
    assert!(second.to_string().contains("in use by another process"), "{second}");
    let (_, counts) = first.get("/counts").await;
    first.running.stop_and_join().await.unwrap();
    world.log.stop_log().await;

    // Without the log it still has its head and counts.
    let again = Watcher::start(&config).await;
    assert_eq!(again.get("/status").await.1["size"], 9);
    assert_eq!(again.get("/counts").await.1["rows"], counts["rows"]);
    world.log.start_log().await;
    story.tell(&world, LENGTH).await;
    again.follows_to(LENGTH as u64).await;
    assert_eq!(again.get("/counts").await.1["emergencies"]["completed"], 1);
    again.running.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_log_is_followed_over_many_bundles_and_restarts_between() {
    let dir = tempfile::tempdir().unwrap();
    let policy = write_policy(dir.path());
    let mut history = History::default();
    let log = Served::new(Show::all(&history)).await;
    let config = monitor_config(dir.path(), &policy, "m1", &log.url, &[]);
    for size in [1u64, 255, 256, 257, 600, 1300] {
        while history.size() < size {
            history.add(format!("entry {}", history.size()).as_bytes());
        }
        log.show(Show::all(&history));
        let watcher = Watcher::start(&config).await;
        watcher.follows_to(size).await;
        assert_eq!(watcher.get("/counts").await.1["leaves"]["unknown"], size);
        watcher.running.stop_and_join().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_head_is_an_old_answer_and_a_head_without_quorum_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let policy = write_policy(dir.path());
    let (old, new) = (History::of(5, "", 0), History::of(9, "", 0));
    let log = Served::new(Show::all(&new)).await;
    let watcher = Watcher::start(&monitor_config(dir.path(), &policy, "m1", &log.url, &[])).await;
    watcher.follows_to(9).await;
    log.show(Show::all(&old));
    let status = watcher.until("an old answer", |status| status["state"] == "behind").await;
    assert_eq!((&status["size"], &status["alarms"]), (&serde_json::json!(9), &serde_json::json!([])));
    log.show(Show { cosigners: 2, ..Show::all(&History::of(12, "", 0)) });
    let status = watcher.until("no quorum", |status| status["state"] == "quorum-missing").await;
    assert_eq!((&status["size"], &status["alarms"]), (&serde_json::json!(9), &serde_json::json!([])));
    log.show(Show::all(&History::of(12, "", 0)));
    watcher.follows_to(12).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_created_by_starting_and_damage_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let policy = write_policy(dir.path());
    let log = Served::new(Show::all(&History::of(9, "", 0))).await;
    let config = monitor_config(dir.path(), &policy, "m1", &log.url, &[]);
    let start = || monitor::start(config.clone(), Shutdown::new());
    let again = monitor::init(&config).unwrap_err().to_string();
    assert!(again.contains("never overwritten"), "{again}");
    let watcher = Watcher::start(&config).await;
    watcher.follows_to(9).await;
    watcher.running.stop_and_join().await.unwrap();

    for file in ["entries", "head"] {
        let (path, aside) = (config.data.join(file), dir.path().join("aside"));
        std::fs::rename(&path, &aside).unwrap();
        let error = start().await.unwrap_err();
        assert!(matches!(error, Error::Store(StoreError::Missing { .. })), "{file}: {error}");
        assert!(!path.exists(), "{file} was created by starting");
        std::fs::rename(&aside, &path).unwrap();

        let whole = std::fs::read(&path).unwrap();
        for at in [0, whole.len() / 2, whole.len() - 1] {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            std::fs::write(&path, flipped).unwrap();
            assert!(matches!(start().await, Err(Error::Store(_))), "{file} flipped at {at}");
            if at > 0 {
                std::fs::write(&path, &whole[..at]).unwrap();
                assert!(matches!(start().await, Err(Error::Store(_))), "{file} cut at {at}");
            }
        }
        std::fs::write(&path, whole).unwrap();
    }
    // What a crash left beyond the head was never adopted: it goes.
    let path = config.data.join("entries");
    let whole = std::fs::read(&path).unwrap();
    for beyond in [&b"\0"[..], b"\0\0\0\x03abc", &[0xff; 5000]] {
        std::fs::write(&path, [&whole[..], beyond].concat()).unwrap();
        let watcher = Watcher::start(&config).await;
        watcher.follows_to(9).await;
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        watcher.running.stop_and_join().await.unwrap();
    }
    let nowhere = monitor::Config { data: dir.path().join("nowhere"), ..config.clone() };
    let error = monitor::start(nowhere.clone(), Shutdown::new()).await.unwrap_err();
    assert!(error.to_string().contains("init"), "{error}");
    assert!(!nowhere.data.exists());
}

/// The witnesses' clock goes on, day by day; nobody reads this machine's.
#[tokio::test]
async fn a_key_that_is_not_destroyed_on_its_day_turns_the_status_red_until_its_trustee_says_that_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let policy = write_policy(dir.path());
    let mut log = History::default();
    for leaf in founding(NOW) {
        log.add(&leaf);
    }
    log.add(&day_keys(&trustee(0), 20_780));
    log.add(&day_keys(&trustee(1), 20_780));
    let served = Served::new(Show::all(&log)).await;
    let config = monitor_config(dir.path(), &policy, "m1", &served.url, &[]);
    let watcher = Watcher::start(&config).await;
    watcher.follows_to(log.size()).await;
    assert_eq!(watcher.get("/status").await.0, 200);
    let due = destroy_by(20_780).0;
    let at = async |log: &History, cosigned_at: u64| {
        served.show(Show { cosigned_at, ..Show::all(log) });
        watcher.until("the head", |status| status["cosigned_at"] == cosigned_at).await;
        let (code, status) = watcher.get("/status").await;
        (code, status["overdue_keys"].clone())
    };
    assert_eq!(at(&log, due + 86_400).await, (200, serde_json::json!({})), "the log may have been away");
    log.add_at(&destroyed(&trustee(1), 20_780), due + 86_400);
    let red = serde_json::json!({ "trustee0.example": [20_780] });
    assert_eq!(at(&log, due + 86_401).await, (500, red.clone()));
    let page = watcher.text("/").await;
    assert!(
        page.contains("Keys that should be gone") && page.contains("<code>trustee0.example</code> (1 day)")
    );
    let report = monitor::check(&config, None).await.unwrap();
    assert_eq!(report.alarms, ["day-key-overdue trustee0.example 20780"]);
    // Over a restart of the monitor too.
    watcher.running.stop_and_join().await.unwrap();
    let watcher = Watcher::start(&config).await;
    assert_eq!(watcher.get("/status").await.1["overdue_keys"], red);
    // Nor do old cosignatures of a head that did not grow end what fresh ones began.
    log.add_at(&day_keys(&trustee(0), 20_781), due + 86_500);
    served.show(Show { cosigned_at: due + 86_500, ..Show::all(&log) });
    watcher.follows_to(log.size()).await;
    served.show(Show { cosigned_at: due + 2 * 86_401, ..Show::all(&log) });
    let both = serde_json::json!({ "trustee0.example": [20_780, 20_781] });
    watcher.until("the second one is due", |status| status["overdue_keys"] == both).await;
    served.show(Show { cosigned_at: due + 86_500, ..Show::all(&log) });
    watcher.running.stop_and_join().await.unwrap();
    let watcher = Watcher::start(&config).await;
    watcher.follows_to(log.size()).await;
    assert_eq!(watcher.get("/status").await.1["overdue_keys"], both);
    log.add_at(&destroyed(&trustee(0), 20_781), due + 2 * 86_402);
    log.add_at(&destroyed(&trustee(0), 20_780), due + 3 * 86_400);
    served.show(Show { cosigned_at: due + 3 * 86_400, ..Show::all(&log) });
    watcher.follows_to(log.size()).await;
    assert_eq!(watcher.get("/status").await.0, 200);
}

#[tokio::test]
async fn a_configuration_that_does_not_fit_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let policy = write_policy(dir.path());
    let good = monitor_config(dir.path(), &policy, "m1", "http://127.0.0.1:9", &[]);
    let other_log = tlog::note::Signer::from_seed("other.example", &[9; 32]).unwrap().verifier().vkey();
    let two_logs = dir.path().join("two");
    let text = std::fs::read_to_string(&policy).unwrap();
    std::fs::write(&two_logs, format!("log {other_log}\n{text}")).unwrap();
    let (none, bad) = (dir.path().join("none"), dir.path().join("bad"));
    std::fs::write(&bad, stage::leaves::rules().encode()).unwrap();
    type Fits = fn(&Error) -> bool;
    let cases: [(monitor::Config, Fits); 3] = [
        (monitor::Config { policy: none, ..good.clone() }, |error| {
            matches!(error, Error::Policy(PolicyFileError::Missing { .. }))
        }),
        (monitor::Config { policy: two_logs, ..good.clone() }, |error| {
            matches!(
                error,
                Error::Policy(PolicyFileError::Malformed { source: PolicyFault::SeveralLogs, .. })
            )
        }),
        (monitor::Config { policy: bad, ..good.clone() }, |error| {
            matches!(error, Error::Policy(PolicyFileError::Malformed { .. }))
        }),
    ];
    for (at, (config, fits)) in cases.into_iter().enumerate() {
        let error = monitor::start(config, Shutdown::new()).await.unwrap_err();
        assert!(fits(&error), "{at}: {error}");
    }
    assert!(Watcher::start(&good).await.running.stop_and_join().await.is_ok());
}
