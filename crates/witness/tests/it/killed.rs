//! kill -9 of a real witness process between and during requests: the head behind every cosignature
//! that left is remembered.

use crate::{Log, ORIGIN, config};
use host::http::{Fetch, FetchLimits};
use host::shutdown::Shutdown;
use stage::process::Process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tlog::checkpoint::UnverifiedCheckpoint;

const LIVES: u64 = 6;
const SIZE: u64 = 4000;

/// The witness process itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the test below starts and kills"]
async fn witness_process() {
    let Some(path) = stage::process::role() else { return };
    let config: witness::Config = host::config::load(&path).unwrap();
    let witness = witness::start(config, Shutdown::new()).await.unwrap();
    stage::process::listening(&path, witness.at().http);
    witness.join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_forgets_no_head_that_was_cosigned() {
    let (log, fork) = (Arc::new(Log::new(1, 0, SIZE)), Log::new(1, 1, SIZE));
    let dir = tempfile::tempdir().unwrap();
    let own = config(&dir.path().join("w1"), &[&log]);
    witness::init(&own).unwrap();
    let path = dir.path().join("witness.toml");
    let text = format!(
        "listen = \"{}\"\ndata = {:?}\nname = {:?}\nlogs = [{:?}]\n",
        own.listen, own.data, own.name, own.logs[0]
    );
    std::fs::write(&path, text).unwrap();
    let fetch = Fetch::new(FetchLimits::default());
    // The size of the last head whose cosignature came back, and of the last one that was asked
    // for.
    let (cosigned, asked) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));

    for life in 0..=LIVES {
        let process = Process::start("killed::witness_process", &path);
        let url = format!("{}/add-checkpoint", process.url);
        // What it remembers is the last head that it told of, or the one that it was killed over.
        let (told, tried) = (cosigned.load(Ordering::SeqCst), asked.load(Ordering::SeqCst));
        let latest = format!("{}/{}", process.url, tlog::witness::monitoring_path(ORIGIN));
        let reply = fetch.get(&latest).await.unwrap();
        let mut size = match reply.status {
            404 => 0,
            _ => UnverifiedCheckpoint::parse(&reply.body).unwrap().unverified().size(),
        };
        assert!(size == told || size == tried, "it remembers {size}; told {told}, tried {tried}");
        if size > 0 {
            // Neither the past nor another history.
            let other = fetch.post(&url, "text/plain", fork.request(size, size + 1)).await.unwrap();
            assert_eq!(other.status, 422);
            let before = fetch.post(&url, "text/plain", log.request(0, size - 1)).await.unwrap();
            assert_eq!((before.status, &before.body[..]), (409, format!("{size}\n").as_bytes()));
        }
        let (log, fetch, cosigned, asked) = (log.clone(), fetch.clone(), cosigned.clone(), asked.clone());
        let enough = told + 3 + 2 * life;
        let reached = cosigned.clone();
        let growing = tokio::spawn(async move {
            loop {
                asked.store(size + 1, Ordering::SeqCst);
                match fetch.post(&url, "text/plain", log.request(size, size + 1)).await {
                    Ok(reply) => assert_eq!(reply.status, 200, "{}", reply.excerpt()),
                    Err(_) => return,
                }
                size += 1;
                cosigned.store(size, Ordering::SeqCst);
            }
        });
        let deadline = Instant::now() + Duration::from_secs(60);
        while reached.load(Ordering::SeqCst) < enough {
            assert!(Instant::now() < deadline, "life {life}: too few cosignatures");
            assert!(!growing.is_finished(), "life {life}: the witness stopped cosigning");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        process.kill();
        growing.await.unwrap();
    }
}
