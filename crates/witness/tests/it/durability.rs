//! What a witness must not forget, and must not create by itself.

use crate::{Log, ORIGIN, config, start};
use host::shutdown::Shutdown;
use tlog::checkpoint::UnverifiedCheckpoint;
use witness::Error;

#[tokio::test]
async fn a_restarted_witness_remembers_and_its_folder_is_its_own() {
    let (log, fork) = (Log::new(1, 0, 9), Log::new(1, 1, 9));
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &[&log]);
    witness::init(&config).unwrap();
    let first = start(config.clone()).await;
    first.check(&first.add(log.request(0, 5)).await, &log.head(5));
    let second = witness::start(config.clone(), Shutdown::new()).await.unwrap_err();
    assert!(second.to_string().contains("in use by another process"), "{second}");
    first.running.stop_and_join().await.unwrap();

    let again = start(config).await;
    assert_eq!(again.add(fork.request(0, 9)).await.status, 409);
    assert_eq!(again.add(fork.request(5, 9)).await.status, 422);
    again.check(&again.add(log.request(5, 9)).await, &log.head(9));
}

#[tokio::test]
async fn nothing_is_created_by_starting() {
    let log = Log::new(1, 0, 1);
    let dir = tempfile::tempdir().unwrap();
    let config = config(&dir.path().join("new"), &[&log]);
    let error = witness::start(config.clone(), Shutdown::new()).await.unwrap_err();
    assert!(error.to_string().contains("init"), "{error}");
    assert!(!config.data.exists());

    witness::init(&config).unwrap();
    let again = witness::init(&config).unwrap_err();
    assert!(again.to_string().contains("never overwritten"), "{again}");

    for (file, word) in
        [("latest.redb", "rewrite its history"), ("ed25519.key", "init"), ("ml-dsa-44.key", "init")]
    {
        let aside = dir.path().join(file);
        std::fs::rename(config.data.join(file), &aside).unwrap();
        let error = witness::start(config.clone(), Shutdown::new()).await.unwrap_err();
        assert!(error.to_string().contains(word), "{file}: {error}");
        assert!(!config.data.join(file).exists(), "{file} was created by starting");
        std::fs::rename(&aside, config.data.join(file)).unwrap();
    }
    let mut renamed = config.clone();
    renamed.name = "witness.example/w2".to_owned();
    assert!(matches!(witness::start(renamed, Shutdown::new()).await, Err(Error::OwnKey { .. })));
    let mut bad = config;
    bad.logs.push("not a key".to_owned());
    assert!(matches!(witness::start(bad, Shutdown::new()).await, Err(Error::LogKey { .. })));
}

/// Many submitters at once, in every order: whatever is cosigned is one growing history, and the
/// record ends at the largest head that was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_requests_never_roll_back() {
    const SIZE: u64 = 24;
    let log = Log::new(1, 0, SIZE);
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &[&log]);
    witness::init(&config).unwrap();
    let witness = start(config).await;
    let mut tasks = tokio::task::JoinSet::new();
    for racer in 0..8u64 {
        let (fetch, url) =
            (witness.fetch.clone(), format!("http://{}/add-checkpoint", witness.running.at().http));
        let log = Log::new(1, 0, SIZE);
        tasks.spawn(async move {
            let (mut old, mut grown) = (0, Vec::new());
            while old < SIZE {
                let size = (old + 1 + (racer + old) % 3).min(SIZE);
                let reply = fetch.post(&url, "text/plain", log.request(old, size)).await.unwrap();
                match reply.status {
                    200 => {
                        grown.push((old, size));
                        old = size;
                    }
                    409 => old = std::str::from_utf8(&reply.body).unwrap().trim().parse().unwrap(),
                    other => panic!("{other}: {}", reply.excerpt()),
                }
            }
            grown
        });
    }
    let mut steps = tasks.join_all().await.concat();
    steps.sort();
    // No two requests were cosigned from the same old size: each step starts where the one before
    // it ended.
    let ends: Vec<u64> = steps.iter().map(|(_, size)| *size).collect();
    let starts: Vec<u64> = steps.iter().map(|(old, _)| *old).collect();
    assert_eq!(starts[0], 0);
    assert_eq!(starts[1..], ends[..ends.len() - 1], "{steps:?}");
    let shown = UnverifiedCheckpoint::parse(&witness.latest(ORIGIN).await.body).unwrap();
    assert_eq!(shown.unverified().size(), SIZE);
}
