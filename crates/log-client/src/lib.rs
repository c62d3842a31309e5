//! A log as its readers and submitters meet it over HTTP: a fresh head with a quorum, every entry
//! up to it verified before it is looked at, a leaf added and its proof checked. Contract:
//! `proto/log.md`.
//!
//! In scope: fetching what `tlog::reader` wants, freshness, `POST /add` with its retries. Out of
//! scope: what leaves mean, what is kept between two looks (each party keeps its own head),
//! accusing a log (`monitor`).
//!
//! ```no_run
//! # async fn example(policy: tlog::policy::Policy, leaf: Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
//! use host::clock::Clock;
//! use log_client::{LogClient, MAX_AHEAD_SECS, MAX_HEAD_AGE_SECS};
//! use tlog::{policy::Window, stamp::Followed};
//!
//! let log = LogClient::new("https://log.example/candor", policy);
//! let logged = log.add(leaf).await?;
//! let window = Window::around(Clock::system().seconds(), MAX_HEAD_AGE_SECS, MAX_AHEAD_SECS);
//! let head = log.head(window).await?;
//! let reading = log.follow(&Followed::default(), &head, &mut |entry| println!("{}", entry.index())).await?;
//! assert!(reading.faults.is_empty());
//! # Ok(()) }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod add;
mod config;
mod follow;
mod key;
mod policy_file;

pub use add::AddError;
pub use config::LogConfig;
pub use follow::{FollowError, MAX_AHEAD_SECS, MAX_HEAD_AGE_SECS, Reading};
pub use key::{KeyFileError, make_key, read_key, read_own_key};
pub use policy_file::{PolicyFault, PolicyFileError, read_policy};

use host::http::{Fetch, FetchLimits, Retry};
use std::path::Path;
use std::time::Duration;
use tlog::policy::Policy;
use tlog::tile;

/// One log, and whom to believe about it. Clones share connections.
#[derive(Debug, Clone)]
pub struct LogClient {
    fetch: Fetch,
    url: String,
    policy: Policy,
}

impl LogClient {
    /// Names the log's URL (`https://log.example/candor`) and the policy under which its heads are
    /// accepted.
    pub fn new(url: &str, policy: Policy) -> Self {
        let limits = FetchLimits {
            answer_bytes: tile::BUNDLE_MAX_BYTES,
            timeout: Duration::from_secs(30),
            retry: Retry::BRIEF,
            ..FetchLimits::default()
        };
        Self { fetch: Fetch::new(limits), url: url.trim_end_matches('/').to_owned(), policy }
    }

    /// The same with the policy in a file.
    pub fn from_file(url: &str, policy: &Path) -> Result<Self, PolicyFileError> {
        Ok(Self::new(url, read_policy(policy)?.0))
    }

    /// The policy under which heads and proofs are accepted.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}
