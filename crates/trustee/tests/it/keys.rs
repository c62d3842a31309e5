//! Keys of days: nobody is shown one that the log does not have; what was destroyed opens nothing.

use crate::camera::{Camera, Dealing, day_key};
use crate::world::{Approval, World, failure, refusal};
use escrow::record::{DayKeysLeaf, Grant, KeyDestroyed, Kind};
use host::machine::Machine;
use host::shutdown::Shutdown;
use media::id::Day;
use media::time::Micros;
use media::time::Seconds;
use stage::until;
use std::sync::Arc;
use tlog::Hash;
use trustee::{Error, LedgerError, Trustee};

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
        let key = day_key(&world, &trustee, day).await;
        let note = trustee.get(&format!("/day-keys/{}", day.0)).await.body;
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
    let open = Arc::new(Trustee::open(world.config.clone(), Machine::system()).unwrap());
    let now = host::clock::now();
    open.follow(Seconds(now)).await.unwrap();
    open.tend(Seconds(now + 60 * 86_400)).await.unwrap();
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
    assert!(matches!(start(world.config.clone()).await, Error::Ledger(LedgerError::Missing { .. })));
    assert!(!ledger.exists());
}
