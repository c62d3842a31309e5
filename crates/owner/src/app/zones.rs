//! The zones that are ignored in a camera's picture, as its page shows and paints them: 16 x 9 cells,
//! row by row, one bit each, 36 hexadecimal digits.

use super::App;
use crate::book::Zones;
use crate::settings::{self, AskedOf, SettingsError};
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
    let asked = settings::asked(&app.owner, &camera.name).await;
    let asked = asked.map(|asked| asked.filter(|asked| Zones(asked.ignored) == camera.ignored));
    Ok(shown(camera.ignored, asked))
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
    // Page and alarm go by the book at once; the camera is asked, and says by itself that it follows.
    let asked = settings::ignore(&app.owner, &camera.name, painted.0).await;
    Ok(shown(painted, asked.map(Some)))
}

/// `asked`: the number by which the camera says that it follows; null where it was not asked for these.
fn shown(ignored: Zones, asked: Result<Option<AskedOf>, SettingsError>) -> Response {
    let (asked, problem) = match asked {
        Ok(asked) => (asked.map(|asked| asked.number), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let ignored = ignored.to_string();
    Json(serde_json::json!({ "ignored": ignored, "asked": asked, "problem": problem })).into_response()
}
