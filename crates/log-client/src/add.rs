//! Adding a leaf: the same bytes until they are in a published, cosigned checkpoint, and proof and
//! stamp checked before they are believed. What comes back is the entry: the leaf with its stamp.

use crate::LogClient;
use host::http::{Fetch, FetchError, FetchLimits, Reply, Retry};
use std::time::Duration;
use tlog::proof::{PROOF_MAX_BYTES, ProofError, TlogProof};
use tlog::stamp::{self, StampError};
use tlog::{Logged, LoggedError};

/// How long one `POST /add` may wait for its leaf to be published: longer than a log's own
/// patience.
const ANSWER_WITHIN: Duration = Duration::from_secs(45);

/// Why a leaf is not, or not yet, in the log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AddError {
    /// The log could not be reached, or has no quorum now. The same bytes may be sent again.
    #[error(
        "the log has not said that it took the leaf, and may publish it yet: {0}; give the same command again later"
    )]
    NotYet(FetchError),
    /// The log refused the leaf.
    #[error("the log refuses the leaf: {0}")]
    Refused(FetchError),
    /// What came back is no proof.
    #[error("the log's answer is no proof: {0}; tell the monitors")]
    Proof(#[from] ProofError),
    /// No stamp came with it, or one that does not hold.
    #[error("the log's answer bears no good stamp: {0}; tell the monitors")]
    Stamp(#[from] StampError),
    /// The proof does not hold.
    #[error("the log's proof does not hold: {0}; tell the monitors")]
    Unproven(#[from] LoggedError),
}

impl LogClient {
    /// Adds a leaf and returns the entry that it is now, stamped, with its verified proof. Safe to
    /// repeat, with the leaf or the entry: the same bytes have one place for ever.
    pub async fn add(&self, leaf: Vec<u8>) -> Result<(Logged<Vec<u8>>, TlogProof), AddError> {
        let url = format!("{}/add", self.url);
        let reply = self.proofs().post(&url, "text/plain", leaf.clone()).await;
        self.verified(leaf, reply)
    }

    /// The same, under the newest published checkpoint, of a leaf that was added before.
    pub async fn prove(&self, leaf: Vec<u8>) -> Result<(Logged<Vec<u8>>, TlogProof), AddError> {
        let (text, _) = stamp::split(&leaf).map_err(StampError::from)?;
        let url = format!("{}/log/v1/proof/{}", self.url, text.to_hex());
        let reply = self.proofs().get(&url).await;
        self.verified(leaf, reply)
    }

    fn proofs(&self) -> Fetch {
        self.fetch.with_limits(FetchLimits {
            timeout: ANSWER_WITHIN,
            answer_bytes: PROOF_MAX_BYTES,
            retry: Retry::BRIEF,
            ..FetchLimits::default()
        })
    }

    fn verified(
        &self,
        leaf: Vec<u8>,
        reply: Result<Reply, FetchError>,
    ) -> Result<(Logged<Vec<u8>>, TlogProof), AddError> {
        let refused = |error: FetchError| {
            if error.is_passing() { AddError::NotYet(error) } else { AddError::Refused(error) }
        };
        let bytes = reply.and_then(Reply::ok).map_err(refused)?;
        let proof = TlogProof::parse(&bytes)?;
        let keys = self.policy.stamp_keys();
        let entry = match stamp::verify(&leaf, &keys) {
            Ok(_) => leaf,
            Err(_) => [&leaf, proof.extra().unwrap_or_default()].concat(),
        };
        stamp::verify(&entry, &keys)?;
        Ok((Logged::verify(entry, &proof, &self.policy)?, proof))
    }
}

#[cfg(test)]
mod tests;
