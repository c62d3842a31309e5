//! Rules apply once the operator whom they name has published them, and nobody else can.

use crate::world::World;
use escrow::policy::PolicyDoc;
use escrow::register::Register;
use host::given::GivenError;
use registrar::{Draft, Error};
use stage::keys::trustee;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_are_written_published_and_found_by_whoever_reads_the_log() {
    let world = World::new().await;
    let [operator, registrar] =
        [&world.operator, &world.registrar].map(|config| registrar::vkey(config).unwrap());
    let path = world.dir.path().join("rules.txt");
    let trustee = trustee(0).verifier().vkey();
    let draft = Draft {
        operator: &operator,
        registrars: &[&registrar],
        trustees: &[&trustee],
        figures: &[("emergency-span-secs", 12)],
        after: None,
    };
    let hash = registrar::write_rules(&path, &draft).unwrap();
    let rules = PolicyDoc::parse(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(rules.figures().emergency_span_secs, 12);

    // The registrar's key, and a stranger's, are not the operator's: nothing is sent.
    for other in [&world.registrar, &world.stranger] {
        let error = registrar::publish_rules(other, &path).await.unwrap_err();
        assert!(
            matches!(&error, Error::NotOperator { operator: named, .. } if *named == operator),
            "{error}"
        );
    }
    assert_eq!(world.log.entries().await.len(), 0);

    let published = registrar::publish_rules(&world.operator, &path).await.unwrap();
    assert_eq!((published.document, published.added.index), (hash, 0));
    assert!(published.added.witnesses.len() >= 3);
    let entries = world.log.entries().await;
    let mut register = Register::new(world.log.policy.stamp_keys());
    assert_eq!(register.rules(), None);
    register.fold(0, &entries[0]).unwrap();
    assert_eq!(register.rules(), Some(&rules));

    // The next ones, by the same operator, take their place.
    let next = world.dir.path().join("next.txt");
    registrar::write_rules(&next, &Draft { figures: &[], after: Some(&path), ..draft }).unwrap();
    registrar::publish_rules(&world.operator, &next).await.unwrap();
    register.fold(1, &world.log.entries().await[1]).unwrap();
    assert_eq!(register.rules().unwrap().previous(), Some(&hash));
    assert_eq!(register.rules_of(&hash), Some(&rules));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_no_rules_is_named() {
    let world = World::new().await;
    let path = world.dir.path().join("rules.txt");
    let error = registrar::publish_rules(&world.operator, &path).await.unwrap_err();
    assert!(matches!(error, Error::Rules(GivenError::Missing { .. })), "{error}");
    let [operator, registrar] =
        [&world.operator, &world.registrar].map(|config| registrar::vkey(config).unwrap());
    let trustee = trustee(0).verifier().vkey();
    let (registrars, trustees) = ([registrar.as_str()], [trustee.as_str()]);
    let draft = Draft {
        operator: &operator,
        registrars: &registrars,
        trustees: &trustees,
        figures: &[],
        after: None,
    };
    registrar::write_rules(&path, &draft).unwrap();
    let good = std::fs::read(&path).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    for bad in [
        Vec::new(),
        vec![0xff; 100],
        good[..good.len() - 1].to_vec(),
        [&good[..], b"more 1\n"].concat(),
        text.replacen("emergency-span-secs 3600", "emergency-span-secs 03600", 1).into_bytes(),
        text.replacen("rules v1", "rules v2", 1).into_bytes(),
    ] {
        std::fs::write(&path, &bad).unwrap();
        let error = registrar::publish_rules(&world.operator, &path).await.unwrap_err();
        assert!(matches!(error, Error::Rules(GivenError::Malformed { .. })), "{error}");
    }
    std::fs::write(&path, vec![b'a'; 17 * 1024]).unwrap();
    let error = registrar::publish_rules(&world.operator, &path).await.unwrap_err();
    assert!(matches!(error, Error::Rules(GivenError::Unreadable(_))), "{error}");
    assert_eq!(world.log.entries().await.len(), 0);
}
