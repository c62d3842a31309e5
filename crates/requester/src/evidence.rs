//! The head of the evidence: what the desk holds, and what it fetches for whoever will verify.
//! Contract: `proto/evidence.md#head`.
//!
//! In scope: the EpochOpen after the last one, which proves where the footage ends, and the
//! registrations of the keys that signed, from the log. Neither is needed to open anything: where
//! one cannot be had, the evidence shows less, and says so. Out of scope: the segments
//! ([`crate::open`]).

use crate::case::{Case, CaseError};
use crate::folder::PROOF;
use crate::objects::ObjectsError;
use crate::outset;
use crate::shares::Shares;
use escrow::evidence::{Evidence, OpenedAs, REGISTRATIONS_MAX};
use escrow::record::{KeyState, Leaf, OwnerPolicyLeaf, RecordError, RequesterKey, Seconds, Signed};
use log_client::{AddError, FollowError};
use media::message::LoggedLeaf;
use quic::CallError;
use relay_client::{Session, epoch_after};
use seal::epoch::EpochSeed;
use tlog::Entry as _;

/// Why there is no head.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    #[error(transparent)]
    Case(#[from] CaseError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("it cannot be signed: {0}")]
    Sign(#[from] RecordError),
}

/// Why the registrations are not in the evidence.
#[derive(Debug, thiserror::Error)]
enum NotShown {
    #[error(transparent)]
    Log(#[from] FollowError),
    #[error(transparent)]
    Proof(#[from] AddError),
    #[error("the rules were changed more often than a file has room to show")]
    TooMany,
}

/// The signed head of a request's evidence.
pub(crate) async fn head(
    case: &Case<'_>,
    shares: &Shares,
    seeds: &[Option<EpochSeed>],
    session: &mut Session,
    not_shown: &mut (dyn FnMut(String) + Send),
) -> Result<Evidence, HeadError> {
    let desk = case.desk;
    // Without the PolicyDoc that the owner agreed to nobody's registration can be shown.
    let rules = Some(&desk.rules).filter(|rules| rules.hash().0 == case.facts.policy.policy_doc_hash);
    let registrations = match rules {
        None => Err("the owner agreed to another PolicyDoc than this desk's".to_owned()),
        Some(_) => registrations(case, shares).await.map_err(|error| error.to_string()),
    };
    let registrations = registrations.unwrap_or_else(|why| {
        not_shown(format!("who registered the keys that signed the request: {why}"));
        Vec::new()
    });
    let last = case.facts.opens.last().map(|open| &open.context).ok_or(ObjectsError::NoEpochs);
    let last = last.map_err(CaseError::from)?;
    let camera_key = case.facts.enrollment.camera_pk;
    let closing = epoch_after(session, camera_key, last, &desk.machine.clock).await?;
    if closing.is_none() {
        let why =
            "where the footage ends: the relay has no later epoch of the camera; open again when it films";
        not_shown(why.to_owned());
    }
    let mut evidence = Evidence {
        log_policy: desk.log_policy_text.clone().into_bytes(),
        rules: rules.map(|rules| rules.encode()).unwrap_or_default(),
        request: LoggedLeaf {
            leaf: shares.request.value().entry_bytes().to_vec(),
            proof: case.folder.get(PROOF).map_err(CaseError::from)?,
        },
        details_key: Some(*case.package.details_key.expose()),
        grants: shares.granted.iter().map(|granted| granted.grant.clone()).collect(),
        registrations,
        enrollment: case.package.enrollment.clone(),
        policy: case.package.policy.clone(),
        opens: case.package.opens.clone(),
        seeds: seeds.iter().map(|seed| seed.as_ref().map(|seed| *seed.expose())).collect(),
        closing: closing.map(|epoch| epoch.bytes().to_vec()).unwrap_or_default(),
        opener: Vec::new(),
    };
    evidence
        .prune(desk.log.policy())
        .map_err(|error| case.folder.damaged(PROOF, error))
        .map_err(CaseError::from)?;
    let now = Seconds(desk.machine.clock.seconds());
    evidence.sign(OpenedAs::Requester, &desk.keys.officer, now)?;
    Ok(evidence)
}

/// The registrations by which the keys count that signed the request, and its policy's leaf, with the
/// rules under which they were made: as the register counts them.
async fn registrations(case: &Case<'_>, shares: &Shares) -> Result<Vec<LoggedLeaf>, NotShown> {
    let (desk, request) = (case.desk, &shares.request);
    let policy = Signed::<OwnerPolicyLeaf>::parse(&case.package.policy.leaf).ok();
    let signed = |key: &RequesterKey| {
        let signer = key.vkey.verifier();
        let brought = || policy.as_ref().is_some_and(|policy| policy.is_signed_by(signer));
        key.state == KeyState::Registered && (request.value().is_signed_by(signer) || brought())
    };
    let mut leaves = outset::read(desk).await?.leaves;
    leaves.retain(|(at, leaf)| {
        let serves = match leaf.value() {
            Leaf::RequesterKey(key) => signed(key),
            _ => true,
        };
        *at < request.index() && serves
    });
    if !leaves.iter().any(|(_, leaf)| matches!(leaf.value(), Leaf::RequesterKey(_))) {
        return Ok(Vec::new());
    }
    if leaves.len() > REGISTRATIONS_MAX {
        return Err(NotShown::TooMany);
    }
    let mut proven = Vec::new();
    for (_, leaf) in leaves {
        let (logged, proof) = desk.log.prove(leaf.entry_bytes().to_vec()).await?;
        proven.push(LoggedLeaf { leaf: logged.value().clone(), proof: proof.encode() });
    }
    Ok(proven)
}
