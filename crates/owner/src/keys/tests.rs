use super::*;
use crate::Owner;
use crate::config::{Addresses, Escrow, Footage, LogConfig, Relay, Trustee};
use tlog::note::Signer;

fn signer(name: &str, at: u8) -> Signer {
    Signer::from_seed(name, &[at; 32]).unwrap()
}

/// A configuration in `dir` whose files exist.
pub(crate) fn config(dir: &Path) -> Config {
    let log = signer("log.example", 1);
    let witness =
        tlog::cosignature::Cosigner::from_seed("w1.example", tlog::cosignature::Algorithm::Ed25519, &[2; 32])
            .unwrap();
    let policy =
        format!("log {}\nwitness w1 {}\nquorum w1\n", log.verifier().vkey(), witness.verifier().vkey());
    std::fs::write(dir.join("log-policy.txt"), policy).unwrap();
    let vkey = |name: &str, at: u8| escrow::record::Vkey::new(signer(name, at).verifier()).unwrap();
    let trustees = vec![vkey("bar.example", 5)];
    let rules = PolicyDoc::recommended(vkey("operator.example", 3), vkey("registrar.example", 4), trustees);
    let rules = rules.unwrap();
    std::fs::write(dir.join("policy-doc.txt"), rules.encode()).unwrap();
    let trustee = |at: u8| Trustee {
        name: format!("trustee{at}.example"),
        vkey: signer(&format!("trustee{at}.example"), 10 + at).verifier().vkey(),
        url: format!("http://127.0.0.1:{at}"),
    };
    Config {
        keybook: dir.join("keybook"),
        relay: Relay {
            addresses: Addresses::one("127.0.0.1:1"),
            key: Key([5; 32]),
            invite_address: None,
            sponsor: "relay.example".to_owned(),
        },
        log: LogConfig { url: "http://127.0.0.1:1".to_owned(), policy: dir.join("log-policy.txt") },
        escrow: Some(Escrow {
            policy_doc: dir.join("policy-doc.txt"),
            threshold: 3,
            classes: vec!["legal".to_owned(), "emergency".to_owned()],
            trustees: (1..=5).map(trustee).collect(),
        }),
        footage: Footage::default(),
        recovery_key: None,
        alarm: Default::default(),
        bridge: Default::default(),
    }
}

#[test]
fn keys_are_made_once_and_opened_as_they_were_made() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    assert!(matches!(Owner::open(config.clone()), Err(KeysError::Secret(SecretError::Missing { .. }))));
    let created = init(&config).unwrap();
    assert_ne!(created.root_key, created.device_key);
    let owner = Owner::open(config.clone()).unwrap();
    assert_eq!(owner.public(), created);
    assert!(owner.cameras().is_empty());
    assert_ne!(owner.agreed.rules_hash, [0; 32]);
    assert!(matches!(init(&config), Err(KeysError::Secret(_))));
    assert_eq!(Owner::open(config.clone()).unwrap().public(), created, "nothing was replaced");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&config.keybook).unwrap().permissions().mode() & 0o777, 0o700);
    let shown = format!("{owner:?}");
    assert!(!shown.contains("root") && !shown.contains("wrap"), "{shown}");
}

#[test]
fn what_the_configuration_names_must_be_there_and_be_what_it_is_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let good = config(dir.path());
    init(&good).unwrap();
    let with = |change: &dyn Fn(&mut Config)| {
        let mut config = good.clone();
        change(&mut config);
        Owner::open(config).unwrap_err()
    };
    assert!(matches!(
        with(&|c| c.log.policy = dir.path().join("none")),
        KeysError::LogPolicy(PolicyFileError::Missing { .. })
    ));
    assert!(matches!(
        with(&|c| c.log.policy = dir.path().join("policy-doc.txt")),
        KeysError::LogPolicy(PolicyFileError::Malformed { .. })
    ));
    let document = |c: &mut Config| c.escrow.as_mut().unwrap().policy_doc = dir.path().join("log-policy.txt");
    assert!(matches!(with(&document), KeysError::PolicyDoc(_)));
    // A key that no trustee would take: of another name, mistyped, or no note key at all.
    let other = signer("device", 9).verifier().vkey();
    let recovery = signer("recovery", 9).verifier().vkey();
    let mistyped = format!("recovery+00000000+{}", recovery.rsplit('+').next().unwrap());
    for wrong in [other, mistyped, Key([1; 32]).to_string()] {
        let recovery = |c: &mut Config| c.recovery_key = Some(wrong.clone());
        assert!(matches!(with(&recovery), KeysError::RecoveryKey(_)), "{wrong}");
    }
    std::fs::remove_file(good.keybook.join("wrap.secret")).unwrap();
    assert!(matches!(with(&|_| ()), KeysError::Secret(SecretError::Missing { .. })));
}
