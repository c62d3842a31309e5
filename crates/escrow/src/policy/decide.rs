//! G7: whether the rules, the emergency rule among them, let a request through, now. Contract:
//! `proto/release.md#g7`.

use super::PolicyDoc;
use crate::record::{Kind, Request};
use crate::register::{Register, Requested};
use core::time::Duration;
use media::time::{Micros, Seconds};

/// All that the rules look at. Every earlier step of the gate has checked what it is.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The log, folded at least up to the request.
    pub register: &'a Register,
    /// The rules in force when the request was stamped.
    pub rules: &'a PolicyDoc,
    /// The request.
    pub request: &'a Request,
    /// Its place in the log.
    pub index: u64,
    /// Its stamp (T0).
    pub stamp: Seconds,
    /// When the first epoch starts.
    pub start_us: Micros,
    /// When the last one ends.
    pub end_us: Micros,
    /// Whether the details name the order and its court.
    pub order: Found,
    /// Whether a device of the owner's policy said no.
    pub veto: Found,
    /// Whether the trustee was given the notice keys of all days up to the stamp's of which it could be:
    /// then every earlier request about the camera is recognised.
    pub notices: Found,
    /// Whether an earlier request is about the same camera.
    pub is_same_camera: &'a dyn Fn(&Requested) -> bool,
}

impl core::fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Facts(request {}, stamped at {})", self.index, self.stamp)
    }
}

/// Whether something that the rules ask for is in the request or in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// What the rules say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// They allow it, if so many humans do where the kind asks for one.
    Grant(Approvers),
    /// They allow it from this time on, if nothing happens before.
    WaitUntil(Seconds),
    /// They do not.
    Refuse(Rule),
}

/// How many humans of a trustee must say yes to what an agency asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approvers {
    /// One.
    One,
    /// Two different ones: many emergencies came at once, or a notice key was left out, so that what was
    /// asked about the camera is not all counted.
    Two,
}

macro_rules! rules {
    ($( $name:literal $variant:ident: $text:literal => $advice:literal; )+) => {
        /// The rule that a request breaks: one line of the table of `proto/release.md#g7` each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Rule {
            $( #[doc = $text] $variant, )+
        }

        impl Rule {
            /// All of them, in the table's order.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// Its name, such as `agency-quota`.
            pub fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )+ }
            }

            /// What was wrong.
            pub fn text(self) -> &'static str {
                match self { $( Self::$variant => $text, )+ }
            }

            /// What the asker can do about it.
            pub fn what_to_do(self) -> &'static str {
                match self { $( Self::$variant => $advice, )+ }
            }
        }
    };
}

rules! {
    "request-from-future" RequestFromFuture: "the request states a time that had not come when it was logged"
        => "set the clock right and write a new request";
    "logged-late" LoggedLate: "the request was stamped too long after the time it states"
        => "write a new request, and log it at once";
    "expired" Expired: "the request was logged too long ago"
        => "write a new request";
    "basis-unknown" BasisUnknown: "the basis is not of the PolicyDoc's list"
        => "write a new request with a basis that the PolicyDoc lists";
    "footage-from-future" FromFuture: "the request asks for what was not filmed yet when it was logged"
        => "write a new request when the last epoch is over";
    "span-too-long" SpanTooLong: "a request of this kind may not have so long a span"
        => "write several requests for shorter spans";
    "footage-too-old" TooOld: "an emergency may not reach back so far"
        => "ask under a court order";
    "agency-suspended" AgencySuspended: "the agency left too many granted emergencies without ratification"
        => "ask under a court order until the older ones no longer count";
    "agency-quota" AgencyQuota: "the agency has used up its emergencies of this window"
        => "ask under a court order";
    "camera-quota" CameraQuota: "the emergencies about this camera of this window are used up"
        => "ask under a court order";
    "order-missing" OrderMissing: "the details do not name the order and its court"
        => "write a new request that names court and order";
    "legal-quota" LegalQuota: "the agency has used up its legal requests of this window"
        => "ask again when the older ones no longer count";
    "recovery-quota" RecoveryQuota: "the recoveries of this camera of this window are used up"
        => "ask again when the older ones no longer count";
    "vetoed" Vetoed: "a device of the owner said no"
        => "nothing: the owner still has a device";
}

// SPEC: release.md#g7: the rules MUST be a pure function of the log's prefix, the leaf, its details
// and the PolicyDoc.
/// Applies the rules.
pub fn decide(facts: &Facts<'_>, now: Seconds) -> Decision {
    let decided = match facts.request.kind {
        Kind::Emergency => always(facts, now).and_then(|()| emergency(facts, now)),
        Kind::Legal => always(facts, now).and_then(|()| legal(facts)),
        Kind::Recovery => always(facts, now).and_then(|()| recovery(facts, now)),
        // The owner's own keys open these: no trustee is asked (G1).
        Kind::OwnerShare => always(facts, now),
    };
    decided.err().unwrap_or_else(|| Decision::Grant(approvers(facts)))
}

type Ruled = Result<(), Decision>;

const fn secs(figure: u64) -> Duration {
    Duration::from_secs(figure)
}

fn unless(broken: bool, rule: Rule) -> Ruled {
    if broken { Err(Decision::Refuse(rule)) } else { Ok(()) }
}

// SPEC: release.md#g7: every time that counts MUST be a stamp.
fn always(facts: &Facts<'_>, now: Seconds) -> Ruled {
    let Facts { rules, request, stamp, .. } = facts;
    let (figures, time) = (rules.figures(), request.time);
    unless(time > stamp.after(secs(figures.clock_skew_secs)), Rule::RequestFromFuture)?;
    unless(*stamp > time.after(secs(figures.request_age_secs)), Rule::LoggedLate)?;
    unless(now > stamp.after(secs(figures.request_valid_secs)), Rule::Expired)?;
    let bases = rules.bases(request.kind);
    unless(request.basis.as_ref().is_some_and(|basis| !bases.contains(basis)), Rule::BasisUnknown)?;
    // A request cannot ask for what will be filmed after it was logged: its label is under the key of a
    // day that its owner tries when reading it.
    unless(facts.end_us > stamp.micros(), Rule::FromFuture)
}

// SPEC: release.md#g7: every quota MUST be counted from the log.
/// The requests of a kind that stand before this one, within so many seconds before its stamp. Only
/// what stands before it counts, so that each of many filed at once sees those before it.
fn before<'a>(facts: &Facts<'a>, kind: Kind, window: u64) -> impl Iterator<Item = &'a Requested> {
    let since = facts.stamp.before(secs(window));
    let counted = facts.register.requests_before(facts.index);
    counted.filter(move |earlier| earlier.kind == kind && earlier.stamp > since)
}

fn emergency(facts: &Facts<'_>, now: Seconds) -> Ruled {
    let figures = facts.rules.figures();
    unless(u64::from(facts.request.span.secs()) > figures.emergency_span_secs, Rule::SpanTooLong)?;
    let earliest = facts.stamp.before(secs(figures.emergency_lookback_secs)).micros();
    unless(facts.start_us < earliest, Rule::TooOld)?;

    let own = |earlier: &&Requested| earlier.agency == facts.request.agency;
    let emergencies = |window| before(facts, Kind::Emergency, window);
    let unratified = emergencies(figures.unratified_window_secs)
        .filter(own)
        .filter(|earlier| is_unratified(earlier, figures.ratify_within_secs, now));
    unless(exceeds(unratified, figures.unratified_max), Rule::AgencySuspended)?;
    let of_agency = emergencies(figures.emergency_agency_window_secs).filter(own);
    unless(reaches(of_agency, figures.emergency_agency_max), Rule::AgencyQuota)?;
    let of_camera =
        emergencies(figures.emergency_camera_window_secs).filter(|earlier| (facts.is_same_camera)(earlier));
    unless(reaches(of_camera, figures.emergency_camera_max), Rule::CameraQuota)
}

fn legal(facts: &Facts<'_>) -> Ruled {
    let figures = facts.rules.figures();
    unless(facts.order == Found::No, Rule::OrderMissing)?;
    unless(u64::from(facts.request.span.secs()) > figures.legal_span_secs, Rule::SpanTooLong)?;
    let of_agency = before(facts, Kind::Legal, figures.legal_agency_window_secs)
        .filter(|earlier| earlier.agency == facts.request.agency);
    unless(reaches(of_agency, figures.legal_agency_max), Rule::LegalQuota)
}

fn recovery(facts: &Facts<'_>, now: Seconds) -> Ruled {
    let figures = facts.rules.figures();
    unless(facts.veto == Found::Yes, Rule::Vetoed)?;
    let of_camera = before(facts, Kind::Recovery, figures.recovery_camera_window_secs)
        .filter(|earlier| (facts.is_same_camera)(earlier));
    unless(reaches(of_camera, figures.recovery_camera_max), Rule::RecoveryQuota)?;
    let until = facts.stamp.after(secs(figures.recovery_wait_secs));
    if now < until { Err(Decision::WaitUntil(until)) } else { Ok(()) }
}

// SPEC: release.md#g7: two approvers MUST agree to an emergency after many of all agencies, and to one
// whose package leaves notice keys out.
fn approvers(facts: &Facts<'_>) -> Approvers {
    let figures = facts.rules.figures();
    let many = || reaches(before(facts, Kind::Emergency, figures.breaker_window_secs), figures.breaker_max);
    let emergency = facts.request.kind == Kind::Emergency;
    if emergency && (facts.notices == Found::No || many()) { Approvers::Two } else { Approvers::One }
}

/// Let go by somebody, and not confirmed in time. An attempt that nobody granted needs no court.
fn is_unratified(earlier: &Requested, within: u64, now: Seconds) -> bool {
    let deadline = earlier.stamp.after(secs(within));
    let in_time = earlier.ratified_at.is_some_and(|at| at <= deadline);
    !earlier.grants.is_empty() && now > deadline && !in_time
}

fn count<I: Iterator>(items: I) -> u64 {
    u64::try_from(items.count()).unwrap_or(u64::MAX)
}

fn reaches<I: Iterator>(items: I, max: u64) -> bool {
    count(items) >= max
}

fn exceeds<I: Iterator>(items: I, max: u64) -> bool {
    count(items) > max
}
