use super::*;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use host::http::{ServeLimits, bind, serve};
use host::shutdown::Shutdown;
use stage::paper::{self, History, NOW, policy};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tlog::Hash;

/// A log's two URLs that answer the same to everybody: the first answers in order, the last one for
/// ever.
async fn answering(answers: Vec<(u16, Vec<u8>)>) -> (String, Arc<AtomicUsize>, Shutdown) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let answer = move || {
        let at = counted.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        let (status, body) = answers[at].clone();
        async move { (StatusCode::from_u16(status).unwrap(), body) }
    };
    let router = Router::new()
        .route("/add", post(answer.clone()))
        .route(&format!("/log/v1/proof/{}", Hash::of(&[b"leaf 3\n"]).to_hex()), get(answer));
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let shutdown = Shutdown::new();
    tokio::spawn(serve(listener, router, ServeLimits::default(), shutdown.clone()));
    (url, asked, shutdown)
}

fn leaf() -> Vec<u8> {
    paper::leaf(b"leaf 3\n")
}

fn log() -> History {
    let mut log = History::default();
    (0..9).for_each(|at| _ = log.add(format!("leaf {at}\n").as_bytes()));
    log
}

#[tokio::test]
async fn a_leaf_comes_back_with_a_proof_that_holds() {
    let log = log();
    let (url, asked, _shutdown) = answering(vec![(200, log.proof(3, NOW).encode())]).await;
    // With a slash at the end, as people write it.
    let client = LogClient::new(&format!("{url}/"), policy());
    for (logged, proof) in [client.add(leaf()).await.unwrap(), client.prove(leaf()).await.unwrap()] {
        assert_eq!((logged.index(), logged.value().as_slice()), (3, log.entry(3)));
        assert_eq!(stamp::verify(logged.value(), &policy().stamp_keys()), Ok(NOW));
        assert_eq!(proof, log.proof(3, NOW));
    }
    // The entry itself serves as well as the leaf.
    assert_eq!(client.add(log.entry(3).to_vec()).await.unwrap().0.value(), log.entry(3));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn what_the_log_says_is_not_believed_without_a_proof_of_this_very_leaf() {
    let log = log();
    let torn = log.proof(3, NOW).encode();
    for body in [Vec::new(), b"added".to_vec(), vec![0xff; 500], torn[..torn.len() / 2].to_vec()] {
        let (url, _, _shutdown) = answering(vec![(200, body)]).await;
        let outcome = LogClient::new(&url, policy()).add(leaf()).await;
        assert!(matches!(outcome, Err(AddError::Proof(_))));
    }
    // Without a stamp; with that of another leaf.
    for stamp in [None, proof_extra(&log, 4)] {
        let bare = log.proof(3, NOW);
        let bare = TlogProof::from_parts(3, bare.inclusion().clone(), &log.checkpoint(4, NOW)).unwrap();
        let shown = stamp.map_or(bare.clone(), |line| bare.with_extra(line));
        let (url, _, _shutdown) = answering(vec![(200, shown.encode())]).await;
        let outcome = LogClient::new(&url, policy()).add(leaf()).await;
        assert!(matches!(outcome, Err(AddError::Stamp(_))), "{outcome:?}");
    }
    // A proof of another leaf; a proof of this one in a head that no quorum cosigned.
    let other = log.proof(4, NOW).with_extra(proof_extra(&log, 3).unwrap());
    let (url, _, _shutdown) = answering(vec![(200, other.encode())]).await;
    let outcome = LogClient::new(&url, policy()).add(leaf()).await;
    assert!(matches!(outcome, Err(AddError::Unproven(_))));
    let checkpoint = log.checkpoint(2, NOW);
    let lonely = TlogProof::from_parts(3, log.proof(3, NOW).inclusion().clone(), &checkpoint).unwrap();
    let lonely = lonely.with_extra(proof_extra(&log, 3).unwrap());
    let (url, _, _shutdown) = answering(vec![(200, lonely.encode())]).await;
    let outcome = LogClient::new(&url, policy()).add(leaf()).await;
    assert!(matches!(outcome, Err(AddError::Unproven(LoggedError::Checkpoint(_)))), "{outcome:?}");
}

fn proof_extra(log: &History, index: u64) -> Option<Vec<u8>> {
    log.proof(index, NOW).extra().map(<[u8]>::to_vec)
}

#[tokio::test]
async fn a_busy_log_is_asked_again_and_a_refusing_one_is_not() {
    let log = log();
    let (url, asked, _shutdown) =
        answering(vec![(503, b"no-quorum".to_vec()), (429, Vec::new()), (200, log.proof(3, NOW).encode())])
            .await;
    let client = LogClient::new(&url, policy());
    assert_eq!(client.add(leaf()).await.unwrap().0.index(), 3);
    assert_eq!(asked.load(Ordering::SeqCst), 3);

    for status in [400, 403, 409, 413] {
        let (url, asked, _shutdown) = answering(vec![(status, b"because".to_vec())]).await;
        let error = LogClient::new(&url, policy()).add(leaf()).await.unwrap_err();
        assert!(matches!(error, AddError::Refused(_)) && error.to_string().contains("because"), "{error}");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
    let (url, asked, _shutdown) = answering(vec![(503, b"no-quorum".to_vec())]).await;
    let error = LogClient::new(&url, policy()).add(leaf()).await.unwrap_err();
    assert!(matches!(error, AddError::NotYet(_)), "{error}");
    assert!(asked.load(Ordering::SeqCst) > 1);
    // An answer without an end is cut, not read.
    let (url, _, _shutdown) = answering(vec![(200, vec![b'a'; PROOF_MAX_BYTES + 1])]).await;
    let error = LogClient::new(&url, policy()).add(leaf()).await.unwrap_err();
    assert!(matches!(error, AddError::Refused(FetchError::TooLarge { .. })), "{error}");
}
