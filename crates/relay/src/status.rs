//! The operator's page: is anybody there, how full is it, was anybody replaced. Ids and numbers,
//! nothing that links a camera to a person.
//!
//! ```text
//! GET /status    {"used_bytes":..,"cameras":[{"camera_id":"..","online":true,"replaced":0,"viewers":2}]}
//! ```

use crate::state::Relay;
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use host::http::ServeLimits;
use media::id::TrackId;
use std::sync::Arc;
use tokio::net::TcpListener;

pub(crate) async fn serve(listener: TcpListener, relay: Arc<Relay>) {
    let limits = ServeLimits { connections: 16, ..ServeLimits::default() };
    let shutdown = relay.shutdown.clone();
    let router = Router::new().route("/status", get(status)).with_state(relay);
    host::http::serve(listener, router, limits, shutdown).await;
}

async fn status(State(relay): State<Arc<Relay>>) -> Response {
    let on_air = &relay.on_air;
    let viewers = |camera_id| -> usize {
        let tracks = (0..relay.limits.tracks_per_camera).map(TrackId);
        tracks.map(|track| on_air.fanout.track(camera_id, track).viewers()).sum()
    };
    let cameras: Vec<_> = on_air
        .publishers
        .all()
        .iter()
        .map(|seen| {
            serde_json::json!({
                "camera_id": seen.camera_id.to_string(),
                "online": seen.online,
                "replaced": seen.replaced,
                "viewers": viewers(seen.camera_id),
            })
        })
        .collect();
    let body = serde_json::json!({ "used_bytes": relay.store.used_bytes(), "cameras": cameras });
    ([(header::CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}
