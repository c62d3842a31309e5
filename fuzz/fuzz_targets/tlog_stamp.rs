//! Entries and their stamps: whatever the bytes, nothing but the log's own stamp verifies, and what
//! is stamped splits into what it was made of.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::note::{Signer, UnverifiedNote};
use tlog::stamp::{self, StampKey};

fuzz_target!(|bytes: &[u8]| {
    let log = Signer::from_seed("log.example", &[7; 32]).unwrap();
    let keys = [StampKey::of(&log.verifier()).unwrap()];
    if let Ok(time) = stamp::verify(bytes, &keys) {
        // Only a stamp that this log made: Ed25519 is deterministic, so it makes the same again.
        let (_, line) = stamp::split(bytes).unwrap();
        let leaf = &bytes[..bytes.len() - line.len()];
        let note = UnverifiedNote::parse(leaf).unwrap();
        assert_eq!(stamp::stamp(&log, note, time).unwrap().encode(), bytes);
    }
    let Ok(note) = UnverifiedNote::parse(bytes) else { return };
    if let Ok(entry) = stamp::stamp(&log, note, 7) {
        let entry = entry.encode();
        assert_eq!(stamp::verify(&entry, &keys), Ok(7));
        assert!(stamp::is_stamped(&entry, bytes));
    }
});
