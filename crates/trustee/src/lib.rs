//! A trustee: it holds one share of each epoch key, and lets it go only for a request that the
//! witnessed log shows, by a grant that the witnessed log shows (proto/release.md). What it says
//! over HTTP, and where, stands in `escrow::answer`; its data folder in `folder`.
//!
//! In scope: keys of days, following the log, asking a human, remembering what was granted,
//! serving. Out of scope: the decision itself, which is pure and stands in `escrow::grant`.
//!
//! | module | job |
//! |---|---|
//! | `config`, `error`, `folder` | what it is told; why it does not start; what lies where on its disk |
//! | `identity` | its keys, and `init` that makes them; what a lost disk leaves, made whole |
//! | `state` | what its tasks share: office, desk, log, door |
//! | `start`, `work` | the order of starting and stopping; what goes on without anybody asking |
//! | `serve`, `status` | the URLs; what an operator asks |
//! | `decide`, `judge` | one package, from its bytes to its answer; G1 to G10 of it |
//! | `append` | what goes into the log, and what may leave then (G11, G12) |
//! | `follow`, `time` | the log, read to a fresh head; what time it is for keys of days |
//! | `desk`, `ledger`, `pending`, `approve`, `daykeys` | what is kept: all of it, decisions, packages that wait, what humans say, keys of days |
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod append;
mod approve;
mod config;
mod daykeys;
mod decide;
mod desk;
mod error;
mod folder;
mod follow;
mod identity;
mod judge;
mod ledger;
mod pending;
mod serve;
mod start;
mod state;
mod status;
mod time;
mod work;

pub use approve::{ApproveError, Called, approve, approver_init, deny, order, pending};
pub use config::Config;
pub use daykeys::{DayKeyError, DayState};
pub use error::Error;
pub use follow::FollowFailure;
pub use identity::{Created, Restored, init, restore, vkey};
pub use ledger::{LedgerError, Totals};
pub use log_client::LogConfig;
pub use pending::{Decision, Footage, Line, Pending};
pub use start::{At, start};
pub use state::Trustee;
pub use status::{Health, Status};
