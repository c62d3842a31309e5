//! The sample configuration is one: it parses, and its keys are keys.

use std::path::Path;

#[test]
fn the_sample_configuration_is_accepted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config/log.toml");
    let config: log_server::Config = host::config::load(&path).unwrap();
    assert_eq!((config.batch_ms, config.refresh_secs, config.submitters.len()), (50, 30, 1));
    assert_eq!(config.submitters[0].kinds, log_server::kinds::SPONSOR);
    tlog::note::Verifier::parse(&config.submitters[0].vkey).unwrap();
}
