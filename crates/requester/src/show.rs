//! For showing what must not work: the released keys tried on an epoch that was not released, and a
//! sealed segment as a sponsor can fetch it before any release. Nothing here is needed to open
//! footage.

use crate::Requester;
use crate::case::Case;
use crate::folder::RequestFolder;
use crate::open::OpenError;
use crate::shares::{Shares, SharesError};
use escrow::package::EPOCHS_MAX;
use media::epoch::EpochOpen;
use media::id::{CameraId, EpochNo, Sequence, TrackId};
use media::limits::EPOCH_SECONDS;
use media::segment::SegmentQuery;
use media::time::Micros;
use quic::Link;
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
    /// The relay holds no segment of that epoch.
    NoFootage,
}

/// Tries every released key on the footage of epoch `epoch`.
pub async fn try_epoch(desk: &Requester, folder: &RequestFolder, epoch: u64) -> Result<Tried, OpenError> {
    let case = Case::open(desk, folder)?;
    let shares = Shares::read(&case)?;
    let seeds = case.facts.opens.iter().map(|open| Ok(shares.combine(open)?.seed));
    let seeds = seeds.collect::<Result<Vec<_>, SharesError>>()?;
    let mut session = desk.session();
    let link = session.link().await?;
    let Some(target) = find_epoch(&link, &case, EpochNo(epoch)).await? else { return Ok(Tried::NoFootage) };
    let span = (target.context.start_us, target.context.end_us());
    let mut footage = link.fetch_segments(&case.query(span)).await?;
    let mut outcome = Tried::NoFootage;
    while let Some((_, bytes)) = footage.next().await? {
        for (open, seed) in case.facts.opens.iter().zip(&seeds) {
            // The released seed, used in every way there is: as it was meant, and in the
            // neighbour's place.
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

/// The first sealed segment of a span, as the relay holds it.
pub async fn sealed_segment(
    desk: &Requester,
    camera_id: CameraId,
    (from_us, to_us): (Micros, Micros),
) -> Result<Option<bytes::Bytes>, OpenError> {
    let (track, cursor) = (TrackId(0), Sequence(0));
    let query = SegmentQuery { camera_id, track, from_us, to_us, cursor };
    let mut session = desk.session();
    let mut footage = session.link().await?.fetch_segments(&query).await?;
    Ok(footage.next().await?.map(|(_, sealed)| sealed))
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
