//! The gate: whether a trustee lets its shares go. G1 to G12, verified in order, pure. Contract: `proto/release.md#the-gate`.
//!
//! ```text
//! Package --check (G1-G7)--> Checked --approve (G8)--> Approved --open_shares (G9)--> Opened --bundle (G10)--> Held
//!   Held + Logged<Signed<Grant>> (G11) --> Bundle (G12)
//! ```
//! Each arrow consumes its evidence: no share is opened before G8, no bundle leaves before its grant is logged.
use crate::bundle::Bundle;
use crate::daykeys::DayKey;
use crate::package::Package;
use crate::policy::PolicyDoc;
use crate::record::{Grant, Request, Signed};
use crate::register::Register;
use alloc::vec::Vec;
use media::id::Day;
use seal::hpke::SecretKey;
use tlog::note::{Signer, Verifier};
use tlog::policy::Policy;
use tlog::{Hash, Logged};

/// A step of the gate and the name of what was wrong: one variant for each line of the contract's table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// G1: placeholder of the skeleton.
    #[error("{0}")]
    Todo(&'static str),
}

impl Refusal {
    /// `g1` to `g12`.
    pub fn step(&self) -> &'static str {
        todo!()
    }
    /// The refusal's name in the contract, such as `not-logged`.
    pub fn name(&self) -> &'static str {
        todo!()
    }
    /// What the asker can do about it.
    pub fn what_to_do(&self) -> &'static str {
        todo!()
    }
}

/// What the trustee itself knows: its rules, its view of the log, who it is.
pub struct Standing<'a> {
    /// The log's key, witnesses, quorum.
    pub log_policy: &'a Policy,
    /// The rules this trustee applies.
    pub rules: &'a PolicyDoc,
    /// The log as this trustee read it to its own head.
    pub register: &'a Register,
    /// The root of the log at a size up to that head; `None` beyond it (G2).
    pub root_at: &'a dyn Fn(u64) -> Option<Hash>,
    /// This trustee's verifier key.
    pub trustee: &'a Verifier,
}

/// A package that passed G1 to G7.
pub struct Checked {}

/// What the rules say of a checked package.
pub enum Verdict {
    /// Go on to approval.
    Pass(Checked),
    /// Not before this time (Unix seconds); ask again.
    WaitUntil(u64),
}

/// Checks a package, cheapest first, and refuses by name at the first failure.
pub fn check(package: &Package, standing: &Standing<'_>, now: u64) -> Result<Verdict, Refusal> {
    todo!()
}

/// A human's yes: the approver's key signs the leaf hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The approver's note signature over `candor approval v1\nrequest <leaf hash>\ndecision <hash>\n`.
    pub note: Vec<u8>,
}

impl Approval {
    /// Signs a request's approval.
    pub fn sign(request: &Hash, approver: &Signer) -> Self {
        todo!()
    }
}

impl Checked {
    /// The logged request.
    pub fn request(&self) -> &Logged<Signed<Request>> {
        todo!()
    }
    /// The opened details.
    pub fn details(&self) -> &crate::details::Details {
        todo!()
    }
    /// Whether G8 asks for a human.
    pub fn needs_approval(&self) -> bool {
        todo!()
    }
    /// Days whose keys G9 needs.
    pub fn days(&self) -> Vec<Day> {
        todo!()
    }
    /// G8.
    pub fn approve(self, approval: Option<&Approval>, approvers: &[Verifier]) -> Result<Approved, Refusal> {
        todo!()
    }
}

/// A package that a human approved, where one had to.
pub struct Approved {}

/// Shares that were opened and match the camera's commitments.
pub struct Opened {}

/// Why shares were not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShareFailure {
    /// G9 refuses.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A share does not match what the camera committed to: it becomes a share-bad leaf.
    #[error("the share of epoch {0} does not match its commitment")]
    Bad(media::id::EpochNo),
}

impl Approved {
    /// G9: opens this trustee's shares with its day keys.
    pub fn open_shares(self, key_of: &dyn Fn(Day, &Hash) -> Option<SecretKey>) -> Result<Opened, ShareFailure> {
        todo!()
    }
}

impl Opened {
    /// G10: seals the bundle to the requester and composes the grant. Both are to be persisted before the grant is appended.
    pub fn seal(self, trustee: &Signer, now: u64, rng: &mut impl rand_core::CryptoRng) -> Result<Held, Refusal> {
        todo!()
    }
}

/// A bundle that must not leave yet, and the grant that must be logged first.
pub struct Held {}

impl Held {
    /// The grant to append.
    pub fn grant(&self) -> &Signed<Grant> {
        todo!()
    }
    /// What to persist.
    pub fn encode(&self) -> Vec<u8> {
        todo!()
    }
    /// What was persisted, after a restart.
    pub fn decode(bytes: &[u8]) -> Result<Self, media::codec::DecodeError> {
        todo!()
    }
    /// G11, G12: only for the logged grant of exactly this bundle does it become a [`Bundle`] that may leave.
    pub fn release(self, grant: &Logged<Signed<Grant>>, proof: &[u8]) -> Result<Bundle, Refusal> {
        todo!()
    }
}

#[allow(dead_code)]
fn _uses(_: DayKey) {}
