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
    /// The request.
    pub request: &'a Request,
    /// Its place in the log.
    pub index: u64,
    /// When a quorum had cosigned a head with it (T0).
    pub logged_at: Seconds,
    /// How many epochs.
    pub epochs: u64,
    /// When the first one starts.
    pub start_us: Micros,
    /// When the last one ends.
    pub end_us: Micros,
    /// Whether the details name the order and its court.
    pub order: Stated,
    /// Whether an earlier request is about the same camera.
    pub is_same_camera: &'a dyn Fn(&Requested) -> bool,
}

impl core::fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Facts(request {} of {} epochs)", self.index, self.epochs)
    }
}

/// Whether the details say something that the rules ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stated {
    /// They do.
    Yes,
    /// They do not.
    No,
}

/// What the rules say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// They allow it.
    Grant,
    /// They allow it from this time on, if nothing happens before.
    WaitUntil(Seconds),
    /// They do not.
    Refuse(Rule),
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
    "rules-not-logged" RulesNotLogged: "the PolicyDoc itself is not in the log"
        => "have the operator publish the PolicyDoc";
    "request-from-future" RequestFromFuture: "the request states a time that had not come when it was logged"
        => "set the clock right and write a new request";
    "logged-late" LoggedLate: "the request was logged too long after the time it states"
        => "write a new request, and log it at once";
    "expired" Expired: "the request was logged too long ago"
        => "write a new request";
    "basis-unknown" BasisUnknown: "the basis is not of the PolicyDoc's list"
        => "write a new request with a basis that the PolicyDoc lists";
    "footage-from-future" FromFuture: "the request asks for what was not filmed yet when it was written"
        => "write a new request when the last epoch is over";
    "too-many-epochs" TooManyEpochs: "an emergency may not have so many epochs"
        => "write a new request for a shorter span";
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
    "span-too-long" SpanTooLong: "a legal request may not have so long a span"
        => "write several requests";
    "vetoed" Vetoed: "a device of the owner said no"
        => "nothing: the owner still has a device";
}

// SPEC: release.md#g7: the rules MUST be a pure function of the log's prefix, the leaf, its details
// and the PolicyDoc, and every quota MUST be counted from the log.
/// Applies the rules.
pub fn decide(facts: &Facts<'_>, rules: &PolicyDoc, now: Seconds) -> Decision {
    let decided = match facts.request.kind {
        Kind::Emergency => always(facts, rules, now).and_then(|()| emergency(facts, rules, now)),
        Kind::Legal => always(facts, rules, now).and_then(|()| legal(facts, rules)),
        Kind::Recovery => always(facts, rules, now).and_then(|()| recovery(facts, rules, now)),
        // The owner's own keys open these: no trustee is asked (G1).
        Kind::OwnerShare => always(facts, rules, now),
    };
    decided.err().unwrap_or(Decision::Grant)
}

type Ruled = Result<(), Decision>;

const fn secs(figure: u64) -> Duration {
    Duration::from_secs(figure)
}

fn unless(broken: bool, rule: Rule) -> Ruled {
    if broken { Err(Decision::Refuse(rule)) } else { Ok(()) }
}

// SPEC: release.md#g7: every quota MUST be counted from the log: what counts is what the register
// read.
fn always(facts: &Facts<'_>, rules: &PolicyDoc, now: Seconds) -> Ruled {
    let (figures, request) = (rules.figures(), facts.request);
    let (time, logged_at) = (request.time, facts.logged_at);
    unless(!facts.register.has_rules(&rules.hash()), Rule::RulesNotLogged)?;
    // The quotas below go by the stated time; these two lines tie it to the log's.
    unless(time > logged_at.after(secs(figures.clock_skew_secs)), Rule::RequestFromFuture)?;
    unless(logged_at > time.after(secs(figures.request_age_secs)), Rule::LoggedLate)?;
    unless(now > logged_at.after(secs(figures.request_valid_secs)), Rule::Expired)?;
    let bases = rules.bases(request.kind);
    unless(request.basis.as_ref().is_some_and(|basis| !bases.contains(basis)), Rule::BasisUnknown)?;
    // A request cannot ask for what will be filmed after it was written.
    unless(facts.end_us > time.micros(), Rule::FromFuture)
}

fn emergency(facts: &Facts<'_>, rules: &PolicyDoc, now: Seconds) -> Ruled {
    let figures = rules.figures();
    let time = facts.request.time;
    unless(facts.epochs > figures.emergency_epochs, Rule::TooManyEpochs)?;
    let earliest = time.before(secs(figures.emergency_lookback_secs)).micros();
    unless(facts.start_us < earliest, Rule::TooOld)?;

    // Only what stands before this request counts, so that each of many filed at once sees those
    // before it.
    let before = || {
        let emergencies = facts.register.requests_before(facts.index);
        emergencies.filter(|earlier| earlier.kind == Kind::Emergency && earlier.authorised)
    };
    let own = |earlier: &&Requested| earlier.agency == facts.request.agency;
    let within = |earlier: &&Requested, window: u64| earlier.time > time.before(secs(window));

    let unratified = before()
        .filter(own)
        .filter(|earlier| within(earlier, figures.unratified_window_secs))
        .filter(|earlier| is_unratified(earlier, figures.ratify_within_secs, now));
    unless(exceeds(unratified, figures.unratified_max), Rule::AgencySuspended)?;
    let of_agency =
        before().filter(own).filter(|earlier| within(earlier, figures.emergency_agency_window_secs));
    unless(reaches(of_agency, figures.emergency_agency_max), Rule::AgencyQuota)?;
    let of_camera = before()
        .filter(|earlier| within(earlier, figures.emergency_camera_window_secs))
        .filter(|earlier| (facts.is_same_camera)(earlier));
    unless(reaches(of_camera, figures.emergency_camera_max), Rule::CameraQuota)
}

fn legal(facts: &Facts<'_>, rules: &PolicyDoc) -> Ruled {
    unless(facts.order == Stated::No, Rule::OrderMissing)?;
    unless(u64::from(facts.request.span.secs()) > rules.figures().legal_span_secs, Rule::SpanTooLong)
}

fn recovery(facts: &Facts<'_>, rules: &PolicyDoc, now: Seconds) -> Ruled {
    let vetoed = facts.register.request(facts.index).is_some_and(|requested| requested.vetoed.is_some());
    unless(vetoed, Rule::Vetoed)?;
    let until = facts.logged_at.after(secs(rules.figures().recovery_wait_secs));
    if now < until { Err(Decision::WaitUntil(until)) } else { Ok(()) }
}

/// Let go by somebody, and not confirmed in time. An attempt that nobody granted needs no court.
fn is_unratified(earlier: &Requested, within: u64, now: Seconds) -> bool {
    let deadline = earlier.time.after(secs(within));
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
