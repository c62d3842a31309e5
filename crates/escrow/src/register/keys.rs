//! Registered keys: who registered which, for what, since when. Contract: `proto/release.md#register`.

use super::lines::are_by;
use super::{Unauthorised, Weight};
use crate::policy::{PolicyDoc, Scope};
use crate::record::{Country, KeyState, Leaf, Name, RequesterKey, Role, Signed};
use alloc::collections::BTreeMap;
use tlog::note::Verifier;

/// By public key: what its first registration says of it, it says for ever.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys(BTreeMap<[u8; 32], Known>);

#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(super) key: Verifier,
    role: Role,
    name: Name,
    /// Who registered it, and for requests of which countries.
    registrar: Verifier,
    countries: Scope<Country>,
    /// The places of its registration, and of its revocation.
    pub(crate) since: u64,
    revoked: Option<u64>,
}

/// For whom a line must speak.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Voice<'a> {
    pub(crate) role: Role,
    /// The agency, sponsor or court; none: any.
    pub(crate) name: Option<&'a Name>,
    /// The country of the request; none: of no one country.
    pub(crate) country: Option<Country>,
}

impl Keys {
    /// Takes a requester-key leaf, under the rules in force.
    pub(crate) fn take(
        &mut self,
        at: u64,
        leaf: &Signed<Leaf>,
        stated: &RequesterKey,
        rules: &PolicyDoc,
    ) -> Weight {
        let named = |key: &Verifier| key.name() == stated.registrar.as_str();
        let Some(registrar) = rules.registrars().iter().find(|own| named(own.key.verifier())) else {
            return Weight::Unsigned;
        };
        let own = registrar.key.verifier();
        // SPEC: release.md#register: a registrar MUST be heard within its scope alone.
        if !are_by(leaf, &[own]) || !registrar.names.covers(&stated.agency) {
            return Weight::Unsigned;
        }
        let key = stated.vkey.verifier();
        let Some(public) = key.ed25519_key() else { return Weight::Unsigned };
        match (self.0.get_mut(&public), stated.state) {
            (None, KeyState::Registered) => {
                let known = Known {
                    key: key.clone(),
                    role: stated.role,
                    name: stated.agency.clone(),
                    registrar: own.clone(),
                    countries: registrar.countries.clone(),
                    since: at,
                    revoked: None,
                };
                self.0.insert(public, known);
                Weight::Counts
            }
            (None, KeyState::Revoked) => Weight::Dangling,
            // SPEC: release.md#register: a public key MUST have one registration for ever: it comes
            // back in no other role, for nobody else and under no other name.
            (Some(known), state) => {
                let same = known.key == *key && known.role == stated.role && known.name == stated.agency;
                // SPEC: release.md#register: a key MUST be revoked by its own registrar alone, or by
                // another within whose scope it is once that one is no registrar any more.
                let orphan = rules.registrars().iter().all(|other| *other.key.verifier() != known.registrar);
                if !same || !(known.registrar == *own || orphan) {
                    return Weight::Unsigned;
                }
                if state == KeyState::Registered || known.revoked.is_some() {
                    return Weight::Repeated;
                }
                known.revoked = Some(at);
                Weight::Counts
            }
        }
    }

    /// The key that made this line, if it speaks so and was not revoked.
    pub(crate) fn speaker<T>(
        &self,
        entry: &Signed<T>,
        place: usize,
        voice: Voice<'_>,
    ) -> Result<&Known, Unauthorised> {
        let speaks = |known: &&Known| {
            known.role == voice.role
                && voice.name.is_none_or(|name| known.name == *name)
                && voice.country.is_none_or(|country| known.countries.covers(country))
        };
        let mut speakers = self.0.values().filter(speaks);
        match speakers.find(|known| entry.is_line_by(place, &known.key)) {
            None => Err(Unauthorised::Missing(voice.role)),
            Some(known) if known.revoked.is_some() => Err(Unauthorised::Revoked(voice.role)),
            Some(known) => Ok(known),
        }
    }

    /// Whether a sponsor of this name, at that place of the log, alone signed this entry.
    pub(super) fn was_sponsored<T>(&self, entry: &Signed<T>, sponsor: &Name, at: u64) -> bool {
        let counted = |known: &&Known| {
            known.role == Role::Sponsor
                && known.name == *sponsor
                && known.since < at
                && known.revoked.is_none_or(|revoked| at < revoked)
        };
        self.0.values().filter(counted).any(|known| are_by(entry, &[&known.key]))
    }
}
