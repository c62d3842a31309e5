//! Opening: seeds are rebuilt from the collected shares, and exactly the granted epochs are opened,
//! verified and written.
//!
//! ```text
//! request/clip-0.mp4    the footage of run 0, a plain MP4
//! request/evidence      proofs, keys of exactly these epochs, and the sealed segments: `candor verify request/evidence`
//! ```
//!
//! In scope: fetching ciphertext, opening, chain and signatures, the evidence. Out of scope: the
//! seeds ([`crate::shares`]), the files (`clip`), whether somebody may ([`crate::collect`]
//! holds what trustees let go).

use crate::Requester;
use crate::case::{Case, CaseError};
use crate::clip::{Clips, WriteError};
use crate::folder::{PROOF, RequestFolder};
use crate::objects::ObjectsError;
use crate::shares::{Shares, SharesError};
use escrow::evidence::Evidence;
use media::epoch::{EpochOpen, GapReason};
use media::id::EpochNo;
use quic::{CallError, LinkError};
use seal::epoch::EpochSeed;
use seal::opener::{Continuity, Ended, Keyring, OpenError as SegmentError, open_whole};
use std::path::PathBuf;
use tlog::Entry as _;

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
    Written {
        path: PathBuf,
    },
}

#[derive(Debug, Clone, serde::Serialize)]
pub struct Opened {
    pub epochs_requested: u64,
    /// Epochs of which at least one segment was opened and verified.
    pub epochs_opened: u64,
    pub segments: u64,
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
    let mut clips = Clips::create(folder.path(), &evidence(&case, &shares, &seeds)?)?;
    let mut keys = Keyring::new(case.facts.enrollment.camera_pk, case.track());
    for (open, seed) in case.facts.opens.iter().zip(&seeds) {
        keys.insert(open, seed.content_key(&open.context.hash()));
    }
    let mut session = desk.session();
    let link = session.link().await?;
    let mut footage = link.fetch_segments(&case.query(case.span_us())).await?;
    let (mut continuity, mut opened, mut segments) = (Continuity::new(), Vec::<EpochNo>::new(), 0);
    while let Some((_received_us, bytes)) = footage.next().await? {
        let whole = match open_whole(&bytes, &keys) {
            Ok(whole) => whole,
            // Segments at the edge of the span belong to neighbours that were not released.
            Err(SegmentError::NoKey(_)) => continue,
            Err(error) => {
                on(Step::Refused { reason: error.to_string() });
                continue;
            }
        };
        let is_in_place = in_place(&case, &mut continuity, &whole.ended, on);
        if !is_in_place {
            continue;
        }
        clips.segment(&whole, &bytes)?;
        segments += 1;
        let (epoch, sequence) = (whole.ended.header.epoch_no, whole.ended.header.sequence.0);
        if opened.last() != Some(&epoch) {
            opened.push(epoch);
        }
        on(Step::Segment { epoch: epoch.0, sequence });
    }
    let written = clips.finish()?;
    for path in written.clips.iter().chain([&written.evidence]) {
        on(Step::Written { path: path.clone() });
    }
    Ok(Opened {
        epochs_requested: case.facts.epochs,
        epochs_opened: opened.len() as u64,
        segments,
        clips: written.clips,
        evidence: written.evidence,
        culprits,
    })
}

/// One seed for each epoch of the request, in order, and the names of trustees whose shares were
/// wrong.
fn combine_all(
    case: &Case<'_>,
    shares: &Shares,
    on: &mut (dyn FnMut(Step) + Send),
) -> Result<(Vec<EpochSeed>, Vec<String>), SharesError> {
    let (mut seeds, mut culprits) = (Vec::new(), Vec::new());
    for open in &case.facts.opens {
        let combined = shares.combine(open)?;
        let epoch = open.context.epoch_no.0;
        for share in combined.culprits {
            let trustee = case.name(share);
            on(Step::Culprit { epoch, trustee: trustee.clone() });
            if !culprits.contains(&trustee) {
                culprits.push(trustee);
            }
        }
        on(Step::Combined { epoch });
        seeds.push(combined.seed);
    }
    Ok((seeds, culprits))
}

/// Whether an opened segment continues the chain; says so where something is missing before it, or
/// where it does not.
fn in_place(
    case: &Case<'_>,
    continuity: &mut Continuity,
    ended: &Ended,
    on: &mut (dyn FnMut(Step) + Send),
) -> bool {
    let is_its_own = |open: &&EpochOpen| open.context.epoch_no == ended.header.epoch_no;
    let Some(open) = case.facts.opens.iter().find(is_its_own) else { return false };
    match continuity.take(ended, open) {
        Ok(gap) => {
            if let Some(gap) = gap {
                let reason = gap.reason.map_or("withheld", GapReason::told).to_owned();
                on(Step::Gap { from_us: gap.from_us.0, to_us: gap.to_us.0, reason });
            }
            true
        }
        Err(error) => {
            on(Step::Refused { reason: error.to_string() });
            false
        }
    }
}

fn evidence(case: &Case<'_>, shares: &Shares, seeds: &[EpochSeed]) -> Result<Evidence, CaseError> {
    let grants = shares.granted.iter();
    Ok(Evidence {
        log_policy: case.desk.log_policy_text.clone().into_bytes(),
        request: (shares.request.value().entry_bytes().to_vec(), case.folder.get(PROOF)?),
        grants: grants.map(|granted| (granted.grant.clone(), granted.proof.clone())).collect(),
        enrollment: case.package.enrollment.clone(),
        policy: case.package.policy.clone(),
        opens: case.package.opens.clone(),
        seeds: seeds.iter().map(|seed| *seed.expose()).collect(),
    })
}
