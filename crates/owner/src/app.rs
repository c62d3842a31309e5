//! The owner's app: a page served on this device, to this device's browser, for everything an owner does with footage.
//!
//! ```text
//! candor owner app -> http://127.0.0.1:PORT/TOKEN/      the page, its modules, its style: embedded, nothing from elsewhere
//!                     .../api/cameras                   the cameras, and the state of the proof
//!                     .../api/timeline?camera=&from=&to=   recorded epochs, gaps, releases
//!                     .../api/events?camera=&from=&to=     when something moved, by the heads of the segments
//!                     .../api/picture?camera=&at=       the key picture of a moment, for a small one on the timeline
//!                     .../api/sharing                   who may watch each camera, who holds shares
//!                     .../api/audit                     the log's rows about own cameras
//!                     .../api/live?camera=&track=       WebSocket: fragmented MP4 as it comes
//!                     .../api/play?camera=&track=&from=&to=    WebSocket: a recorded span, as fast as the page asks for it
//!                     .../api/export?camera=&from=&to=  WebSocket: progress, then the address of the finished MP4
//! ```
//!
//! In scope: who may talk to it (`guard`), what it serves. Out of scope: opening footage (`live`, `play`, `export`), the log
//! (`audit`), which this only shows. Whoever knows the token may watch: it is printed, never logged, and ends with the process.

mod api;
mod assets;
mod download;
mod events;
mod feed;
mod glimpses;
mod guard;
mod picture;
mod proof;
mod sharing;
mod socket;
mod timeline;

use crate::Owner;
use axum::Router;
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use download::Downloads;
use glimpses::Glimpses;
use guard::{Guard, Token};
use host::http::{Failure, ServeLimits};
use host::running::Running;
use host::shutdown::Shutdown;
use picture::Pictures;
use proof::Proof;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use timeline::Epochs;
use tokio::sync::Semaphore;

/// Cameras watched, spans played and exports made at one time, over all open pages.
const MAX_SOCKETS: u32 = 64;
/// How long open pages have to let go when the app ends.
const DRAIN: Duration = Duration::from_secs(1);

/// Where a started app is.
#[derive(Clone)]
pub struct At {
    /// With the token: for the owner's browser only.
    pub url: String,
    pub address: SocketAddr,
}

impl std::fmt::Debug for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("At").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Why there is no app.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    #[error("cannot listen on 127.0.0.1:{port}: {error}; choose another --port, or leave it out")]
    Listen { port: u16, error: io::Error },
}

/// What every handler knows.
pub(crate) struct App {
    owner: Owner,
    proof: Proof,
    epochs: Epochs,
    glimpses: Glimpses,
    pictures: Pictures,
    downloads: Downloads,
    sockets: Arc<Semaphore>,
    shutdown: Shutdown,
}

/// Starts the app on 127.0.0.1, on `port` or one that the system chooses; returns once it listens.
pub async fn start(
    owner: Owner,
    port: Option<u16>,
    shutdown: Shutdown,
) -> Result<Running<At, AppError>, AppError> {
    let port = port.unwrap_or(0);
    let listen = |error| AppError::Listen { port, error };
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let token = Token::new();
    let url = format!("http://{address}/{}/", token.text());
    let app = Arc::new(App {
        owner,
        proof: Proof::default(),
        epochs: Epochs::default(),
        glimpses: Glimpses::default(),
        pictures: Pictures::default(),
        downloads: Downloads::default(),
        sockets: Arc::new(Semaphore::new(MAX_SOCKETS as usize)),
        shutdown: shutdown.clone(),
    });
    let router = router(app.clone(), Guard::new(&token, address.port()));
    let limits = ServeLimits { connections: 128, drain: DRAIN, ..ServeLimits::default() };
    let serving = async move {
        tokio::join!(
            proof::keep_fresh(&app),
            host::http::serve(listener, router, limits, app.shutdown.clone())
        );
        // Sockets are no longer the server's: each ends by itself, and gives its place back then.
        let _ = tokio::time::timeout(DRAIN, app.sockets.acquire_many(MAX_SOCKETS)).await;
        Ok(())
    };
    Ok(Running::spawn(At { url, address }, shutdown, serving))
}

fn router(app: Arc<App>, guard: Guard) -> Router {
    Router::new()
        .route("/{token}/", get(assets::page))
        .route("/{token}/{asset}", get(assets::asset))
        .route("/{token}/api/cameras", get(api::cameras))
        .route("/{token}/api/timeline", get(api::timeline))
        .route("/{token}/api/events", get(events::events))
        .route("/{token}/api/picture", get(picture::picture))
        .route("/{token}/api/sharing", get(sharing::sharing))
        .route("/{token}/api/audit", get(api::audit))
        .route("/{token}/api/audit/now", post(api::audit_now))
        .route("/{token}/api/live", get(socket::live))
        .route("/{token}/api/play", get(socket::play))
        .route("/{token}/api/export", get(download::export))
        .route("/{token}/api/download/{id}/{file}", get(download::download))
        .fallback(nothing)
        .method_not_allowed_fallback(not_so)
        .layer(from_fn_with_state(Arc::new(guard), guard::guarded))
        .with_state(app)
}

async fn nothing() -> Response {
    Failure::new(404, "not-found", "go back to the address that `candor owner app` printed").into_response()
}

async fn not_so(method: Method) -> Response {
    let mut response =
        Failure::new(405, "method-not-allowed", format!("{method} is of no use here")).into_response();
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}
