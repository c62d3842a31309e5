//! Reading the log: a fresh cosigned head, then every entry up to it, each verified before it is
//! looked at.
//!
//! In scope: fetching what [`tlog::reader::Reader`] wants, and freshness. Out of scope: what leaves
//! mean.
//! SPEC: log.md#following

use crate::LogClient;
use host::http::{FetchError, FetchLimits, Retry};
use tlog::policy::{CosignedCheckpoint, VerifyError, Window};
use tlog::reader::{Head, ReadError, Reader, VerifiedEntry};
use tlog::stamp::{Bracket, Followed, StampFault};
use tlog::tile::{self, TilePath};

/// How old a quorum's cosignatures may be. The log has its head cosigned anew every minute or so,
/// even when nothing was added; older ones mean that somebody is being kept in the past.
pub const MAX_HEAD_AGE_SECS: u64 = 600;
/// How far ahead of this device's clock a witness's may be.
pub const MAX_AHEAD_SECS: u64 = 30;

/// Why the log could not be read to a fresh head.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    #[error("the log cannot be read: {0}; try again later (nothing is proved until it can)")]
    Fetch(#[from] FetchError),
    #[error(
        "the log's head is not accepted: {0}; if this lasts, tell the monitors: nothing is proved until it ends"
    )]
    Head(#[from] VerifyError),
    #[error("{0}; keep both heads: they are evidence, show them to a monitor")]
    Read(#[from] ReadError),
}

impl FollowError {
    /// Whether the log contradicts what it had shown before.
    pub fn is_fork(&self) -> bool {
        matches!(self, Self::Read(ReadError::Forked { .. }))
    }
}

/// The faults of one reading that are kept: the first ones say enough.
const FAULTS_MAX: usize = 16;

/// What a reading came to.
#[derive(Debug)]
#[must_use = "a log whose stamps are at fault is not to be trusted"]
pub struct Reading {
    /// From where the next one goes on.
    pub followed: Followed,
    /// Entries whose stamps no honest log gives.
    pub faults: Vec<StampFault>,
}

impl LogClient {
    /// Reads on from what was followed, like [`LogClient::read`], and holds each entry's stamp
    /// against the heads that were seen.
    pub async fn follow(
        &self,
        since: &Followed,
        head: &CosignedCheckpoint,
        take: &mut (dyn FnMut(VerifiedEntry) + Send),
    ) -> Result<Reading, FollowError> {
        let (mut bracket, mut faults) = (Bracket::new(&self.policy, since, head), Vec::new());
        let mut held = |entry: VerifiedEntry| {
            if let Err(fault) = bracket.check(&entry)
                && faults.len() < FAULTS_MAX
            {
                faults.push(*fault);
            }
            take(entry);
        };
        self.read(since.head(), head, &mut held).await?;
        Ok(Reading { followed: bracket.followed(), faults })
    }

    /// The log's newest head, cosigned by a quorum within `window`.
    pub async fn head(&self, window: Window) -> Result<CosignedCheckpoint, FollowError> {
        let bytes = self.unverified_checkpoint().await?;
        Ok(self.policy.verify_fresh_checkpoint(&bytes, window)?)
    }

    /// Hands every entry between `trusted` and `head` to `take`, in order, once the head is shown
    /// to continue `trusted`.
    pub async fn read(
        &self,
        trusted: Head,
        head: &CosignedCheckpoint,
        take: &mut (dyn FnMut(VerifiedEntry) + Send),
    ) -> Result<(), FollowError> {
        let mut reader = Reader::new(trusted, head)?;
        while !reader.is_complete() {
            for path in reader.wanted() {
                let bytes = self.unverified_tile(&path).await?;
                reader.feed(&path, &bytes)?;
            }
            while let Some(entry) = reader.next_entry() {
                take(entry);
            }
        }
        Ok(())
    }

    /// What the log serves as its checkpoint, not verified: for a monitor, to whom a head without a
    /// quorum is evidence too.
    pub async fn unverified_checkpoint(&self) -> Result<Vec<u8>, FetchError> {
        let url = format!("{}/checkpoint", self.url);
        let answer_bytes = tlog::note::NOTE_MAX_BYTES;
        let limits = FetchLimits { answer_bytes, retry: Retry::BRIEF, ..FetchLimits::default() };
        Ok(self.fetch.with_limits(limits).get(&url).await?.ok()?.to_vec())
    }

    /// The bytes of a tile or bundle, not verified. A log may drop a partial tile once the full one
    /// exists; that one's bytes serve as well.
    pub async fn unverified_tile(&self, path: &TilePath) -> Result<Vec<u8>, FetchError> {
        let reply = self.fetch.get(&tile::url(&self.url, path)).await?;
        if reply.status != 404 || path.is_full() {
            return Ok(reply.ok()?.to_vec());
        }
        Ok(self.fetch.get(&tile::url(&self.url, &path.full())).await?.ok()?.to_vec())
    }
}

#[cfg(test)]
mod tests;
