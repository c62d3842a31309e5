//! A webhook. Its URL is often a secret, for whoever has it may post there: all that is shown of it
//! is scheme, host and port.
//!
//! ```text
//! door.webhook     https://ntfy.example/tk_7hGd0...      one line, chmod 600
//! shown            https://ntfy.example
//! ```

use super::HookError;
use axum::http::Uri;
use host::http::{Fetch, FetchLimits, Retry};
use host::secret;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a webhook may take for one answer.
const ANSWER: Duration = Duration::from_secs(10);
/// The largest answer that is read; nothing of it is needed.
const ANSWER_BYTES: usize = 64 << 10;

/// Where messages are posted.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    url: Zeroizing<String>,
    shown: String,
}

/// Why nothing can be posted there. No variant carries the URL.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    #[error("the webhook's URL cannot be posted to; write https://HOST/... or http://HOST:PORT/...")]
    Url,
    #[error(
        "the webhook's URL has a user or a password before its host, which are not sent; use a URL that carries its key in the path or the query"
    )]
    Credentials,
    #[error("{}: {reason}; write the webhook's URL into it, on one line, and chmod 600 it", .path.display())]
    File { path: PathBuf, reason: String },
}

impl Webhook {
    pub fn new(url: &str) -> Result<Self, WebhookError> {
        let uri: Uri = url.parse().map_err(|_| WebhookError::Url)?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(WebhookError::Url);
        };
        if authority.as_str().contains('@') {
            return Err(WebhookError::Credentials);
        }
        let shown = format!("{scheme}://{authority}");
        Ok(Self { url: Zeroizing::new(url.to_owned()), shown })
    }

    /// From a file that nobody else may read.
    pub fn read(path: &Path) -> Result<Self, WebhookError> {
        let url = secret::read_line(path)
            .map_err(|error| WebhookError::File { path: path.to_owned(), reason: error.reason() })?;
        Self::new(&url)
    }

    pub(super) async fn post(&self, body: Vec<u8>, retry: Retry) -> Result<(), HookError> {
        let limits =
            FetchLimits { timeout: ANSWER, answer_bytes: ANSWER_BYTES, retry, ..FetchLimits::default() };
        // Told twice is better than not told: an answer may be lost after the message arrived.
        let told = Fetch::new(limits).post(&self.url, "application/json", body).await;
        match told.map_err(|error| HookError::Fetch(error.shown_at(&self.shown)))?.status {
            200..300 => Ok(()),
            status => Err(HookError::Answered { webhook: self.shown.clone(), status }),
        }
    }
}

/// As it is shown: scheme, host and port.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({})", self.shown)
    }
}
