//! Which policy of the owner a camera acts on: signed by the owner, newer than the one it has, and witnessed in the log. So nobody adds a
//! viewer in silence. Contract: `proto/segment.md#ownerpolicy`.

use crate::spool::Pairing;
use escrow::record::{OwnerPolicyLeaf, RecordError, Signed};
use media::enrollment::ObjectError;
use media::id::CameraId;
use media::pair::PolicyBundle;
use media::policy::SignedOwnerPolicy;
use tlog::policy::{Policy, PolicyError};
use tlog::proof::{ProofError, TlogProof};
use tlog::{Hash, Logged, LoggedError};

/// Why a policy is not acted on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyRefused {
    #[error("the policy is not the owner's: {0}")]
    Object(#[from] ObjectError),
    #[error("the policy is for another camera")]
    OtherCamera,
    #[error("version {offered} does not follow version {current}")]
    Version { current: u32, offered: u32 },
    #[error("version {0} does not name the one before it")]
    Previous(u32),
    #[error("the policy was made for another log policy than this camera's")]
    OtherLog,
    #[error("its leaf is none: {0}")]
    Leaf(#[from] RecordError),
    #[error("its leaf is another policy's")]
    OtherLeaf,
    #[error("its proof is none: {0}")]
    Proof(#[from] ProofError),
    #[error("its leaf is not in the witnessed log: {0}")]
    NotLogged(#[from] LoggedError),
    #[error("the log policy cannot be used: {0}")]
    LogPolicy(#[from] PolicyError),
}

/// A policy for this camera that the owner signed and the log's witnesses saw.
pub(crate) fn verified(
    owner_key: &[u8; 32],
    log_policy: &str,
    camera_id: CameraId,
    bundle: &PolicyBundle,
) -> Result<SignedOwnerPolicy, PolicyRefused> {
    let policy = SignedOwnerPolicy::decode_verified(&bundle.policy, owner_key)?;
    let content = policy.unverified();
    if content.camera_id != camera_id {
        return Err(PolicyRefused::OtherCamera);
    }
    if content.log_policy_hash != Hash::of(&[log_policy.as_bytes()]).0 {
        return Err(PolicyRefused::OtherLog);
    }
    let leaf: Signed<OwnerPolicyLeaf> = Signed::parse(&bundle.leaf)?;
    if !leaf.value().commits_to(&Hash(policy.hash())) {
        return Err(PolicyRefused::OtherLeaf);
    }
    let proof = TlogProof::parse(&bundle.proof)?;
    // SPEC: segment.md#ownerpolicy: a camera MUST NOT wrap for a recipient whose policy's leaf is not witnessed.
    Logged::verify(leaf, &proof, &Policy::parse(log_policy.as_bytes())?)?;
    Ok(policy)
}

/// The offered policy, if it holds and follows the camera's; `None` if it is the one the camera has.
pub(crate) fn newer(
    current: &Pairing,
    camera_id: CameraId,
    bundle: &PolicyBundle,
) -> Result<Option<SignedOwnerPolicy>, PolicyRefused> {
    if bundle.policy == current.policy {
        return Ok(None);
    }
    let offered = verified(&current.owner_key, &current.log_policy, camera_id, bundle)?;
    let held = SignedOwnerPolicy::decode_verified(&current.policy, &current.owner_key)?;
    let (have, new) = (held.unverified().version, offered.unverified().version);
    if new <= have {
        return Err(PolicyRefused::Version { current: have, offered: new });
    }
    if new == have + 1 && offered.unverified().prev_hash != held.hash() {
        return Err(PolicyRefused::Previous(new));
    }
    Ok(Some(offered))
}
