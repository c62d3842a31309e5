//! Before a request stands in the log for ever: what the trustees will find there against it, by the
//! functions with which they judge. Contract: `proto/release.md#g4`, `#g6`, `#g7`.
//!
//! In scope: rules, signers, the sponsor of the owner's policy, the agency's quotas, footage that is not
//! over. Out of scope: how many emergencies about this camera there were, which only trustees can tell.

use crate::Requester;
use crate::case::{Case, CaseError};
use crate::folder::{FolderError, PACKAGE, RequestFolder};
use crate::objects::Facts;
use escrow::package::Package;
use escrow::policy::{Decision, Facts as Ruled, Found, Rule, decide};
use escrow::record::{
    Kind, Leaf, OwnerPolicyLeaf, RECOVERY_KEY_NAME, RecordError, Request, Role, Seconds, Signed,
};
use escrow::register::{Register, Unauthorised, Weight, as_if_logged};
use log_client::{FollowError, MAX_AHEAD_SECS, MAX_HEAD_AGE_SECS};
use media::policy::Class;
use tlog::policy::{Policy, Window};
use tlog::proof::TlogProof;
use tlog::reader::Head;
use tlog::{Entry as _, Hash, Logged};

/// Why the trustees would refuse the request.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    #[error(transparent)]
    Case(#[from] CaseError),
    #[error(transparent)]
    Log(#[from] FollowError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("no rules of release are in the log yet: their operator publishes them first")]
    NoRules,
    #[error(
        "the rules in force in the log have SHA-256 {in_force}, and this request names {named}: get the file of today from their operator (`policy_doc` in the configuration), and write a new request"
    )]
    OtherRules { in_force: String, named: String },
    #[error(
        "{key} is not registered as {role} of {name} in the log, or not in force where it stands: have the registrar register it, one whose scope in the rules covers {name}; the draft stays good"
    )]
    Unregistered { role: Role, key: String, name: String },
    #[error("the {role}'s key {key} was revoked: write a new request with another key")]
    Revoked { role: Role, key: String },
    #[error("{0}: write a new request, signed by those alone whom its kind needs")]
    OtherSignatures(Unauthorised),
    #[error("the relay's OwnerPolicy leaf does not hold: {0}")]
    PolicyLeaf(String),
    #[error(
        "the owner's policy of that time was brought into the log by {sponsor}, with the key {key}, which did not count as a sponsor's then: no trustee will ever release what was filmed under it. Once {key} is registered, what is filmed under the owner's next policy can be"
    )]
    PolicyUnsponsored { sponsor: String, key: String },
    #[error("the owner's policy of that time names rules that the log never had: nothing of it is released")]
    PolicyUnderOtherRules,
    #[error("when this was filmed, the owner did not allow a release of this kind ({0})")]
    ClassNotAllowed(&'static str),
    #[error("the last epoch ends at {} (Unix seconds {}): submit the draft after that", utc(*.at), .at)]
    NotOver { at: u64 },
    #[error("{} ({}): {}", .0.text(), .0.name(), .0.what_to_do())]
    Rule(Rule),
}

impl From<FolderError> for Unfit {
    fn from(error: FolderError) -> Self {
        Self::Case(error.into())
    }
}

fn utc(secs: u64) -> String {
    let of_day = secs % 86_400;
    format!("{:02}:{:02}:{:02} UTC", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// What the log says, read whole, and which of its leaves made it say so.
pub(crate) struct Reading {
    pub(crate) register: Register,
    /// Rules and registrations that count, by their places, in order.
    pub(crate) leaves: Vec<(u64, Signed<Leaf>)>,
}

/// Reads the log to a fresh head.
pub(crate) async fn read(desk: &Requester) -> Result<Reading, FollowError> {
    let now = desk.machine.clock.seconds();
    let head = desk.log.head(Window::around(now, MAX_HEAD_AGE_SECS, MAX_AHEAD_SECS)).await?;
    let mut reading = Reading { register: Register::new(desk.log.policy().stamp_keys()), leaves: Vec::new() };
    let mut fold = |entry: tlog::reader::VerifiedEntry| {
        let folded = reading.register.fold(entry.index(), entry.bytes());
        if let Some(folded) = folded.expect("a verified log is read in order")
            && folded.weight == Weight::Counts
            && matches!(folded.leaf.value(), Leaf::PolicyDoc(_) | Leaf::RequesterKey(_))
        {
            reading.leaves.push((entry.index(), folded.leaf));
        }
    };
    desk.log.read(Head::EMPTY, &head, &mut fold).await?;
    Ok(reading)
}

/// Whether the trustees would find something against the folder's request, were it logged now.
pub async fn foresee(desk: &Requester, folder: &RequestFolder) -> Result<(), Unfit> {
    let case = Case::open(desk, folder)?;
    if case.logged()?.is_some() {
        return Ok(());
    }
    let mut leaf = Signed::<Request>::parse(&case.leaf)?;
    // All three keys are this desk's: those that have not signed yet would sign so.
    let draft = Signed::<Request>::parse(&folder.get(crate::folder::DRAFT)?)?;
    if leaf.value().kind.is_by_agency() && !draft.is_signed_by(&desk.keys.supervisor.verifier()) {
        leaf = draft.countersign(&desk.keys.supervisor)?.countersign(&desk.keys.sponsor)?;
    }
    let package = Package::decode(&folder.get(PACKAGE)?).map_err(|error| folder.damaged(PACKAGE, error))?;
    let reading = read(desk).await?;
    let now = Seconds(desk.machine.clock.seconds());
    let leaf = as_if_logged(leaf.entry_bytes())?;
    let log_policy = desk.log.policy();
    weigh(
        &Weighed { register: &reading.register, package: &package, facts: &case.facts, log_policy },
        &leaf,
        now,
    )
}

/// What a request is weighed by.
struct Weighed<'a> {
    register: &'a Register,
    package: &'a Package,
    facts: &'a Facts,
    log_policy: &'a Policy,
}

fn weigh(by: &Weighed<'_>, leaf: &Signed<Request>, now: Seconds) -> Result<(), Unfit> {
    let (Weighed { register, package, facts, .. }, request) = (by, leaf.value());
    let rules = register.rules().ok_or(Unfit::NoRules)?;
    if rules.hash() != request.policy {
        let (in_force, named) = (rules.hash().to_hex(), request.policy.to_hex());
        return Err(Unfit::OtherRules { in_force, named });
    }
    signers(register, leaf)?;
    policy(by, request)?;
    let end = facts.to_us.seconds();
    if facts.to_us > now.micros() {
        return Err(Unfit::NotOver { at: end.0.saturating_add(1) });
    }
    // Which earlier requests are about this camera, its notice keys tell, and they are the trustees'.
    let ruled = Ruled {
        register,
        rules,
        request,
        index: register.size(),
        stamp: now,
        start_us: facts.from_us,
        end_us: facts.to_us,
        order: if package.order.is_empty() { Found::No } else { Found::Yes },
        veto: Found::No,
        notices: Found::Yes,
        is_same_camera: &|_| false,
    };
    match decide(&ruled, now) {
        Decision::Refuse(rule) => Err(Unfit::Rule(rule)),
        Decision::Grant(_) | Decision::WaitUntil(_) => Ok(()),
    }
}

/// G4: whose keys signed.
fn signers(register: &Register, leaf: &Signed<Request>) -> Result<(), Unfit> {
    let request = leaf.value();
    let Err(why) = register.authority(leaf) else { return Ok(()) };
    let key = |role| {
        // Officer, supervisor, and the sponsor before the stamp.
        let lines = leaf.signatures();
        let line = match role {
            Role::Officer => lines.first(),
            Role::Supervisor => lines.get(1),
            Role::Sponsor | Role::Court => lines.iter().nth_back(1),
        };
        line.map_or(String::new(), |line| line.name().to_owned())
    };
    Err(match why {
        Unauthorised::Missing(role) => {
            let of = if role == Role::Sponsor { Some(&request.sponsor) } else { request.agency.as_ref() };
            let name = of.map_or(RECOVERY_KEY_NAME.to_owned(), ToString::to_string);
            Unfit::Unregistered { role, key: key(role), name }
        }
        Unauthorised::Revoked(role) => Unfit::Revoked { role, key: key(role) },
        why @ Unauthorised::Others => Unfit::OtherSignatures(why),
    })
}

/// G6: what the owner agreed to, and who brought it into the log.
fn policy(by: &Weighed<'_>, request: &Request) -> Result<(), Unfit> {
    let Weighed { register, package, facts, log_policy } = by;
    let of_leaf = |error: &dyn std::fmt::Display| Unfit::PolicyLeaf(error.to_string());
    let leaf = Signed::<OwnerPolicyLeaf>::parse(&package.policy.leaf)?;
    let proof = TlogProof::parse(&package.policy.proof).map_err(|error| of_leaf(&error))?;
    let logged = Logged::verify(leaf, &proof, log_policy).map_err(|error| of_leaf(&error))?;
    let (leaf, sponsor) = (logged.value(), &logged.value().value().sponsor);
    if !register.was_sponsored(leaf, sponsor, logged.index()) {
        let key = leaf.signatures().first().map_or(String::new(), |line| line.name().to_owned());
        return Err(Unfit::PolicyUnsponsored { sponsor: sponsor.to_string(), key });
    }
    if register.rules_of(&Hash(facts.policy.policy_doc_hash)).is_none() {
        return Err(Unfit::PolicyUnderOtherRules);
    }
    let class = match request.kind {
        Kind::Emergency => Class::Emergency,
        Kind::Legal => Class::Legal,
        Kind::Recovery => Class::Recovery,
        Kind::OwnerShare => return Ok(()),
    };
    match facts.policy.classes.allow(class) {
        true => Ok(()),
        false => Err(Unfit::ClassNotAllowed(request.kind.word())),
    }
}

#[cfg(test)]
mod tests;
