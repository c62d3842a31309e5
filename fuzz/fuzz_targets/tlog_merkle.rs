//! Proof verification over any sizes: no panic, no long loop, and no proof of an index outside the
//! tree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::Hash;
use tlog::merkle::{ConsistencyProof, InclusionProof, verify_consistency, verify_inclusion};

fuzz_target!(|input: (u64, u64, [u8; 32], [u8; 32], Vec<[u8; 32]>)| {
    let (small, large, a, b, hashes) = input;
    let (a, b, hashes) = (Hash(a), Hash(b), hashes.into_iter().map(Hash).collect::<Vec<_>>());
    let included = verify_inclusion(&a, small, large, &b, &InclusionProof(hashes.clone()));
    assert!(included.is_err() || small < large);
    let consistent = verify_consistency(small, &a, large, &b, &ConsistencyProof(hashes));
    assert!(consistent.is_err() || small <= large);
});
