//! Who signed a leaf, as far as the file shows it: registrations are leaves of the same log, by
//! registrars of the PolicyDoc. Contract: `proto/evidence.md#verifying`, step 3.
//!
//! A name in a text is anybody's. It is an agency's where the register, as far as the file has it, says
//! that the key that signed was registered before; where the file has no registration, the signer is said
//! to be not shown, and not refused: the trustees looked into the log.

use super::EvidenceError;
use super::proven::{lines, logged};
use crate::policy::PolicyDoc;
use crate::record::{Country, KeyState, Leaf, Name, Role, Signed};
use crate::register::{Chain, Keys, Voice, Weight};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use media::message::LoggedLeaf;
use tlog::Logged;
use tlog::policy::Policy;

/// In which role a line stands in a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignerRole {
    /// A registered role.
    Registered(Role),
    /// The recovery key of the OwnerPolicy.
    Recovery,
}

/// One who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedAs {
    /// In which role.
    pub role: SignerRole,
    /// The key's name, as the line has it.
    pub key: String,
    /// Who registered the key; none where the file does not show it.
    pub registered: Option<Registered>,
}

/// A registration that the file shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// For which agency or sponsor.
    pub agency: Name,
    /// By whom.
    pub registrar: Name,
    /// Its place in the log.
    pub index: u64,
}

/// The leaves of the register that a file has, folded as every reader of the log folds them: rules that
/// follow each other, and keys under the rules in force where they stand. Each key must serve.
pub(super) struct Registrations {
    keys: Keys,
    all: Vec<Registration>,
}

struct Registration {
    /// Its place in the log.
    index: u64,
    agency: Name,
    registrar: Name,
    /// Whether something is verified by it.
    serves: bool,
}

const fn wrong(why: &'static str) -> EvidenceError {
    EvidenceError::Registration(why)
}

impl Registrations {
    // SPEC: evidence.md#verifying: the leaves of the register MUST all count by the rules of the
    // register itself, in the log's order; the last rules are the PolicyDoc.
    pub(super) fn read(
        proven: &[LoggedLeaf],
        rules: Option<&PolicyDoc>,
        log_policy: &Policy,
    ) -> Result<Self, EvidenceError> {
        let (mut chain, mut keys, mut all) = (Chain::default(), Keys::default(), Vec::new());
        let mut next = 0;
        for LoggedLeaf { leaf, proof } in proven {
            let leaf = Signed::<Leaf>::parse(leaf)?;
            lines("registration", &leaf, 1)?;
            let logged = logged("registration", leaf, proof, log_policy)?.0;
            let (index, leaf) = (logged.index(), logged.value());
            if index < next {
                return Err(wrong("it does not stand behind the one before it"));
            }
            next = index.saturating_add(1);
            let weight = match (leaf.value(), chain.now()) {
                (Leaf::PolicyDoc(document), _) => chain.take(index, leaf, document),
                (Leaf::RequesterKey(key), Some(rules)) if key.state == KeyState::Registered => {
                    let (agency, registrar) = (key.agency.clone(), key.registrar.clone());
                    all.push(Registration { index, agency, registrar, serves: false });
                    keys.take(index, leaf, key, rules)
                }
                (Leaf::RequesterKey(_), Some(_)) => return Err(wrong("it is a revocation")),
                (Leaf::RequesterKey(_), None) => return Err(wrong("no rules stand before it")),
                _ => return Err(wrong("it is no leaf of the register")),
            };
            if weight != Weight::Counts {
                return Err(wrong("it counts for nothing by the rules in force where it stands"));
            }
        }
        if !proven.is_empty() && chain.now() != rules {
            return Err(wrong("the last rules among them are not the PolicyDoc"));
        }
        if all.is_empty() && !proven.is_empty() {
            return Err(wrong("there are rules for it, and no registration"));
        }
        Ok(Self { keys, all })
    }

    /// Who made the line at this place of a leaf, in this role, for this agency or sponsor; for an
    /// agency's request its country counts too.
    pub(super) fn signer<T>(
        &mut self,
        leaf: &Logged<Signed<T>>,
        at: usize,
        role: Role,
        (name, country): (&Name, Option<Country>),
    ) -> Result<SignedAs, EvidenceError> {
        let line = leaf.value().signatures().get(at).ok_or(EvidenceError::Lines("a leaf"))?;
        let key = line.name().to_string();
        // SPEC: evidence.md#verifying: its key signed the leaf, and stands before it in the log.
        let known = self.keys.speaker(leaf.value(), at, Voice { role, name: Some(name), country });
        let since = known.ok().map(|known| known.since).filter(|since| *since < leaf.index());
        let registered = self.all.iter_mut().find(|one| Some(one.index) == since).map(|one| {
            one.serves = true;
            Registered { agency: one.agency.clone(), registrar: one.registrar.clone(), index: one.index }
        });
        Ok(SignedAs { role: SignerRole::Registered(role), key, registered })
    }

    // SPEC: evidence.md#every-byte: a verifier MUST refuse a registration by which nothing is
    // verified.
    pub(super) fn all_serve(&self) -> Result<(), EvidenceError> {
        match self.all.iter().all(|registration| registration.serves) {
            true => Ok(()),
            false => Err(wrong("its key signed nothing that is here")),
        }
    }
}
