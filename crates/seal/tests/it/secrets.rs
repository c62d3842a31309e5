//! No secret shows itself when it is printed.

use seal::epoch::{ContentKey, EpochSeed, Pool};
use seal::hpke::SecretKey;
use seal::notice::{NoticeKey, NoticeRoot};
use seal::pair::Invite;
use seal::wrap::Unwrapped;

#[test]
fn printed_secrets_say_their_name_alone() {
    let bytes = [0xab; 32];
    let invite = Invite {
        relay: "relay.example:1".into(),
        relay_key: [1; 32],
        owner_key: [2; 32],
        secret: bytes.into(),
    };
    for (name, printed) in [
        ("Pool", format!("{:?}", Pool::new(bytes))),
        ("EpochSeed", format!("{:?}", EpochSeed::new(bytes))),
        ("ContentKey", format!("{:?}", ContentKey::new(bytes))),
        ("SecretKey", format!("{:?}", SecretKey::new(bytes))),
        ("NoticeRoot", format!("{:?}", NoticeRoot::new(bytes))),
        ("NoticeKey", format!("{:?}", NoticeKey::new(bytes))),
        ("Seed", format!("{:?}", Unwrapped::Seed(EpochSeed::new(bytes)))),
        ("relay.example:1", format!("{invite:?}")),
    ] {
        assert!(printed.contains(name), "{printed}");
        assert!(!printed.contains("171") && !printed.to_lowercase().contains("ab, "), "{printed}");
        assert!(!printed.contains("abab"), "{printed}");
    }
}
