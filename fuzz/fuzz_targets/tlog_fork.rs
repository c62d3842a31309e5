//! Fork proofs: what parses encodes to the same bytes, and nobody is accused without a key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::fork::ForkProof;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(proof) = ForkProof::parse(bytes) {
        assert_eq!(proof.encode(), bytes);
        assert!(proof.verify(&[]).is_err());
    }
});
