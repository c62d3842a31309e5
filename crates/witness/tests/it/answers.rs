//! One test for each row of the table of answers.

use crate::{Log, ORIGIN, Started, config, start};
use tlog::checkpoint::Checkpoint;
use tlog::merkle::ConsistencyProof;
use tlog::note::Signer;
use tlog::{Hash, checkpoint::UnverifiedCheckpoint};

async fn fresh(log: &Log) -> (tempfile::TempDir, Started) {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &[log]);
    witness::init(&config).unwrap();
    (dir, start(config).await)
}

fn refused(dir: &tempfile::TempDir) -> usize {
    std::fs::read_dir(dir.path().join("refused")).unwrap().count()
}

#[tokio::test]
async fn a_growing_log_is_cosigned_and_shown() {
    let log = Log::new(1, 0, 20);
    let (dir, witness) = fresh(&log).await;
    assert_eq!(witness.latest(ORIGIN).await.status, 404);
    assert_eq!(witness.latest("other.example").await.status, 404);
    for (old, size) in [(0, 0), (0, 5), (5, 5), (5, 6), (6, 20), (20, 20)] {
        let reply = witness.add(log.request(old, size)).await;
        witness.check(&reply, &log.head(size));
        let shown = witness.latest(ORIGIN).await;
        let shown = UnverifiedCheckpoint::parse(&shown.body).unwrap();
        let keys = witness.keys();
        assert!(keys.iter().all(|key| shown.note().verify_one(key).unwrap().is_some()));
        let signed = shown.verify(&[&log.signer.verifier()]).unwrap();
        assert_eq!(signed.checkpoint(), log.head(size).checkpoint());
    }
    assert_eq!(refused(&dir), 0);
}

#[tokio::test]
async fn what_is_malformed_is_400() {
    let log = Log::new(1, 0, 5);
    let (dir, witness) = fresh(&log).await;
    let good = String::from_utf8(log.request(0, 5)).unwrap();
    let hash = format!("{}\n", Hash([1; 32]));
    let many_lines = good.replacen("old 0\n", &format!("old 0\n{}", hash.repeat(64)), 1);
    for body in [
        String::new(),
        "old 0\n".to_owned(),
        good.replacen("old 0", "old 00", 1),
        good.replacen("old 0", "old -1", 1),
        good.replacen("old 0", "old 18446744073709551616", 1),
        good.replacen("old 0\n", "old 0\nnot base64\n", 1),
        good.replacen("old 0\n", "old 0", 1),
        good.replacen("\n5\n", "\n05\n", 1),
        good.replacen("old 0", "old 6", 1),
        good.trim_end().to_owned(),
        many_lines,
    ] {
        assert_eq!(witness.add(body.clone()).await.status, 400, "{body:?}");
    }
    assert_eq!(witness.add(vec![0xff; 1000]).await.status, 400);
    assert_eq!(witness.add(vec![b'a'; witness::MAX_REQUEST_BYTES + 1]).await.status, 413);
    assert_eq!(refused(&dir), 0);
    witness.check(&witness.add(good).await, &log.head(5));
}

#[tokio::test]
async fn an_unknown_origin_is_404_and_a_missing_or_bad_signature_403() {
    let log = Log::new(1, 0, 5);
    let (_dir, witness) = fresh(&log).await;
    let stranger = Signer::from_seed("other.example", &[1; 32]).unwrap();
    let head = Checkpoint::new("other.example", 5, log.tree.root()).unwrap().sign(&stranger).unwrap();
    let proof = ConsistencyProof(Vec::new());
    let request = tlog::witness::AddCheckpointRequest::new(0, proof, &head).unwrap().encode();
    assert_eq!(witness.add(request).await.status, 404);

    // The origin is known, the key is not.
    assert_eq!(witness.add(Log::new(2, 0, 5).request(0, 5)).await.status, 403);
    // The key is known, the signature is over another head.
    let forged = String::from_utf8(log.request(0, 5)).unwrap().replacen("\n5\n", "\n4\n", 1);
    assert_eq!(witness.add(forged).await.status, 403);
    assert_eq!(witness.latest(ORIGIN).await.status, 404);
}

#[tokio::test]
async fn another_old_size_is_409_with_ours() {
    let log = Log::new(1, 0, 9);
    let (dir, witness) = fresh(&log).await;
    witness.check(&witness.add(log.request(0, 5)).await, &log.head(5));
    for (old, size) in [(0, 5), (0, 9), (4, 9), (4, 5), (3, 4), (6, 9)] {
        let reply = witness.add(log.request(old, size)).await;
        assert_eq!(
            (reply.status, reply.content_type.as_str(), &reply.body[..]),
            (409, "text/x.tlog.size", &b"5\n"[..])
        );
    }
    // Nothing of this is evidence: the log is slow, not forked.
    assert_eq!(refused(&dir), 0);
}

#[tokio::test]
async fn a_fork_is_422_and_kept() {
    let (log, fork) = (Log::new(1, 0, 9), Log::new(1, 1, 9));
    let (dir, witness) = fresh(&log).await;
    witness.check(&witness.add(log.request(0, 5)).await, &log.head(5));
    let body = fork.request(5, 9);
    assert_eq!(witness.add(body.clone()).await.status, 422);
    assert_eq!(refused(&dir), 1);
    // The same head twice is one piece of evidence, and it is the whole request.
    assert_eq!(witness.add(body.clone()).await.status, 422);
    let kept = std::fs::read_dir(dir.path().join("refused")).unwrap().next().unwrap().unwrap();
    assert_eq!(std::fs::read(kept.path()).unwrap(), body);
    // Same size, another root.
    assert_eq!(witness.add(fork.request(5, 5)).await.status, 422);
    assert_eq!(refused(&dir), 2);
    // Another old size is 409 by the order of the checks, and still the head contradicts: kept.
    assert_eq!(witness.add(Log::new(1, 2, 5).request(0, 5)).await.status, 409);
    assert_eq!(refused(&dir), 3);
    // A proof that does not fit, a superfluous one, a wrong root of the empty tree.
    let none = ConsistencyProof(Vec::new());
    assert_eq!(witness.add(log.request_with(5, 9, none)).await.status, 422);
    let superfluous = ConsistencyProof(vec![Hash([0; 32])]);
    assert_eq!(witness.add(log.request_with(5, 5, superfluous)).await.status, 422);
    // And the honest history goes on.
    witness.check(&witness.add(log.request(5, 9)).await, &log.head(9));
}

#[tokio::test]
async fn foreign_signature_lines_are_not_shown() {
    let log = Log::new(1, 0, 5);
    let (_dir, witness) = fresh(&log).await;
    let mut body = String::from_utf8(log.request(0, 5)).unwrap();
    let stranger = Log::new(9, 0, 5).head(5);
    let line = stranger.note().signatures()[0].to_string();
    body.push_str(&format!("{line}\n"));
    witness.check(&witness.add(body).await, &log.head(5));
    let shown = String::from_utf8(witness.latest(ORIGIN).await.body.to_vec()).unwrap();
    assert!(!shown.contains(&line), "{shown}");
}
