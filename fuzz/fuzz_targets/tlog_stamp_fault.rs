//! Evidence of bad stamps: what parses encodes to the same bytes, and no log is accused by a policy
//! that does not know it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::cosignature::{Algorithm, Cosigner};
use tlog::note::Signer;
use tlog::policy::Policy;
use tlog::stamp::StampFault;

fuzz_target!(|bytes: &[u8]| {
    let Ok(fault) = StampFault::parse(bytes) else { return };
    assert_eq!(fault.encode(), bytes);
    let log = Signer::from_seed("stranger.example", &[7; 32]).unwrap();
    let witness = Cosigner::from_seed("w.example", Algorithm::Ed25519, &[8; 32]).unwrap();
    let policy = format!("log {}\nwitness w {}\nquorum w\n", log.verifier(), witness.verifier());
    assert!(fault.verify(&Policy::parse(policy.as_bytes()).unwrap()).is_err());
});
