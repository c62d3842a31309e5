//! G6: what the owner decided before the camera filmed, and what it filmed: signed, logged,
//! unbroken, and exactly what the details name. Contract: `proto/release.md#g6`.

use super::{Parts, Refusal, Standing, log};
use crate::details::{Details, owner_can_read};
use crate::record::{Kind, RECOVERY_KEY_NAME, Request, Signed};
use alloc::vec::Vec;
use core::time::Duration;
use media::enrollment::Enrollment;
use media::epoch::{EpochContext, EpochOpen};
use media::id::EpochNo;
use media::policy::{Class, OwnerPolicy};
use media::time::Seconds;
use tlog::note::Verifier;
use tlog::{Hash, Logged};

const DAY: Duration = Duration::from_secs(86_400);

/// What the owner agreed to, and the camera filmed under it.
pub(super) struct Agreed<'a> {
    /// This trustee's index in the owner's policy.
    pub(super) index: u8,
    /// The verified epochs.
    pub(super) opens: Vec<EpochOpen>,
    pub(super) policy: &'a OwnerPolicy,
}

pub(super) fn check<'a>(
    parts: &'a Parts<'_>,
    camera: &Enrollment,
    details: &Details,
    standing: &Standing<'_>,
    now: Seconds,
) -> Result<Agreed<'a>, Refusal> {
    let policy = check_owner(parts, camera)?;
    // SPEC: release.md#g6: the policy MUST be bound to the epochs, and the epochs to the details,
    // before anything of it is judged: else whoever resends the package with another policy of the
    // camera would have the leaf refused for it.
    let opens = check_epochs(parts, camera, details)?;
    check_logged(parts, standing)?;
    // SPEC: release.md#g6: the leaf MUST carry, sealed to the owner's audit key, the very key that
    // opened its details here.
    if !owner_can_read(parts.request.value(), &parts.package.details_key, &policy.audit_pk) {
        return Err(Refusal::OwnerCannotRead);
    }
    let index = judge(parts.request, policy, &opens, standing, now)?;
    Ok(Agreed { index, opens, policy })
}

/// What the owner's policy says of the request: the same whoever sends the package. This trustee's
/// index in it.
fn judge(
    request: &Signed<Request>,
    policy: &OwnerPolicy,
    opens: &[EpochOpen],
    standing: &Standing<'_>,
    now: Seconds,
) -> Result<u8, Refusal> {
    // SPEC: release.md#g6: an OwnerPolicy MUST name a PolicyDoc of the log's chain; an older one stays
    // good for what was filmed under it.
    let rules = standing.register.rules_of(&Hash(policy.policy_doc_hash));
    let rules = rules.ok_or(Refusal::PolicyUnderOtherRules)?;
    if Hash(policy.log_policy_hash) != standing.log_policy.hash() {
        return Err(Refusal::PolicyUnderOtherLog);
    }
    // SPEC: release.md#g6: the class MUST have been allowed when it was filmed; a later change of
    // mind does not count.
    let kind = request.value().kind;
    if !class_of(kind).is_some_and(|class| policy.classes.allow(class)) {
        return Err(Refusal::ClassNotAllowed(kind));
    }
    if kind == Kind::Recovery && !is_signed_for_recovery(request, policy) {
        return Err(Refusal::RecoveryUnsigned);
    }
    let own = standing.trustee.vkey();
    let at = policy.trustees.iter().position(|trustee| trustee.vkey == own).ok_or(Refusal::NotATrustee)?;
    let longest = Duration::from_secs(rules.figures().epoch_max_secs.min(policy.epoch_len_s.into()));
    for context in opens.iter().map(|open| &open.context) {
        if (context.t, context.n) != (policy.t, policy.n()) {
            return Err(Refusal::SharesMismatch(context.epoch_no));
        }
        // SPEC: release.md#g6: an epoch MUST NOT be longer than the OwnerPolicy and its PolicyDoc say:
        // an epoch is the unit of release.
        if Duration::from_millis(context.dur_ms.into()) > longest {
            return Err(Refusal::EpochTooLong(context.epoch_no));
        }
        if is_over(context, policy, now) {
            return Err(Refusal::PastRetention(context.epoch_no));
        }
    }
    // SPEC: release.md#g6: what the leaf says it needs MUST be what the owner asks for: the public
    // count goes by it.
    if request.value().needs != u32::from(policy.t) {
        return Err(Refusal::NeedsMismatch);
    }
    u8::try_from(at + 1).map_err(|_| Refusal::NotATrustee)
}

/// The OwnerPolicy is the owner's, and of this camera.
fn check_owner<'a>(parts: &'a Parts<'_>, camera: &Enrollment) -> Result<&'a OwnerPolicy, Refusal> {
    let policy = parts.policy.verify(&camera.owner_root_pk).map_err(|_| Refusal::PolicyForged)?;
    if policy.camera_id != camera.camera_id() {
        return Err(Refusal::PolicyOfOtherCamera);
    }
    Ok(policy)
}

/// The OwnerPolicy is in the log.
fn check_logged(parts: &Parts<'_>, standing: &Standing<'_>) -> Result<(), Refusal> {
    let leaf = &parts.policy_leaf;
    if !leaf.value().commits_to(&Hash(parts.policy.hash())) {
        return Err(Refusal::PolicyLeafMismatch);
    }
    // SPEC: release.md#g2: so MUST the head of the policy's proof.
    log::own_history(&parts.policy_proof, standing)?;
    let logged = Logged::verify(leaf.clone(), &parts.policy_proof, standing.log_policy)
        .map_err(Refusal::PolicyNotLogged)?;
    match standing.register.was_sponsored(leaf, &leaf.value().sponsor, logged.index()) {
        true => Ok(()),
        false => Err(Refusal::PolicyUnsponsored),
    }
}

/// The epochs: the camera's, unbroken, exactly those of the details, filmed under this policy.
fn check_epochs(
    parts: &Parts<'_>,
    camera: &Enrollment,
    details: &Details,
) -> Result<Vec<EpochOpen>, Refusal> {
    let policy_hash = parts.policy.hash();
    let mut opens: Vec<EpochOpen> = Vec::with_capacity(parts.opens.len());
    for signed in &parts.opens {
        let epoch = signed.unverified().context.epoch_no;
        let open = signed.verify(&camera.camera_pk).map_err(|_| Refusal::EpochForged(epoch))?;
        let context = &open.context;
        if context.track != details.track {
            return Err(Refusal::OtherTrack(epoch));
        }
        if opens.last().is_some_and(|last| !follows(&last.context, context)) {
            return Err(Refusal::NotContiguous(epoch));
        }
        // SPEC: release.md#g6: the policy MUST be the one to which the epoch's context binds every
        // share.
        if context.policy_hash != policy_hash {
            return Err(Refusal::OtherPolicy(epoch));
        }
        opens.push(open.clone());
    }
    let ends =
        |open: Option<&EpochOpen>, epoch: EpochNo| open.is_some_and(|open| open.context.epoch_no == epoch);
    if ends(opens.first(), details.first_epoch) && ends(opens.last(), details.last_epoch) {
        Ok(opens)
    } else {
        Err(Refusal::RangeMismatch)
    }
}

/// The next number, and not an earlier time: else a span could reach further than its two ends say.
fn follows(last: &EpochContext, next: &EpochContext) -> bool {
    last.epoch_no.next() == Some(next.epoch_no) && last.start_us <= next.start_us
}

fn is_over(context: &EpochContext, policy: &OwnerPolicy, now: Seconds) -> bool {
    context.end_us().after(DAY * policy.retention_days.into()) <= now.micros()
}

fn class_of(kind: Kind) -> Option<Class> {
    match kind {
        Kind::Legal => Some(Class::Legal),
        Kind::Emergency => Some(Class::Emergency),
        Kind::Recovery => Some(Class::Recovery),
        Kind::OwnerShare => None,
    }
}

// SPEC: release.md#g6: a recovery MUST be signed by the recovery key of the policy at capture: a
// sponsor alone is not the owner.
fn is_signed_for_recovery(request: &Signed<Request>, policy: &OwnerPolicy) -> bool {
    let key = Verifier::from_ed25519(RECOVERY_KEY_NAME, &policy.recovery_pk);
    policy.recovery_pk != [0; 32] && key.is_ok_and(|key| request.is_signed_by(&key))
}
