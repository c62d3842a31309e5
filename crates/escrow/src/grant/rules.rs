//! G7: the PolicyDoc's rules, applied to what the earlier steps verified. Contract:
//! `proto/release.md#g7`.

use super::log::Stood;
use super::notice::Notices;
use super::{Case, Refusal, Standing};
use crate::policy::{Approvers, Decision, Facts, Found, decide};
use crate::register::Requested;
use media::policy::OwnerPolicy;
use media::time::Seconds;

/// What the rules say of what they let through.
pub(super) enum Ruling {
    /// Go on to so many humans.
    Pass(Approvers),
    /// Not before this time.
    Wait(Seconds),
}

pub(super) fn check(
    case: &Case,
    stood: &Stood<'_>,
    policy: &OwnerPolicy,
    notices: &Notices,
    standing: &Standing<'_>,
    now: Seconds,
) -> Result<Ruling, Refusal> {
    let details = &case.details;
    let stated = |says: bool| if says { Found::Yes } else { Found::No };
    let (start_us, end_us) = case.span_us();
    // Which camera an earlier request is about, only the notice keys of that camera tell.
    let is_same_camera = |earlier: &Requested| notices.is_of_camera(earlier);
    let is_device = |device| policy.recipients.iter().any(|recipient| recipient.device_id == device);
    let facts = Facts {
        register: standing.register,
        rules: stood.rules,
        request: case.request.value().value(),
        index: case.request.index(),
        stamp: stood.asked.stamp,
        start_us,
        end_us,
        order: stated(details.order.is_some() && details.court.is_some()),
        veto: stated(stood.asked.vetoed_by.iter().copied().any(is_device)),
        notices: stated(notices.are_all_seen_to(stood.asked.stamp.day())),
        is_same_camera: &is_same_camera,
    };
    match decide(&facts, now) {
        Decision::Refuse(rule) => Err(Refusal::Rule(rule)),
        Decision::WaitUntil(time) => Ok(Ruling::Wait(time)),
        Decision::Grant(approvers) => Ok(Ruling::Pass(approvers)),
    }
}
