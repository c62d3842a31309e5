//! WebSockets of a page: a bounded number of them, JSON and bytes out, short texts in.

use crate::guard::Cut;
use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::response::Response;
use host::http::Failure;
use serde::Serialize;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long the page may take to take one message.
const TAKEN: Duration = Duration::from_secs(30);
/// The largest message that a page has a reason to send.
const MAX_SAID: usize = 1024;

/// A request that opens a socket, let in by the page's guard.
#[derive(Debug)]
pub struct Upgrade {
    inner: WebSocketUpgrade,
    cut: Cut,
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let no_socket = || Failure::new(400, "no-websocket", "this address is for the page's script");
        let cut = parts.extensions.get::<Cut>().cloned().ok_or_else(no_socket)?;
        let inner = WebSocketUpgrade::from_request_parts(parts, state).await.map_err(|_| no_socket())?;
        Ok(Self { inner, cut })
    }
}

/// The open sockets of a page.
#[derive(Debug)]
pub struct Sockets {
    places: Arc<Semaphore>,
    most: u32,
}

/// One open socket; dropping it gives its place back.
#[derive(Debug)]
pub struct Socket {
    inner: WebSocket,
    cut: Cut,
    _place: OwnedSemaphorePermit,
}

impl Sockets {
    pub fn new(most: u32) -> Self {
        Self { places: Arc::new(Semaphore::new(most as usize)), most }
    }

    /// Opens one, served by `serve` until that is over. Refused while as many are open as may be.
    pub fn open<F>(
        &self,
        upgrade: Upgrade,
        serve: impl FnOnce(Socket) -> F + Send + 'static,
    ) -> Result<Response, Failure>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Upgrade { inner: upgrade, cut } = upgrade;
        let place = self.places.clone().try_acquire_owned();
        let place = place.map_err(|_| {
            Failure::new(503, "too-many-views", "close some of the open pages, then load this one again")
        })?;
        let upgrade = upgrade.max_message_size(MAX_SAID).max_frame_size(MAX_SAID);
        Ok(upgrade.on_upgrade(|inner| serve(Socket { inner, cut, _place: place })))
    }

    /// Waits until all are over. They are no longer the HTTP server's, which does not wait for
    /// them.
    pub async fn closed(&self, within: Duration) {
        // Whoever does not let go in time is cut off by the end of the process.
        let _ = timeout(within, self.places.acquire_many(self.most)).await;
    }
}

impl Socket {
    /// The next text that the page says; `None` once it is gone or cut. Cancelling this loses
    /// nothing.
    pub async fn heard(&mut self) -> Option<Utf8Bytes> {
        loop {
            let said = tokio::select! {
                said = self.inner.recv() => said,
                _ = self.cut.0.changed() => None,
            };
            match said {
                Some(Ok(Message::Text(text))) => return Some(text),
                // Answered by the library.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => return None,
            }
        }
    }

    /// Tells something as JSON; whether the page took it in time.
    pub async fn tell(&mut self, what: &impl Serialize) -> bool {
        // Strings and numbers only: encoding cannot fail.
        let text = serde_json::to_string(what).unwrap_or_default();
        self.send(Message::Text(Utf8Bytes::from(text))).await
    }

    /// Hands bytes over; whether the page took them in time.
    pub async fn hand(&mut self, bytes: impl Into<Bytes>) -> bool {
        self.send(Message::Binary(bytes.into())).await
    }

    /// Tells a last thing and closes. The page may be gone already.
    pub async fn close(mut self, last: &impl Serialize) {
        if self.tell(last).await {
            self.send(Message::Close(None)).await;
        }
    }

    async fn send(&mut self, message: Message) -> bool {
        matches!(timeout(TAKEN, self.inner.send(message)).await, Ok(Ok(())))
    }
}
