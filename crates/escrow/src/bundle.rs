//! A bundle: one trustee's shares for a request, sealed to the requester's release key, with the
//! grant that let them go and its proof. Contract: `proto/release.md#bundle`.
//!
//! ```text
//! 0001 31 | grant | proof | sealed                                                 each u32 length and bytes
//! info      = "candor release\0" || entry_id || trustee_id
//! aad       = leaf hash of the request
//! plaintext = for each epoch that was dealt to the trustee, in order: u64 epoch_no || u8 i || share_i             41 bytes each
//! ```
//!
//! In scope: what leaves a trustee, and what a requester believes of it. Out of scope: when it may
//! leave ([`crate::grant`]).

use crate::deal::TrusteeId;
use crate::record::{EntryId, Grant, LEAF_MAX_BYTES, RecordError, Request, Signed};
use crate::share::{SECRET_BYTES, Share};
use alloc::vec::Vec;
use media::codec::{self, DecodeError, Reader};
use media::id::EpochNo;
use media::{fields, limits};
use seal::hpke::{HpkeError, SecretKey};
use tlog::note::Verifier;
use tlog::policy::Policy;
use tlog::proof::{ProofError, TlogProof};
use tlog::{Hash, Logged, LoggedError};
use zeroize::Zeroizing;

/// The type byte.
pub const TYPE: u8 = 0x31;
/// The largest bundle, bytes.
pub const BUNDLE_MAX_BYTES: usize = 4 << 20;
/// The largest sealed part.
pub(crate) const SEALED_MAX_BYTES: usize = 1 << 20;
/// One epoch's share in the sealed list.
const ITEM_BYTES: usize = 8 + 1 + SECRET_BYTES;
const DOMAIN: &[u8] = b"candor release\0";

/// What a trustee hands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The grant leaf.
    pub grant: Vec<u8>,
    /// Its tlog-proof.
    pub proof: Vec<u8>,
    /// HPKE("candor release\0" || entry_id || trustee_id; leaf hash of the request; list of
    /// (epoch_no, i || share_i)).
    pub sealed: Vec<u8>,
}

/// Why a bundle is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Malformed.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The grant is no leaf.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The proof is no proof.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The grant is not in the log.
    #[error("the trustee's grant is not proven to be in the log: {0}")]
    NotLogged(#[from] LoggedError),
    /// The grant is for another request, by another trustee, or of another bundle.
    #[error("the grant does not fit: {0}")]
    WrongGrant(&'static str),
    /// Not sealed to this release key.
    #[error("the bundle does not open under the release key of this request")]
    CannotOpen,
    /// It opens to something else than shares of epochs in order, as many as granted.
    #[error("the bundle does not hold one share for each granted epoch")]
    WrongShares,
}

/// A verified and opened bundle.
#[derive(Debug)]
pub struct OpenBundle {
    /// The logged grant.
    pub grant: Logged<Signed<Grant>>,
    /// Shares by epoch, in order.
    pub shares: Vec<(EpochNo, Share)>,
}

impl OpenBundle {
    /// Whether all shares are of this index, the place of the trustee in the policy, from 1.
    ///
    /// A trustee chooses what it writes: without this check one could hand out a bad share under
    /// another's index, and [`crate::combine`] would blame the other.
    pub fn of_trustee(&self, index: u8) -> Result<(), BundleError> {
        let own = self.shares.iter().all(|(_, share)| share.index() == index);
        if own { Ok(()) } else { Err(BundleError::WrongShares) }
    }
}

fields!(Bundle {
    grant <= LEAF_MAX_BYTES,
    proof <= limits::PROOF,
    sealed <= SEALED_MAX_BYTES,
});

impl Bundle {
    /// Canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(TYPE, self)
    }

    /// Reads them.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::check_size(bytes.len(), "bundle", BUNDLE_MAX_BYTES)?;
        codec::decode(TYPE, bytes)
    }

    /// Verifies the grant (signed by `trustee`, logged, for exactly this request and bundle) and
    /// opens the shares.
    pub fn open(
        &self,
        request: &Logged<Signed<Request>>,
        trustee: &Verifier,
        release_key: &SecretKey,
        policy: &Policy,
    ) -> Result<OpenBundle, BundleError> {
        // SPEC: release.md#bundle: a requester MUST verify that the trustee signed the grant, and
        // that it is in the log for this very request.
        let grant = verify_grant(&self.grant, &self.proof, request, trustee, policy)?;
        // SPEC: release.md#bundle: a bundle MUST be the one that the logged grant names.
        if grant.value().value().bundle != Hash::of(&[&self.sealed]) {
            return Err(BundleError::WrongGrant("it names another bundle"));
        }
        let info = info(&request.value().value().id, &TrusteeId::of(trustee));
        let opened = release_key.open(&info, request.value().hash().as_bytes(), &self.sealed);
        let shares = read_shares(&opened.map_err(|_| BundleError::CannotOpen)?)?;
        let granted = usize::try_from(grant.value().value().epochs);
        if granted != Ok(shares.len()) {
            return Err(BundleError::WrongShares);
        }
        Ok(OpenBundle { grant, shares })
    }
}

/// A grant leaf with its proof: signed by this trustee, in the log, and for exactly this request.
pub(crate) fn verify_grant(
    leaf: &[u8],
    proof: &[u8],
    request: &Logged<Signed<Request>>,
    trustee: &Verifier,
    policy: &Policy,
) -> Result<Logged<Signed<Grant>>, BundleError> {
    let signed = Signed::<Grant>::parse(leaf)?;
    if signed.value().trustee.as_str() != trustee.name() || !signed.is_signed_by(trustee) {
        return Err(BundleError::WrongGrant("the trustee did not sign it"));
    }
    let (granted, asked) = (signed.value(), request.value());
    let same = granted.id == asked.value().id
        && granted.request == asked.hash()
        && granted.request_index == request.index();
    if !same {
        return Err(BundleError::WrongGrant("it is for another request"));
    }
    Ok(Logged::verify(signed, &TlogProof::parse(proof)?, policy)?)
}

/// Seals a list of shares to a release key.
pub(crate) fn seal_shares(
    shares: &[(EpochNo, Share)],
    request: &Signed<Request>,
    trustee: &Verifier,
    release_key: &[u8],
    rng: &mut impl rand_core::CryptoRng,
) -> Result<Vec<u8>, HpkeError> {
    let mut list = Zeroizing::new(Vec::with_capacity(shares.len() * ITEM_BYTES));
    for (epoch, share) in shares {
        list.extend_from_slice(&epoch.0.to_be_bytes());
        list.push(share.index());
        list.extend_from_slice(share.expose());
    }
    let info = info(&request.value().id, &TrusteeId::of(trustee));
    seal::hpke::seal(release_key, &info, request.hash().as_bytes(), &list, rng)
}

fn read_shares(list: &[u8]) -> Result<Vec<(EpochNo, Share)>, BundleError> {
    let mut r = Reader::new(list);
    let mut shares: Vec<(EpochNo, Share)> = Vec::new();
    while r.left() > 0 {
        let epoch = EpochNo(r.u64("epoch_no")?);
        let share =
            Share::new(r.u8("share index")?, r.array("share")?).map_err(|_| BundleError::WrongShares)?;
        let ascends = shares.last().is_none_or(|(last, _)| *last < epoch);
        if !ascends {
            return Err(BundleError::WrongShares);
        }
        shares.push((epoch, share));
    }
    Ok(shares)
}

fn info(id: &EntryId, trustee: &TrusteeId) -> Vec<u8> {
    [DOMAIN, id.as_bytes(), &trustee.0].concat()
}

#[cfg(test)]
mod tests;
