//! What the log's leaves say together: whose keys count, what was asked, granted, refused, ratified
//! and vetoed, and when. A pure fold over the entries in order, so that all that have read the same
//! log count the same. Contract: `proto/release.md#register`.
//!
//! ```text
//! Register::new(log_policy.stamp_keys())  ->  fold(0, entry)  ->  fold(1, entry)  ->  ...
//! ```
//!
//! The log and its policy are all that it needs: rules, registrars and trustees stand in the log. What is
//! no leaf, or is signed by others than its kind needs, changes nothing: the log admits by submitter, not
//! by content. In scope: reading and counting. Out of scope: showing that the entries are the log's
//! (`tlog::reader`), and that their stamps are true (`log_client`).

use crate::policy::PolicyDoc;
use crate::record::{
    Country, EntryId, Grant, Kind, Leaf, Name, RECOVERY_KEY_NAME, Ratification, Record, RecordError, Request,
    Role, Seconds, Signed, Veto,
};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use lines::{are_by, are_so_many};
use media::id::DeviceId;
use tlog::note::{Signer, Verifier};
use tlog::stamp::StampKey;
use tlog::{Entry as _, Hash};

mod days;
mod keys;
mod lines;
mod rules;

use days::Days;
pub use days::LoggedKey;
pub(crate) use keys::{Keys, Voice};
pub(crate) use rules::Chain;

/// The state after the first [`Register::size`] entries.
#[derive(Debug, Clone)]
pub struct Register {
    size: u64,
    stamps: Vec<StampKey>,
    /// The latest stamp.
    clock: Seconds,
    /// SHA-256 of the texts that counted: the same text again is the same leaf.
    texts: BTreeSet<Hash>,
    /// Ids of leaves that count once by theirs; a request's are in `by_id`.
    ids: BTreeSet<EntryId>,
    rules: Chain,
    keys: Keys,
    /// By place in the log.
    requests: BTreeMap<u64, Requested>,
    /// The first request of each id that was authorised or granted.
    by_id: BTreeMap<EntryId, u64>,
    days: Days,
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
    /// Who asks; none for owner kinds.
    pub agency: Option<Name>,
    /// The agency's country.
    pub country: Option<Country>,
    /// When the log ordered it.
    pub stamp: Seconds,
    /// Its label.
    pub label: Hash,
    /// The event that it is about, by its own word.
    pub incident: Option<Hash>,
    /// Grants of so many trustees complete it, by its own word; a trustee grants only if that is true.
    pub needs: u32,
    /// Whether the keys that its kind needs, and nobody else, had signed it when it was logged.
    pub authorised: bool,
    /// Trustees that granted it, with the place of their grants.
    pub grants: BTreeMap<Name, u64>,
    /// When the first ratification that counts was logged.
    pub ratified_at: Option<Seconds>,
    /// The devices that said no.
    pub vetoed_by: Vec<DeviceId>,
}

/// An entry that is a leaf.
#[derive(Debug, Clone)]
pub struct Folded {
    /// What it says, and who says so.
    pub leaf: Signed<Leaf>,
    /// When the log ordered it.
    pub stamp: Seconds,
    /// Whether it counts.
    pub weight: Weight,
}

/// Whether a leaf counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It does.
    Counts,
    /// Its text or id did already.
    Repeated,
    /// A request that others than its kind needs signed.
    Unauthorised,
    /// By no trustee of the rules in force, or not by that one alone.
    Unknown,
    /// Signed by others than its kind needs, or by one who may not say this.
    Unsigned,
    /// About nothing that stands before it.
    Dangling,
}

/// The keys that signed a request in the roles its kind needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The sponsor's key.
    pub sponsor: Verifier,
    /// The officer's; none for owner kinds.
    pub officer: Option<Verifier>,
    /// The supervisor's; none for owner kinds.
    pub supervisor: Option<Verifier>,
}

/// Which signature a request lacks, or has too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unauthorised {
    /// Of this role, in its place.
    #[error("no registered {0}'s key signed in the line of its place")]
    Missing(Role),
    /// By a key that was revoked.
    #[error("the {0}'s key was revoked")]
    Revoked(Role),
    /// More lines than its kind needs.
    #[error("it bears another signature line than its kind needs")]
    Others,
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
    /// The empty register of a log that stamps with these keys.
    pub fn new(stamps: Vec<StampKey>) -> Self {
        Self {
            size: 0,
            stamps,
            clock: Seconds(0),
            texts: BTreeSet::new(),
            ids: BTreeSet::new(),
            rules: Chain::default(),
            keys: Keys::default(),
            requests: BTreeMap::new(),
            by_id: BTreeMap::new(),
            days: Days::default(),
        }
    }

    /// Takes the next entry; gives back the leaf that it is, if it is one, to whoever makes more of
    /// it.
    pub fn fold(&mut self, index: u64, entry: &[u8]) -> Result<Option<Folded>, OutOfOrder> {
        if index != self.size {
            return Err(OutOfOrder { got: index, size: self.size });
        }
        self.size += 1;
        let Ok(leaf) = Signed::<Leaf>::parse(entry) else { return Ok(None) };
        // SPEC: release.md#register: an entry without a good stamp, or with one before an earlier
        // entry's, MUST count nowhere.
        let stamp = leaf.stamp(&self.stamps).ok().filter(|stamp| *stamp >= self.clock);
        let Some(stamp) = stamp else { return Ok(None) };
        self.clock = stamp;
        let text = leaf.text_hash();
        // SPEC: release.md#register: a text MUST count once.
        let weight = match self.texts.contains(&text) {
            true => Weight::Repeated,
            false => self.take(index, stamp, &leaf, entry),
        };
        if weight == Weight::Counts {
            self.texts.insert(text);
        }
        Ok(Some(Folded { leaf, stamp, weight }))
    }

    fn take(&mut self, index: u64, stamp: Seconds, leaf: &Signed<Leaf>, entry: &[u8]) -> Weight {
        match leaf.value() {
            // Two parses of a rare leaf cost less than a generic way to split `Signed<Leaf>`.
            Leaf::Request(_) => match Signed::<Request>::parse(entry) {
                Ok(request) => self.requested(index, stamp, &request),
                Err(_) => Weight::Unauthorised,
            },
            Leaf::Grant(grant) => self.granted(index, leaf, grant),
            Leaf::Refusal(said) => {
                self.said(leaf, &said.trustee, (said.request_index, &said.request, &said.id))
            }
            Leaf::ShareBad(said) => {
                self.said(leaf, &said.trustee, (said.request_index, &said.request, &said.id))
            }
            Leaf::Ratification(ratification) => self.ratified(stamp, leaf, ratification),
            Leaf::Veto(veto) => self.vetoed(leaf, veto),
            Leaf::DayKeys(said) => self.days.publish(leaf, said, &self.rules),
            Leaf::KeyDestroyed(said) => self.days.end(leaf, said, &self.rules),
            Leaf::RequesterKey(key) => match self.rules.now() {
                Some(rules) => self.keys.take(index, leaf, key, rules),
                None => Weight::Unsigned,
            },
            Leaf::PolicyDoc(document) => self.rules.take(index, leaf, document),
            Leaf::Policy(policy) => {
                let voice = Voice { role: Role::Sponsor, name: Some(&policy.sponsor), country: None };
                let sponsored = are_so_many(leaf, 1) && self.keys.speaker(leaf, 0, voice).is_ok();
                self.once(policy.id, if sponsored { Weight::Counts } else { Weight::Unsigned })
            }
        }
    }

    /// What a leaf would count if the log took it next, at this time: for whoever can still leave it.
    pub fn foresee(&self, leaf: &[u8], time: Seconds) -> Result<Weight, RecordError> {
        let leaf = as_if_logged::<Leaf>(leaf)?;
        if self.has(&leaf) {
            return Ok(Weight::Repeated);
        }
        let mut after = self.clone();
        Ok(after.take(self.size, time, &leaf, leaf.entry_bytes()))
    }

    /// Whether a leaf of this text counts already.
    pub fn has<T>(&self, leaf: &Signed<T>) -> bool {
        self.texts.contains(&leaf.text_hash())
    }

    /// How many entries were folded.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The request at this place of the log.
    pub fn request(&self, index: u64) -> Option<&Requested> {
        self.requests.get(&index)
    }

    /// The requests before this place that count, latest first: authorised, and the first of their id.
    pub fn requests_before(&self, index: u64) -> impl Iterator<Item = &Requested> {
        let before = self.requests.range(..index).rev();
        let counts = |(place, asked): &(&u64, &Requested)| {
            asked.authorised && self.owner_of(&asked.id) == Some(**place)
        };
        before.filter(counts).map(|(_, requested)| requested)
    }

    /// The place of the request that owns this id: the first that was authorised, or granted by
    /// anyone.
    pub fn owner_of(&self, id: &EntryId) -> Option<u64> {
        self.by_id.get(id).copied()
    }

    /// The rules by which the leaf at this place is judged.
    pub fn rules_at(&self, index: u64) -> Option<&PolicyDoc> {
        self.rules.at(index)
    }

    /// The rules in force behind the last entry.
    pub fn rules(&self) -> Option<&PolicyDoc> {
        self.rules.now()
    }

    /// The PolicyDoc of this hash, if it is or was in force.
    pub fn rules_of(&self, hash: &Hash) -> Option<&PolicyDoc> {
        self.rules.of(hash)
    }

    /// The keys of days that the trustee with this very key logged, each day's in the log's order.
    pub fn day_keys_of(&self, trustee: &Verifier) -> BTreeMap<u32, &[LoggedKey]> {
        self.days.of(trustee).collect()
    }

    /// Whether the rules in force name this very key as a trustee's.
    pub fn is_trustee(&self, name: &Name, key: &Verifier) -> bool {
        self.rules.now().and_then(|rules| rules.trustee(name)) == Some(key)
    }

    /// The keys of days of all trustees.
    pub fn day_keys(&self) -> impl Iterator<Item = (u32, &LoggedKey)> {
        self.days.all()
    }

    /// Whether the leaf at this place is by a key that was this sponsor's then, and by nobody else.
    pub fn was_sponsored<T>(&self, leaf: &Signed<T>, sponsor: &Name, at: u64) -> bool {
        self.keys.was_sponsored(leaf, sponsor, at)
    }

    /// Which registered and unrevoked keys signed a request, in the roles that its kind needs.
    pub fn authority(&self, request: &Signed<Request>) -> Result<Authority, Unauthorised> {
        let value = request.value();
        let speaker = |place, role, name, country| {
            let known = self.keys.speaker(request, place, Voice { role, name, country })?;
            Ok(known.key.clone())
        };
        let by = |role, place| speaker(place, role, value.agency.as_ref(), value.country);
        // SPEC: release.md#g4: officer, supervisor and sponsor MUST have signed, in this order, with
        // keys registered and unrevoked in the log.
        let (officer, supervisor, own) = match value.kind {
            Kind::Legal | Kind::Emergency => (Some(by(Role::Officer, 0)?), Some(by(Role::Supervisor, 1)?), 2),
            Kind::Recovery => (None, None, 1),
            Kind::OwnerShare => (None, None, 0),
        };
        let sponsor = speaker(own, Role::Sponsor, Some(&value.sponsor), None)?;
        // Whose the recovery key is, only the OwnerPolicy tells (G6).
        let first = request.signatures().first().is_some_and(|line| line.name() == RECOVERY_KEY_NAME);
        if !are_so_many(request, own + 1) || (value.kind == Kind::Recovery && !first) {
            return Err(Unauthorised::Others);
        }
        Ok(Authority { sponsor, officer, supervisor })
    }

    // SPEC: release.md#register: what has an id MUST count once by it.
    fn once(&mut self, id: EntryId, weight: Weight) -> Weight {
        if weight == Weight::Counts && !self.ids.insert(id) { Weight::Repeated } else { weight }
    }

    fn requested(&mut self, index: u64, stamp: Seconds, signed: &Signed<Request>) -> Weight {
        let authorised = self.authority(signed).is_ok();
        let request = signed.value();
        if authorised {
            self.by_id.entry(request.id).or_insert(index);
        }
        let requested = Requested {
            hash: signed.hash(),
            id: request.id,
            kind: request.kind,
            agency: request.agency.clone(),
            country: request.country,
            stamp,
            label: request.label,
            incident: request.incident,
            needs: request.needs,
            authorised,
            grants: BTreeMap::new(),
            ratified_at: None,
            vetoed_by: Vec::new(),
        };
        self.requests.insert(index, requested);
        match authorised {
            true if self.owner_of(&request.id) == Some(index) => Weight::Counts,
            true => Weight::Repeated,
            false => Weight::Unauthorised,
        }
    }

    fn granted(&mut self, index: u64, leaf: &Signed<Leaf>, grant: &Grant) -> Weight {
        let about = (grant.request_index, &grant.request, &grant.id);
        let weight = self.said(leaf, &grant.trustee, about);
        let Some(requested) = self.named(about).filter(|_| weight == Weight::Counts) else { return weight };
        if requested.grants.contains_key(&grant.trustee) {
            return Weight::Repeated;
        }
        requested.grants.insert(grant.trustee.clone(), index);
        self.by_id.entry(grant.id).or_insert(grant.request_index);
        Weight::Counts
    }

    /// Whether a trustee says this, about a request that stands before it.
    fn said(&mut self, leaf: &Signed<Leaf>, trustee: &Name, about: About<'_>) -> Weight {
        if !self.is_by_trustee(leaf, trustee) {
            Weight::Unknown
        } else if self.named(about).is_none() {
            Weight::Dangling
        } else {
            Weight::Counts
        }
    }

    // SPEC: release.md#register: a ratification MUST be signed by a court's key, and be of an
    // emergency that was granted before it.
    fn ratified(&mut self, stamp: Seconds, leaf: &Signed<Leaf>, said: &Ratification) -> Weight {
        let Some(request) = self.requests.get(&said.request_index).filter(|one| one.hash == said.request)
        else {
            return Weight::Dangling;
        };
        if request.kind != Kind::Emergency || request.grants.is_empty() {
            return Weight::Dangling;
        }
        let voice = Voice { role: Role::Court, name: Some(&said.court), country: request.country };
        if self.keys.speaker(leaf, 0, voice).is_err() || !self.is_carried(leaf) {
            return Weight::Unsigned;
        }
        if request.ratified_at.is_some() || !self.ids.insert(said.id) {
            return Weight::Repeated;
        }
        if let Some(request) = self.requests.get_mut(&said.request_index) {
            request.ratified_at = Some(stamp);
        }
        Weight::Counts
    }

    // SPEC: release.md#register: a veto MUST be signed by the device whose key it states; whether that
    // is a device of the owner, the OwnerPolicy tells.
    fn vetoed(&mut self, leaf: &Signed<Leaf>, veto: &Veto) -> Weight {
        let device = veto.device.verifier();
        let Some(public) = device.ed25519_key() else { return Weight::Unsigned };
        if !leaf.is_line_by(0, device) || !self.is_carried(leaf) {
            return Weight::Unsigned;
        }
        let named = self.requests.get_mut(&veto.request_index);
        let Some(request) = named.filter(|one| one.hash == veto.request && one.kind == Kind::Recovery) else {
            return Weight::Dangling;
        };
        if !self.ids.insert(veto.id) {
            return Weight::Repeated;
        }
        request.vetoed_by.push(DeviceId::of_key(&public));
        Weight::Counts
    }

    /// Whether one line follows the first, by a sponsor, whoever that is.
    fn is_carried(&self, leaf: &Signed<Leaf>) -> bool {
        let anybody = Voice { role: Role::Sponsor, name: None, country: None };
        are_so_many(leaf, 2) && self.keys.speaker(leaf, 1, anybody).is_ok()
    }

    /// Whether a leaf is by the trustee of this name of the rules in force, and by nobody else.
    fn is_by_trustee(&self, leaf: &Signed<Leaf>, name: &Name) -> bool {
        let key = self.rules.now().and_then(|rules| rules.trustee(name));
        key.is_some_and(|key| are_by(leaf, &[key]))
    }

    /// The request that another leaf refers to by its place, its hash and its id.
    fn named(&mut self, (index, hash, id): About<'_>) -> Option<&mut Requested> {
        self.requests.get_mut(&index).filter(|requested| requested.hash == *hash && requested.id == *id)
    }
}

/// A leaf as it will stand in the log, with a line that is nobody's in the place of the log's stamp.
pub fn as_if_logged<T: Record>(leaf: &[u8]) -> Result<Signed<T>, RecordError> {
    let nobody = Signer::from_seed("nobody", &[0; 32]).expect("a seed of 32 bytes is a key");
    Signed::parse(leaf)?.countersign(&nobody)
}

/// Which request a leaf is about: its place, its hash, its id.
type About<'a> = (u64, &'a Hash, &'a EntryId);

#[cfg(test)]
mod tests;
