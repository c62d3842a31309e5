//! A monitor: it follows the log, verifies every step of its growth, swaps heads with peer
//! monitors, counts releases, and raises the alarm on a fork (proto/gossip.md).
//!
//! ```text
//! GET  /            the count and why to believe it, for people (HTML)
//! GET  /gossip      this monitor's head (a signed checkpoint) and its fork proofs (JSON)
//! POST /gossip      the same, from a peer; the answer is ours
//! GET  /counts      requests, grants and refusals by kind, agency and month (JSON)
//! GET  /status      followed head, its age, peers, alarms (JSON; 500 while an alarm stands)
//! ```
//!
//! In scope: [`init`] and [`start`] a monitor; [`check`] recounts without one. Out of
//! scope: whose camera a record is about, which no public text says.
// A kind of leaf, head or failure that is forgotten here is one that nobody counts or hears of.
#![deny(clippy::wildcard_enum_match_arm)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod book;
mod check;
mod config;
mod count;
mod error;
mod evidence;
mod follow;
mod gossip;
mod look;
mod page;
mod proof;
mod serve;
mod start;
mod state;
mod store;
mod watch;

pub use check::{Report, check};
pub use config::Config;
pub use count::{Counts, Emergencies, Row, RowKey};
pub use error::Error;
pub use evidence::AlarmKind;
pub use gossip::{Gossip, GossipError, MAX_GOSSIP_BYTES, MAX_HEAD_BYTES, MAX_PROOF_BYTES};
pub use look::State;
pub use proof::{Disproved, Proven, prove};
pub use start::{At, init, start};
pub use state::Status;
pub use store::StoreError;
