//! The leaves of a small world: rules, one registrar, one sponsor, two agencies, trustees.
//!
//! In scope: leaves as others see them, well formed and signed by whom their kind needs. Out of
//! scope: requests that open something (`dealt`).

use crate::keys::{court, name, officer, operator, recovery, registrar, sponsor, supervisor, trustee, vkey};
use crate::paper::NOW;
use escrow::policy::PolicyDoc;
use escrow::record::{
    Bytes, Country, DayKeysLeaf, EntryId, Grant, KeyDestroyed, KeyEnd, KeyState, Kind, PolicyDocLeaf,
    Ratification, Record, RefusalLeaf, Request, RequesterKey, Role, SealedDetails, Seconds, ShareBad, Signed,
    Span, Vkey, WRAPPED_KEY_BYTES, Word, WrappedKey,
};
use media::id::Day;
use tlog::merkle::leaf_hash;
use tlog::note::Signer;
use tlog::{Entry, Hash};

/// The trustees whose grants count, by number from 0.
pub const TRUSTEES: u8 = 5;
/// So many of them complete a release.
pub const NEEDS: u32 = 3;

/// The recommended rules, with the trustees of this cast.
pub fn rules() -> PolicyDoc {
    rules_with(Vec::new())
}

/// The same with more trustees.
pub fn rules_with(more: Vec<Vkey>) -> PolicyDoc {
    let trustees = (0..=TRUSTEES).map(|at| vkey(&trustee(at))).chain(more).collect();
    PolicyDoc::recommended(vkey(&operator()), vkey(&registrar()), trustees).unwrap()
}

/// That these rules hold since `time`.
pub fn publication(rules: &PolicyDoc, time: u64) -> Vec<u8> {
    let document = Bytes(rules.encode());
    let published = PolicyDocLeaf { operator: name("candor.example"), document, time: Seconds(time) };
    leaf(published, &[&operator()])
}

/// What stands first in a log: the rules, and the keys that count.
pub fn founding(time: u64) -> Vec<Vec<u8>> {
    [vec![publication(&rules(), time)], registrations(time)].concat()
}

pub fn leaf<T: Record>(value: T, signers: &[&Signer]) -> Vec<u8> {
    Signed::sign(value, signers).unwrap().entry_bytes().to_vec()
}

fn registration(role: Role, agency: &str, key: &Signer, time: u64) -> Vec<u8> {
    let registrar = registrar();
    let value = RequesterKey {
        state: KeyState::Registered,
        role,
        agency: name(agency),
        vkey: vkey(key),
        registrar: name(registrar.name()),
        time: Seconds(time),
    };
    leaf(value, &[&registrar])
}

/// The sponsor, a court and two agencies with an officer and a supervisor each, registered at `time`.
pub fn registrations(time: u64) -> Vec<Vec<u8>> {
    let mut leaves = vec![
        registration(Role::Sponsor, "relay.example", &sponsor(), time),
        registration(Role::Court, "court.example", &court(), time),
    ];
    for agency in ["police.example", "sheriff.example"] {
        leaves.push(registration(Role::Officer, agency, &officer(agency), time));
        leaves.push(registration(Role::Supervisor, agency, &supervisor(agency), time));
    }
    leaves
}

/// A request as others refer to it.
#[derive(Debug, Clone)]
pub struct Asked {
    pub index: u64,
    pub id: EntryId,
    pub time: u64,
    pub bytes: Vec<u8>,
}

impl Asked {
    /// The same as it stands in a log.
    pub fn stamped(self, entry: Vec<u8>) -> Self {
        Self { bytes: entry, ..self }
    }

    pub fn hash(&self) -> Hash {
        leaf_hash(&self.bytes)
    }
}

/// A request at this place of the log, signed by whom its kind needs.
pub fn ask(kind: Kind, agency: &str, index: u64, time: u64) -> Asked {
    let relay = sponsor();
    let (officer, supervisor) = (officer(agency), supervisor(agency));
    match kind {
        Kind::Emergency | Kind::Legal => ask_by(kind, agency, index, time, &[&officer, &supervisor, &relay]),
        Kind::Recovery => ask_by(kind, agency, index, time, &[&recovery(), &relay]),
        Kind::OwnerShare => ask_by(kind, agency, index, time, &[&relay]),
    }
}

/// An emergency about this event, by an agency whose keys are registered.
pub fn ask_about(incident: Option<Hash>, agency: &str, index: u64) -> Asked {
    let signers = [&officer(agency), &supervisor(agency), &sponsor()];
    asked(Kind::Emergency, agency, index, NOW, incident, &signers)
}

pub fn ask_by(kind: Kind, agency: &str, index: u64, time: u64, signers: &[&Signer]) -> Asked {
    asked(kind, agency, index, time, None, signers)
}

fn asked(
    kind: Kind,
    agency: &str,
    index: u64,
    time: u64,
    incident: Option<Hash>,
    signers: &[&Signer],
) -> Asked {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&index.to_be_bytes());
    let by_agency = kind.is_by_agency();
    let request = Request {
        id: EntryId(id),
        kind,
        sponsor: name("relay.example"),
        agency: by_agency.then(|| name(agency)),
        country: by_agency.then(|| Country::new("US").unwrap()),
        basis: by_agency.then(|| Word::new("danger-of-death").unwrap()),
        span: Span::from_secs(900).unwrap(),
        needs: if kind == Kind::OwnerShare { 0 } else { NEEDS },
        incident,
        policy: rules().hash(),
        release_key: Hash([3; 32]),
        label: Hash([4; 32]),
        details: SealedDetails::new(vec![0; 1040]).unwrap(),
        details_key: WrappedKey::new(vec![0; WRAPPED_KEY_BYTES]).unwrap(),
        time: Seconds(time),
    };
    Asked { index, id: EntryId(id), time, bytes: leaf(request, signers) }
}

pub fn grant(asked: &Asked, by: &Signer) -> Vec<u8> {
    let grant = Grant {
        id: asked.id,
        trustee: name(by.name()),
        request_index: asked.index,
        request: asked.hash(),
        epochs: 15,
        shares: Hash([5; 32]),
        bundle: Hash([6; 32]),
        decision: Hash([7; 32]),
        approver: None,
        time: Seconds(asked.time + 60),
    };
    leaf(grant, &[by])
}

pub fn refusal(asked: &Asked, by: &Signer) -> Vec<u8> {
    let refusal = RefusalLeaf {
        id: asked.id,
        trustee: name(by.name()),
        request_index: asked.index,
        request: asked.hash(),
        step: Word::new("g7").unwrap(),
        reason: Word::new("agency-quota").unwrap(),
        time: Seconds(asked.time + 60),
    };
    leaf(refusal, &[by])
}

pub fn share_bad(asked: &Asked, by: &Signer) -> Vec<u8> {
    let bad = ShareBad {
        id: asked.id,
        trustee: name(by.name()),
        request_index: asked.index,
        request: asked.hash(),
        evidence: Hash([8; 32]),
        time: Seconds(asked.time + 60),
    };
    leaf(bad, &[by])
}

/// The court's ratification, which the sponsor carries.
pub fn ratification(asked: &Asked, after_secs: u64) -> Vec<u8> {
    ratification_by(asked, after_secs, &[&court(), &sponsor()])
}

/// One under the court's name that these signed.
pub fn ratification_by(asked: &Asked, after_secs: u64, signers: &[&Signer]) -> Vec<u8> {
    let mut id = [9; 16];
    id[..8].copy_from_slice(&asked.index.to_be_bytes());
    let ratification = Ratification {
        id: EntryId(id),
        court: name("court.example"),
        request_index: asked.index,
        request: asked.hash(),
        document: Hash([10; 32]),
        time: Seconds(asked.time + after_secs),
    };
    leaf(ratification, signers)
}

pub fn day_keys(by: &Signer, day: u32) -> Vec<u8> {
    day_keys_until(by, day, destroy_by(day))
}

/// When the key of a day is to be destroyed.
pub fn destroy_by(day: u32) -> Seconds {
    Day(day + 38).start()
}

pub fn day_keys_until(by: &Signer, day: u32, destroy_by: Seconds) -> Vec<u8> {
    let (trustee, vkey, key_id, keys) = (name(by.name()), vkey(by), Hash([11; 32]), Hash([12; 32]));
    leaf(DayKeysLeaf { trustee, vkey, day, key_id, keys, destroy_by, time: Seconds(NOW) }, &[by])
}

pub fn destroyed(by: &Signer, day: u32) -> Vec<u8> {
    ended(by, day, KeyEnd::Due)
}

pub fn ended(by: &Signer, day: u32, reason: KeyEnd) -> Vec<u8> {
    let (trustee, key_id) = (name(by.name()), Hash([11; 32]));
    leaf(KeyDestroyed { trustee, day, key_id, reason, time: Seconds(NOW + 9) }, &[by])
}
