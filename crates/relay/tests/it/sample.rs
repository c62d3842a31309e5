//! The sample configuration is one that a relay accepts.

use std::path::Path;

#[test]
fn the_sample_parses_and_a_misspelt_field_is_named() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config/relay.toml");
    let config: relay::Config = host::config::load(&path).unwrap();
    assert_eq!(config.log.sponsor, "relay.example");
    assert_eq!(config.trustees.len(), 2);
    assert_eq!(config.store.retention_days_max, 30);
    let text = std::fs::read_to_string(&path).unwrap();
    let error = host::config::parse::<relay::Config>(&text.replace("listen", "lisen"), &path).unwrap_err();
    assert!(error.to_string().contains("lisen"), "{error}");
    let bad = text.replacen("owners = [", "owners = [\"short\", ", 1);
    let error = host::config::parse::<relay::Config>(&bad, &path).unwrap_err();
    assert!(error.to_string().contains("43 characters"), "{error}");
}
