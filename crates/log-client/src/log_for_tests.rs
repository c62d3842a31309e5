//! A log in memory made of the real pieces (tree, tiles, notes, cosignatures), served over real HTTP on loopback.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use host::http::{ServeLimits, bind, serve};
use host::shutdown::Shutdown;
use std::sync::Arc;
use tlog::checkpoint::Checkpoint;
use tlog::cosignature::{Algorithm, Cosigner};
use tlog::merkle::{NodeId, Tree, leaf_hash};
use tlog::note::Signer;
use tlog::policy::Policy;
use tlog::proof::TlogProof;
use tlog::reader::Head;
use tlog::tile::{Bundle, Kind, Tile, TilePath};

pub(crate) const NOW: u64 = 1_800_000_000;
const ORIGIN: &str = "log.example";

#[derive(Clone)]
pub(crate) struct Log {
    entries: Vec<Vec<u8>>,
    served: Vec<Vec<u8>>,
    tree: Tree,
}

/// A log being served; dropping it stops it.
pub(crate) struct Served {
    url: String,
    shutdown: Shutdown,
}

impl Served {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shutdown.request();
    }
}

fn signer() -> Signer {
    Signer::from_seed(ORIGIN, &[1; 32]).unwrap()
}

fn witnesses() -> Vec<Cosigner> {
    let cosigner =
        |at: u8| Cosigner::from_seed(&format!("w{at}.example"), Algorithm::Ed25519, &[10 + at; 32]).unwrap();
    (1..=4).map(cosigner).collect()
}

/// The policy of every such log: 3 of 4 witnesses.
pub(crate) fn policy_text() -> String {
    let mut text = format!("log {}\n", signer().verifier().vkey());
    for (at, witness) in (1..).zip(witnesses()) {
        text.push_str(&format!("witness w{at} {}\n", witness.verifier().vkey()));
    }
    text + "group q 3 w1 w2 w3 w4\nquorum q\n"
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), served: Vec::new(), tree: Tree::new() }
    }

    pub(crate) fn add(&mut self, entry: &[u8]) {
        self.tree.push(leaf_hash(entry));
        self.entries.push(entry.to_vec());
        self.served.push(entry.to_vec());
    }

    /// What a dishonest operator serves instead of the entry that it had cosigned.
    pub(crate) fn alter_served_entry(&mut self, at: usize, entry: &[u8]) {
        self.served[at] = entry.to_vec();
    }

    pub(crate) fn size(&self) -> u64 {
        self.tree.size()
    }

    pub(crate) fn head(&self) -> Head {
        Head { size: self.size(), root: self.tree.root() }
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy::parse(policy_text().as_bytes()).unwrap()
    }

    pub(crate) fn checkpoint(&self, cosigners: usize) -> Vec<u8> {
        let checkpoint = Checkpoint::new(ORIGIN, self.size(), self.tree.root()).unwrap();
        let mut signed = checkpoint.sign(&signer()).unwrap();
        for witness in witnesses().iter().take(cosigners) {
            signed.cosign(witness, NOW).unwrap();
        }
        signed.encode()
    }

    /// The tlog-proof of the entry at `index` under the newest head.
    pub(crate) fn proof(&self, index: u64) -> TlogProof {
        let inclusion = self.tree.prove_inclusion(index, self.size()).unwrap();
        TlogProof::from_parts(index, inclusion, &self.checkpoint(4)).unwrap()
    }

    pub(crate) async fn serve(&self) -> Served {
        self.serve_with_witnesses(4).await
    }

    pub(crate) async fn serve_with_witnesses(&self, cosigners: usize) -> Served {
        let checkpoint = self.checkpoint(cosigners);
        let router = Router::new()
            .route("/checkpoint", get(move || async move { checkpoint }))
            .route("/tile/{*path}", get(tile))
            .with_state(Arc::new(self.clone()));
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = Shutdown::new();
        tokio::spawn(serve(listener, router, ServeLimits::default(), shutdown.clone()));
        Served { url, shutdown }
    }

    fn tile_bytes(&self, path: &TilePath) -> Option<Vec<u8>> {
        let first = path.index() << 8;
        let width = u64::from(path.width());
        match path.kind() {
            Kind::Entries => {
                let range = usize::try_from(first).ok()?..usize::try_from(first + width).ok()?;
                Some(Bundle::of(self.served.get(range)?.to_vec()).ok()?.encode())
            }
            Kind::Hashes(level) => {
                let hash = |index| self.tree.node(NodeId { level: level * 8, index });
                let hashes = (first..first + width).map(hash).collect::<Option<Vec<_>>>()?;
                Some(Tile::of(hashes)?.encode())
            }
        }
    }
}

async fn tile(State(log): State<Arc<Log>>, Path(path): Path<String>) -> Result<Vec<u8>, StatusCode> {
    let path: TilePath = format!("tile/{path}").parse().map_err(|_| StatusCode::BAD_REQUEST)?;
    log.tile_bytes(&path).ok_or(StatusCode::NOT_FOUND)
}
