//! G7: the PolicyDoc's rules, applied to what the earlier steps verified. Contract:
//! `proto/release.md#g7`.

use super::notice::Notices;
use super::{Case, Refusal, Standing};
use crate::policy::{Decision, Facts, Stated, decide};
use crate::register::Requested;
use media::time::Seconds;
use tlog::Hash;

/// Until when the rules ask to wait, where they let the request through.
pub(super) fn check(
    case: &Case,
    logged_at: Seconds,
    notices: &Notices,
    standing: &Standing<'_>,
    now: Seconds,
) -> Result<Option<Seconds>, Refusal> {
    let details = &case.details;
    let stated = |says: bool| if says { Stated::Yes } else { Stated::No };
    let (start_us, end_us) = case.span_us();
    // Which camera an earlier request is about, only the notice keys of that camera tell.
    let is_same_camera = |earlier: &Requested| {
        notices.values().any(|key| Hash(key.label(earlier.id.as_bytes())) == earlier.label)
    };
    let facts = Facts {
        register: standing.register,
        request: case.request.value().value(),
        index: case.request.index(),
        logged_at,
        epochs: u64::try_from(case.opens.len()).unwrap_or(u64::MAX),
        start_us,
        end_us,
        order: stated(details.order.is_some() && details.court.is_some()),
        is_same_camera: &is_same_camera,
    };
    match decide(&facts, standing.rules, now) {
        Decision::Refuse(rule) => Err(Refusal::Rule(rule)),
        Decision::WaitUntil(time) => Ok(Some(time)),
        Decision::Grant => Ok(None),
    }
}
