//! The two URLs, and what happens between a request and its answer: parse, origin, the log's signature, then
//! [`decide`] and the write of the new head in one transaction, then the cosignature leaves.

use crate::decide::{Refusal, decide};
use crate::latest::{Latest, LatestError};
use crate::refused::Refused;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use host::http::Failure;
use std::collections::BTreeMap;
use std::sync::Arc;
use tlog::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use tlog::cosignature::Cosigner;
use tlog::note::Verifier;
use tlog::reader::Head;
use tlog::witness::{
    AddCheckpointRequest, SIZE_CONTENT_TYPE, encode_cosignatures, encode_size, monitoring_path,
};

/// An open witness.
#[derive(Debug)]
pub struct Witness {
    pub(crate) cosigners: Vec<Cosigner>,
    /// The trusted keys of each log, by origin.
    pub(crate) logs: BTreeMap<String, Vec<Verifier>>,
    pub(crate) latest: Latest,
    pub(crate) refused: Refused,
}

/// Why there is no cosignature.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Latest(#[from] LatestError),
    #[error(
        "the record of {origin} is damaged ({reason}): nothing is cosigned for it; restore is not safe, start a new witness"
    )]
    Damaged { origin: String, reason: String },
    #[error("this machine's clock reads {0}: set it before anything is cosigned")]
    Clock(u64),
}

impl Witness {
    /// Answers one `add-checkpoint` body at `now` (Unix seconds) with cosignature lines.
    pub fn add_checkpoint(&self, body: &[u8], now: u64) -> Result<String, AddError> {
        let malformed = |error: &dyn std::fmt::Display| Refusal::Malformed(error.to_string());
        let request = AddCheckpointRequest::parse(body).map_err(|error| malformed(&error))?;
        let head = Head::of(request.checkpoint().unverified());
        let old = request.old_size();
        if old > head.size {
            return Err(Refusal::OldBeyondSize { old, size: head.size }.into());
        }
        let origin = request.checkpoint().origin().to_owned();
        // SPEC: log.md#witness: an unknown origin is answered with 404, before any signature is looked at.
        let keys = self.logs.get(&origin).ok_or(Refusal::UnknownOrigin)?;
        let keys: Vec<&Verifier> = keys.iter().collect();
        let signed = request
            .checkpoint()
            .clone()
            .verify(&keys)
            .map_err(|error| Refusal::Unsigned(error.to_string()))?;

        let mut contradicted = false;
        let outcome = self.latest.update(&origin, |before| {
            let latest = before.map(|note| self.head_of(&origin, note)).transpose()?;
            contradicted = latest.is_some_and(|latest| latest.size == head.size && latest.root != head.root);
            decide(latest, old, head, request.proof())?;
            self.cosign(&signed, &keys, now)
        })?;
        if let Err(AddError::Refused(refusal)) = &outcome
            && (contradicted || refusal.is_evidence())
        {
            self.refused.keep(signed.checkpoint(), body, refusal);
        }
        outcome
    }

    /// The latest cosigned checkpoint of the log whose origin has this SHA-256, in hex.
    pub fn latest(&self, origin_hash: &str) -> Result<Option<Vec<u8>>, LatestError> {
        let path = format!("{origin_hash}/checkpoint");
        let known = self.logs.keys().find(|origin| monitoring_path(origin) == path);
        known.map_or(Ok(None), |origin| self.latest.get(origin))
    }

    /// The note to keep and the lines to send. Signature lines by keys that are not trusted are left behind.
    fn cosign(
        &self,
        signed: &SignedCheckpoint,
        keys: &[&Verifier],
        now: u64,
    ) -> Result<(Vec<u8>, String), AddError> {
        let checkpoint = signed.checkpoint();
        let mut note = format!("{}\n", checkpoint.text());
        for line in signed.note().signatures() {
            if keys.iter().any(|key| key.name() == line.name() && key.key_id() == line.key_id()) {
                note.push_str(&format!("{line}\n"));
            }
        }
        // SPEC: log.md#witness: the time of a cosignature MUST NOT be 0.
        let lines = self.cosigners.iter().map(|cosigner| cosigner.cosign(checkpoint, now));
        let lines = lines.collect::<Result<Vec<_>, _>>().map_err(|error| AddError::Clock(error.0))?;
        let lines = encode_cosignatures(&lines);
        note.push_str(&lines);
        Ok((note.into_bytes(), lines))
    }

    /// The head in a kept note, which this witness itself wrote.
    fn head_of(&self, origin: &str, note: &[u8]) -> Result<Head, AddError> {
        let damaged = |reason: String| AddError::Damaged { origin: origin.to_owned(), reason };
        let kept = UnverifiedCheckpoint::parse(note).map_err(|error| damaged(error.to_string()))?;
        if kept.origin() != origin {
            return Err(damaged(format!("it is a head of {}", kept.origin())));
        }
        Ok(Head::of(kept.unverified()))
    }
}

pub(crate) fn router(witness: Arc<Witness>) -> Router {
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{origin_hash}/checkpoint", get(latest))
        .with_state(witness)
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, body: Bytes) -> Response {
    let now = host::clock::now();
    let added = blocking(move || witness.add_checkpoint(&body, now)).await;
    match added {
        Ok(lines) => {
            (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], lines).into_response()
        }
        // SPEC: log.md#witness: 409 carries the size of the latest cosigned head, with its own media type.
        Err(AddError::Refused(Refusal::Stale { latest })) => {
            (StatusCode::CONFLICT, [(header::CONTENT_TYPE, SIZE_CONTENT_TYPE)], encode_size(latest))
                .into_response()
        }
        Err(AddError::Refused(refusal)) => {
            tracing::info!(%refusal, "refused");
            Failure::new(
                refusal.status(),
                refusal.to_string(),
                "see the witness section of the log's contract",
            )
            .into_response()
        }
        Err(error) => {
            tracing::error!(%error, "nothing is cosigned");
            Failure::new(500, "witness-failure", "the witness's operator must look; try again later")
                .into_response()
        }
    }
}

async fn latest(State(witness): State<Arc<Witness>>, Path(origin_hash): Path<String>) -> Response {
    match blocking(move || witness.latest(&origin_hash)).await {
        Ok(Some(note)) => {
            let headers =
                [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "max-age=1")];
            (StatusCode::OK, headers, note).into_response()
        }
        Ok(None) => Failure::new(404, "no-checkpoint", "this witness never cosigned a head of that log")
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "the latest head cannot be read");
            Failure::new(500, "witness-failure", "the witness's operator must look; try again later")
                .into_response()
        }
    }
}

/// Runs disk work on a thread that may wait for it. The number of connections bounds how many there are.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|stopped| std::panic::resume_unwind(stopped.into_panic()))
}
