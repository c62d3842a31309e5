//! A full disk under a running sequencer with a real witness: named, nothing half done, and it goes on when there is space again.

use super::*;
use crate::alarms::Alarms;
use crate::index::Index;
use crate::keys::Keys;
use crate::storage::faulty::{Fault, Faulty};
use host::running::Running;
use std::path::Path;
use tlog::merkle::leaf_hash;
use tlog::policy::Policy;

const ORIGIN: &str = "log.example/candor";

type RunningWitness = Running<witness::At, witness::Error>;

async fn witness(folder: &Path, log_key: &str) -> RunningWitness {
    let config = witness::Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        data: folder.to_owned(),
        name: "witness.example/w1".to_owned(),
        logs: vec![log_key.to_owned()],
    };
    witness::init(&config).unwrap();
    witness::start(config, Shutdown::new()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_named_and_the_log_goes_on_when_there_is_space() {
    let dir = tempfile::tempdir().unwrap();
    Keys::create(dir.path(), ORIGIN).unwrap();
    let keys = Keys::open(dir.path(), ORIGIN).unwrap();
    let witness = witness(&dir.path().join("w1"), &keys.vkeys()[0]).await;
    let at = witness.at();
    let policy =
        format!("log {}\nwitness w1 {} http://{}/\nquorum w1\n", keys.vkeys()[0], at.vkeys[0], at.http);
    let policy = Arc::new(Policy::parse(policy.as_bytes()).unwrap());

    let disk = Faulty::default();
    Tree::create(&disk, &keys).unwrap();
    let tree = Tree::open(disk.clone(), keys).unwrap();
    let handover = Arc::new(Handover::new(Index::open(&dir.path().join("index.redb")).unwrap()));
    let alarms = Arc::new(Alarms::open(&dir.path().join("alarms")).unwrap());
    let witnesses = Witnesses::new(policy.clone(), disk.clone(), alarms, Duration::ZERO);
    let pace = Pace { batch: Duration::ZERO, checkpoint: Duration::ZERO, refresh: Duration::from_secs(3600) };
    let shutdown = Shutdown::new();
    let sequencer = Sequencer::new(tree, handover.clone(), witnesses, pace, shutdown.clone());
    let running = tokio::spawn(sequencer.run());

    let add = async |n: u8| {
        let entry = Bytes::from(vec![n; 10]);
        let mut fate = handover.push(leaf_hash(&entry), entry).unwrap();
        let settled = tokio::time::timeout(Duration::from_secs(60), fate.wait_for(|it| *it != Fate::Waiting));
        let _ = settled.await.expect("the fate of every leaf is told");
        fate.borrow().clone()
    };
    let published = async |size: u64| {
        let mut head = handover.published();
        let there = head.wait_for(|head| head.as_ref().is_some_and(|head| head.size == size));
        tokio::time::timeout(Duration::from_secs(60), there).await.expect("published").unwrap();
    };
    published(0).await;
    assert_eq!(add(0).await, Fate::Integrated);
    published(1).await;
    // Every write of the commit in turn: bundle, tile, the folders' sync, the state.
    for nth in 0..4 {
        disk.fail_at(nth, Fault::DiskFull);
        let Fate::Failed(failure) = add(1).await else { panic!("write {nth} was not needed") };
        assert_eq!((failure.status, failure.error.as_str()), (503, "disk-full"), "write {nth}");
        assert!(failure.what_to_do.contains("free space"), "{}", failure.what_to_do);
        assert!(disk.struck());
        assert_eq!(handover.published_size(), Some(1));
    }
    assert_eq!(add(1).await, Fate::Integrated);
    published(2).await;
    assert_eq!(handover.trouble(), None);
    let note = handover.published().borrow().clone().unwrap().note;
    assert_eq!(policy.verify_checkpoint(&note).unwrap().checkpoint().size(), 2);
    shutdown.request();
    running.await.unwrap().unwrap();
}
