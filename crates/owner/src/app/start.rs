//! The order of starting and stopping: it listens before its address is told; when it stops, the
//! server goes first, then the sockets, which are no longer the server's.

use super::{App, AppError, At, Known, addresses, serve};
use crate::state::Owner;
use host::http::ServeLimits;
use host::running::Running;
use host::shutdown::Shutdown;
use page::guard::{self, Guard, Tokens};
use page::socket::Sockets;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Cameras watched, spans played and exports made at one time, over all open pages.
const MAX_SOCKETS: u32 = 64;
/// How long open pages have to let go when the app ends.
const DRAIN: Duration = Duration::from_secs(1);

/// Starts the app on 127.0.0.1, on `port` or one that the system chooses, under an address that
/// ends with it; returns once it listens.
pub async fn start(
    owner: Owner,
    port: Option<u16>,
    shutdown: Shutdown,
) -> Result<Running<At, AppError>, AppError> {
    let (listener, port) = listen(port.unwrap_or(0)).await?;
    let token = guard::token(owner.rng().bytes());
    let url = guard::url(&token, port);
    let place = Place { listener, port, url, tokens: vec![token], doors: Doors::Fixed };
    Ok(run(owner, place, shutdown))
}

/// Starts the app under the addresses that are kept in the keybook: on the port of before, or on
/// `port`, which is kept in its place.
pub async fn start_kept(
    owner: Owner,
    port: Option<u16>,
    shutdown: Shutdown,
) -> Result<Running<At, AppError>, AppError> {
    let kept = addresses::opened(&owner).await?;
    let (listener, port) = listen(port.unwrap_or(kept.port)).await?;
    let (url, tokens) = addresses::keep_port(&owner, port).await?;
    Ok(run(owner, Place { listener, port, url, tokens, doors: Doors::Kept }, shutdown))
}

/// Whether the addresses may change while it runs.
enum Doors {
    Fixed,
    Kept,
}

async fn listen(port: u16) -> Result<(TcpListener, u16), AppError> {
    let failed = |error| AppError::Listen { port, error };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    Ok((listener, port))
}

/// Where it listens, and under which addresses.
struct Place {
    listener: TcpListener,
    port: u16,
    url: String,
    tokens: Vec<String>,
    doors: Doors,
}

fn run(owner: Owner, place: Place, shutdown: Shutdown) -> Running<At, AppError> {
    let Place { listener, port, url, tokens: first, doors } = place;
    let tokens = Tokens::default();
    tokens.set(first);
    let app = Arc::new(App {
        known: Known::new(owner, shutdown.clone()),
        downloads: Default::default(),
        sockets: Sockets::new(MAX_SOCKETS),
        tokens: tokens.clone(),
    });
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let guard = Guard::new(tokens, port, "`candor owner app`");
    let router = guard.before(serve::router(app.clone()));
    let limits = ServeLimits { connections: 128, drain: DRAIN, ..ServeLimits::default() };
    let serving = async move {
        let following = async {
            match doors {
                Doors::Fixed => {}
                Doors::Kept => addresses::follow(&app).await,
            }
        };
        tokio::join!(
            app.keep_fresh(),
            following,
            host::http::serve(listener, router, limits, app.shutdown.clone())
        );
        app.sockets.closed(DRAIN).await;
        Ok(())
    };
    Running::spawn(At { url, address }, shutdown, serving)
}
