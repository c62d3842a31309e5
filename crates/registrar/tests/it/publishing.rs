//! Rules apply once the operator whom they name has published them, and nobody else can.

use crate::world::World;
use escrow::policy::PolicyDoc;
use escrow::register::Register;
use registrar::Error;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_are_written_published_and_found_by_whoever_reads_the_log() {
    let world = World::new().await;
    let [operator, registrar] =
        [&world.operator, &world.registrar].map(|config| registrar::vkey(config).unwrap());
    let path = world.dir.path().join("rules.txt");
    let hash = registrar::write_rules(&path, &operator, &registrar, &[("emergency-epochs", 12)]).unwrap();
    let rules = PolicyDoc::parse(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(rules.figures().emergency_epochs, 12);

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
    let mut register = Register::new(&rules);
    assert!(!register.has_rules(&hash));
    register.fold(0, &entries[0]).unwrap();
    assert!(register.has_rules(&hash));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_no_rules_is_named() {
    let world = World::new().await;
    let path = world.dir.path().join("rules.txt");
    let error = registrar::publish_rules(&world.operator, &path).await.unwrap_err();
    assert!(matches!(error, Error::NoRules { .. }), "{error}");
    let [operator, registrar] =
        [&world.operator, &world.registrar].map(|config| registrar::vkey(config).unwrap());
    registrar::write_rules(&path, &operator, &registrar, &[]).unwrap();
    let good = std::fs::read(&path).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    for bad in [
        Vec::new(),
        vec![0xff; 100],
        good[..good.len() - 1].to_vec(),
        [&good[..], b"more 1\n"].concat(),
        text.replacen("emergency-epochs 60", "emergency-epochs 060", 1).into_bytes(),
        text.replacen("rules v1", "rules v2", 1).into_bytes(),
    ] {
        std::fs::write(&path, &bad).unwrap();
        let error = registrar::publish_rules(&world.operator, &path).await.unwrap_err();
        assert!(matches!(error, Error::Rules { .. }), "{error}");
    }
    std::fs::write(&path, vec![b'a'; 17 * 1024]).unwrap();
    let error = registrar::publish_rules(&world.operator, &path).await.unwrap_err();
    assert!(matches!(error, Error::File(_)), "{error}");
    assert_eq!(world.log.entries().await.len(), 0);
}
