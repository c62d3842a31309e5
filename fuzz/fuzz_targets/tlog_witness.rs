//! Add-checkpoint requests and answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::witness::{AddCheckpointRequest, Answer, SIZE_CONTENT_TYPE, encode_cosignatures, encode_size};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = AddCheckpointRequest::parse(bytes) {
        assert_eq!(request.encode(), bytes);
    }
    if let Answer::Cosigned(lines) = Answer::read(200, None, bytes) {
        assert_eq!(encode_cosignatures(&lines).as_bytes(), bytes);
    }
    if let Answer::Stale(size) = Answer::read(409, Some(SIZE_CONTENT_TYPE), bytes) {
        assert_eq!(encode_size(size).as_bytes(), bytes);
    }
});
