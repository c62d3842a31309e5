//! The sample configuration is one: it parses.

use std::path::Path;

#[test]
fn the_sample_configuration_is_accepted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config/monitor.toml");
    let config: monitor::Config = host::config::load(&path).unwrap();
    assert_eq!((config.poll_ms, config.withheld_secs), (10_000, 600));
    assert_eq!(config.peers.len(), 1);
}
