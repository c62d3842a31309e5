//! No ciphertext without a leaf: a sponsor gets the sealed segments of epochs that trustees granted,
//! and of no other. Contract: `proto/session.md#released-segments`.
//!
//! ```text
//! request   in the log, its label the camera's for its id; its span that of the epochs
//! grants    in the log, of this request, by t trustees of the policy under which was filmed,
//!           each naming exactly the sealed shares that these epochs dealt to it
//! ```
//!
//! All of it is read without a key of footage. In scope: what was granted. Out of scope: whether it
//! should have been (the trustees' gate), sending (`playback`).

use crate::notices;
use crate::refuse::OrRefuse;
use crate::state::Relay;
use media::epoch::{EpochOpen, SignedEpochOpen};
use media::id::EpochNo;
use media::message::{LoggedLeaf, Refusal, RefusalCode, ReleasedQuery};
use media::notice;
use media::policy::{OwnerPolicy, SignedOwnerPolicy};
use media::segment::SegmentQuery;
use media::sign::PublicKey;
use record::{Grant, Kind, Record, Request, Signed, Span, shares_hash, slots};
use std::collections::{BTreeMap, BTreeSet};
use tlog::note::Verifier;
use tlog::policy::Policy;
use tlog::proof::TlogProof;
use tlog::{Hash, Logged};

/// The most epochs of one release: as many as a package may have.
const EPOCHS_MAX: u64 = 8640;

/// What to send for a release that was granted, and of which epochs alone.
// SPEC: session.md#released-segments: a relay MUST NOT hand a sealed segment to a sponsor otherwise.
pub(crate) async fn judge(
    relay: &Relay,
    sponsor: &PublicKey,
    asked: &ReleasedQuery,
) -> Result<(SegmentQuery, BTreeSet<EpochNo>), Refusal> {
    let log = relay.for_owners.sponsor.log_policy();
    let request: Logged<Signed<Request>> = logged(&asked.request, log)?;
    // SPEC: session.md#released-segments: who shows a release MUST have drafted the request, and is told
    // nothing about the camera before: with anybody's leaf it could ask whose camera that is about.
    let id = notice::draft_id(sponsor, &asked.draft);
    if *request.value().value().id.as_bytes() != id {
        return Err(no("the request is not of this draft of yours"));
    }
    check_label(relay, asked, request.value().value()).await?;
    let opens = epochs(relay, asked, request.value().value().span).await?;
    let (Some(first), Some(last)) = (opens.first(), opens.last()) else { return Err(no("no epochs")) };
    let policy_hash = first.context.policy_hash;
    if opens.iter().any(|open| open.context.policy_hash != policy_hash) {
        return Err(no("the epochs were filmed under several policies"));
    }
    let held = relay.store.policy(asked.camera_id, Some(policy_hash)).await.or_refuse()?;
    let held = held.ok_or_else(|| no("the policy of these epochs is not here"))?;
    let policy = SignedOwnerPolicy::decode(&held.bundle.policy)?.unverified().clone();
    let granted = check_grants(asked, &request, &policy, &opens, log)?;
    let query = SegmentQuery {
        camera_id: asked.camera_id,
        track: asked.track,
        from_us: first.context.start_us,
        to_us: last.context.end_us(),
        cursor: asked.cursor,
    };
    Ok((query, granted))
}

/// The request is about this camera, on the day of the first epoch. Judged before the epochs are read.
async fn check_label(relay: &Relay, asked: &ReleasedQuery, request: &Request) -> Result<(), Refusal> {
    if request.kind == Kind::OwnerShare {
        return Err(no("an owner's share is the owner's to hand out"));
    }
    let day = epoch(relay, asked, asked.first).await?.context.day();
    let held = notices::held(relay, asked.camera_id, day).await;
    let held = held.map_err(unless_absent)?;
    if Hash(notice::label(&held.notice_key, request.id.as_bytes())) != request.label {
        return Err(no("the request is about another camera or day"));
    }
    Ok(())
}

/// What is not there is not released. A disk that fails judges nobody: whoever asked may ask again.
fn unless_absent(refusal: Refusal) -> Refusal {
    match refusal.code == RefusalCode::NotFound {
        true => no("the notice key of the first epoch's day is not here"),
        false => refusal,
    }
}

/// The EpochOpens from the first to the last one asked for, without a hole; read no further than the
/// span that the request names.
async fn epochs(relay: &Relay, asked: &ReleasedQuery, span: Span) -> Result<Vec<EpochOpen>, Refusal> {
    let count = asked.last.0.checked_sub(asked.first.0).filter(|count| *count < EPOCHS_MAX);
    count.ok_or_else(|| no("no such range of epochs"))?;
    let (mut opens, mut left_ms) = (Vec::new(), u64::from(span.secs()) * 1000);
    for number in asked.first.0..=asked.last.0 {
        let open = epoch(relay, asked, EpochNo(number)).await?;
        let left = left_ms.checked_sub(open.context.dur_ms.into());
        left_ms = left.ok_or_else(|| no("the request names another span"))?;
        opens.push(open);
    }
    if Span::of_epochs(opens.iter().map(|open| open.context.dur_ms)) == Some(span) {
        return Ok(opens);
    }
    Err(no("the request names another span"))
}

async fn epoch(relay: &Relay, asked: &ReleasedQuery, number: EpochNo) -> Result<EpochOpen, Refusal> {
    let found = relay.store.epoch_open(asked.camera_id, asked.track, number).await.or_refuse()?;
    let bytes = found.ok_or_else(|| no("an epoch of the range is not here"))?;
    Ok(SignedEpochOpen::decode(&bytes)?.unverified().clone())
}

/// The epochs that as many trustees as the owner's policy asks for granted, each by a grant of exactly
/// what was dealt to it of the range.
fn check_grants(
    asked: &ReleasedQuery,
    request: &Logged<Signed<Request>>,
    policy: &OwnerPolicy,
    opens: &[EpochOpen],
    log: &Policy,
) -> Result<BTreeSet<EpochNo>, Refusal> {
    let mut granted = BTreeMap::new();
    for leaf in &asked.grants {
        let logged: Logged<Signed<Grant>> = logged(leaf, log)?;
        let (signed, grant) = (logged.value(), logged.value().value());
        let mut trustees = (1..).zip(&policy.trustees);
        let by = trustees.find(|(_, trustee)| trustee.name == grant.trustee.as_str());
        let (index, trustee) = by.ok_or_else(|| no("a grant is by no trustee of the owner's"))?;
        let key = Verifier::parse(&trustee.vkey).map_err(|_| no("a trustee's key in the policy is none"))?;
        let is_of_request = (grant.id, grant.request_index, grant.request)
            == (request.value().value().id, request.index(), request.value().hash());
        if !signed.is_line_by(0, &key) || !is_of_request {
            return Err(no("a grant is not the trustee's, or of another request"));
        }
        let dealt: BTreeSet<EpochNo> = slots(opens, index).map(|(open, _)| open.context.epoch_no).collect();
        if u32::try_from(dealt.len()) != Ok(grant.epochs) || shares_hash(opens, index) != grant.shares {
            return Err(no("a grant is of other epochs"));
        }
        granted.insert(index, dealt);
    }
    // A trustee to whom nothing was dealt of an epoch opened nothing of it.
    let enough = |epoch: &EpochNo| {
        let by = granted.values().filter(|dealt| dealt.contains(epoch)).count();
        policy.t > 0 && by >= usize::from(policy.t)
    };
    let epochs: BTreeSet<EpochNo> = opens.iter().map(|open| open.context.epoch_no).filter(enough).collect();
    if epochs.is_empty() {
        return Err(no("fewer trustees granted this than the owner asks for"));
    }
    Ok(epochs)
}

fn logged<T: Record>(leaf: &LoggedLeaf, log: &Policy) -> Result<Logged<Signed<T>>, Refusal> {
    let signed =
        Signed::parse(&leaf.leaf).map_err(|error| RefusalCode::Malformed.because(error.to_string()))?;
    let proof =
        TlogProof::parse(&leaf.proof).map_err(|error| RefusalCode::Malformed.because(error.to_string()))?;
    Logged::verify(signed, &proof, log).map_err(|error| no(&format!("not in the log: {error}")))
}

fn no(why: &str) -> Refusal {
    RefusalCode::NotAllowed.because(format!("a sponsor gets what was granted and no more: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_fails_is_not_told_as_a_judgement_of_who_asks() {
        for failing in [RefusalCode::Internal, RefusalCode::StorageFull] {
            assert_eq!(unless_absent(failing.because("a disk")).code, failing);
        }
        assert_eq!(unless_absent(RefusalCode::NotFound.because("none")).code, RefusalCode::NotAllowed);
    }
}
