//! The body of a policy's record: Enrollment, policy, leaf and proof, as the owner sent them, each
//! behind a `u32` length.

use crate::error::StoreError;
use media::codec::{DecodeError, Reader, Writer};
use media::enrollment::{Enrollment, ObjectError};
use media::limits;
use media::pair::PolicyBundle;
use media::policy::SignedOwnerPolicy;

/// An Enrollment and a policy, as the owner sent them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPolicy {
    pub enrollment: Vec<u8>,
    pub bundle: PolicyBundle,
}

impl StoredPolicy {
    pub(crate) fn encode(enrollment: &[u8], bundle: &PolicyBundle) -> Vec<u8> {
        let mut w = Writer::new();
        w.bytes(enrollment).bytes(&bundle.policy).bytes(&bundle.leaf).bytes(&bundle.proof);
        w.finish()
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self, StoreError> {
        let read = || {
            let mut r = Reader::new(body);
            let enrollment = r.bytes(limits::POLICY, "enrollment")?.to_vec();
            let policy = r.bytes(limits::POLICY, "policy")?.to_vec();
            let leaf = r.bytes(limits::LEAF, "policy leaf")?.to_vec();
            let proof = r.bytes(limits::PROOF, "policy proof")?.to_vec();
            r.finish()?;
            Ok(Self { enrollment, bundle: PolicyBundle { policy, leaf, proof } })
        };
        read().map_err(malformed)
    }
}

/// What decides whether a policy follows the one that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyFacts {
    pub hash: [u8; 32],
    pub prev_hash: [u8; 32],
    pub owner: [u8; 32],
}

impl PolicyFacts {
    /// What a stored policy's body says of its place among the others.
    pub fn of(body: &[u8]) -> Result<Self, StoreError> {
        let stored = StoredPolicy::decode(body)?;
        let signed = SignedOwnerPolicy::decode(&stored.bundle.policy).map_err(malformed)?;
        let owner = Enrollment::decode_verified(&stored.enrollment).map_err(refused)?.owner_root_pk;
        Ok(Self { hash: signed.hash(), prev_hash: signed.unverified().prev_hash, owner })
    }
}

pub(crate) fn malformed(error: DecodeError) -> StoreError {
    StoreError::Malformed(error.to_string())
}

pub(crate) fn refused(error: ObjectError) -> StoreError {
    match error {
        ObjectError::Signature(error) => StoreError::BadSignature(error.to_string()),
        error => StoreError::Malformed(error.to_string()),
    }
}
