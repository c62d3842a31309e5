//! Opening: seeds are rebuilt from the collected shares, and exactly the granted epochs are opened, verified and written.
//!
//! ```text
//! request/clip-0.mp4    the footage of run 0, a plain MP4
//! request/evidence      proofs, keys of exactly these epochs, and the sealed segments: `candor verify request/evidence`
//! ```
//!
//! In scope: combining with named culprits, fetching ciphertext, opening, chain and signatures, the clip and the evidence. Out of scope:
//! whether somebody may ([`crate::collect`] holds what trustees let go).

use crate::Requester;
use crate::clip::{Clips, WriteError};
use crate::collect::{Case, CollectError};
use crate::folder::{FolderError, RequestFolder};
use crate::objects::{self, ObjectsError};
use escrow::bundle::{Bundle, BundleError, OpenBundle};
use escrow::combine::{CombineError, combine};
use escrow::evidence::Evidence;
use escrow::record::{Request as RequestLeaf, Signed};
use media::epoch::{EpochOpen, GapReason};
use media::id::{CameraId, EpochNo, Sequence, TrackId};
use media::segment::SegmentQuery;
use quic::{CallError, Link, LinkError};
use seal::epoch::EpochSeed;
use seal::opener::{Continuity, Keyring, OpenError as SegmentError, open_whole};
use std::path::PathBuf;
use tlog::note::Verifier;
use tlog::{Entry, Logged};

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

/// What came of trying the released keys on an epoch.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Tried {
    Opened,
    Refused {
        name: String,
    },
    /// The relay holds no segment of that epoch.
    NoFootage,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Case(#[from] CollectError),
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    #[error("the request is not logged yet; run `candor request submit`, then `collect`")]
    NotLogged,
    #[error("the kept bundle of share {share} does not hold any more: {error}; remove it and collect again")]
    Bundle { share: u8, error: BundleError },
    #[error("epoch {epoch}: {error}; run `candor request collect` again to ask the other trustees")]
    Combine { epoch: u64, error: CombineError },
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Combines the shares, fetches the ciphertext of the granted epochs and writes one MP4 a run plus the evidence file.
pub async fn open(
    requester: &Requester,
    folder: &RequestFolder,
    on: &mut (dyn FnMut(Step) + Send),
) -> Result<Opened, OpenError> {
    let case = Case::open(requester, folder)?;
    let request = case.logged(requester, folder)?.ok_or(OpenError::NotLogged)?;
    let bundles = open_bundles(requester, folder, &case, &request)?;
    let (seeds, culprits) = combine_all(&case, &bundles, on)?;

    let mut clips =
        Clips::create(folder.path(), &evidence(requester, &case, &request, folder, bundles, &seeds)?)?;
    let mut keys = Keyring::new(case.facts.enrollment.camera_pk, case.track());
    for (open, seed) in case.facts.opens.iter().zip(&seeds) {
        keys.insert(open, seed.content_key(&open.context.hash()));
    }
    let link = requester.relay().await?;
    let mut continuity = Continuity::new();
    let mut opened: Vec<EpochNo> = Vec::new();
    let mut segments = 0;
    let (from_us, to_us) = case.span();
    let mut footage = link.fetch_segments(&case.fetch(from_us, to_us)).await?;
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
        let header = whole.ended.header;
        let epoch = header.epoch_no;
        let Some(open) = case.facts.opens.iter().find(|open| open.context.epoch_no == epoch) else {
            continue;
        };
        match continuity.take(&whole.ended, open) {
            Ok(Some(gap)) => on(Step::Gap {
                from_us: gap.from_us,
                to_us: gap.to_us,
                reason: gap.reason.map_or("withheld", GapReason::told).to_owned(),
            }),
            Ok(None) => {}
            Err(error) => {
                on(Step::Refused { reason: error.to_string() });
                continue;
            }
        }
        clips.segment(&whole, &bytes)?;
        segments += 1;
        if opened.last() != Some(&epoch) {
            opened.push(epoch);
        }
        on(Step::Segment { epoch: epoch.0, sequence: header.sequence.0 });
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

/// Tries every released key on the footage of epoch `epoch`: for showing that a neighbour of the span stays closed.
pub async fn try_epoch(
    requester: &Requester,
    folder: &RequestFolder,
    epoch: u64,
) -> Result<Tried, OpenError> {
    let case = Case::open(requester, folder)?;
    let request = case.logged(requester, folder)?.ok_or(OpenError::NotLogged)?;
    let bundles = open_bundles(requester, folder, &case, &request)?;
    let (seeds, _) = combine_all(&case, &bundles, &mut |_| {})?;

    let link = requester.relay().await?;
    let Some(target) = find_epoch(&link, &case, EpochNo(epoch)).await? else { return Ok(Tried::NoFootage) };
    let (from_us, to_us) = (target.context.start_us, target.context.end_us());
    let mut footage = link.fetch_segments(&case.fetch(from_us, to_us)).await?;
    let mut outcome = Tried::NoFootage;
    while let Some((_, bytes)) = footage.next().await? {
        for (open, seed) in case.facts.opens.iter().zip(&seeds) {
            // The released seed, used in every way there is: as it was meant, and in the neighbour's place.
            for context in [&open.context, &target.context] {
                let mut keys = Keyring::new(case.facts.enrollment.camera_pk, case.track());
                keys.insert(&target, seed.content_key(&context.hash()));
                match open_whole(&bytes, &keys) {
                    Ok(_) => return Ok(Tried::Opened),
                    Err(SegmentError::NoKey(_)) => {}
                    Err(SegmentError::Fragment(_)) => {
                        outcome = Tried::Refused { name: "fragment-does-not-open".to_owned() };
                    }
                    Err(error) => outcome = Tried::Refused { name: error.to_string() },
                }
            }
        }
    }
    Ok(outcome)
}

/// The first sealed segment of a span, as the relay holds it: what a sponsor can fetch before any release, and cannot open.
pub async fn sealed_segment(
    requester: &Requester,
    camera_id: CameraId,
    from_us: u64,
    to_us: u64,
) -> Result<Option<bytes::Bytes>, OpenError> {
    let (track, cursor) = (TrackId(0), Sequence(0));
    let link = requester.relay().await?;
    let query = SegmentQuery { camera_id, track, from_us, to_us, cursor };
    let mut footage = link.fetch_segments(&query).await?;
    Ok(footage.next().await?.map(|(_, sealed)| sealed))
}

async fn find_epoch(link: &Link, case: &Case, epoch: EpochNo) -> Result<Option<EpochOpen>, OpenError> {
    let (from_us, to_us) = case.span();
    let length = to_us.saturating_sub(from_us);
    // Neighbours overlap a span that is wider by one epoch's length, at least, on both sides.
    let reach = length.max(1_200_000_000);
    let wide = (from_us.saturating_sub(reach), to_us.saturating_add(reach));
    let camera = case.facts.enrollment.camera_id();
    for signed in objects::epochs(link, camera, case.track(), wide.0, wide.1).await? {
        let Ok(open) = signed.verify(&case.facts.enrollment.camera_pk) else { continue };
        if open.context.epoch_no == epoch {
            return Ok(Some(open.clone()));
        }
    }
    Ok(None)
}

/// One trustee's answer: what the evidence needs of it, and the shares it let go.
struct Collected {
    grant: Vec<u8>,
    proof: Vec<u8>,
    bundle: OpenBundle,
}

fn open_bundles(
    requester: &Requester,
    folder: &RequestFolder,
    case: &Case,
    request: &Logged<Signed<RequestLeaf>>,
) -> Result<Vec<Collected>, OpenError> {
    let mut bundles = Vec::new();
    for (share, trustee) in (1u8..).zip(&case.facts.policy.trustees) {
        let Some(bytes) = folder.bundle(share)? else { continue };
        let failed = |error| OpenError::Bundle { share, error };
        let bundle = Bundle::decode(&bytes).map_err(|error| failed(error.into()))?;
        let key = Verifier::parse(&trustee.vkey)
            .map_err(|_| failed(BundleError::WrongGrant("the policy's key of this trustee is no key")))?;
        let open = bundle.open(request, &key, &case.release_key, requester.log.policy()).map_err(failed)?;
        open.of_trustee(share).map_err(failed)?;
        bundles.push(Collected { grant: bundle.grant, proof: bundle.proof, bundle: open });
    }
    Ok(bundles)
}

/// One seed for each epoch of the request, in order, and the names of trustees whose shares were wrong.
fn combine_all(
    case: &Case,
    bundles: &[Collected],
    on: &mut (dyn FnMut(Step) + Send),
) -> Result<(Vec<EpochSeed>, Vec<String>), OpenError> {
    let mut seeds = Vec::new();
    let mut culprits: Vec<String> = Vec::new();
    for open in &case.facts.opens {
        let epoch = open.context.epoch_no;
        let shares: Vec<_> = bundles
            .iter()
            .flat_map(|collected| &collected.bundle.shares)
            .filter(|(of, _)| *of == epoch)
            .map(|(_, share)| share.clone())
            .collect();
        let combined =
            combine(open, &shares).map_err(|error| OpenError::Combine { epoch: epoch.0, error })?;
        for index in combined.culprits {
            let at = usize::from(index).saturating_sub(1);
            let trustee = case.facts.policy.trustees.get(at).map_or_else(String::new, |t| t.name.clone());
            on(Step::Culprit { epoch: epoch.0, trustee: trustee.clone() });
            if !culprits.contains(&trustee) {
                culprits.push(trustee);
            }
        }
        on(Step::Combined { epoch: epoch.0 });
        seeds.push(combined.seed);
    }
    Ok((seeds, culprits))
}

fn evidence(
    requester: &Requester,
    case: &Case,
    request: &Logged<Signed<RequestLeaf>>,
    folder: &RequestFolder,
    bundles: Vec<Collected>,
    seeds: &[EpochSeed],
) -> Result<Evidence, OpenError> {
    Ok(Evidence {
        log_policy: requester.log_policy_text.clone(),
        request: (request.value().entry_bytes().to_vec(), folder.get(crate::folder::PROOF)?),
        grants: bundles.into_iter().map(|collected| (collected.grant, collected.proof)).collect(),
        enrollment: case.package.enrollment.clone(),
        policy: case.package.policy.clone(),
        opens: case.package.opens.clone(),
        seeds: seeds.iter().map(|seed| *seed.expose()).collect(),
    })
}

impl Case {
    fn track(&self) -> TrackId {
        self.facts.opens.first().map(|open| open.context.track).unwrap_or_default()
    }

    /// From the first moment of the first epoch to the end of the last.
    fn span(&self) -> (u64, u64) {
        let from = self.facts.opens.first().map_or(0, |open| open.context.start_us);
        let to = self.facts.opens.last().map_or(0, |open| open.context.end_us());
        // A segment belongs to the epoch in which it starts, and may end after it.
        (from, to)
    }

    fn fetch(&self, from_us: u64, to_us: u64) -> SegmentQuery {
        SegmentQuery {
            camera_id: self.facts.enrollment.camera_id(),
            track: self.track(),
            from_us,
            to_us,
            cursor: Sequence(0),
        }
    }
}
