//! Where a party's log is, as each party's configuration says it.

use host::config::Located;
use serde::Deserialize;
use std::path::PathBuf;

/// Where the log is, and whom to believe about it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// Where its checkpoint and tiles are read and leaves are added: `https://log.example/candor`.
    pub url: String,
    /// A C2SP tlog-policy file: the log's key, the witnesses, the quorum.
    pub policy: PathBuf,
}

impl Located for LogConfig {
    fn paths(&mut self) -> Vec<&mut PathBuf> {
        vec![&mut self.policy]
    }
}
