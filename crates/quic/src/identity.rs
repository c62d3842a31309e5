//! Who a peer is: the Ed25519 key it proves to hold in the handshake, as a raw public key (RFC
//! 7250). No certificate, no authority, no name: a key is pinned (the relay's, by its clients) or
//! looked up (a client's, by the relay).

use ed25519_dalek::SigningKey;
use media::sign::{PublicKey, SignatureBytes};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// SubjectPublicKeyInfo of an Ed25519 key (RFC 8410), before its 32 bytes.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// PKCS #8 of an Ed25519 key (RFC 8410), before its 32-byte seed.
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A party's own key. Clones share it.
#[derive(Clone)]
pub struct Identity {
    public_key: PublicKey,
    certified: Arc<CertifiedKey>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}

impl Identity {
    /// The identity of an Ed25519 seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let public_key = SigningKey::from_bytes(seed).verifying_key().to_bytes();
        let pkcs8 = Zeroizing::new([&PKCS8[..], seed].concat());
        let key = rustls::crypto::ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(&pkcs8[..]))
            .expect("every 32-byte seed is an Ed25519 key");
        let spki = CertificateDer::from([&SPKI[..], &public_key].concat());
        Self { public_key, certified: Arc::new(CertifiedKey::new(vec![spki], key)) }
    }

    /// The public key that peers see.
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// TLS for a client that accepts the holder of `relay_key` and nobody else.
    pub(crate) fn client_tls(&self, relay_key: &PublicKey, alpn: &[u8]) -> rustls::ClientConfig {
        let mut tls = rustls::ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("ring has TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned(*relay_key)))
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(
                self.certified.clone(),
            )));
        tls.alpn_protocols = vec![alpn.to_vec()];
        // A resumed session would prove an identity by a ticket; each connection proves it by its
        // key. No name leaks.
        tls.resumption = Resumption::disabled();
        tls.enable_sni = false;
        tls
    }

    /// TLS for a server that accepts every client which proves its key.
    pub(crate) fn server_tls(&self, alpn: &[u8]) -> rustls::ServerConfig {
        let mut tls = rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("ring has TLS 1.3")
            .with_client_cert_verifier(Arc::new(AnyKey))
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(self.certified.clone())));
        tls.alpn_protocols = vec![alpn.to_vec()];
        tls.send_tls13_tickets = 0;
        tls
    }
}

/// The key in what a peer showed as its certificate.
pub(crate) fn key_of(shown: &CertificateDer<'_>) -> Option<PublicKey> {
    shown.strip_prefix(&SPKI[..])?.try_into().ok()
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn malformed() -> Error {
    Error::InvalidCertificate(CertificateError::BadEncoding)
}

/// The handshake's signature by the strict rules that all signatures of the protocol follow.
fn signed(
    message: &[u8],
    shown: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let bad = || Error::InvalidCertificate(CertificateError::BadSignature);
    let key = key_of(shown).ok_or_else(malformed)?;
    let bytes: SignatureBytes = signature.signature().try_into().map_err(|_| bad())?;
    if signature.scheme != SignatureScheme::ED25519 {
        return Err(bad());
    }
    media::sign::verify(&key, b"", message, &bytes, "the handshake").map_err(|_| bad())?;
    Ok(HandshakeSignatureValid::assertion())
}

/// What both sides' verifiers say: Ed25519 raw public keys, under TLS 1.3.
macro_rules! raw_keys_only {
    () => {
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
            message: &[u8],
            shown: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            signed(message, shown, signature)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ED25519]
        }

        fn requires_raw_public_keys(&self) -> bool {
            true
        }
    };
}

#[derive(Debug)]
struct Pinned(PublicKey);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // SPEC: session.md#identity: a client MUST end the handshake when the relay's key is not
        // the pinned one.
        match key_of(shown) {
            Some(key) if key == self.0 && chain.is_empty() => Ok(ServerCertVerified::assertion()),
            Some(_) => Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)),
            None => Err(malformed()),
        }
    }

    raw_keys_only!();
}

#[derive(Debug)]
struct AnyKey;

impl ClientCertVerifier for AnyKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        shown: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match key_of(shown) {
            Some(_) if chain.is_empty() => Ok(ClientCertVerified::assertion()),
            _ => Err(malformed()),
        }
    }

    raw_keys_only!();
}
