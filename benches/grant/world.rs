//! A small world of real keys, from public interfaces alone: a log in memory with four witnesses, rules, registered officers, five trustees with
//! day keys, an owner's policy, and a camera that filmed an hour of epochs.

mod camera;
mod requests;

use ed25519_dalek::SigningKey;
use escrow::daykeys::DayKey;
use escrow::deal::TrusteeId;
use escrow::policy::PolicyDoc;
use escrow::record::{
    DayKeysLeaf, KeyState, Name, PolicyDocLeaf, Record, RequesterKey, Role, Signed, Time, Vkey,
};
use escrow::register::Register;
use host::rng::OsRng;
use media::epoch::SignedEpochOpen;
use media::id::Day;
use media::pair::PolicyBundle;
use seal::hpke::SecretKey;
use seal::notice::{NoticeKey, NoticeRoot};
use tlog::checkpoint::Checkpoint;
use tlog::cosignature::{Algorithm, Cosigner};
use tlog::merkle::{Tree, leaf_hash};
use tlog::note::Signer;
use tlog::policy::Policy;
use tlog::proof::TlogProof;
use tlog::{Entry as _, Hash};

/// 08:00 UTC of some day: the hour before it lies in one day.
pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const THRESHOLD: u8 = 3;
pub(crate) const TRUSTEES: u8 = 5;
/// Epochs in it.
const HOUR: u64 = 60;
const DAY: u64 = 86_400;
const FIRST: u64 = 7;
const START_US: u64 = (NOW - HOUR * 60 - 60) * 1_000_000;

#[derive(Debug, Clone)]
pub(crate) struct World {
    tree: Tree,
    pub(crate) log_policy: Policy,
    pub(crate) rules: PolicyDoc,
    pub(crate) register: Register,
    day_keys: Vec<SecretKey>,
    camera: SigningKey,
    owner: SigningKey,
    created: u64,
    /// From the day it was enrolled to the day it filmed.
    notices: Vec<(Day, NoticeKey)>,
    policy: PolicyBundle,
    pub(crate) opens: Vec<SignedEpochOpen>,
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn signer(name: &str, seed: u8) -> Signer {
    Signer::from_seed(name, &[seed; 32]).unwrap()
}

fn log_signer() -> Signer {
    signer("log.example", 1)
}

fn witnesses() -> Vec<Cosigner> {
    let cosigner =
        |at: u8| Cosigner::from_seed(&format!("w{at}.example"), Algorithm::Ed25519, &[10 + at; 32]);
    (1..=4).map(|at| cosigner(at).unwrap()).collect()
}

/// The trustee with this share index.
pub(crate) fn trustee(index: u8) -> Signer {
    signer(&format!("trustee{index}.example"), 60 + index)
}

pub(crate) fn clerk() -> Signer {
    signer("clerk.example", 55)
}

impl World {
    /// Of a camera that was enrolled so many days before it filmed.
    pub(crate) fn new(enrolled_days: u64) -> Self {
        let vkey = |signer: &Signer| Vkey::new(signer.verifier()).unwrap();
        let (operator, registrar) = (signer("candor.example", 50), signer("registrar.example", 51));
        let rules = PolicyDoc::recommended(vkey(&operator), vkey(&registrar));
        let (camera, owner) = (SigningKey::from_bytes(&[91; 32]), SigningKey::from_bytes(&[92; 32]));
        let camera_id = media::id::CameraId::of_key(&camera.verifying_key().to_bytes());
        let mut policy = format!("log {}\n", log_signer().verifier().vkey());
        for (at, witness) in (1..).zip(witnesses()) {
            policy.push_str(&format!("witness w{at} {}\n", witness.verifier().vkey()));
        }
        policy.push_str("group q 3 w1 w2 w3 w4\nquorum q\n");
        let mut world = Self {
            tree: Tree::new(),
            log_policy: Policy::parse(policy.as_bytes()).unwrap(),
            register: Register::new(&rules),
            day_keys: Vec::new(),
            created: START_US / 1_000_000 - enrolled_days * DAY,
            notices: Vec::new(),
            policy: PolicyBundle::default(),
            opens: Vec::new(),
            camera,
            owner,
            rules,
        };
        let (mut day, mut root) = (Day::of_us(world.created * 1_000_000), NoticeRoot::new([93; 32]));
        while day <= Day::of_us(START_US) {
            world.notices.push((day, root.key(&camera_id, day)));
            (day, root) = (Day(day.0 + 1), root.next(&camera_id, day));
        }
        let (document, time) = (world.rules.hash(), Time(NOW - DAY));
        let leaf = PolicyDocLeaf { operator: name("candor.example"), document, time };
        world.add(&Signed::sign(leaf, &[&operator]).unwrap());
        for (role, agency, key) in [
            (Role::Officer, "police.example", officer()),
            (Role::Supervisor, "police.example", supervisor()),
            (Role::Sponsor, "relay.example", sponsor()),
            (Role::Officer, "sheriff.example", other_officer()),
            (Role::Supervisor, "sheriff.example", other_supervisor()),
        ] {
            let (state, registrar_name) = (KeyState::Registered, name("registrar.example"));
            let leaf = RequesterKey {
                state,
                role,
                agency: name(agency),
                vkey: vkey(&key),
                registrar: registrar_name,
                time,
            };
            world.add(&Signed::sign(leaf, &[&registrar]).unwrap());
        }
        let dealt_to = world.publish_day_keys();
        let policy_hash = world.log_policy_of_the_owner();
        for at in 0..HOUR {
            world.film(at, policy_hash, &dealt_to);
        }
        world
    }

    /// Appends a leaf; its place.
    pub(crate) fn add<T: Record>(&mut self, leaf: &Signed<T>) -> u64 {
        let index = self.tree.size();
        self.tree.push(leaf_hash(leaf.entry_bytes()));
        self.register.fold(index, leaf.entry_bytes()).unwrap();
        index
    }

    /// Of a leaf, under the newest head, cosigned by all four.
    pub(crate) fn proof(&self, index: u64) -> TlogProof {
        let size = self.tree.size();
        let head = Checkpoint::new("log.example", size, self.tree.root()).unwrap();
        let mut signed = head.sign(&log_signer()).unwrap();
        for witness in witnesses() {
            signed.cosign(&witness, NOW).unwrap();
        }
        TlogProof::from_parts(index, self.tree.prove_inclusion(index, size).unwrap(), &signed.encode())
            .unwrap()
    }

    pub(crate) fn root_at(&self, size: u64) -> Option<Hash> {
        self.tree.root_at(size)
    }

    /// The notice key of the day on which it filmed.
    fn notice(&self) -> &NoticeKey {
        &self.notices.last().unwrap().1
    }

    pub(crate) fn day_key(&self, index: u8) -> &SecretKey {
        &self.day_keys[usize::from(index) - 1]
    }

    fn publish_day_keys(&mut self) -> Vec<(TrusteeId, DayKey)> {
        let (day, time) = (Day::of_us(START_US), Time(NOW - DAY));
        let mut dealt_to = Vec::new();
        for index in 1..=TRUSTEES {
            let (signer, secret) = (trustee(index), SecretKey::generate(&mut OsRng));
            let destroy_by = Time(NOW + 40 * DAY);
            let key = DayKey { trustee: name(signer.name()), day, public: secret.public(), destroy_by };
            let note = key.clone().sign(&signer).unwrap();
            let leaf = DayKeysLeaf {
                trustee: name(signer.name()),
                vkey: Vkey::new(signer.verifier()).unwrap(),
                day: day.0,
                key_id: key.id(),
                keys: Hash::of(&[note.entry_bytes()]),
                time,
            };
            self.add(&Signed::sign(leaf, &[&signer]).unwrap());
            self.day_keys.push(secret);
            dealt_to.push((TrusteeId::of(&signer.verifier()), key));
        }
        dealt_to
    }
}

fn officer() -> Signer {
    signer("police.example/officer", 52)
}

fn other_officer() -> Signer {
    signer("sheriff.example/officer", 57)
}

fn other_supervisor() -> Signer {
    signer("sheriff.example/supervisor", 58)
}

fn supervisor() -> Signer {
    signer("police.example/supervisor", 53)
}

fn sponsor() -> Signer {
    signer("relay.example", 54)
}
