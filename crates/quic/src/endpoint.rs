//! A UDP socket that makes sessions: a client's or the relay's.

use crate::congestion::TolerantConfig;
use crate::error::LinkError;
use crate::frame::{FrameReader, framed};
use crate::identity::{Identity, key_of};
use crate::limits::{self, Limits};
use crate::link::{ControlReceiver, Link, fail};
use crate::{ALPN, error::GOODBYE};
use media::codec::DecodeError;
use media::message::{Control, Refusal, RefusalCode, VERSION};
use media::sign::PublicKey;
use media::time::Micros;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{TransportConfig, VarInt};
use rustls::pki_types::CertificateDer;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Required by TLS; never sent, never compared: the relay is known by its key.
const NAME: &str = "relay.invalid";

/// One UDP socket, with the identity it acts under. Clones share it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    inner: quinn::Endpoint,
    identity: Identity,
    limits: Limits,
}

impl Endpoint {
    /// A client on a free port.
    pub fn client(identity: &Identity) -> Result<Self, LinkError> {
        Self::client_with(identity, Limits::default())
    }

    /// [`client`](Endpoint::client) with other patience.
    pub fn client_with(identity: &Identity, limits: Limits) -> Result<Self, LinkError> {
        let any6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        let any4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        // A machine without IPv6 has no such socket.
        let inner = quinn::Endpoint::client(any6).or_else(|_| quinn::Endpoint::client(any4));
        let inner = inner.map_err(|error| socket(any4, &error))?;
        Ok(Self { inner, identity: identity.clone(), limits })
    }

    /// A server on `address`; port 0 for a free one.
    pub fn server(address: SocketAddr, identity: &Identity, limits: Limits) -> Result<Self, LinkError> {
        let tls =
            QuicServerConfig::try_from(identity.server_tls(ALPN)).expect("ring has QUIC's initial suite");
        let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls));
        let mut transport = transport(limits.idle);
        // One bidirectional stream is the control stream.
        transport.max_concurrent_bidi_streams(VarInt::from_u32(limits::CALLS + 1));
        transport.max_concurrent_uni_streams(VarInt::from_u32(limits::SEGMENTS_UP));
        config.transport_config(Arc::new(transport)).max_incoming(1024);
        let inner = quinn::Endpoint::server(config, address).map_err(|error| socket(address, &error))?;
        Ok(Self { inner, identity: identity.clone(), limits })
    }

    /// Where it is bound.
    pub fn local_addr(&self) -> Result<SocketAddr, LinkError> {
        self.inner.local_addr().map_err(|error| LinkError::Lost(error.to_string()))
    }

    /// Opens a session with the relay at `address` (`HOST:PORT`), which must hold `relay_key`.
    pub async fn connect(
        &self,
        address: &str,
        relay_key: &PublicKey,
    ) -> Result<(Link, ControlReceiver), LinkError> {
        let patience = self.limits.handshake;
        let bad = |reason: String| LinkError::Address { address: address.to_owned(), reason };
        let attempt = async {
            let found = tokio::net::lookup_host(address).await.map_err(|error| bad(error.to_string()))?;
            let mut last = bad("it has no address".to_owned());
            for peer in found {
                match self.connect_to(peer, relay_key, ALPN).await {
                    Ok(connected) => return Ok(connected),
                    // Another of a host's addresses may answer; a peer that answered wrongly is not
                    // asked twice.
                    Err(error) if error.is_passing() || matches!(error, LinkError::Address { .. }) => {
                        last = error
                    }
                    Err(error) => return Err(error),
                }
            }
            Err(last)
        };
        let silent = || LinkError::NoAnswer { address: address.to_owned(), seconds: patience.as_secs() };
        timeout(patience, attempt).await.unwrap_or_else(|_| Err(silent()))
    }

    pub(crate) async fn connect_to(
        &self,
        peer: SocketAddr,
        relay_key: &PublicKey,
        alpn: &[u8],
    ) -> Result<(Link, ControlReceiver), LinkError> {
        let tls = self.identity.client_tls(relay_key, alpn);
        let tls = QuicClientConfig::try_from(tls).expect("ring has QUIC's initial suite");
        let mut config = quinn::ClientConfig::new(Arc::new(tls));
        let mut transport = transport(self.limits.idle);
        transport.keep_alive_interval(Some(limits::KEEP_ALIVE));
        // The relay opens no calls.
        transport.max_concurrent_bidi_streams(VarInt::from_u32(0));
        transport.max_concurrent_uni_streams(VarInt::from_u32(limits::SEGMENTS_DOWN));
        config.transport_config(Arc::new(transport));
        let connecting = self.inner.connect_with(config, peer, NAME);
        let connecting = connecting
            .map_err(|error| LinkError::Address { address: peer.to_string(), reason: error.to_string() })?;
        let connection = connecting.await.map_err(of_handshake)?;
        let (mut send, recv) = connection.open_bi().await?;
        let hello = framed(&Control::Hello { version: VERSION }.encode());
        send.write_chunk(hello).await.map_err(|error| LinkError::Lost(error.to_string()))?;
        let mut frames = FrameReader::new(recv);
        match first(&connection, &mut frames).await? {
            Control::Welcome { version: VERSION, now_us } => {
                Ok(Link::start(connection, *relay_key, now_us, send, frames))
            }
            Control::Welcome { version, .. } => Err(fail(&connection, LinkError::Version(version))),
            Control::Refuse(refusal) => Err(refusal.into()),
            // SPEC: session.md#hello: another first message, or another version, MUST end the
            // session.
            _ => Err(fail(&connection, unexpected("Welcome"))),
        }
    }

    /// The next peer that knocks; `None` once the endpoint is closed. Cancel-safe. Nothing of it is
    /// proven yet.
    pub async fn accept(&self) -> Option<Incoming> {
        loop {
            let incoming = self.inner.accept().await?;
            // SPEC: session.md#limits: connections beyond the limit MUST be refused before any
            // cryptography.
            if self.inner.open_connections() >= self.limits.connections {
                incoming.refuse();
                continue;
            }
            return Some(Incoming { inner: incoming, patience: self.limits.handshake });
        }
    }

    /// Closes every session in good order and accepts no more.
    pub fn close(&self) {
        self.inner.close(GOODBYE, b"");
    }

    /// Closes every session and says why.
    pub fn close_with(&self, refusal: &Refusal) {
        self.inner.close(VarInt::from_u32(refusal.code.code().into()), refusal.text.as_bytes());
    }

    /// Waits until every session has ended and its peer could learn so.
    pub async fn wait_idle(&self) {
        self.inner.wait_idle().await;
    }
}

/// A peer that knocked.
#[derive(Debug)]
pub struct Incoming {
    inner: quinn::Incoming,
    patience: Duration,
}

impl Incoming {
    /// Where it knocks from.
    pub fn peer_address(&self) -> SocketAddr {
        self.inner.remote_address()
    }

    /// Completes the handshake and answers its Hello with a Welcome that states `now_us()`.
    pub async fn accept(self, now_us: impl FnOnce() -> Micros) -> Result<(Link, ControlReceiver), LinkError> {
        let (patience, address) = (self.patience, self.peer_address().to_string());
        let mut begun = None;
        let outcome = timeout(patience, establish(self.inner, &mut begun, now_us)).await;
        outcome.unwrap_or_else(|_| {
            let error = LinkError::NoAnswer { address, seconds: patience.as_secs() };
            Err(begun.map_or_else(|| error.clone(), |connection| fail(&connection, error.clone())))
        })
    }
}

async fn establish(
    incoming: quinn::Incoming,
    begun: &mut Option<quinn::Connection>,
    now_us: impl FnOnce() -> Micros,
) -> Result<(Link, ControlReceiver), LinkError> {
    let connection = incoming.accept()?.await.map_err(of_handshake)?;
    *begun = Some(connection.clone());
    let identity =
        connection.peer_identity().and_then(|shown| shown.downcast::<Vec<CertificateDer<'_>>>().ok());
    let key = identity.and_then(|shown| shown.first().and_then(key_of));
    let key =
        key.ok_or_else(|| fail(&connection, LinkError::Handshake("the peer showed no key".to_owned())))?;
    let (mut send, recv) = connection.accept_bi().await?;
    let mut frames = FrameReader::new(recv);
    match first(&connection, &mut frames).await? {
        Control::Hello { version: VERSION } => {}
        Control::Hello { version } => return Err(fail(&connection, LinkError::Version(version))),
        _ => return Err(fail(&connection, unexpected("Hello"))),
    }
    let now_us = now_us();
    let welcome = framed(&Control::Welcome { version: VERSION, now_us }.encode());
    send.write_chunk(welcome).await.map_err(|error| LinkError::Lost(error.to_string()))?;
    Ok(Link::start(connection, key, now_us, send, frames))
}

/// The first message of the control stream.
async fn first(connection: &quinn::Connection, frames: &mut FrameReader) -> Result<Control, LinkError> {
    use crate::error::StreamError;
    let frame = match frames.next().await {
        Ok(Some(frame)) => frame,
        Ok(None) | Err(StreamError::Abandoned | StreamError::Stalled) => {
            return Err(fail(connection, LinkError::Truncated));
        }
        Err(StreamError::Link(error)) => return Err(fail(connection, error)),
    };
    Control::decode(&frame).map_err(|error: DecodeError| fail(connection, error.into()))
}

fn unexpected(expected: &'static str) -> LinkError {
    LinkError::Unexpected { expected, got: "another message" }
}

/// An error before the session stands.
fn of_handshake(error: quinn::ConnectionError) -> LinkError {
    use quinn::ConnectionError as E;
    // Our own verifier's verdict reaches us as the TLS alert it becomes, and its text.
    let pinned = |reason: &str| reason.contains("ApplicationVerificationFailure");
    match error {
        E::TransportError(error) if pinned(&error.reason) => LinkError::WrongKey,
        E::ConnectionClosed(close) if close.error_code == quinn::TransportErrorCode::CONNECTION_REFUSED => {
            let text = "the relay has as many connections as it takes: try again later";
            LinkError::Refused(RefusalCode::Quota.because(text))
        }
        other => match other.into() {
            LinkError::Lost(reason) => LinkError::Handshake(reason),
            named => named,
        },
    }
}

fn transport(idle: Duration) -> TransportConfig {
    let mut transport = TransportConfig::default();
    let idle = quinn::IdleTimeout::try_from(idle).expect("a patience is far below 2^62 ms");
    transport
        .max_idle_timeout(Some(idle))
        .stream_receive_window(VarInt::from_u32(limits::STREAM_WINDOW))
        .receive_window(VarInt::from_u32(limits::RECEIVE_WINDOW))
        .send_window(limits::SEND_WINDOW)
        .datagram_receive_buffer_size(None)
        .congestion_controller_factory(Arc::new(TolerantConfig::default()));
    transport
}

fn socket(address: SocketAddr, error: &std::io::Error) -> LinkError {
    LinkError::Socket { address: address.to_string(), reason: error.to_string() }
}

#[cfg(test)]
mod tests;
