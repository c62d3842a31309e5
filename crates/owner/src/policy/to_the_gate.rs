//! One key from the owner's configuration to the trustee's gate: a recovery that it signed is granted,
//! and one that another key signed is not.

use super::compose::first_policy;
use crate::{Owner, keys};
use escrow::daykeys::DayKey;
use escrow::grant::{self, Held, NotPassed, Refusal, Standing, Verdict};
use escrow::package::{Asked, Package};
use escrow::record::{DayKeysLeaf, EntryId, Kind, Record, Signed, Vkey};
use escrow::register::Register;
use host::rng::Rng;
use media::id::CameraId;
use media::policy::OwnerPolicy;
use media::time::Seconds;
use seal::hpke::SecretKey;
use stage::dealt::{self, Terms};
use stage::keys::{name, recovery, trustee};
use stage::leaves::{founding, rules};
use stage::paper::{History, NOW, policy, policy_text};
use tlog::note::Signer;
use tlog::proof::TlogProof;
use tlog::{Entry as _, Hash};

/// What the owner signs whose configuration names this recovery key.
fn composed(recovery_key: &Signer) -> OwnerPolicy {
    let dir = tempfile::tempdir().unwrap();
    let mut config = keys::tests::config(dir.path());
    std::fs::write(&config.log.policy, policy_text()).unwrap();
    let escrow = config.escrow.as_mut().unwrap();
    std::fs::write(&escrow.policy_doc, rules().encode()).unwrap();
    escrow.threshold = 1;
    escrow.classes = vec!["recovery".to_owned()];
    escrow.trustees.truncate(1);
    let own = trustee(1).verifier();
    (escrow.trustees[0].name, escrow.trustees[0].vkey) = (own.name().to_owned(), own.vkey());
    config.footage.epoch_seconds = 10;
    config.recovery_key = Some(recovery_key.verifier().vkey());
    keys::init(&config).unwrap();
    let owner = Owner::open(config).unwrap();
    first_policy(&owner, CameraId([0; 32])).unwrap().unverified().clone()
}

/// A log, and what its readers make of it.
struct World {
    log: History,
    register: Register,
    day_key: SecretKey,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            log: History::default(),
            register: Register::new(policy().stamp_keys()),
            day_key: SecretKey::generate(&mut Rng::system()),
        };
        founding(NOW).iter().for_each(|leaf| _ = world.append(leaf));
        world
    }

    fn append(&mut self, leaf: &[u8]) -> u64 {
        let index = self.log.add(leaf);
        self.register.fold(index, self.log.entry(index)).unwrap();
        index
    }

    /// Adds a leaf; the entry that it became, and its proof.
    fn add<T: Record>(&mut self, leaf: &Signed<T>) -> (u64, Signed<T>, TlogProof) {
        let index = self.append(leaf.entry_bytes());
        (index, Signed::parse(self.log.entry(index)).unwrap(), self.log.proof(index, NOW))
    }

    /// A recovery of what was filmed under the owner's policy, by the recovery key of the stage.
    fn recovery(&mut self, owners: &OwnerPolicy) -> (u64, Package) {
        let start = NOW - 600;
        let terms = Terms {
            epoch_ms: 10_000,
            threshold: 1,
            trustees: vec![trustee(1).verifier().vkey()],
            trustee_url: "http://127.0.0.1:1".to_owned(),
            log_policy: policy().hash(),
            rules: rules().hash(),
        };
        // All is the owner's word but which camera it is, and who reads what is asked about it.
        let mut camera = dealt::Camera::new(start, start, terms).under_policy(|policy| {
            let (camera_id, audit_pk) = (policy.camera_id, policy.audit_pk.clone());
            *policy = OwnerPolicy { camera_id, audit_pk, ..owners.clone() };
        });
        let (_, leaf, proof) = self.add(&camera.policy_leaf());
        camera.keep_policy(&leaf, &proof);
        let day_key = DayKey {
            trustee: name("trustee1.example"),
            day: Seconds(start).day(),
            public: self.day_key.public(),
            destroy_by: Seconds(NOW + 40 * 86_400),
        };
        let note = day_key.clone().sign(&trustee(1)).unwrap();
        let announced = DayKeysLeaf {
            trustee: day_key.trustee.clone(),
            vkey: Vkey::new(trustee(1).verifier()).unwrap(),
            day: day_key.day.0,
            key_id: day_key.id(),
            keys: Hash::of(&[note.entry_bytes()]),
            destroy_by: day_key.destroy_by,
            time: Seconds(start),
        };
        self.add(&Signed::sign(announced, &[&trustee(1)]).unwrap());
        camera.film(start, 3, vec![day_key], |_, _| {});
        let release_key = SecretKey::generate(&mut Rng::system());
        let id = EntryId::generate(&mut Rng::system());
        let request = camera.request(Kind::Recovery, id, 0..3, NOW, &release_key);
        let (index, request, _) = self.add(&request);
        (index, camera.package(&request, 0..3, &release_key))
    }

    /// The gate of the trustee at this time, under a fresh proof.
    fn check(&self, (index, package): &(u64, Package), now: u64) -> Result<Verdict, NotPassed> {
        let standing = Standing {
            log_policy: &policy(),
            rules: &rules(),
            register: &self.register,
            root_at: &|size| self.log.root_at(size),
            trustee: &trustee(1).verifier(),
            key_of: &|_, _| Some(self.day_key.clone()),
        };
        let proof = self.log.proof(*index, now).encode();
        let asked = Asked::of(Package { proof, ..package.clone() }).unwrap();
        grant::check(&asked, &standing, Seconds(now))
    }
}

/// What the trustee grants once the owner's devices had the time to say no.
fn granted(recovery_key: &Signer) -> Result<Held, Refusal> {
    let mut world = World::new();
    let asked = world.recovery(&composed(recovery_key));
    let until = match world.check(&asked, NOW).map_err(|refused| refused.refusal)? {
        Verdict::WaitUntil { until, .. } => until.0,
        Verdict::Pass(_) => panic!("a recovery waits"),
    };
    let Ok(Verdict::Pass(checked)) = world.check(&asked, until) else { panic!("it does not pass") };
    let key_of = |_, _: &_| Some(world.day_key.clone());
    let opened = checked.approve(&[], &[]).unwrap().open_shares(&key_of).unwrap();
    Ok(opened.seal(&trustee(1), Seconds(until), &mut Rng::system()).unwrap())
}

#[test]
fn the_recovery_key_of_the_configuration_and_no_other_signs_a_recovery() {
    assert_eq!(granted(&recovery()).unwrap().grant().value().epochs, 3);
    let another = Signer::from_seed(recovery().name(), &[9; 32]).unwrap();
    assert_eq!(granted(&another).unwrap_err(), Refusal::RecoveryUnsigned);
}
