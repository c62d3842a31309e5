//! The camera's public objects: fetched from the relay, and checked as a trustee will check them (gate steps G5 and G6), so that a hole or
//! a change of policy in the span is found before anything stands in the log.
//!
//! In scope: EpochOpens of the span, the one policy they were filmed under, the day notices that let trustees count. Out of scope: opening
//! anything; whether the log has the policy's leaf is the trustees' question too, and theirs alone.

use crate::Requester;
use crate::ask::Ask;
use escrow::package::{NOTICES_MAX, Package};
use media::codec::DecodeError;
use media::enrollment::{Enrollment, ObjectError};
use media::epoch::{EpochContext, EpochOpen, SignedEpochOpen};
use media::id::{CameraId, Day, EpochNo, TrackId};
use media::message::{Refusal, RefusalCode, Request, Response};
use media::notice::DayNotice;
use media::pair::PolicyBundle;
use media::policy::{OwnerPolicy, SignedOwnerPolicy};
use media::sign::BadSignature;
use quic::{CallError, Link, LinkError};
use seal::notice::NoticeKey;

/// Why the camera's objects cannot carry a request.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the relay answered {asked} with something else; it is broken or speaks another version")]
    Unexpected { asked: &'static str },
    #[error("the relay's {what} is not what it should be: {error}")]
    Object { what: &'static str, error: ObjectError },
    #[error(
        "the relay has no epoch of this camera in that span; check the times (they are UTC) and the track"
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
}

impl ObjectsError {
    fn object(what: &'static str) -> impl Fn(ObjectError) -> Self {
        move |error| Self::Object { what, error }
    }

    fn signature(what: &'static str) -> impl Fn(BadSignature) -> Self {
        move |error| Self::Object { what, error: error.into() }
    }

    fn decode(what: &'static str) -> impl Fn(DecodeError) -> Self {
        move |error| Self::Object { what, error: error.into() }
    }
}

/// Everything of the camera that a package carries, checked.
pub(crate) struct Objects {
    enrollment: Vec<u8>,
    policy: PolicyBundle,
    notices: Vec<(DayNotice, Vec<u8>)>,
    opens: Vec<SignedEpochOpen>,
}

/// Fetches what the ask needs.
pub(crate) async fn fetch(
    desk: &Requester,
    camera_id: CameraId,
    ask: &Ask,
    now: u64,
) -> Result<Objects, ObjectsError> {
    let link = desk.relay().await?;
    let (enrollment_bytes, _) = policy(&link, camera_id, [0; 32]).await?;
    let enrollment =
        Enrollment::decode_verified(&enrollment_bytes).map_err(ObjectsError::object("Enrollment"))?;

    let opens = epochs(&link, camera_id, TrackId(ask.track), ask.from_us, ask.to_us).await?;
    let mut verified: Vec<&EpochOpen> = Vec::new();
    for open in &opens {
        let open = open.verify(&enrollment.camera_pk).map_err(ObjectsError::signature("EpochOpen"))?;
        if let Some(before) = verified.last() {
            let (a, b) = (&before.context, &open.context);
            if a.epoch_no.next() != Some(b.epoch_no) {
                return Err(ObjectsError::Hole { before: a.epoch_no.0, after: b.epoch_no.0 });
            }
            if a.policy_hash != b.policy_hash {
                return Err(ObjectsError::PolicyChanges { at: b.epoch_no.0 });
            }
        }
        verified.push(open);
    }
    let (Some(first), Some(last)) = (verified.first(), verified.last()) else {
        return Err(ObjectsError::NoEpochs);
    };
    if first.context.n == 0 {
        return Err(ObjectsError::NoEscrow);
    }

    let (_, bundle) = policy(&link, camera_id, first.context.policy_hash).await?;
    SignedOwnerPolicy::decode_verified(&bundle.policy, &enrollment.owner_root_pk)
        .map_err(ObjectsError::object("OwnerPolicy"))?;

    // SPEC: release.md#package: every day from which an earlier request about the camera could count.
    let figures = desk.rules.figures();
    let window = figures.emergency_camera_window_secs.saturating_add(figures.emergency_lookback_secs);
    let since = now.saturating_sub(window).max(enrollment.created);
    let from = Day::of_us(since.saturating_mul(1_000_000)).min(first.context.day());
    let mut notices = Vec::new();
    let today = Day::of_us(now.saturating_mul(1_000_000));
    for day in from.0..=last.context.day().max(today).0 {
        let bytes = match call(&link, &Request::GetDayNotice { camera_id, day: Day(day) }).await? {
            Response::Object(bytes) => bytes,
            // What was filmed since the last epoch helps to count, and nobody has to have it.
            Response::Refused(refusal)
                if refusal.code == RefusalCode::NotFound && day > last.context.day().0 =>
            {
                break;
            }
            Response::Refused(refusal) if refusal.code == RefusalCode::NotFound => {
                return Err(ObjectsError::NoNotice { day });
            }
            other => return Err(unexpected("GetDayNotice", other)),
        };
        let notice = DayNotice::decode_verified(&bytes, &enrollment.camera_pk)
            .map_err(ObjectsError::object("DayNotice"))?;
        notices.push((notice, bytes));
        if notices.len() == NOTICES_MAX {
            break;
        }
    }
    if notices.last().is_none_or(|(notice, _)| notice.day < last.context.day()) {
        return Err(ObjectsError::NoNotice { day: last.context.day().0 });
    }
    Ok(Objects { enrollment: enrollment_bytes, policy: bundle, notices, opens })
}

impl Objects {
    /// The first and the last epoch.
    pub(crate) fn range(&self) -> (&EpochContext, &EpochContext) {
        let mut contexts = self.contexts();
        let first = contexts.next().expect("`fetch` found at least one epoch");
        (first, contexts.last().unwrap_or(first))
    }

    pub(crate) fn contexts(&self) -> impl Iterator<Item = &EpochContext> {
        self.opens.iter().map(|open| &open.unverified().context)
    }

    /// The key by which the owner will find the leaf.
    pub(crate) fn notice_of_first_epoch(&self) -> NoticeKey {
        let day = self.range().0.day();
        let found = self.notices.iter().find(|(notice, _)| notice.day == day);
        let (notice, _) = found.expect("`fetch` got every day from the first epoch's on");
        NoticeKey::new(notice.notice_key)
    }

    /// The package of these objects; leaf and proof are added when they are there.
    pub(crate) fn into_package(self, release_key: Vec<u8>) -> Package {
        Package {
            leaf: Vec::new(),
            proof: Vec::new(),
            first_proof: Vec::new(),
            release_key,
            enrollment: self.enrollment,
            policy: self.policy,
            notices: self.notices.into_iter().map(|(_, bytes)| bytes).collect(),
            opens: self.opens.iter().map(|open| open.bytes().to_vec()).collect(),
        }
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
        let signed = SignedEpochOpen::decode(bytes).map_err(ObjectsError::decode("EpochOpen"))?;
        let open = signed.verify(&enrollment.camera_pk).map_err(ObjectsError::signature("EpochOpen"))?;
        opens.push(open.clone());
    }
    let (Some(first), Some(last)) = (opens.first(), opens.last()) else { return Err(ObjectsError::NoEpochs) };
    let (first_epoch, last_epoch) = (first.context.epoch_no, last.context.epoch_no);
    let epochs = opens.len() as u64;
    Ok(Facts { enrollment, policy, opens, first_epoch, last_epoch, epochs })
}

/// All EpochOpens that overlap the span, in order, unverified.
pub(crate) async fn epochs(
    link: &Link,
    camera_id: CameraId,
    track: TrackId,
    from_us: u64,
    to_us: u64,
) -> Result<Vec<SignedEpochOpen>, ObjectsError> {
    let mut opens: Vec<SignedEpochOpen> = Vec::new();
    let mut from_us = from_us;
    loop {
        let request = Request::FetchEpochs { camera_id, track, from_us, to_us };
        let (page, more) = match call(link, &request).await? {
            Response::Epochs { opens, more } => (opens, more),
            other => return Err(unexpected("FetchEpochs", other)),
        };
        for bytes in &page {
            opens.push(SignedEpochOpen::decode(bytes).map_err(ObjectsError::decode("EpochOpen"))?);
        }
        let next = opens.last().map_or(to_us, |open| open.unverified().context.end_us());
        // A relay that promises more and gives nothing further would be asked for ever.
        if !more || next <= from_us || next >= to_us || opens.len() > escrow::package::EPOCHS_MAX {
            return Ok(opens);
        }
        from_us = next;
    }
}

async fn policy(
    link: &Link,
    camera_id: CameraId,
    hash: [u8; 32],
) -> Result<(Vec<u8>, PolicyBundle), ObjectsError> {
    match call(link, &Request::GetPolicy { camera_id, hash }).await? {
        Response::Policy { enrollment, bundle } => Ok((enrollment, bundle)),
        other => Err(unexpected("GetPolicy", other)),
    }
}

async fn call(link: &Link, request: &Request) -> Result<Response, ObjectsError> {
    Ok(link.call(request).await?)
}

fn unexpected(asked: &'static str, response: Response) -> ObjectsError {
    match response {
        Response::Refused(refusal) => ObjectsError::Refused(refusal),
        _ => ObjectsError::Unexpected { asked },
    }
}
