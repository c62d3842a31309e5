//! The own key: made once, never implicitly, of the configured name; and the sample configuration.

use registrar::{Config, Error};
use std::path::Path;

fn config(data: &Path) -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config/registrar.toml");
    let sample: Config = host::config::load(&path).unwrap();
    assert_eq!(
        (sample.name.as_str(), sample.log.url.as_str()),
        ("registrar.example", "https://log.example/candor")
    );
    Config { data: data.to_owned(), ..sample }
}

#[tokio::test]
async fn a_key_is_made_once_and_a_missing_or_foreign_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&dir.path().join("registrar"));
    let error = registrar::vkey(&config).unwrap_err().to_string();
    assert!(error.contains("init"), "{error}");
    assert!(!config.data.exists());

    let vkey = registrar::init(&config).unwrap();
    assert!(vkey.starts_with("registrar.example+"));
    assert_eq!(registrar::vkey(&config).unwrap(), vkey);
    let again = registrar::init(&config).unwrap_err().to_string();
    assert!(again.contains("never overwritten"), "{again}");
    assert_eq!(registrar::vkey(&config).unwrap(), vkey);

    let renamed = Config { name: "other.example".to_owned(), ..config.clone() };
    assert!(matches!(registrar::vkey(&renamed), Err(Error::OwnKey { .. })));
    for name in ["", "-", "two words", "a+b"] {
        let data = dir.path().join("bad");
        let bad = Config { name: name.to_owned(), data, ..config.clone() };
        assert!(matches!(registrar::init(&bad), Err(Error::Name { .. })), "{name:?}");
    }
    for (name, bytes) in [("torn", &b"PRIVATE+KEY+reg"[..]), ("empty", b""), ("garbage", &[0xff; 99])] {
        std::fs::write(config.data.join("note.key"), bytes).unwrap();
        assert!(matches!(registrar::vkey(&config), Err(Error::OwnKey { .. })), "{name}");
    }
    let policy = dir.path().join("none");
    let nowhere = Config { log: registrar::LogConfig { policy, ..config.log.clone() }, ..config.clone() };
    std::fs::remove_file(config.data.join("note.key")).unwrap();
    registrar::init(&config).unwrap();
    let asked =
        registrar::register(&nowhere, escrow::record::Role::Sponsor, "registrar.example", &vkey).await;
    assert!(matches!(asked, Err(Error::Policy(log_client::PolicyFileError::Missing { .. }))));
}
