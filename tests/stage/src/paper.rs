//! A log on paper: tlog's own pieces (tree, tiles, notes, cosignatures) in memory, by an operator
//! who signs what he likes, with witnesses who help him. Served over real HTTP; what it shows can
//! be changed while it is served.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use host::http::{ServeLimits, bind, serve};
use host::shutdown::Shutdown;
use std::sync::{Arc, Mutex};
use tlog::Hash;
use tlog::checkpoint::{Checkpoint, SignedCheckpoint};
use tlog::cosignature::{Algorithm, Cosigner};
use tlog::merkle::{NodeId, Tree, leaf_hash};
use tlog::note::{self, Signer, UnverifiedNote};
use tlog::policy::Policy;
use tlog::proof::TlogProof;
use tlog::reader::Head;
use tlog::stamp;
use tlog::tile::{Bundle, Kind, Tile, TilePath};

pub const ORIGIN: &str = "log.example";
/// When the witnesses cosign, where a test says nothing else: 2026-11-24.
pub const NOW: u64 = 1_795_500_000;

pub fn log_key() -> Signer {
    crate::keys::signer(ORIGIN)
}

fn witnesses() -> Vec<Cosigner> {
    let cosigner =
        |at: u8| Cosigner::from_seed(&format!("w{at}.example"), Algorithm::Ed25519, &[10 + at; 32]).unwrap();
    (1..=4).map(cosigner).collect()
}

/// The policy of every such log: 3 of 4 witnesses.
pub fn policy_text() -> String {
    let mut text = format!("log {}\n", log_key().verifier().vkey());
    for (at, witness) in (1..).zip(witnesses()) {
        text.push_str(&format!("witness w{at} {}\n", witness.verifier().vkey()));
    }
    text + "group q 3 w1 w2 w3 w4\nquorum q\n"
}

pub fn policy() -> Policy {
    Policy::parse(policy_text().as_bytes()).unwrap()
}

/// A leaf that says this text and nothing else.
pub fn leaf(text: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(text).unwrap().trim_end();
    note::sign(&format!("{text}\n"), &[&crate::keys::sponsor()]).unwrap().encode()
}

/// The entry that a leaf, or one that says this text, becomes in this log.
pub fn stamped(leaf_or_text: &[u8], time: u64) -> Vec<u8> {
    let parsed = UnverifiedNote::parse(leaf_or_text);
    let note = parsed.unwrap_or_else(|_| UnverifiedNote::parse(&leaf(leaf_or_text)).unwrap());
    stamp::stamp(&log_key(), note, time).unwrap().encode()
}

/// One history.
#[derive(Debug, Clone, Default)]
pub struct History {
    entries: Vec<Vec<u8>>,
    tree: Tree,
}

impl History {
    /// `shared` entries that all histories have, then `own` ones under this name.
    pub fn of(shared: u32, name: &str, own: u32) -> Self {
        let mut history = Self::default();
        (0..shared).for_each(|n| _ = history.add(format!("shared {n}").as_bytes()));
        (0..own).for_each(|n| _ = history.add(format!("{name} {n}").as_bytes()));
        history
    }

    /// Appends a leaf, or a note of the sponsor's that says no more than this text, stamped
    /// [`NOW`]; its place.
    pub fn add(&mut self, leaf: &[u8]) -> u64 {
        self.add_at(leaf, NOW)
    }

    /// The same, stamped with this time.
    pub fn add_at(&mut self, leaf: &[u8], time: u64) -> u64 {
        self.add_raw(&stamped(leaf, time))
    }

    /// Appends these very bytes, with no stamp but what is in them.
    pub fn add_raw(&mut self, entry: &[u8]) -> u64 {
        self.tree.push(leaf_hash(entry));
        self.entries.push(entry.to_vec());
        self.size() - 1
    }

    /// What stands there.
    pub fn entry(&self, index: u64) -> &[u8] {
        &self.entries[usize::try_from(index).unwrap()]
    }

    /// Another entry instead of the one that the tree holds.
    pub fn alter(&mut self, at: usize, entry: &[u8]) {
        self.entries[at] = entry.to_vec();
    }

    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    pub fn root_at(&self, size: u64) -> Option<Hash> {
        self.tree.root_at(size)
    }

    pub fn head(&self) -> Head {
        Head { size: self.size(), root: self.tree.root() }
    }

    /// The head as the log signed it.
    pub fn signed(&self) -> SignedCheckpoint {
        Checkpoint::new(ORIGIN, self.size(), self.tree.root()).unwrap().sign(&log_key()).unwrap()
    }

    /// The same with cosignatures of so many witnesses at this time.
    pub fn checkpoint(&self, cosigners: usize, time: u64) -> Vec<u8> {
        let mut signed = self.signed();
        for witness in witnesses().iter().take(cosigners) {
            signed.cosign(witness, time).unwrap();
        }
        signed.encode()
    }

    /// Of the entry at `index`, under the newest head, cosigned by all at this time; its stamp is
    /// with it.
    pub fn proof(&self, index: u64, time: u64) -> TlogProof {
        let inclusion = self.tree.prove_inclusion(index, self.size()).unwrap();
        let proof = TlogProof::from_parts(index, inclusion, &self.checkpoint(4, time)).unwrap();
        match stamp::split(self.entry(index)) {
            Ok((_, line)) => proof.with_extra(line.to_vec()),
            Err(_) => proof,
        }
    }

    fn tile(&self, path: &TilePath) -> Option<Vec<u8>> {
        let (first, width) = (path.index() << 8, u64::from(path.width()));
        match path.kind() {
            Kind::Entries => {
                let range = usize::try_from(first).ok()?..usize::try_from(first + width).ok()?;
                Some(Bundle { entries: self.entries.get(range)?.to_vec() }.encode())
            }
            Kind::Hashes(level) => {
                let hash = |index| self.tree.node(NodeId { level: level * 8, index });
                Some(Tile { hashes: (first..first + width).map(hash).collect::<Option<_>>()? }.encode())
            }
        }
    }
}

/// What a log shows at present.
#[derive(Debug, Clone)]
pub struct Show {
    pub history: History,
    pub cosigners: usize,
    /// Whose tiles and bundles are served; none: they are not to be had.
    pub tiles: Option<History>,
    /// When the witnesses cosigned.
    pub cosigned_at: u64,
}

impl Show {
    /// An honest one.
    pub fn all(history: &History) -> Self {
        Self { history: history.clone(), cosigners: 4, tiles: Some(history.clone()), cosigned_at: NOW }
    }

    pub fn checkpoint(&self) -> Vec<u8> {
        self.history.checkpoint(self.cosigners, self.cosigned_at)
    }
}

type Shown = Arc<Mutex<Show>>;

/// A log being served; dropping it stops it.
#[derive(Debug)]
pub struct Served {
    pub url: String,
    shown: Shown,
    shutdown: Shutdown,
}

impl Served {
    pub async fn new(show: Show) -> Self {
        let shown = Arc::new(Mutex::new(show));
        let router = Router::new()
            .route("/checkpoint", get(async |State(shown): State<Shown>| shown.lock().unwrap().checkpoint()))
            .route("/tile/{*path}", get(tile))
            .with_state(shown.clone());
        let listener = bind(crate::loopback()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = Shutdown::new();
        tokio::spawn(serve(listener, router, ServeLimits::default(), shutdown.clone()));
        Self { url, shown, shutdown }
    }

    pub fn show(&self, show: Show) {
        *self.shown.lock().unwrap() = show;
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shutdown.request();
    }
}

async fn tile(State(shown): State<Shown>, Path(path): Path<String>) -> Result<Vec<u8>, StatusCode> {
    let path: TilePath = format!("tile/{path}").parse().map_err(|_| StatusCode::BAD_REQUEST)?;
    let tiles = shown.lock().unwrap().tiles.clone();
    tiles.and_then(|history| history.tile(&path)).ok_or(StatusCode::NOT_FOUND)
}

/// Adds an entry that no honest log adds.
pub type Lie = fn(&mut History);

/// What no honest log does after one entry of [`NOW`], by the kind of the fault.
pub const LIES: [(&str, Lie); 4] = [
    ("late", |log| _ = log.add_at(b"b", NOW + 31)),
    ("early", |log| _ = log.add_at(b"b", NOW - 31)),
    ("out-of-order", |log| _ = log.add_at(b"b", NOW - 1)),
    ("missing", |log| _ = log.add_raw(&leaf(b"b"))),
];
