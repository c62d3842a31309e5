//! Verifying evidence, by whoever has nothing but the file. Contract:
//! `proto/evidence.md#verifying`.

use super::coverage::{Coverage, Footage};
use super::opener::{self, Opener};
use super::proven::{lines, logged};
use super::release::{Against, Release};
use super::signers::{Registrations, SignedAs};
use super::{Evidence, EvidenceError};
use crate::policy::PolicyDoc;
use crate::record::{OwnerPolicyLeaf, Role, Seconds, Signed};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use media::enrollment::Enrollment;
use media::epoch::{EpochOpen, SignedEpochOpen};
use media::id::{CameraId, TrackId};
use media::policy::{OwnerPolicy, SignedOwnerPolicy};
use media::sign::PublicKey;
use seal::epoch::EpochSeed;
use seal::opener::{Gap, Keyring, Whole, open_whole};
use subtle::ConstantTimeEq as _;
use tlog::policy::Policy;
use tlog::{Hash, Logged};

/// What evidence shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Which camera.
    pub camera_id: CameraId,
    /// Which picture.
    pub track: TrackId,
    /// Whose camera: the owner's root key.
    pub owner_root_pk: PublicKey,
    /// The OwnerPolicy at capture.
    pub policy: PolicyShown,
    /// The log policy under which the proofs hold: to be compared with one from a better source than
    /// the file.
    pub log_policy: Policy,
    /// What is there of the footage, and what is not.
    pub footage: Footage,
    /// Under which release; none where the file shows none.
    pub release: Option<Release>,
    /// Who opened the footage and made the file; none where nobody signed it.
    pub opener: Option<Opener>,
}

/// What the file shows of the OwnerPolicy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyShown {
    /// Its version.
    pub version: u32,
    /// Shares that open an epoch.
    pub t: u8,
    /// Shares that there are.
    pub n: u8,
    /// The place of its leaf in the log.
    pub index: u64,
    /// When the log ordered it, by its stamp.
    pub logged_at: Seconds,
    /// Who brought it there.
    pub sponsor: SignedAs,
}

/// Evidence whose head holds, and as many of its segments as were shown: one at a time, for files
/// of any length.
pub struct Verification {
    keys: Keyring,
    coverage: Coverage,
    head: Head,
}

struct Head {
    camera_id: CameraId,
    track: TrackId,
    owner_root_pk: PublicKey,
    policy: PolicyShown,
    log_policy: Policy,
    release: Option<Release>,
    opener: Option<Opener>,
}

impl Verification {
    /// Verifies the head.
    pub fn start(head: &Evidence) -> Result<Self, EvidenceError> {
        let log_policy = Policy::parse(&head.log_policy)?;
        let camera = Enrollment::decode_verified(&head.enrollment)?;
        let signed = SignedOwnerPolicy::decode_verified(&head.policy.policy, &camera.owner_root_pk)?;
        // `decode_verified` checked the signature that this `unverified` speaks of.
        let policy = signed.unverified();
        let (leaf, logged_at) = check_policy(head, &signed, &camera, &log_policy)?;
        let rules = check_rules(head, policy)?;
        let opens = check_epochs(head, &signed, &camera)?;
        let closing = check_closing(head, &opens, &camera)?;
        let mut registrations = Registrations::read(&head.registrations, rules.as_ref(), &log_policy)?;
        let sponsor = &leaf.value().value().sponsor;
        let sponsor = registrations.signer(&leaf, 0, Role::Sponsor, (sponsor, None))?;
        let policy_index = leaf.index();
        let against =
            Against { policy, policy_index, rules: rules.as_ref(), opens: &opens, log_policy: &log_policy };
        let (release, request) = against.check(head, &mut registrations)?.unzip();
        registrations.all_serve()?;
        let opener = opener::check(&head.opener, &head.signed_hash(), request.as_ref(), policy)?;
        let track = opens.first().ok_or(EvidenceError::NoEpochs)?.context.track;
        let mut keys = Keyring::new(camera.camera_pk, track);
        let mut unopened = BTreeSet::new();
        for (open, seed) in opens.iter().zip(&head.seeds) {
            match seed {
                Some(seed) => keys.insert(open, EpochSeed::new(*seed).content_key(&open.context.hash())),
                None => _ = unopened.insert(open.context.epoch_no),
            }
        }
        let head = Head {
            camera_id: camera.camera_id(),
            track,
            owner_root_pk: camera.owner_root_pk,
            policy: PolicyShown {
                version: policy.version,
                t: policy.t,
                n: policy.n(),
                index: policy_index,
                logged_at,
                sponsor,
            },
            log_policy,
            release,
            opener,
        };
        Ok(Self { keys, coverage: Coverage::new(opens, closing, unopened), head })
    }

    /// Verifies the next sealed segment, and opens it: signed by the camera, in its place in the
    /// chain. One that is refused is not taken.
    pub fn segment(&mut self, sealed: &[u8]) -> Result<Whole, EvidenceError> {
        let number = self.coverage.segments() + 1;
        let failed = |error| EvidenceError::Segment { number, error };
        let whole = open_whole(sealed, &self.keys).map_err(failed)?;
        self.coverage.take(&whole.ended).map_err(failed)?;
        Ok(whole)
    }

    /// What was missing or not filmed between the segments so far.
    pub fn gaps(&self) -> &[Gap] {
        self.coverage.gaps()
    }

    /// What the evidence shows, once its last segment was taken.
    pub fn finish(self) -> Result<Verified, EvidenceError> {
        let Head { camera_id, track, owner_root_pk, policy, log_policy, release, opener } = self.head;
        let footage = self.coverage.finish()?;
        Ok(Verified { camera_id, track, owner_root_pk, policy, log_policy, footage, release, opener })
    }
}

impl core::fmt::Debug for Verification {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Verification({}, {} segments, secret)", self.head.camera_id, self.coverage.segments())
    }
}

fn check_policy(
    head: &Evidence,
    signed: &SignedOwnerPolicy,
    camera: &Enrollment,
    log_policy: &Policy,
) -> Result<(Logged<Signed<OwnerPolicyLeaf>>, Seconds), EvidenceError> {
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
    lines("policy leaf", &leaf, 1)?;
    logged("policy", leaf, &head.policy.proof, log_policy)
}

/// The PolicyDoc, if the file has it: the one that the owner agreed to.
fn check_rules(head: &Evidence, policy: &OwnerPolicy) -> Result<Option<PolicyDoc>, EvidenceError> {
    if head.rules.is_empty() {
        return Ok(None);
    }
    let rules = PolicyDoc::parse(&head.rules)?;
    if rules.hash() == Hash(policy.policy_doc_hash) {
        Ok(Some(rules))
    } else {
        Err(EvidenceError::Rules("the owner agreed to another one"))
    }
}

fn check_epochs(
    head: &Evidence,
    signed: &SignedOwnerPolicy,
    camera: &Enrollment,
) -> Result<Vec<EpochOpen>, EvidenceError> {
    if head.opens.is_empty() || head.opens.len() != head.seeds.len() {
        return Err(EvidenceError::NoEpochs);
    }
    let (policy_hash, policy) = (signed.hash(), signed.unverified());
    let mut opens: Vec<EpochOpen> = Vec::with_capacity(head.opens.len());
    for (bytes, seed) in head.opens.iter().zip(&head.seeds) {
        let open = signed_open(bytes, camera)?;
        let context = &open.context;
        let follows = opens.last().map(|last| &last.context).is_none_or(|last| {
            last.epoch_no.next() == Some(context.epoch_no)
                && last.track == context.track
                && last.start_us <= context.start_us
        });
        let is_as_agreed =
            context.policy_hash == policy_hash && (context.t, context.n) == (policy.t, policy.n());
        if !follows || !is_as_agreed {
            return Err(EvidenceError::EpochMisplaced(context.epoch_no));
        }
        // SPEC: evidence.md#verifying: every seed MUST be the one to which the camera committed.
        let commit = seed.map(|seed| EpochSeed::new(seed).key_commit(&context.hash()));
        if commit.is_some_and(|commit| !bool::from(commit.ct_eq(&open.key_commit))) {
            return Err(EvidenceError::WrongSeed(context.epoch_no));
        }
        opens.push(open);
    }
    Ok(opens)
}

/// The EpochOpen after the last one, if the file has it: of the camera, and of its close record.
fn check_closing(
    head: &Evidence,
    opens: &[EpochOpen],
    camera: &Enrollment,
) -> Result<Option<EpochOpen>, EvidenceError> {
    if head.closing.is_empty() {
        return Ok(None);
    }
    let closing = signed_open(&head.closing, camera)?;
    let last = &opens.last().ok_or(EvidenceError::NoEpochs)?.context;
    let closes = closing.previous.is_some_and(|close| close.epoch_no == last.epoch_no);
    if closes && closing.context.track == last.track && closing.context.epoch_no > last.epoch_no {
        Ok(Some(closing))
    } else {
        Err(EvidenceError::EpochMisplaced(closing.context.epoch_no))
    }
}

fn signed_open(bytes: &[u8], camera: &Enrollment) -> Result<EpochOpen, EvidenceError> {
    let signed = SignedEpochOpen::decode(bytes)?;
    let epoch = signed.unverified().context.epoch_no;
    let open = signed.verify(&camera.camera_pk).map_err(|error| EvidenceError::EpochForged(epoch, error))?;
    Ok(open.clone())
}
