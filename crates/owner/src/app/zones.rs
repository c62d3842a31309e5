//! The zones that are ignored in a camera's picture, as its page shows and paints them: 16 x 9 cells,
//! row by row, one bit each, 36 hexadecimal digits.

use super::App;
use crate::book::Zones;
use crate::zones;
use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use host::http::Failure;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    camera: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Painted {
    camera: String,
    /// What they were painted on.
    seen: String,
    ignored: String,
}

pub(super) async fn zones(
    State(app): State<Arc<App>>,
    Query(Asked { camera }): Query<Asked>,
) -> Result<Response, Failure> {
    let camera = app.camera(&camera)?;
    Ok(shown(camera.ignored))
}

pub(super) async fn paint(
    State(app): State<Arc<App>>,
    Query(Painted { camera, seen, ignored }): Query<Painted>,
) -> Result<Response, Failure> {
    let camera = app.camera(&camera)?;
    let cells = |text: &str| -> Result<Zones, Failure> {
        text.parse().map_err(|error| Failure::new(400, "wrong-cells", format!("{error}")))
    };
    let (seen, painted) = (cells(&seen)?, cells(&ignored)?);
    let kept = zones::ignore(&app.owner, camera.camera_id, seen.0, painted.0).await;
    let kept = kept.map_err(|error| Failure::new(500, "book", error.to_string()))?;
    if Zones(kept) != painted {
        let what = "another page painted meanwhile; look at its zones, and paint again";
        return Err(Failure::new(409, "others-painted", what));
    }
    Ok(shown(painted))
}

fn shown(ignored: Zones) -> Response {
    Json(serde_json::json!({ "ignored": ignored.to_string() })).into_response()
}
