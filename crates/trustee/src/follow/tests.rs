//! A dishonest log, with witnesses who help it.

use super::*;
use stage::paper::{History, NOW, Served, Show, policy};
use tlog::note::Signer;

fn history(entries: &[&[u8]]) -> Show {
    let mut history = History::default();
    entries.iter().for_each(|entry| _ = history.add(entry));
    Show::all(&history)
}

async fn served() -> (Served, LogClient) {
    let served = Served::new(history(&[])).await;
    let client = LogClient::new(&served.url, policy());
    (served, client)
}

fn window(now: u64) -> Window {
    Window::around(now, 120, 30)
}

/// A follower as it starts: it has read nothing, and its ledger says what it had.
fn follower(ledger: &Arc<Ledger>) -> Follower {
    let own = Signer::from_seed("bar.example", &[5; 32]).unwrap().verifier();
    Follower::open(&policy(), own, ledger.clone(), Blocking::default()).unwrap()
}

fn ledger(dir: &tempfile::TempDir) -> Arc<Ledger> {
    let path = dir.path().join("ledger.redb");
    Ledger::create(&path, "me").unwrap();
    Arc::new(Ledger::open(&path, "me").unwrap())
}

#[tokio::test]
async fn a_log_is_followed_as_it_grows_and_an_old_or_stale_answer_is_none() {
    let (dir, (shown, log)) = (tempfile::tempdir().unwrap(), served().await);
    let ledger = ledger(&dir);
    let follower = follower(&ledger);
    shown.show(history(&[b"a", b"b"]));
    assert!(!follower.progress().caught_up);
    let stale = follower.follow(&log, window(NOW + 121)).await.unwrap_err();
    assert!(matches!(stale, FollowFailure::Log(FollowError::Head(_))), "{stale}");
    assert!(!follower.progress().caught_up);

    let view = follower.follow(&log, window(NOW)).await.unwrap();
    assert_eq!((view.head.size, view.tree.size(), view.register.size()), (2, 2, 2));
    assert!(ledger.head().unwrap().is_some());
    shown.show(history(&[b"a", b"b", b"c"]));
    assert_eq!(follower.follow(&log, window(NOW)).await.unwrap().head.size, 3);
    shown.show(history(&[b"a"]));
    let behind = follower.follow(&log, window(NOW)).await.unwrap_err();
    assert!(matches!(behind, FollowFailure::Behind { shown: 1, known: 3 }), "{behind}");
    assert!(!follower.progress().forked);
}

#[tokio::test]
async fn a_fork_stops_everything_for_ever_whether_larger_equal_or_smaller() {
    for fork in [&[&b"x"[..], b"b", b"c", b"d"][..], &[b"x", b"b", b"c"], &[b"x", b"b"]] {
        let (dir, (shown, log)) = (tempfile::tempdir().unwrap(), served().await);
        let ledger = ledger(&dir);
        let own = follower(&ledger);
        shown.show(history(&[b"a", b"b", b"c"]));
        own.follow(&log, window(NOW)).await.unwrap();
        shown.show(history(fork));
        let forked = own.follow(&log, window(NOW)).await.unwrap_err();
        assert!(matches!(forked, FollowFailure::Forked), "{}: {forked}", fork.len());
        // The head by which it contradicted itself is kept, and the good one does not heal it.
        assert_eq!(ledger.fork().unwrap().unwrap(), history(fork).checkpoint());
        shown.show(history(&[b"a", b"b", b"c"]));
        for own in [own, follower(&ledger)] {
            let still = own.follow(&log, window(NOW)).await;
            assert!(matches!(still, Err(FollowFailure::Forked)));
        }
    }
}

#[tokio::test]
async fn after_a_restart_the_log_must_still_have_what_it_had() {
    let (dir, (shown, log)) = (tempfile::tempdir().unwrap(), served().await);
    let ledger = ledger(&dir);
    shown.show(history(&[b"a", b"b", b"c"]));
    follower(&ledger).follow(&log, window(NOW)).await.unwrap();
    // Older than what was read: not yet; another history: never.
    shown.show(history(&[b"a", b"b"]));
    let restarted = follower(&ledger);
    let behind = restarted.follow(&log, window(NOW)).await.unwrap_err();
    assert!(matches!(behind, FollowFailure::Behind { shown: 2, known: 3 }), "{behind}");
    assert!(!restarted.progress().caught_up);
    shown.show(history(&[b"a", b"b", b"c", b"d"]));
    assert_eq!(restarted.follow(&log, window(NOW)).await.unwrap().head.size, 4);
    shown.show(history(&[b"a", b"b", b"c", b"x", b"y"]));
    let forked = follower(&ledger).follow(&log, window(NOW)).await.unwrap_err();
    assert!(matches!(forked, FollowFailure::Forked), "{forked}");
}

#[tokio::test]
async fn a_fork_is_believed_at_once_however_long_the_disk_takes_and_whoever_gives_up() {
    let (dir, (shown, log)) = (tempfile::tempdir().unwrap(), served().await);
    let ledger = ledger(&dir);
    let own = Arc::new(follower(&ledger));
    shown.show(history(&[b"a", b"b"]));
    own.follow(&log, window(NOW)).await.unwrap();
    shown.show(history(&[b"x", b"b"]));
    let busy = ledger.keep_busy();
    let looking = tokio::spawn({
        let (own, log) = (own.clone(), log.clone());
        async move { own.follow(&log, window(NOW)).await.map(drop) }
    });
    stage::until("the fork is believed", async || own.progress().forked.then_some(())).await;
    looking.abort();
    assert!(looking.await.unwrap_err().is_cancelled());
    drop(busy);
    // What was begun at the disk is done although nobody waits for it.
    stage::until("the fork is kept", async || ledger.fork().unwrap()).await;
    assert!(matches!(own.follow(&log, window(NOW)).await, Err(FollowFailure::Forked)));
    assert!(matches!(follower(&ledger).follow(&log, window(NOW)).await, Err(FollowFailure::Forked)));
}

/// A log that stamps late, early, out of order or not at all: nothing is granted any more, also
/// after a restart, until somebody took the evidence away.
#[tokio::test]
async fn a_log_that_stamps_as_no_honest_log_does_is_not_believed_any_more() {
    for (kind, lie) in stage::paper::LIES {
        let (dir, (shown, log)) = (tempfile::tempdir().unwrap(), served().await);
        let ledger = ledger(&dir);
        let own = follower(&ledger);
        let mut honest = History::default();
        honest.add(b"a");
        shown.show(Show::all(&honest));
        own.follow(&log, window(NOW)).await.unwrap();
        let mut lying = honest.clone();
        lie(&mut lying);
        shown.show(Show::all(&lying));
        let failure = own.follow(&log, window(NOW)).await.unwrap_err();
        let FollowFailure::Stamps { evidence } = &failure else { panic!("{kind}: {failure}") };
        let fault = StampFault::parse(&std::fs::read(evidence).unwrap()).unwrap();
        assert_eq!(fault.verify(&policy()).unwrap().kind().word(), kind);
        let failed = own.progress().ready().unwrap_err();
        assert_eq!((failed.failure.status(), failed.failure.name()), (503, "log-stamps"));

        // The good head does not heal it, nor does a restart.
        shown.show(Show::all(&honest));
        for own in [&own, &follower(&ledger)] {
            let still = own.follow(&log, window(NOW)).await;
            assert!(matches!(still, Err(FollowFailure::Stamps { .. })), "{kind}");
        }
        std::fs::rename(evidence, dir.path().join("explained")).unwrap();
        follower(&ledger).follow(&log, window(NOW)).await.unwrap();
    }
}

/// It was silently not compared.
#[tokio::test]
async fn a_kept_head_is_compared_whatever_the_log_policy_says_by_now() {
    let (dir, (shown, log)) = (tempfile::tempdir().unwrap(), served().await);
    let ledger = ledger(&dir);
    shown.show(history(&[b"a", b"b", b"c"]));
    follower(&ledger).follow(&log, window(NOW)).await.unwrap();
    // Kept under witnesses of whom the policy knows too few by now.
    let mut kept = String::from_utf8(ledger.head().unwrap().unwrap()).unwrap();
    let cut = kept.match_indices('\n').nth_back(3).unwrap().0 + 1;
    kept.truncate(cut);
    assert!(policy().verify_checkpoint(kept.as_bytes()).is_err());
    ledger.set_head(kept.as_bytes()).unwrap();
    shown.show(history(&[b"a", b"x", b"c", b"d"]));
    let forked = follower(&ledger).follow(&log, window(NOW)).await.unwrap_err();
    assert!(matches!(forked, FollowFailure::Forked), "{forked}");

    // Of another log.
    let dir = tempfile::tempdir().unwrap();
    let ledger = self::ledger(&dir);
    let stranger = Signer::from_seed("log.example", &[77; 32]).unwrap();
    let other = tlog::checkpoint::Checkpoint::new("log.example", 0, Head::EMPTY.root).unwrap();
    ledger.set_head(&other.sign(&stranger).unwrap().encode()).unwrap();
    let failure = follower(&ledger).follow(&log, window(NOW)).await.unwrap_err();
    assert!(matches!(&failure, FollowFailure::StoredHead { .. }), "{failure}");
    assert!(failure.to_string().contains("ledger.redb"), "{failure}");
}
