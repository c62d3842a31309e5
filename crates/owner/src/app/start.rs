//! The order of starting and stopping: it listens before its address is told; when it stops, the
//! server goes first, then the sockets, which are no longer the server's.

use super::{App, AppError, At, proof, serve};
use crate::state::Owner;
use host::http::ServeLimits;
use host::running::Running;
use host::shutdown::Shutdown;
use page::guard::Guard;
use page::socket::Sockets;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

/// Cameras watched, spans played and exports made at one time, over all open pages.
const MAX_SOCKETS: u32 = 64;
/// How long open pages have to let go when the app ends.
const DRAIN: Duration = Duration::from_secs(1);

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
    let guard = Guard::new(owner.rng().bytes(), address.port(), "`candor owner app`");
    let url = guard.url();
    let app = Arc::new(App {
        owner,
        proof: Default::default(),
        epochs: Default::default(),
        glimpses: Default::default(),
        pictures: Default::default(),
        downloads: Default::default(),
        sockets: Sockets::new(MAX_SOCKETS),
        shutdown: shutdown.clone(),
    });
    let router = guard.before(serve::router(app.clone()));
    let limits = ServeLimits { connections: 128, drain: DRAIN, ..ServeLimits::default() };
    let serving = async move {
        tokio::join!(
            proof::keep_fresh(&app),
            host::http::serve(listener, router, limits, app.shutdown.clone())
        );
        app.sockets.closed(DRAIN).await;
        Ok(())
    };
    Ok(Running::spawn(At { url, address }, shutdown, serving))
}
