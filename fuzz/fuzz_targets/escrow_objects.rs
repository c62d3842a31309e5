//! Packages, envelopes, bundles, held bundles and evidence heads: what parses encodes to the same bytes, and
//! verifying ends.
#![no_main]

use escrow::bundle::Bundle;
use escrow::envelope::Envelope;
use escrow::evidence::{Evidence, Verification};
use escrow::grant::Held;
use escrow::package::Package;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(package) = Package::decode(bytes) {
        assert_eq!(package.encode(), bytes);
    }
    if let Ok(envelope) = Envelope::decode(bytes) {
        // A stranger's bytes are sealed to nobody.
        let key = seal::hpke::SecretKey::new([1; 32]);
        assert!(envelope.open(&escrow::deal::TrusteeId([2; 32]), &key).is_err());
    }
    if let Ok(bundle) = Bundle::decode(bytes) {
        assert_eq!(bundle.encode(), bytes);
    }
    if let Ok(held) = Held::decode(bytes) {
        assert_eq!(held.encode(), bytes);
    }
    if let Ok(evidence) = Evidence::decode(bytes) {
        assert_eq!(evidence.encode(), bytes);
        let _ = Verification::start(&evidence);
    }
});
