//! What a certificate is known by: the SHA-256 of its bytes, as `openssl x509 -fingerprint -sha256`
//! and browsers show it.

use rustls::pki_types::CertificateDer;
use std::fmt;
use std::str::FromStr;

/// Of one certificate.
#[derive(Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Fingerprint([u8; 32]);

/// Why a text is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no SHA-256 fingerprint of a certificate; write its 64 hexadecimal digits, with or without colons")]
pub struct FingerprintError;

impl Fingerprint {
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Self {
        let suite = rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
        let suite = suite.tls13().expect("it is a suite of TLS 1.3");
        let mut sum = [0; 32];
        sum.copy_from_slice(suite.common.hash_provider.hash(certificate).as_ref());
        Self(sum)
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let digits: String = text.chars().filter(|c| *c != ':').collect();
        let mut sum = [0; 32];
        hex::decode_to_slice(&digits, &mut sum).map_err(|_| FingerprintError)?;
        Ok(Self(sum))
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = FingerprintError;

    fn try_from(text: String) -> Result<Self, FingerprintError> {
        text.parse()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
