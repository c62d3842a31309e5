//! The sample configuration is one: it parses, and its keys are keys.

use std::path::Path;

#[test]
fn the_sample_configuration_is_accepted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config/trustee.toml");
    let config: trustee::Config = host::config::load(&path).unwrap();
    assert_eq!((config.days_ahead, config.retention_days, config.auto_approve), (35, 30, false));
    for vkey in &config.approvers {
        assert!(tlog::note::Verifier::parse(vkey).unwrap().ed25519_key().is_some());
    }
    assert!(!config.approvers.is_empty());
}
