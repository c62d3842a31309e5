//! Serving a router: one task a connection, a bounded number of them, every wait with an end.

use super::body::{Room, slow};
use super::drain::Rest;
use crate::shutdown::Shutdown;
use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// What bounds the peers of one listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeLimits {
    /// The largest request body (413 beyond; what comes behind it is thrown away, for a few seconds
    /// and 8 MiB).
    pub body_bytes: usize,
    /// Connections at once; further ones wait in the kernel's queue.
    pub connections: usize,
    /// From accepting a connection, or from its previous answer, to the end of the next request's
    /// headers.
    pub header_timeout: Duration,
    /// For reading one request's body and making its answer (408 beyond; sooner for a body that
    /// comes slower than `http::body` allows).
    pub request_timeout: Duration,
    /// The life of one connection, a peer that never reads its answer included.
    pub connection_life: Duration,
    /// How long open requests may still finish once shutdown is requested.
    pub drain: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            body_bytes: 64 * 1024,
            connections: 512,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
            connection_life: Duration::from_secs(600),
            drain: Duration::from_secs(5),
        }
    }
}

/// Binds a listener; an error names the address and what to do.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| cannot_listen(address, error))
}

/// Where a party should listen, it cannot.
pub fn cannot_listen(address: SocketAddr, error: io::Error) -> io::Error {
    let advice = "another process may listen there (`ss -lntup` shows which): stop it, or change `listen`";
    io::Error::new(error.kind(), format!("cannot listen on {address}: {error}; {advice}"))
}

/// Serves `router` until `shutdown`, then lets open requests finish for `limits.drain` and returns.
///
/// Handlers may ask for [`Caller`](super::Caller), who asks.
pub async fn serve(listener: TcpListener, router: Router, limits: ServeLimits, shutdown: Shutdown) {
    let router = bounded(router, limits);
    let seats = Arc::new(Semaphore::new(limits.connections));
    let mut open = JoinSet::new();
    loop {
        // Ended connections are reaped here, so that the set holds at most `connections` of them.
        while open.try_join_next().is_some() {}
        let accepted = async {
            let seat = seats.clone().acquire_owned().await.expect("the semaphore is never closed");
            (seat, listener.accept().await)
        };
        let (seat, accepted) = tokio::select! {
            () = shutdown.requested() => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(stream, peer, router.clone(), limits, shutdown.clone());
                open.spawn(async move {
                    connection.await;
                    drop(seat);
                });
            }
            Err(error) => {
                // Out of file descriptors, or a peer gone before we came: neither is cured by an
                // immediate retry.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(limits.drain, async { while open.join_next().await.is_some() {} }).await;
    open.shutdown().await;
}

/// The router with its body limit, its deadline and a JSON answer for both.
fn bounded(router: Router, limits: ServeLimits) -> Router {
    let room = Room::default();
    router
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(from_fn(move |request: Request, next: Next| answer(request, next, room.clone(), limits)))
}

/// The whole body first, then the work: a slow peer holds its connection and nothing else.
async fn answer(request: Request, next: Next, room: Room, limits: ServeLimits) -> Response {
    let (rest, request) = Rest::of(request);
    let answered = async {
        let (request, _held) = match room.receive(request, limits.body_bytes).await {
            Ok(received) => received,
            // What comes too slowly is not waited for behind the answer either.
            Err(failure) if failure.status == 408 => return failure.into_response(),
            Err(failure) => {
                let response = failure.into_response();
                rest.drain_behind(&response);
                return response;
            }
        };
        let response = next.run(request).await;
        rest.drain_behind(&response);
        response
    };
    match tokio::time::timeout(limits.request_timeout, answered).await {
        Ok(response) => response,
        Err(_) => slow().into_response(),
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: ServeLimits,
    shutdown: Shutdown,
) {
    // Small answers must not wait for Nagle.
    let _ = stream.set_nodelay(true);
    let router = router.layer(axum::Extension(ConnectInfo(peer)));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(64 * 1024);
    let connection =
        http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).with_upgrades();
    let mut connection = pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = shutdown.requested() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = tokio::time::sleep(limits.connection_life) => {
            connection.as_mut().graceful_shutdown();
            // What is still open after the longest request is a peer that does not read.
            match tokio::time::timeout(limits.request_timeout, connection).await {
                Ok(outcome) => outcome,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%peer, %error, "a connection broke off");
    }
}
