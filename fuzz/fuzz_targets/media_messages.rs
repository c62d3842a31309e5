//! Control and call messages, and the mail of pairing: what decodes encodes to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use media::message::{Control, Request, Response};
use media::pair::{PairHello, PairWelcome};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Control::decode(bytes) {
        assert_eq!(message.encode(), bytes);
    }
    if let Ok(message) = Request::decode(bytes) {
        assert_eq!(message.encode(), bytes);
    }
    if let Ok(message) = Response::decode(bytes) {
        assert_eq!(message.encode(), bytes);
    }
    if let Ok(hello) = PairHello::decode(bytes) {
        assert_eq!(hello.encode(), bytes);
    }
    if let Ok(welcome) = PairWelcome::decode(bytes) {
        assert_eq!(welcome.encode(), bytes);
    }
});
