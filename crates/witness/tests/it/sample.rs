//! The sample configuration is one: it parses, and its keys are keys.

use std::path::Path;

#[test]
fn the_sample_configuration_is_accepted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config/witness.toml");
    let config: witness::Config = host::config::load(&path).unwrap();
    assert_eq!(config.logs.len(), 1);
    tlog::note::Verifier::parse(&config.logs[0]).unwrap();
}
