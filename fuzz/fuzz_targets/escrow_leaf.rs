//! Leaves, day keys and PolicyDocs: what parses encodes to the same bytes.
#![no_main]

use escrow::daykeys::DayKey;
use escrow::policy::PolicyDoc;
use escrow::record::{Leaf, Record, Signed};
use libfuzzer_sys::fuzz_target;
use tlog::Entry;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(leaf) = Signed::<Leaf>::parse(bytes) {
        assert_eq!(leaf.entry_bytes(), bytes);
    }
    if let Ok(rules) = PolicyDoc::parse(bytes) {
        assert_eq!(rules.encode(), bytes);
    }
    if let Ok(text) = core::str::from_utf8(bytes) {
        if let Ok(leaf) = Leaf::parse_text(text) {
            assert_eq!(leaf.text(), text);
        }
        if let Ok(key) = DayKey::parse_text(text) {
            assert_eq!(key.text(), text);
        }
    }
});
