//! Opening: seeds are rebuilt from the collected shares, and exactly the granted epochs are opened,
//! verified and written.
//!
//! ```text
//! request/clip-0.mp4    the footage of run 0, a plain MP4
//! request/evidence      proofs, keys of exactly these epochs, and the sealed segments: `candor verify request/evidence`
//! ```
//!
//! In scope: fetching ciphertext. What is opened goes through the verifier of evidence, so that what is
//! written holds. Out of scope: the seeds ([`crate::shares`]), the files ([`crate::film`]), whether
//! somebody may ([`crate::collect`] holds what trustees let go).

use crate::Requester;
use crate::case::{Case, CaseError};
use crate::evidence::{self, HeadError};
use crate::film::{Clips, WriteError};
use crate::folder::RequestFolder;
use crate::objects::ObjectsError;
use crate::shares::{Shares, SharesError};
use escrow::evidence::{Completeness, EvidenceError, Verification};
use media::epoch::GapReason;
use media::id::EpochNo;
use quic::{CallError, LinkError};
use seal::epoch::EpochSeed;
use seal::opener::OpenError as SegmentError;
use std::path::PathBuf;

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum Step {
    /// An epoch's key was rebuilt and matches the camera's signed commitments.
    Combined {
        epoch: u64,
    },
    /// A trustee's share did not match its commitment.
    Culprit {
        epoch: u64,
        trustee: String,
    },
    /// A segment was fetched, verified and opened.
    Segment {
        epoch: u64,
        sequence: u64,
    },
    /// A segment of the relay's was refused; nothing of it is in the clip.
    Refused {
        reason: String,
    },
    Gap {
        from_us: u64,
        to_us: u64,
        reason: String,
    },
    /// An epoch stays closed, and why; the others are opened.
    NotOpened {
        epoch: u64,
        reason: String,
    },
    /// What the evidence will not show, and why.
    NotShown {
        reason: String,
    },
    Written {
        path: PathBuf,
    },
}

#[derive(Debug, Clone, serde::Serialize)]
pub struct Opened {
    pub epochs_requested: u64,
    /// Epochs of which at least one segment was opened and verified.
    pub epochs_opened: u64,
    /// Epochs whose keys could not be rebuilt.
    pub not_opened: Vec<u64>,
    pub segments: u64,
    /// Segments that the camera filmed in these epochs, and that the relay did not give.
    pub missing: u64,
    /// Whether it is proven that nothing is missing.
    pub complete: bool,
    /// One for each run.
    pub clips: Vec<PathBuf>,
    pub evidence: PathBuf,
    pub culprits: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Case(#[from] CaseError),
    #[error(transparent)]
    Shares(#[from] SharesError),
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error("what the desk holds is no evidence: {0}")]
    Evidence(#[from] EvidenceError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Combines the shares, fetches the ciphertext of the granted epochs and writes one MP4 a run plus
/// the evidence file.
pub async fn open(
    desk: &Requester,
    folder: &RequestFolder,
    on: &mut (dyn FnMut(Step) + Send),
) -> Result<Opened, OpenError> {
    let case = Case::open(desk, folder)?;
    let shares = Shares::read(&case)?;
    let (seeds, culprits) = combine_all(&case, &shares, on)?;
    let mut session = desk.session();
    let mut not_shown = |reason| on(Step::NotShown { reason });
    let head = evidence::head(&case, &shares, &seeds, &mut session, &mut not_shown).await?;
    let mut verification = Verification::start(&head)?;
    let mut clips = Clips::create(folder.path(), &head)?;
    let link = session.link().await?;
    let epochs = (case.facts.first_epoch, case.facts.last_epoch);
    let mut footage = link.fetch_released(case.released(&shares.granted, epochs)?).await?;
    let mut opened = Vec::<EpochNo>::new();
    while let Some((_received_us, bytes)) = footage.next().await? {
        let told = verification.gaps().len();
        let whole = match verification.segment(&bytes) {
            Ok(whole) => whole,
            // Segments at the edge of the span belong to neighbours that were not released.
            Err(EvidenceError::Segment { error: SegmentError::NoKey(_), .. }) => continue,
            Err(error) => {
                on(Step::Refused { reason: error.to_string() });
                continue;
            }
        };
        for gap in verification.gaps().iter().skip(told) {
            let reason = gap.reason.map_or("withheld", GapReason::told).to_owned();
            on(Step::Gap { from_us: gap.from_us.0, to_us: gap.to_us.0, reason });
        }
        clips.segment(&whole, &bytes)?;
        let (epoch, sequence) = (whole.ended.header.epoch_no, whole.ended.header.sequence.0);
        if opened.last() != Some(&epoch) {
            opened.push(epoch);
        }
        on(Step::Segment { epoch: epoch.0, sequence });
    }
    let shown = verification.finish()?.footage;
    let not_opened = shown.unopened.iter().map(|epoch| epoch.0).collect();
    let written = clips.finish()?;
    for path in written.clips.iter().chain([&written.evidence]) {
        on(Step::Written { path: path.clone() });
    }
    Ok(Opened {
        epochs_requested: case.facts.epochs,
        epochs_opened: opened.len() as u64,
        not_opened,
        segments: shown.segments,
        missing: shown.missing,
        complete: shown.completeness() == Completeness::Complete,
        clips: written.clips,
        evidence: written.evidence,
        culprits,
    })
}

/// The seed of each epoch of the request, in order, where the shares give it, and the names of trustees
/// whose shares were wrong. What no share gives stays closed, and the others are opened.
fn combine_all(
    case: &Case<'_>,
    shares: &Shares,
    on: &mut (dyn FnMut(Step) + Send),
) -> Result<(Vec<Option<EpochSeed>>, Vec<String>), SharesError> {
    let (mut seeds, mut culprits, mut closed) = (Vec::new(), Vec::new(), None);
    for open in &case.facts.opens {
        let epoch = open.context.epoch_no.0;
        let combined = match shares.combine(open) {
            Ok(combined) => combined,
            Err(error) => {
                on(Step::NotOpened { epoch, reason: error.to_string() });
                closed.get_or_insert(error);
                seeds.push(None);
                continue;
            }
        };
        for share in combined.culprits {
            let trustee = case.name(share);
            on(Step::Culprit { epoch, trustee: trustee.clone() });
            if !culprits.contains(&trustee) {
                culprits.push(trustee);
            }
        }
        on(Step::Combined { epoch });
        seeds.push(Some(combined.seed));
    }
    match closed.filter(|_| seeds.iter().all(Option::is_none)) {
        Some(error) => Err(error),
        None => Ok((seeds, culprits)),
    }
}
