//! What the page asks for, as JSON. Times are Unix microseconds, but for a row's `when` (seconds).

use super::App;
use super::asked::Stretch;
use super::proof;
use super::timeline::Timeline;
use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use host::http::Failure;
use std::sync::Arc;

/// The cameras by the relay's word, and the state of the proof: what every view shows.
pub(super) async fn cameras(State(app): State<Arc<App>>) -> Response {
    let told = app.proof.cameras();
    // A relay that never answered does not make the cameras vanish.
    Json(serde_json::json!({
        "now": app.owner.now_us().0,
        "cameras": told.status,
        "book": app.owner.cameras(),
        "relay_problem": told.problem,
        "relay_heard": told.heard_us,
        "proof": app.standing(),
    }))
    .into_response()
}

pub(super) async fn timeline(
    State(app): State<Arc<App>>,
    Query(stretch): Query<Stretch>,
) -> Result<Json<Timeline>, Failure> {
    let (camera, span) = app.stretch(&stretch)?;
    app.timeline(&camera, span).await.map(Json).map_err(|error| Failure::new(502, "relay", error.to_string()))
}

/// The last audit; null before the first one ended.
pub(super) async fn audit(State(app): State<Arc<App>>) -> Response {
    Json(serde_json::json!({ "report": app.proof.report().as_deref(), "proof": app.standing() }))
        .into_response()
}

pub(super) async fn audit_now(State(app): State<Arc<App>>) -> Response {
    proof::audit(&app).await;
    audit(State(app)).await
}
