//! What a peer monitor sends: it parses within its limits or is refused, and what parses serialises
//! to an object that parses the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor::Gossip;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(gossip) = Gossip::parse(bytes) {
        let again = serde_json::to_vec(&gossip).expect("plain data serialises");
        let again = Gossip::parse(&again).expect("its own text");
        assert_eq!(format!("{again:?}"), format!("{gossip:?}"));
    }
});
