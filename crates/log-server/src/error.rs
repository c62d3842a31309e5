//! Why a log does not start, or stopped; and what one step of its writer may meet.

use crate::index::IndexError;
use crate::tree::TreeError;
use host::given::GivenError;
use std::path::PathBuf;
use tlog::note::KeyError;
use tlog::policy::PolicyError;
use tlog::stamp::StampError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Listen(std::io::Error),
    #[error(transparent)]
    File(#[from] host::durable::DurableError),
    #[error(transparent)]
    Secret(#[from] host::secret::SecretError),
    #[error("the key in {}: {source}", .path.display())]
    OwnKey { path: PathBuf, source: KeyError },
    #[error(transparent)]
    Policy(#[from] GivenError<PolicyMisfit>),
    #[error("the submitter key {vkey:?}: {source}")]
    SubmitterKey { vkey: String, source: KeyError },
    #[error(
        "{kind:?}, which {vkey} may add by the configuration, is the word of no kind of leaf: write it as in a leaf's first line, such as \"grant\""
    )]
    SubmitterKind { vkey: String, kind: String },
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("the log's last entry bears no stamp of its key: {0}; restore the data folder")]
    Stamp(#[from] StampError),
}

/// Why a policy is none that this log can publish under.
#[derive(Debug, thiserror::Error)]
pub enum PolicyMisfit {
    #[error(transparent)]
    Malformed(#[from] PolicyError),
    #[error("it does not name this log's key; add the line: log {own_key}")]
    NotOurs { own_key: String },
    #[error("the witnesses that have a URL are not a quorum: give each witness its submission URL")]
    Unreachable,
}
