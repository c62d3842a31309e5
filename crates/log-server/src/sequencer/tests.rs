//! A running sequencer with a real witness, under a full disk and with a damaged index: named,
//! nothing half done, and it goes on when it can again.

use super::*;
use crate::alarms::Alarms;
use crate::index::Index;
use crate::keys::Keys;
use crate::storage::tests::{Fault, Faulty};
use host::clock::Clock;
use host::running::Running;
use std::path::Path;
use tempfile::TempDir;
use tlog::note::{self, Signer};
use tlog::policy::Policy;
use tokio::task::JoinHandle;

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

/// A running sequencer, on a disk that may be told to fail.
struct Rig {
    disk: Faulty,
    handover: Arc<Handover>,
    policy: Arc<Policy>,
    shutdown: Shutdown,
    running: JoinHandle<Result<(), Error>>,
    dir: TempDir,
    _witness: RunningWitness,
}

impl Rig {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Keys::create(dir.path(), ORIGIN).unwrap();
        let keys = Keys::open(dir.path(), ORIGIN, Clock::system()).unwrap();
        let witness = witness(&dir.path().join("w1"), &keys.vkeys()[0]).await;
        let at = witness.at();
        let policy =
            format!("log {}\nwitness w1 {} http://{}/\nquorum w1\n", keys.vkeys()[0], at.vkeys[0], at.http);
        let policy = Arc::new(Policy::parse(policy.as_bytes()).unwrap());

        let disk = Faulty::default();
        Tree::create(&disk, &keys).unwrap();
        let stamping = keys.stamping();
        let tree = Tree::open(disk.clone(), keys).unwrap();
        let handover = Arc::new(Handover::new(Index::open(&dir.path().join("index.redb")).unwrap()));
        let alarms = Arc::new(Alarms::open(&dir.path().join("alarms")).unwrap());
        let witnesses = Witnesses::new(policy.clone(), disk.clone(), alarms, Duration::ZERO);
        let pace =
            Pace { batch: Duration::ZERO, checkpoint: Duration::ZERO, refresh: Duration::from_secs(3600) };
        let shutdown = Shutdown::new();
        let sequencer = Sequencer {
            tree: Some(tree),
            handover: handover.clone(),
            witnesses,
            stamping,
            pace,
            shutdown: shutdown.clone(),
            rng: Rng::system(),
        };
        let running = tokio::spawn(sequencer.run());
        Self { disk, handover, policy, shutdown, running, dir, _witness: witness }
    }

    async fn add(&self, n: u8) -> Fate {
        let mut fate = self.handover.push(text(n), leaf(n)).unwrap();
        let settled = tokio::time::timeout(Duration::from_secs(60), fate.wait_for(|it| *it != Fate::Waiting));
        let _ = settled.await.expect("the fate of every leaf is told");
        fate.borrow().clone()
    }

    async fn published(&self, size: u64) {
        let mut head = self.handover.published.subscribe();
        let there = head.wait_for(|head| head.as_ref().is_some_and(|head| head.size == size));
        tokio::time::timeout(Duration::from_secs(60), there).await.expect("published").unwrap();
    }

    async fn stop(self) {
        self.shutdown.request();
        self.running.await.unwrap().unwrap();
    }
}

fn leaf(n: u8) -> Bytes {
    let submitter = Signer::from_seed("relay.example", &[1; 32]).unwrap();
    note::sign(&format!("leaf {n}\n"), &[&submitter]).unwrap().encode().into()
}

fn text(n: u8) -> Hash {
    Hash::of(&[format!("leaf {n}\n").as_bytes()])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_named_and_the_log_goes_on_when_there_is_space() {
    let log = Rig::new().await;
    log.published(0).await;
    assert_eq!(log.add(0).await, Fate::Integrated);
    log.published(1).await;
    // Every write of the commit in turn: bundle, tile, the folders' sync, the state.
    for nth in 0..4 {
        log.disk.fail_at(nth, Fault::DiskFull);
        let Fate::Failed(failure) = log.add(1).await else { panic!("write {nth} was not needed") };
        assert_eq!((failure.status, failure.error.as_str()), (503, "disk-full"), "write {nth}");
        assert!(failure.what_to_do.contains("free space"), "{}", failure.what_to_do);
        assert!(log.disk.struck());
        assert_eq!(log.handover.published_size(), Some(1));
    }
    assert_eq!(log.add(1).await, Fate::Integrated);
    log.published(2).await;
    assert_eq!(*log.handover.trouble.lock(), None);
    let note = log.handover.published.borrow().clone().unwrap().note;
    assert_eq!(log.policy.verify_checkpoint(&note).unwrap().checkpoint().size(), 2);
    log.stop().await;
}

/// Damaged where nothing of it is kept in memory: no leaf gets a second place, and without
/// anybody's help the index is made anew from the entries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_is_damaged_in_use_is_made_anew_while_the_log_runs() {
    let log = Rig::new().await;
    for n in 0..3 {
        assert_eq!(log.add(n).await, Fate::Integrated);
    }
    log.published(3).await;
    let damage = || {
        let path = log.dir.path().join("index.redb");
        let garbage: Vec<u8> = std::fs::read(&path).unwrap().iter().map(|byte| byte ^ 0xa5).collect();
        std::fs::write(&path, garbage).unwrap();
    };
    // Met by the sequencer, which cannot know then whether the leaf has a place already.
    damage();
    let Fate::Failed(failure) = log.add(1).await else { panic!("the index was not asked") };
    assert_eq!((failure.status, failure.error.as_str()), (503, "storage"));
    assert_eq!(log.add(1).await, Fate::Integrated);
    assert_eq!(log.add(3).await, Fate::Integrated);
    log.published(4).await;

    // Met by somebody who asks for a proof, while the sequencer rests.
    damage();
    let look = |n: u8| log.handover.index.find(&text(n)).map(|place| place.map(|it| it.index));
    assert!((0..4).any(|n| look(n).is_err()));
    let deadline = Instant::now() + Duration::from_secs(60);
    while log.handover.index.is_in_doubt() || !matches!(log.handover.index.covered(), Ok(4)) {
        assert!(Instant::now() < deadline, "the index is made anew");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!((0..4).all(|n| look(n).unwrap() == Some(n.into())));
    assert_eq!(log.handover.published_size(), Some(4));
    log.stop().await;
}
