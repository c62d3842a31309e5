//! Which policy of the owner a camera acts on: signed by the owner, newer than the one it has, and
//! witnessed in the log. So nobody adds a viewer in silence. Contract:
//! `proto/segment.md#ownerpolicy`.

use crate::spool::Pairing;
use escrow::record::{OwnerPolicyLeaf, RecordError, Signed};
use media::enrollment::ObjectError;
use media::id::{CameraId, Day};
use media::pair::PolicyBundle;
use media::policy::SignedOwnerPolicy;
use media::time::Seconds;
use seal::notice::NoticeKey;
use tlog::policy::{Policy, PolicyError};
use tlog::proof::{ProofError, TlogProof};
use tlog::stamp::StampError;
use tlog::{Hash, Logged, LoggedError};

/// Why a policy is not acted on.
#[derive(Debug, thiserror::Error)]
pub enum PolicyRefused {
    #[error("the policy is not the owner's: {0}")]
    Object(#[from] ObjectError),
    #[error("the policy is for another camera")]
    OtherCamera,
    #[error("version {offered} does not follow version {current}")]
    Version { current: u32, offered: u32 },
    #[error("version {0} does not name the one before it")]
    Previous(u32),
    #[error("the versions between {current} and {offered} are not to be had")]
    Missing { current: u32, offered: u32 },
    #[error("its leaf has no label by which its owner would find it; the owner must make a further version")]
    Unlabelled,
    #[error(
        "its leaf is labelled for day {label}, and the log took it on day {stamp}: its owner may have read it before that key was tried; the owner must make a further version"
    )]
    Mislabelled { label: Day, stamp: Day },
    #[error("its leaf bears no stamp of the log: {0}")]
    Unstamped(#[from] StampError),
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

/// The most versions that are followed at once.
pub(crate) const VERSIONS_MAX: u32 = 64;

/// The leaf of a policy, and when the log took it.
#[derive(Debug, Clone)]
pub(crate) struct StampedLeaf {
    leaf: OwnerPolicyLeaf,
    stamp: Seconds,
}

/// A policy for this camera that the owner signed and the log's witnesses saw, and its leaf.
pub(crate) fn verified(
    owner_key: &[u8; 32],
    log_policy: &str,
    camera_id: CameraId,
    bundle: &PolicyBundle,
) -> Result<(SignedOwnerPolicy, StampedLeaf), PolicyRefused> {
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
    // SPEC: segment.md#ownerpolicy: a camera MUST NOT wrap for a recipient whose policy's leaf is
    // not witnessed.
    let log_policy = Policy::parse(log_policy.as_bytes())?;
    let logged = Logged::verify(leaf, &proof, &log_policy)?;
    let stamp = logged.value().stamp(&log_policy.stamp_keys())?;
    Ok((policy, StampedLeaf { leaf: logged.value().value().clone(), stamp }))
}

/// A leaf that its owner could not find would add a viewer in silence after all: one of these days'
/// keys must have labelled it, and on that day or the next the log took it. An owner tries the leaf
/// once, with the keys of that time: whoever has the chain could log it weeks before its key's day.
pub(crate) fn check_label(found: &StampedLeaf, keys: &[(Day, NoticeKey)]) -> Result<(), PolicyRefused> {
    let StampedLeaf { leaf, stamp } = found;
    let by = keys.iter().find(|(_, key)| key.label(leaf.id.as_bytes()) == leaf.label.0);
    let label = by.ok_or(PolicyRefused::Unlabelled)?.0;
    match OwnerPolicyLeaf::may_be_labelled(label, *stamp) {
        true => Ok(()),
        false => Err(PolicyRefused::Mislabelled { label, stamp: stamp.day() }),
    }
}

/// Versions one after the other, from the one that the camera follows to the newest.
pub(crate) struct Succession {
    owner_key: [u8; 32],
    log_policy: String,
    camera_id: CameraId,
    held: SignedOwnerPolicy,
    /// Newest first.
    offered: Vec<(SignedOwnerPolicy, StampedLeaf)>,
}

/// What a succession still needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// The policy with this hash.
    Version([u8; 32]),
    Nothing,
}

impl Succession {
    pub(crate) fn new(current: &Pairing, camera_id: CameraId) -> Result<Self, PolicyRefused> {
        let held = SignedOwnerPolicy::decode_verified(&current.policy, &current.owner_key)?;
        let (owner_key, log_policy) = (current.owner_key, current.log_policy.clone());
        Ok(Self { owner_key, log_policy, camera_id, held, offered: Vec::new() })
    }

    /// The newest policy first, then what [`Needs::Version`] named.
    pub(crate) fn handle(&mut self, bundle: &PolicyBundle) -> Result<Needs, PolicyRefused> {
        if self.offered.is_empty() && bundle.policy == self.held.bytes() {
            return Ok(Needs::Nothing);
        }
        let (policy, leaf) = verified(&self.owner_key, &self.log_policy, self.camera_id, bundle)?;
        let current = self.held.unverified().version;
        let (offered, prev_hash) = (policy.unverified().version, policy.unverified().prev_hash);
        if let Some((later, _)) = self.offered.last()
            && (later.unverified().prev_hash != policy.hash() || later.unverified().version != offered + 1)
        {
            return Err(PolicyRefused::Previous(later.unverified().version));
        }
        // SPEC: segment.md#ownerpolicy: a camera MUST accept versions in order only.
        if offered <= current {
            return Err(PolicyRefused::Version { current, offered });
        }
        if offered - current > VERSIONS_MAX {
            return Err(PolicyRefused::Missing { current, offered });
        }
        if offered == current + 1 && prev_hash != self.held.hash() {
            return Err(PolicyRefused::Previous(offered));
        }
        self.offered.push((policy, leaf));
        Ok(if offered == current + 1 { Needs::Nothing } else { Needs::Version(prev_hash) })
    }

    /// What a missing version means.
    pub(crate) fn missing(&self) -> PolicyRefused {
        let current = self.held.unverified().version;
        let offered = self.offered.first().map_or(current, |(newest, _)| newest.unverified().version);
        PolicyRefused::Missing { current, offered }
    }

    /// The policy to follow from now on; `None` when it is the one that is followed. Only it must
    /// be labelled: an earlier one never was in force.
    pub(crate) fn newest(
        self,
        keys: &[(Day, NoticeKey)],
    ) -> Result<Option<SignedOwnerPolicy>, PolicyRefused> {
        let Some((newest, leaf)) = self.offered.into_iter().next() else { return Ok(None) };
        check_label(&leaf, keys)?;
        Ok(Some(newest))
    }
}

#[cfg(test)]
mod tests;
