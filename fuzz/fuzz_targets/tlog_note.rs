//! Notes and checkpoints: what parses encodes to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::checkpoint::UnverifiedCheckpoint;
use tlog::note::UnverifiedNote;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(note) = UnverifiedNote::parse(bytes) {
        assert_eq!(note.encode(), bytes);
    }
    if let Ok(checkpoint) = UnverifiedCheckpoint::parse(bytes) {
        assert_eq!(checkpoint.encode(), bytes);
    }
});
