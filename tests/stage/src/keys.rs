//! One signer for each name: the same in every test, and another for every other name.

use ed25519_dalek::SigningKey;
use escrow::record::{Name, RECOVERY_KEY_NAME, Vkey};
use tlog::Hash;
use tlog::note::Signer;

pub fn signer(name: &str) -> Signer {
    Signer::from_seed(name, &Hash::of(&[name.as_bytes()]).0).unwrap()
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn vkey(signer: &Signer) -> Vkey {
    Vkey::new(signer.verifier()).unwrap()
}

/// Who publishes the rules.
pub fn operator() -> Signer {
    signer("candor.example")
}

pub fn registrar() -> Signer {
    signer("registrar.example")
}

/// The relay that sponsors leaves.
pub fn sponsor() -> Signer {
    signer("relay.example")
}

/// A court, which ratifies.
pub fn court() -> Signer {
    signer("court.example/clerk")
}

pub fn officer(agency: &str) -> Signer {
    signer(&format!("{agency}/officer"))
}

pub fn supervisor(agency: &str) -> Signer {
    signer(&format!("{agency}/supervisor"))
}

/// The trustee with this number.
pub fn trustee(number: u8) -> Signer {
    signer(&format!("trustee{number}.example"))
}

/// The owner's recovery key.
pub fn recovery() -> Signer {
    signer(RECOVERY_KEY_NAME)
}

/// A camera's, an owner's or a device's key.
pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub fn public(seed: u8) -> [u8; 32] {
    key(seed).verifying_key().to_bytes()
}
