//! kill -9 of a real log process in mid-work, again and again: nothing that was acknowledged is
//! lost, every index stays, and all heads that anybody was shown are of one history.

use crate::world::{World, leaf};
use host::shutdown::Shutdown;
use log_server::Config;
use stage::process::Process;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tlog::merkle::{Tree, leaf_hash};
use tlog::reader::{Head, Reader};
use tokio::task::JoinSet;

const LIVES: usize = 5;
const SUBMITTERS: u64 = 4;

/// The log process itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the test below starts and kills"]
async fn log_process() {
    let Some(path) = stage::process::role() else { return };
    let config: Config = host::config::load(&path).unwrap();
    let log = log_server::start(config, Shutdown::new()).await.unwrap();
    stage::process::listening(&path, log.at().http);
    log.join().await.unwrap();
}

fn start(config: &Path) -> Process {
    Process::start("killed::log_process", config)
}

/// What submitters were told: leaf to index, and every head that proved one.
#[derive(Default)]
struct Told {
    indexes: BTreeMap<Vec<u8>, u64>,
    heads: BTreeMap<u64, tlog::Hash>,
}

fn write_config(world: &World) -> PathBuf {
    let config = &world.config;
    let path = world.dir.path().join("log.toml");
    let text = format!(
        "listen = \"{}\"\ndata = {:?}\norigin = {:?}\npolicy = {:?}\nbatch_ms = 5\ncheckpoint_ms = 5\nbeyond_quorum_ms = 20\n\
         [[submitters]]\nvkey = {:?}\nkinds = [\"nothing\"]\nper_minute = 600000\nburst = 10000\nbytes_per_minute = 60000000\n",
        config.listen, config.data, config.origin, config.policy, config.submitters[0].vkey
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// Adds fresh leaves until the process is gone, and notes what was acknowledged.
async fn submit(world: Arc<World>, url: String, told: Arc<Mutex<Told>>, fresh: Arc<AtomicU64>) {
    loop {
        let leaf = leaf(&format!("leaf {}", fresh.fetch_add(1, Ordering::Relaxed)));
        let Ok(reply) = world.fetch.post(&format!("{url}/add"), "text/plain", leaf.clone()).await else {
            return;
        };
        let logged = world.verified(&reply, &leaf);
        let (size, root) = (logged.checkpoint().size(), logged.checkpoint().root());
        let mut told = told.lock().unwrap();
        told.indexes.insert(logged.value().clone(), logged.index());
        let known = *told.heads.entry(size).or_insert(root);
        assert_eq!(known, root, "two heads of size {size} were shown");
    }
}

/// Everything up to the published head, verified to continue `trusted`.
async fn follow(world: &World, url: &str, trusted: Head) -> (Head, Vec<Vec<u8>>) {
    let published = world.fetch.get(&format!("{url}/checkpoint")).await.unwrap();
    let head = world.policy.verify_checkpoint(&published.body).unwrap();
    let mut reader = Reader::new(trusted, &head).unwrap();
    let mut entries = Vec::new();
    while !reader.is_complete() {
        for path in reader.wanted() {
            let reply = world.fetch.get(&format!("{url}/{path}")).await.unwrap();
            reader.feed(&path, &reply.body).unwrap();
        }
        entries.extend(std::iter::from_fn(|| reader.next_entry()).map(|entry| entry.bytes().to_vec()));
    }
    (Head::of(head.checkpoint()), entries)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_nothing_acknowledged_and_forks_nothing() {
    let world = Arc::new(World::new().await);
    let config = write_config(&world);
    let (told, fresh) = (Arc::new(Mutex::new(Told::default())), Arc::new(AtomicU64::new(0)));
    let mut trusted = Head::EMPTY;
    for life in 0..LIVES {
        let process = start(&config);
        if life > 0 {
            // What was published before is there before anything new is asked for.
            trusted = follow(&world, &process.url, trusted).await.0;
        }
        let before = told.lock().unwrap().indexes.len();
        let mut submitters = JoinSet::new();
        for _ in 0..SUBMITTERS {
            submitters.spawn(submit(world.clone(), process.url.clone(), told.clone(), fresh.clone()));
        }
        // Another moment of the work each time.
        let enough = before + 3 + 4 * life;
        let deadline = Instant::now() + Duration::from_secs(60);
        while told.lock().unwrap().indexes.len() < enough {
            assert!(Instant::now() < deadline, "life {life}: too few leaves were acknowledged");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        process.kill();
        submitters.join_all().await;
    }

    let process = start(&config);
    follow(&world, &process.url, trusted).await;
    let told = Arc::into_inner(told).unwrap().into_inner().unwrap();
    // One more leaf, so that the head is one of this life.
    let last = leaf("the last one");
    let reply = world.fetch.post(&format!("{}/add", process.url), "text/plain", last.clone()).await.unwrap();
    world.verified(&reply, &last);
    let (_, entries) = follow(&world, &process.url, Head::EMPTY).await;
    let mut tree = Tree::new();
    entries.iter().for_each(|entry| tree.push(leaf_hash(entry)));
    for (leaf, index) in &told.indexes {
        assert_eq!(entries.get(*index as usize), Some(leaf), "acknowledged at {index}");
        let reply =
            world.fetch.post(&format!("{}/add", process.url), "text/plain", leaf.clone()).await.unwrap();
        assert_eq!(world.verified(&reply, leaf).index(), *index);
    }
    for (size, root) in &told.heads {
        assert_eq!(tree.root_at(*size), Some(*root), "the head of size {size} that was shown");
    }
    let distinct: std::collections::BTreeSet<_> = entries.iter().collect();
    assert_eq!(distinct.len(), entries.len(), "a leaf stands twice");
    assert_eq!(world.alarms(), Vec::<String>::new());
    for n in 1..=4 {
        let refused = std::fs::read_dir(world.dir.path().join(format!("w{n}/refused"))).unwrap().count();
        assert_eq!(refused, 0, "w{n} saw a head that did not continue");
    }
}
