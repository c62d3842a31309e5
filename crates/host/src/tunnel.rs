//! A TLS connection to a device, for a client of ours that speaks plain TCP alone.
//!
//! ```text
//! client -- TCP, loopback --> Tunnel == TLS ==> device
//! ```
//! A device of a local network seldom has a certificate that somebody signed: it is known by its
//! fingerprint, which is pinned. Without a pin the certificate must be signed by somebody whom
//! browsers believe, for the name that was asked. Nothing is sent to a device that shows another.
//!
//! In scope: connecting, and whose certificate is believed. Out of scope: what is said within.

mod fingerprint;

use crate::lock::Mutex;
use hyper::service::Service as _;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use std::error::Error;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

pub use fingerprint::{Fingerprint, FingerprintError};

/// A device answers within this, or is away.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections through one tunnel: a session, and one more for its goodbye.
const LINES: usize = 2;

/// A way to one device. Dropping it closes all that goes through.
#[derive(Debug)]
pub struct Tunnel {
    port: u16,
    task: JoinHandle<()>,
}

/// Why there is no way to a device.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// Nothing answers, or what answers is no TLS that is spoken here.
    #[error("no TLS connection: {0}")]
    Connect(String),
    /// Nobody who is known signed its certificate for this name and this time.
    #[error("its certificate, whose fingerprint is {found}, {why}")]
    Unknown { found: Fingerprint, why: &'static str },
    /// It is the pinned one, and no handshake can be made with it.
    #[error("its certificate is the pinned one and cannot be used: {0}; let it make a new one")]
    Unusable(String),
    /// Its certificate is not the one that is pinned.
    #[error("its certificate is not the pinned one: this one's fingerprint is {0}")]
    Other(Fingerprint),
    #[error("no socket on loopback: {0}")]
    Loopback(#[from] io::Error),
}

type Line = TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>;

impl Tunnel {
    /// Connects to a device (a name, or an address as it stands in a URL).
    pub async fn open(host: &str, port: u16, pinned: Option<Fingerprint>) -> Result<Self, TunnelError> {
        let device = Device::new(host, port, pinned);
        let first = device.dial().await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        Ok(Self { port, task: tokio::spawn(serve(listener, device, first)) })
    }

    /// The port of 127.0.0.1 that leads to it.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Leads whoever comes to the device, the first one over the line that is there.
async fn serve(listener: TcpListener, device: Device, first: Line) {
    let mut ready = Some(first);
    let mut lines = JoinSet::new();
    while let Ok((mut local, _)) = listener.accept().await {
        let device = device.clone();
        let line = ready.take();
        lines.spawn(async move {
            let line = match line {
                Some(line) => Ok(line),
                None => device.dial().await,
            };
            // Whoever hears nothing sees that it is closed.
            if let Ok(mut line) = line {
                let _ = local.set_nodelay(true);
                let _ = tokio::io::copy_bidirectional(&mut local, &mut line).await;
            }
        });
        while lines.len() >= LINES {
            lines.join_next().await;
        }
    }
}

/// How a device is reached.
#[derive(Debug, Clone)]
struct Device {
    url: String,
    pinned: Option<Fingerprint>,
}

impl Device {
    fn new(host: &str, port: u16, pinned: Option<Fingerprint>) -> Self {
        Self { url: format!("https://{host}:{port}/"), pinned }
    }

    async fn dial(&self) -> Result<Line, TunnelError> {
        let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let config = config.expect("ring supports the default TLS versions");
        let shown = Arc::new(Shown { pinned: self.pinned, found: Mutex::default() });
        let looking = config.clone().dangerous().with_custom_certificate_verifier(shown.clone());
        let looking = looking.with_no_client_auth();
        let signed = config.with_webpki_roots().with_no_client_auth();
        let config = if self.pinned.is_some() { looking.clone() } else { signed };
        let error = match self.connect(config).await {
            Ok(line) => return Ok(line),
            Err(error) => error,
        };
        let said = crate::http::chain(&*error);
        let Some(rustls::Error::InvalidCertificate(why)) = tls_error(&*error) else {
            return Err(TunnelError::Connect(said));
        };
        let why = distrust(why);
        if self.pinned.is_none() {
            // Looked at once more, and not believed, so that it can be named.
            let _ = self.connect(looking).await;
        }
        let found = *shown.found.lock();
        Err(match (found, self.pinned) {
            (Some(found), None) => TunnelError::Unknown { found, why },
            (Some(found), Some(pinned)) if found != pinned => TunnelError::Other(found),
            (Some(_), Some(_)) => TunnelError::Unusable(said),
            (None, _) => TunnelError::Connect(said),
        })
    }

    async fn connect(&self, config: ClientConfig) -> Result<Line, Box<dyn Error + Send + Sync>> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connecting =
            TowerToHyperService::new(HttpsConnector::from((tcp, config))).call(self.url.parse()?);
        let connected = tokio::time::timeout(PATIENCE, connecting).await;
        let late = |_| format!("no answer within {} s", PATIENCE.as_secs());
        Ok(TokioIo::new(connected.map_err(late)??))
    }
}

/// Why a certificate that is not pinned is not believed.
fn distrust(why: &CertificateError) -> &'static str {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "is not valid yet",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is for another name"
        }
        _ => "is its own or signed by nobody known",
    }
}

/// The TLS error within an error, however it is wrapped.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(found) = error.downcast_ref::<rustls::Error>() {
        return Some(found);
    }
    let within: Option<&(dyn Error + 'static)> = match error.downcast_ref::<io::Error>() {
        Some(error) => error.get_ref().map(|inner| inner as _),
        None => error.source(),
    };
    within.and_then(tls_error)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Believes the certificate that is pinned, and none without a pin; says which one was shown.
#[derive(Debug)]
struct Shown {
    pinned: Option<Fingerprint>,
    found: Mutex<Option<Fingerprint>>,
}

impl ServerCertVerifier for Shown {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = Fingerprint::of(certificate);
        self.found.lock().replace(found);
        if self.pinned == Some(found) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
