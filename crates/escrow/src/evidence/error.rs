//! Why evidence does not show what it should.

use crate::bundle::BundleError;
use crate::policy::PolicyDocError;
use crate::record::{Name, RecordError};
use media::codec::DecodeError;
use media::enrollment::ObjectError;
use media::id::EpochNo;
use media::sign::BadSignature;
use seal::opener::OpenError;
use tlog::LoggedError;
use tlog::note::KeyError;
use tlog::policy::PolicyError;
use tlog::proof::ProofError;
use tlog::stamp::StampError;

/// What is false in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// A part does not decode.
    #[error("malformed: {0}")]
    Decode(#[from] DecodeError),
    /// Enrollment or OwnerPolicy.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The log policy.
    #[error(transparent)]
    LogPolicy(#[from] PolicyError),
    /// The PolicyDoc does not parse.
    #[error(transparent)]
    PolicyDoc(#[from] PolicyDocError),
    /// A leaf.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A proof file.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A leaf that is not in the log.
    #[error("the {leaf} is not proven to be in the log: {error}")]
    NotLogged {
        /// Which.
        leaf: &'static str,
        /// Why.
        error: LoggedError,
    },
    /// A leaf without a good stamp of the log.
    #[error("the {leaf}: {error}")]
    Stamp {
        /// Which.
        leaf: &'static str,
        /// Why.
        error: StampError,
    },
    /// A proof with lines or data that nobody vouches for.
    #[error("the proof of the {0} carries lines or data that nobody of the log policy vouches for")]
    Unvouched(&'static str),
    /// More or fewer signature lines than the kind needs.
    #[error("the {0} does not have exactly the signature lines that its kind needs")]
    Lines(&'static str),
    /// Places or times that cannot be.
    #[error("the order of times cannot be: {0}")]
    Order(&'static str),
    /// The OwnerPolicy is another camera's, another owner's, or not the leaf's.
    #[error("the OwnerPolicy does not fit: {0}")]
    WrongPolicy(&'static str),
    /// The PolicyDoc is another, or does not allow what stands there.
    #[error("the PolicyDoc does not fit: {0}")]
    Rules(&'static str),
    /// A registration that does not hold, or does not serve.
    #[error("a registration of a key does not hold: {0}")]
    Registration(&'static str),
    /// No EpochOpen, or not as many seeds.
    #[error("there must be an EpochOpen, and a seed for each")]
    NoEpochs,
    /// An EpochOpen that the camera did not sign.
    #[error("epoch {0}: {1}")]
    EpochForged(EpochNo, BadSignature),
    /// An EpochOpen that does not follow the one before it on its track, under the same policy.
    #[error("epoch {0} does not follow the one before it, on its track and as its policy says")]
    EpochMisplaced(EpochNo),
    /// A seed to which the camera did not commit.
    #[error("the seed of epoch {0} is not the one that the camera committed to")]
    WrongSeed(EpochNo),
    /// A close record that the segments contradict.
    #[error("the camera's close record of epoch {0} says another thing than its segments")]
    WrongClose(EpochNo),
    /// Grants without a request, or with one that needs none.
    #[error("there are grants, and no request that they grant")]
    GrantsAlone,
    /// The request names another span.
    #[error("the request's span is not that of the epochs")]
    WrongSpan,
    /// The details of the request.
    #[error("the request's details: {0}")]
    Details(&'static str),
    /// A recovery that the owner's recovery key did not sign.
    #[error("the recovery key of the OwnerPolicy did not sign the recovery")]
    NotRecovery,
    /// A grant by somebody whom the OwnerPolicy does not list, or the second of one.
    #[error("{0} is no trustee of the OwnerPolicy, or granted twice")]
    WrongTrustee(Name),
    /// A trustee's key in the OwnerPolicy that is none.
    #[error("the OwnerPolicy's trustee {0} has no usable key: {1}")]
    TrusteeKey(Name, KeyError),
    /// A grant that does not hold.
    #[error("the grant of {0}: {1}")]
    WrongGrant(Name, BundleError),
    /// A grant of other shares than these epochs'.
    #[error("the grant of {0} is of other shares than those of these epochs")]
    OtherShares(Name),
    /// Fewer grants than shares were needed.
    #[error("{got} trustees granted, {needed} are needed to rebuild a key")]
    TooFewGrants {
        /// Grants that hold.
        got: usize,
        /// t
        needed: u8,
    },
    /// The opener's note.
    #[error("whoever is said to have opened the footage did not: {0}")]
    WrongOpener(&'static str),
    /// A segment that does not hold.
    #[error("segment {number} of the file: {error}")]
    Segment {
        /// Which, from 1.
        number: u64,
        /// Why.
        error: OpenError,
    },
}
