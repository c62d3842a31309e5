//! The gate: whether a trustee lets its shares go. G1 to G12, verified in order, pure. Contract:
//! `proto/release.md#the-gate`.
//!
//! ```text
//! Package --check (G1-G7)--> Checked --approve (G8)--> Approved --open_shares (G9)--> Opened --seal (G10)--> Held
//!   Held + Logged<Signed<Grant>> (G11) --> Bundle (G12)
//! ```
//!
//! Each arrow consumes its evidence, and nothing else makes what is behind it: no share is opened
//! before G9, no bundle leaves before its grant is logged.
//!
//! | step | where | what |
//! |---|---|---|
//! | G1 | [`check`] | sizes, canonical form, a kind and rules that are known |
//! | G2, G3 | `log` | the request stands in the log, under a fresh head that is this trustee's history too |
//! | G4 | `keys` | registered keys signed it; the release key is the one it names |
//! | G5 | `notice` | its label and details are those of the camera; the details say what the public text says |
//! | G6 | `objects` | enrollment, owner's policy and epochs: signed, logged, unbroken, allowed at capture |
//! | G7 | `rules` | the PolicyDoc's rules |
//! | G8 | `approval` | a human's yes |
//! | G9 | `shares` | the label was seen; this trustee's shares open, and are those that the camera committed to |
//! | G10-G12 | `held` | sealed to the requester, held until the grant is logged, handed out |
//!
//! In scope: the decision. Out of scope: rate limits, following the log, asking the human, storing,
//! serving (`trustee`).

mod approval;
mod held;
mod keys;
mod log;
mod notice;
mod objects;
mod refusal;
mod rules;
mod shares;

use rules::Ruling;

pub use approval::{Approval, Approved, CallBack, Denial};
pub use held::Held;
pub use refusal::{Malformed, NotPassed, Refusal};
pub use shares::{Opened, ShareFailure};

use crate::details::Details;
use crate::package::{Asked, EPOCHS_MAX, NOTICES_MAX, Package};
use crate::policy::{Approvers, PolicyDoc};
use crate::record::{Kind, Name, OwnerPolicyLeaf, Request, Signed};
use crate::register::{LoggedKey, Register};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use media::epoch::{EpochOpen, SignedEpochOpen};
use media::id::Day;
use media::policy::SignedOwnerPolicy;
use media::time::{Micros, Seconds};
use seal::hpke::SecretKey;
use tlog::note::Verifier;
use tlog::policy::Policy;
use tlog::proof::TlogProof;
use tlog::{Hash, Logged};

/// What the trustee itself knows: its rules, its view of the log, who it is.
pub struct Standing<'a> {
    /// The log's key, witnesses, quorum.
    pub log_policy: &'a Policy,
    /// The rules that this trustee agreed to: they must be of the log's chain, whose own apply.
    pub rules: &'a PolicyDoc,
    /// The log as this trustee read it to its own head.
    pub register: &'a Register,
    /// The root of the log at a size up to that head; `None` beyond it (G2).
    pub root_at: &'a dyn Fn(u64) -> Option<Hash>,
    /// This trustee's verifier key.
    pub trustee: &'a Verifier,
    /// This trustee's private key of a day, if it has the one of that id.
    pub key_of: &'a dyn Fn(Day, &Hash) -> Option<SecretKey>,
}

impl core::fmt::Debug for Standing<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Standing({}, log read to {})", self.trustee.name(), self.register.size())
    }
}

/// What the rules say of a package without a flaw.
#[derive(Debug)]
pub enum Verdict {
    /// Go on to approval.
    Pass(Checked),
    /// Not before this time; ask again.
    WaitUntil {
        /// From when on they let it pass.
        until: Seconds,
        /// What waits, as the log has it.
        request: Box<Logged<Signed<Request>>>,
    },
}

/// A package that passed G1 to G7.
///
/// It leads to a bundle in one way:
///
/// ```
/// use escrow::{bundle::Bundle, grant::{Approval, Checked, Held, ShareFailure}, record::{Grant, Signed}};
/// # use media::id::Day;
/// # type KeyOf<'a> = &'a dyn Fn(Day, &tlog::Hash) -> Option<seal::hpke::SecretKey>;
/// # use tlog::{Logged, note::{Signer, Verifier}};
/// # fn hold<R: rand_core::CryptoRng>(checked: Checked, yes: &Approval, approvers: &[Verifier], key_of: KeyOf<'_>,
/// #     own: &Signer, now: media::time::Seconds, rng: &mut R) -> Result<Held, ShareFailure> {
/// let opened = checked.approve(std::slice::from_ref(yes), approvers)?.open_shares(key_of)?;
/// let held = opened.seal(own, now, rng)?;
/// # Ok(held)
/// # }
/// # fn out(held: Held, grant: &Logged<Signed<Grant>>, proof: &[u8]) -> Result<Bundle, ShareFailure> {
/// // ... persisted, its grant appended, cosigned, proven ...
/// let bundle = held.release(grant, proof)?;
/// # Ok(bundle)
/// # }
/// ```
///
/// Only [`check`] makes one:
///
/// ```compile_fail,E0451
/// fn wave_through(case: escrow::grant::Checked) -> escrow::grant::Checked {
///     escrow::grant::Checked { case: todo!() }
/// }
/// ```
///
/// and without a human's yes (or the kind that needs none) it opens no share:
///
/// ```compile_fail,E0599
/// fn hurry(checked: escrow::grant::Checked) {
///     let _ = checked.open_shares(&|_, _| None);
/// }
/// ```
pub struct Checked {
    case: Box<Case>,
}

/// What the later steps need of a package, as far as it was verified.
struct Case {
    request: Logged<Signed<Request>>,
    details: Details,
    release_key: Vec<u8>,
    /// Verified, first to last.
    opens: Vec<EpochOpen>,
    /// This trustee's place in the policy, from 1.
    index: u8,
    trustee: Verifier,
    name: Name,
    /// Whether the rules ask for a second approver.
    second_approver: bool,
    /// What this trustee logged of its keys of these days.
    day_keys: BTreeMap<Day, Vec<LoggedKey>>,
    /// When the log ordered the request.
    stamp: Seconds,
    /// Whether the label was compared with the notice key of the first epoch's day.
    label_was_seen: bool,
}

/// G1's parts, decoded; nothing is verified.
struct Parts<'a> {
    package: &'a Package,
    request: &'a Signed<Request>,
    /// Absent when the package has none.
    proof: Option<TlogProof>,
    policy: SignedOwnerPolicy,
    policy_leaf: Signed<OwnerPolicyLeaf>,
    policy_proof: TlogProof,
    opens: Vec<SignedEpochOpen>,
}

// SPEC: release.md#the-gate: a trustee MUST check G1 to G12 in this order and refuse by name at the
// first failure.
/// Checks a package, cheapest first, and refuses by name at the first failure.
pub fn check(asked: &Asked, standing: &Standing<'_>, now: Seconds) -> Result<Verdict, NotPassed> {
    // G1: sizes, canonical form, known kind and rules.
    let parts = decode(asked, standing)?;
    // G2: a fresh, cosigned head that is this trustee's history too. G3: this very leaf in it, and
    // the only one of its id.
    let request = log::check(&parts, standing, now)?;
    match check_logged(&parts, &request, standing, now) {
        Ok((_, Some(until))) => Ok(Verdict::WaitUntil { until, request: Box::new(request) }),
        Ok((case, None)) => Ok(Verdict::Pass(Checked { case: Box::new(case) })),
        Err(refusal) => Err(NotPassed { refusal, logged: Some(Box::new(request)) }),
    }
}

/// G4 to G7, of a request that is known to be logged; and until when the rules ask to wait.
fn check_logged(
    parts: &Parts<'_>,
    request: &Logged<Signed<Request>>,
    standing: &Standing<'_>,
    now: Seconds,
) -> Result<(Case, Option<Seconds>), Refusal> {
    let stood = log::stood(request, standing)?;
    // G4: registered keys signed; the release key is the one that the leaf names.
    keys::check(request, parts.package, &stood, standing)?;
    // G5: the camera's notice keys, the label, the details.
    let (camera, notices) = notice::check_keys(parts, &stood, standing)?;
    let details = notice::check_details(parts, &camera, &notices)?;
    // G6: the owner's policy at capture, and the epochs.
    let objects::Agreed { index, opens, policy } = objects::check(parts, &camera, &details, standing, now)?;
    notices.check_first(&opens, index)?;
    // G7: the rules.
    let mut case = Case {
        details,
        release_key: parts.package.release_key.clone(),
        index,
        trustee: standing.trustee.clone(),
        name: Name::new(standing.trustee.name()).ok_or(Refusal::NotATrustee)?,
        second_approver: false,
        day_keys: published(&opens, standing),
        opens,
        request: request.clone(),
        stamp: stood.asked.stamp,
        label_was_seen: notices.key(notice::first_day(parts)).is_some(),
    };
    match rules::check(&case, &stood, policy, &notices, standing, now)? {
        Ruling::Pass(approvers) => {
            case.second_approver = approvers == Approvers::Two;
            Ok((case, None))
        }
        Ruling::Wait(until) => Ok((case, Some(until))),
    }
}

/// G1. Every part is decoded before any is looked into, so that a malformed package costs no
/// signature check.
fn decode<'a>(asked: &'a Asked, standing: &Standing<'_>) -> Result<Parts<'a>, Refusal> {
    let (package, request) = (asked.package(), asked.request());
    // SPEC: release.md#g1: sizes MUST be checked before anything is decoded.
    if package.opens.len() > EPOCHS_MAX || package.notices.len() > NOTICES_MAX {
        return Err(Refusal::TooLarge);
    }
    // The owner's own keys open these: no trustee is asked.
    if request.value().kind == Kind::OwnerShare {
        return Err(Refusal::NoEscrowKind);
    }
    if standing.register.rules_of(&standing.rules.hash()).is_none() {
        return Err(Refusal::RulesNotLogged);
    }
    // SPEC: release.md#g1: a trustee that the PolicyDoc in force does not name MUST NOT grant: no
    // reader of the log would count it.
    let named = |rules: &PolicyDoc| rules.trustees().any(|key| key == standing.trustee);
    if !standing.register.rules().is_some_and(named) {
        return Err(Refusal::NotInRules);
    }
    if package.opens.is_empty() {
        return Err(Refusal::NoEpochs);
    }
    let open = |bytes: &Vec<u8>| {
        SignedEpochOpen::decode(bytes).map_err(|error| Refusal::malformed("EpochOpen", error))
    };
    Ok(Parts {
        proof: match package.proof.as_slice() {
            [] => None,
            bytes => Some(proof("proof", bytes)?),
        },
        policy: SignedOwnerPolicy::decode(&package.policy.policy)
            .map_err(|error| Refusal::malformed("OwnerPolicy", error))?,
        policy_leaf: Signed::parse(&package.policy.leaf)
            .map_err(|error| Refusal::malformed("policy leaf", error))?,
        policy_proof: proof("policy proof", &package.policy.proof)?,
        opens: package.opens.iter().map(open).collect::<Result<_, _>>()?,
        request,
        package,
    })
}

fn proof(part: &'static str, bytes: &[u8]) -> Result<TlogProof, Refusal> {
    TlogProof::parse(bytes).map_err(|error| Refusal::malformed(part, error))
}

/// G9 wants to know it; only `check` sees the register.
fn published(opens: &[EpochOpen], standing: &Standing<'_>) -> BTreeMap<Day, Vec<LoggedKey>> {
    let own = standing.register.day_keys_of(standing.trustee);
    let of = |day: Day| (day, own.get(&day.0).map_or_else(Vec::new, |keys| keys.to_vec()));
    opens.iter().map(|open| of(open.context.day())).collect()
}

impl Checked {
    /// The logged request.
    pub fn request(&self) -> &Logged<Signed<Request>> {
        &self.case.request
    }

    /// The opened details.
    pub fn details(&self) -> &Details {
        &self.case.details
    }

    /// How many humans G8 asks for.
    pub fn approvals_needed(&self) -> usize {
        self.case.approvals_needed()
    }

    /// Since when the request stands in the log: its stamp.
    pub fn stamp(&self) -> Seconds {
        self.case.stamp
    }

    /// How many epochs are asked for.
    pub fn epochs(&self) -> usize {
        self.case.opens.len()
    }

    /// From the first moment of the first epoch to the end of the last.
    pub fn span_us(&self) -> (Micros, Micros) {
        self.case.span_us()
    }

    /// Days whose keys G9 needs.
    pub fn days(&self) -> Vec<Day> {
        self.case.day_keys.keys().copied().collect()
    }

    /// G8: a human's yes, where the kind needs one, or two of them.
    pub fn approve(self, approvals: &[Approval], approvers: &[Verifier]) -> Result<Approved, Refusal> {
        approval::check(*self.case, approvals, approvers)
    }
}

impl Case {
    fn approvals_needed(&self) -> usize {
        let by_agency = self.request.value().value().kind.is_by_agency();
        usize::from(by_agency) + usize::from(by_agency && self.second_approver)
    }

    fn span_us(&self) -> (Micros, Micros) {
        let start = self.opens.first().map_or_else(Micros::default, |open| open.context.start_us);
        (start, self.opens.last().map_or(start, |open| open.context.end_us()))
    }
}

impl core::fmt::Debug for Case {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let request = self.request.value().value();
        write!(f, "{} request {}, {} epochs", request.kind, request.id, self.opens.len())
    }
}

impl core::fmt::Debug for Checked {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Checked({:?})", self.case)
    }
}

#[cfg(test)]
mod tests;
