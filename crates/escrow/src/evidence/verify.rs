//! Verifying evidence, by whoever has nothing but the file. Contract:
//! `proto/evidence.md#verifying`.

use super::Evidence;
use crate::bundle::{BundleError, verify_grant};
use crate::deal::shares_hash;
use crate::record::{
    Country, EntryId, Grant, Kind, Name, OwnerPolicyLeaf, RecordError, Request, Signed, Span, Word,
};
use alloc::vec::Vec;
use core::time::Duration;
use media::codec::DecodeError;
use media::enrollment::{Enrollment, ObjectError};
use media::epoch::{EpochOpen, GapReason, SignedEpochOpen};
use media::id::{CameraId, EpochNo, TrackId};
use media::policy::{OwnerPolicy, SignedOwnerPolicy};
use media::sign::{BadSignature, PublicKey};
use media::time::{Micros, Seconds};
use seal::epoch::EpochSeed;
use seal::opener::{Continuity, Ended, Gap, Keyring, OpenError, open_whole};
use subtle::ConstantTimeEq as _;
use tlog::note::{KeyError, Verifier};
use tlog::policy::{Policy, PolicyError};
use tlog::proof::{ProofError, TlogProof};
use tlog::{Hash, Logged, LoggedError};

/// Why evidence does not show what it should.
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
    /// The OwnerPolicy is another camera's, another owner's, or not the leaf's.
    #[error("the OwnerPolicy does not fit: {0}")]
    WrongPolicy(&'static str),
    /// No EpochOpen, or not as many seeds.
    #[error("there must be an EpochOpen, and a seed for each")]
    NoEpochs,
    /// An EpochOpen that the camera did not sign.
    #[error("epoch {0}: {1}")]
    EpochForged(EpochNo, BadSignature),
    /// An EpochOpen that does not follow the one before it on its track, under the same policy.
    #[error("epoch {0} does not follow the one before it, on its track and under its policy")]
    EpochMisplaced(EpochNo),
    /// A seed to which the camera did not commit.
    #[error("the seed of epoch {0} is not the one that the camera committed to")]
    WrongSeed(EpochNo),
    /// Grants without a request.
    #[error("there are grants, and no request that they grant")]
    GrantsAlone,
    /// The request names another span.
    #[error("the request's span is not that of the epochs")]
    WrongSpan,
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
    /// A segment that does not hold.
    #[error("segment {number} of the file: {error}")]
    Segment {
        /// Which, from 1.
        number: u64,
        /// Why.
        error: OpenError,
    },
}

/// What evidence shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Which camera.
    pub camera_id: CameraId,
    /// Which picture.
    pub track: TrackId,
    /// Whose camera: the owner's root key.
    pub owner_root_pk: PublicKey,
    /// The version of the OwnerPolicy at capture.
    pub policy_version: u32,
    /// SHA-256 of the log policy under which the proofs hold: to be compared with one from a better
    /// source than the file.
    pub log_policy_hash: Hash,
    /// First epoch.
    pub first_epoch: EpochNo,
    /// Last epoch.
    pub last_epoch: EpochNo,
    /// The first epoch's start.
    pub start_us: Micros,
    /// The last epoch's end.
    pub end_us: Micros,
    /// Whole segments: signed, opened, in the chain.
    pub segments: u64,
    /// What is missing between start and end.
    pub gaps: Vec<Gap>,
    /// Under which release; none for what the owner exported.
    pub release: Option<Release>,
}

/// The release that opened the footage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The request's id.
    pub id: EntryId,
    /// Its place in the log.
    pub index: u64,
    /// When a quorum had cosigned a head with it, at the latest.
    pub logged_at: Seconds,
    /// Its kind.
    pub kind: Kind,
    /// Who asked; none for the owner's own kinds.
    pub agency: Option<Name>,
    /// The agency's country.
    pub country: Option<Country>,
    /// On which basis.
    pub basis: Option<Word>,
    /// Who granted, with the places of their grants.
    pub grants: Vec<(Name, u64)>,
}

/// Evidence whose head holds, and as many of its segments as were shown: one at a time, for files
/// of any length.
pub struct Verification {
    keys: Keyring,
    opens: Vec<EpochOpen>,
    continuity: Continuity,
    last: Option<Ended>,
    verified: Verified,
}

impl Verification {
    /// Verifies the head.
    pub fn start(head: &Evidence) -> Result<Self, EvidenceError> {
        let log_policy = Policy::parse(&head.log_policy)?;
        let camera = Enrollment::decode_verified(&head.enrollment)?;
        let signed = SignedOwnerPolicy::decode_verified(&head.policy.policy, &camera.owner_root_pk)?;
        let policy = check_policy(head, &signed, &camera, &log_policy)?;
        let opens = check_epochs(head, &signed, &camera)?;
        let (Some(first), Some(last)) = (opens.first(), opens.last()) else {
            return Err(EvidenceError::NoEpochs);
        };
        let release = check_release(head, policy, &opens, &log_policy)?;
        let verified = Verified {
            camera_id: camera.camera_id(),
            track: first.context.track,
            owner_root_pk: camera.owner_root_pk,
            policy_version: policy.version,
            log_policy_hash: log_policy.hash(),
            first_epoch: first.context.epoch_no,
            last_epoch: last.context.epoch_no,
            start_us: first.context.start_us,
            end_us: last.context.end_us(),
            segments: 0,
            gaps: Vec::new(),
            release,
        };
        let mut keys = Keyring::new(camera.camera_pk, first.context.track);
        for (open, seed) in opens.iter().zip(&head.seeds) {
            keys.insert(open, EpochSeed::new(*seed).content_key(&open.context.hash()));
        }
        Ok(Self { keys, opens, continuity: Continuity::new(), last: None, verified })
    }

    /// Verifies the next sealed segment: opened whole, signed by the camera, in its place in the
    /// chain.
    pub fn segment(&mut self, sealed: &[u8]) -> Result<(), EvidenceError> {
        let number = self.verified.segments + 1;
        let failed = |error| EvidenceError::Segment { number, error };
        let ended = open_whole(sealed, &self.keys).map_err(failed)?.ended;
        let epoch = ended.header.epoch_no;
        let known = self.opens.iter().find(|open| open.context.epoch_no == epoch);
        let open = known.ok_or(OpenError::NoKey(epoch)).map_err(failed)?;
        let gap = self.continuity.take(&ended, open).map_err(failed)?;
        let gap = if self.last.is_none() { self.missing_before(&ended) } else { gap };
        self.verified.gaps.extend(gap);
        self.verified.segments = number;
        self.last = Some(ended);
        Ok(())
    }

    /// What the evidence shows.
    pub fn finish(mut self) -> Verified {
        let gap = self.missing_after();
        self.verified.gaps.extend(gap);
        self.verified
    }

    /// The file may begin after its first epoch did.
    fn missing_before(&self, first: &Ended) -> Option<Gap> {
        let Verified { first_epoch, start_us, .. } = self.verified;
        let header = &first.header;
        let missing = header.k > 0 || header.epoch_no != first_epoch;
        let segments = u64::from(header.k);
        missing.then_some(Gap { from_us: start_us, to_us: header.start_us, segments, reason: None })
    }

    /// The file may end before its last epoch does. How many segments the very last epoch had, only
    /// the EpochOpen after it says.
    fn missing_after(&self) -> Option<Gap> {
        let Verified { start_us, end_us, last_epoch, .. } = self.verified;
        let Some(last) = &self.last else {
            return Some(Gap { from_us: start_us, to_us: end_us, segments: 0, reason: None });
        };
        let header = &last.header;
        if header.epoch_no == last_epoch {
            return None;
        }
        let closes = self.opens.iter().filter_map(|open| open.previous);
        let close = closes.into_iter().find(|close| close.epoch_no == header.epoch_no);
        let at_end = close.map_or(0, |close| close.segments.saturating_sub(header.k.saturating_add(1)));
        let explained = close.map(|close| close.gap).filter(|gap| *gap != GapReason::None && at_end == 0);
        let from_us =
            header.start_us.after(Duration::from_micros(last.trailer.duration_us.into())).min(end_us);
        Some(Gap { from_us, to_us: end_us, segments: u64::from(at_end), reason: explained })
    }
}

impl core::fmt::Debug for Verification {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Verification({:?}, secret)", self.verified)
    }
}

fn check_policy<'a>(
    head: &Evidence,
    signed: &'a SignedOwnerPolicy,
    camera: &Enrollment,
    log_policy: &Policy,
) -> Result<&'a OwnerPolicy, EvidenceError> {
    // `decode_verified` checked the signature that this `unverified` speaks of.
    let policy = signed.unverified();
    if policy.camera_id != camera.camera_id() {
        return Err(EvidenceError::WrongPolicy("it is of another camera"));
    }
    if Hash(policy.log_policy_hash) != log_policy.hash() {
        return Err(EvidenceError::WrongPolicy("the owner named another log policy"));
    }
    let leaf = Signed::<OwnerPolicyLeaf>::parse(&head.policy.leaf)?;
    if !leaf.value().commits_to(&Hash(signed.hash())) {
        return Err(EvidenceError::WrongPolicy("the leaf commits to another one"));
    }
    let proof = TlogProof::parse(&head.policy.proof)?;
    Logged::verify(leaf, &proof, log_policy)
        .map_err(|error| EvidenceError::NotLogged { leaf: "policy", error })?;
    Ok(policy)
}

fn check_epochs(
    head: &Evidence,
    policy: &SignedOwnerPolicy,
    camera: &Enrollment,
) -> Result<Vec<EpochOpen>, EvidenceError> {
    if head.opens.is_empty() || head.opens.len() != head.seeds.len() {
        return Err(EvidenceError::NoEpochs);
    }
    let policy_hash = policy.hash();
    let mut opens: Vec<EpochOpen> = Vec::with_capacity(head.opens.len());
    for (bytes, seed) in head.opens.iter().zip(&head.seeds) {
        let signed = SignedEpochOpen::decode(bytes)?;
        let epoch = signed.unverified().context.epoch_no;
        let open =
            signed.verify(&camera.camera_pk).map_err(|error| EvidenceError::EpochForged(epoch, error))?;
        let follows = opens.last().is_none_or(|last| {
            last.context.epoch_no.next() == Some(epoch) && last.context.track == open.context.track
        });
        if !follows || open.context.policy_hash != policy_hash {
            return Err(EvidenceError::EpochMisplaced(epoch));
        }
        // SPEC: evidence.md#verifying: every seed MUST be the one to which the camera committed.
        let commit = EpochSeed::new(*seed).key_commit(&open.context.hash());
        if !bool::from(commit.ct_eq(&open.key_commit)) {
            return Err(EvidenceError::WrongSeed(epoch));
        }
        opens.push(open.clone());
    }
    Ok(opens)
}

fn check_release(
    head: &Evidence,
    policy: &OwnerPolicy,
    opens: &[EpochOpen],
    log_policy: &Policy,
) -> Result<Option<Release>, EvidenceError> {
    let (leaf, proof) = &head.request;
    if leaf.is_empty() && proof.is_empty() {
        return if head.grants.is_empty() { Ok(None) } else { Err(EvidenceError::GrantsAlone) };
    }
    let request = Signed::<Request>::parse(leaf)?;
    let request = Logged::verify(request, &TlogProof::parse(proof)?, log_policy)
        .map_err(|error| EvidenceError::NotLogged { leaf: "request", error })?;
    if Span::of_epochs(opens.iter().map(|open| open.context.dur_ms)) != Some(request.value().value().span) {
        return Err(EvidenceError::WrongSpan);
    }
    let mut grants: Vec<(Name, u64)> = Vec::new();
    for (leaf, proof) in &head.grants {
        let (name, index) = check_grant(leaf, proof, &request, policy, opens, log_policy)?;
        if grants.iter().any(|(known, _)| *known == name) {
            return Err(EvidenceError::WrongTrustee(name));
        }
        grants.push((name, index));
    }
    // SPEC: evidence.md#verifying: a release MUST show as many grants as shares were needed. The
    // owner's own kinds need none.
    let needed = if request.value().value().kind == Kind::OwnerShare { 0 } else { policy.t.max(1) };
    if grants.len() < usize::from(needed) {
        return Err(EvidenceError::TooFewGrants { got: grants.len(), needed });
    }
    let value = request.value().value();
    Ok(Some(Release {
        id: value.id,
        index: request.index(),
        logged_at: Seconds(request.cosigned_at()),
        kind: value.kind,
        agency: value.agency.clone(),
        country: value.country,
        basis: value.basis.clone(),
        grants,
    }))
}

/// One grant: by a trustee of the policy, in the log, for this request, of exactly the shares of
/// these epochs.
fn check_grant(
    leaf: &[u8],
    proof: &[u8],
    request: &Logged<Signed<Request>>,
    policy: &OwnerPolicy,
    opens: &[EpochOpen],
    log_policy: &Policy,
) -> Result<(Name, u64), EvidenceError> {
    let name = Signed::<Grant>::parse(leaf)?.value().trustee.clone();
    let listed = (1u8..).zip(&policy.trustees).find(|(_, trustee)| trustee.name == name.as_str());
    let Some((index, trustee)) = listed else { return Err(EvidenceError::WrongTrustee(name)) };
    let key =
        Verifier::parse(&trustee.vkey).map_err(|error| EvidenceError::TrusteeKey(name.clone(), error))?;
    let grant = verify_grant(leaf, proof, request, &key, log_policy)
        .map_err(|error| EvidenceError::WrongGrant(name.clone(), error))?;
    let value = grant.value().value();
    let epochs = usize::try_from(value.epochs) == Ok(opens.len());
    if epochs && shares_hash(opens, index) == Some(value.shares) {
        Ok((name, grant.index()))
    } else {
        Err(EvidenceError::OtherShares(name))
    }
}
