//! Keys.

use crate::config::Config;

/// What `init` made: public halves only, for the relay's operator and for the owner's own records.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Created {
    /// The owner's Ed25519 root key, base64url: the relay's operator lists it under `owners`.
    pub root_key: String,
    /// This device's Ed25519 key, base64url.
    pub device_key: String,
}

/// Why keys could not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    #[error(transparent)]
    Secret(#[from] host::secret::SecretError),
}

/// An opened keybook: configuration, keys, book of cameras and the log policy.
#[derive(Debug)]
pub struct Owner {
    #[expect(dead_code)]
    config: Config,
}

/// Makes the keybook folder with fresh keys. Refuses a folder that already holds any.
pub fn init(_config: &Config) -> Result<Created, KeysError> {
    todo!()
}

impl Owner {
    /// Opens the keybook; nothing is created.
    pub fn open(_config: Config) -> Result<Self, KeysError> {
        todo!()
    }

    /// Public halves of the keys in the keybook.
    pub fn public(&self) -> Created {
        todo!()
    }

    /// The cameras in the book, by name.
    pub fn cameras(&self) -> Vec<crate::book::Camera> {
        todo!()
    }
}
