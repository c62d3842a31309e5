//! The registrar's own key: made once, read for each leaf.

use crate::config::Config;
use crate::error::Error;
use escrow::record::Name;
use host::durable::{self, FolderLock};
use log_client::{make_key, read_own_key};
use tlog::note::Signer;

const KEY: &str = "note.key";

/// Makes the key of a new registrar or operator; returns its verifier key, for the PolicyDoc and
/// for the log's list of submitters. Refuses to touch a data folder that was initialised before.
pub fn init(config: &Config) -> Result<String, Error> {
    durable::own_dir(&config.data)?;
    let _lock = FolderLock::acquire(&config.data)?;
    let name = name(&config.name)?;
    Ok(make_key(&config.data.join(KEY), name.as_str())?.verifier().vkey())
}

/// The verifier key of an initialised registrar.
pub fn vkey(config: &Config) -> Result<String, Error> {
    Ok(signer(config)?.verifier().vkey())
}

pub(crate) fn signer(config: &Config) -> Result<Signer, Error> {
    Ok(read_own_key(&config.data.join(KEY), &config.name)?)
}

pub(crate) fn name(text: &str) -> Result<Name, Error> {
    Name::new(text).ok_or_else(|| Error::Name { name: text.to_owned() })
}
