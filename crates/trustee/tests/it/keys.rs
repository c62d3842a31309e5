//! Keys of days: nobody is shown one that the log does not have; what was destroyed opens nothing.

use crate::camera::{Camera, Dealing, day_key, published as published_key};
use crate::world::{Approval, World, failure, refusal};
use escrow::record::{DayKeysLeaf, Grant, KeyDestroyed, KeyEnd, Kind};
use escrow::register::Register;
use host::clock::{Clock, Hand};
use host::db::DbError;
use host::machine::Machine;
use host::shutdown::Shutdown;
use media::id::Day;
use media::time::{Micros, Seconds};
use stage::until;
use std::time::Duration;
use tlog::Hash;
use trustee::{Error, LedgerError, Trustee};

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn day_keys_are_leaves_before_anybody_is_shown_one() {
    let mut world = World::new(Approval::Human).await;
    world.log.stop_log().await;
    let today = Micros(host::clock::now_us()).day();
    let trustee = world.start().await;
    assert_eq!(
        failure(&trustee.get(&format!("/day-keys/{}", today.0)).await),
        (503, "catching-up".to_owned())
    );
    trustee.stop().await;
    world.log.start_log().await;
    let trustee = world.start().await;
    for ahead in 0..=2 {
        let day = Day(today.0 + ahead);
        let (published, key) = published_key(&world, &trustee, day).await;
        let note = published.note;
        let leaves = world.leaves::<DayKeysLeaf>().await;
        let leaf = leaves.iter().find(|leaf| leaf.value().day == day.0).unwrap();
        assert_eq!((leaf.value().key_id, leaf.value().keys), (key.id(), Hash::of(&[&note])));
    }
    for none in ["0", "x", "-1", "007", &(today.0 + 3).to_string(), &(today.0 - 1).to_string()] {
        assert_eq!(
            failure(&trustee.get(&format!("/day-keys/{none}")).await),
            (404, "no-day-key".to_owned()),
            "{none}"
        );
    }
    trustee.stop().await;
    assert_eq!(world.leaves::<DayKeysLeaf>().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_key_of_its_day_is_destroyed_a_request_opens_nothing() {
    let world = World::new(Approval::Automatic).await;
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::Well).await;
    let case = camera.request(&world, Kind::Legal).await;
    trustee.stop().await;

    // The same folder, months later.
    let (open, hand) = opened(&world);
    open.follow(Seconds(host::clock::now())).await.unwrap();
    hand.step(DAY * 60);
    open.tend().await.unwrap();
    drop(open);
    let day = camera.filmed.contexts[0].day();
    assert!(!world.config.data.join("days").join(format!("{}.key", day.0)).exists());
    let destroyed = world.leaves::<KeyDestroyed>().await;
    assert!(destroyed.iter().any(|leaf| leaf.value().day == day.0));

    let trustee = world.start().await;
    let reply = until("the trustee has caught up", async || {
        let reply = trustee.post(case.body()).await;
        (reply.status != 503).then_some(reply)
    });
    assert_eq!(refusal(&reply.await), (403, "g9".to_owned(), "day-key-destroyed".to_owned()));
    assert_eq!(world.leaves::<Grant>().await.len(), 0);
    trustee.stop().await;
}

/// The trustee in this process, by a clock with a hand.
fn opened(world: &World) -> (Trustee, Hand) {
    let (clock, hand) = Clock::stepped(host::clock::now_us());
    (Trustee::open(world.config.clone(), Machine::with_clock(clock)).unwrap(), hand)
}

/// Days whose private key is in the folder.
fn held(world: &World) -> Vec<u32> {
    let files = std::fs::read_dir(world.config.data.join("days")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut days: Vec<_> = names.filter_map(|name| name.strip_suffix(".key")?.parse().ok()).collect();
    days.sort_unstable();
    days
}

/// A world in which the trustee has published the keys of three days; the first of them.
async fn published(approval: Approval) -> (World, u32) {
    let world = World::new(approval).await;
    let today = Micros(host::clock::now_us()).day();
    let trustee = world.start().await;
    for ahead in 0..=2 {
        day_key(&world, &trustee, Day(today.0 + ahead)).await;
    }
    trustee.stop().await;
    (world, today.0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_a_fork_nor_a_log_that_is_away_keeps_a_key_alive() {
    let (mut world, today) = published(Approval::Human).await;
    // A fork alarm, which only a human takes away, and after a restart no log at all.
    let fork = redb::TableDefinition::<(), &[u8]>::new("fork");
    let set_fork = |note: Option<&[u8]>| {
        let database = redb::Database::open(world.config.data.join("ledger.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        match note {
            Some(note) => drop(transaction.open_table(fork).unwrap().insert((), note).unwrap()),
            None => drop(transaction.open_table(fork).unwrap().remove(()).unwrap()),
        }
        transaction.commit().unwrap();
    };
    set_fork(Some(b"another history"));
    world.log.stop_log().await;
    let (open, hand) = opened(&world);
    open.follow(Seconds(host::clock::now())).await.unwrap_err();
    hand.step(DAY * 37);
    open.tend().await.unwrap();
    assert_eq!(held(&world), [today, today + 1, today + 2], "a day too soon");
    hand.step(DAY);
    open.tend().await.unwrap();
    assert_eq!(held(&world), [today + 1, today + 2]);
    drop(open);

    // The human has looked: what happened meanwhile is logged.
    set_fork(None);
    world.log.start_log().await;
    let trustee = world.start().await;
    until("it is logged", async || {
        let leaves = world.leaves::<KeyDestroyed>().await;
        leaves.iter().any(|leaf| leaf.value().day == today).then_some(())
    })
    .await;
    trustee.stop().await;
}

/// A log that stamped badly is not followed; its heads, which witnesses cosign, still tell the time,
/// or each restart would lengthen the life of every key by the time that the trustee was off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_found_dishonest_still_tells_the_time_for_the_keys() {
    let (world, _) = published(Approval::Human).await;
    std::fs::write(world.config.data.join("log-stamp.fault"), b"evidence").unwrap();
    let database = redb::Database::open(world.config.data.join("ledger.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    let time = redb::TableDefinition::<(), u64>::new("time");
    assert!(transaction.open_table(time).unwrap().remove(()).unwrap().is_some());
    transaction.commit().unwrap();
    drop(database);

    let trustee = world.start().await;
    until("the time is confirmed", async || {
        let said = String::from_utf8(trustee.get("/status").await.body.to_vec()).unwrap();
        assert!(said.contains("log-stamp"), "{said}");
        (!said.contains("clock-unconfirmed")).then_some(())
    })
    .await;
    trustee.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_a_year_or_back_or_to_1970_destroys_no_key_and_is_named() {
    let (world, today) = published(Approval::Human).await;
    let all = [today, today + 1, today + 2];
    let (open, hand) = opened(&world);
    let now = host::clock::now_us();
    open.follow(Seconds(now / 1_000_000)).await.unwrap();
    let alarm = async || open.status().await.alarms.join(" ");
    let year = 365 * 86_400 * 1_000_000;
    for (wall, named) in
        [(now + year, "clock-ahead"), (now - year, "clock-behind"), (0, "clock-behind"), (now, "")]
    {
        hand.set(wall);
        open.tend().await.unwrap();
        assert_eq!(held(&world), all, "{named}");
        assert!(
            alarm().await.starts_with(named) && (named.is_empty() == alarm().await.is_empty()),
            "{named}"
        );
    }
    drop(open);
    // Nor over a restart: what was off for a year, for all that the clock says, waits for witnesses.
    let (open, hand) = opened(&world);
    hand.set(now + year);
    open.tend().await.unwrap();
    assert_eq!(held(&world), all);
    assert!(open.status().await.alarms.join(" ").starts_with("clock-ahead"));
    // Nor does a wrong clock keep one alive.
    hand.set(0);
    hand.step(DAY * 38);
    open.tend().await.unwrap();
    assert_eq!(held(&world), all[1..]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trustee_that_lost_its_disk_is_restored_says_which_keys_it_lost_and_makes_new_ones() {
    let world = World::new(Approval::Automatic).await;
    let trustee = world.start().await;
    let camera = Camera::film(&world, &trustee, Dealing::Well).await;
    let (granted, later) =
        (camera.request(&world, Kind::Legal).await, camera.request(&world, Kind::Legal).await);
    assert_eq!(trustee.post(granted.body()).await.status, 200);
    trustee.stop().await;
    let today = camera.filmed.contexts[0].day().0;
    let data = &world.config.data;
    // Each key that there was of today.
    let first = &world.leaves::<DayKeysLeaf>().await;
    let first = first.iter().find(|leaf| leaf.value().day == today).unwrap().value().key_id;
    let mut known = vec![first];
    for kept in ["", "ledger.redb"] {
        // What the backup holds: the keys that speak, or the folder as deploy/README.md says it.
        for entry in std::fs::read_dir(data).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                std::fs::remove_dir_all(&path).unwrap();
            } else if !name.ends_with(".key") && name != kept {
                std::fs::remove_file(&path).unwrap();
            }
        }
        assert!(trustee::start(world.config.clone(), Shutdown::new()).await.is_err());
        assert!(trustee::init(&world.config).is_err());
        let restored = trustee::restore(&world.config).unwrap();
        assert_eq!(restored.vkey, world.created.vkey);
        assert_eq!(restored.made.contains(&"ledger.redb".to_owned()), kept.is_empty(), "{restored:?}");
        assert_eq!(trustee::restore(&world.config).unwrap().made, Vec::<String>::new());

        // It says in the log what it lost, and then makes a second key of the days to come.
        let trustee = world.start().await;
        let key = until("today has another key", async || {
            let reply = trustee.get(&format!("/day-keys/{today}")).await;
            let key = (reply.status == 200).then(|| day_key(&world, &trustee, Day(today)))?.await;
            (!known.contains(&key.id())).then_some(key.id())
        })
        .await;
        known.push(key);
        // It grants nothing twice, and says what it cannot open.
        let reply = trustee.post(granted.body()).await;
        if kept.is_empty() {
            assert_eq!(refusal(&reply), (403, "g10".to_owned(), "bundle-lost".to_owned()));
        }
        let reply = trustee.post(later.body()).await;
        assert_eq!(refusal(&reply), (403, "g9".to_owned(), "day-key-lost".to_owned()));
        let camera = Camera::film(&world, &trustee, Dealing::Well).await;
        let case = camera.request(&world, Kind::Legal).await;
        assert_eq!(trustee.post(case.body()).await.status, 200, "what is filmed since is let go");
        trustee.stop().await;
        let lost = world.leaves::<KeyDestroyed>().await;
        assert!(lost.iter().all(|leaf| leaf.value().reason == KeyEnd::Lost));
        let of_today = lost.iter().filter(|leaf| leaf.value().day == today);
        assert_eq!(of_today.map(|leaf| leaf.value().key_id).collect::<Vec<_>>(), known[..known.len() - 1]);
        assert_eq!(world.leaves::<DayKeysLeaf>().await.len(), 3 * known.len());
        // By the log, each day has one key that lives.
        let mut register = Register::new(world.log.policy.stamp_keys());
        for (at, entry) in (0..).zip(world.log.entries().await) {
            register.fold(at, &entry).unwrap();
        }
        let own = tlog::note::Verifier::parse(&world.created.vkey).unwrap();
        for keys in register.day_keys_of(&own).values() {
            let ends: Vec<_> = keys.iter().map(|key| key.ended).collect();
            assert_eq!(ends, [vec![Some(KeyEnd::Lost); known.len() - 1], vec![None]].concat());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trustee_that_would_keep_its_keys_longer_than_the_rules_allow_does_not_start() {
    let world = World::new(Approval::Human).await;
    for (retention_days, starts) in [(94, false), (93, true)] {
        let config = trustee::Config { retention_days, ..world.config.clone() };
        match Trustee::open(config, Machine::system()) {
            Err(Error::KeptTooLong { days, allowed }) => {
                assert_eq!((days, allowed, starts), (94, 100, false))
            }
            Err(error) => panic!("{error}"),
            Ok(_) => assert!(starts),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_created_in_silence_and_one_folder_has_one_process() {
    let world = World::new(Approval::Human).await;
    let start =
        async |config: trustee::Config| trustee::start(config, Shutdown::new()).await.map(drop).unwrap_err();
    let elsewhere = trustee::Config { data: world.dir.path().join("none"), ..world.config.clone() };
    assert!(matches!(start(elsewhere.clone()).await, Error::File(_)));
    assert!(!elsewhere.data.exists());
    assert!(trustee::init(&world.config).is_err());
    assert_eq!(trustee::vkey(&world.config).unwrap(), world.created.vkey);
    let nobody = trustee::Config { approvers: Vec::new(), ..world.config.clone() };
    assert!(matches!(start(nobody).await, Error::NoApprovers));
    let renamed = trustee::Config { name: "other.example".to_owned(), ..world.config.clone() };
    assert!(matches!(start(renamed).await, Error::OwnKey { .. }));
    let trustee = world.start().await;
    assert!(matches!(
        start(world.config.clone()).await,
        Error::File(host::durable::DurableError::Locked { .. })
    ));
    trustee.stop().await;

    let ledger = world.config.data.join("ledger.redb");
    std::fs::rename(&ledger, world.dir.path().join("aside")).unwrap();
    assert!(matches!(
        start(world.config.clone()).await,
        Error::Ledger(LedgerError::Database(DbError::Missing { .. }))
    ));
    assert!(!ledger.exists());
}
