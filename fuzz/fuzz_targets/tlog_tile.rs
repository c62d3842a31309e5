//! Tile paths, bundles, and a reader fed with noise: it hands out nothing that does not lead to its
//! head.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::Hash;
use tlog::reader::{Head, Reader};
use tlog::tile::{Bundle, TilePath};

fuzz_target!(|input: (u16, u64, u64, &[u8])| {
    let (width, old, new, bytes) = input;
    if let Ok(bundle) = Bundle::parse(width, bytes) {
        assert_eq!(bundle.encode(), bytes);
    }
    if let Ok(path) = core::str::from_utf8(bytes).unwrap_or("").parse::<TilePath>() {
        assert_eq!(path.to_string().as_bytes(), bytes);
    }
    let (old, new) = (Head { size: old, root: Hash([1; 32]) }, Head { size: new, root: Hash([2; 32]) });
    let Ok(mut reader) = Reader::towards(old, new) else { return };
    let wanted = reader.wanted();
    assert!(wanted.len() <= 16);
    for path in wanted {
        if reader.feed(&path, bytes).is_err() {
            return;
        }
    }
    assert_eq!(reader.next_entry(), None);
});
