//! The two URLs. What a request comes to is decided in [`crate::state`].

use crate::decide::Refusal;
use crate::latest::LatestError;
use crate::state::{AddError, Witness};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use host::blocking::Blocking;
use host::clock::Clock;
use host::db::DbError;
use host::http::Failure;
use host::lock::Mutex;
use host::shutdown::Shutdown;
use std::sync::Arc;
use tlog::witness::{SIZE_CONTENT_TYPE, encode_size};

/// The largest `add-checkpoint` request: 63 proof lines and a checkpoint with a few dozen
/// signatures.
pub const MAX_REQUEST_BYTES: usize = 256 * 1024;

/// What the handlers see.
#[derive(Debug)]
pub(crate) struct Front {
    witness: Witness,
    clock: Clock,
    shutdown: Shutdown,
    disk: Blocking,
    /// The damage for which this witness stops.
    damage: Mutex<Option<LatestError>>,
}

impl Front {
    pub(crate) fn new(witness: Witness, clock: Clock, shutdown: Shutdown) -> Self {
        Self { witness, clock, shutdown, disk: Blocking::default(), damage: Mutex::default() }
    }

    /// Waits until no request works on the record any more, and says why the witness stopped, if
    /// not because it was asked to.
    pub(crate) async fn finish(&self) -> Option<LatestError> {
        self.disk.finish().await;
        self.damage.lock().take()
    }

    /// A witness that cannot know what it cosigned stops; a disk that fails may work again.
    fn failed(&self, error: LatestError) -> Failure {
        tracing::error!(%error, "nothing is cosigned");
        if matches!(error, LatestError(DbError::Damaged { .. })) {
            self.damage.lock().get_or_insert(error);
            self.shutdown.request();
        }
        operator_must_look()
    }
}

fn operator_must_look() -> Failure {
    Failure::new(500, "witness-failure", "the witness's operator must look; try again later")
}

pub(crate) fn router(front: Arc<Front>) -> Router {
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{origin_hash}/checkpoint", get(latest))
        .with_state(front)
}

async fn add_checkpoint(State(front): State<Arc<Front>>, body: Bytes) -> Result<Response, Failure> {
    let asked = front.clone();
    let added = front.disk.run(move || asked.witness.add_checkpoint(&body, asked.clock.seconds())).await;
    match added {
        Ok(lines) => Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], lines).into_response()),
        // SPEC: log.md#witness: 409 carries the size of the latest cosigned head, with its own
        // media type.
        Err(AddError::Refused(Refusal::Stale { latest })) => {
            let headers = [(header::CONTENT_TYPE, SIZE_CONTENT_TYPE)];
            Ok((StatusCode::CONFLICT, headers, encode_size(latest)).into_response())
        }
        Err(AddError::Refused(refusal)) => {
            tracing::info!(%refusal, "refused");
            let advice = "see the witness section of the log's contract";
            Err(Failure::new(refusal.status(), refusal.to_string(), advice))
        }
        Err(AddError::Latest(error)) => Err(front.failed(error)),
        Err(error @ (AddError::Senseless { .. } | AddError::Misplaced { .. } | AddError::Clock(_))) => {
            tracing::error!(%error, "nothing is cosigned");
            Err(operator_must_look())
        }
    }
}

async fn latest(
    State(front): State<Arc<Front>>,
    Path(origin_hash): Path<String>,
) -> Result<Response, Failure> {
    let asked = front.clone();
    let found = front.disk.run(move || asked.witness.latest(&origin_hash)).await;
    let absent = || Failure::new(404, "no-checkpoint", "this witness never cosigned a head of that log");
    let note = found.map_err(|error| front.failed(error))?.ok_or_else(absent)?;
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "max-age=1")];
    Ok((headers, note).into_response())
}

#[cfg(test)]
mod tests;
