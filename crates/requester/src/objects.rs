//! The camera's public objects: fetched from the relay, and checked as a trustee will check them
//! (gate steps G5 and G6), so that a hole or a change of policy in the span is found before
//! anything stands in the log.
//!
//! In scope: EpochOpens of the span, the one policy they were filmed under, the day notices that
//! let trustees count. Out of scope: opening anything; whether the log has the policy's leaf is the
//! trustees' question too, and theirs alone.

use crate::Requester;
use crate::ask::Ask;
use escrow::package::{EPOCHS_MAX, NOTICES_MAX, Package};
use escrow::record::EntryId;
use media::enrollment::{Enrollment, ObjectError};
use media::epoch::{EpochContext, EpochOpen, SealedShare, SignedEpochOpen};
use media::id::{CameraId, Day, EpochNo, TrackId};
use media::message::{Refusal, RefusalCode};
use media::notice::{DayNotice, draft_id};
use media::policy::{OwnerPolicy, SignedOwnerPolicy};
use media::time::{Micros, Seconds};
use quic::{CallError, LinkError};
use relay_client::{Epoch, EpochQuery, Session, calls, epochs, found};
use seal::details::DetailsKey;
use std::time::Duration;
use tlog::Hash;

/// Why the camera's objects cannot carry a request.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(
        "the relay shows this desk no camera {camera}: look at camera_id, and whether the relay's operator lists this desk's link key ({said})"
    )]
    NoCamera { camera: CameraId, said: Refusal },
    #[error("the relay's {what} is not what it should be: {error}")]
    Object { what: &'static str, error: ObjectError },
    #[error("the relay answered with the objects of another camera; do not trust it")]
    OtherCamera,
    #[error("the span has more than {EPOCHS_MAX} epochs; ask for shorter ones, in several requests")]
    TooManyEpochs,
    #[error(
        "the relay has no epoch of this camera in that span; check the times, their offset from UTC, and the track"
    )]
    NoEpochs,
    #[error("epoch {before} is followed by epoch {after}: ask for a span without the hole, in two requests")]
    Hole { before: u64, after: u64 },
    #[error(
        "the owner's policy changes at epoch {at}: ask in two requests, one before it and one from it on"
    )]
    PolicyChanges { at: u64 },
    #[error("the owner of this camera keeps no shares with trustees: nothing can be released through escrow")]
    NoEscrow,
    #[error("the relay has no notice key of day {day}; without it trustees cannot count earlier requests")]
    NoNotice { day: u32 },
    #[error(
        "the camera has given the notice key of day {day} to too few of its trustees yet; try again in a minute"
    )]
    NoticeLags { day: u32 },
}

impl ObjectsError {
    fn object<E: Into<ObjectError>>(what: &'static str) -> impl Fn(E) -> Self {
        move |error| Self::Object { what, error: error.into() }
    }
}

/// What the leaf will be found by: its id, and the label that the relay made of it. Whether that is
/// the camera's, the trustees tell.
pub(crate) struct Draft {
    pub(crate) drawn: [u8; 32],
    pub(crate) id: EntryId,
    pub(crate) label: Hash,
}

/// Fetches and checks all of the camera's that a package carries; leaf and proofs are added when
/// they are there. What the leaf will be found by comes with it.
pub(crate) async fn fetch(
    desk: &Requester,
    camera_id: CameraId,
    ask: &Ask,
    now: Seconds,
    release_key: Vec<u8>,
) -> Result<(Package, Draft), ObjectsError> {
    let mut session = desk.session();
    let shown = session.ask(&calls::policy(camera_id, None)).await;
    let enrollment = shown.map_err(|error| not_shown(camera_id, error))?.enrollment;
    let camera = Enrollment::decode_verified(&enrollment).map_err(ObjectsError::object("Enrollment"))?;
    if camera.camera_id() != camera_id {
        return Err(ObjectsError::OtherCamera);
    }
    let query = EpochQuery {
        camera_key: camera.camera_pk,
        track: TrackId(ask.track),
        from_us: Micros(ask.from_us),
        to_us: Micros(ask.to_us),
    };
    let opens = epochs(&session.link().await?, query, EPOCHS_MAX).await?;
    let (first, last) = check_epochs(&opens)?;
    let policy = session.ask(&calls::policy(camera_id, Some(first.policy_hash))).await?.bundle;
    SignedOwnerPolicy::decode_verified(&policy.policy, &camera.owner_root_pk)
        .map_err(ObjectsError::object("OwnerPolicy"))?;

    // SPEC: release.md#package: every day from which an earlier request about the camera could
    // count.
    let figures = desk.rules.figures();
    let window = figures.emergency_camera_window_secs.saturating_add(figures.emergency_lookback_secs);
    let from = now.before(Duration::from_secs(window)).max(camera.created).day().min(first.day());
    let notices = notices(&mut session, &camera, [from, last.day(), now.day()]).await?;
    check_notice(opens.first().map(Epoch::open), &notices)?;
    // SPEC: segment.md#notice-keys: an entry id MUST be fresh for every leaf: it is made of a fresh
    // draft.
    let drawn = desk.machine.rng.bytes();
    let label = session.ask(&calls::label(camera_id, first.day(), drawn)).await?;
    let draft = Draft { drawn, id: EntryId(draft_id(&desk.link_key, &drawn)), label: Hash(label) };
    let package = Package {
        leaf: Vec::new(),
        proof: Vec::new(),
        release_key,
        // Until the details are sealed.
        details_key: DetailsKey::new([0; 32]),
        order: ask.order().to_vec(),
        enrollment,
        policy,
        notices: notices.into_iter().map(|(_, bytes)| bytes).collect(),
        opens: opens.iter().map(|epoch| epoch.bytes().to_vec()).collect(),
    };
    Ok((package, draft))
}

fn not_shown(camera: CameraId, error: CallError) -> ObjectsError {
    match error {
        CallError::Refused(said) if said.code == RefusalCode::NotAllowed => {
            ObjectsError::NoCamera { camera, said }
        }
        error => error.into(),
    }
}

/// Whether as many trustees can compare the label as the first epoch needs. Without their slots
/// each of them would refuse, once the request stands in the log for ever.
fn check_notice(first: Option<&EpochOpen>, notices: &[(DayNotice, Vec<u8>)]) -> Result<(), ObjectsError> {
    let Some(first) = first else { return Err(ObjectsError::NoEpochs) };
    let day = first.context.day();
    let notice = notices.iter().find(|(notice, _)| notice.day == day);
    let (notice, _) = notice.ok_or(ObjectsError::NoNotice { day: day.0 })?;
    let sees = |share: &&SealedShare| notice.slot(&share.day_key_id).is_some();
    let holders = first.shares.iter().flatten();
    if holders.clone().count() > 0 && holders.filter(sees).count() < usize::from(first.context.t) {
        return Err(ObjectsError::NoticeLags { day: day.0 });
    }
    Ok(())
}

/// The first and the last epoch of an unbroken span under one policy that has trustees.
fn check_epochs(opens: &[Epoch]) -> Result<(&EpochContext, &EpochContext), ObjectsError> {
    if opens.len() > EPOCHS_MAX {
        return Err(ObjectsError::TooManyEpochs);
    }
    let contexts: Vec<&EpochContext> = opens.iter().map(|epoch| &epoch.open().context).collect();
    let (Some(first), Some(last)) = (contexts.first(), contexts.last()) else {
        return Err(ObjectsError::NoEpochs);
    };
    for (before, after) in contexts.iter().zip(contexts.iter().skip(1)) {
        if before.epoch_no.next() != Some(after.epoch_no) {
            return Err(ObjectsError::Hole { before: before.epoch_no.0, after: after.epoch_no.0 });
        }
        if before.policy_hash != after.policy_hash {
            return Err(ObjectsError::PolicyChanges { at: after.epoch_no.0 });
        }
    }
    if first.n == 0 {
        return Err(ObjectsError::NoEscrow);
    }
    Ok((first, last))
}

/// The DayNotices from a day to the last epoch's, and as far on to today as there are some.
async fn notices(
    session: &mut Session,
    camera: &Enrollment,
    [from, last, today]: [Day; 3],
) -> Result<Vec<(DayNotice, Vec<u8>)>, ObjectsError> {
    let mut notices = Vec::new();
    for day in (from.0..=last.max(today).0).take(NOTICES_MAX) {
        let Some(bytes) = found(session.ask(&calls::day_notice(camera.camera_id(), Day(day))).await)? else {
            // What was filmed since the last epoch helps to count, and nobody has to have it.
            match day > last.0 {
                true => break,
                false => return Err(ObjectsError::NoNotice { day }),
            }
        };
        let notice = DayNotice::decode_verified(&bytes, &camera.camera_pk)
            .map_err(ObjectsError::object("DayNotice"))?;
        notices.push((notice, bytes));
    }
    match notices.last() {
        Some((notice, _)) if notice.day >= last => Ok(notices),
        _ => Err(ObjectsError::NoNotice { day: last.0 }),
    }
}

/// What a kept package says, verified again.
pub(crate) struct Facts {
    pub(crate) enrollment: Enrollment,
    pub(crate) policy: OwnerPolicy,
    pub(crate) opens: Vec<EpochOpen>,
    pub(crate) first_epoch: EpochNo,
    pub(crate) last_epoch: EpochNo,
    pub(crate) epochs: u64,
    /// The span of the epochs.
    pub(crate) from_us: Micros,
    pub(crate) to_us: Micros,
}

/// Reads a package back from the folder.
pub(crate) fn facts(package: &Package) -> Result<Facts, ObjectsError> {
    let enrollment =
        Enrollment::decode_verified(&package.enrollment).map_err(ObjectsError::object("Enrollment"))?;
    let policy = SignedOwnerPolicy::decode_verified(&package.policy.policy, &enrollment.owner_root_pk)
        .map_err(ObjectsError::object("OwnerPolicy"))?
        .unverified()
        .clone();
    let mut opens = Vec::new();
    for bytes in &package.opens {
        let signed = SignedEpochOpen::decode(bytes).map_err(ObjectsError::object("EpochOpen"))?;
        let open = signed.verify(&enrollment.camera_pk).map_err(ObjectsError::object("EpochOpen"))?;
        opens.push(open.clone());
    }
    let (Some(first), Some(last)) = (opens.first(), opens.last()) else { return Err(ObjectsError::NoEpochs) };
    let (first_epoch, last_epoch) = (first.context.epoch_no, last.context.epoch_no);
    let (from_us, to_us) = (first.context.start_us, last.context.end_us());
    let epochs = opens.len() as u64;
    Ok(Facts { enrollment, policy, opens, first_epoch, last_epoch, epochs, from_us, to_us })
}
