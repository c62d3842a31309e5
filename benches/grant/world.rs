//! A small world of real keys: a log on paper, rules, registered officers, five trustees with day
//! keys, and a camera that filmed an hour of epochs.

use escrow::daykeys::DayKey;
use escrow::package::Package;
use escrow::policy::PolicyDoc;
use escrow::record::{DayKeysLeaf, EntryId, Kind, Record, Request, Signed};
use escrow::register::Register;
use host::rng::Rng;
use media::epoch::SignedEpochOpen;
use media::time::Seconds;
use seal::hpke::SecretKey;
use stage::dealt::{Camera, Terms};
use stage::keys::{name, officer, sponsor, supervisor, vkey};
use stage::leaves;
use stage::paper::{self, History};
use tlog::policy::Policy;
use tlog::proof::TlogProof;
use tlog::{Entry as _, Hash};

pub(crate) use stage::keys::trustee;

/// 08:00 UTC of some day: the hour before it lies in one day.
pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const THRESHOLD: u8 = 3;
pub(crate) const TRUSTEES: u8 = 5;
/// Epochs in it.
const HOUR: u64 = 60;
const DAY: u64 = 86_400;
const START: u64 = NOW - HOUR * 60 - 60;

#[derive(Debug, Clone)]
pub(crate) struct World {
    log: History,
    pub(crate) log_policy: Policy,
    pub(crate) rules: PolicyDoc,
    pub(crate) register: Register,
    day_keys: Vec<SecretKey>,
    camera: Camera,
    pub(crate) opens: Vec<SignedEpochOpen>,
}

impl World {
    /// Of a camera that was enrolled so many days before it filmed.
    pub(crate) fn new(enrolled_days: u64) -> Self {
        let (rules, log_policy) = (leaves::rules(), paper::policy());
        let terms = Terms {
            epoch_ms: 60_000,
            threshold: THRESHOLD,
            trustees: stage::log::vkeys((1..=TRUSTEES).map(trustee)),
            trustee_url: "http://127.0.0.1:1".to_owned(),
            log_policy: log_policy.hash(),
            rules: rules.hash(),
        };
        let mut world = Self {
            log: History::default(),
            register: Register::new(paper::policy().stamp_keys()),
            day_keys: Vec::new(),
            camera: Camera::new(START - enrolled_days * DAY, START, terms),
            opens: Vec::new(),
            log_policy,
            rules,
        };
        world.append(&leaves::publication(&world.rules.clone(), NOW - DAY));
        leaves::registrations(NOW - DAY).iter().for_each(|leaf| _ = world.append(leaf));
        let day_keys = world.publish_day_keys();
        let leaf = world.camera.policy_leaf();
        let (index, leaf) = world.add(&leaf);
        let proof = world.proof(index);
        world.camera.keep_policy(&leaf, &proof);
        world.opens = world.camera.film(START, HOUR, day_keys, |_, _| {}).to_vec();
        world
    }

    /// Appends a leaf; its place, and the entry.
    pub(crate) fn add<T: Record>(&mut self, leaf: &Signed<T>) -> (u64, Signed<T>) {
        let index = self.append(leaf.entry_bytes());
        (index, Signed::parse(self.log.entry(index)).unwrap())
    }

    fn append(&mut self, leaf: &[u8]) -> u64 {
        let index = self.log.add_at(leaf, NOW);
        self.register.fold(index, self.log.entry(index)).unwrap();
        index
    }

    /// Of a leaf, under the newest head, cosigned by all four.
    pub(crate) fn proof(&self, index: u64) -> TlogProof {
        self.log.proof(index, NOW)
    }

    pub(crate) fn root_at(&self, size: u64) -> Option<Hash> {
        self.log.root_at(size)
    }

    pub(crate) fn day_key(&self, index: u8) -> &SecretKey {
        &self.day_keys[usize::from(index) - 1]
    }

    fn publish_day_keys(&mut self) -> Vec<DayKey> {
        let (day, time) = (Seconds(START).day(), Seconds(NOW - DAY));
        let mut published = Vec::new();
        for index in 1..=TRUSTEES {
            let (signer, secret) = (trustee(index), SecretKey::generate(&mut Rng::system()));
            let destroy_by = Seconds(NOW + 40 * DAY);
            let key = DayKey { trustee: name(signer.name()), day, public: secret.public(), destroy_by };
            let note = key.clone().sign(&signer).unwrap();
            let leaf = DayKeysLeaf {
                destroy_by,
                trustee: name(signer.name()),
                vkey: vkey(&signer),
                day: day.0,
                key_id: key.id(),
                keys: Hash::of(&[note.entry_bytes()]),
                time,
            };
            self.add(&Signed::sign(leaf, &[&signer]).unwrap());
            self.day_keys.push(secret);
            published.push(key);
        }
        published
    }

    /// A logged emergency request for the first epochs, and its package.
    pub(crate) fn ask(
        &mut self,
        id: EntryId,
        epochs: usize,
        release_key: &SecretKey,
    ) -> (Signed<Request>, Package) {
        let leaf = self.camera.request(Kind::Emergency, id, 0..epochs, NOW - 60, release_key);
        let (index, leaf) = self.add(&leaf);
        let package = self.camera.package(&leaf, 0..epochs, release_key);
        let proof = self.proof(index).encode();
        (leaf, Package { proof, ..package })
    }

    /// So many more emergencies in the log, by another agency, about cameras that are not this one.
    pub(crate) fn crowd(&mut self, requests: usize) {
        let (sample, _) = self.ask(EntryId([79; 16]), 1, &SecretKey::new([78; 32]));
        let agency = "sheriff.example";
        let (officer, supervisor, sponsor) = (officer(agency), supervisor(agency), sponsor());
        for _ in 0..requests {
            let request = Request {
                id: EntryId(host::rng::bytes()),
                agency: Some(name(agency)),
                label: Hash(host::rng::bytes()),
                ..sample.value().clone()
            };
            self.add(&Signed::sign(request, &[&officer, &supervisor, &sponsor]).unwrap());
        }
    }
}
