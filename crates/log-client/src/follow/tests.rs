use super::*;
use stage::paper::{History, NOW, Served, Show, policy};

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
