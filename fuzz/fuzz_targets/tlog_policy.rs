//! Policies and keys: no quorum without a witness, one spelling of a key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::note::Verifier;
use tlog::policy::Policy;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(policy) = Policy::parse(bytes) {
        assert!(!policy.is_quorum([]), "a quorum of nobody");
        assert!(!policy.logs().is_empty() && !policy.witnesses().is_empty());
    }
    if let Ok(text) = core::str::from_utf8(bytes)
        && let Ok(key) = Verifier::parse(text)
    {
        assert_eq!(key.vkey(), text);
    }
});
