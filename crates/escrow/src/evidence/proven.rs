//! What every leaf of a file must have: the log's stamp, its proof with nothing in it that nobody
//! vouches for, and exactly its lines. Contract: `proto/evidence.md#every-byte`.

use super::EvidenceError;
use crate::record::{Seconds, Signed};
use tlog::Logged;
use tlog::policy::Policy;
use tlog::proof::TlogProof;

/// A leaf that is in the log by a proof that says nothing more, and the time of its stamp.
pub(super) fn logged<T>(
    what: &'static str,
    leaf: Signed<T>,
    proof: &[u8],
    policy: &Policy,
) -> Result<(Logged<Signed<T>>, Seconds), EvidenceError> {
    let at = stamp(what, &leaf, policy)?;
    let proof = pruned(what, proof, policy)?;
    let logged = Logged::verify(leaf, &proof, policy);
    Ok((logged.map_err(|error| EvidenceError::NotLogged { leaf: what, error })?, at))
}

// SPEC: log.md#stamps: an entry without a good stamp counts nowhere.
pub(super) fn stamp<T>(
    what: &'static str,
    leaf: &Signed<T>,
    policy: &Policy,
) -> Result<Seconds, EvidenceError> {
    leaf.stamp(&policy.stamp_keys()).map_err(|error| EvidenceError::Stamp { leaf: what, error })
}

// SPEC: evidence.md#every-byte: a verifier MUST refuse a proof that has lines or data that nobody
// vouches for.
pub(super) fn pruned(what: &'static str, proof: &[u8], policy: &Policy) -> Result<TlogProof, EvidenceError> {
    let proof = TlogProof::parse(proof)?;
    if proof == proof.pruned(policy) { Ok(proof) } else { Err(EvidenceError::Unvouched(what)) }
}

// SPEC: evidence.md#every-byte: and a leaf with more or fewer signature lines than its kind needs.
pub(super) fn lines<T>(what: &'static str, leaf: &Signed<T>, needed: usize) -> Result<(), EvidenceError> {
    // The stamp is one more.
    if leaf.signatures().len() == needed + 1 { Ok(()) } else { Err(EvidenceError::Lines(what)) }
}
