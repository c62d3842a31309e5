//! The leaf of a policy: what its text says, and that it stands in the witnessed log. The relay
//! sponsors it and is believed nothing.

use crate::book::{BookError, OwnEntry, Stored};
use crate::state::Owner;
use escrow::record::{EntryId, Name, OwnerPolicyLeaf, Record, RecordError, Signed, policy_commitment};
use media::pair::PolicyBundle;
use media::policy::SignedOwnerPolicy;
use media::sign::sha256;
use quic::CallError;
use relay_client::Session;
use relay_client::calls::{self, LoggedLeaf};
use seal::notice::NoticeKey;
use tlog::proof::{ProofError, TlogProof};
use tlog::{Hash, Logged, LoggedError};
use tokio::time::Instant;

/// Why a policy has no leaf in the log.
#[derive(Debug, thiserror::Error)]
pub enum LeafError {
    #[error("[relay] sponsor {0:?} is not a name that leaves can carry; ask the relay's operator")]
    Sponsor(String),
    #[error(transparent)]
    Book(#[from] BookError),
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

/// Has a policy's leaf sponsored and logged. The leaf is in the book before it is sent, so that an
/// audit knows it as the owner's own whatever happens next; nothing is believed that the proof does
/// not show.
pub(crate) async fn log(
    owner: &Owner,
    session: &mut Session,
    key: &NoticeKey,
    policy: &SignedOwnerPolicy,
    deadline: Instant,
) -> Result<(PolicyBundle, Logged<Signed<OwnerPolicyLeaf>>), LeafError> {
    let id = EntryId::generate(&mut owner.rng());
    let leaf = policy_leaf(&owner.config.relay.sponsor, key, policy, id)?;
    let text = leaf.text();
    // How an audit knows the leaf as the owner's own.
    let own = OwnEntry { id: id.to_hex(), text_sha256: hex::encode(sha256(&[text.as_bytes()])) };
    let note = |stored: &mut Stored| {
        stored.own.push(own);
        Ok(())
    };
    owner.change(note).await?;
    let call = calls::sponsor_leaf(text.clone());
    let LoggedLeaf { leaf, proof } = session.ask_until(&call, deadline).await?;
    let logged = verify_logged(&text, &leaf, &proof, owner.log().policy())?;
    Ok((PolicyBundle { policy: policy.bytes().to_vec(), leaf, proof }, logged))
}

/// The leaf of a policy: its label is the owner's to find, its commitment says nothing to others.
fn policy_leaf(
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
