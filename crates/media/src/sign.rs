//! Ed25519 signatures over domain-separated bytes, and SHA-256.
//!
//! A signature is over `domain || bytes`; the domain ends in 0x00 and stands in the table of
//! `proto/segment.md`. Verification is strict (RFC 8032 with small-order keys and non-canonical
//! scalars refused).

use alloc::vec::Vec;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

/// An Ed25519 public key, 32 bytes, not yet checked to be a point.
pub type PublicKey = [u8; 32];
/// An Ed25519 signature, 64 bytes.
pub type SignatureBytes = [u8; 64];

/// A signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature on {0} does not hold")]
pub struct BadSignature(pub &'static str);

/// SHA-256 of the concatenation of `parts`.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// Signs `domain || body`.
pub fn sign(key: &SigningKey, domain: &[u8], body: &[u8]) -> SignatureBytes {
    key.sign(&message(domain, body)).to_bytes()
}

/// Verifies a signature on `domain || body`; `what` names the object in the error.
///
/// # Errors
/// [`BadSignature`] for a key that is no point, a small-order key, or a signature that does not
/// hold.
pub fn verify(
    key: &PublicKey,
    domain: &[u8],
    body: &[u8],
    signature: &SignatureBytes,
    what: &'static str,
) -> Result<(), BadSignature> {
    let key = VerifyingKey::from_bytes(key).map_err(|_| BadSignature(what))?;
    key.verify_strict(&message(domain, body), &Signature::from_bytes(signature))
        .map_err(|_| BadSignature(what))
}

fn message(domain: &[u8], body: &[u8]) -> Vec<u8> {
    [domain, body].concat()
}

/// An object with its signature behind it.
pub(crate) fn sign_object(key: &SigningKey, domain: &[u8], mut body: Vec<u8>) -> Vec<u8> {
    let signature = sign(key, domain, &body);
    body.extend_from_slice(&signature);
    body
}

/// Verifies an object whose last 64 bytes are its signature over the rest.
pub(crate) fn verify_object(
    bytes: &[u8],
    key: &PublicKey,
    domain: &[u8],
    what: &'static str,
) -> Result<(), BadSignature> {
    let (body, signature) = bytes.split_last_chunk::<64>().ok_or(BadSignature(what))?;
    verify(key, domain, body, signature, what)
}
