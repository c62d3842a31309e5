//! For showing what must not work: the footage of an epoch that was not released, asked for, and the
//! released keys tried on it. Nothing here is needed to open footage.

use crate::Requester;
use crate::case::Case;
use crate::folder::RequestFolder;
use crate::open::OpenError;
use crate::shares::Shares;
use escrow::package::EPOCHS_MAX;
use media::epoch::EpochOpen;
use media::id::EpochNo;
use media::limits::EPOCH_SECONDS;
use media::message::RefusalCode;
use quic::{CallError, Link};
use relay_client::{Epoch, EpochQuery, epochs};
use seal::opener::{Keyring, OpenError as SegmentError, open_whole};
use std::time::Duration;

/// Neighbours of a span lie within two epochs of the greatest length around it.
const REACH: Duration = Duration::from_secs(2 * EPOCH_SECONDS.1 as u64);

/// What came of trying the released keys on an epoch.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Tried {
    Opened,
    Refused {
        name: String,
    },
    /// The relay does not hand out its footage: it was not granted.
    Withheld {
        reason: String,
    },
    /// The relay holds no segment of that epoch.
    NoFootage,
}

/// Asks the relay for the footage of epoch `epoch`, and tries every released key on it.
pub async fn try_epoch(desk: &Requester, folder: &RequestFolder, epoch: u64) -> Result<Tried, OpenError> {
    let case = Case::open(desk, folder)?;
    let shares = Shares::read(&case)?;
    let (first, last) = (case.facts.first_epoch, case.facts.last_epoch);
    // What was granted is handed out as a whole; beside it the epoch is asked for by itself.
    let asked = if (first..=last).contains(&EpochNo(epoch)) {
        (first, last)
    } else {
        (EpochNo(epoch), EpochNo(epoch))
    };
    let mut session = desk.session();
    let fetch = session.link().await?.fetch_released(case.released(&shares.granted, asked)?).await;
    let mut footage = match fetch {
        Ok(footage) => footage,
        Err(CallError::Refused(refusal)) if refusal.code == RefusalCode::NotAllowed => {
            return Ok(Tried::Withheld { reason: refusal.text });
        }
        Err(error) => return Err(error.into()),
    };
    let mut sealed = Vec::new();
    while let Some((_, segment)) = footage.next().await? {
        sealed.push(segment);
    }
    try_sealed(desk, folder, epoch, &sealed).await
}

/// Tries every released key on sealed segments that somebody else had, who may watch.
pub async fn try_sealed(
    desk: &Requester,
    folder: &RequestFolder,
    epoch: u64,
    sealed: &[bytes::Bytes],
) -> Result<Tried, OpenError> {
    let case = Case::open(desk, folder)?;
    let shares = Shares::read(&case)?;
    let opens = case.facts.opens.iter();
    let released: Vec<_> = opens.filter_map(|open| Some((open, shares.combine(open).ok()?.seed))).collect();
    let mut session = desk.session();
    let link = session.link().await?;
    let Some(target) = find_epoch(&link, &case, EpochNo(epoch)).await? else { return Ok(Tried::NoFootage) };
    let mut outcome = Tried::NoFootage;
    for bytes in sealed {
        for (open, seed) in &released {
            // The released seed, used in every way there is: as it was meant, and in the
            // neighbour's place.
            for context in [&open.context, &target.context] {
                let mut keys = Keyring::new(case.facts.enrollment.camera_pk, case.track());
                keys.insert(&target, seed.content_key(&context.hash()));
                match open_whole(bytes, &keys) {
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

async fn find_epoch(link: &Link, case: &Case<'_>, epoch: EpochNo) -> Result<Option<EpochOpen>, OpenError> {
    let (from_us, to_us) = case.span_us();
    let reach = to_us.since(from_us).max(REACH);
    let query = EpochQuery {
        camera_key: case.facts.enrollment.camera_pk,
        track: case.track(),
        from_us: from_us.before(reach),
        to_us: to_us.after(reach),
    };
    let all = epochs(link, query, EPOCHS_MAX).await?;
    let found = all.iter().map(Epoch::open).find(|open| open.context.epoch_no == epoch);
    Ok(found.cloned())
}
