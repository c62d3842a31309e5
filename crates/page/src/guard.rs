//! Who may talk to a page on this machine: the browser of whoever holds the token, on this machine,
//! from the page itself.
//!
//! | who | has | is stopped by |
//! |---|---|---|
//! | a page of another site | the browser, which sends what it likes to 127.0.0.1 | the token; Origin on all that is no plain GET |
//! | a page whose name was made to point to 127.0.0.1 (DNS rebinding) | an Origin that looks like the page's own to the browser | Host |
//! | another user of this machine | the port | the token |
//! | a page that frames this one | clicks | frame-ancestors ([`crate::dress`]) |
//!
//! The token stands in the path and not in a cookie: a browser sends a cookie of 127.0.0.1 to
//! whatever listens on any port of it, another user's server included, and attaches it to requests
//! that another page makes. Nothing here is attached by itself.

use crate::dress::Dress;
use crate::html::{LANGUAGE, Text};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use host::http::Failure;
use host::lock::RwLock;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Denied {
    Host,
    Origin,
    Token,
}

/// A token of 128 random bits: whoever knows it may use the page.
pub fn token(random: [u8; 16]) -> String {
    URL_SAFE_NO_PAD.encode(random)
}

/// The tokens that open a page at this moment. Clones share them.
#[derive(Clone, Default)]
pub struct Tokens(Arc<Shared>);

#[derive(Default)]
struct Shared {
    tokens: RwLock<Vec<String>>,
    /// Changes after one was taken back.
    cut: watch::Sender<()>,
}

/// Whether a token was taken back since a request was let in: what it opened is cut then.
#[derive(Debug, Clone)]
pub(crate) struct Cut(pub(crate) watch::Receiver<()>);

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tokens").field(&self.0.tokens.read().len()).finish()
    }
}

impl Tokens {
    /// Lets these open the page, and no others. Where one does not any more that did, all open
    /// sockets end, as if their pages had gone: whoever may still use the page opens new ones.
    pub fn set(&self, tokens: Vec<String>) {
        let before = std::mem::replace(&mut *self.0.tokens.write(), tokens.clone());
        if before.iter().any(|token| !tokens.contains(token)) {
            self.0.cut.send_replace(());
        }
    }

    /// Whether one of them is this.
    pub fn hold(&self, shown: &str) -> bool {
        // Every one is compared, whichever it is.
        self.0.tokens.read().iter().fold(false, |held, token| held | is_same(shown, token))
    }
}

/// Whether a secret is the one that is shown, in a time that tells nothing of how far they agree.
pub fn is_same(secret: &str, shown: &str) -> bool {
    secret.as_bytes().ct_eq(shown.as_bytes()).into()
}

/// The checks of one running page.
pub struct Guard {
    tokens: Tokens,
    hosts: [String; 2],
    dress: Dress,
    /// Where whoever has no token finds the address.
    printed_by: &'static str,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// The address of a page, which holds the token.
pub fn url(token: &str, port: u16) -> String {
    format!("http://127.0.0.1:{port}/{token}/")
}

impl Guard {
    /// For a page on `port` whose address `printed_by` shows to people: a command.
    pub fn new(tokens: Tokens, port: u16, printed_by: &'static str) -> Self {
        let hosts = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
        let dress = Dress::of_scripts(&hosts);
        Self { tokens, hosts, dress, printed_by }
    }

    /// Stands in front of everything that a router answers.
    pub fn before<S: Clone + Send + Sync + 'static>(self, router: Router<S>) -> Router<S> {
        router.layer(from_fn_with_state(Arc::new(self), guarded))
    }

    /// Whether a request may be answered; what it opens hears of a token that is taken back at any
    /// time from before the check on.
    fn admit(&self, request: &mut Request) -> Result<(), Denied> {
        let cut = Cut(self.tokens.0.cut.subscribe());
        self.check(request.method(), request.uri(), request.headers())?;
        request.extensions_mut().insert(cut);
        Ok(())
    }

    fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Denied> {
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
        self.tokens.hold(shown).then_some(()).ok_or(Denied::Token)
    }

    fn failure(&self, denied: Denied) -> Failure {
        let whole =
            format!("open the whole address that {} printed last; it may be a new one", self.printed_by);
        let (status, name, advice) = match denied {
            Denied::Host => (421, "wrong-host", "this page answers under 127.0.0.1 and localhost only"),
            Denied::Origin => (403, "wrong-origin", "only the page itself may ask this"),
            Denied::Token => (403, "wrong-token", whole.as_str()),
        };
        Failure::new(status, name, advice)
    }
}

/// Whether somebody typed the address, or followed a link to it.
fn is_by_a_person(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|kinds| kinds.contains("text/html"))
}

/// A refusal as a page.
fn in_words(failure: &Failure) -> Response {
    let Failure { status, what_to_do, .. } = failure;
    let page = format!(
        "<!doctype html>\n<html lang=\"{LANGUAGE}\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Candor</title>\n\
         <h1>This address opens nothing</h1>\n<p>To do: {}.</p>\n",
        Text(what_to_do)
    );
    let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::FORBIDDEN);
    (status, Html(page)).into_response()
}

async fn guarded(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let mut response = match guard.admit(&mut request) {
        Ok(()) => next.run(request).await,
        Err(denied) => {
            tracing::warn!(?denied, "a request was refused");
            let failure = guard.failure(denied);
            match is_by_a_person(request.headers()) {
                true => in_words(&failure),
                false => failure.into_response(),
            }
        }
    };
    guard.dress.put_on(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn denied(method: Method, path: &str, headers: &[(&str, &str)]) -> Option<Denied> {
        let tokens = Tokens::default();
        tokens.set(vec!["other".to_owned(), "right".to_owned()]);
        let guard = Guard::new(tokens, 4711, "the test");
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, value.parse().unwrap());
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
    fn a_person_with_a_wrong_address_is_told_in_words() {
        let by = |accept: &'static str| {
            is_by_a_person(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
        };
        assert!(by("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(!by("*/*") && !is_by_a_person(&HeaderMap::new()));
        let guard = Guard::new(Tokens::default(), 4711, "`candor <x>`");
        let answer = in_words(&guard.failure(Denied::Token));
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        assert!(answer.headers()[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/html"));
    }

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let rng = host::rng::Rng::system();
        let [a, b] = [0; 2].map(|_| token(rng.bytes()));
        assert_eq!(a.len(), 22);
        assert_ne!(a, b);
        assert_eq!(url(&a, 4711), format!("http://127.0.0.1:4711/{a}/"));
        let tokens = Tokens::default();
        tokens.set(vec![a.clone()]);
        let guard = Guard::new(tokens.clone(), 4711, "the test");
        assert!(!format!("{guard:?}{tokens:?}").contains(&a), "it is in what may be logged");
    }

    #[test]
    fn a_token_that_was_taken_back_opens_nothing_and_the_others_go_on() {
        let tokens = Tokens::default();
        assert!(!tokens.hold("") && !tokens.hold("mine"), "none opens it");
        let all = ["mine", "phone"].map(str::to_owned);
        let set = |tokens: &Tokens, to: &[String]| {
            let cut = tokens.0.cut.subscribe();
            tokens.set(to.to_vec());
            cut.has_changed().unwrap()
        };
        assert!(!set(&tokens, &all), "nothing was taken back");
        assert!(tokens.hold("mine") && tokens.hold("phone"));
        assert!(set(&tokens, &all[..1]));
        assert!(tokens.hold("mine") && !tokens.hold("phone"));
        assert!(!set(&tokens, &all[..1]));
    }

    #[test]
    fn who_was_let_in_as_its_token_was_taken_back_is_cut_once_it_opens_a_socket() {
        let tokens = Tokens::default();
        tokens.set(vec!["phone".to_owned()]);
        let guard = Guard::new(tokens.clone(), 4711, "the test");
        let ask = || {
            let asked = Request::builder().uri("/phone/api/live").header(HOST.0, HOST.1);
            asked.body(axum::body::Body::empty()).unwrap()
        };
        let mut let_in = ask();
        assert_eq!(guard.admit(&mut let_in), Ok(()));
        let cut = let_in.extensions().get::<Cut>().unwrap();
        assert!(!cut.0.has_changed().unwrap());
        tokens.set(Vec::new());
        // The socket opens only now, with this.
        assert!(cut.clone().0.has_changed().unwrap());
        let mut late = ask();
        assert_eq!(guard.admit(&mut late), Err(Denied::Token));
        assert!(late.extensions().get::<Cut>().is_none());
    }
}
