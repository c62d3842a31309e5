//! The body of a policy's record: Enrollment, policy, leaf and proof, as the owner sent them, each
//! behind a `u32` length.

use crate::error::StoreError;
use media::codec::{self, DecodeError};
use media::enrollment::{Enrollment, ObjectError};
use media::pair::HeldPolicy;
use media::policy::SignedOwnerPolicy;

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
        let stored = read(body)?;
        let signed = SignedOwnerPolicy::decode(&stored.bundle.policy).map_err(malformed)?;
        let owner = Enrollment::decode_verified(&stored.enrollment).map_err(refused)?.owner_root_pk;
        Ok(Self { hash: signed.hash(), prev_hash: signed.unverified().prev_hash, owner })
    }
}

/// Reads the body of a policy's record.
pub(crate) fn read(body: &[u8]) -> Result<HeldPolicy, StoreError> {
    codec::decode_bare(body).map_err(malformed)
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
