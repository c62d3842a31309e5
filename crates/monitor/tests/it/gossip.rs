//! Two monitors that gossip, and peers that talk nonsense.

use crate::world::{Watcher, World, error_of, monitor_config, write_policy};
use monitor::{Gossip, MAX_GOSSIP_BYTES, MAX_PROOF_BYTES};
use stage::leaves::founding;
use stage::paper::{History, NOW, Served, Show};
use tlog::checkpoint::Checkpoint;
use tlog::note::Signer;

fn body(head: Option<Vec<u8>>, forks: Vec<String>) -> Vec<u8> {
    let head = head.map(|head| String::from_utf8(head).unwrap());
    serde_json::to_vec(&Gossip { head, forks }).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_monitors_that_gossip_agree() {
    let mut world = World::new().await;
    world.log.start_log().await;
    let one = Watcher::start(&world.monitor("m1", &[])).await;
    // It is enough that one knows the other.
    let two = Watcher::start(&world.monitor("m2", &[one.url()])).await;
    world.add(&founding(NOW)).await;
    for watcher in [&one, &two] {
        let status = watcher.follows_to(7).await;
        assert_eq!(status["alarms"], serde_json::json!([]));
    }
    two.until("a round without trouble", |status| status["peers"] == serde_json::json!({ one.url(): null }))
        .await;
    let heads = [one.get("/gossip").await.1, two.get("/gossip").await.1];
    assert_eq!(heads[0], heads[1]);
    assert_eq!(one.get("/counts").await.1["rows"], two.get("/counts").await.1["rows"]);
    // A peer that is gone is named, and nothing else changes.
    let gone = one.url();
    one.running.stop_and_join().await.unwrap();
    let status = two.until("a peer that is gone", |status| status["peers"][&gone].is_string()).await;
    assert_eq!(
        (&status["state"], &status["alarms"]),
        (&serde_json::json!("following"), &serde_json::json!([]))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_and_oversized_gossip_is_refused_by_name_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let policy = write_policy(dir.path());
    let history = History::of(9, "", 0);
    let log = Served::new(Show::all(&history)).await;
    let watcher = Watcher::start(&monitor_config(dir.path(), &policy, "m1", &log.url, &[])).await;
    watcher.follows_to(9).await;
    for garbage in [&b""[..], b"null", b"[]", b"{\"heads\":1}", b"{\"head\":\"", &[0xff; 4096], &[0; 100]] {
        assert_eq!(error_of(&watcher.gossip(garbage).await), (400, "not-gossip".to_owned()));
    }
    let many = body(None, vec!["x".to_owned(); 9]);
    let long = body(None, vec!["x".repeat(MAX_PROOF_BYTES + 1)]);
    for too_much in [many, long] {
        assert_eq!(error_of(&watcher.gossip(too_much).await), (400, "too-much-gossip".to_owned()));
    }
    let oversized = vec![b' '; MAX_GOSSIP_BYTES + 1];
    assert_eq!(error_of(&watcher.gossip(oversized).await), (413, "gossip-too-large".to_owned()));

    // A head that the log did not sign: another key, another origin, a changed size, no checkpoint
    // at all.
    let root = tlog::Hash([7; 32]);
    let signed = |origin: &str, seed: u8| {
        let signer = Signer::from_seed(origin, &[seed; 32]).unwrap();
        Checkpoint::new(origin, 9, root).unwrap().sign(&signer).unwrap().encode()
    };
    let moved = String::from_utf8(history.signed().encode()).unwrap().replacen("\n9\n", "\n8\n", 1);
    for foreign in
        [signed("log.example/candor", 66), signed("other.example", 1), moved.into_bytes(), b"x".to_vec()]
    {
        let reply = watcher.gossip(body(Some(foreign), Vec::new())).await;
        assert_eq!(error_of(&reply), (403, "foreign-head".to_owned()));
    }
    // Fork proofs that prove nothing are ignored.
    let nonsense = vec!["candor fork v1\n".to_owned(), "x".to_owned(), String::new()];
    let reply = watcher.gossip(body(Some(history.signed().encode()), nonsense)).await;
    assert_eq!(reply.status, 200);
    let ours = Gossip::parse(&reply.body).unwrap();
    assert_eq!(ours.head.unwrap().into_bytes(), history.signed().encode());
    let status = watcher.follows_to(9).await;
    assert_eq!(
        (&status["alarms"], &status["pending_heads"]),
        (&serde_json::json!([]), &serde_json::json!(0))
    );
}
