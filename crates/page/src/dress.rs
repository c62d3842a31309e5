//! What every answer of a page says to the browser: what it may load, and who may not use it.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::map_response_with_state;
use axum::response::Response;

/// The headers of one page.
#[derive(Debug, Clone)]
pub struct Dress {
    policy: HeaderValue,
}

impl Dress {
    /// A page of text and style alone: no script runs in it, and it asks nobody anything.
    pub fn of_text() -> Self {
        Self::allowing("style-src 'self'", "")
    }

    /// A page whose own scripts talk to the server that it came from, under these names and ports,
    /// and play what they put together.
    pub fn of_scripts(hosts: &[String]) -> Self {
        // Some browsers do not take 'self' for a WebSocket's scheme.
        let sockets: String = hosts.iter().map(|host| format!(" ws://{host}")).collect();
        let allowed = format!(
            "script-src 'self'; style-src 'self'; img-src 'self'; media-src blob:; connect-src 'self'{sockets}"
        );
        Self::allowing(&allowed, "; require-trusted-types-for 'script'")
    }

    fn allowing(allowed: &str, more: &str) -> Self {
        let policy = format!(
            "default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'{more}"
        );
        Self { policy: HeaderValue::from_str(&policy).expect("a policy is ASCII") }
    }

    /// Says it with an answer, a refusal included.
    pub fn put_on(&self, headers: &mut HeaderMap) {
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

    /// Says it with every answer of a router.
    pub fn over<S: Clone + Send + Sync + 'static>(self, router: Router<S>) -> Router<S> {
        router.layer(map_response_with_state(self, dressed))
    }
}

async fn dressed(State(dress): State<Dress>, mut response: Response) -> Response {
    dress.put_on(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(dress: &Dress) -> String {
        let mut headers = HeaderMap::new();
        dress.put_on(&mut headers);
        headers["content-security-policy"].to_str().unwrap().to_owned()
    }

    #[test]
    fn nothing_loads_but_what_is_named_and_nobody_frames_it() {
        let hosts = ["127.0.0.1:4711".to_owned(), "localhost:4711".to_owned()];
        let (text, scripts) = (policy(&Dress::of_text()), policy(&Dress::of_scripts(&hosts)));
        for policy in [&text, &scripts] {
            assert!(policy.starts_with("default-src 'none'; "), "{policy}");
            for never in ["unsafe", "*", "data:", "http:", "https:"] {
                assert!(!policy.contains(never), "{policy} allows {never}");
            }
            for always in ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"] {
                assert!(policy.contains(always), "{policy}");
            }
        }
        assert!(!text.contains("script-src") && !text.contains("connect-src"), "{text}");
        assert!(scripts.contains("connect-src 'self' ws://127.0.0.1:4711 ws://localhost:4711;"), "{scripts}");
        assert!(scripts.ends_with("require-trusted-types-for 'script'"), "{scripts}");
    }
}
