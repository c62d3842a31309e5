//! A dishonest log, made of the real pieces (tree, tiles, notes, cosignatures by the very witnesses), served over real HTTP.

use super::*;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use escrow::record::Vkey;
use host::http::{ServeLimits, bind, serve};
use host::shutdown::Shutdown;
use tlog::checkpoint::Checkpoint;
use tlog::cosignature::{Algorithm, Cosigner};
use tlog::merkle::NodeId;
use tlog::note::Signer;
use tlog::policy::Policy;
use tlog::tile::{Bundle, Kind, Tile, TilePath};

const NOW: u64 = 1_800_000_000;
const ORIGIN: &str = "log.example";

/// What a log shows at the moment; its operator may put another in its place.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<(Vec<Vec<u8>>, Tree)>>);

impl Shown {
    fn show(&self, entries: &[&[u8]]) {
        let mut tree = Tree::new();
        entries.iter().for_each(|entry| tree.push(leaf_hash(entry)));
        *self.0.lock().unwrap() = (entries.iter().map(|entry| entry.to_vec()).collect(), tree);
    }

    fn checkpoint(&self) -> Vec<u8> {
        let tree = &self.0.lock().unwrap().1;
        let checkpoint = Checkpoint::new(ORIGIN, tree.size(), tree.root()).unwrap();
        let mut signed = checkpoint.sign(&log_key()).unwrap();
        signed.cosign(&witness(), NOW).unwrap();
        signed.encode()
    }

    fn tile(&self, path: &TilePath) -> Option<Vec<u8>> {
        let (entries, tree) = &*self.0.lock().unwrap();
        let (first, width) = (path.index() << 8, u64::from(path.width()));
        match path.kind() {
            Kind::Entries => {
                let range = usize::try_from(first).ok()?..usize::try_from(first + width).ok()?;
                Some(Bundle::of(entries.get(range)?.to_vec()).ok()?.encode())
            }
            Kind::Hashes(level) => {
                let hash = |index| tree.node(NodeId { level: level * 8, index });
                Some(Tile::of((first..first + width).map(hash).collect::<Option<_>>()?)?.encode())
            }
        }
    }

    async fn serve(&self, shutdown: &Shutdown) -> LogClient {
        let router = Router::new()
            .route("/checkpoint", get(|State(shown): State<Shown>| async move { shown.checkpoint() }))
            .route("/tile/{*path}", get(tile))
            .with_state(self.clone());
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, router, ServeLimits::default(), shutdown.clone()));
        let policy = format!(
            "log {}\nwitness w {}\nquorum w\n",
            log_key().verifier().vkey(),
            witness().verifier().vkey()
        );
        LogClient::new(&url, Policy::parse(policy.as_bytes()).unwrap())
    }
}

async fn tile(State(shown): State<Shown>, Path(path): Path<String>) -> Result<Vec<u8>, StatusCode> {
    let path: TilePath = format!("tile/{path}").parse().map_err(|_| StatusCode::BAD_REQUEST)?;
    shown.tile(&path).ok_or(StatusCode::NOT_FOUND)
}

fn log_key() -> Signer {
    Signer::from_seed(ORIGIN, &[1; 32]).unwrap()
}

fn witness() -> Cosigner {
    Cosigner::from_seed("w.example", Algorithm::Ed25519, &[2; 32]).unwrap()
}

fn window(now: u64) -> Window {
    Window::around(now, 120, 30)
}

/// A follower as it starts: it has read nothing, and its ledger says what it had.
fn follower(ledger: &Ledger) -> Follower {
    let key = |seed| Vkey::new(Signer::from_seed("x.example", &[seed; 32]).unwrap().verifier()).unwrap();
    let rules = PolicyDoc::recommended(key(3), key(4));
    let own = Signer::from_seed("bar.example", &[5; 32]).unwrap().verifier();
    Follower::new(&rules, own, ledger.fork().unwrap().is_some(), Disk::default())
}

fn ledger(dir: &tempfile::TempDir) -> Arc<Ledger> {
    let path = dir.path().join("ledger.redb");
    Ledger::create(&path, "me").unwrap();
    Arc::new(Ledger::open(&path, "me").unwrap())
}

#[tokio::test]
async fn a_log_is_followed_as_it_grows_and_an_old_or_stale_answer_is_none() {
    let (dir, shutdown, shown) = (tempfile::tempdir().unwrap(), Shutdown::new(), Shown::default());
    let ledger = ledger(&dir);
    let log = shown.serve(&shutdown).await;
    let follower = follower(&ledger);
    shown.show(&[b"a", b"b"]);
    assert!(!follower.progress().caught_up);
    let stale = follower.follow(&log, &ledger, window(NOW + 121)).await.unwrap_err();
    assert!(matches!(stale, FollowFailure::Log(FollowError::Head(_))), "{stale}");
    assert!(!follower.progress().caught_up);

    let view = follower.follow(&log, &ledger, window(NOW)).await.unwrap();
    assert_eq!((view.head.size, view.tree.size(), view.register.size()), (2, 2, 2));
    assert!(ledger.head().unwrap().is_some());
    shown.show(&[b"a", b"b", b"c"]);
    assert_eq!(follower.follow(&log, &ledger, window(NOW)).await.unwrap().head.size, 3);
    shown.show(&[b"a"]);
    let behind = follower.follow(&log, &ledger, window(NOW)).await.unwrap_err();
    assert!(matches!(behind, FollowFailure::Behind { shown: 1, known: 3 }), "{behind}");
    assert!(!follower.progress().forked);
    shutdown.request();
}

#[tokio::test]
async fn a_fork_stops_everything_for_ever_whether_larger_equal_or_smaller() {
    for fork in [&[&b"x"[..], b"b", b"c", b"d"][..], &[b"x", b"b", b"c"], &[b"x", b"b"]] {
        let (dir, shutdown, shown) = (tempfile::tempdir().unwrap(), Shutdown::new(), Shown::default());
        let ledger = ledger(&dir);
        let log = shown.serve(&shutdown).await;
        let own = follower(&ledger);
        shown.show(&[b"a", b"b", b"c"]);
        own.follow(&log, &ledger, window(NOW)).await.unwrap();
        shown.show(fork);
        let forked = own.follow(&log, &ledger, window(NOW)).await.unwrap_err();
        assert!(matches!(forked, FollowFailure::Forked), "{}: {forked}", fork.len());
        // The head by which it contradicted itself is kept, and the good one does not heal it.
        assert_eq!(ledger.fork().unwrap().unwrap(), shown.checkpoint());
        shown.show(&[b"a", b"b", b"c"]);
        for own in [own, follower(&ledger)] {
            let still = own.follow(&log, &ledger, window(NOW)).await;
            assert!(matches!(still, Err(FollowFailure::Forked)));
        }
        shutdown.request();
    }
}

#[tokio::test]
async fn after_a_restart_the_log_must_still_have_what_it_had() {
    let (dir, shutdown, shown) = (tempfile::tempdir().unwrap(), Shutdown::new(), Shown::default());
    let ledger = ledger(&dir);
    let log = shown.serve(&shutdown).await;
    shown.show(&[b"a", b"b", b"c"]);
    follower(&ledger).follow(&log, &ledger, window(NOW)).await.unwrap();
    // Older than what was read: not yet; another history: never.
    shown.show(&[b"a", b"b"]);
    let restarted = follower(&ledger);
    let behind = restarted.follow(&log, &ledger, window(NOW)).await.unwrap_err();
    assert!(matches!(behind, FollowFailure::Behind { shown: 2, known: 3 }), "{behind}");
    assert!(!restarted.progress().caught_up);
    shown.show(&[b"a", b"b", b"c", b"d"]);
    assert_eq!(restarted.follow(&log, &ledger, window(NOW)).await.unwrap().head.size, 4);
    shown.show(&[b"a", b"b", b"c", b"x", b"y"]);
    let forked = follower(&ledger).follow(&log, &ledger, window(NOW)).await.unwrap_err();
    assert!(matches!(forked, FollowFailure::Forked), "{forked}");
    shutdown.request();
}
