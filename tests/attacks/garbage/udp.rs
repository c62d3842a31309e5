//! What is no QUIC, QUIC that is not ours, and sessions that say nothing or nonsense, on the
//! relay's socket.

use super::noise;
use candor::cast::Cast;
use media::message::{Control, RefusalCode, Request, Response, VERSION};
use quinn::crypto::rustls::QuicClientConfig;
use rustls::client::AlwaysResolvesClientRawPublicKeys;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::UdpSocket;
use world::{PATIENCE, Stage};

/// Sessions that are opened and never say Hello.
const SILENT: usize = 40;
/// The TLS alert `no_application_protocol`, as QUIC carries it.
const NO_ALPN: u64 = 0x100 + 120;
/// The alerts of TLS, as QUIC carries them.
const ALERTS: std::ops::Range<u64> = 0x100..0x200;

#[tokio::test(flavor = "multi_thread")]
async fn garbage_wrong_protocols_and_silent_sessions_cost_the_relay_no_honest_user() {
    let stage = Stage::set(1).await;
    let relay = stage.cast.video.relay.at().unwrap().quic;
    let live = &stage.cast.video.cameras[0].stats;
    stage.stored_until(stage.cast.video.filming_since_us + 1_000_000).await;
    let acked = live.now().acked;

    datagrams(relay).await;
    let stranger = Stranger::new();
    // Another protocol, and a peer that shows no key.
    let ended = stranger.connect(relay, b"h3", Shows::Key).await.unwrap_err();
    assert_eq!(code_of(&ended), Some(NO_ALPN), "{ended}");
    let ended = match stranger.connect(relay, quic::ALPN, Shows::Nothing).await {
        // The client's side of a handshake stands before the relay has judged it.
        Ok(connection) => closed(&connection).await,
        Err(ended) => ended,
    };
    assert!(code_of(&ended).is_some_and(|code| ALERTS.contains(&code)), "{ended}");

    // Nonsense where Hello should be.
    let hello = Control::Hello { version: VERSION }.encode();
    let over = [&u32::MAX.to_be_bytes()[..], &noise(1, 100)].concat();
    let other_version = Control::Hello { version: VERSION + 1 }.encode();
    for first in [
        over.clone(),
        framed(&noise(2, 500)),
        framed(&[]),
        framed(&[&hello[..], b"x"].concat()),
        framed(&other_version),
        framed(&Control::Goodbye.encode()),
        framed(&Request::ListCameras.encode()),
        // Cut in the middle of the length and of the message.
        framed(&hello)[..2].to_vec(),
        framed(&hello)[..6].to_vec(),
    ] {
        let connection = stranger.connect(relay, quic::ALPN, Shows::Key).await.unwrap();
        let (mut send, _recv) = connection.open_bi().await.unwrap();
        send.write_all(&first).await.unwrap();
        send.finish().unwrap();
        assert_eq!(code_of(&closed(&connection).await), Some(MALFORMED), "{first:?}");
    }

    // And after a good Hello: on the control stream, in a call, where a segment should be.
    for (place, nonsense) in [
        (Place::Control, framed(&noise(3, 200))),
        (Place::Control, over.clone()),
        (Place::Control, framed(&hello)),
        (Place::Call, framed(&noise(4, 200))),
        (Place::Call, over),
        (Place::Call, [framed(&Request::ListCameras.encode()), vec![0]].concat()),
        (Place::Call, framed(&Request::ListCameras.encode())[..5].to_vec()),
        (Place::Call, Vec::new()),
    ] {
        let (connection, mut control) = stranger.session(relay).await;
        match place {
            Place::Control => control.write_all(&nonsense).await.unwrap(),
            Place::Call => {
                let (mut send, _recv) = connection.open_bi().await.unwrap();
                // The relay may hang up before all is sent.
                let _ = send.write_all(&nonsense).await;
                let _ = send.finish();
                assert_eq!(code_of(&closed(&connection).await), Some(MALFORMED), "{place:?} {nonsense:?}");
                continue;
            }
        }
        assert_eq!(code_of(&closed(&connection).await), Some(MALFORMED), "{place:?} {nonsense:?}");
    }
    // Who may not publish has its segments' streams stopped or its session ended; either way
    // nothing is kept.
    let (connection, _control) = stranger.session(relay).await;
    let mut segment = connection.open_uni().await.unwrap();
    let _ = segment.write_all(&noise(5, 200_000)).await;
    let _ = segment.finish();
    let stopped = tokio::time::timeout(PATIENCE, segment.stopped()).await;
    assert!(stopped.is_ok(), "the relay neither takes nor refuses it");

    // Many that never say Hello, while an honest user comes.
    let mut silent = Vec::new();
    for _ in 0..SILENT {
        silent.push(stranger.connect(relay, quic::ALPN, Shows::Key).await.unwrap());
    }
    let status = owner::status::status(&stage.cast.people.owner).await.unwrap();
    assert!(status[0].online, "{status:?}");
    for connection in &silent {
        let ended = closed(connection).await;
        assert!(code_of(&ended).is_some(), "{ended}");
    }

    // The camera has published all the while, in one session.
    stage.stored_until(host::clock::now_us()).await;
    assert!(live.now().acked > acked && live.now().troubles.link.is_none(), "{live:?}");
    honest(&stage.cast).await;
    stage.strike().await;
}

const MALFORMED: u64 = RefusalCode::Malformed.code() as u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Control,
    Call,
}

/// Datagrams that are no QUIC, or only look like it.
async fn datagrams(relay: SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for seed in 0..2000u64 {
        let mut bytes = noise(seed, usize::try_from(seed * 7 % 1472).unwrap() + 1);
        match seed % 4 {
            // A long header of version 1, Initial, with whatever lengths.
            0 => bytes.splice(..0, [0xc0 | bytes[0] & 0x0f, 0, 0, 0, 1]).for_each(drop),
            // A version that nobody speaks.
            1 => bytes.splice(..0, [0xc0, 0xfa, 0xce, 0xfe, 0xed, 8]).for_each(drop),
            // A short header for a connection that is not there.
            2 => bytes[0] = bytes[0] & 0x3f | 0x40,
            _ => {}
        }
        bytes.truncate(1472);
        // A full buffer of the system's is no concern of ours.
        let _ = socket.send_to(&bytes, relay).await;
    }
    // A whole Initial's length of nothing.
    let _ = socket.send_to(&[&[0xc3, 0, 0, 0, 1, 8][..], &[7; 1194]].concat(), relay).await;
    let _ = socket.send_to(&[], relay).await;
}

/// The owner, with its own program.
async fn honest(cast: &Cast) {
    let root = cast.people.owner_config.keybook.join("root.secret");
    let seed: [u8; 32] = host::secret::read(&root, "owner-root").unwrap()[..].try_into().unwrap();
    let endpoint = quic::Endpoint::client(&quic::Identity::from_seed(&seed)).unwrap();
    let relay = cast.video.relay.at().unwrap();
    let (link, _control) = endpoint.connect(&relay.quic.to_string(), &relay.key.0).await.unwrap();
    let listed = link.call(&Request::ListCameras).await.unwrap();
    assert!(matches!(&listed, Response::Cameras(cameras) if cameras.len() == 1), "{listed:?}");
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    Key,
    Nothing,
}

/// Somebody with quinn and no manners.
struct Stranger {
    endpoint: quinn::Endpoint,
    key: Arc<CertifiedKey>,
}

impl Stranger {
    fn new() -> Self {
        let seed = [0x77; 32];
        let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key().to_bytes();
        // RFC 8410: an Ed25519 key as PKCS #8 and as SubjectPublicKeyInfo.
        let pkcs8 = [&hex::decode("302e020100300506032b657004220420").unwrap()[..], &seed].concat();
        let spki = [&hex::decode("302a300506032b6570032100").unwrap()[..], &public].concat();
        let signing = rustls::crypto::ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(pkcs8)).unwrap();
        let key = Arc::new(CertifiedKey::new(vec![CertificateDer::from(spki)], signing));
        Self { endpoint: quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap(), key }
    }

    async fn connect(
        &self,
        relay: SocketAddr,
        alpn: &[u8],
        shows: Shows,
    ) -> Result<quinn::Connection, quinn::ConnectionError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody));
        let mut tls = match shows {
            Shows::Key => {
                let key = AlwaysResolvesClientRawPublicKeys::new(self.key.clone());
                tls.with_client_cert_resolver(Arc::new(key))
            }
            Shows::Nothing => tls.with_no_client_auth(),
        };
        tls.alpn_protocols = vec![alpn.to_vec()];
        let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
        let connecting = self.endpoint.connect_with(config, relay, "relay.invalid").unwrap();
        tokio::time::timeout(PATIENCE, connecting).await.unwrap()
    }

    /// A session with a good Hello.
    async fn session(&self, relay: SocketAddr) -> (quinn::Connection, quinn::SendStream) {
        let connection = self.connect(relay, quic::ALPN, Shows::Key).await.unwrap();
        let (mut send, mut recv) = connection.open_bi().await.unwrap();
        send.write_all(&framed(&Control::Hello { version: VERSION }.encode())).await.unwrap();
        let mut length = [0; 4];
        tokio::time::timeout(PATIENCE, recv.read_exact(&mut length)).await.unwrap().unwrap();
        (connection, send)
    }
}

async fn closed(connection: &quinn::Connection) -> quinn::ConnectionError {
    tokio::time::timeout(PATIENCE, connection.closed()).await.expect("the relay keeps the session")
}

/// The code with which the relay closed a session.
fn code_of(ended: &quinn::ConnectionError) -> Option<u64> {
    match ended {
        quinn::ConnectionError::ApplicationClosed(close) => Some(close.error_code.into_inner()),
        quinn::ConnectionError::ConnectionClosed(close) => Some(close.error_code.into()),
        _ => None,
    }
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

/// Takes anybody for the relay.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _shown: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _shown: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _shown: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
