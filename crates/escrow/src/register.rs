//! What the log's leaves say together: whose keys count, what was asked, granted, refused, ratified
//! and vetoed. A pure fold over the entries in order, so that every trustee that has read the same
//! log counts the same. Contract: `proto/release.md#register`.
//!
//! ```text
//! Register::new(&policy_doc)  ->  fold(0, entry)  ->  fold(1, entry)  ->  ...
//! ```
//!
//! Leaves that are no leaves, or are signed by nobody who counts, change nothing: the log admits by
//! submitter, not by content. In scope: reading and counting. Out of scope: showing that the
//! entries are the log's (`tlog::reader`).

use crate::policy::PolicyDoc;
use crate::record::{
    DayKeysLeaf, EntryId, Grant, KeyDestroyed, KeyState, Kind, Leaf, Name, PolicyDocLeaf, Ratification,
    Request, RequesterKey, Role, Seconds, Signed, Veto,
};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use tlog::Hash;
use tlog::note::Verifier;

/// The state after the first [`Register::size`] entries, under the registrars and the operator of
/// one PolicyDoc.
#[derive(Debug, Clone)]
pub struct Register {
    size: u64,
    registrars: Vec<Verifier>,
    operator: Verifier,
    keys: Vec<RegisteredKey>,
    /// By place in the log.
    requests: BTreeMap<u64, Requested>,
    /// The first request of each id that was authorised or granted.
    by_id: BTreeMap<EntryId, u64>,
    trustees: BTreeMap<Name, Trustee>,
    rules: BTreeSet<Hash>,
}

/// A key that a registrar registered.
#[derive(Debug, Clone)]
struct RegisteredKey {
    key: Verifier,
    role: Role,
    agency: Name,
    state: KeyState,
}

/// A request of the log and what became of it.
#[derive(Debug, Clone)]
pub struct Requested {
    /// Its leaf hash.
    pub hash: Hash,
    /// What it says.
    pub id: EntryId,
    /// Its kind.
    pub kind: Kind,
    /// Who submitted it.
    pub sponsor: Name,
    /// Who asks; none for owner kinds.
    pub agency: Option<Name>,
    /// When, by its own word.
    pub time: Seconds,
    /// Its label.
    pub label: Hash,
    /// Whether the keys that its kind needs had signed it when it was logged.
    pub authorised: bool,
    /// Trustees that granted it, with the place of their grants.
    pub grants: BTreeMap<Name, u64>,
    /// When it was ratified, by the later of the ratification's own word and the log's clock.
    pub ratified_at: Option<Seconds>,
    /// The place of the first veto.
    pub vetoed: Option<u64>,
}

#[derive(Debug, Clone)]
struct Trustee {
    key: Verifier,
    /// The latest time it stated in any leaf.
    latest: Seconds,
    /// Published day keys, by day; destroyed ones too.
    days: BTreeMap<u32, DayKey>,
}

#[derive(Debug, Clone, Copy)]
struct DayKey {
    key_id: Hash,
    destroyed: bool,
}

/// The keys that signed a request in the roles its kind needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The sponsor's key.
    pub sponsor: Verifier,
    /// The officer's; none for owner kinds.
    pub officer: Option<Verifier>,
    /// The supervisor's; for emergencies.
    pub supervisor: Option<Verifier>,
}

/// Which signature a request lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unauthorised {
    /// The sponsor's.
    #[error("no registered key of the sponsor signed")]
    Sponsor,
    /// The officer's.
    #[error("no registered officer's key of the agency signed")]
    Officer,
    /// The supervisor's.
    #[error("no registered supervisor's key of the agency, other than the officer's, signed")]
    Supervisor,
    /// A key that was revoked.
    #[error("the {0}'s key was revoked")]
    Revoked(Role),
}

/// What a trustee published in the log about its key of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// Nothing.
    Nothing,
    /// The key of this id.
    Key(Hash),
    /// That it was destroyed.
    Destroyed,
}

/// An entry out of order: the caller's defect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {got} cannot be folded after {size} entries")]
pub struct OutOfOrder {
    /// The index given.
    pub got: u64,
    /// Entries folded so far.
    pub size: u64,
}

impl Register {
    /// The empty register under these rules.
    pub fn new(rules: &PolicyDoc) -> Self {
        Self {
            size: 0,
            registrars: rules.registrars().cloned().collect(),
            operator: rules.operator().clone(),
            keys: Vec::new(),
            requests: BTreeMap::new(),
            by_id: BTreeMap::new(),
            trustees: BTreeMap::new(),
            rules: BTreeSet::new(),
        }
    }

    /// Takes the next entry; gives back the leaf that it is, if it is one, to whoever makes more of
    /// it.
    pub fn fold(&mut self, index: u64, entry: &[u8]) -> Result<Option<Signed<Leaf>>, OutOfOrder> {
        if index != self.size {
            return Err(OutOfOrder { got: index, size: self.size });
        }
        self.size += 1;
        // Two parses of a rare leaf cost less than a generic way to split `Signed<Leaf>`.
        let Ok(leaf) = Signed::<Leaf>::parse(entry) else { return Ok(None) };
        match leaf.value().clone() {
            Leaf::Request(request) => self.requested(index, request, entry),
            Leaf::Grant(grant) => self.granted(index, &leaf, grant),
            Leaf::Ratification(ratification) => self.ratified(&leaf, ratification),
            Leaf::Veto(veto) => self.vetoed(index, &leaf, &veto),
            Leaf::DayKeys(day_keys) => self.day_keys(&leaf, day_keys),
            Leaf::KeyDestroyed(destroyed) => self.destroyed(&leaf, &destroyed),
            Leaf::RequesterKey(key) => self.requester_key(&leaf, key),
            Leaf::PolicyDoc(document) => self.rules(&leaf, &document),
            Leaf::Refusal(refusal) => drop(self.trustee(&leaf, &refusal.trustee, refusal.time)),
            Leaf::ShareBad(bad) => drop(self.trustee(&leaf, &bad.trustee, bad.time)),
            Leaf::Policy(_) => {}
        }
        Ok(Some(leaf))
    }

    /// How many entries were folded.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The request at this place of the log.
    pub fn request(&self, index: u64) -> Option<&Requested> {
        self.requests.get(&index)
    }

    /// The requests before this place, latest first.
    pub fn requests_before(&self, index: u64) -> impl Iterator<Item = &Requested> {
        self.requests.range(..index).rev().map(|(_, requested)| requested)
    }

    /// The place of the request that owns this id: the first that was authorised, or granted by
    /// anyone.
    pub fn owner_of(&self, id: &EntryId) -> Option<u64> {
        self.by_id.get(id).copied()
    }

    /// Whether the PolicyDoc of this hash was published by the operator.
    pub fn has_rules(&self, hash: &Hash) -> bool {
        self.rules.contains(hash)
    }

    /// The id of the key that a trustee published for a day, unless it was destroyed.
    pub fn day_key(&self, trustee: &Name, day: u32) -> Option<Hash> {
        let key = self.trustees.get(trustee)?.days.get(&day)?;
        (!key.destroyed).then_some(key.key_id)
    }

    /// Whether a trustee logged that it destroyed the key of a day.
    pub fn is_destroyed(&self, trustee: &Name, day: u32) -> bool {
        self.trustees.get(trustee).and_then(|t| t.days.get(&day)).is_some_and(|key| key.destroyed)
    }

    /// What the trustee with this very key published about its key of a day. Leaves that somebody
    /// else wrote under the trustee's name say nothing.
    pub fn day_key_of(&self, trustee: &Verifier, day: u32) -> Published {
        let known = self.trustees.values().find(|known| known.key == *trustee);
        match known.and_then(|known| known.days.get(&day)) {
            None => Published::Nothing,
            Some(key) if key.destroyed => Published::Destroyed,
            Some(key) => Published::Key(key.key_id),
        }
    }

    /// Whether a key signed the leaf that a registrar registered for this sponsor, even if it was
    /// revoked since.
    pub fn was_sponsored<T>(&self, leaf: &Signed<T>, sponsor: &Name) -> bool {
        let of_sponsor = |known: &&RegisteredKey| known.role == Role::Sponsor && known.agency == *sponsor;
        self.keys.iter().filter(of_sponsor).any(|known| leaf.is_signed_by(&known.key))
    }

    /// The log's clock: the second latest of the times that the trustees stated last. One lying
    /// trustee cannot set it forward, nor hold it back where there are three.
    pub fn clock(&self) -> Seconds {
        let mut latest: Vec<_> = self.trustees.values().map(|trustee| trustee.latest).collect();
        latest.sort_unstable();
        latest.iter().rev().nth(1).copied().unwrap_or_default()
    }

    /// Which registered and unrevoked keys signed a request, in the roles that its kind needs.
    pub fn authority(&self, request: &Signed<Request>) -> Result<Authority, Unauthorised> {
        let value = request.value();
        // SPEC: release.md#g4: sponsor, officer and supervisor MUST have signed with keys
        // registered and unrevoked in the log.
        let sponsor = self.signer(request, Role::Sponsor, &value.sponsor, None)?;
        let officer = match &value.agency {
            Some(agency) => Some(self.signer(request, Role::Officer, agency, None)?),
            None => None,
        };
        let supervisor = match (&value.agency, value.kind) {
            (Some(agency), Kind::Emergency) => {
                Some(self.signer(request, Role::Supervisor, agency, officer.as_ref())?)
            }
            (Some(_), Kind::Legal | Kind::Recovery | Kind::OwnerShare) | (None, _) => None,
        };
        Ok(Authority { sponsor, officer, supervisor })
    }

    fn signer<T>(
        &self,
        leaf: &Signed<T>,
        role: Role,
        agency: &Name,
        other_than: Option<&Verifier>,
    ) -> Result<Verifier, Unauthorised> {
        let other = other_than.and_then(Verifier::ed25519_key);
        let mut problem = match role {
            Role::Sponsor => Unauthorised::Sponsor,
            Role::Officer => Unauthorised::Officer,
            Role::Supervisor => Unauthorised::Supervisor,
        };
        for known in self.keys.iter().filter(|known| known.role == role && known.agency == *agency) {
            // One person with one key under two names would be one pair of eyes.
            let same = other.is_some() && known.key.ed25519_key() == other;
            if !same && leaf.is_signed_by(&known.key) {
                match known.state {
                    KeyState::Registered => return Ok(known.key.clone()),
                    KeyState::Revoked => problem = Unauthorised::Revoked(role),
                }
            }
        }
        Err(problem)
    }

    fn requested(&mut self, index: u64, request: Request, entry: &[u8]) {
        let Ok(signed) = Signed::<Request>::parse(entry) else { return };
        let authorised = self.authority(&signed).is_ok();
        if authorised {
            self.by_id.entry(request.id).or_insert(index);
        }
        let requested = Requested {
            hash: signed.hash(),
            id: request.id,
            kind: request.kind,
            sponsor: request.sponsor,
            agency: request.agency,
            time: request.time,
            label: request.label,
            authorised,
            grants: BTreeMap::new(),
            ratified_at: None,
            vetoed: None,
        };
        self.requests.insert(index, requested);
    }

    fn granted(&mut self, index: u64, leaf: &Signed<Leaf>, grant: Grant) {
        if self.trustee(leaf, &grant.trustee, grant.time).is_none() {
            return;
        }
        let Some(requested) = self.named(grant.request_index, &grant.request) else { return };
        if requested.id != grant.id {
            return;
        }
        requested.grants.entry(grant.trustee).or_insert(index);
        self.by_id.entry(grant.id).or_insert(grant.request_index);
    }

    fn ratified(&mut self, leaf: &Signed<Leaf>, ratification: Ratification) {
        let sponsored = self.signer(leaf, Role::Sponsor, &ratification.sponsor, None).is_ok();
        let at = ratification.time.max(self.clock());
        let Some(requested) = self.named(ratification.request_index, &ratification.request) else { return };
        if sponsored && requested.sponsor == ratification.sponsor && requested.ratified_at.is_none() {
            requested.ratified_at = Some(at);
        }
    }

    fn vetoed(&mut self, index: u64, leaf: &Signed<Leaf>, veto: &Veto) {
        let sponsored = self.signer(leaf, Role::Sponsor, &veto.sponsor, None).is_ok();
        if let Some(requested) = self.named(veto.request_index, &veto.request)
            && sponsored
        {
            requested.vetoed.get_or_insert(index);
        }
    }

    fn day_keys(&mut self, leaf: &Signed<Leaf>, published: DayKeysLeaf) {
        if !leaf.is_signed_by(published.vkey.verifier()) {
            return;
        }
        // The first key under a name is the trustee's; a second trustee of that name does not
        // exist.
        let fresh =
            Trustee { key: published.vkey.verifier().clone(), latest: Seconds(0), days: BTreeMap::new() };
        self.trustees.entry(published.trustee.clone()).or_insert(fresh);
        if let Some(trustee) = self.trustee(leaf, &published.trustee, published.time) {
            trustee
                .days
                .entry(published.day)
                .or_insert(DayKey { key_id: published.key_id, destroyed: false });
        }
    }

    fn destroyed(&mut self, leaf: &Signed<Leaf>, destroyed: &KeyDestroyed) {
        if let Some(trustee) = self.trustee(leaf, &destroyed.trustee, destroyed.time)
            && let Some(key) = trustee.days.get_mut(&destroyed.day)
            && key.key_id == destroyed.key_id
        {
            key.destroyed = true;
        }
    }

    fn requester_key(&mut self, leaf: &Signed<Leaf>, stated: RequesterKey) {
        let named = self.registrars.iter().filter(|registrar| registrar.name() == stated.registrar.as_str());
        if !named.into_iter().any(|registrar| leaf.is_signed_by(registrar)) {
            return;
        }
        let key = stated.vkey.verifier();
        let same = |known: &&mut RegisteredKey| {
            known.key == *key && known.role == stated.role && known.agency == stated.agency
        };
        match self.keys.iter_mut().find(same) {
            // SPEC: release.md#register: a revoked key MUST NOT be registered again in the same
            // role.
            Some(known) if known.state == KeyState::Registered => known.state = stated.state,
            Some(_) => {}
            None => self.keys.push(RegisteredKey {
                key: key.clone(),
                role: stated.role,
                agency: stated.agency,
                state: stated.state,
            }),
        }
    }

    fn rules(&mut self, leaf: &Signed<Leaf>, published: &PolicyDocLeaf) {
        let own = published.operator.as_str() == self.operator.name();
        if own && leaf.is_signed_by(&self.operator) {
            self.rules.insert(published.document);
        }
    }

    /// The trustee of a leaf that it signed; its clock moves.
    fn trustee(&mut self, leaf: &Signed<Leaf>, name: &Name, time: Seconds) -> Option<&mut Trustee> {
        let trustee = self.trustees.get_mut(name)?;
        if !leaf.is_signed_by(&trustee.key) {
            return None;
        }
        trustee.latest = trustee.latest.max(time);
        Some(trustee)
    }

    /// The request that another leaf refers to by both its place and its hash.
    fn named(&mut self, index: u64, hash: &Hash) -> Option<&mut Requested> {
        self.requests.get_mut(&index).filter(|requested| requested.hash == *hash)
    }
}

#[cfg(test)]
mod tests;
