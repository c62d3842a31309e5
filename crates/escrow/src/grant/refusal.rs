//! Why the gate refuses: one variant for each line of the tables in `proto/release.md#the-gate`; a
//! test compares the two.
//!
//! A refusal of a logged request becomes a leaf if neither time, nor another package for the same
//! leaf, could cure it. Anybody may send a package for a leaf that everybody can read. So what only
//! the package said (a forged notice, a missing epoch) is an answer and not logged; what the asker's
//! own sealed details, the owner's policy, the rules or the day keys say is a leaf.

use crate::details::DetailsError;
use crate::package::PackageError;
use crate::policy::Rule;
use crate::record::{Kind, Request, Role, Signed};
use alloc::boxed::Box;
use alloc::string::String;
use media::id::{Day, EpochNo};
use tlog::stamp::StampError;
use tlog::{Logged, LoggedError, merkle, policy};

macro_rules! stands {
    (leaf) => {
        true
    };
    (answer) => {
        false
    };
}

macro_rules! refusals {
    ($( $step:literal $name:literal $logged:ident $variant:ident $(($payload:ty))?: $text:literal => $advice:literal; )+) => {
        /// A step of the gate and the name of what was wrong: one variant for each line of the
        /// contract's table.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        pub enum Refusal {
            $( #[doc = concat!("`", $step, "` `", $name, "`")] #[error($text)] $variant $(($payload))?, )+
            /// `g7`: a rule of the PolicyDoc; its own name is the refusal's.
            #[error("{}", .0.text())]
            Rule(Rule),
        }

        impl Refusal {
            /// The step and name of every refusal but G7's, whose names are [`Rule::ALL`]'s.
            pub const TABLE: &'static [(&'static str, &'static str)] = &[ $( ($step, $name), )+ ];

            /// `g1` to `g11`.
            pub fn step(&self) -> &'static str {
                match self {
                    $( Self::$variant { .. } => $step, )+
                    Self::Rule(_) => "g7",
                }
            }

            /// The refusal's name in the contract, such as `not-logged`.
            pub fn name(&self) -> &'static str {
                match self {
                    $( Self::$variant { .. } => $name, )+
                    Self::Rule(rule) => rule.name(),
                }
            }

            /// What the asker can do about it.
            pub fn what_to_do(&self) -> &'static str {
                match self {
                    $( Self::$variant { .. } => $advice, )+
                    Self::Rule(rule) => rule.what_to_do(),
                }
            }

            /// Whether it stands, whatever is sent next, and so is logged.
            // SPEC: release.md#refusal-leaves: what only the package said MUST NOT become a leaf.
            pub fn becomes_leaf(&self) -> bool {
                match self {
                    $( Self::$variant { .. } => stands!($logged), )+
                    // The stamp, the log before it and the details decide, and none of them changes.
                    Self::Rule(_) => true,
                }
            }
        }
    };
}

/// A part of the package that does not decode, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the package's {part} is malformed: {why}")]
pub struct Malformed {
    /// Which part.
    pub part: &'static str,
    /// Why.
    pub why: String,
}

refusals! {
    "g1" "package-malformed" answer Malformed(Malformed): "{0}" => "compose the package again with the current software";
    "g1" "package-too-large" answer TooLarge: "the package has more epochs or notices than one may have"
        => "ask for a shorter span, in several requests";
    "g1" "no-epochs" answer NoEpochs: "the package has no EpochOpen"
        => "fetch the EpochOpens of the span from the relay";
    "g1" "no-escrow-kind" answer NoEscrowKind: "an owner shares with the owner's own keys; trustees have no part in it"
        => "export the footage with the owner's app";
    "g1" "rules-not-logged" answer RulesNotLogged: "the PolicyDoc that this trustee agreed to is not of the log's chain"
        => "have the operator publish it, or the trustee agree to one that is published";
    "g1" "not-in-rules" answer NotInRules: "the rules in force do not name this trustee: its grant would count nowhere"
        => "ask the other trustees; the operator's next PolicyDoc may name this one";

    "g2" "not-logged" answer NotLogged: "no proof shows that the request is in the log: no key without a leaf"
        => "submit the request to the log, then send the package with its proof";
    "g2" "checkpoint-refused" answer CheckpointRefused(policy::VerifyError): "the proof's checkpoint is not the log's: {0}"
        => "fetch a new proof from the log that the trustee follows";
    "g2" "quorum-not-met" answer QuorumNotMet(policy::VerifyError): "too few witnesses vouch for the proof's checkpoint: {0}"
        => "wait until the log has collected its quorum of cosignatures, then fetch a new proof";
    "g2" "head-stale" answer HeadStale: "the proof's checkpoint was not cosigned just now"
        => "fetch a fresh proof; if it is fresh, one of the clocks is wrong";
    "g2" "head-ahead" answer HeadAhead: "the proof's checkpoint is ahead of the log as this trustee has read it"
        => "send the package again in a few seconds";
    "g2" "fork" answer Fork: "the proof's checkpoint contradicts the log as this trustee read it"
        => "give both checkpoints to a monitor: the log shows two histories";

    "g3" "not-included" answer NotIncluded(merkle::VerifyError): "the proof does not lead from this leaf to the log's root: {0}"
        => "send the leaf exactly as it was logged, with the proof of its own place";
    "g3" "not-stamped" answer NotStamped(StampError): "the log has not stamped the leaf: {0}"
        => "send the entry as the log made it: the leaf with the log's stamp as its last line";
    "g3" "register-behind" answer RegisterBehind: "this trustee has not read the log up to the request"
        => "send the package again in a few seconds";
    "g3" "id-taken" answer IdTaken(u64): "the request's id belongs to the leaf at {0}: one request, one key, for ever"
        => "write a new request with a fresh id";

    "g4" "other-rules" answer OtherRules: "the request names another PolicyDoc than the one in force when it was logged"
        => "write a new request under the PolicyDoc in force";
    "g4" "officer-unregistered" answer OfficerUnregistered: "the first signature is by no registered officer's key of the agency and country"
        => "have the officer's key registered by the registrar, then write a new request";
    "g4" "supervisor-unregistered" answer SupervisorUnregistered: "the second signature is by no registered supervisor's key of the agency and country"
        => "a second person must sign: have a registered supervisor sign a new request";
    "g4" "sponsor-unregistered" answer SponsorUnregistered: "the last signature is by no registered key of the sponsor"
        => "have the sponsor's key registered, by a registrar whose scope in the rules covers its name, then write a new request";
    "g4" "other-signatures" answer OtherSignatures: "the request bears another signature than its kind needs"
        => "write a new request, and have it signed by those alone whom its kind needs";
    "g4" "key-revoked" answer KeyRevoked(Role): "the {0}'s key was revoked"
        => "write a new request with a key that is registered";
    "g4" "registered-late" answer RegisteredLate: "the keys that signed were registered only after the request was logged"
        => "write a new request";
    "g4" "release-key-mismatch" answer ReleaseKeyMismatch: "the release key is not the one that the request names"
        => "send the release key that was made for this request";

    "g5" "enrollment-forged" answer EnrollmentForged: "owner or camera did not sign the Enrollment"
        => "fetch the Enrollment from the relay again";
    "g5" "notice-forged" answer NoticeForged: "the camera did not sign one of the DayNotices"
        => "fetch the DayNotices from the relay again";
    "g5" "notices-incomplete" answer NoticesIncomplete(Day): "the DayNotice of day {0} is missing or out of order"
        => "send the DayNotice of every day that the contract asks for, in order";
    "g5" "notice-mismatch" answer NoticeMismatch(EpochNo): "the DayNotice of its day is of another key than the one that epoch {0} commits to"
        => "fetch the DayNotices from the relay again; if it stays, the camera contradicts itself";
    "g5" "label-mismatch" answer LabelMismatch: "the label is not the one by which this camera's owner would find the request"
        => "do not ask again yet: the label was made by the relay, and every request that is logged counts against the quotas; have the relay's operator say why it is wrong";
    "g5" "details-unreadable" answer DetailsUnreadable(DetailsError): "the details do not open: {0}"
        => "send the details key that was made for this request";
    "g5" "other-camera" answer OtherCamera: "the details are about another camera than the package's"
        => "send the Enrollment and the DayNotices of the camera that the details name";
    "g5" "order-mismatch" answer OrderMismatch: "the order that came along is not the one that the details name"
        => "send the very file whose SHA-256 the details state, and none where they state none";
    "g5" "details-mismatch" leaf DetailsMismatch: "the details name another agency than the public text"
        => "write a new request whose details and public text agree";
    "g5" "span-mismatch" answer SpanMismatch: "the public span is not the sum of the epochs' lengths"
        => "write a new request that states the span of its epochs";
    "g5" "details-incomplete" leaf DetailsIncomplete(Kind): "the details leave out what a request of kind {0} must state"
        => "write a new request with complete details";

    "g6" "policy-forged" answer PolicyForged: "the camera's owner did not sign the OwnerPolicy"
        => "fetch the OwnerPolicy from the relay again";
    "g6" "policy-of-other-camera" answer PolicyOfOtherCamera: "the OwnerPolicy is for another camera"
        => "fetch the OwnerPolicy of this camera from the relay";
    "g6" "policy-leaf-mismatch" answer PolicyLeafMismatch: "the policy leaf commits to another OwnerPolicy"
        => "fetch the OwnerPolicy with its leaf from the relay again";
    "g6" "policy-unsponsored" answer PolicyUnsponsored: "no registered sponsor signed the policy leaf"
        => "nothing for what was filmed under that policy: who brought it into the log was no registered sponsor then; register that key, have the owner apply a new policy, and what is filmed from then on can be asked for";
    "g6" "policy-not-logged" answer PolicyNotLogged(LoggedError): "the OwnerPolicy is not shown to be in the log: {0}"
        => "fetch the OwnerPolicy with its proof from the relay again";
    "g6" "owner-cannot-read" leaf OwnerCannotRead: "the leaf does not give the owner the key of its details"
        => "write a new request with the details key sealed to the audit key of the OwnerPolicy";
    "g6" "policy-under-other-rules" leaf PolicyUnderOtherRules: "the owner agreed to a PolicyDoc that is not of the log's chain"
        => "nothing: what was filmed under rules that the log never had is not released";
    "g6" "policy-under-other-log" leaf PolicyUnderOtherLog: "the owner named another log policy than this trustee's"
        => "nothing here: the owner would not see this log";
    "g6" "class-not-allowed" leaf ClassNotAllowed(Kind): "when this was filmed, the owner did not allow release of kind {0}"
        => "nothing: the owner's choice at capture is final";
    "g6" "not-a-trustee" answer NotATrustee: "this trustee holds no share under the OwnerPolicy"
        => "send the package to the trustees that the OwnerPolicy lists";
    "g6" "epoch-forged" answer EpochForged(EpochNo): "the camera did not sign the EpochOpen of epoch {0}"
        => "fetch the EpochOpens from the relay again";
    "g6" "other-track" answer OtherTrack(EpochNo): "epoch {0} is of another track than the details name"
        => "write a request for each track";
    "g6" "epochs-not-contiguous" answer NotContiguous(EpochNo): "epoch {0} does not follow the one before it"
        => "write a request for each unbroken span";
    "g6" "range-mismatch" answer RangeMismatch: "the EpochOpens are not those from the first to the last epoch of the details"
        => "send exactly the EpochOpens that the details name";
    "g6" "other-policy" answer OtherPolicy(EpochNo): "epoch {0} was filmed under another OwnerPolicy"
        => "write a request for each policy, with the OwnerPolicy of that time";
    "g6" "shares-mismatch" leaf SharesMismatch(EpochNo): "epoch {0} was not dealt as the OwnerPolicy says"
        => "nothing: the camera did not follow its owner's policy";
    "g6" "epoch-too-long" leaf EpochTooLong(EpochNo): "epoch {0} is longer than the owner's policy and its PolicyDoc allow"
        => "nothing: the camera did not follow its owner's policy";
    "g6" "past-retention" leaf PastRetention(EpochNo): "the owner's retention of epoch {0} is over"
        => "nothing: what the owner let expire is not released";
    "g6" "needs-mismatch" leaf NeedsMismatch: "the request says that it needs other than the owner's number of trustees"
        => "write a new request that needs as many trustees as the OwnerPolicy";
    "g6" "recovery-unsigned" leaf RecoveryUnsigned: "the recovery key of the owner's policy did not sign the request"
        => "sign a new request with the owner's recovery key";
    "g6" "notice-unreadable" answer NoticeUnreadable(Day): "the DayNotice of day {0} gives this trustee no key to compare the label with"
        => "fetch the DayNotice from the relay again: the camera may have sealed it to more trustees since";

    "g8" "approval-missing" answer ApprovalMissing: "a human must approve a request of this kind"
        => "wait for the trustee's decision";
    "g8" "second-approver-missing" answer SecondApproverMissing: "the rules ask for a second approver, with another key"
        => "wait for the trustee's decision";
    "g8" "approval-malformed" answer ApprovalMalformed: "the decision is not an approval note, with the call back, nor a denial note"
        => "approve again with the trustee's current software";
    "g8" "approval-of-other-request" answer ApprovalOfOtherRequest: "the decision is of another request"
        => "approve this request";
    "g8" "approver-unknown" answer ApproverUnknown: "no approver of this trustee signed the decision"
        => "approve with a key that the trustee's configuration lists";

    "g9" "share-not-dealt" leaf ShareNotDealt(EpochNo): "no share from epoch {0} on was dealt to this trustee: its day key was not there when it was filmed"
        => "ask the other trustees; where under t hold a share, only the owner's devices open it";
    "g9" "day-key-destroyed" leaf DayKeyDestroyed(Day): "the trustee's key of day {0} was destroyed: escrow of that day has ended"
        => "nothing: it cannot be opened through escrow by anyone, ever";
    "g9" "day-key-lost" leaf DayKeyLost(EpochNo): "the share of epoch {0} is sealed to a day key that this trustee has lost"
        => "ask the other trustees";
    "g9" "day-key-unknown" answer DayKeyUnknown(EpochNo): "the share of epoch {0} is sealed to a day key that this trustee does not have"
        => "ask the other trustees; the trustee should look for a lost key store";
    "g9" "day-key-mismatch" leaf DayKeyMismatch(EpochNo): "the share of epoch {0} is sealed to another key than the trustee published for that day"
        => "ask the other trustees";
    "g9" "share-bound-elsewhere" leaf ShareBoundElsewhere(EpochNo): "the share of epoch {0} does not open here: it was sealed for another camera, time, policy or trustee, or altered"
        => "fetch the EpochOpens from the relay again, and ask the other trustees";

    "g10" "release-key-unusable" answer ReleaseKeyUnusable: "the release key is no X-Wing key"
        => "write a new request with a proper release key";
    "g10" "wrong-signer" answer WrongSigner: "the grant was to be signed with another key than the trustee's"
        => "the trustee must be started with the key that its configuration names";

    "g11" "grant-mismatch" answer GrantMismatch: "the logged grant is not the one of this bundle"
        => "the trustee must wait for its own grant";
    "g11" "grant-proof-mismatch" answer GrantProofMismatch: "the proof is not the one by which the grant is known to be logged"
        => "the trustee must hand out the proof that it verified";
}

impl Refusal {
    pub(crate) fn malformed(part: &'static str, why: impl core::fmt::Display) -> Self {
        Self::Malformed(Malformed { part, why: alloc::format!("{why}") })
    }
}

/// What a trustee refuses when there is no request to check.
impl From<PackageError> for Refusal {
    fn from(error: PackageError) -> Self {
        match error {
            PackageError::Encoding(error) => Self::malformed("encoding", error),
            PackageError::Leaf(error) => Self::malformed("leaf", error),
        }
    }
}

/// The gate's no to a package, and what it had been shown before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{refusal}")]
pub struct NotPassed {
    /// Why.
    pub refusal: Refusal,
    /// The request, from G4 on: before, nothing shows that it stands in the log.
    pub logged: Option<Box<Logged<Signed<Request>>>>,
}

impl From<Refusal> for NotPassed {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, logged: None }
    }
}
