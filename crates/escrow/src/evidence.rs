//! Evidence: what travels with released footage so that a stranger can verify it offline: which camera, when, unaltered, complete or with
//! its gaps, and under which release. Contract: `proto/evidence.md`.
use alloc::vec::Vec;
use media::codec::DecodeError;

/// The largest evidence file without its segments, bytes.
pub const EVIDENCE_MAX_BYTES: usize = 64 << 20;

/// The head of an evidence file; sealed segments follow it, each `u32 length || bytes`, ended by a zero length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// The tlog-policy text under which the proofs verify.
    pub log_policy: Vec<u8>,
    /// The request leaf and its proof; empty for footage that the owner exports without a release.
    pub request: (Vec<u8>, Vec<u8>),
    /// Grant leaves with their proofs.
    pub grants: Vec<(Vec<u8>, Vec<u8>)>,
    /// Signed Enrollment.
    pub enrollment: Vec<u8>,
    /// Signed OwnerPolicy, its leaf and proof.
    pub policy: media::pair::PolicyBundle,
    /// Signed EpochOpens, first to last.
    pub opens: Vec<Vec<u8>>,
    /// The content key of each of them.
    pub keys: Vec<[u8; 32]>,
}

impl Evidence {
    /// Canonical bytes of the head.
    pub fn encode(&self) -> Vec<u8> {
        todo!()
    }
    /// Reads them.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        todo!()
    }
}
