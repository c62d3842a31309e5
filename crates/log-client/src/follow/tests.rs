use super::*;
use stage::paper::{History, NOW, Served, Show, policy};
use tlog::stamp::StampFaultKind;

fn around(now: u64) -> Window {
    Window::around(now, MAX_HEAD_AGE_SECS, MAX_AHEAD_SECS)
}

async fn read_all(log: &History, trusted: Head) -> Result<Vec<Vec<u8>>, FollowError> {
    let served = Served::new(Show::all(log)).await;
    let follower = LogClient::new(&served.url, policy());
    let head = follower.head(around(NOW)).await?;
    let mut entries = Vec::new();
    follower.read(trusted, &head, &mut |entry| entries.push(entry.bytes().to_vec())).await?;
    Ok(entries)
}

#[tokio::test]
async fn every_leaf_is_read_in_order_at_every_kind_of_edge() {
    let mut log = History::default();
    for size in [0, 1, 2, 255, 256, 257, 600] {
        while log.size() < size {
            log.add(format!("leaf {}\n", log.size()).as_bytes());
        }
        let entries = read_all(&log, Head::EMPTY).await.unwrap();
        let expected: Vec<_> = (0..size).map(|at| log.entry(at).to_vec()).collect();
        assert_eq!(entries, expected, "{size}");
    }
}

#[tokio::test]
async fn only_what_came_after_the_kept_head_is_read() {
    let mut log = History::default();
    (0..300).for_each(|at| _ = log.add(format!("leaf {at}\n").as_bytes()));
    let kept = log.head();
    (300..310).for_each(|at| _ = log.add(format!("leaf {at}\n").as_bytes()));
    let entries = read_all(&log, kept).await.unwrap();
    assert_eq!(entries.len(), 10);
    assert_eq!(entries[0], log.entry(300));
    assert_eq!(read_all(&log, log.head()).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_log_that_forgot_the_kept_head_is_a_fork() {
    let mut log = History::default();
    (0..5).for_each(|at| _ = log.add(format!("leaf {at}\n").as_bytes()));
    let kept = log.head();
    let mut other = History::default();
    (0..9).for_each(|at| _ = other.add(format!("other {at}\n").as_bytes()));
    let error = read_all(&other, kept).await.unwrap_err();
    assert!(error.is_fork(), "{error}");
    let mut short = History::default();
    short.add(b"leaf 0\n");
    assert!(matches!(read_all(&short, kept).await, Err(FollowError::Read(ReadError::Shrunk { .. }))));
}

#[tokio::test]
async fn a_stale_head_and_one_without_a_quorum_prove_nothing() {
    let mut log = History::default();
    log.add(b"leaf\n");
    let served = Served::new(Show::all(&log)).await;
    let follower = LogClient::new(&served.url, policy());
    assert!(follower.head(around(NOW)).await.is_ok());
    assert!(follower.head(around(NOW + MAX_HEAD_AGE_SECS)).await.is_ok());
    assert!(matches!(follower.head(around(NOW + MAX_HEAD_AGE_SECS + 1)).await, Err(FollowError::Head(_))));
    assert!(matches!(follower.head(around(NOW - MAX_AHEAD_SECS - 1)).await, Err(FollowError::Head(_))));
    served.show(Show { cosigners: 2, ..Show::all(&log) });
    assert!(matches!(follower.head(around(NOW)).await, Err(FollowError::Head(VerifyError::QuorumNotMet(_)))));
}

#[tokio::test]
async fn an_altered_leaf_is_never_handed_out() {
    let mut log = History::default();
    (0..300).for_each(|at| _ = log.add(format!("leaf {at}\n").as_bytes()));
    log.alter(7, b"another\n");
    assert!(matches!(read_all(&log, Head::EMPTY).await, Err(FollowError::Read(ReadError::ForeignTile(_)))));
}

/// What a follower makes of one more entry, after a head of one entry that it saw cosigned `NOW`.
async fn faults(second: impl FnOnce(&mut History), covered_at: u64) -> Vec<(StampFaultKind, u64)> {
    let mut log = History::default();
    log.add_at(b"first", NOW - 5);
    let shown = |log: &History, time| policy().verify_checkpoint(&log.checkpoint(4, time)).unwrap();
    let client = |served: &Served| LogClient::new(&served.url, policy());
    let first = shown(&log, NOW);
    let served = Served::new(Show::all(&log)).await;
    let reading = client(&served).follow(&Followed::default(), &first, &mut |_| {}).await.unwrap();
    assert!(reading.faults.is_empty());
    second(&mut log);
    let served = Served::new(Show::all(&log)).await;
    let mut read = 0;
    let on = client(&served);
    let on = on.follow(&reading.followed, &shown(&log, covered_at), &mut |_| read += 1).await.unwrap();
    assert_eq!((read, on.followed.head()), (log.size() - 1, log.head()));
    let told = |fault: &StampFault| {
        // Whoever has the policy is convinced by the bytes alone.
        let verified = StampFault::parse(&fault.encode()).unwrap().verify(&policy()).unwrap();
        (verified.kind(), verified.index())
    };
    on.faults.iter().map(told).collect()
}

#[tokio::test]
async fn a_stamp_that_is_late_early_out_of_order_or_missing_is_found_with_evidence() {
    let at = |time: u64| move |log: &mut History| _ = log.add_at(b"second", time);
    for (stamp, covered_at, expected) in [
        (NOW, NOW, None),
        (NOW + 30, NOW, None),
        (NOW + 31, NOW, Some(StampFaultKind::Late)),
        // A head that is cosigned an hour later allows what was stamped meanwhile.
        (NOW + 3600, NOW + 3600, None),
        (NOW - 5, NOW, None),
        (NOW - 6, NOW, Some(StampFaultKind::OutOfOrder)),
        (NOW - 31, NOW, Some(StampFaultKind::Early)),
        (0, NOW, Some(StampFaultKind::Early)),
        (i64::MAX as u64, NOW, Some(StampFaultKind::Late)),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|kind| (kind, 1)).collect();
        assert_eq!(faults(at(stamp), covered_at).await, expected, "{stamp}, covered {covered_at}");
    }
    let missing = |log: &mut History| _ = log.add_raw(&stage::paper::leaf(b"second"));
    assert_eq!(faults(missing, NOW).await, [(StampFaultKind::Missing, 1)]);
    // An entry at fault bounds nothing: the honest ones after it are none.
    let then_honest = |log: &mut History| {
        log.add_at(b"second", NOW + 9999);
        log.add_at(b"third", NOW + 1);
        log.add_at(b"fourth", NOW);
    };
    let found = faults(then_honest, NOW).await;
    assert_eq!(found, [(StampFaultKind::Late, 1), (StampFaultKind::OutOfOrder, 3)]);
}

#[tokio::test]
async fn a_head_seen_before_a_restart_bounds_what_is_read_again() {
    let mut log = History::default();
    (0..3).for_each(|at| _ = log.add_at(format!("leaf {at}").as_bytes(), NOW));
    let seen = policy().verify_checkpoint(&log.checkpoint(4, NOW)).unwrap();
    // Stamped before the head that did not cover it, which a follower that forgot would not know.
    log.add_at(b"prepared", NOW - 31);
    let served = Served::new(Show::all(&log)).await;
    let client = LogClient::new(&served.url, policy());
    let head = policy().verify_checkpoint(&log.checkpoint(4, NOW + 60)).unwrap();
    let reading = client.follow(&Followed::again(Some(seen)), &head, &mut |_| {}).await.unwrap();
    let kinds: Vec<_> = reading.faults.iter().map(StampFault::kind).collect();
    assert_eq!(kinds, [StampFaultKind::Early]);
}
