//! Who may ask the bridge: a program with a token, by a name that is no stranger's.
//!
//! | who | has | is stopped by |
//! |---|---|---|
//! | a page of the web in a browser of the house | requests to any address | Origin; the token |
//! | a page whose name was made to point here (DNS rebinding) | an Origin like the bridge's own | Host |
//! | another user of the machine, another machine of the network | the port | the token |
//!
//! A token comes as `Authorization: Bearer`, as the password of `Basic` under any name, or as
//! `?token=` for players that can do neither; it then stands in their logs. Wrong ones are answered
//! so often a minute; a right one always is, so that nobody who guesses locks the house out, and 256
//! random bits are not guessed.

use super::refused::Refused;
use crate::kept::{self, KeptError};
use crate::state::Owner;
use crate::tokens::{KeptToken, Tokens};
use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host::http::Caller;
use host::lock::{Mutex, RwLock};
use host::rate::Buckets;
use host::shutdown::Shutdown;
use page::dress::Dress;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How soon a token that was removed, or is over, opens nothing and what it watches ends: twice this.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// After so many looks in a row at a list that cannot be read nobody is let in.
const UNREADABLE: u32 = 4;
/// Wrong tokens that one address may show a minute, and at once.
const WRONG_PER_MINUTE: u32 = 10;

pub(super) struct Door {
    owner: Owner,
    /// In lower case.
    names: Vec<String>,
    tokens: RwLock<Vec<KeptToken>>,
    wrong: Mutex<Buckets<Caller>>,
}

/// Who was let in, and for what.
#[derive(Clone)]
pub(super) struct Guest {
    door: Arc<Door>,
    token: Arc<KeptToken>,
    /// The token itself where it came in the address: it goes on in the addresses that are told.
    pub(super) query: Option<String>,
}

impl Door {
    pub(super) async fn new(owner: Owner) -> Result<Self, KeptError> {
        let names = owner.config.bridge.names.iter().map(|name| name.to_lowercase()).collect();
        let tokens = RwLock::new(kept::read::<Tokens>(owner.folder()).await?.tokens);
        let wrong = Mutex::new(Buckets::new(WRONG_PER_MINUTE, WRONG_PER_MINUTE, Instant::now()));
        Ok(Self { owner, names, tokens, wrong })
    }

    /// Stands in front of everything that a router answers.
    pub(super) fn before<S: Clone + Send + Sync + 'static>(self: Arc<Self>, router: Router<S>) -> Router<S> {
        router.layer(from_fn_with_state(self, guarded))
    }

    /// Goes by the tokens that are kept now, until the bridge ends. A list that cannot be read for two
    /// seconds admits nobody: a token may have been taken out of it.
    pub(super) async fn follow(&self, shutdown: &Shutdown) {
        let mut unread = 0_u32;
        loop {
            tokio::select! {
                () = shutdown.requested() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            match kept::read::<Tokens>(self.owner.folder()).await {
                Ok(kept) => {
                    unread = 0;
                    if *self.tokens.read() != kept.tokens {
                        *self.tokens.write() = kept.tokens;
                    }
                }
                Err(error) => {
                    unread = unread.saturating_add(1);
                    if unread == UNREADABLE {
                        tracing::error!(%error, "the tokens cannot be read: no token is good until they are");
                        self.tokens.write().clear();
                    }
                }
            }
        }
    }

    fn admit(self: &Arc<Self>, request: &Request) -> Result<Guest, Refused> {
        let headers = request.headers();
        check_host(headers, &self.names)?;
        if headers.contains_key(header::ORIGIN) {
            return Err(Refused::WrongOrigin);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Refused::WrongMethod);
        }
        let query = in_query(request.uri());
        let shown = in_header(headers).or_else(|| query.clone()).ok_or(Refused::NoToken)?;
        let now = self.owner.now();
        // Every one is compared, whichever it is.
        let held = self.tokens.read().iter().fold(None, |held, token| {
            let is_it = token.is(&shown) && !token.is_over(now);
            if is_it { Some(Arc::new(token.clone())) } else { held }
        });
        match held {
            Some(token) => {
                Ok(Guest { door: self.clone(), token, query: query.filter(|query| *query == shown) })
            }
            None => {
                let taken = self.wrong.lock().take(Caller::of(request), Instant::now());
                taken.map_err(|pause| Refused::TooManyWrongTokens(pause.as_secs().max(1)))?;
                tracing::warn!(name = ?Caller::of(request), "a wrong token was shown");
                Err(Refused::WrongToken)
            }
        }
    }
}

impl Guest {
    pub(super) fn name(&self) -> &str {
        &self.token.name
    }

    /// Whether it may see a camera. One that was given a new key is the same to its owner.
    pub(super) fn sees(&self, camera_id: &str) -> bool {
        let Some(cameras) = &self.token.cameras else { return true };
        let stored = self.door.owner.stored();
        cameras.iter().any(|id| {
            // A book that leads in circles leads no further than it has cameras.
            let mut id = id.clone();
            for _ in 0..=stored.cameras.len() {
                if id == camera_id {
                    return true;
                }
                let Some(next) = stored.successor(&id) else { return false };
                id = next.camera_id.to_string();
            }
            false
        })
    }

    /// Whether the token is still good.
    pub(super) fn is_welcome(&self) -> bool {
        let now = self.door.owner.now();
        self.door.tokens.read().iter().any(|token| token == &*self.token && !token.is_over(now))
    }

    /// Returns once it is not.
    pub(super) async fn turned_away(&self) {
        while self.is_welcome() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Guest {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        parts.extensions.get::<Self>().cloned().ok_or(Refused::NoToken)
    }
}

async fn guarded(State(door): State<Arc<Door>>, mut request: Request, next: Next) -> Response {
    let mut response = match door.admit(&request) {
        Ok(guest) => {
            request.extensions_mut().insert(guest);
            next.run(request).await
        }
        // Whoever shows no token holds no connection: there are only so many of them.
        Err(refused) => {
            let close = [(header::CONNECTION, HeaderValue::from_static("close"))];
            (close, refused.into_response()).into_response()
        }
    };
    Dress::of_text().put_on(response.headers_mut());
    response
}

/// A name could be made to point here by whoever owns it; an address could not, whatever its port.
fn check_host(headers: &HeaderMap, names: &[String]) -> Result<(), Refused> {
    let mut all = headers.get_all(header::HOST).iter();
    let host = all.next().and_then(|host| host.to_str().ok()).filter(|_| all.next().is_none());
    let host = host.ok_or(Refused::WrongHost)?.to_lowercase();
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) && (!name.contains(':') || name.ends_with(']')) => name,
        Some(_) | None => &host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let is_known =
        address.parse::<IpAddr>().is_ok() || name == "localhost" || names.iter().any(|own| own == name);
    is_known.then_some(()).ok_or(Refused::WrongHost)
}

/// As a head carries it; what is no text is no token.
fn in_header(headers: &HeaderMap) -> Option<String> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    scheme.eq_ignore_ascii_case("basic").then_some(())?;
    let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    Some(text.split_once(':')?.1.to_owned())
}

/// Tokens have no character that an address would spell otherwise.
fn in_query(uri: &Uri) -> Option<String> {
    let parts = uri.query()?.split('&');
    parts.filter_map(|part| part.strip_prefix("token=")).next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(host: &[&str]) -> Result<(), Refused> {
        let mut headers = HeaderMap::new();
        for host in host {
            headers.append(header::HOST, host.parse().unwrap());
        }
        check_host(&headers, &["homeassistant.local".to_owned()])
    }

    #[test]
    fn it_answers_by_addresses_and_its_own_names_and_by_nobody_elses() {
        for host in [
            "127.0.0.1:8620",
            "127.0.0.1",
            "192.168.1.5:80",
            "[::1]:8620",
            "[fe80::1]",
            "localhost:1",
            "LocalHost",
            "HomeAssistant.local:8620",
        ] {
            assert_eq!(hosts(&[host]), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8620",
            "",
            "127.0.0.1.evil.example",
            "localhost.evil",
            "[evil]:1",
            "::1:x",
        ] {
            assert_eq!(hosts(&[host]), Err(Refused::WrongHost), "{host}");
        }
        assert_eq!(hosts(&[]), Err(Refused::WrongHost));
        assert_eq!(hosts(&["127.0.0.1", "127.0.0.1"]), Err(Refused::WrongHost));
    }

    #[test]
    fn a_token_comes_in_three_ways() {
        let header = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            in_header(&headers)
        };
        let token = Some("candor-x_-9".to_owned());
        assert_eq!(header("Bearer candor-x_-9"), token);
        assert_eq!(header("bearer  candor-x_-9"), token);
        assert_eq!(header(&format!("Basic {}", STANDARD.encode("any:candor-x_-9"))), token);
        assert_eq!(header(&format!("Basic {}", STANDARD.encode(":a:b"))), Some("a:b".to_owned()));
        for wrong in ["candor-x_-9", "Basic candor-x_-9", "Basic !", "Digest candor-x_-9", "Bearer"] {
            assert_eq!(header(wrong), None, "{wrong}");
        }
        let query = |uri: &str| in_query(&uri.parse().unwrap());
        assert_eq!(query("/api/v1?token=candor-x_-9"), token);
        assert_eq!(query("/api/v1?from=1&token=candor-x_-9&to=2"), token);
        assert_eq!(query("/api/v1?mytoken=candor-x_-9"), None);
        assert_eq!(query("/token=candor-x_-9"), None);
    }
}
