//! Fetching: one request, one bounded answer.

use super::Retry;
use crate::rng::Rng;
use axum::http::{Request, Uri, header, request};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::sync::Arc;
use std::time::Duration;

/// What bounds one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// From the first packet to the last byte of the answer.
    pub timeout: Duration,
    /// For the connection alone.
    pub connect_timeout: Duration,
    /// The largest answer that is read.
    pub answer_bytes: usize,
    /// Whether it is tried again while the failure is a passing one (429 and 5xx included): only what
    /// is safe to repeat.
    pub retry: Retry,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(3),
            answer_bytes: 1 << 20,
            retry: Retry::NEVER,
        }
    }
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    /// Empty when the peer sent none, or one that is not ASCII.
    pub content_type: String,
    /// How it wants to be shown who asks (WWW-Authenticate).
    pub challenges: Vec<String>,
    pub body: Bytes,
}

impl Reply {
    /// The body of a 200, or the status and the beginning of what the peer said about it.
    pub fn ok(self) -> Result<Bytes, FetchError> {
        if self.status == 200 {
            return Ok(self.body);
        }
        Err(FetchError::Status { status: self.status, said: self.excerpt() })
    }

    /// The beginning of the body as printable text, for an error message or an alarm.
    pub fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        text.chars().filter(|char| !char.is_control()).take(EXCERPT_CHARS).collect()
    }
}

const EXCERPT_CHARS: usize = 300;

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    #[error("{url:?} is not a URL that can be fetched: write http://HOST:PORT/... or https://HOST/...")]
    Url { url: String },
    #[error("{url}: no connection: {reason}")]
    Connect { url: String, reason: String },
    #[error("{url}: no complete answer within {seconds:.1} s")]
    Timeout { url: String, seconds: f64 },
    #[error("{url}: the answer is larger than {limit} bytes")]
    TooLarge { url: String, limit: usize },
    #[error("{url}: the exchange broke off: {reason}")]
    Broken { url: String, reason: String },
    #[error("answered {status}: {said}")]
    Status { status: u16, said: String },
}

impl FetchError {
    /// Whether another try may end differently: the peer was unreachable, slow, busy or failing.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Timeout { .. } | Self::Broken { .. } => true,
            Self::Status { status, .. } => is_passing_status(*status),
            Self::Url { .. } | Self::TooLarge { .. } => false,
        }
    }

    /// The same with `shown` for the address: for a URL that is itself a secret.
    pub fn shown_at(mut self, shown: &str) -> Self {
        match &mut self {
            Self::Url { url }
            | Self::Connect { url, .. }
            | Self::Timeout { url, .. }
            | Self::TooLarge { url, .. }
            | Self::Broken { url, .. } => *url = shown.to_owned(),
            Self::Status { .. } => {}
        }
        self
    }
}

fn is_passing_status(status: u16) -> bool {
    status == 429 || (500..600).contains(&status)
}

/// An HTTP client. Clones share one pool of kept-alive connections.
#[derive(Debug, Clone)]
pub struct Fetch {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    limits: FetchLimits,
}

impl Fetch {
    pub fn new(limits: FetchLimits) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(limits.connect_timeout));
        tcp.set_nodelay(true);
        let tls =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("ring supports the default TLS versions");
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls.with_webpki_roots().with_no_client_auth())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(8)
            .build(connector);
        Self { client, limits }
    }

    /// The same connections, other limits.
    pub fn with_limits(&self, limits: FetchLimits) -> Self {
        Self { client: self.client.clone(), limits }
    }

    /// The last answer, whatever its status.
    pub async fn get(&self, url: &str) -> Result<Reply, FetchError> {
        self.exchange(Request::get(address(url)?), url, Bytes::new()).await
    }

    /// The last answer, whatever its status.
    pub async fn post(
        &self,
        url: &str,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> Result<Reply, FetchError> {
        let request = Request::post(address(url)?).header(header::CONTENT_TYPE, content_type);
        self.exchange(request, url, body.into()).await
    }

    /// As [`Fetch::post`], with an Authorization.
    pub async fn post_as(
        &self,
        url: &str,
        content_type: &str,
        authorization: &str,
        body: impl Into<Bytes>,
    ) -> Result<Reply, FetchError> {
        let request = Request::post(address(url)?)
            .header(header::CONTENT_TYPE, content_type)
            .header(header::AUTHORIZATION, authorization);
        self.exchange(request, url, body.into()).await
    }

    async fn exchange(&self, request: request::Builder, url: &str, body: Bytes) -> Result<Reply, FetchError> {
        let mut retry = self.limits.retry;
        let request = request.body(Full::new(body)).map_err(|_| FetchError::Url { url: url.to_owned() })?;
        loop {
            let read = tokio::time::timeout(self.limits.timeout, self.read(request.clone(), url)).await;
            let seconds = self.limits.timeout.as_secs_f64();
            let outcome = read.unwrap_or_else(|_| Err(FetchError::Timeout { url: url.to_owned(), seconds }));
            let passing = match &outcome {
                Ok(reply) => is_passing_status(reply.status),
                Err(error) => error.is_passing(),
            };
            if !passing {
                return outcome;
            }
            let Some(pause) = retry.failed(&mut Rng::system()) else { return outcome };
            tokio::time::sleep(pause).await;
        }
    }

    async fn read(&self, request: Request<Full<Bytes>>, url: &str) -> Result<Reply, FetchError> {
        let response = self.client.request(request).await.map_err(|error| {
            let reason = chain(&error);
            match error.is_connect() {
                true => FetchError::Connect { url: url.to_owned(), reason },
                false => FetchError::Broken { url: url.to_owned(), reason },
            }
        })?;
        let status = response.status().as_u16();
        let content_type = response
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let challenges = response.headers().get_all(header::WWW_AUTHENTICATE).iter();
        let challenges = challenges.filter_map(|value| Some(value.to_str().ok()?.to_owned())).collect();
        let body = Limited::new(response.into_body(), self.limits.answer_bytes);
        let body = body.collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                FetchError::TooLarge { url: url.to_owned(), limit: self.limits.answer_bytes }
            } else {
                FetchError::Broken { url: url.to_owned(), reason: chain(error.as_ref()) }
            }
        })?;
        Ok(Reply { status, content_type, challenges, body: body.to_bytes() })
    }
}

/// A URL that can be fetched.
fn address(url: &str) -> Result<Uri, FetchError> {
    let is_web = |uri: &Uri| uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https"));
    url.parse().ok().filter(is_web).ok_or_else(|| FetchError::Url { url: url.to_owned() })
}

/// An error and its causes in one line: hyper's own text rarely names the cause.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
