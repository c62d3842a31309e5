use super::*;
use escrow::daykeys::DayKey;
use escrow::record::EntryId;
use seal::hpke::SecretKey;
use stage::dealt::{Camera, Terms};
use stage::keys::{name, officer, sponsor, supervisor, trustee};
use stage::leaves::{publication, registrations, rules};
use stage::paper::{self, History, NOW};

const EPOCH_SECS: u64 = 60;
const EPOCHS: u64 = 3;
/// The last epoch ends a minute before.
const START: u64 = NOW - 60 - EPOCHS * EPOCH_SECS;

/// A camera's log that begins with some leaves, and goes on with others behind its policy's.
struct World {
    register: Register,
    camera: Camera,
    key: SecretKey,
}

impl World {
    fn new(before: &[Vec<u8>], behind: &[Vec<u8>]) -> Self {
        let terms = Terms {
            epoch_ms: 60_000,
            threshold: 3,
            trustees: (0..5).map(|at| trustee(at).verifier().vkey()).collect(),
            trustee_url: "http://127.0.0.1:1".to_owned(),
            log_policy: paper::policy().hash(),
            rules: rules().hash(),
        };
        let mut camera = Camera::new(NOW - 86_400, START, terms);
        let key = || SecretKey::generate(&mut host::rng::Rng::system());
        let day = Seconds(START).day();
        let day_key = |at| DayKey {
            trustee: name(trustee(at).name()),
            day,
            public: key().public(),
            destroy_by: Seconds(NOW + 86_400),
        };
        camera.film(START, EPOCHS, (0..5).map(day_key).collect(), |_, _| {});
        let (mut log, mut register) = (History::default(), Register::new(paper::policy().stamp_keys()));
        let mut add = |leaf: &[u8]| {
            let at = log.add_at(leaf, NOW - 600);
            register.fold(at, log.entry(at)).unwrap();
            (at, Signed::parse(log.entry(at)))
        };
        before.iter().for_each(|leaf| drop(add(leaf)));
        let (at, leaf) = add(camera.policy_leaf().entry_bytes());
        behind.iter().for_each(|leaf| drop(add(leaf)));
        camera.keep_policy(&leaf.unwrap(), &log.proof(at, NOW));
        Self { register, camera, key: key() }
    }

    fn weighed(&self, now: u64) -> Result<(), Unfit> {
        let epochs = 0..usize::try_from(EPOCHS).unwrap();
        let request = self.camera.request(Kind::Emergency, EntryId([7; 16]), epochs.clone(), NOW, &self.key);
        let package = self.camera.package(&request, epochs, &self.key);
        let facts = crate::objects::facts(&package).unwrap();
        let leaf = as_if_logged(request.entry_bytes()).unwrap();
        let log_policy = &paper::policy();
        let by = Weighed { register: &self.register, package: &package, facts: &facts, log_policy };
        weigh(&by, &leaf, Seconds(now))
    }
}

fn published() -> Vec<Vec<u8>> {
    vec![publication(&rules(), NOW - 900)]
}

fn all() -> Vec<Vec<u8>> {
    [published(), registrations(NOW - 900)].concat()
}

/// Each of these stood in the log for ever, and counted against a quota, before every trustee refused it.
#[test]
fn what_trustees_would_refuse_is_said_before_it_is_logged() {
    World::new(&all(), &[]).weighed(NOW).unwrap();
    let none = World::new(&[], &[]).weighed(NOW);
    assert!(matches!(none, Err(Unfit::NoRules)), "{none:?}");

    let sponsor_alone = [published(), registrations(NOW - 900)[..1].to_vec()].concat();
    let unregistered = World::new(&sponsor_alone, &[]).weighed(NOW).unwrap_err();
    let officer = officer("police.example");
    assert!(
        matches!(&unregistered, Unfit::Unregistered { role: Role::Officer, key, .. } if key == officer.name()),
        "{unregistered}"
    );
    // Before the rules they register nobody.
    let early = World::new(&[registrations(NOW - 900), published()].concat(), &[]).weighed(NOW);
    assert!(matches!(early, Err(Unfit::Unregistered { role: Role::Officer, .. })), "{early:?}");
    let without_supervisor: Vec<_> = all()
        .into_iter()
        .filter(|leaf| {
            !String::from_utf8_lossy(leaf).contains(&supervisor("police.example").verifier().vkey())
        })
        .collect();
    let one = World::new(&without_supervisor, &[]).weighed(NOW);
    assert!(matches!(one, Err(Unfit::Unregistered { role: Role::Supervisor, .. })), "{one:?}");

    // The sponsor of the owner's policy was registered behind it.
    let late = World::new(&published(), &registrations(NOW - 900)).weighed(NOW).unwrap_err();
    assert!(matches!(&late, Unfit::PolicyUnsponsored { key, .. } if key == sponsor().name()), "{late}");
    let next = publication(&rules().after(&rules().hash()), NOW - 900);
    let other = World::new(&all(), &[next]).weighed(NOW);
    assert!(matches!(other, Err(Unfit::OtherRules { .. })), "{other:?}");

    let over = START + EPOCHS * EPOCH_SECS;
    let running = World::new(&all(), &[]).weighed(over - 1).unwrap_err();
    assert!(matches!(running, Unfit::NotOver { at } if at == over + 1), "{running}");
    let late = World::new(&all(), &[]).weighed(NOW + 86_400);
    assert!(matches!(late, Err(Unfit::Rule(Rule::LoggedLate))), "{late:?}");
}
