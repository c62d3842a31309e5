//! When something moved, by the heads of the segments: footage is fetched only when somebody looks
//! at it.

use super::asked::Stretch;
use super::glimpses::Most;
use super::{App, Known};
use crate::book::StoredCamera;
use crate::motion::{self, Motion};
use crate::span::Span;
use axum::Json;
use axum::extract::{Query, State};
use host::http::Failure;
use quic::CallError;
use serde::Serialize;
use std::sync::Arc;

/// After about 3 MB of heads a question is answered.
const MOST: Most = Most { heads: 2048, runs: 64 };

/// What is known of a span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Moved {
    pub(crate) events: Vec<Motion>,
    /// Whether every head that is there has been read; otherwise ask again.
    pub(crate) complete: bool,
}

pub(super) async fn events(
    State(app): State<Arc<App>>,
    Query(stretch): Query<Stretch>,
) -> Result<Json<Moved>, Failure> {
    let (camera, span) = app.stretch(&stretch)?;
    let found = find(&app, &camera, span).await;
    found.map(Json).map_err(|error| Failure::new(502, "relay", error.to_string()))
}

pub(super) async fn find(known: &Known, camera: &StoredCamera, span: Span) -> Result<Moved, CallError> {
    let (mut events, mut complete) = (Vec::new(), true);
    // Under whichever keys it was filmed.
    for (of, part) in known.owner.stored().parts(&camera.name, span) {
        let id = of.camera_id.to_string();
        complete &= known.glimpses.read(&known.owner, of, &known.epochs.known(&id, part), MOST).await?;
        let mut moved = known
            .glimpses
            .through(&id, |segments| motion::moved(segments.map(|segment| segment.motion), camera.ignored.0));
        moved.retain(|event| event.overlaps(part.from_us(), part.to_us()));
        events.append(&mut moved);
    }
    Ok(Moved { events: motion::joined(events), complete })
}
