//! On which days something was recorded, and what was recorded next: by EpochOpens alone, a few for
//! each day.
//!
//! `api/days?camera=ID&edges=A,B,C` answers `[S, null]`: the first recording between A and B begins
//! at S, or is under way there; between B and C is none. Only the page knows where its days begin
//! and end.

use super::App;
use super::asked::Stretch;
use axum::Json;
use axum::extract::{Query, State};
use host::http::Failure;
use serde::Deserialize;
use std::sync::Arc;

/// The most moments of one question: a month of days.
const MAX_EDGES: usize = 33;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    camera: String,
    /// Unix microseconds, in order, a day apart at the most.
    edges: String,
}

pub(super) async fn days(
    State(app): State<Arc<App>>,
    Query(Asked { camera, edges }): Query<Asked>,
) -> Result<Json<Vec<Option<u64>>>, Failure> {
    let edges = edges.split(',').map(str::parse).collect::<Result<Vec<u64>, _>>();
    let edges = edges.ok().filter(|edges| edges.len() <= MAX_EDGES).ok_or_else(|| {
        Failure::new(400, "wrong-edges", format!("give up to {MAX_EDGES} moments in microseconds, in order"))
    })?;
    let mut first = Vec::new();
    for pair in edges.windows(2) {
        let stretch = Stretch { camera: camera.clone(), track: 0, from: pair[0], to: pair[1] };
        let (camera, span) = app.stretch(&stretch)?;
        let found = app.epochs.first(&app.owner, &camera, span).await;
        first.push(found.map_err(|error| Failure::new(502, "relay", error.to_string()))?.map(|at| at.0));
    }
    Ok(Json(first))
}
