//! Sources on the command line, where no password may stand.

use crate::cli::{Ended, Outcome};
use anyhow::anyhow;
use camera::probe;
use camera::source::{PASSWORD_VARIABLE, USER_VARIABLE};
use camera::{SourceConfig, SourceError, Stream, StreamUrl, Transport};
use clap::Args;
use host::tunnel::Fingerprint;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// How an RTSP camera is reached.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Access {
    /// RTSP: tcp loses nothing; udp shows what the network loses.
    #[arg(long, value_name = "tcp|udp", value_parser = transport)]
    transport: Option<Transport>,
    /// rtsps: the SHA-256 of the camera's certificate, which is believed alone. Without it somebody
    /// known must have signed the certificate; a refused one is named.
    #[arg(long, value_name = "HEX")]
    tls_fingerprint: Option<Fingerprint>,
    #[command(flatten)]
    pub(crate) login: Login,
}

/// A user of a camera; the password stands in a file or in a variable.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Login {
    /// The camera's user; else the variable CANDOR_SOURCE_USER is read.
    #[arg(long)]
    user: Option<String>,
    /// A file with the camera's password on one line (chmod 600); else the variable
    /// CANDOR_SOURCE_PASSWORD is read.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl Login {
    /// Who asks a device over ONVIF; nobody if nothing was said.
    pub(crate) fn access(&self) -> Result<Option<onvif::Access>, Ended> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let password = match &self.password_file {
            Some(path) => Some(host::secret::read_line(path).map_err(Ended::wrong)?),
            None => variable(PASSWORD_VARIABLE).map(Into::into),
        };
        let user = self.user.clone().or_else(|| variable(USER_VARIABLE));
        // A password alone is given to a user without a name, as over RTSP.
        let is_said = user.is_some() || password.is_some();
        Ok(is_said.then(|| onvif::Access {
            user: user.unwrap_or_default(),
            password: password.unwrap_or_default(),
        }))
    }
}

impl Access {
    /// The source that a command line names.
    pub(crate) fn source(self, source: &str, looped: bool) -> Result<SourceConfig, Ended> {
        if !is_stream(source) {
            self.is_unused()?;
            return SourceConfig::path(PathBuf::from(source), looped).map_err(Ended::wrong);
        }
        if looped {
            return Err(Ended::wrong(anyhow!("--loop begins a file anew; an RTSP camera does not end")));
        }
        self.stream(source).map(SourceConfig::Stream)
    }

    /// The two sources that a command line names; user and password are those of one device.
    pub(crate) fn sources(
        self,
        source: Option<&str>,
        sub: Option<&str>,
        looped: bool,
    ) -> Result<[Option<SourceConfig>; 2], Ended> {
        if ![source, sub].into_iter().flatten().any(is_stream) {
            self.is_unused()?;
        }
        let named = |named: &str, looped| {
            let access = if is_stream(named) { self.clone() } else { Self::default() };
            access.source(named, looped)
        };
        // The main one says whether --loop means anything; a second one that does not end needs
        // none.
        let sub_looped = looped && !sub.is_some_and(is_stream);
        Ok([
            source.map(|source| named(source, looped)).transpose()?,
            sub.map(|sub| named(sub, sub_looped)).transpose()?,
        ])
    }

    /// The camera that a command line names.
    pub(crate) fn stream(self, url: &str) -> Result<Stream, Ended> {
        let url: StreamUrl = url.parse().map_err(Ended::wrong)?;
        if url.has_credentials() {
            return Err(Ended::wrong(anyhow!(
                "password on the command line: everybody on this machine can read it there (ps), and the shell keeps it; change it if it is in use. \
                 Write it into a file (chmod 600) for --user and --password-file, set {USER_VARIABLE} and {PASSWORD_VARIABLE}, \
                 or put the address under [source] of a configuration that only its owner may read"
            )));
        }
        let Login { user, password_file } = self.login;
        let stream = Stream::new(url, self.transport.unwrap_or_default(), user, password_file);
        stream.and_then(|stream| stream.pinned(self.tls_fingerprint)).map_err(Ended::wrong)
    }

    /// Nothing of it was said where it would mean nothing.
    pub(crate) fn is_unused(&self) -> Outcome {
        let Self { transport, tls_fingerprint, login: Login { user, password_file } } = self;
        if transport.is_none() && tls_fingerprint.is_none() && user.is_none() && password_file.is_none() {
            return Ok(());
        }
        Err(Ended::wrong(anyhow!(
            "--transport, --tls-fingerprint, --user and --password-file belong to an RTSP camera named with --source or --sub; for the configuration's, write them under [source] and [sub]"
        )))
    }
}

fn is_stream(source: &str) -> bool {
    ["rtsp:", "rtsps:"]
        .iter()
        .any(|scheme| source.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme)))
}

fn transport(text: &str) -> Result<Transport, String> {
    match text {
        "tcp" => Ok(Transport::Tcp),
        "udp" => Ok(Transport::Udp),
        _ => Err("it is tcp or udp".to_owned()),
    }
}

/// A configuration that holds a password is read by its owner alone.
pub(crate) fn is_private(config: &Path, source: &SourceConfig) -> Outcome {
    if !source.has_inline_password() {
        return Ok(());
    }
    let mode = std::fs::metadata(config).map_err(Ended::wrong)?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Ended::wrong(anyhow!(
        "{}: it holds the camera's password and is readable by others (mode {mode:o}); chmod 600 it, or move the password to `password_file`",
        config.display()
    )))
}

/// A video file that is named is one.
pub(crate) fn is_there(source: &SourceConfig) -> Outcome {
    let Some(path) = source.missing_file() else { return Ok(()) };
    let shown = path.display();
    // What may be meant by an address without its beginning.
    let is_host = !path.exists() && shown.to_string().contains([':', '.']) && !path.is_absolute();
    Err(Ended::wrong(match path {
        path if path.is_dir() => anyhow!("{shown}: is a folder; name a video file in it"),
        _ if is_host => anyhow!(
            "{shown}: no such video file; correct `source` or name one with --source; a camera's address begins with rtsp://"
        ),
        _ => anyhow!("{shown}: no such video file; correct `source` or name one with --source"),
    }))
}

/// A camera that is started with no film would wait for it for ever; whoever starts it is told at
/// once.
pub(crate) async fn checked(source: &SourceConfig) -> Outcome {
    is_there(source)?;
    match probe::check(source).await {
        // A camera may start later than who films it, after a power cut for instance: it is waited
        // for.
        Err(error @ (SourceError::Unreadable(_) | SourceError::Silent)) if source.is_live() => {
            tracing::warn!(%error, camera = %source, "not there yet");
            Ok(())
        }
        checked => checked.map_err(|error| unusable(source, error)),
    }
}

/// A second source that is wrong keeps the main one from nothing: whoever starts a camera is told,
/// and it is waited for.
pub(crate) async fn checked_second(source: &SourceConfig) {
    if let Err(error) = probe::check(source).await {
        tracing::warn!(%error, second_source = %source, "no second picture; the main one is filmed");
    }
}

/// What is wrong with a source; or what is not possible now, as a camera that is not there.
pub(crate) fn unusable(source: &SourceConfig, error: SourceError) -> Ended {
    let is_stream = source.is_live();
    let said = anyhow!("{source}: {error}");
    match error {
        SourceError::Start { .. } | SourceError::Frozen(_) | SourceError::Silent | SourceError::Busy => {
            said.into()
        }
        SourceError::Unreadable(_) if is_stream => said.into(),
        SourceError::NoPicture if is_stream => Ended::no(said),
        _ => Ended::wrong(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_without_a_user_is_given_over_onvif_as_over_rtsp() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        host::secret::create_line(&path, "secret").unwrap();
        let login = Login { user: None, password_file: Some(path) };
        let access = login.access().unwrap().unwrap();
        assert_eq!((access.user.as_str(), access.password.as_str()), ("", "secret"));
    }

    #[test]
    fn what_is_no_video_file_is_told_as_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let told = |path: &Path| {
            format!("{:#}", is_there(&SourceConfig::file(path, false)).unwrap_err().error.unwrap())
        };
        assert!(told(dir.path()).contains("is a folder"));
        assert!(told(Path::new("127.0.0.1:5555")).contains("rtsp://"));
        let missing = told(&dir.path().join("none.mp4"));
        assert!(missing.contains("no such video file") && !missing.contains("rtsp://"), "{missing}");
        assert!(is_there(&SourceConfig::Input).is_ok());
    }
}
