//! Which URL is answered by what.

use super::{App, api, assets, days, downloads, events, export, picture, sharing, video, zones};
use axum::Router;
use axum::extract::Path;
use axum::http::Method;
use axum::response::Redirect;
use axum::routing::{get, post};
use host::http::Failure;
use std::sync::Arc;

pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/{token}/", get(assets::page))
        .route("/{token}", get(whole))
        .route("/{token}/{asset}", get(assets::asset))
        .route("/{token}/api/cameras", get(api::cameras))
        .route("/{token}/api/timeline", get(api::timeline))
        .route("/{token}/api/days", get(days::days))
        .route("/{token}/api/events", get(events::events))
        .route("/{token}/api/picture", get(picture::picture))
        .route("/{token}/api/zones", get(zones::zones).post(zones::paint))
        .route("/{token}/api/sharing", get(sharing::sharing))
        .route("/{token}/api/audit", get(api::audit))
        .route("/{token}/api/audit/now", post(api::audit_now))
        .route("/{token}/api/live", get(video::show_live))
        .route("/{token}/api/play", get(video::show_span))
        .route("/{token}/api/export", get(export::export))
        .route("/{token}/api/download/{id}/{file}", get(downloads::download))
        .fallback(async || super::asked::nothing())
        .method_not_allowed_fallback(async |method: Method| {
            Failure::new(405, "method-not-allowed", format!("{method} is of no use here"))
        })
        .with_state(app)
}

/// An address that lost its last slash on the way.
async fn whole(Path(token): Path<String>) -> Redirect {
    Redirect::temporary(&format!("/{token}/"))
}
