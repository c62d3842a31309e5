//! The leaves of a small world: one registrar, one sponsor, two agencies, five trustees.

use escrow::policy::PolicyDoc;
use escrow::record::{
    Country, DayKeysLeaf, EntryId, Grant, KeyDestroyed, KeyState, Kind, Name, Ratification, Record,
    RefusalLeaf, Request, RequesterKey, Role, SealedDetails, ShareBad, Signed, Span, Time, Vkey, Word,
};
use tlog::merkle::leaf_hash;
use tlog::note::Signer;
use tlog::{Entry, Hash};

/// 2026-11-24, the middle of a month.
pub(crate) const NOW: u64 = 1_795_500_000;
pub(crate) const TRUSTEES: usize = 5;

pub(crate) fn signer(name: &str) -> Signer {
    Signer::from_seed(name, &Hash::of(&[name.as_bytes()]).0).unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn vkey(signer: &Signer) -> Vkey {
    Vkey::new(signer.verifier()).unwrap()
}

pub(crate) fn rules() -> PolicyDoc {
    PolicyDoc::recommended(vkey(&signer("candor.example")), vkey(&signer("registrar.example")))
}

pub(crate) fn trustee(at: usize) -> Signer {
    assert!(at < TRUSTEES);
    signer(&format!("trustee{at}.example"))
}

pub(crate) fn leaf<T: Record>(value: T, signers: &[&Signer]) -> Vec<u8> {
    Signed::sign(value, signers).unwrap().entry_bytes().to_vec()
}

fn registration(role: Role, agency: &str, key: &Signer) -> Vec<u8> {
    let registrar = signer("registrar.example");
    let value = RequesterKey {
        state: KeyState::Registered,
        role,
        agency: name(agency),
        vkey: vkey(key),
        registrar: name(registrar.name()),
        time: Time(NOW),
    };
    leaf(value, &[&registrar])
}

pub(crate) fn officer(agency: &str) -> Signer {
    signer(&format!("{agency}/officer"))
}

pub(crate) fn supervisor(agency: &str) -> Signer {
    signer(&format!("{agency}/supervisor"))
}

/// The sponsor and two agencies with an officer and a supervisor each.
pub(crate) fn registrations() -> Vec<Vec<u8>> {
    let mut leaves = vec![registration(Role::Sponsor, "relay.example", &signer("relay.example"))];
    for agency in ["police.example", "sheriff.example"] {
        leaves.push(registration(Role::Officer, agency, &officer(agency)));
        leaves.push(registration(Role::Supervisor, agency, &supervisor(agency)));
    }
    leaves
}

/// A request as others refer to it.
#[derive(Clone)]
pub(crate) struct Asked {
    pub index: u64,
    pub id: EntryId,
    pub time: u64,
    pub bytes: Vec<u8>,
}

impl Asked {
    pub(crate) fn hash(&self) -> Hash {
        leaf_hash(&self.bytes)
    }
}

/// A request at this place of the log, signed by whom its kind needs.
pub(crate) fn ask(kind: Kind, agency: &str, index: u64, time: u64) -> Asked {
    let relay = signer("relay.example");
    let (officer, supervisor) = (officer(agency), supervisor(agency));
    match kind {
        Kind::Emergency => ask_by(kind, agency, index, time, &[&officer, &supervisor, &relay]),
        Kind::Legal => ask_by(kind, agency, index, time, &[&officer, &relay]),
        Kind::OwnerShare | Kind::Recovery => ask_by(kind, agency, index, time, &[&relay]),
    }
}

pub(crate) fn ask_by(kind: Kind, agency: &str, index: u64, time: u64, signers: &[&Signer]) -> Asked {
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
        policy: rules().hash(),
        release_key: Hash([3; 32]),
        label: Hash([4; 32]),
        details: SealedDetails::new(vec![0; 1040]).unwrap(),
        time: Time(time),
    };
    Asked { index, id: EntryId(id), time, bytes: leaf(request, signers) }
}

pub(crate) fn grant(asked: &Asked, by: &Signer) -> Vec<u8> {
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
        time: Time(asked.time + 60),
    };
    leaf(grant, &[by])
}

pub(crate) fn refusal(asked: &Asked, by: &Signer) -> Vec<u8> {
    let refusal = RefusalLeaf {
        id: asked.id,
        trustee: name(by.name()),
        request_index: asked.index,
        request: asked.hash(),
        step: Word::new("g7").unwrap(),
        reason: Word::new("agency-quota").unwrap(),
        time: Time(asked.time + 60),
    };
    leaf(refusal, &[by])
}

pub(crate) fn share_bad(asked: &Asked, by: &Signer) -> Vec<u8> {
    let bad = ShareBad {
        id: asked.id,
        trustee: name(by.name()),
        request_index: asked.index,
        request: asked.hash(),
        evidence: Hash([8; 32]),
        time: Time(asked.time + 60),
    };
    leaf(bad, &[by])
}

pub(crate) fn ratification(asked: &Asked, after_secs: u64, by: &Signer) -> Vec<u8> {
    let mut id = [9; 16];
    id[..8].copy_from_slice(&asked.index.to_be_bytes());
    let ratification = Ratification {
        id: EntryId(id),
        sponsor: name(by.name()),
        request_index: asked.index,
        request: asked.hash(),
        document: Hash([10; 32]),
        time: Time(asked.time + after_secs),
    };
    leaf(ratification, &[by])
}

pub(crate) fn day_keys(by: &Signer, day: u32) -> Vec<u8> {
    let (key_id, keys) = (Hash([11; 32]), Hash([12; 32]));
    let value = DayKeysLeaf { trustee: name(by.name()), vkey: vkey(by), day, key_id, keys, time: Time(NOW) };
    leaf(value, &[by])
}

pub(crate) fn destroyed(by: &Signer, day: u32) -> Vec<u8> {
    let value = KeyDestroyed { trustee: name(by.name()), day, key_id: Hash([11; 32]), time: Time(NOW + 9) };
    leaf(value, &[by])
}
