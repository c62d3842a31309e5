//! One call: an envelope that proves who asks, and one bounded answer.
//!
//! The proof is WS-UsernameToken's digest (Web Services Security, UsernameToken Profile 1.0); a device
//! that answers 401 with a challenge of HTTP's Digest (RFC 7616) is asked once more with an answer to it.
//! A digest holds the time, by the device's clock: [`Caller::ahead_secs`] is asked first, unproven.

use crate::error::OnvifError;
use crate::xml;
use axum::http::Uri;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use host::clock::Clock;
use host::http::{Fetch, FetchLimits, Reply};
use host::rng::Rng;
use http_auth::{DigestClient, PasswordParams, parse_challenges};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use std::fmt;
use std::time::Duration;
use zeroize::Zeroizing;

const SOAP: &str = "application/soap+xml; charset=utf-8";
const ANSWER_MAX: usize = 1 << 20;
const SECURITY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const UTILITY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const DIGEST: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest";

/// A user of a device. The password is proven to it, and never sent.
#[derive(Clone)]
pub struct Access {
    pub user: String,
    pub password: Zeroizing<String>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Access({})", self.user)
    }
}

/// Who asks one device.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    fetch: Fetch,
    access: Option<Access>,
    clock: Clock,
    rng: Rng,
    pub(crate) host: String,
    /// By how much the device's clock is ahead of this machine's.
    pub(crate) ahead_secs: i64,
}

impl Caller {
    pub(crate) fn new(host: &str, access: Option<Access>, clock: Clock, rng: Rng) -> Self {
        let fetch = Fetch::new(FetchLimits { answer_bytes: ANSWER_MAX, ..FetchLimits::default() });
        Self { fetch, access, clock, rng, host: host.to_owned(), ahead_secs: 0 }
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.seconds()
    }

    pub(crate) fn steady(&self) -> Duration {
        self.clock.steady()
    }

    /// An address that the device named, if it is its own.
    pub(crate) fn own(&self, named: String) -> Result<String, OnvifError> {
        let uri: Option<Uri> = named.parse().ok();
        let is_own = uri.is_some_and(|uri| {
            uri.scheme_str() == Some("http")
                && uri.host().is_some_and(|it| it.eq_ignore_ascii_case(&self.host))
        });
        if is_own { Ok(named) } else { Err(OnvifError::Elsewhere { named, host: self.host.clone() }) }
    }

    /// Asks without saying who asks.
    pub(crate) async fn ask_unproven(&self, url: &str, body: &str) -> Result<String, OnvifError> {
        answer(self.fetch.post(url, SOAP, envelope("", body)).await?)
    }

    /// Asks; what is answered is XML that holds no fault.
    pub(crate) async fn ask(&self, url: &str, body: &str) -> Result<String, OnvifError> {
        self.ask_addressed(url, "", body).await
    }

    /// Asks with more in the head of the envelope.
    pub(crate) async fn ask_addressed(
        &self,
        url: &str,
        head: &str,
        body: &str,
    ) -> Result<String, OnvifError> {
        let envelope = envelope(&format!("{}{head}", self.proof()), body);
        let reply = self.fetch.post(url, SOAP, envelope.clone()).await?;
        let Some(authorization) = self.answer_to(&reply, url, envelope.as_bytes()) else {
            return answer(reply);
        };
        answer(self.fetch.post_as(url, SOAP, &authorization, envelope).await?)
    }

    /// WS-UsernameToken.
    fn proof(&self) -> String {
        let Some(access) = &self.access else { return String::new() };
        let nonce: [u8; 20] = self.rng.bytes();
        let now = i64::try_from(self.clock.seconds()).unwrap_or(i64::MAX).saturating_add(self.ahead_secs);
        let created = jiff::Timestamp::from_second(now).unwrap_or_default().to_string();
        let digest = password_digest(&nonce, &created, &access.password);
        format!(
            "<Security xmlns=\"{SECURITY}\"><UsernameToken><Username>{}</Username>\
             <Password Type=\"{DIGEST}\">{digest}</Password><Nonce>{}</Nonce>\
             <Created xmlns=\"{UTILITY}\">{created}</Created></UsernameToken></Security>",
            xml::escaped(&access.user),
            BASE64_STANDARD.encode(nonce),
        )
    }

    /// What answers a challenge of HTTP's Digest; `Basic` would be the password itself.
    fn answer_to(&self, reply: &Reply, url: &str, body: &[u8]) -> Option<String> {
        let access = self.access.as_ref().filter(|_| reply.status == 401)?;
        let uri: Uri = url.parse().ok()?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let of = |challenges: &String| {
            let challenges = parse_challenges(challenges).ok()?;
            let digest = challenges.iter().find(|it| it.scheme.eq_ignore_ascii_case("digest"))?;
            let mut client = DigestClient::try_from(digest).ok()?;
            let (username, password) = (access.user.as_str(), access.password.as_str());
            let params = PasswordParams { username, password, uri: path, method: "POST", body: Some(body) };
            client.respond(&params).ok()
        };
        reply.challenges.iter().find_map(of)
    }
}

fn password_digest(nonce: &[u8], created: &str, password: &str) -> String {
    let mut sha1 = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for part in [nonce, created.as_bytes(), password.as_bytes()] {
        sha1.update(part);
    }
    BASE64_STANDARD.encode(sha1.finish())
}

fn envelope(head: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\">\
         <s:Header>{head}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

fn answer(reply: Reply) -> Result<String, OnvifError> {
    if reply.status == 401 {
        return Err(OnvifError::Unauthorized);
    }
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    let parsed = xml::parse(&text);
    if let Some(said) = parsed.as_ref().ok().and_then(|document| xml::all(document.root(), "Fault").next()) {
        return Err(fault(said));
    }
    // An error of HTTP is one, whatever page comes with it.
    reply.ok()?;
    parsed.map(|_| ())?;
    Ok(text)
}

fn fault(fault: roxmltree::Node<'_, '_>) -> OnvifError {
    let is_refusal = |node: roxmltree::Node<'_, '_>| {
        node.text()
            .is_some_and(|text| text.ends_with("NotAuthorized") || text.ends_with("FailedAuthentication"))
    };
    if fault.descendants().any(is_refusal) {
        return OnvifError::Unauthorized;
    }
    let said = xml::text(fault, &["Reason", "Text"]).or_else(|| xml::text(fault, &["faultstring"]));
    OnvifError::Fault(said.unwrap_or_else(|| "without a word".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of ONVIF's Application Programmer's Guide, 6.1.1.3.
    #[test]
    fn a_password_is_digested_as_the_programmers_guide_does() {
        let nonce = BASE64_STANDARD.decode("LKqI6G/AikKCQrN0zqZFlg==").unwrap();
        let digest = password_digest(&nonce, "2010-09-16T07:50:45Z", "userpassword");
        assert_eq!(digest, "tuOSpGlFlIXsozq4HFNeeGeFLEI=");
    }

    #[test]
    fn an_address_on_another_host_is_never_called() {
        let caller = Caller::new("10.0.0.20", None, Clock::system(), Rng::system());
        assert!(caller.own("http://10.0.0.20:8899/onvif/media".to_owned()).is_ok());
        for named in [
            "http://10.0.0.21/onvif/media",
            "http://10.0.0.20.example/",
            "http://10.0.0.20@evil.example/",
            "https://10.0.0.20/",
            "ftp://10.0.0.20/",
            "//10.0.0.20/",
            "",
        ] {
            let refused = caller.own(named.to_owned());
            assert!(matches!(refused, Err(OnvifError::Elsewhere { .. })), "{named}");
        }
    }
}
