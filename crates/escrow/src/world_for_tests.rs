//! A small world of real keys: a log with witnesses, an operator, a registrar, an agency, a
//! sponsor, five trustees, an owner, a camera that films four epochs of a minute. Tests alter one
//! thing in it and see what becomes of a request.

mod ask;
mod camera;
mod log;

pub(crate) use ask::{Ask, ORDER};
pub(crate) use camera::{Camera, FIRST_EPOCH, SEGMENTS, START_US};
pub(crate) use chacha20::ChaCha20Rng as Rng;
pub(crate) use log::{Log, log_signer, policy, policy_text, stamped};

use crate::daykeys::DayKey;
use crate::deal::TrusteeId;
use crate::details::Details;
use crate::grant::{Approval, CallBack, Checked, Held, NotPassed, Refusal, Standing, Verdict, check};
use crate::package::{Asked, Package};
use crate::policy::{Figures, PolicyDoc};
use crate::record::{
    Bytes, DEVICE_KEY_NAME, DayKeysLeaf, EntryId, KeyDestroyed, KeyEnd, KeyState, Kind, Name,
    OwnerPolicyLeaf, PolicyDocLeaf, RECOVERY_KEY_NAME, Ratification, Record, Request, RequesterKey, Role,
    Signed, Span, Vkey, policy_commitment,
};
use crate::register::Register;
use media::epoch::{EpochContext, EpochOpen};
use media::id::{Day, DeviceId, TrackId};
use media::pair::PolicyBundle;
use media::policy::{Class, Classes, OwnerPolicy, Recipient, SignedOwnerPolicy, TrusteeEntry};
use media::time::Seconds;
use rand_core::SeedableRng as _;
use seal::hpke::SecretKey;
use std::vec::Vec;
use tlog::note::Signer;
use tlog::policy::Policy;
use tlog::proof::TlogProof;
use tlog::{Entry as _, Hash, Logged};

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const CAMERA_EPOCHS: u64 = 4;
pub(crate) const TRUSTEES: u8 = 5;
pub(crate) const THRESHOLD: u8 = 3;
pub(crate) const DAY: u64 = 86_400;

/// What is unlike the ordinary in a world.
pub(crate) struct Setup {
    pub(crate) figures: Figures,
    pub(crate) policy: fn(&mut OwnerPolicy),
    pub(crate) policy_leaf: fn(&mut OwnerPolicyLeaf),
    pub(crate) context: fn(u64, &mut EpochContext),
    pub(crate) open: fn(u64, &mut EpochOpen),
    /// Which leaves the log does not get: "day-keys", or a role.
    pub(crate) without: &'static str,
    pub(crate) created: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            figures: Figures::RECOMMENDED,
            policy: |_| {},
            policy_leaf: |_| {},
            context: |_, _| {},
            open: |_, _| {},
            without: "",
            created: NOW - 2 * DAY,
        }
    }
}

pub(crate) struct World {
    pub(crate) log: Log,
    pub(crate) log_policy: Policy,
    pub(crate) rules: PolicyDoc,
    pub(crate) register: Register,
    pub(crate) camera: Camera,
    pub(crate) policy: PolicyBundle,
    pub(crate) day_keys: Vec<SecretKey>,
    /// Leaves by which rules were published, and by which keys were registered, with their places.
    pub(crate) published: Vec<(u64, Vec<u8>)>,
    pub(crate) registrations: Vec<(u64, Vec<u8>)>,
    pub(crate) rng: Rng,
    /// When witnesses cosign.
    pub(crate) time: u64,
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn signer(name: &str, seed: u8) -> Signer {
    Signer::from_seed(name, &[seed; 32]).unwrap()
}

pub(crate) fn operator() -> Signer {
    signer("candor.example", 50)
}
pub(crate) fn registrar() -> Signer {
    signer("registrar.example", 51)
}
pub(crate) fn officer() -> Signer {
    signer("police.example/officer", 52)
}
pub(crate) fn supervisor() -> Signer {
    signer("police.example/supervisor", 53)
}
pub(crate) fn sponsor() -> Signer {
    signer("relay.example", 54)
}
pub(crate) fn approver() -> Signer {
    signer("clerk.example", 55)
}
pub(crate) fn recovery() -> Signer {
    signer(RECOVERY_KEY_NAME, 56)
}
pub(crate) fn device() -> Signer {
    signer(DEVICE_KEY_NAME, 59)
}
pub(crate) fn court() -> Signer {
    signer("court.example/clerk", 57)
}
/// The trustee of a share index.
pub(crate) fn trustee(index: u8) -> Signer {
    signer(&std::format!("trustee{index}.example"), 60 + index)
}

/// What a clerk signs who called the agency back.
pub(crate) fn yes(request: &Hash, approver: &Signer) -> Approval {
    Approval::sign(request, CallBack::automatic(), approver)
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(&Setup::default())
    }

    pub(crate) fn with(setup: &Setup) -> Self {
        let vkey = |signer: Signer| Vkey::new(signer.verifier()).unwrap();
        // One more than the owner chose.
        let trustees = (1..=TRUSTEES + 1).map(|index| vkey(trustee(index))).collect();
        let rules = PolicyDoc::recommended(vkey(operator()), vkey(registrar()), trustees).unwrap();
        let rules = rules.with_figures(setup.figures);
        let mut world = Self {
            log: Log::new(),
            log_policy: policy(),
            register: Register::new(policy().stamp_keys()),
            camera: Camera::new(setup.created),
            policy: PolicyBundle::default(),
            day_keys: Vec::new(),
            published: Vec::new(),
            registrations: Vec::new(),
            rng: Rng::seed_from_u64(7),
            // Long ago: tests log what came before their request.
            time: NOW - 100 * DAY,
            rules,
        };
        world.publish(&world.rules.clone());
        for (role, agency, key) in [
            (Role::Officer, "police.example", officer()),
            (Role::Supervisor, "police.example", supervisor()),
            (Role::Sponsor, "relay.example", sponsor()),
            (Role::Court, "court.example", court()),
        ] {
            if setup.without != role.word() {
                world.register_key(role, agency, &key, KeyState::Registered);
            }
        }
        let dealt_to = world.publish_day_keys(setup);
        let signed = world.owner_policy(setup.policy).sign(&world.camera.owner).unwrap();
        world.log_policy_leaf(&signed, setup.policy_leaf);
        let t = signed.unverified().t;
        world.camera.film(signed.hash(), t, &dealt_to, setup, &mut world.rng);
        world.time = NOW;
        world
    }

    /// Appends a leaf, stamped with the world's time; its place, and the entry.
    pub(crate) fn add<T: Record>(&mut self, leaf: &Signed<T>) -> (u64, Signed<T>) {
        let entry = log::stamped(leaf.entry_bytes(), self.time);
        let index = self.log.add(&entry);
        self.register.fold(index, &entry).unwrap();
        (index, Signed::parse(&entry).unwrap())
    }

    pub(crate) fn publish(&mut self, rules: &PolicyDoc) {
        let document = Bytes(rules.encode());
        let leaf = PolicyDocLeaf { operator: name("candor.example"), document, time: Seconds(NOW - DAY) };
        let (index, entry) = self.add(&Signed::sign(leaf, &[&operator()]).unwrap());
        self.published.push((index, entry.entry_bytes().to_vec()));
    }

    /// A court's ratification of the request at this place, which the sponsor carries.
    pub(crate) fn ratify(&mut self, index: u64) {
        let leaf = Ratification {
            id: EntryId::generate(&mut self.rng),
            court: name("court.example"),
            request_index: index,
            request: self.register.request(index).unwrap().hash,
            document: Hash([0; 32]),
            time: Seconds(self.time),
        };
        self.add(&Signed::sign(leaf, &[&court(), &sponsor()]).unwrap());
    }

    pub(crate) fn register_key(&mut self, role: Role, agency: &str, key: &Signer, state: KeyState) {
        let leaf = RequesterKey {
            state,
            role,
            agency: name(agency),
            vkey: Vkey::new(key.verifier()).unwrap(),
            registrar: name("registrar.example"),
            time: Seconds(NOW - DAY),
        };
        let leaf = Signed::sign(leaf, &[&registrar()]).unwrap();
        let (index, entry) = self.add(&leaf);
        self.registrations.push((index, entry.entry_bytes().to_vec()));
    }

    /// One key of each trustee for all days of which the camera has notice keys; to whom it deals on
    /// the day it films.
    fn publish_day_keys(&mut self, setup: &Setup) -> Vec<Option<(TrusteeId, DayKey)>> {
        let (mut dealt_to, mut holders) = (Vec::new(), Vec::new());
        let days: Vec<Day> = self.camera.days().collect();
        for index in 1..=TRUSTEES {
            let signer = trustee(index);
            let secret = SecretKey::generate(&mut self.rng);
            for day in days.iter().copied() {
                let key = self.day_key(index, day, &secret);
                if setup.without != "day-keys" {
                    self.announce(index, &key);
                }
                let holder = (TrusteeId::of(&signer.verifier()), key);
                if day == START_US.day() {
                    dealt_to.push(Some(holder.clone()));
                }
                holders.push(holder);
            }
            self.day_keys.push(secret);
        }
        self.camera.give_notices(holders, &mut self.rng);
        dealt_to
    }

    pub(crate) fn day_key(&self, index: u8, day: Day, secret: &SecretKey) -> DayKey {
        let (trustee, destroy_by) = (name(trustee(index).name()), Seconds(NOW + 40 * DAY));
        DayKey { trustee, day, public: secret.public(), destroy_by }
    }

    /// The leaf of a trustee's key of a day.
    fn announce(&mut self, index: u8, key: &DayKey) {
        let signer = trustee(index);
        let note = key.clone().sign(&signer).unwrap();
        let leaf = DayKeysLeaf {
            trustee: name(signer.name()),
            vkey: Vkey::new(signer.verifier()).unwrap(),
            day: key.day.0,
            key_id: key.id(),
            keys: Hash::of(&[note.entry_bytes()]),
            destroy_by: key.destroy_by,
            time: Seconds(NOW - DAY),
        };
        self.add(&Signed::sign(leaf, &[&signer]).unwrap());
    }

    /// A trustee that lost its key of the camera's day makes another one.
    pub(crate) fn announce_anew(&mut self, index: u8) {
        let secret = SecretKey::generate(&mut self.rng);
        self.announce(index, &self.day_key(index, START_US.day(), &secret));
    }

    /// Says in the log that a trustee has the key of the camera's day no more.
    pub(crate) fn end_day_key(&mut self, index: u8, reason: KeyEnd) {
        self.end_day_key_of(index, START_US.day(), reason);
    }

    pub(crate) fn end_day_key_of(&mut self, index: u8, Day(day): Day, reason: KeyEnd) {
        let signer = trustee(index);
        let key_id = self.register.day_keys_of(&signer.verifier())[&day].last().unwrap().key_id;
        let leaf = KeyDestroyed { trustee: name(signer.name()), day, key_id, reason, time: Seconds(NOW) };
        self.add(&Signed::sign(leaf, &[&signer]).unwrap());
    }

    fn owner_policy(&self, alter: fn(&mut OwnerPolicy)) -> OwnerPolicy {
        let entry = |index| TrusteeEntry {
            name: trustee(index).name().into(),
            vkey: trustee(index).verifier().vkey(),
            url: "http://127.0.0.1:1".into(),
        };
        let mut policy = OwnerPolicy {
            camera_id: self.camera.id(),
            version: 1,
            prev_hash: [0; 32],
            epoch_len_s: 60,
            t: THRESHOLD,
            trustees: (1..=TRUSTEES).map(entry).collect(),
            recipients: Vec::from([Recipient {
                device_id: DeviceId::of_key(&device().verifier().ed25519_key().unwrap()),
                wrap_pk: std::vec![0; 1216],
                role: media::policy::Role::Admin,
                not_after: Seconds::MAX,
            }]),
            classes: Classes::of(&[Class::Legal, Class::Emergency, Class::Recovery]),
            retention_days: 30,
            log_policy_hash: self.log_policy.hash().0,
            policy_doc_hash: self.rules.hash().0,
            day_key_max_secs: 8_640_000,
            recovery_pk: recovery().verifier().ed25519_key().unwrap(),
            audit_pk: self.camera.audit().public(),
        };
        alter(&mut policy);
        policy
    }

    fn log_policy_leaf(&mut self, signed: &SignedOwnerPolicy, alter: fn(&mut OwnerPolicyLeaf)) {
        let id = EntryId([80; 16]);
        let notice = self.camera.notice_key(Seconds(NOW).day());
        let mut leaf = OwnerPolicyLeaf {
            id,
            sponsor: name("relay.example"),
            label: Hash(notice.label(id.as_bytes())),
            commitment: policy_commitment(&id, &Hash(signed.hash())),
        };
        alter(&mut leaf);
        let leaf = Signed::sign(leaf, &[&sponsor()]).unwrap();
        let (index, leaf) = self.add(&leaf);
        self.policy = PolicyBundle {
            policy: signed.bytes().to_vec(),
            leaf: leaf.entry_bytes().to_vec(),
            proof: self.log.proof(index, 4, NOW - DAY).encode(),
        };
    }

    /// In the place of a notice, the same day's without a slot for the first trustee.
    pub(crate) fn withhold_notice(&self, package: &mut Package, at: usize) {
        let day = self.camera.days().nth(at).unwrap();
        let first = TrusteeId::of(&trustee(1).verifier());
        package.notices[at] = self.camera.notice_without(day, &first);
    }

    pub(crate) fn ordinary(&mut self) -> Package {
        let ask = self.ask(Kind::Emergency);
        self.log_request(&ask)
    }

    /// The gate of the trustee with this index.
    pub(crate) fn check_as(&self, index: u8, package: &Package, now: u64) -> Result<Verdict, Refusal> {
        let own = trustee(index).verifier();
        let standing = Standing {
            log_policy: &self.log_policy,
            rules: &self.rules,
            register: &self.register,
            root_at: &|size| self.log.tree.root_at(size),
            trustee: &own,
            key_of: &|_, _| self.day_keys.get(usize::from(index) - 1).cloned(),
        };
        let asked = Asked::of(package.clone())?;
        check(&asked, &standing, Seconds(now)).map_err(|refused| self.shown(refused))
    }

    /// A refusal, which came with the logged request if and only if the log was not what it missed.
    fn shown(&self, NotPassed { refusal, logged }: NotPassed) -> Refusal {
        // Two parts are opened at G5 and refused by the name that G1 has for it.
        let opened_at_g5 = matches!(&refusal, Refusal::Malformed(malformed) if ["Enrollment", "DayNotice"].contains(&malformed.part));
        let from_g4 = opened_at_g5 || !["g1", "g2", "g3"].contains(&refusal.step());
        assert_eq!(logged.is_some(), from_g4, "{refusal}");
        if let Some(logged) = logged {
            assert_eq!(self.register.request(logged.index()).unwrap().hash, logged.value().hash());
        }
        refusal
    }

    pub(crate) fn check(&self, package: &Package) -> Result<Verdict, Refusal> {
        self.check_as(1, package, NOW)
    }

    pub(crate) fn passed(&self, index: u8, package: &Package) -> Checked {
        match self.check_as(index, package, self.time).unwrap() {
            Verdict::Pass(checked) => checked,
            Verdict::WaitUntil { until, .. } => panic!("must wait until {until}"),
        }
    }

    pub(crate) fn key_of(&self, index: u8) -> impl Fn(Day, &Hash) -> Option<SecretKey> + use<> {
        let key = self.day_keys[usize::from(index) - 1].clone();
        move |day, _| (day == START_US.day()).then(|| key.clone())
    }

    /// G1 to G10 of the trustee with this index.
    pub(crate) fn hold(&mut self, index: u8, package: &Package) -> Held {
        let checked = self.passed(index, package);
        let approval = yes(&checked.request().value().hash(), &approver());
        let approved = checked.approve(&[approval], &[approver().verifier()]).unwrap();
        let opened = approved.open_shares(&self.key_of(index)).unwrap();
        opened.seal(&trustee(index), Seconds(self.time), &mut self.rng).unwrap()
    }

    /// Logs the grant and gives the bundle out.
    pub(crate) fn release(&mut self, held: Held) -> crate::bundle::Bundle {
        let (index, grant) = self.add(held.grant());
        let proof = self.log.proof(index, 4, self.time);
        let logged = Logged::verify(grant, &proof, &self.log_policy).unwrap();
        held.release(&logged, &proof.encode()).unwrap()
    }

    /// The request of a package, by its own proof.
    pub(crate) fn logged(&self, package: &Package) -> Logged<Signed<Request>> {
        let proof = TlogProof::parse(&package.proof).unwrap();
        Logged::verify(Signed::parse(&package.leaf).unwrap(), &proof, &self.log_policy).unwrap()
    }
}
