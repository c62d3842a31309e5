//! Who may talk to the app: the browser of whoever holds the token, on this machine, from the app's own page.
//!
//! | who | has | is stopped by |
//! |---|---|---|
//! | a page of another site | the browser, which sends what it likes to 127.0.0.1 | the token; Origin on all that is no plain GET |
//! | a page whose name was made to point to 127.0.0.1 (DNS rebinding) | an Origin that looks like the app's own to the browser | Host |
//! | another user of this machine | the port | the token |
//! | a page that frames the app | clicks | frame-ancestors |
//!
//! The token stands in the path and not in a cookie: a browser sends a cookie of 127.0.0.1 to whatever listens on any port of it, another
//! user's server included, and attaches it to requests that another page makes. Nothing here is attached by itself.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use host::http::Failure;
use media::sign::sha256;
use std::sync::Arc;

/// 128 random bits, made at each start.
pub(super) struct Token(String);

impl Token {
    pub(super) fn new() -> Self {
        Self(URL_SAFE_NO_PAD.encode(host::rng::bytes::<16>()))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    Host,
    Origin,
    Token,
}

impl Denied {
    fn failure(self) -> Failure {
        let (status, name, advice) = match self {
            Self::Host => (421, "wrong-host", "the app answers under 127.0.0.1 and localhost only"),
            Self::Origin => (403, "wrong-origin", "only the app's own page may ask this"),
            Self::Token => (
                403,
                "wrong-token",
                "open the whole address that `candor owner app` printed; it is new at each start",
            ),
        };
        Failure::new(status, name, advice)
    }
}

/// The checks of one running app.
pub(super) struct Guard {
    /// Compared by hash, so that the time it takes says nothing of the token.
    token_hash: [u8; 32],
    hosts: [String; 2],
    policy: HeaderValue,
}

impl Guard {
    pub(super) fn new(token: &Token, port: u16) -> Self {
        let hosts = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
        let [address, name] = &hosts;
        // Some browsers do not take 'self' for a WebSocket's scheme.
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src blob:; \
             connect-src 'self' ws://{address} ws://{name}; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'; require-trusted-types-for 'script'"
        );
        let policy = HeaderValue::from_str(&policy).expect("a policy is ASCII");
        Self { token_hash: sha256(&[token.text().as_bytes()]), hosts, policy }
    }

    pub(super) fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Denied> {
        let one = |name| {
            let mut all = headers.get_all(name).iter();
            let first = all.next().and_then(|value| value.to_str().ok());
            first.filter(|_| all.next().is_none())
        };
        let host = one(header::HOST).filter(|host| self.hosts.iter().any(|own| own == host));
        let host = host.ok_or(Denied::Host)?;
        let upgrades = headers.contains_key(header::UPGRADE);
        if headers.contains_key(header::ORIGIN) {
            let is_own = one(header::ORIGIN).and_then(|origin| origin.strip_prefix("http://")) == Some(host);
            is_own.then_some(()).ok_or(Denied::Origin)?;
        } else if upgrades || *method != Method::GET {
            // A browser always says whose page opens a WebSocket, or changes something.
            return Err(Denied::Origin);
        }
        let shown = uri.path().split('/').nth(1).unwrap_or_default();
        if sha256(&[shown.as_bytes()]) == self.token_hash { Ok(()) } else { Err(Denied::Token) }
    }

    /// What every answer says, refusals included.
    fn dress(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        let fixed = [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

/// The layer in front of everything.
pub(super) async fn guarded(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let checked = guard.check(request.method(), request.uri(), request.headers());
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(denied) => {
            tracing::warn!(?denied, "a request was refused");
            denied.failure().into_response()
        }
    };
    guard.dress(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(method: Method, path: &str, headers: &[(&str, &str)]) -> Option<Denied> {
        let guard = Guard::new(&Token("right".to_owned()), 4711);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        guard.check(&method, &path.parse().unwrap(), &map).err()
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:4711");
    const OWN: (&str, &str) = ("origin", "http://127.0.0.1:4711");
    const WS: (&str, &str) = ("upgrade", "websocket");

    #[test]
    fn the_owners_browser_is_answered() {
        assert_eq!(denied(Method::GET, "/right/", &[HOST]), None);
        assert_eq!(denied(Method::GET, "/right/api/cameras", &[HOST, OWN]), None);
        assert_eq!(denied(Method::GET, "/right/api/live?camera=1", &[HOST, OWN, WS]), None);
        assert_eq!(denied(Method::POST, "/right/api/audit/now", &[HOST, OWN]), None);
        let local = [("host", "localhost:4711"), ("origin", "http://localhost:4711")];
        assert_eq!(denied(Method::POST, "/right/", &local), None);
    }

    #[test]
    fn another_name_for_this_machine_is_refused() {
        for host in ["evil.example:4711", "evil.example", "127.0.0.1", "127.0.0.1:4712", "[::1]:4711", ""] {
            assert_eq!(denied(Method::GET, "/right/", &[("host", host)]), Some(Denied::Host), "{host}");
        }
        assert_eq!(denied(Method::GET, "/right/", &[]), Some(Denied::Host));
        assert_eq!(denied(Method::GET, "/right/", &[HOST, HOST]), Some(Denied::Host));
    }

    #[test]
    fn another_sites_page_is_refused() {
        for origin in [
            "http://evil.example",
            "null",
            "https://127.0.0.1:4711",
            "http://127.0.0.1:4712",
            "http://127.0.0.1",
            "http://localhost:4711",
        ] {
            let headers = [HOST, ("origin", origin)];
            assert_eq!(denied(Method::GET, "/right/", &headers), Some(Denied::Origin), "{origin}");
            let headers = [HOST, ("origin", origin), WS];
            assert_eq!(denied(Method::GET, "/right/api/live", &headers), Some(Denied::Origin), "{origin}");
        }
        assert_eq!(denied(Method::GET, "/right/api/live", &[HOST, WS]), Some(Denied::Origin));
        assert_eq!(denied(Method::POST, "/right/api/audit/now", &[HOST]), Some(Denied::Origin));
        assert_eq!(denied(Method::GET, "/right/", &[HOST, OWN, OWN]), Some(Denied::Origin));
    }

    #[test]
    fn without_the_token_nothing_is_answered() {
        for path in
            ["/", "/wrong/", "/Right/", "/right2/", "//right/", "/favicon.ico", "/%72ight/", "/x/../right/"]
        {
            assert_eq!(denied(Method::GET, path, &[HOST, OWN]), Some(Denied::Token), "{path}");
        }
    }

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let (a, b) = (Token::new(), Token::new());
        assert_eq!(a.text().len(), 22);
        assert_ne!(a.text(), b.text());
    }
}
