//! The keybook: a folder with the owner's keys, made once, and the book of cameras.
//!
//! ```text
//! keybook/root.secret      Ed25519: signs enrollments and policies; the relay's operator lists its public half;
//!                          of it follows the audit key, by which the owner reads what is asked
//! keybook/device.secret    Ed25519: this device's identity when it watches
//! keybook/wrap.secret      X-Wing: what cameras wrap epoch seeds to
//! keybook/book.json        the cameras ([`crate::book`])
//! keybook/notice/          one notice root a camera
//! ```
//!
//! **Two identities towards the relay.** What only an owner may do (open a mailbox, put a policy,
//! have a leaf sponsored) is done over a session as the *root* key, which the relay's operator
//! lists. Watching (subscribe, fetch, list cameras) is done as the *device* key, whose `DeviceId`
//! stands among the policy's recipients: the same rule as for every other viewer, so that a device
//! can be taken out of a policy without changing the root.

use crate::book::{Book, BookError};
use crate::config::Config;
use ed25519_dalek::SigningKey;
use escrow::policy::{POLICY_DOC_MAX_BYTES, PolicyDoc, PolicyDocError};
use escrow::record::RECOVERY_KEY_NAME;
use host::durable::{self, DurableError};
use host::given::{self, GivenError};
use host::secret::{self, SecretError};
use log_client::PolicyFileError;
use quic::Key;
use seal::hpke;
use std::path::Path;
use tlog::note::Verifier;

/// What `init` made: public halves only, for the relay's operator and for the owner's own records.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Created {
    /// The owner's Ed25519 root key: the relay's operator lists it under `owners`.
    pub root_key: Key,
    /// This device's Ed25519 key.
    pub device_key: Key,
}

/// Why keys could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    File(#[from] DurableError),
    #[error(transparent)]
    Book(#[from] BookError),
    #[error(transparent)]
    LogPolicy(#[from] PolicyFileError),
    #[error(transparent)]
    PolicyDoc(#[from] GivenError<PolicyDocError>),
    #[error(
        "recovery_key {0:?} is not the verifier key of an Ed25519 note key named \"recovery\"; correct it in the configuration"
    )]
    RecoveryKey(String),
}

/// The secret halves.
pub(crate) struct Keys {
    pub(crate) root: SigningKey,
    pub(crate) device: SigningKey,
    pub(crate) wrap: hpke::SecretKey,
}

const ROOT: (&str, &str) = ("root.secret", "owner-root");
const DEVICE: (&str, &str) = ("device.secret", "owner-device");
const WRAP: (&str, &str) = ("wrap.secret", "owner-wrap");

/// Makes the keybook folder with fresh keys. Refuses a folder that already holds any.
pub fn init(config: &Config) -> Result<Created, KeysError> {
    let folder = &config.keybook;
    durable::own_dir(folder)?;
    let make = |(file, label): (&str, &str)| secret::create_key(&folder.join(file), label);
    let (root, device) = (SigningKey::from_bytes(&*make(ROOT)?), SigningKey::from_bytes(&*make(DEVICE)?));
    let wrap = hpke::SecretKey::generate(&mut host::rng::Rng::system());
    secret::create(&folder.join(WRAP.0), WRAP.1, wrap.expose())?;
    Book::create(folder)?;
    Ok(Keys { root, device, wrap }.public())
}

impl Keys {
    pub(crate) fn open(folder: &Path) -> Result<Self, KeysError> {
        let key = |(file, label): (&str, &str)| secret::read_key(&folder.join(file), label);
        Ok(Self {
            root: SigningKey::from_bytes(&*key(ROOT)?),
            device: SigningKey::from_bytes(&*key(DEVICE)?),
            wrap: hpke::SecretKey::new(*key(WRAP)?),
        })
    }

    /// The key by which the owner reads what is asked about the cameras: it follows from the root.
    pub(crate) fn audit(&self) -> hpke::SecretKey {
        seal::details::audit_key(&self.root.to_bytes())
    }

    pub(crate) fn public(&self) -> Created {
        let public = |key: &SigningKey| Key(key.verifying_key().to_bytes());
        Created { root_key: public(&self.root), device_key: public(&self.device) }
    }
}

/// The PolicyDoc in a file.
pub(crate) fn rules(path: &Path) -> Result<PolicyDoc, KeysError> {
    let what = "file; get it from the log's operator, or correct the configuration";
    Ok(given::read(path, POLICY_DOC_MAX_BYTES, what, PolicyDoc::parse)?)
}

/// The key that signs the owner's recoveries, as the owner's policies name it: what the gate of each
/// trustee holds a recovery against.
pub(crate) fn recovery_key(vkey: &str) -> Result<[u8; 32], KeysError> {
    let key = Verifier::parse(vkey).ok().filter(|key| key.name() == RECOVERY_KEY_NAME);
    let key = key.and_then(|key| key.ed25519_key());
    key.ok_or_else(|| KeysError::RecoveryKey(vkey.chars().take(96).collect()))
}

#[cfg(test)]
pub(crate) mod tests;
