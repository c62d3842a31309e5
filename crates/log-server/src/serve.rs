//! The HTTP side: admission and the wait for publication; everything else is read from what was
//! published.

use crate::admission::Admission;
use crate::alarms::Alarms;
use crate::cosign::Peer;
use crate::index::Place;
use crate::nodes::Nodes;
use crate::pool::Fate;
use crate::state::{Handover, Published};
use crate::storage::{Folder, Storage, tile_file};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use host::blocking;
use host::http::Failure;
use host::shutdown::Shutdown;
use std::sync::Arc;
use std::time::Duration;
use tlog::Hash;
use tlog::merkle::{leaf_hash, verify_inclusion};
use tlog::proof::TlogProof;
use tlog::stamp::ENTRY_MAX_BYTES;
use tlog::tile::{BUNDLE_MAX_BYTES, Bundle, Kind, Tile, TilePath, tile_at};
use tokio::time::Instant;

/// What the handlers see.
pub(crate) struct Front {
    pub admission: Admission,
    pub handover: Arc<Handover>,
    pub storage: Folder,
    pub alarms: Arc<Alarms>,
    pub peers: Arc<Vec<Arc<Peer>>>,
    pub origin: String,
    pub add_wait: Duration,
    pub shutdown: Shutdown,
}

pub(crate) fn router(front: Arc<Front>) -> Router {
    Router::new()
        .route("/add", post(add))
        .route("/checkpoint", get(checkpoint))
        .route("/tile/{*path}", get(tile))
        .route("/log/v1/proof/{text}", get(proof))
        .route("/status", get(status))
        .with_state(front)
}

async fn add(State(front): State<Arc<Front>>, body: Bytes) -> Result<Response, Failure> {
    Ok(text(front.add(body).await?, "no-store"))
}

async fn checkpoint(State(front): State<Arc<Front>>) -> Result<Response, Failure> {
    let absent = || Failure::new(404, "not-published", "nothing has found a quorum of witnesses yet");
    // SPEC: log.md#http: the checkpoint MUST NOT be cached beyond a few seconds.
    Ok(text(front.published().ok_or_else(absent)?.note, "max-age=1"))
}

async fn tile(State(front): State<Arc<Front>>, Path(path): Path<String>) -> Result<Response, Failure> {
    let bytes = front.tile(format!("tile/{path}")).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "public, max-age=604800, immutable"),
    ];
    Ok((headers, bytes).into_response())
}

async fn proof(State(front): State<Arc<Front>>, Path(hash): Path<String>) -> Result<Response, Failure> {
    let advice = "name the leaf by the SHA-256 of its text, 64 lower-case hex digits";
    let hash = Hash::from_hex(&hash).ok_or_else(|| Failure::new(400, "not-a-text-hash", advice))?;
    let absent = || Failure::new(404, "not-published", "no published leaf has this text; add it first");
    Ok(text(front.published_proof(hash).await?.ok_or_else(absent)?, "no-store"))
}

async fn status(State(front): State<Arc<Front>>) -> axum::Json<serde_json::Value> {
    axum::Json(front.status())
}

fn text(body: impl Into<Body>, cache: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, cache)];
    (headers, body.into()).into_response()
}

impl Front {
    /// Admits a leaf, waits until it is published, and returns its tlog-proof with its stamp. The
    /// same bytes always get the same index.
    async fn add(&self, body: Bytes) -> Result<Vec<u8>, Failure> {
        let deadline = Instant::now() + self.add_wait;
        let admitted = self.admission.admit(&body)?;
        let text = admitted.text;
        let joined = self.handover.pool.lock().join(&text);
        let waiting = match joined {
            Some(fate) => Some(fate),
            None if self.find(text).await?.is_some() => None,
            None => {
                self.admission.spend(&admitted, std::time::Instant::now())?;
                let advice = "the log has more leaves waiting than it takes; try again later";
                let full = |_| Failure::new(503, "queue-full", advice);
                Some(self.handover.push(text, body.clone()).map_err(full)?)
            }
        };
        if let Some(mut fate) = waiting {
            let settled = async {
                // An error here is a sender dropped after it settled: the last value is the fate.
                let _ = fate.wait_for(|fate| *fate != Fate::Waiting).await;
                fate.borrow().clone()
            };
            match self.within(deadline, settled).await? {
                Fate::Failed(failure) => return Err(failure),
                Fate::Integrated | Fate::Waiting => {}
            }
        }
        let advice = "the log could not find the leaf again; send the same bytes later";
        let storage = || Failure::new(503, "storage", advice);
        let place = self.find(text).await?.ok_or_else(storage)?;
        let index = place.index;
        let mut published = self.handover.published.subscribe();
        let covers = |published: &Option<Published>| published.as_ref().is_some_and(|head| head.size > index);
        let published = self
            .within(deadline, async { published.wait_for(covers).await.ok().and_then(|head| head.clone()) });
        let head = published.await?.ok_or_else(storage)?;
        self.prove(place, head, Some(body)).await
    }

    /// Waits, but not beyond the deadline or the log's life; what is told then names the log's
    /// trouble, if it has one.
    async fn within<T>(&self, deadline: Instant, wait: impl Future<Output = T>) -> Result<T, Failure> {
        let advice = "the leaf is on its way: send the same bytes again for its proof";
        let slow = || Failure::new(503, "not-published-yet", advice);
        tokio::select! {
            done = wait => Ok(done),
            () = tokio::time::sleep_until(deadline) => Err(self.handover.trouble.lock().clone().unwrap_or_else(slow)),
            () = self.shutdown.requested() => Err(Failure::new(503, "stopping", "the log is stopping; send the same bytes again later")),
        }
    }

    fn published(&self) -> Option<Published> {
        self.handover.published.borrow().clone()
    }

    async fn published_proof(&self, text: Hash) -> Result<Option<Vec<u8>>, Failure> {
        let (Some(head), Some(place)) = (self.published(), self.find(text).await?) else { return Ok(None) };
        if place.index >= head.size {
            return Ok(None);
        }
        self.prove(place, head, None).await.map(Some)
    }

    async fn find(&self, text: Hash) -> Result<Option<Place>, Failure> {
        let handover = self.handover.clone();
        blocking::run(move || handover.index.find(&text)).await.map_err(|error| {
            tracing::error!(%error, "a leaf could not be looked up");
            Failure::new(503, "storage", "the log makes its index anew; send the same bytes again soon")
        })
    }

    /// The tlog-proof of a published entry with its stamp, verified before it leaves. What was
    /// sent must be that entry, with or without its stamp.
    async fn prove(&self, place: Place, head: Published, sent: Option<Bytes>) -> Result<Vec<u8>, Failure> {
        let storage = self.storage.clone();
        blocking::run(move || {
            let Place { index, stamp } = place;
            let mut nodes = Nodes::new(&storage, head.size);
            let leaf = nodes.leaf(index).map_err(|error| internal(&error))?;
            let is_it = |sent: &Bytes| {
                leaf_hash(sent) == leaf || leaf_hash(&[&sent[..], &stamp[..]].concat()) == leaf
            };
            // SPEC: log.md#admission: another set of signature lines on a logged text MUST be refused.
            if sent.is_some_and(|sent| !is_it(&sent)) {
                let advice = format!("entry {index} has this text with other signature lines; a text is logged once: read that entry");
                return Err(Failure::new(409, "text-taken", advice));
            }
            let inclusion = nodes.prove_inclusion(index).map_err(|error| internal(&error))?;
            verify_inclusion(&leaf, index, head.size, &head.root, &inclusion)
                .map_err(|error| internal(&error))?;
            let proof =
                TlogProof::from_parts(index, inclusion, &head.note).map_err(|error| internal(&error))?;
            Ok(proof.with_extra(stamp).encode())
        })
        .await
    }

    /// A tile or bundle of the published tree. A partial one whose file is gone is cut from the
    /// full one.
    async fn tile(&self, path: String) -> Result<Vec<u8>, Failure> {
        let advice = "the published tree has no such tile; fetch the checkpoint first";
        let absent = || Failure::new(404, "no-tile", advice);
        let path: TilePath = path.parse().map_err(|_| absent())?;
        let size = self.handover.published_size().ok_or_else(absent)?;
        // SPEC: log.md#http: tiles beyond the published tree MUST NOT be served.
        let widest = tile_at(path.kind(), path.index(), size).filter(|widest| path.width() <= widest.width());
        widest.ok_or_else(absent)?;
        let storage = self.storage.clone();
        let found = blocking::run(move || read_tile_bytes(&storage, &path)).await;
        found.map_err(|error| internal(&error))?.ok_or_else(absent)
    }

    fn status(&self) -> serde_json::Value {
        let witnesses: Vec<_> = self
            .peers
            .iter()
            .map(|peer| match peer.outcome() {
                None => serde_json::json!({ "name": peer.name, "state": "not asked yet" }),
                Some(Ok(time)) => serde_json::json!({ "name": peer.name, "state": "cosigned", "time": time }),
                Some(Err(error)) => {
                    serde_json::json!({ "name": peer.name, "state": "missing", "error": error })
                }
            })
            .collect();
        let trouble = self.handover.trouble.lock().clone().map(|trouble| trouble.error);
        serde_json::json!({
            "origin": self.origin,
            "published_size": self.handover.published_size(),
            "waiting": self.handover.pool.lock().waiting(),
            "trouble": trouble,
            "alarms": self.alarms.count(),
            "witnesses": witnesses,
        })
    }
}

/// A file of the tree as the path asks for it, cut from the full one if need be.
fn read_tile_bytes(
    storage: &Folder,
    path: &TilePath,
) -> Result<Option<Vec<u8>>, host::durable::DurableError> {
    let read = |path: &TilePath| storage.read(&tile_file(path), BUNDLE_MAX_BYTES as u64);
    let Some(full) = read(&path.full())? else { return read(path) };
    if path.is_full() {
        return Ok(Some(full));
    }
    Ok(match path.kind() {
        Kind::Hashes(_) => Tile::parse(&path.full(), &full).ok().map(|mut tile| {
            tile.hashes.truncate(path.width().into());
            tile.encode()
        }),
        Kind::Entries => Bundle::parse_prefix(path.width(), &full).ok().map(|bundle| bundle.encode()),
    })
}

fn internal(error: &dyn std::fmt::Display) -> Failure {
    tracing::error!(%error, "an answer could not be made");
    Failure::new(503, "storage", "the log could not read its tree; its operator must look; try again later")
}

/// The body limit of the router: an entry and one byte, so that admission names what is too large.
pub(crate) const BODY_LIMIT: usize = ENTRY_MAX_BYTES + 1;
