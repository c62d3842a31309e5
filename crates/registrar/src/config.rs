//! The configuration of a registrar, or of an operator who publishes rules
//! (deploy/config/registrar.toml).

use host::config::Located;
use log_client::LogConfig;
use serde::Deserialize;
use std::path::PathBuf;

/// What a registrar is told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its data folder, made by `candor registrar init`.
    pub data: PathBuf,
    /// Its name, which stands in its key and its leaves: `registrar.example`.
    pub name: String,
    /// The log its leaves go to.
    pub log: LogConfig,
}

impl Located for Config {
    fn paths(&mut self) -> Vec<&mut PathBuf> {
        vec![&mut self.data, &mut self.log.policy]
    }
}
