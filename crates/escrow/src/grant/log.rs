//! G2 and G3: the request stands in the log, under a fresh head that a quorum cosigned and that is
//! part of the history which this trustee read itself. Contract: `proto/release.md#g2`, `#g3`.

use super::{Parts, Refusal, Standing};
use crate::policy::PolicyDoc;
use crate::record::{Request, Signed};
use crate::register::Requested;
use media::time::Seconds;
use tlog::policy::{CosignedCheckpoint, Policy, VerifyError, Window};
use tlog::proof::TlogProof;
use tlog::{Logged, LoggedError};

/// The logged request.
pub(super) fn check(
    parts: &Parts<'_>,
    standing: &Standing<'_>,
    now: Seconds,
) -> Result<Logged<Signed<Request>>, Refusal> {
    // G2.
    // SPEC: release.md#g2: no key without a leaf: a package without a proof MUST be refused.
    let proof = parts.proof.as_ref().ok_or(Refusal::NotLogged)?;
    let figures = standing.rules.figures();
    let window = Window::around(now.0, figures.head_age_secs, figures.clock_skew_secs);
    // SPEC: release.md#g2: the checkpoint MUST bear the log's signature and a quorum of the window.
    fresh(proof, standing.log_policy, window)?;
    own_history(proof, standing)?;

    // G3.
    let request = Logged::verify_fresh(parts.request.clone(), proof, standing.log_policy, window)
        .map_err(not_logged)?;
    let known = standing.register.request(request.index()).ok_or(Refusal::RegisterBehind)?;
    if known.hash != request.value().hash() {
        return Err(Refusal::RegisterBehind);
    }
    // SPEC: release.md#g3: the first authorised or granted request of an id owns it; any other MUST
    // be refused, for ever.
    match standing.register.owner_of(&known.id) {
        Some(owner) if owner != request.index() => Err(Refusal::IdTaken(owner)),
        // Where nobody owns it, nobody signed it who counted when it was logged, which is G4's to
        // say.
        Some(_) | None => Ok(request),
    }
}

/// How the request stands in the log, as this trustee read it.
pub(super) struct Stood<'a> {
    /// Its stamp is T0.
    pub(super) asked: &'a Requested,
    /// The rules in force at its stamp.
    pub(super) rules: &'a PolicyDoc,
}

// SPEC: release.md#g4: a request MUST name the PolicyDoc in force at its stamp.
pub(super) fn stood<'a>(
    request: &Logged<Signed<Request>>,
    standing: &Standing<'a>,
) -> Result<Stood<'a>, Refusal> {
    let asked = standing.register.request(request.index()).ok_or(Refusal::RegisterBehind)?;
    let rules = standing.register.rules_at(request.index()).ok_or(Refusal::OtherRules)?;
    if rules.hash() != request.value().value().policy {
        return Err(Refusal::OtherRules);
    }
    Ok(Stood { asked, rules })
}

/// The log's signature, the quorum, and the quorum within the window, each by its own name.
fn fresh(proof: &TlogProof, policy: &Policy, window: Window) -> Result<CosignedCheckpoint, Refusal> {
    let bytes = proof.checkpoint().encode();
    policy.verify_fresh_checkpoint(&bytes, window).map_err(|error| match error {
        VerifyError::QuorumNotMet(_) => match policy.verify_checkpoint(&bytes) {
            Ok(_) => Refusal::HeadStale,
            Err(error) => Refusal::QuorumNotMet(error),
        },
        error @ (VerifyError::Checkpoint(_) | VerifyError::UnknownLog(_)) => {
            Refusal::CheckpointRefused(error)
        }
    })
}

// SPEC: release.md#g2: a head MUST have the root that this trustee's own reading of the log has at
// that size.
/// Whether a checkpoint is a part of what this trustee read.
pub(super) fn own_history(proof: &TlogProof, standing: &Standing<'_>) -> Result<(), Refusal> {
    let head = proof.checkpoint().unverified();
    match (standing.root_at)(head.size()) {
        None => Err(Refusal::HeadAhead),
        Some(root) if root != head.root() => Err(Refusal::Fork),
        Some(_) => Ok(()),
    }
}

fn not_logged(error: LoggedError) -> Refusal {
    match error {
        LoggedError::NotIncluded(error) => Refusal::NotIncluded(error),
        LoggedError::Stamp(error) => Refusal::NotStamped(error),
        LoggedError::Checkpoint(error @ VerifyError::QuorumNotMet(_)) => Refusal::QuorumNotMet(error),
        LoggedError::Checkpoint(error) => Refusal::CheckpointRefused(error),
    }
}
