//! G5: the notice keys are the camera's, the label is theirs, so that the owner finds the request;
//! the details open, and say what the public text says. Contract: `proto/release.md#g5`.

use super::log::Stood;
use super::{Parts, Refusal};
use crate::details::Details;
use crate::record::{Kind, Span};
use alloc::collections::BTreeMap;
use core::time::Duration;
use media::enrollment::{Enrollment, ObjectError};
use media::id::Day;
use media::notice::DayNotice;
use seal::notice::NoticeKey;
use tlog::Hash;

/// The camera's notice keys, an unbroken row of days.
pub(super) type Notices = BTreeMap<Day, NoticeKey>;

/// The camera's key from its Enrollment, and the notice keys that it signed, one for each day that
/// matters.
pub(super) fn check_keys(parts: &Parts<'_>, stood: &Stood<'_>) -> Result<(Enrollment, Notices), Refusal> {
    let camera = Enrollment::decode_verified(&parts.package.enrollment)
        .map_err(|error| object(error, "Enrollment", Refusal::EnrollmentForged))?;
    let mut notices = Notices::new();
    for bytes in &parts.package.notices {
        let notice = DayNotice::decode_verified(bytes, &camera.camera_pk)
            .map_err(|error| object(error, "DayNotice", Refusal::NoticeForged))?;
        if let Some((last, _)) = notices.last_key_value()
            && last.0.checked_add(1) != Some(notice.day.0)
        {
            return Err(Refusal::NoticesIncomplete(Day(last.0.saturating_add(1))));
        }
        notices.insert(notice.day, NoticeKey::new(notice.notice_key));
    }
    // SPEC: release.md#g5: every day from which an earlier request about the camera could count
    // MUST be there.
    let needed = [first_needed(parts, &camera, stood), last_day(parts)];
    if let Some(missing) = needed.into_iter().find(|day| !notices.contains_key(day)) {
        return Err(Refusal::NoticesIncomplete(missing));
    }
    for open in &parts.opens {
        let context = &open.unverified().context;
        let key = notices.get(&context.day()).ok_or(Refusal::NoticesIncomplete(context.day()))?;
        if key.commit() != context.notice_commit {
            return Err(Refusal::NoticeMismatch(context.epoch_no));
        }
    }
    Ok((camera, notices))
}

/// The details, which say what the public text says.
pub(super) fn check_details(
    parts: &Parts<'_>,
    camera: &Enrollment,
    notices: &Notices,
) -> Result<Details, Refusal> {
    let request = parts.request.value();
    let day = first_day(parts);
    let key = notices.get(&day).ok_or(Refusal::NoticesIncomplete(day))?;
    // SPEC: release.md#g5: the label MUST be the one that the owner will try: else a release could
    // pass the owner by.
    if Hash(key.label(request.id.as_bytes())) != request.label {
        return Err(Refusal::LabelMismatch);
    }
    let details =
        Details::open(&request.details, &parts.package.details_key).map_err(Refusal::DetailsUnreadable)?;
    if details.camera_id != camera.camera_id() {
        return Err(Refusal::OtherCamera);
    }
    // SPEC: release.md#g5: the order MUST be the very one whose hash the details state: a human decides
    // by it.
    if !details.are_with(&parts.package.order) {
        return Err(Refusal::OrderMismatch);
    }
    if details.agency != request.agency {
        return Err(Refusal::DetailsMismatch);
    }
    let lengths = parts.opens.iter().map(|open| open.unverified().context.dur_ms);
    if Span::of_epochs(lengths) != Some(request.span) {
        return Err(Refusal::SpanMismatch);
    }
    if !details.is_complete_for(request.kind) {
        return Err(Refusal::DetailsIncomplete(request.kind));
    }
    Ok(details)
}

fn object(error: ObjectError, part: &'static str, forged: Refusal) -> Refusal {
    match error {
        ObjectError::Decode(error) => Refusal::malformed(part, error),
        ObjectError::Signature(_) => forged,
    }
}

fn first_day(parts: &Parts<'_>) -> Day {
    parts.opens.first().map_or(Day(0), |open| open.unverified().context.day())
}

fn last_day(parts: &Parts<'_>) -> Day {
    parts.opens.last().map_or(Day(0), |open| open.unverified().context.day())
}

/// The first epoch's day; for what is counted by camera, the first day of which an earlier request can
/// count: no older footage could be asked for by it.
fn first_needed(parts: &Parts<'_>, camera: &Enrollment, stood: &Stood<'_>) -> Day {
    let figures = stood.rules.figures();
    let window = match stood.asked.kind {
        Kind::Emergency => {
            figures.emergency_camera_window_secs.saturating_add(figures.emergency_lookback_secs)
        }
        Kind::Recovery => {
            let retention = u64::from(parts.policy.unverified().retention_days) * 86_400;
            figures.recovery_camera_window_secs.saturating_add(retention)
        }
        Kind::Legal | Kind::OwnerShare => return first_day(parts),
    };
    let since = stood.asked.stamp.before(Duration::from_secs(window)).max(camera.created);
    since.day().min(first_day(parts))
}
