//! The rest of a request that was refused before it was read. A server that closes a connection
//! with unread bytes resets it, and the refusal is lost on its way; so what the peer still sends is
//! read and thrown away, within bounds, beside the answer.

use crate::lock::Mutex;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;

/// The most that is thrown away; who sends more is cut off, and may not learn why.
pub(super) const BYTES: usize = 8 << 20;
/// For so long.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The body of a request, which its handler may drop.
#[derive(Clone)]
pub(super) struct Rest(Arc<Mutex<Body>>);

impl Rest {
    /// The request once more, and a hold on its body.
    pub(super) fn of(request: Request) -> (Self, Request) {
        let (head, body) = request.into_parts();
        let rest = Self(Arc::new(Mutex::new(body)));
        let request = Request::from_parts(head, Body::new(rest.clone()));
        (rest, request)
    }

    /// Throws away what is left of it if this answer is a refusal.
    pub(super) fn drain_behind(&self, answer: &Response) {
        if !answer.status().is_client_error() || self.is_end_stream() {
            return;
        }
        let rest = self.clone();
        tokio::spawn(timeout(PATIENCE, async move {
            let (mut rest, mut left) = (rest, BYTES);
            while let Some(Ok(frame)) = rest.frame().await {
                let length = frame.data_ref().map_or(0, Bytes::len);
                let Some(less) = left.checked_sub(length) else { break };
                left = less;
            }
        }));
    }
}

impl HttpBody for Rest {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.0.lock()).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().size_hint()
    }
}
