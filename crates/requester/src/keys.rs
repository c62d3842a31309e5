//! Keys.

use crate::config::Config;

/// What `init` made: public halves, for the registrar, the log's and the relay's operators.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Created {
    /// For the registrar.
    pub officer_vkey: String,
    /// For the registrar.
    pub supervisor_vkey: String,
    /// For the log's configuration (submitters) and the registrar.
    pub sponsor_vkey: String,
    /// The sponsor's Ed25519 link key, base64url: the relay's operator lists it under `sponsors`.
    pub link_key: String,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    #[error(transparent)]
    Secret(#[from] host::secret::SecretError),
}

/// An opened desk: configuration, keys, log policy, PolicyDoc.
#[derive(Debug)]
pub struct Requester {
    #[expect(dead_code)]
    config: Config,
}

/// Makes the key folder with fresh keys. Refuses a folder that already holds any.
pub fn init(_config: &Config) -> Result<Created, KeysError> {
    todo!()
}

impl Requester {
    /// Opens the keys; nothing is created.
    pub fn open(_config: Config) -> Result<Self, KeysError> {
        todo!()
    }

    pub fn public(&self) -> Created {
        todo!()
    }
}
