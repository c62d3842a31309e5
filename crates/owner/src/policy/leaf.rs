//! The leaf of a policy: what its text says, and that it stands in the witnessed log. The relay sponsors it and is believed nothing.

use crate::Owner;
use crate::book::OwnEntry;
use crate::relay::Session;
use escrow::record::{EntryId, Name, OwnerPolicyLeaf, Record, RecordError, Signed, policy_commitment};
use media::message::{Request, Response};
use media::pair::PolicyBundle;
use media::policy::SignedOwnerPolicy;
use media::sign::sha256;
use quic::CallError;
use seal::notice::NoticeKey;
use tlog::proof::{ProofError, TlogProof};
use tlog::{Hash, Logged, LoggedError};
use tokio::time::Instant;

/// Why a policy has no leaf in the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeafError {
    #[error("[relay] sponsor {0:?} is not a name that leaves can carry; ask the relay's operator")]
    Sponsor(String),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the relay logged another leaf than the one it was given; tell its operator, and the monitors")]
    Other,
    #[error("the relay's answer is no leaf: {0}")]
    Leaf(#[from] RecordError),
    #[error("the relay's answer is no proof: {0}")]
    Proof(#[from] ProofError),
    #[error("the policy is not shown to be in the log: {0}")]
    NotLogged(#[from] LoggedError),
}

/// The leaf of a policy: its label is the owner's to find, its commitment says nothing to others.
pub(crate) fn policy_leaf(
    sponsor: &str,
    notice: &NoticeKey,
    policy: &SignedOwnerPolicy,
    id: EntryId,
) -> Result<OwnerPolicyLeaf, LeafError> {
    let sponsor = Name::new(sponsor).ok_or_else(|| LeafError::Sponsor(sponsor.to_owned()))?;
    Ok(OwnerPolicyLeaf {
        id,
        sponsor,
        label: Hash(notice.label(id.as_bytes())),
        commitment: policy_commitment(&id, &Hash(policy.hash())),
    })
}

/// How an audit knows the leaf as the owner's own.
pub(crate) fn own_entry(leaf: &OwnerPolicyLeaf) -> OwnEntry {
    OwnEntry { id: leaf.id.to_hex(), text_sha256: hex::encode(sha256(&[leaf.text().as_bytes()])) }
}

/// Has the leaf sponsored, and believes nothing about it that the proof does not show.
pub(crate) async fn log(
    session: &mut Session,
    owner: &Owner,
    leaf: &OwnerPolicyLeaf,
    policy: &[u8],
    deadline: Instant,
) -> Result<(PolicyBundle, Logged<Signed<OwnerPolicyLeaf>>), LeafError> {
    let text = leaf.text();
    let answer = session.ask_until(&Request::SponsorLeaf(text.clone()), deadline).await?;
    let Response::Logged { leaf, proof } = answer else {
        return Err(CallError::Unexpected("no Logged").into());
    };
    let logged = verify_logged(&text, &leaf, &proof, owner.log().policy())?;
    Ok((PolicyBundle { policy: policy.to_vec(), leaf, proof }, logged))
}

/// The leaf must carry exactly the owner's text and stand in the witnessed log.
fn verify_logged(
    text: &str,
    leaf: &[u8],
    proof: &[u8],
    policy: &tlog::policy::Policy,
) -> Result<Logged<Signed<OwnerPolicyLeaf>>, LeafError> {
    let signed = Signed::<OwnerPolicyLeaf>::parse(leaf)?;
    if signed.text() != text {
        return Err(LeafError::Other);
    }
    Ok(Logged::verify(signed, &TlogProof::parse(proof)?, policy)?)
}

#[cfg(test)]
mod tests;
