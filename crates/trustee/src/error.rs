//! Why a trustee does not start or ends, and why it could not decide.

use crate::daykeys::DayKeyError;
use crate::ledger::LedgerError;
use escrow::answer::{Failed, Failure};
use escrow::grant::Refusal;
use escrow::policy::PolicyDocError;
use escrow::record::RecordError;
use host::durable::DurableError;
use host::given::GivenError;
use log_client::KeyFileError;
use media::codec::DecodeError;
use std::path::PathBuf;
use tlog::note::KeyError;

/// Why a trustee does not start, had to end, or a command about it was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Listen(std::io::Error),
    #[error(transparent)]
    File(#[from] DurableError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    DayKeys(#[from] DayKeyError),
    #[error("{name:?} is not a name: write one without spaces and plus signs, such as bar.example")]
    Name { name: String },
    #[error(transparent)]
    OwnKey(#[from] KeyFileError),
    #[error(transparent)]
    Policy(#[from] log_client::PolicyFileError),
    #[error(transparent)]
    Rules(#[from] GivenError<PolicyDocError>),
    #[error(
        "retention_days = {days}: the key of a day would be kept longer than the {allowed} days after it that the rules allow (day-key-max-secs), and no camera would deal to it; make it less"
    )]
    KeptTooLong { days: u32, allowed: u64 },
    #[error("the approver's key {vkey:?}: {source}")]
    Approver { vkey: String, source: KeyError },
    #[error("the approver's key {vkey:?}: it cosigns checkpoints and cannot approve")]
    Cosigner { vkey: String },
    #[error(
        "nobody may approve: make a key with `candor trustee approver` and list its verifier key under `approvers`"
    )]
    NoApprovers,
    #[error(
        "{}: auto_approve is on, and there is no key for it: it was off when `candor trustee init` was run; start a new data folder, or turn it off", .path.display()
    )]
    NoAutoApprover { path: PathBuf },
}

/// Why nothing could be said: the trustee's own trouble.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    File(#[from] DurableError),
    #[error(transparent)]
    DayKeys(#[from] DayKeyError),
    #[error("a leaf cannot be: {0}")]
    Leaf(#[from] RecordError),
    #[error("what is held cannot be read: {0}; restore the data folder")]
    Held(#[from] DecodeError),
    #[error(transparent)]
    Gate(#[from] Refusal),
}

impl From<Trouble> for Failed {
    fn from(trouble: Trouble) -> Self {
        tracing::error!(%trouble, "what was asked could not be answered");
        Failure::TrusteeFailure.advise("the trustee's operator must look; ask the others")
    }
}
