//! When something moved, by the heads of the segments: footage is fetched only when somebody looks
//! at it.

use super::App;
use super::asked::Stretch;
use super::glimpses::Most;
use crate::motion::{self, Motion};
use axum::Json;
use axum::extract::{Query, State};
use host::http::Failure;
use serde::Serialize;
use std::sync::Arc;

/// After about 3 MB of heads a question is answered.
const MOST: Most = Most { heads: 2048, runs: 64 };

/// What is known of a span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Moved {
    pub(super) events: Vec<Motion>,
    /// Whether every head that is there has been read; otherwise ask again.
    pub(super) complete: bool,
}

pub(super) async fn events(
    State(app): State<Arc<App>>,
    Query(stretch): Query<Stretch>,
) -> Result<Json<Moved>, Failure> {
    let (camera, span) = app.stretch(&stretch)?;
    let (mut events, mut complete) = (Vec::new(), true);
    // Under whichever keys it was filmed.
    for (of, part) in app.owner.stored().parts(&camera.name, span) {
        let id = of.camera_id.to_string();
        let read = app.glimpses.read(&app.owner, of, &app.epochs.known(&id, part), MOST).await;
        complete &= read.map_err(|error| Failure::new(502, "relay", error.to_string()))?;
        let mut moved = app
            .glimpses
            .through(&id, |segments| motion::moved(segments.map(|segment| segment.motion), camera.ignored.0));
        moved.retain(|event| event.overlaps(part.from_us(), part.to_us()));
        events.append(&mut moved);
    }
    Ok(Json(Moved { events: motion::joined(events), complete }))
}
