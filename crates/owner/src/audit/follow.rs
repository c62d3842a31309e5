//! Reading the log for an audit: a fresh cosigned head, then every leaf up to it, each verified before it is looked at.
//!
//! In scope: fetching what [`tlog::reader::Reader`] wants, and freshness. Out of scope: what leaves mean.
//! SPEC: log.md#following

use host::http::{Fetch, FetchError, FetchLimits, Retry};
use std::time::Duration;
use tlog::policy::{CosignedCheckpoint, Policy, VerifyError, Window};
use tlog::reader::{Head, ReadError, Reader, VerifiedEntry};
use tlog::tile::{self, TilePath};

/// How old a quorum's cosignatures may be. The log has its head cosigned anew every minute or so, even when nothing was
/// added; older ones mean that somebody is being kept in the past.
pub const MAX_HEAD_AGE_SECS: u64 = 600;
/// How far ahead of this device's clock a witness's may be.
pub const MAX_AHEAD_SECS: u64 = 30;

/// Why the log could not be read to a fresh head.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    #[error("the log cannot be read: {0}; try again later (nothing is proved until it can)")]
    Fetch(#[from] FetchError),
    #[error(
        "the log's head is not accepted: {0}; if this lasts, tell the monitors: nothing is proved until it ends"
    )]
    Head(#[from] VerifyError),
    #[error("{0}; keep the keybook: the head in it is evidence, show it to a monitor")]
    Read(#[from] ReadError),
}

impl FollowError {
    /// Whether the log contradicts what it had shown before.
    pub fn is_fork(&self) -> bool {
        matches!(self, Self::Read(ReadError::Forked { .. }))
    }
}

/// A log as this owner reads it.
#[derive(Debug)]
pub(crate) struct Follower<'a> {
    fetch: Fetch,
    url: &'a str,
    policy: &'a Policy,
}

impl<'a> Follower<'a> {
    pub(crate) fn new(url: &'a str, policy: &'a Policy) -> Self {
        let limits = FetchLimits {
            answer_bytes: tile::BUNDLE_MAX_BYTES,
            timeout: Duration::from_secs(30),
            ..FetchLimits::default()
        };
        Self { fetch: Fetch::new(limits), url, policy }
    }

    /// The log's newest head, cosigned by a quorum no longer than [`MAX_HEAD_AGE_SECS`] before `now`.
    pub(crate) async fn head(&self, now: u64) -> Result<CosignedCheckpoint, FollowError> {
        let url = format!("{}/checkpoint", self.url.trim_end_matches('/'));
        let limits = FetchLimits { answer_bytes: tlog::note::NOTE_MAX_BYTES, ..FetchLimits::default() };
        let bytes = self.fetch.with_limits(limits).get_again(&url, Retry::BRIEF).await?.ok()?;
        let window = Window::around(now, MAX_HEAD_AGE_SECS, MAX_AHEAD_SECS);
        Ok(self.policy.verify_fresh_checkpoint(&bytes, window)?)
    }

    /// Hands every entry between `trusted` and `head` to `take`, in order, once the head is shown to continue `trusted`.
    pub(crate) async fn read(
        &self,
        trusted: Head,
        head: &CosignedCheckpoint,
        take: &mut (dyn FnMut(VerifiedEntry) + Send),
    ) -> Result<(), FollowError> {
        let mut reader = Reader::new(trusted, head)?;
        while !reader.is_complete() {
            for path in reader.wanted() {
                let bytes = self.tile(&path).await?;
                reader.feed(&path, &bytes)?;
            }
            while let Some(entry) = reader.next_entry() {
                take(entry);
            }
        }
        Ok(())
    }

    /// A log may drop a partial tile once the full one exists; that one's bytes serve as well.
    async fn tile(&self, path: &TilePath) -> Result<Vec<u8>, FollowError> {
        let reply = self.fetch.get_again(&tile::url(self.url, path), Retry::BRIEF).await?;
        if reply.status != 404 || path.is_full() {
            return Ok(reply.ok()?.to_vec());
        }
        let full = tile::url(self.url, &path.full());
        Ok(self.fetch.get_again(&full, Retry::BRIEF).await?.ok()?.to_vec())
    }
}

#[cfg(test)]
mod tests;
