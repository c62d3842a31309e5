//! EpochOpen, OwnerPolicy, Enrollment and DayNotice, also as it is held: parsing and verifying foreign ones; what
//! parses has one body.
#![no_main]

use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;
use media::enrollment::Enrollment;
use media::epoch::SignedEpochOpen;
use media::codec;
use media::health::Health;
use media::notice::{Beside, DayNotice, HeldNotice};
use media::policy::SignedOwnerPolicy;
use media::settings::Settings;

fuzz_target!(|bytes: &[u8]| {
    let key = SigningKey::from_bytes(&[1; 32]);
    let public = *key.verifying_key().as_bytes();
    // All but the signature, which is another key's.
    let body = |bytes: &[u8]| bytes[..bytes.len() - 64].to_vec();
    if let Ok(signed) = SignedEpochOpen::decode(bytes) {
        assert_eq!(signed.bytes(), bytes);
        assert_eq!(body(signed.unverified().clone().sign(&key).bytes()), body(bytes));
        let _ = signed.verify(&public);
    }
    if let Ok(signed) = SignedOwnerPolicy::decode(bytes) {
        assert_eq!(signed.bytes(), bytes);
        let again = signed.unverified().clone().sign(&key).expect("what was read can be signed");
        assert_eq!(body(again.bytes()), body(bytes));
        let _ = signed.verify(&public);
    }
    let _ = Enrollment::decode_verified(bytes);
    let _ = DayNotice::decode_verified(bytes, &public);
    let _ = Health::decode_verified(bytes, &public);
    let _ = Settings::decode_verified(bytes);
    if let Ok(held) = codec::decode_bare::<HeldNotice>(bytes) {
        assert_eq!(codec::encode_bare(&held), bytes);
        // A DayNotice adds nothing to itself.
        assert!(held.beside(&held).is_err() || held.beside(&held) == Ok(Beside::AddsNothing));
    }
});
