//! The configuration of a trustee (deploy/config/trustee.toml).

use host::config::{Located, default};
use log_client::LogConfig;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What a trustee is told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens, for example `127.0.0.1:7301`.
    pub listen: SocketAddr,
    /// Its data folder, made by `candor trustee init`.
    pub data: PathBuf,
    /// Its name, which stands in its key, in grants and in owners' policies: `bar.example`.
    pub name: String,
    /// The log it follows and appends to.
    pub log: LogConfig,
    /// The PolicyDoc that it applies, byte for byte as the operator published it.
    pub policy_doc: PathBuf,
    /// The verifier keys of the humans who may approve, each made by `candor trustee approver`.
    #[serde(default)]
    pub approvers: Vec<String>,
    /// Approve everything that passes the rules, without a human. For tests and the demo ONLY: it
    /// is shown at the start, in the log and in the status.
    #[serde(default)]
    pub auto_approve: bool,
    /// The longest retention that owners may count on; a day's key is destroyed seven days after
    /// it. Under 30, by the recommended rules, an emergency may ask two approvers: keys that its quota is counted
    /// by are gone.
    pub retention_days: u32,
    /// How many days ahead keys are published.
    #[serde(default = "default::<35, _>")]
    pub days_ahead: u32,
    /// Milliseconds between two looks at the log and at the decisions of humans.
    #[serde(default = "default::<2000, _>")]
    pub poll_ms: u64,
}

impl Located for Config {
    fn paths(&mut self) -> Vec<&mut PathBuf> {
        vec![&mut self.data, &mut self.log.policy, &mut self.policy_doc]
    }
}
