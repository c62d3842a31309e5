//! G5: the label is one that the owner will try; the details open, and say what the public text
//! says. Contract: `proto/release.md#g5`.
//!
//! Notice keys come in the DayNotices, each sealed to the trustees' keys of its day. Who asks has
//! none of them, so what this trustee cannot open stays unknown to it: for the day of the label that
//! is a refusal (G6, G9), for a day that only helps to count it asks for a second approver (G7).

use super::log::Stood;
use super::{Parts, Refusal, Standing};
use crate::deal::{TrusteeId, open_notice, slots};
use crate::details::Details;
use crate::record::{KeyEnd, Kind, Span};
use crate::register::{LoggedKey, Requested};
use alloc::collections::BTreeMap;
use core::time::Duration;
use media::enrollment::{Enrollment, ObjectError};
use media::epoch::EpochOpen;
use media::id::Day;
use media::notice::DayNotice;
use seal::notice::NoticeKey;
use tlog::Hash;

/// What a DayNotice gave this trustee.
enum Seen {
    /// The camera's notice key of the day.
    Key(NoticeKey),
    /// Nothing: this trustee never had a key of that day.
    NoKey,
    /// Nothing: this trustee has the key of that day no more, which the log has of it.
    Gone,
    /// Nothing, though the key of this id is here: there is no slot for it, or it does not open.
    Withheld(Hash),
}

/// The camera's notices, an unbroken row of days.
pub(super) struct Notices {
    of_days: BTreeMap<Day, (DayNotice, Seen)>,
    /// From which day on an earlier request could count.
    counted_from: Day,
}

impl Notices {
    /// Whether an earlier request is seen to be about this camera.
    pub(super) fn is_of_camera(&self, earlier: &Requested) -> bool {
        let labels = |key: &NoticeKey| Hash(key.label(earlier.id.as_bytes())) == earlier.label;
        self.of_days.values().any(|(_, seen)| matches!(seen, Seen::Key(key) if labels(key)))
    }

    /// Whether they reach this day, and this trustee was given the key of each day of which it could
    /// be given one.
    pub(super) fn are_all_seen_to(&self, day: Day) -> bool {
        let is_missed = |seen: &Seen| matches!(seen, Seen::Gone | Seen::Withheld(_));
        let mut counted = self.of_days.range(self.counted_from..);
        self.of_days.contains_key(&day) && !counted.any(|(_, (_, seen))| is_missed(seen))
    }

    // SPEC: release.md#g6: a package whose notice of the first day gives this trustee no key, though it
    // holds a share, MUST be refused before it waits for anybody: another package may bring it.
    /// Whether the label's notice key was kept from somebody to whom epochs were dealt. Asked once the
    /// package is bound to the leaf: another one would have another first day.
    pub(super) fn check_first(&self, opens: &[EpochOpen], index: u8) -> Result<(), Refusal> {
        let day = opens.first().map_or(Day(0), |open| open.context.day());
        let Some((_, Seen::Withheld(live))) = self.of_days.get(&day) else { return Ok(()) };
        let of_day = |open: &EpochOpen| open.context.day() == day;
        let mut dealt = slots(opens, index).filter(|(open, _)| of_day(open)).peekable();
        // What was dealt to an older key is G9's to refuse: no other notice would cure it.
        let is_of_an_older_key =
            dealt.peek().is_some() && dealt.all(|(_, sealed)| Hash(sealed.day_key_id) != *live);
        match slots(opens, index).next() {
            Some(_) if !is_of_an_older_key => Err(Refusal::NoticeUnreadable(day)),
            Some(_) | None => Ok(()),
        }
    }

    /// The notice key of a day, if this trustee was given it.
    pub(super) fn key(&self, day: Day) -> Option<&NoticeKey> {
        match self.of_days.get(&day) {
            Some((_, Seen::Key(key))) => Some(key),
            Some((_, Seen::NoKey | Seen::Gone | Seen::Withheld(_))) | None => None,
        }
    }
}

/// The camera's key from its Enrollment, and the notices that it signed, one for each day that
/// matters.
pub(super) fn check_keys(
    parts: &Parts<'_>,
    stood: &Stood<'_>,
    standing: &Standing<'_>,
) -> Result<(Enrollment, Notices), Refusal> {
    let camera = Enrollment::decode_verified(&parts.package.enrollment)
        .map_err(|error| object(error, "Enrollment", Refusal::EnrollmentForged))?;
    let own = standing.register.day_keys_of(standing.trustee);
    let mut notices: BTreeMap<Day, (DayNotice, Seen)> = BTreeMap::new();
    for bytes in &parts.package.notices {
        let notice = DayNotice::decode_verified(bytes, &camera.camera_pk)
            .map_err(|error| object(error, "DayNotice", Refusal::NoticeForged))?;
        if let Some((last, _)) = notices.last_key_value()
            && last.0.checked_add(1) != Some(notice.day.0)
        {
            return Err(Refusal::NoticesIncomplete(Day(last.0.saturating_add(1))));
        }
        let seen = look(&notice, own.get(&notice.day.0).and_then(|keys| keys.last()), standing);
        notices.insert(notice.day, (notice, seen));
    }
    // SPEC: release.md#g5: every day from which an earlier request about the camera could count
    // MUST be there.
    let needed = [first_needed(parts, &camera, stood), last_day(parts)];
    if let Some(missing) = needed.into_iter().find(|day| !notices.contains_key(day)) {
        return Err(Refusal::NoticesIncomplete(missing));
    }
    for open in &parts.opens {
        let context = &open.unverified().context;
        let (notice, _) = notices.get(&context.day()).ok_or(Refusal::NoticesIncomplete(context.day()))?;
        if notice.notice_commit != context.notice_commit {
            return Err(Refusal::NoticeMismatch(context.epoch_no));
        }
    }
    Ok((camera, Notices { of_days: notices, counted_from: needed[0] }))
}

/// What a notice gives this trustee: its own slot, opened with the newest key of that day that the log
/// has of it.
fn look(notice: &DayNotice, newest: Option<&LoggedKey>, standing: &Standing<'_>) -> Seen {
    let id = match newest.map(|known| (known.key_id, known.ended)) {
        Some((id, None)) => id,
        Some((_, Some(KeyEnd::Lost | KeyEnd::Due))) => return Seen::Gone,
        None => return Seen::NoKey,
    };
    let trustee = TrusteeId::of(standing.trustee);
    let Some(secret) = (standing.key_of)(notice.day, &id) else { return Seen::Gone };
    let key = notice.slot(&id.0).and_then(|slot| open_notice(notice, slot, &trustee, &secret));
    key.map_or(Seen::Withheld(id), Seen::Key)
}

/// The details, which say what the public text says.
pub(super) fn check_details(
    parts: &Parts<'_>,
    camera: &Enrollment,
    notices: &Notices,
) -> Result<Details, Refusal> {
    let request = parts.request.value();
    // SPEC: release.md#g5: the label MUST be the one that the owner will try: else a release could
    // pass the owner by.
    let labels = |key: &NoticeKey| Hash(key.label(request.id.as_bytes())) == request.label;
    if notices.key(first_day(parts)).is_some_and(|key| !labels(key)) {
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

pub(super) fn first_day(parts: &Parts<'_>) -> Day {
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
