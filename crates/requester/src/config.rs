//! The requester's one TOML file. Sample: `deploy/config/requester.toml`, which a test parses.

pub use log_client::LogConfig;
pub use relay_client::Addresses;

use host::config::Located;
use quic::Key;
use serde::Deserialize;
use std::path::PathBuf;

/// `candor request VERB --config requester.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder of the keys; made by `candor request init`.
    pub keys: PathBuf,
    /// Note key names. The registrar registers them in the log before any request of theirs can
    /// pass.
    pub names: Names,
    /// Two-letter country of the agency.
    pub country: String,
    pub relay: Relay,
    pub log: LogConfig,
    /// The published PolicyDoc that governs requests.
    pub policy_doc: PathBuf,
}

impl Located for Config {
    fn paths(&mut self) -> Vec<&mut PathBuf> {
        vec![&mut self.keys, &mut self.log.policy, &mut self.policy_doc]
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// The agency, such as `police.example`.
    pub agency: String,
    /// Who signs every request, such as `police.example/officer-1182`.
    pub officer: String,
    /// Who signs an emergency too.
    pub supervisor: String,
    /// Under whose name the log admits the leaf.
    pub sponsor: String,
}

/// The relay, from which ciphertext and the objects of a request are fetched.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// Where it is: `HOST:PORT` each, tried in turn.
    pub addresses: Addresses,
    /// The relay's Ed25519 public key, base64url.
    pub key: Key,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const SAMPLE: &str = include_str!("../../../deploy/config/requester.toml");

    #[test]
    fn the_sample_is_a_configuration() {
        let config: Config = host::config::parse(SAMPLE, Path::new("requester.toml")).unwrap();
        assert_eq!(config.country.len(), 2);
    }

    #[test]
    fn a_misspelt_field_is_named() {
        let text = SAMPLE.replace("officer", "oficer");
        let error = host::config::parse::<Config>(&text, Path::new("r.toml")).unwrap_err().to_string();
        assert!(error.contains("oficer"), "{error}");
    }
}
