//! Evidence: what travels with footage so that a stranger can verify it offline: which camera,
//! when, unaltered, complete or with what is missing, and under which release. Contract:
//! `proto/evidence.md`.
//!
//! ```text
//! u32 length | head | u32 length | sealed segment | u32 length | sealed segment | ... | u32 0
//! head = 0001 33 | log policy | PolicyDoc | request, its proof | details key | u16 count, (grant, its proof)...
//!        | u16 count, (registration, its proof)... | enrollment | policy, its leaf, its proof
//!        | u16 count, EpochOpen... | as many seeds, each of 32 bytes or none | closing EpochOpen | opener's note
//! ```
//!
//! The seeds are those of the epochs that were released: they open their segments, and show by the camera's
//! own commitment that they are the right ones. In scope: the head, the file's framing
//! ([`file_start`], [`FileReader`]), verifying ([`FileVerification`], [`Verification`]), who opened
//! it ([`Opener`]). Out of scope: opening files, and whether the log policy is one to trust:
//! [`Verified`] says which it was.

use crate::package::EPOCHS_MAX;
use crate::policy::POLICY_DOC_MAX_BYTES;
use crate::record::{LEAF_MAX_BYTES, RecordError, Seconds};
use alloc::vec::Vec;
use media::codec::{self, Bounded as _, DecodeError, Field as _, Reader, Writer};
use media::limits;
use media::message::LoggedLeaf;
use media::pair::PolicyBundle;
use tlog::Hash;
use tlog::note::Signer;
use tlog::policy::{POLICY_MAX_BYTES, Policy};
use tlog::proof::{ProofError, TlogProof};

mod coverage;
mod error;
mod file;
mod opener;
mod proven;
mod release;
mod signers;
mod verify;

pub use coverage::{Completeness, Footage, Loss, Unproven};
pub use error::EvidenceError;
pub use file::{
    END_MARK, FileError, FilePart, FileReader, FileVerification, Seen, file_start, segment_length,
};
pub use opener::{OpenedAs, Opener};
pub use release::{Granted, Release};
pub use signers::{Registered, SignedAs, SignerRole};
pub use verify::{PolicyShown, Verification, Verified};

/// The type byte.
pub const TYPE: u8 = 0x33;
/// The largest evidence file without its segments, bytes.
pub const EVIDENCE_MAX_BYTES: usize = 64 << 20;
/// The most leaves of the register: registrations of a request's signers and of the policy leaf's
/// sponsor, and all rules up to the PolicyDoc.
pub const REGISTRATIONS_MAX: usize = 32;
const SECRET_BYTES: usize = 32;

/// The head of an evidence file.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// The tlog-policy text under which the proofs verify.
    pub log_policy: Vec<u8>,
    /// The text of the PolicyDoc that the OwnerPolicy names; empty where the writer has it not.
    pub rules: Vec<u8>,
    /// The request; empty for footage that the owner exports without a release.
    pub request: LoggedLeaf,
    /// What opens the request's details; none without a request.
    pub details_key: Option<[u8; 32]>,
    /// Grants.
    pub grants: Vec<LoggedLeaf>,
    /// Leaves of the register, in the log's order: registrations of the keys that signed the request
    /// and the policy leaf, and the rules from the log's first to the PolicyDoc; none, if nobody's
    /// registration is shown.
    pub registrations: Vec<LoggedLeaf>,
    /// Signed Enrollment.
    pub enrollment: Vec<u8>,
    /// Signed OwnerPolicy, its leaf and proof.
    pub policy: PolicyBundle,
    /// Signed EpochOpens, first to last.
    pub opens: Vec<Vec<u8>>,
    /// The seed of each of them; none of one that was not opened.
    pub seeds: Vec<Option<[u8; 32]>>,
    /// The signed EpochOpen after the last one, whose close record proves the end; may be empty.
    pub closing: Vec<u8>,
    /// Who opened the footage and made the file: [`Evidence::sign`]; may be empty.
    pub opener: Vec<u8>,
}

impl Evidence {
    /// Canonical bytes of the head.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = self.signed_part();
        w.bytes(&self.opener);
        w.finish()
    }

    /// What the opener signs: all before the opener's own field.
    pub fn signed_hash(&self) -> Hash {
        Hash::of(&[&self.signed_part().finish()])
    }

    fn signed_part(&self) -> Writer {
        let mut w = Writer::object(TYPE);
        w.bytes(&self.log_policy).bytes(&self.rules);
        self.request.write(&mut w);
        w.bytes(self.details_key.as_ref().map_or(&[], |key| &key[..]));
        w.list(&self.grants);
        w.list(&self.registrations);
        w.bytes(&self.enrollment);
        self.policy.write(&mut w);
        self.opens.write(&mut w);
        for seed in &self.seeds {
            w.bytes(seed.as_ref().map_or(&[], |seed| &seed[..]));
        }
        w.bytes(&self.closing);
        w
    }

    /// Reads them.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::check_size(bytes.len(), "evidence", EVIDENCE_MAX_BYTES)?;
        let mut r = Reader::object(bytes, TYPE)?;
        let log_policy = r.bytes(POLICY_MAX_BYTES, "log policy")?.to_vec();
        let rules = r.bytes(POLICY_DOC_MAX_BYTES, "PolicyDoc")?.to_vec();
        let request = LoggedLeaf::read(&mut r, "request")?;
        let details_key = secret(&mut r, "details key")?;
        let grants = r.list(limits::TRUSTEES, "grant")?;
        let registrations = r.list(REGISTRATIONS_MAX, "registration")?;
        let enrollment = r.bytes(limits::POLICY, "enrollment")?.to_vec();
        let policy = PolicyBundle::read(&mut r, "policy")?;
        let opens = Vec::<Vec<u8>>::read(&mut r, (EPOCHS_MAX, limits::EPOCH_OPEN), "EpochOpen")?;
        let seeds = opens.iter().map(|_| secret(&mut r, "seed")).collect::<Result<_, _>>()?;
        let closing = r.bytes(limits::EPOCH_OPEN, "closing EpochOpen")?.to_vec();
        let opener = r.bytes(LEAF_MAX_BYTES, "opener")?.to_vec();
        r.finish()?;
        Ok(Self {
            log_policy,
            rules,
            request,
            details_key,
            grants,
            registrations,
            enrollment,
            policy,
            opens,
            seeds,
            closing,
            opener,
        })
    }

    /// Leaves out of every proof what nobody of the policy vouches for, as a verifier wants it.
    // SPEC: evidence.md#every-byte: what nobody verified is left out.
    pub fn prune(&mut self, policy: &Policy) -> Result<(), ProofError> {
        let policy_proof = core::iter::once(&mut self.policy.proof);
        let request = Some(&mut self.request.proof).filter(|proof| !proof.is_empty());
        let leaves = self.grants.iter_mut().chain(&mut self.registrations).map(|leaf| &mut leaf.proof);
        for proof in policy_proof.chain(request).chain(leaves) {
            *proof = TlogProof::parse(proof)?.pruned(policy).encode();
        }
        Ok(())
    }

    /// Signs the head as whoever opened the footage. Nothing of it may be changed afterwards.
    pub fn sign(&mut self, opened: OpenedAs, signer: &Signer, time: Seconds) -> Result<(), RecordError> {
        self.opener = opener::sign(self.signed_hash(), opened, signer, time)?;
        Ok(())
    }
}

/// A key of 32 bytes, or none.
fn secret(r: &mut Reader<'_>, what: &'static str) -> Result<Option<[u8; SECRET_BYTES]>, DecodeError> {
    match r.bytes(SECRET_BYTES, what)? {
        [] => Ok(None),
        key => key.try_into().map(Some).map_err(|_| DecodeError::BadValue(what)),
    }
}

impl core::fmt::Debug for Evidence {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Evidence({} epochs, {} grants, seeds)", self.opens.len(), self.grants.len())
    }
}

#[cfg(test)]
mod tests;
