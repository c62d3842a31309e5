//! Gossip (proto/gossip.md#gossip): heads and fork proofs, swapped with peer monitors. Nothing a
//! peer says is believed: each item carries the log's own signature.
//!
//! ```text
//! POST /gossip   {"head":"log.example/candor\n8841\n...","forks":["candor fork v1\n..."]}   200: the same, ours
//! ```

use crate::book::{Book, HeadCheck};
use crate::evidence::MAX_FORKS;
use crate::look::LookError;
use crate::state::{Monitor, within};
use crate::store::StoreError;
use host::http::FetchError;
use host::shutdown::Shutdown;
use std::sync::Arc;
use tlog::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use tlog::fork::ForkProof;
use tlog::policy::{Policy, VerifyError};
use tokio::time::Instant;

/// The largest gossip object (413 beyond).
pub const MAX_GOSSIP_BYTES: usize = 512 * 1024;
/// The largest head in it: room for two dozen post-quantum cosignatures, though a sender leaves
/// cosignatures out.
pub const MAX_HEAD_BYTES: usize = 64 * 1024;
/// The largest fork proof in it: two heads with post-quantum signatures, and every node that trees
/// of 2^63 leaves need.
pub const MAX_PROOF_BYTES: usize = 32 * 1024;

/// What two monitors tell each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gossip {
    /// The sender's followed head, a signed checkpoint; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// Every fork proof the sender holds.
    #[serde(default)]
    pub forks: Vec<String>,
}

/// Why a gossip object is refused.
#[derive(Debug, thiserror::Error)]
pub enum GossipError {
    #[error("not a gossip object: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error(
        "more than {MAX_FORKS} fork proofs, or one of over {MAX_PROOF_BYTES} bytes, or a head of over {MAX_HEAD_BYTES}"
    )]
    TooMuch,
    #[error("the head is not signed by the log that this monitor follows: {0}")]
    Head(VerifyError),
}

/// A gossip object whose head was seen to be the log's. Its fork proofs are not verified yet.
#[derive(Debug)]
pub(crate) struct Heard {
    head: Option<SignedCheckpoint>,
    forks: Vec<String>,
}

impl Gossip {
    /// Parses an object from a peer, within its limits.
    pub fn parse(bytes: &[u8]) -> Result<Self, GossipError> {
        // The deserialiser would read the fields in a row, without their names, too.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(GossipError::Malformed(serde::de::Error::custom("not a JSON object")));
        }
        let gossip: Self = serde_json::from_slice(bytes)?;
        let small = gossip.forks.len() <= MAX_FORKS
            && gossip.forks.iter().all(|proof| proof.len() <= MAX_PROOF_BYTES)
            && gossip.head.as_ref().is_none_or(|head| head.len() <= MAX_HEAD_BYTES);
        if small { Ok(gossip) } else { Err(GossipError::TooMuch) }
    }

    /// What this monitor has to tell.
    pub(crate) fn ours(book: &Book) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("heads and fork proofs are text");
        let forks = book.alarms.forks().iter().map(|proof| text(proof.encode()));
        let forks = forks.filter(|proof| proof.len() <= MAX_PROOF_BYTES).collect();
        let head = book.head().map(|head| UnverifiedCheckpoint::by_log_alone(head.signed()));
        Self { head: head.map(|head| text(head.encode())), forks }
    }

    /// Verifies the head.
    pub(crate) fn verify(self, policy: &Policy) -> Result<Heard, GossipError> {
        // SPEC: gossip.md#gossip: the log's signature on a head MUST be verified, and needs no
        // quorum.
        let head = self.head.as_ref().map(|head| policy.verify_log_signature(head.as_bytes())).transpose();
        Ok(Heard { head: head.map_err(GossipError::Head)?, forks: self.forks })
    }
}

impl Heard {
    /// Enters into the book what a peer told: alarms are raised before this returns.
    pub(crate) fn enter(self, book: &mut Book, policy: &Policy) -> Result<(), StoreError> {
        for proof in &self.forks {
            // SPEC: gossip.md#gossip: a fork proof MUST be verified by the receiver itself; a bad
            // one is ignored and logged.
            let taken = match ForkProof::parse(proof.as_bytes()) {
                Ok(proof) => book.take_fork(proof, policy)?,
                Err(error) => Err(error),
            };
            if let Err(error) = taken {
                tracing::warn!(%error, "a peer sent a fork proof that does not verify");
            }
        }
        if let Some(head) = self.head
            && book.check_head(head, Instant::now())? == HeadCheck::Forked
        {
            tracing::error!("a peer was shown another history");
        }
        Ok(())
    }
}

/// Swaps heads with one peer.
pub(crate) async fn gossip_with(
    monitor: &Arc<Monitor>,
    peer: &str,
    shutdown: &Shutdown,
) -> Result<(), PeerError> {
    let ours = Gossip::ours(&monitor.book());
    let body = serde_json::to_vec(&ours).map_err(GossipError::from)?;
    let url = format!("{}/gossip", peer.trim_end_matches('/'));
    let theirs = within(shutdown, monitor.fetch.post(&url, "application/json", body)).await?.ok()?;
    let heard = Gossip::parse(&theirs)?.verify(monitor.policy())?;
    Ok(monitor.with_book(|book, policy| heard.enter(book, policy)).await?)
}

/// Why a round with a peer brought nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerError {
    #[error("the peer answered with something else: {0}")]
    Fetch(#[from] FetchError),
    #[error("the peer's answer: {0}")]
    Gossip(#[from] GossipError),
    #[error(transparent)]
    Look(#[from] LookError),
}

#[cfg(test)]
mod tests;
