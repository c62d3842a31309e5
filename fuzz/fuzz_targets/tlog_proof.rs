//! Proof files: what parses encodes to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::proof::TlogProof;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(proof) = TlogProof::parse(bytes) {
        assert_eq!(proof.encode(), bytes);
        assert!(proof.index() < proof.checkpoint().unverified().size());
    }
});
