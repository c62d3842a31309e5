//! The address of an RTSP camera, which may hold a password: it is taken apart once, and shown
//! without it ever after.
//!
//! ```text
//! rtsp://viewer:p%40ss@10.0.0.20:554/stream1?profile=main    ->  rtsp://10.0.0.20:554/stream1?profile=main
//! ```

use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

const ADDRESS_MAX: usize = 2048;

/// An `rtsp://` or `rtsps://` address. Whatever prints it prints it without user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamUrl {
    scheme: &'static str,
    /// Percent-encoded `user:password`, as it was written.
    credentials: Option<Zeroizing<String>>,
    /// Host, port, path and query.
    rest: String,
}

/// Why a text is no such address. No variant carries the text, which may hold a password.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UrlError {
    #[error("not an RTSP address; write rtsp://HOST/PATH or rtsps://HOST/PATH")]
    Scheme,
    #[error("the address names no host; write rtsp://HOST/PATH")]
    Host,
    #[error("the address holds a blank, a quote, a backslash or a control character; percent-encode it")]
    Character,
    #[error("the address is longer than {ADDRESS_MAX} bytes")]
    TooLong,
    #[error("a user name for RTSP must not hold a colon")]
    User,
}

const SCHEMES: [&str; 2] = ["rtsp://", "rtsps://"];

pub(super) fn scheme(text: &str) -> Option<(&'static str, &str)> {
    SCHEMES.into_iter().find_map(|scheme| {
        let head = text.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then(|| (scheme, text.get(scheme.len()..).unwrap_or_default()))
    })
}

impl FromStr for StreamUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.len() > ADDRESS_MAX {
            return Err(UrlError::TooLong);
        }
        let (scheme, rest) = scheme(text).ok_or(UrlError::Scheme)?;
        if rest.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '\'' | '"' | '\\')) {
            return Err(UrlError::Character);
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (credentials, host) = match authority.rsplit_once('@') {
            Some((credentials, host)) => (Some(credentials), host),
            None => (None, authority),
        };
        if host.is_empty() || host.starts_with(':') {
            return Err(UrlError::Host);
        }
        Ok(Self {
            scheme,
            credentials: credentials.map(|it| Zeroizing::new(it.to_owned())),
            rest: format!("{host}{path}"),
        })
    }
}

impl StreamUrl {
    /// Whether user or password stand in it.
    pub fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }

    /// Whether the connection is TLS.
    pub fn is_encrypted(&self) -> bool {
        self.scheme == "rtsps://"
    }

    /// User and password that stand in it, as they are.
    pub(super) fn credentials(&self) -> Option<(Zeroizing<String>, Zeroizing<String>)> {
        let credentials = self.credentials.as_deref()?;
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        Some((decoded(user), decoded(password)))
    }
}

impl fmt::Display for StreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.scheme, self.rest)
    }
}

impl fmt::Debug for StreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// RFC 3986, 2.1. A percent sign that begins no code stands for itself.
fn decoded(text: &str) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        let code = behind.split_at_checked(2).and_then(|(code, behind)| {
            let code = std::str::from_utf8(code).ok().filter(|code| !code.starts_with('+'))?;
            Some((u8::from_str_radix(code, 16).ok()?, behind))
        });
        let (byte, behind) = code.filter(|_| *byte == b'%').unwrap_or((*byte, behind));
        bytes.push(byte);
        rest = behind;
    }
    Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())
}

/// What a program said, with user and password taken out of every address in it.
pub(crate) fn without_passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        shown.push_str(head);
        let end = tail.find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '\'' | '"'));
        let (authority, after) = tail.split_at(end.unwrap_or(tail.len()));
        shown.push_str(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
        rest = after;
    }
    shown.push_str(rest);
    shown
}
