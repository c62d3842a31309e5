//! What a trustee says over HTTP: any status with any body. What is understood is said again with
//! the same meaning, and nothing foreign can drive a terminal.
#![no_main]

use escrow::answer::Answer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, Vec<u8>)| {
    const STATUSES: [u16; 11] = [200, 202, 400, 403, 404, 408, 413, 429, 500, 502, 503];
    let (at, body) = input;
    let status = STATUSES[usize::from(at) % STATUSES.len()];
    match Answer::read(status, &body) {
        Ok(answer) => {
            assert_eq!(answer.status(), status);
            if let Answer::Refused(refused) | Answer::Malformed(refused) = &answer {
                assert!(!refused.text.chars().any(char::is_control));
            }
            assert_eq!(Answer::read(status, &answer.clone().into_body()), Ok(answer));
        }
        Err(error) => assert!(!error.to_string().chars().any(char::is_control)),
    }
});
