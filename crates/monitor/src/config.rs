//! The monitor's one TOML file, and the log that it names. How it is counted is not configured.
//! Sample: `deploy/config/monitor.toml`, which a test parses.

use crate::error::Error;
use host::config::{Located, default};
use log_client::LogClient;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The configuration of a monitor (deploy/config/monitor.toml).
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens, for example `127.0.0.1:7201`.
    pub listen: SocketAddr,
    /// Its data folder, made by `candor monitor init`.
    pub data: PathBuf,
    /// The log's URL, for example `https://log.example/candor`.
    pub log: String,
    /// A tlog-policy file: the log's key, the witnesses, the quorum.
    pub policy: PathBuf,
    /// The URLs of peer monitors. One side naming the other is enough.
    #[serde(default)]
    pub peers: Vec<String>,
    /// Milliseconds between two looks at the log and at the peers.
    #[serde(default = "default::<10_000, _>")]
    pub poll_ms: u64,
    /// After so many seconds a head that a peer was shown and this monitor was not raises an alarm.
    #[serde(default = "default::<600, _>")]
    pub withheld_secs: u64,
}

impl Located for Config {
    fn paths(&mut self) -> Vec<&mut PathBuf> {
        vec![&mut self.data, &mut self.policy]
    }
}

impl Config {
    pub(crate) fn open_log(&self) -> Result<LogClient, Error> {
        Ok(LogClient::from_file(&self.log, &self.policy)?)
    }
}
