//! What a trustee answers, before it is HTTP: the variants are the refusals and the states of waiting.

use escrow::grant::Refusal;
use escrow::policy::Rule;

/// The answer to a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The bundle, whose grant stands in the log: the same bytes each time.
    Bundle(Vec<u8>),
    /// Not yet.
    Pending(State),
    /// The gate refused, or a human did.
    Refused(Refused),
    /// Nothing is decided now: ask again later.
    Unavailable {
        /// By name.
        error: &'static str,
        /// What to do.
        what_to_do: String,
    },
    /// Too much at once.
    Busy {
        /// By name.
        error: &'static str,
        /// What to do.
        what_to_do: String,
    },
    /// Not a package: G1, without a look at anything in it.
    Malformed(Refused),
    /// No package with this id was given here.
    Unknown,
    /// The trustee's own defect; its log says which.
    Failed,
}

/// Why a package is not granted yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// A human must approve.
    PendingApproval,
    /// The rules ask to wait until this time (Unix seconds).
    Waiting(u64),
    /// Decided; the grant is on its way into the log.
    Appending,
}

impl State {
    /// Its word in the answer.
    pub fn word(self) -> &'static str {
        match self {
            Self::PendingApproval => "pending-approval",
            Self::Waiting(_) => "waiting",
            Self::Appending => "appending",
        }
    }
}

/// A refusal as it is served, kept and (for some) logged.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Refused {
    /// The step of the gate, such as `g7`.
    pub step: String,
    /// Its name.
    pub name: String,
    /// What was wrong.
    pub text: String,
    /// What the asker can do about it.
    pub what_to_do: String,
}

/// The name of a human's no.
pub(crate) const DENIED: &str = "denied";

impl Refused {
    pub(crate) fn of(refusal: &Refusal) -> Self {
        Self::new(refusal.step(), refusal.name(), &refusal.to_string(), refusal.what_to_do())
    }

    pub(crate) fn new(step: &str, name: &str, text: &str, what_to_do: &str) -> Self {
        Self {
            step: step.to_owned(),
            name: name.to_owned(),
            text: text.to_owned(),
            what_to_do: what_to_do.to_owned(),
        }
    }

    pub(crate) fn denied(reason: &str) -> Self {
        let text = format!("a human of this trustee looked at the request and denied it: {reason}");
        Self::new("g8", DENIED, &text, "ask the other trustees, or write a new request with better reasons")
    }

    /// The grant stands in the log, and its bundle is gone with a disk: a second grant must not be.
    pub(crate) fn bundle_lost() -> Self {
        Self::new(
            "g10",
            "bundle-lost",
            "this trustee has granted the request, and lost the bundle when its data was restored from an older backup",
            "ask the other trustees; a request has one grant of a trustee, for ever",
        )
    }
}

/// Whether a refusal of a logged request becomes a leaf: if neither time, nor another package for the same leaf, could cure it.
///
/// Anybody may send a package for a leaf that everybody can read. So what only the package said (a forged notice, a missing epoch) is
/// answered and not logged; what the asker's own sealed details, the owner's policy, the rules or the day keys say is.
// SPEC: release.md#refusal-leaves: what only the package said MUST NOT become a leaf.
pub(crate) fn becomes_leaf(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::DetailsMismatch(_) | Refusal::DetailsIncomplete(_) => true,
        Refusal::PolicyUnderOtherRules
        | Refusal::PolicyUnderOtherLog
        | Refusal::ClassNotAllowed(_)
        | Refusal::SharesMismatch(_)
        | Refusal::PastRetention(_)
        | Refusal::RecoveryUnsigned => true,
        // A package without its first proof looks as if it had been logged late; the rules may be published yet.
        Refusal::Rule(Rule::LoggedLate | Rule::RulesNotLogged) => false,
        Refusal::Rule(_) => true,
        Refusal::DayKeyDestroyed(_) | Refusal::DayKeyMismatch(_) | Refusal::ShareBoundElsewhere(_) => true,
        _ => false,
    }
}
