//! The log's one TOML file. Sample: `deploy/config/log.toml`, which a test parses.

use host::config::{Located, default};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The configuration of a log (deploy/config/log.toml).
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens, for example `127.0.0.1:7001`.
    pub listen: SocketAddr,
    /// Its data folder, made by `candor log init`.
    pub data: PathBuf,
    /// Its origin, a schema-less URL: `log.example/candor`.
    pub origin: String,
    /// A tlog-policy file: this log's own key, its witnesses with their URLs, and the quorum.
    /// Needed to serve, not for `init` (which prints the key that goes into it).
    pub policy: PathBuf,
    /// Who may add leaves.
    #[serde(default)]
    pub submitters: Vec<Submitter>,
    /// How long a leaf waits for others before its batch is written, in milliseconds.
    #[serde(default = "default::<50, _>")]
    pub batch_ms: u64,
    /// The least time between two checkpoints, in milliseconds: 1000 towards public witnesses.
    #[serde(default = "default::<1000, _>")]
    pub checkpoint_ms: u64,
    /// After this many seconds without a new checkpoint the same head is cosigned again, so that
    /// its cosignature times stay fresh (trustees refuse times older than 120 s).
    #[serde(default = "default::<30, _>")]
    pub refresh_secs: u64,
    /// How long to wait for further cosignatures once the quorum is there, in milliseconds.
    #[serde(default = "default::<100, _>")]
    pub beyond_quorum_ms: u64,
    /// How long `POST /add` waits for its leaf to be published, in seconds.
    #[serde(default = "default::<30, _>")]
    pub add_wait_secs: u64,
}

impl Located for Config {
    fn paths(&mut self) -> Vec<&mut PathBuf> {
        vec![&mut self.data, &mut self.policy]
    }
}

/// What each party submits, for its [`Submitter::kinds`]: words of leaves' first lines.
pub mod kinds {
    pub const TRUSTEE: &[&str] = &["grant", "refusal", "share-bad", "day-keys", "key-destroyed"];
    /// A relay, and a requester's own sponsor.
    pub const SPONSOR: &[&str] = &["policy", "request", "ratification", "veto"];
    pub const REGISTRAR: &[&str] = &["requester-key"];
    /// Of the rules.
    pub const OPERATOR: &[&str] = &["policy-doc"];
}

/// One submitter, its kinds and its rates.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submitter {
    /// Its verifier key: a leaf is admitted if this key signed it.
    pub vkey: String,
    /// The kinds of leaf that it may add, by the word of the first line: `grant` of `candor grant
    /// v1`. What each party needs stands in [`kinds`].
    pub kinds: Vec<String>,
    /// Leaves per minute on average.
    #[serde(default = "default::<60, _>")]
    pub per_minute: u32,
    /// Leaves at once after a pause.
    #[serde(default = "default::<200, _>")]
    pub burst: u32,
    /// Bytes per minute on average; ten minutes' worth may come at once. Everybody who audits reads
    /// them for ever.
    #[serde(default = "default::<131_072, _>")]
    pub bytes_per_minute: u32,
}
