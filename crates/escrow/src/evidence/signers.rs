//! Who signed a leaf, as far as the file shows it: registrations are leaves of the same log, by
//! registrars of the PolicyDoc. Contract: `proto/evidence.md#verifying`, step 3.
//!
//! A name in a text is anybody's. It is an agency's where a registrar of the PolicyDoc registered,
//! before, the key that signed; where the file has no registration, the signer is said to be not
//! shown, and not refused: the trustees looked into the log.

use super::EvidenceError;
use super::proven::{lines, logged};
use crate::policy::{PolicyDoc, Scope};
use crate::record::{Country, KeyState, Name, RequesterKey, Role, Signed};
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

/// The registrations of a file, verified. Each must serve.
pub(super) struct Registrations(Vec<Registration>);

struct Registration {
    leaf: Logged<Signed<RequesterKey>>,
    /// For requests of which countries its registrar speaks.
    countries: Scope<Country>,
    /// Whether something is verified by it.
    serves: bool,
}

impl Registrations {
    // SPEC: evidence.md#verifying: each is in the log, says `registered`, and is signed by a
    // registrar of the PolicyDoc.
    pub(super) fn read(
        proven: &[LoggedLeaf],
        rules: Option<&PolicyDoc>,
        log_policy: &Policy,
    ) -> Result<Self, EvidenceError> {
        let mut all = Vec::new();
        for LoggedLeaf { leaf, proof } in proven {
            let leaf = Signed::<RequesterKey>::parse(leaf)?;
            let value = leaf.value();
            let registrar = rules.into_iter().flat_map(PolicyDoc::registrars).find(|registrar| {
                let key = registrar.key.verifier();
                key.name() == value.registrar.as_str() && leaf.is_line_by(0, key)
            });
            let Some(registrar) = registrar.filter(|registrar| registrar.names.covers(&value.agency)) else {
                return Err(EvidenceError::Registration(
                    "it is no registrar's of the PolicyDoc for that name",
                ));
            };
            if value.state != KeyState::Registered {
                return Err(EvidenceError::Registration("it is a revocation"));
            }
            let countries = registrar.countries.clone();
            lines("registration", &leaf, 1)?;
            let leaf = logged("registration", leaf, proof, log_policy)?.0;
            all.push(Registration { leaf, countries, serves: false });
        }
        Ok(Self(all))
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
        let mut registered = None;
        for registration in &mut self.0 {
            let value = registration.leaf.value().value();
            let key = value.vkey.verifier();
            // SPEC: evidence.md#verifying: its key signed the leaf, and stands before it in the log.
            let is_before = registration.leaf.index() < leaf.index();
            let speaks = country.is_none_or(|country| registration.countries.covers(country));
            if (value.role, &value.agency) != (role, name) || !line.is_by(key) || !is_before || !speaks {
                continue;
            }
            if !leaf.value().is_line_by(at, key) {
                return Err(EvidenceError::Registration("its key did not sign"));
            }
            registration.serves = true;
            let (registrar, index) = (value.registrar.clone(), registration.leaf.index());
            registered = Some(Registered { agency: name.clone(), registrar, index });
        }
        Ok(SignedAs { role: SignerRole::Registered(role), key: line.name().to_string(), registered })
    }

    /// Whether two lines are by keys of two people, as far as they are registered here.
    pub(super) fn are_different(&self, one: &SignedAs, other: &SignedAs) -> bool {
        let key_of = |signed: &SignedAs| {
            let index = signed.registered.as_ref()?.index;
            let found = self.0.iter().find(|registration| registration.leaf.index() == index)?;
            Some(found.leaf.value().value().vkey.verifier().public_key())
        };
        key_of(one).is_none_or(|key| Some(key) != key_of(other))
    }

    // SPEC: evidence.md#every-byte: a verifier MUST refuse a registration by which nothing is
    // verified.
    pub(super) fn all_serve(&self) -> Result<(), EvidenceError> {
        if self.0.iter().all(|registration| registration.serves) {
            Ok(())
        } else {
            Err(EvidenceError::Registration("its key signed nothing that is here"))
        }
    }
}
