//! The monitor's one TOML file, and what it names: the log, and the rule by which it is counted.
//! Sample: `deploy/config/monitor.toml`, which a test parses.

use crate::count::CountRule;
use crate::error::Error;
use escrow::policy::{POLICY_DOC_MAX_BYTES, PolicyDoc};
use log_client::LogClient;
use std::net::SocketAddr;
use std::path::PathBuf;
use tlog::note::Verifier;

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
    /// The PolicyDoc: whose registrations count, and how soon an emergency must be ratified.
    pub rules: PathBuf,
    /// The verifier keys of the trustees: a grant counts if its trustee signed it.
    pub trustees: Vec<String>,
    /// Grants of so many trustees complete a release (t of the owners' policies).
    pub threshold: u32,
    /// Milliseconds between two looks at the log and at the peers.
    #[serde(default = "default_poll_ms")]
    pub poll_ms: u64,
    /// After so many seconds a head that a peer was shown and this monitor was not raises an alarm.
    #[serde(default = "default_withheld_secs")]
    pub withheld_secs: u64,
}

fn default_poll_ms() -> u64 {
    10_000
}
fn default_withheld_secs() -> u64 {
    600
}

impl Config {
    pub(crate) fn open_log(&self) -> Result<LogClient, Error> {
        Ok(LogClient::from_file(&self.log, &self.policy)?)
    }

    pub(crate) fn read_count_rule(&self) -> Result<CountRule, Error> {
        let parse = |vkey: &String| {
            Verifier::parse(vkey).map_err(|source| Error::TrusteeKey { vkey: vkey.clone(), source })
        };
        let trustees: Vec<Verifier> = self.trustees.iter().map(parse).collect::<Result<_, _>>()?;
        let threshold = self.threshold;
        if threshold == 0 || usize::try_from(threshold).is_ok_and(|threshold| threshold > trustees.len()) {
            return Err(Error::Threshold { threshold, trustees: trustees.len() });
        }
        Ok(CountRule { threshold, trustees, rules: self.read_rules()? })
    }

    fn read_rules(&self) -> Result<PolicyDoc, Error> {
        let path = || self.rules.clone();
        let bytes = host::durable::read_limited(&self.rules, POLICY_DOC_MAX_BYTES as u64)?;
        let bytes = bytes.ok_or_else(|| Error::NoRules { path: path() })?;
        PolicyDoc::parse(&bytes).map_err(|source| Error::Rules { path: path(), source })
    }
}
