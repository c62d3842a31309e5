//! A recorded span as evidence: whole epochs with their keys, signed by this device, for whoever the
//! owner gives it to. Contract: `proto/evidence.md`.
//!
//! In scope: what of an owner's book and of the relay's stands in the file. What is written went
//! through the verifier, so that it holds. Out of scope: the film, which is made of the file
//! (`candor verify --write`); footage for the owner's own eyes ([`crate::export`]).

use crate::book::BookError;
use crate::live::WatchError;
use crate::span::{Picture, Span};
use crate::state::{As, Owner};
use escrow::evidence::{
    Completeness, END_MARK, Evidence, EvidenceError, FileError, OpenedAs, Verification, file_start,
    segment_length,
};
use escrow::package::EPOCHS_MAX;
use host::durable::{DurableError, Target, TargetError, Unfinished};
use media::id::{EpochNo, Sequence};
use media::segment::SegmentQuery;
use media::time::Micros;
use relay_client::{Epoch, EpochQuery, epoch_after, epochs};
use seal::opener::OpenError;
use seal::wrap::{Unwrapped, WrapError, unwrap};
use std::path::PathBuf;
use tlog::proof::ProofError;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct WrittenEvidence {
    pub path: PathBuf,
    /// Whole epochs: from before the asked start to after the asked end.
    pub from_us: u64,
    pub to_us: u64,
    pub segments: u64,
    /// Segments that the camera filmed in these epochs, and that the relay did not give.
    pub missing: u64,
    /// Whether it is proven that nothing is missing.
    pub complete: bool,
}

/// Why there is no evidence.
#[derive(Debug, thiserror::Error)]
pub enum OwnEvidenceError {
    #[error(transparent)]
    Watch(WatchError),
    #[error("nothing of this span is recorded at the relay")]
    Nothing,
    #[error("the span has more than {EPOCHS_MAX} epochs; write it in several files")]
    TooLong,
    #[error("epoch {before} is followed by epoch {after}: write two files, up to the hole and from it on")]
    Hole { before: EpochNo, after: EpochNo },
    #[error(
        "the camera was given a new key at {at} (Unix seconds): write two files, of {before:?} up to it and of {after:?} from it on"
    )]
    NewKey { at: u64, before: String, after: String },
    #[error("the policy changes at epoch {epoch}, which begins at {} (Unix microseconds): write two files, up to it and from it on", .at.0)]
    PolicyChanges { epoch: EpochNo, at: Micros },
    #[error("epoch {0} was filmed under a policy that is not in the book; run `candor owner audit`")]
    UnknownPolicy(EpochNo),
    #[error("epoch {epoch}: {error}")]
    Wrap { epoch: EpochNo, error: WrapError },
    #[error("this device may watch epoch {0}, and holds no seed of it; only an admin device can")]
    Guest(EpochNo),
    #[error("the book's proof of the policy: {0}")]
    Proof(#[from] ProofError),
    #[error("what is held is no evidence: {0}")]
    Evidence(#[from] EvidenceError),
    #[error(transparent)]
    Form(#[from] FileError),
    #[error(transparent)]
    File(#[from] DurableError),
    #[error(transparent)]
    Target(#[from] TargetError),
}

impl<E: Into<WatchError>> From<E> for OwnEvidenceError {
    fn from(error: E) -> Self {
        Self::Watch(error.into())
    }
}

/// Writes the whole epochs of a span as an evidence file. It has its name only once it is whole.
pub async fn export(
    owner: &Owner,
    picture: impl Into<Picture<'_>>,
    span: Span,
    to: impl Into<Target>,
) -> Result<WrittenEvidence, OwnEvidenceError> {
    let (picture, to): (_, Target) = (picture.into(), to.into());
    to.check()?;
    let stored = owner.refreshed().await?;
    let parts = stored.parts(picture.camera, span);
    let camera = match parts[..] {
        [] => return Err(BookError::Unknown(picture.camera.to_owned()).into()),
        [(camera, _)] => camera,
        // The one before films on for a minute: a span that begins under the new key is the new key's.
        [.., (camera, ref part)] if part.from_us() == span.from_us() => camera,
        [(before, _), (after, ref part), ..] => {
            let (before, after) = (before.name.clone(), after.name.clone());
            return Err(OwnEvidenceError::NewKey { at: part.from_us().seconds().0, before, after });
        }
    };
    let camera_key = camera.camera_key()?;
    let query = EpochQuery { camera_key, track: picture.track, from_us: span.from_us(), to_us: span.to_us() };
    let mut session = owner.session(As::Device);
    let opens = epochs(&session.link().await?, query, EPOCHS_MAX).await?;
    check(&opens)?;
    let (Some(first), Some(last)) = (opens.first(), opens.last()) else {
        return Err(OwnEvidenceError::Nothing);
    };
    let (from_us, to_us) = (first.open().context.start_us, last.open().context.end_us());
    let closing = epoch_after(&mut session, camera_key, &last.open().context, &owner.machine.clock).await?;
    let policy_hash = first.open().context.policy_hash;
    let mut policies = camera.policies.iter();
    let policy = policies.find(|policy| policy.signed().is_ok_and(|signed| signed.hash() == policy_hash));
    let policy = policy.ok_or(OwnEvidenceError::UnknownPolicy(first.open().context.epoch_no))?.bundle();
    let mut head = Evidence {
        log_policy: owner.agreed.log_policy_text.as_bytes().to_vec(),
        enrollment: camera.enrollment.0.clone(),
        policy,
        seeds: opens.iter().map(|epoch| seed(owner, epoch)).collect::<Result<_, _>>()?,
        opens: opens.iter().map(|epoch| epoch.bytes().to_vec()).collect(),
        closing: closing.map(|epoch| epoch.bytes().to_vec()).unwrap_or_default(),
        ..Evidence::default()
    };
    head.prune(owner.log().policy())?;
    head.sign(OpenedAs::Owner, &owner.opener(), owner.now()).map_err(EvidenceError::from)?;
    let mut verification = Verification::start(&head)?;

    let start = file_start(&head)?;
    let mut file = Unfinished::create(to.path())?;
    file.write(&start)?;
    let (camera_id, track) = (camera.camera_id, picture.track);
    let query = SegmentQuery { camera_id, track, from_us, to_us, cursor: Sequence(0) };
    let mut footage = session.link().await?.fetch_segments(&query).await?;
    while let Some((_received_us, bytes)) = footage.next().await? {
        match verification.segment(&bytes) {
            Ok(_) => {
                file.write(&segment_length(&bytes)?)?;
                file.write(&bytes)?;
            }
            // Segments at the edge of the span belong to neighbours.
            Err(EvidenceError::Segment { error: OpenError::NoKey(_), .. }) => {}
            Err(error) => tracing::warn!(%error, "the relay's segment is not in the evidence"),
        }
    }
    let shown = verification.finish()?.footage;
    file.write(&END_MARK)?;
    to.take(file)?;
    Ok(WrittenEvidence {
        path: to.path().to_owned(),
        from_us: from_us.0,
        to_us: to_us.0,
        segments: shown.segments,
        missing: shown.missing,
        complete: shown.completeness() == Completeness::Complete,
    })
}

/// An unbroken span under one policy.
fn check(opens: &[Epoch]) -> Result<(), OwnEvidenceError> {
    if opens.len() > EPOCHS_MAX {
        return Err(OwnEvidenceError::TooLong);
    }
    let contexts = opens.iter().map(|epoch| &epoch.open().context);
    for (before, after) in contexts.clone().zip(contexts.skip(1)) {
        if before.epoch_no.next() != Some(after.epoch_no) {
            return Err(OwnEvidenceError::Hole { before: before.epoch_no, after: after.epoch_no });
        }
        if before.policy_hash != after.policy_hash {
            let at = after.start_us;
            return Err(OwnEvidenceError::PolicyChanges { epoch: after.epoch_no, at });
        }
    }
    Ok(())
}

fn seed(owner: &Owner, epoch: &Epoch) -> Result<Option<[u8; 32]>, OwnEvidenceError> {
    let number = epoch.open().context.epoch_no;
    match unwrap(&owner.device_id(), &owner.keys.wrap, epoch.open()) {
        Ok(Unwrapped::Seed(seed)) => Ok(Some(*seed.expose())),
        Ok(Unwrapped::Content(_)) => Err(OwnEvidenceError::Guest(number)),
        Err(error) => Err(OwnEvidenceError::Wrap { epoch: number, error }),
    }
}
