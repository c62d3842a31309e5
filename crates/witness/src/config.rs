//! The witness's one TOML file. Sample: `deploy/config/witness.toml`, which a test parses.

use host::config::Located;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The configuration of a witness (deploy/config/witness.toml).
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens, for example `127.0.0.1:7101`.
    pub listen: SocketAddr,
    /// Its data folder, made by `candor witness init`.
    pub data: PathBuf,
    /// Its name, a schema-less URL: `witness.example/w1`.
    pub name: String,
    /// The verifier keys (vkeys) of the logs it cosigns; several keys may share one origin.
    pub logs: Vec<String>,
}

impl Located for Config {
    fn paths(&mut self) -> Vec<&mut PathBuf> {
        vec![&mut self.data]
    }
}
