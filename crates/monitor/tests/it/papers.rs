//! A log on paper: tlog's own pieces served over real HTTP, by an operator who signs what he likes, with witnesses who help him.
//! What it shows can be changed while it is served.

use crate::world::ORIGIN;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use host::http::{ServeLimits, bind, serve};
use host::shutdown::Shutdown;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tlog::checkpoint::{Checkpoint, SignedCheckpoint};
use tlog::cosignature::{Algorithm, Cosigner};
use tlog::merkle::{NodeId, Tree, leaf_hash};
use tlog::note::Signer;
use tlog::policy::Policy;
use tlog::tile::{Bundle, Kind, Tile, TilePath};

pub(crate) fn log_key() -> Signer {
    Signer::from_seed(ORIGIN, &[1; 32]).unwrap()
}

fn witnesses() -> Vec<Cosigner> {
    let cosigner =
        |at: u8| Cosigner::from_seed(&format!("w{at}.example"), Algorithm::Ed25519, &[10 + at; 32]).unwrap();
    (1..=4).map(cosigner).collect()
}

/// The policy of every such log, 3 of 4 witnesses, and the rules, as files in `dir`.
pub(crate) fn write_policy(dir: &std::path::Path) -> PathBuf {
    let mut text = format!("log {}\n", log_key().verifier().vkey());
    for (at, witness) in (1..).zip(witnesses()) {
        text.push_str(&format!("witness w{at} {}\n", witness.verifier().vkey()));
    }
    text.push_str("group q 3 w1 w2 w3 w4\nquorum q\n");
    Policy::parse(text.as_bytes()).unwrap();
    std::fs::write(dir.join("policy"), text).unwrap();
    std::fs::write(dir.join("rules"), crate::leaves::rules().encode()).unwrap();
    dir.join("policy")
}

/// One history.
#[derive(Clone, Default)]
pub(crate) struct History {
    entries: Vec<Vec<u8>>,
    tree: Tree,
}

impl History {
    /// `shared` entries that all histories have, then `own` ones under this name.
    pub(crate) fn of(shared: u32, name: &str, own: u32) -> Self {
        let mut history = Self::default();
        (0..shared).for_each(|n| history.add(format!("shared {n}").as_bytes()));
        (0..own).for_each(|n| history.add(format!("{name} {n}").as_bytes()));
        history
    }

    pub(crate) fn add(&mut self, entry: &[u8]) {
        self.tree.push(leaf_hash(entry));
        self.entries.push(entry.to_vec());
    }

    pub(crate) fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The head as the log signed it.
    pub(crate) fn signed(&self) -> SignedCheckpoint {
        Checkpoint::new(ORIGIN, self.size(), self.tree.root()).unwrap().sign(&log_key()).unwrap()
    }

    fn checkpoint(&self, cosigners: usize) -> Vec<u8> {
        let mut signed = self.signed();
        for witness in witnesses().iter().take(cosigners) {
            signed.cosign(witness, 1_795_500_000).unwrap();
        }
        signed.encode()
    }
}

/// What a log shows at present.
#[derive(Clone)]
pub(crate) struct Show {
    pub history: History,
    pub cosigners: usize,
    /// Whose tiles and bundles are served; none: they are not to be had.
    pub tiles: Option<History>,
}

impl Show {
    /// An honest one.
    pub(crate) fn all(history: &History) -> Self {
        Self { history: history.clone(), cosigners: 4, tiles: Some(history.clone()) }
    }
}

/// A log being served; dropping it stops it.
pub(crate) struct Served {
    pub url: String,
    show: Arc<Mutex<Show>>,
    shutdown: Shutdown,
}

impl Served {
    pub(crate) async fn new(show: Show) -> Self {
        let show = Arc::new(Mutex::new(show));
        let router = Router::new()
            .route("/checkpoint", get(checkpoint))
            .route("/tile/{*path}", get(tile))
            .with_state(show.clone());
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = Shutdown::new();
        tokio::spawn(serve(listener, router, ServeLimits::default(), shutdown.clone()));
        Self { url, show, shutdown }
    }

    pub(crate) fn show(&self, show: Show) {
        *self.show.lock().unwrap() = show;
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shutdown.request();
    }
}

async fn checkpoint(State(show): State<Arc<Mutex<Show>>>) -> Vec<u8> {
    let show = show.lock().unwrap();
    show.history.checkpoint(show.cosigners)
}

async fn tile(State(show): State<Arc<Mutex<Show>>>, Path(path): Path<String>) -> Result<Vec<u8>, StatusCode> {
    let path: TilePath = format!("tile/{path}").parse().map_err(|_| StatusCode::BAD_REQUEST)?;
    let tiles = show.lock().unwrap().tiles.clone();
    tiles.and_then(|history| tile_bytes(&history, &path)).ok_or(StatusCode::NOT_FOUND)
}

fn tile_bytes(history: &History, path: &TilePath) -> Option<Vec<u8>> {
    let first = path.index() << 8;
    let width = u64::from(path.width());
    match path.kind() {
        Kind::Entries => {
            let range = usize::try_from(first).ok()?..usize::try_from(first + width).ok()?;
            Some(Bundle::of(history.entries.get(range)?.to_vec()).ok()?.encode())
        }
        Kind::Hashes(level) => {
            let hash = |index| history.tree.node(NodeId { level: level * 8, index });
            let hashes = (first..first + width).map(hash).collect::<Option<Vec<_>>>()?;
            Some(Tile::of(hashes)?.encode())
        }
    }
}
