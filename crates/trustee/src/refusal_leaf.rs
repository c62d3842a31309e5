//! Which refusals of a logged request become leaves: those that neither time, nor another package
//! for the same leaf, could cure.
//!
//! Anybody may send a package for a leaf that everybody can read. So what only the package said (a
//! forged notice, a missing epoch) is answered and not logged; what the asker's own sealed details,
//! the owner's policy, the rules or the day keys say is.

use escrow::grant::Refusal;

/// Whether a refusal stands, whatever is sent next.
// SPEC: release.md#refusal-leaves: what only the package said MUST NOT become a leaf.
pub(crate) fn becomes_leaf(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::DetailsMismatch
        | Refusal::DetailsIncomplete(_)
        | Refusal::OwnerCannotRead
        | Refusal::PolicyUnderOtherRules
        | Refusal::PolicyUnderOtherLog
        | Refusal::ClassNotAllowed(_)
        | Refusal::SharesMismatch(_)
        | Refusal::EpochTooLong(_)
        | Refusal::PastRetention(_)
        | Refusal::NeedsMismatch
        | Refusal::RecoveryUnsigned
        | Refusal::ShareNotDealt(_)
        | Refusal::DayKeyDestroyed(_)
        | Refusal::DayKeyLost(_)
        | Refusal::DayKeyMismatch(_)
        | Refusal::ShareBoundElsewhere(_)
        // The stamp, the log before it and the details decide, and none of them changes.
        | Refusal::Rule(_) => true,
        Refusal::Malformed(_)
        | Refusal::TooLarge
        | Refusal::NoEpochs
        | Refusal::NoEscrowKind
        | Refusal::RulesNotLogged
        | Refusal::NotInRules
        | Refusal::OtherRules
        | Refusal::NotLogged
        | Refusal::CheckpointRefused(_)
        | Refusal::QuorumNotMet(_)
        | Refusal::HeadStale
        | Refusal::HeadAhead
        | Refusal::Fork
        | Refusal::NotIncluded(_)
        | Refusal::NotStamped(_)
        | Refusal::RegisterBehind
        | Refusal::IdTaken(_)
        | Refusal::SponsorUnregistered
        | Refusal::OfficerUnregistered
        | Refusal::SupervisorUnregistered
        | Refusal::OtherSignatures
        | Refusal::KeyRevoked(_)
        | Refusal::RegisteredLate
        | Refusal::ReleaseKeyMismatch
        | Refusal::EnrollmentForged
        | Refusal::NoticeForged
        | Refusal::NoticesIncomplete(_)
        | Refusal::NoticeMismatch(_)
        | Refusal::NoticeUnreadable(_)
        | Refusal::LabelMismatch
        | Refusal::DetailsUnreadable(_)
        | Refusal::OtherCamera
        | Refusal::OrderMismatch
        | Refusal::SpanMismatch
        | Refusal::PolicyForged
        | Refusal::PolicyOfOtherCamera
        | Refusal::PolicyLeafMismatch
        | Refusal::PolicyUnsponsored
        | Refusal::PolicyNotLogged(_)
        | Refusal::NotATrustee
        | Refusal::EpochForged(_)
        | Refusal::OtherTrack(_)
        | Refusal::NotContiguous(_)
        | Refusal::RangeMismatch
        | Refusal::OtherPolicy(_)
        | Refusal::ApprovalMissing
        | Refusal::ApprovalMalformed
        | Refusal::ApprovalOfOtherRequest
        | Refusal::ApproverUnknown
        | Refusal::SecondApproverMissing
        | Refusal::DayKeyUnknown(_)
        | Refusal::ReleaseKeyUnusable
        | Refusal::WrongSigner
        | Refusal::GrantMismatch
        | Refusal::GrantProofMismatch => false,
    }
}
