//! The registrar: it says in the log which officers', supervisors' and sponsors' keys count; and, under the operator's name, it
//! publishes the rules of release (proto/release.md#register, proto/release.md#policydoc).
//!
//! Whoever says whose keys count must be neither the asker nor the decider: so this is a party of its own, with a key of its own,
//! and everything it says stands in the log. The operator's key is of the same kind; `name` says who speaks.
//!
//! ```text
//! candor requester-key v1                       candor policy-doc v1
//! state registered                              operator candor.example
//! role officer                                  document mEiB...=
//! agency police.example                         time 1795494000
//! vkey police.example/officer-1182+...
//! registrar registrar.example                   — candor.example oQ7x...
//! time 1795494000
//!
//! — registrar.example kZ1v...
//! ```
//!
//! In scope: [`init`] its key, [`register`] and [`revoke`] keys, [`write_rules`] and [`publish_rules`]. Out of scope: who deserves
//! a key (people decide that), what a registered key may do (`escrow::register`). It is no daemon: it dials the log and is done.
//!
//! The data folder, made by [`init`] alone:
//!
//! ```text
//! lock         held while a key is made
//! note.key     the key that signs its leaves, one line, mode 0600
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod add;
mod rules;

pub use add::{Added, register, revoke};
pub use log_client::LogConfig;
pub use rules::{Published, publish_rules, write_rules};

use escrow::policy::PolicyDocError;
use escrow::record::RecordError;
use host::durable::{DurableError, FolderLock};
use host::secret::SecretError;
use log_client::{AddError, LogClient, PolicyFileError};
use std::path::PathBuf;
use tlog::note::{KeyError, Signer};

/// The configuration of a registrar, or of an operator who publishes rules (deploy/config/registrar.toml).
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its data folder, made by `candor registrar init`.
    pub data: PathBuf,
    /// Its name, which stands in its key and its leaves: `registrar.example`.
    pub name: String,
    /// The log its leaves go to.
    pub log: LogConfig,
}

/// Why a key was not made, or a leaf not added.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data folder or a file could not be read or written.
    #[error(transparent)]
    File(#[from] DurableError),
    /// The key could not be read or made.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The key file holds no key of this name.
    #[error("the key in {}: {reason}", .path.display())]
    OwnKey { path: PathBuf, reason: String },
    /// The log's policy could not be read.
    #[error(transparent)]
    Policy(#[from] PolicyFileError),
    /// What should be registered is no verifier key that can sign leaves.
    #[error("{vkey:?} is not a verifier key that signs leaves: {reason}")]
    Key { vkey: String, reason: String },
    /// What should be named cannot stand in a leaf.
    #[error("{name:?} is not a name: write one without spaces and plus signs, such as police.example")]
    Name { name: String },
    /// The leaf would contradict itself or be too long.
    #[error("this leaf cannot be: {0}")]
    Leaf(#[from] RecordError),
    /// The file is no PolicyDoc.
    #[error("{}: {error}", .path.display())]
    Rules { path: PathBuf, error: PolicyDocError },
    /// There is no such file.
    #[error("{}: no such PolicyDoc; write one with `candor registrar rules`", .path.display())]
    NoRules { path: PathBuf },
    /// The PolicyDoc is somebody else's to publish.
    #[error(
        "{}: its operator is {operator}, and the key here is {own}: a policy-doc leaf by another key counts for nobody; name this key as operator, or publish with that one", .path.display()
    )]
    NotOperator { path: PathBuf, operator: String, own: String },
    /// A figure that the rules do not have.
    #[error("there is no figure {word:?} in the rules; those are: {known}")]
    Figure { word: String, known: String },
    /// The log takes no leaves of this name.
    #[error(
        "the log does not take leaves from {vkey}: its operator must list this key under [[submitters]] in the log's configuration and start it again ({said})"
    )]
    NotASubmitter { vkey: String, said: String },
    /// The log did not take the leaf, or did not prove that it did.
    #[error(transparent)]
    Add(AddError),
}

const KEY: &str = "note.key";

/// Makes the key of a new registrar or operator; returns its verifier key, for the PolicyDoc and for the log's list of submitters.
/// Refuses to touch a data folder that was initialised before.
pub fn init(config: &Config) -> Result<String, Error> {
    host::durable::create_dirs(&config.data)?;
    let _lock = FolderLock::acquire(&config.data)?;
    let path = config.data.join(KEY);
    let own = |error: KeyError| Error::OwnKey { path: path.clone(), reason: error.to_string() };
    let name = add::name(&config.name)?;
    let signer = Signer::generate(name.as_str(), &mut host::rng::OsRng).map_err(own)?;
    host::secret::create_line(&path, &signer.to_secret_text())?;
    Ok(signer.verifier().vkey())
}

/// The verifier key of an initialised registrar.
pub fn vkey(config: &Config) -> Result<String, Error> {
    Ok(signer(config)?.verifier().vkey())
}

fn signer(config: &Config) -> Result<Signer, Error> {
    let path = config.data.join(KEY);
    let line = host::secret::read_line(&path)?;
    let own = |reason: String| Error::OwnKey { path: path.clone(), reason };
    let signer = Signer::from_secret_text(&line).map_err(|error| own(error.to_string()))?;
    if signer.name() != config.name {
        let reason =
            format!("it is the key of {}, and the configuration says {}", signer.name(), config.name);
        return Err(own(reason));
    }
    Ok(signer)
}

fn log(config: &LogConfig) -> Result<LogClient, Error> {
    Ok(LogClient::from_file(&config.url, &config.policy)?)
}
