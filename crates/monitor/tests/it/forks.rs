//! A log that signs two histories, with witnesses who help it: found by both monitors, with a proof
//! that a stranger can check.

use crate::world::{Watcher, fetch, monitor_config, write_policy};
use monitor::Gossip;
use stage::paper::{History, NOW, Served, Show, log_key};
use std::path::Path;
use tlog::fork::ForkProof;
use tlog::stamp::StampFault;

/// Verifies a proof as a stranger would: with the log's key and nothing else.
fn verified(proof: &[u8]) -> (u64, u64) {
    let fork = ForkProof::parse(proof).unwrap().verify(&[&log_key().verifier()]).unwrap();
    (fork.first().checkpoint().size(), fork.second().checkpoint().size())
}

async fn until_forked(watcher: &Watcher) -> Vec<Vec<u8>> {
    watcher.until("forked", |status| status["state"] == "forked").await;
    assert_eq!(watcher.get("/status").await.0, 500);
    let proofs = watcher.alarms("fork-");
    assert!(!proofs.is_empty());
    proofs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_histories_shown_to_two_monitors_raise_the_alarm_in_both() {
    // Shared entries; then how many only the first sees, and only the second.
    for (at, (shared, own_one, own_two)) in
        [(3, 2, 2), (3, 1, 6), (4, 5, 1), (0, 1, 3), (256, 1, 300), (300, 250, 7)].into_iter().enumerate()
    {
        let dir = tempfile::tempdir().unwrap();
        let policy = write_policy(dir.path());
        let (one, two) = (History::of(shared, "one", own_one), History::of(shared, "two", own_two));
        let [to_one, to_two] = [Served::new(Show::all(&one)).await, Served::new(Show::all(&two)).await];
        let first = Watcher::start(&monitor_config(dir.path(), &policy, "m1", &to_one.url, &[])).await;
        first.follows_to(one.size()).await;
        // Only the second knows the first, and is known by nobody.
        let config = monitor_config(dir.path(), &policy, "m2", &to_two.url, &[first.url()]);
        let second = Watcher::start(&config).await;
        let sizes = [one.size(), two.size()];
        let expected = (sizes[0].min(sizes[1]), sizes[0].max(sizes[1]));
        for watcher in [&first, &second] {
            let proofs = until_forked(watcher).await;
            assert!(proofs.iter().all(|proof| verified(proof) == expected), "case {at}");
        }
        // No other key's owner is accused by it.
        let stranger = tlog::note::Signer::from_seed(stage::paper::ORIGIN, &[66; 32]).unwrap().verifier();
        let proof = ForkProof::parse(&first.alarms("fork-")[0]).unwrap();
        assert!(proof.verify(&[&stranger]).is_err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_rewrites_its_history_under_one_monitor_is_found_without_a_peer() {
    for (at, (kept, shown)) in [
        // Larger, of the same size, smaller.
        (History::of(5, "one", 3), History::of(5, "two", 9)),
        (History::of(5, "one", 3), History::of(5, "two", 3)),
        (History::of(5, "one", 3), History::of(5, "two", 1)),
        (History::of(0, "one", 300), History::of(256, "two", 400)),
    ]
    .into_iter()
    .enumerate()
    {
        let dir = tempfile::tempdir().unwrap();
        let policy = write_policy(dir.path());
        let log = Served::new(Show::all(&kept)).await;
        let config = monitor_config(dir.path(), &policy, "m1", &log.url, &[]);
        let watcher = Watcher::start(&config).await;
        watcher.follows_to(kept.size()).await;
        log.show(Show::all(&shown));
        let proofs = until_forked(&watcher).await;
        let (m, n) = (kept.size().min(shown.size()), kept.size().max(shown.size()));
        assert_eq!(proofs.iter().map(|proof| verified(proof)).collect::<Vec<_>>(), [(m, n)], "case {at}");
        // Nothing of the other history was taken, now or after a restart, and there is nothing more
        // to follow.
        assert_eq!(watcher.get("/status").await.1["size"], kept.size());
        watcher.running.stop_and_join().await.unwrap();
        log.show(Show::all(&kept));
        let again = Watcher::start(&config).await;
        again.until("still forked", |status| status["state"] == "forked").await;
        assert_eq!(again.get("/status").await.1["size"], kept.size());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_without_any_witness_is_found_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let policy = write_policy(dir.path());
    let (one, two) = (History::of(5, "one", 3), History::of(5, "two", 2));
    let log = Served::new(Show::all(&one)).await;
    let heard = Watcher::start(&monitor_config(dir.path(), &policy, "m1", &log.url, &[])).await;
    heard.follows_to(8).await;
    // The log shows it to this one itself.
    let shown = Watcher::start(&monitor_config(dir.path(), &policy, "m2", &log.url, &[])).await;
    shown.follows_to(8).await;
    let head = Some(String::from_utf8(two.signed().encode()).unwrap());
    let body = serde_json::to_vec(&Gossip { head, forks: Vec::new() }).unwrap();
    let reply = heard.gossip(body).await;
    // The alarm was raised before the answer, and the answer carries the proof.
    assert_eq!(reply.status, 200);
    let told = Gossip::parse(&reply.body).unwrap();
    assert_eq!(told.forks.iter().map(|proof| verified(proof.as_bytes())).collect::<Vec<_>>(), [(7, 8)]);
    log.show(Show { cosigners: 0, ..Show::all(&two) });
    for watcher in [&heard, &shown] {
        assert_eq!(verified(&until_forked(watcher).await[0]), (7, 8));
    }
}

/// A head that came before this monitor's tree was large enough to check it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pending_head_of_another_history_is_found_when_the_log_has_grown_past_it() {
    let dir = tempfile::tempdir().unwrap();
    let policy = write_policy(dir.path());
    let (before, after) = (History::of(5, "", 0), History::of(5, "one", 6));
    let log = Served::new(Show::all(&before)).await;
    let watcher = Watcher::start(&monitor_config(dir.path(), &policy, "m1", &log.url, &[])).await;
    watcher.follows_to(5).await;
    let head = Some(String::from_utf8(History::of(5, "two", 2).signed().encode()).unwrap());
    let body = serde_json::to_vec(&Gossip { head, forks: Vec::new() }).unwrap();
    assert_eq!(watcher.gossip(body).await.status, 200);
    assert_eq!(watcher.get("/status").await.1["alarms"], serde_json::json!([]));
    log.show(Show::all(&after));
    assert_eq!(verified(&until_forked(&watcher).await[0]), (7, 11));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_passes_from_monitor_to_monitor_and_a_tampered_one_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let policy = write_policy(dir.path());
    let (one, two) = (History::of(5, "one", 3), History::of(5, "two", 9));
    let log = Served::new(Show::all(&one)).await;
    let start = async |name: &str, peers: &[String]| {
        Watcher::start(&monitor_config(dir.path(), &policy, name, &log.url, peers)).await
    };
    let found = start("m1", &[]).await;
    found.follows_to(8).await;
    let told = start("m2", &[found.url()]).await;
    told.follows_to(8).await;
    let head = Some(String::from_utf8(two.signed().encode()).unwrap());
    // Too large to be checked by the one that hears it first: the log shows it, and its tiles, for
    // a while.
    assert_eq!(found.gossip(serde_json::to_vec(&Gossip { head, forks: vec![] }).unwrap()).await.status, 200);
    log.show(Show::all(&two));
    for watcher in [&found, &told] {
        assert_eq!(verified(&until_forked(watcher).await[0]), (8, 14));
    }
    log.show(Show::all(&one));
    let untold = start("m3", &[]).await;
    untold.follows_to(8).await;
    let proof = String::from_utf8(found.alarms("fork-").remove(0)).unwrap();
    let tampered = proof.replacen("\nprefix ", "\nprefix A", 1);
    let without_a_node = {
        let mut lines: Vec<&str> = proof.lines().collect();
        lines.pop();
        lines.join("\n") + "\n"
    };
    for bad in [tampered, without_a_node, proof.replacen("v1", "v2", 1)] {
        let body = serde_json::to_vec(&Gossip { head: None, forks: vec![bad] }).unwrap();
        assert_eq!(untold.gossip(body).await.status, 200);
        assert_eq!(untold.get("/status").await.1["alarms"], serde_json::json!([]));
    }
    let body = serde_json::to_vec(&Gossip { head: None, forks: vec![proof] }).unwrap();
    let url = format!("{}/gossip", untold.url());
    let reply = fetch().post(&url, "application/json", body).await.unwrap();
    assert_eq!(Gossip::parse(&reply.body).unwrap().forks.len(), 1);
    assert_eq!(verified(&until_forked(&untold).await[0]), (8, 14));
}

/// What stands in the folder and is no evidence, or damaged evidence, is no alarm.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_proof_in_the_folder_accuses_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let policy = write_policy(dir.path());
    let log = Served::new(Show::all(&History::of(5, "one", 3))).await;
    let config = monitor_config(dir.path(), &policy, "m1", &log.url, &[]);
    let watcher = Watcher::start(&config).await;
    watcher.follows_to(8).await;
    log.show(Show::all(&History::of(5, "two", 3)));
    until_forked(&watcher).await;
    watcher.running.stop_and_join().await.unwrap();
    log.show(Show::all(&History::of(5, "one", 3)));
    let file = |folder: &Path| std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let path = file(&config.data.join("alarms"));
    let whole = std::fs::read(&path).unwrap();
    for damaged in [Vec::new(), whole[..whole.len() / 2].to_vec(), vec![0xff; 100]] {
        std::fs::write(&path, damaged).unwrap();
        let again = Watcher::start(&config).await;
        again.follows_to(8).await;
        again.running.stop_and_join().await.unwrap();
    }
}

/// A log that stamps late, early, out of order or not at all is told, with evidence that convinces
/// whoever has the log policy; and it is followed and counted on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_stamps_as_no_honest_log_does_raises_an_alarm() {
    for (kind, lie) in stage::paper::LIES {
        let dir = tempfile::tempdir().unwrap();
        let policy = write_policy(dir.path());
        let mut history = History::default();
        history.add(b"a");
        let log = Served::new(Show::all(&history)).await;
        let config = monitor_config(dir.path(), &policy, "m1", &log.url, &[]);
        let watcher = Watcher::start(&config).await;
        watcher.follows_to(1).await;
        // It goes on from what it kept.
        watcher.running.stop_and_join().await.unwrap();
        let watcher = Watcher::start(&config).await;
        lie(&mut history);
        log.show(Show::all(&history));
        let (code, status) = loop {
            let (code, status) = watcher.get("/status").await;
            if status["size"] == 2 {
                break (code, status);
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        };
        assert_eq!((code, status["alarms"].as_array().unwrap().len()), (500, 1), "{kind}: {status}");
        let name = status["alarms"][0].as_str().unwrap();
        assert!(name.starts_with("stamp-"), "{name}");
        let evidence = std::fs::read(watcher.data.join("alarms").join(name)).unwrap();
        let fault = StampFault::parse(&evidence).unwrap().verify(&stage::paper::policy()).unwrap();
        assert_eq!((fault.kind().word(), fault.index()), (kind, 1));
        history.add_at(b"c", NOW + 1);
        log.show(Show::all(&history));
        watcher.until("it goes on", |status| status["size"] == 3).await;
        watcher.running.stop_and_join().await.unwrap();
    }
}
