//! Evidence: what travels with footage so that a stranger can verify it offline: which camera,
//! when, unaltered, complete or with its gaps, and under which release. Contract:
//! `proto/evidence.md`.
//!
//! ```text
//! u32 length | head | u32 length | sealed segment | u32 length | sealed segment | ... | u32 0
//! head = 0001 33 | log policy | request, its proof | u16 count, (grant, its proof)... | enrollment
//!        | policy, its leaf, its proof | u16 count, EpochOpen... | as many seeds of 32 bytes
//! ```
//!
//! The seeds are those of exactly these epochs: they open their segments, and show by the camera's
//! own commitment that they are the right ones. In scope: the head, the file's framing
//! ([`FileWriter`], [`FileReader`]), verifying ([`FileVerification`], [`Verification`]). Out of
//! scope: opening files, and whether the log policy is one to trust: [`Verified`] says which it
//! was.

use crate::package::EPOCHS_MAX;
use crate::record::LEAF_MAX_BYTES;
use alloc::vec::Vec;
use media::codec::{self, Bounded as _, DecodeError, Field as _, Reader, Writer};
use media::limits;
use media::pair::PolicyBundle;
use tlog::policy::POLICY_MAX_BYTES;

mod file;
mod verify;

pub use file::{FileError, FilePart, FileReader, FileVerification, FileWriter};
pub use verify::{EvidenceError, Release, Verification, Verified};

/// The type byte.
pub const TYPE: u8 = 0x33;
/// The largest evidence file without its segments, bytes.
pub const EVIDENCE_MAX_BYTES: usize = 64 << 20;

/// The head of an evidence file.
#[derive(Clone, PartialEq, Eq, Default)]
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
    pub policy: PolicyBundle,
    /// Signed EpochOpens, first to last.
    pub opens: Vec<Vec<u8>>,
    /// The seed of each of them.
    pub seeds: Vec<[u8; 32]>,
}

impl Evidence {
    /// Canonical bytes of the head.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::object(TYPE);
        w.bytes(&self.log_policy).bytes(&self.request.0).bytes(&self.request.1);
        w.count(self.grants.len());
        for (grant, proof) in &self.grants {
            w.bytes(grant).bytes(proof);
        }
        w.bytes(&self.enrollment);
        self.policy.write(&mut w);
        self.opens.write(&mut w);
        for seed in &self.seeds {
            w.raw(seed);
        }
        w.finish()
    }

    /// Reads them.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::check_size(bytes, "evidence", EVIDENCE_MAX_BYTES)?;
        let mut r = Reader::object(bytes, TYPE)?;
        let log_policy = r.bytes(POLICY_MAX_BYTES, "log policy")?.to_vec();
        let request = leaf_and_proof(&mut r, "request")?;
        let grants = (0..r.count(limits::TRUSTEES, "grants")?)
            .map(|_| leaf_and_proof(&mut r, "grant"))
            .collect::<Result<_, _>>()?;
        let enrollment = r.bytes(limits::POLICY, "enrollment")?.to_vec();
        let policy = PolicyBundle::read(&mut r, "policy")?;
        let opens = Vec::<Vec<u8>>::read(&mut r, (EPOCHS_MAX, limits::EPOCH_OPEN), "EpochOpen")?;
        let seeds = opens.iter().map(|_| r.array("seed")).collect::<Result<_, _>>()?;
        r.finish()?;
        Ok(Self { log_policy, request, grants, enrollment, policy, opens, seeds })
    }
}

fn leaf_and_proof(r: &mut Reader<'_>, what: &'static str) -> Result<(Vec<u8>, Vec<u8>), DecodeError> {
    Ok((r.bytes(LEAF_MAX_BYTES, what)?.to_vec(), r.bytes(limits::PROOF, "proof")?.to_vec()))
}

impl core::fmt::Debug for Evidence {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Evidence({} epochs, {} grants, seeds)", self.opens.len(), self.grants.len())
    }
}

#[cfg(test)]
mod tests;
