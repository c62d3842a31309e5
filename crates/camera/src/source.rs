//! What a camera films, as its configuration says it: a file, fragmented MP4 on standard input, or
//! an RTSP camera with its password.
//!
//! ```toml
//! [source]
//! url = "rtsp://10.0.0.20/stream1"    # or: path = "door.mp4", loop = true; or: path = "-"
//! transport = "tcp"                    # or "udp"
//! user = "viewer"
//! password_file = "door.password"      # one line, chmod 600; read anew at each connection
//! tls_fingerprint = "5d3f...e1"        # rtsps:// alone: the SHA-256 of the camera's certificate
//! ```
//! Without `user` and `password_file` the variables CANDOR_SOURCE_USER and CANDOR_SOURCE_PASSWORD
//! are asked. In scope: what may be said, and where a password may stand. Out of scope: connecting
//! (`capture`).

mod error;
mod url;

use host::secret;
use host::tunnel::{Fingerprint, FingerprintError};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

pub use error::SourceError;
pub(crate) use url::without_passwords;
pub use url::{StreamUrl, UrlError};

/// The variables of the environment that are asked for a stream's user and password.
pub const USER_VARIABLE: &str = "CANDOR_SOURCE_USER";
/// See [`USER_VARIABLE`].
pub const PASSWORD_VARIABLE: &str = "CANDOR_SOURCE_PASSWORD";

/// A source that sends no picture for so long is frozen. Shorter than a relay's patience with a
/// live segment.
pub(crate) const FROZEN: Duration = Duration::from_secs(10);
/// How long ffprobe may look at a source, a source may take to send its first picture, and an
/// ffmpeg that closed its output may take to end.
pub(crate) const PROBE: Duration = Duration::from_secs(20);

/// What it films. What else differs from source to source is asked of it here; how its pictures are
/// had, `capture` says.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(try_from = "Table")]
pub enum SourceConfig {
    /// A video file, played in real time; whether it begins anew when it ends.
    File { path: PathBuf, looped: bool },
    /// Fragmented MP4 on standard input.
    Input,
    /// A camera that speaks RTSP.
    Stream(Stream),
}

/// A camera that speaks RTSP.
#[derive(Debug, Clone)]
pub struct Stream {
    pub url: StreamUrl,
    pub transport: Transport,
    pub user: Option<String>,
    pub password_file: Option<PathBuf>,
    /// Of TLS: whose certificate is believed; none, if it must be signed by somebody known.
    pub pinned: Option<Fingerprint>,
}

/// How the pictures travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Within the RTSP connection: nothing is lost, firewalls let it through.
    #[default]
    Tcp,
    /// In packets of their own: what is lost stays lost, and is seen.
    Udp,
}

/// Why a source cannot be what was said.
#[derive(Debug, thiserror::Error)]
pub enum SourceConfigError {
    #[error(
        "a source is either a `path` (a video file, or - for standard input) or a `url` (rtsp://, rtsps://)"
    )]
    OneOfTwo,
    #[error("{0}")]
    Url(#[from] UrlError),
    #[error("an RTSP address goes into `url`, not into `path`")]
    UrlAsPath,
    #[error("`{0}` says something about {1}; this source is none")]
    Misplaced(&'static str, &'static str),
    #[error("user and password stand in the url and beside it; keep one")]
    Twice,
    #[error("`tls_fingerprint`: {0}")]
    Fingerprint(#[from] FingerprintError),
    #[error("rtsps:// over udp would send the pictures in clear; use transport = \"tcp\"")]
    ClearPictures,
}

/// The table as it is written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    path: Option<PathBuf>,
    #[serde(rename = "loop")]
    looped: Option<bool>,
    url: Option<String>,
    transport: Option<Transport>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    tls_fingerprint: Option<String>,
}

impl TryFrom<Table> for SourceConfig {
    type Error = SourceConfigError;

    fn try_from(table: Table) -> Result<Self, SourceConfigError> {
        let Table { path, looped, url, transport, user, password_file, tls_fingerprint } = table;
        match (path, url) {
            (Some(path), None) => {
                let beside = [
                    ("transport", transport.is_some()),
                    ("user", user.is_some()),
                    ("password_file", password_file.is_some()),
                    ("tls_fingerprint", tls_fingerprint.is_some()),
                ];
                if let Some((field, _)) = beside.into_iter().find(|(_, is_there)| *is_there) {
                    return Err(SourceConfigError::Misplaced(field, "an RTSP camera (`url`)"));
                }
                Self::path(path, looped.unwrap_or(false))
            }
            (None, Some(_)) if looped.is_some() => {
                Err(SourceConfigError::Misplaced("loop", "a video file (`path`)"))
            }
            (None, Some(url)) => {
                let pinned = tls_fingerprint.map(|text| text.parse()).transpose()?;
                Stream::new(url.parse()?, transport.unwrap_or_default(), user, password_file)?
                    .pinned(pinned)
                    .map(Self::Stream)
            }
            (None, None) | (Some(_), Some(_)) => Err(SourceConfigError::OneOfTwo),
        }
    }
}

impl SourceConfig {
    /// A video file, or standard input if it is called `-`.
    pub fn path(path: PathBuf, looped: bool) -> Result<Self, SourceConfigError> {
        if url::scheme(&path.to_string_lossy()).is_some() {
            return Err(SourceConfigError::UrlAsPath);
        }
        Ok(if path == Path::new("-") { Self::Input } else { Self::file(path, looped) })
    }

    /// A video file.
    pub fn file(path: impl Into<PathBuf>, looped: bool) -> Self {
        Self::File { path: path.into(), looped }
    }

    /// Whether its password stands in the configuration itself: then nobody else may read that
    /// file.
    pub fn has_inline_password(&self) -> bool {
        matches!(self, Self::Stream(stream) if stream.url.has_credentials())
    }

    /// The file that it names: a video, or the one of a password.
    pub(crate) fn file_named(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::File { path, .. } => Some(path),
            Self::Stream(stream) => stream.password_file.as_mut(),
            Self::Input => None,
        }
    }

    /// The video file that it needs and that is not there.
    pub fn missing_file(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } if !path.is_file() => Some(path),
            Self::File { .. } | Self::Input | Self::Stream(_) => None,
        }
    }

    /// Whether it sends what happens now, from a device with a clock of its own that may be away
    /// for a while.
    pub fn is_live(&self) -> bool {
        match self {
            Self::Stream(_) => true,
            Self::File { .. } | Self::Input => false,
        }
    }

    /// Whether it can be let go and had again. What feeds standard input can only be read on, or be
    /// lost for good.
    pub(crate) fn can_be_let_go(&self) -> bool {
        match self {
            Self::File { .. } | Self::Stream(_) => true,
            Self::Input => false,
        }
    }

    /// Whether it is begun again after it ended so.
    pub(crate) fn begins_again_after(&self, ended: &SourceError) -> bool {
        match self {
            Self::File { looped, .. } => {
                *looped || !matches!(ended, SourceError::Finished | SourceError::ChangedWithin)
            }
            Self::Input => false,
            Self::Stream(_) => true,
        }
    }
}

/// As it is shown: without passwords.
impl std::fmt::Display for SourceConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { path, .. } => write!(f, "{}", path.display()),
            Self::Input => f.write_str("standard input"),
            Self::Stream(stream) => write!(f, "{}", stream.url),
        }
    }
}

impl Stream {
    pub fn new(
        url: StreamUrl,
        transport: Transport,
        user: Option<String>,
        password_file: Option<PathBuf>,
    ) -> Result<Self, SourceConfigError> {
        if url.has_credentials() && (user.is_some() || password_file.is_some()) {
            return Err(SourceConfigError::Twice);
        }
        if url.is_encrypted() && transport == Transport::Udp {
            return Err(SourceConfigError::ClearPictures);
        }
        Ok(Self { url, transport, user, password_file, pinned: None })
    }

    /// Believes this certificate alone.
    pub fn pinned(self, pinned: Option<Fingerprint>) -> Result<Self, SourceConfigError> {
        if pinned.is_some() && !self.url.is_encrypted() {
            return Err(SourceConfigError::Misplaced(
                "tls_fingerprint",
                "a camera that speaks TLS (rtsps://)",
            ));
        }
        Ok(Self { pinned, ..self })
    }

    /// User and password, as they are.
    pub(crate) fn credentials(&self) -> Result<Option<Secrets>, SourceError> {
        let said = self.said_beside()?.or_else(|| self.url.credentials());
        if said.as_ref().is_some_and(|(user, _)| user.contains(':')) {
            return Err(UrlError::User.into());
        }
        Ok(said)
    }

    /// User and password where they do not stand in the address.
    fn said_beside(&self) -> Result<Option<Secrets>, SourceError> {
        if self.url.has_credentials() {
            return Ok(None);
        }
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty()).map(Zeroizing::new);
        let user = self.user.clone().map(Zeroizing::new).or_else(|| variable(USER_VARIABLE));
        let password = match &self.password_file {
            Some(path) => Some(
                secret::read_line(path)
                    .map_err(|source| SourceError::Password { path: path.clone(), source })?,
            ),
            None => variable(PASSWORD_VARIABLE),
        };
        if user.is_none() && password.is_none() {
            return Ok(None);
        }
        Ok(Some((user.unwrap_or_default(), password.unwrap_or_default())))
    }
}

/// A user and a password.
type Secrets = (Zeroizing<String>, Zeroizing<String>);

#[cfg(test)]
mod tests;
