//! Invites: what parses writes the same URL. Mail under an invite: noise opens nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use media::message::Side;
use seal::pair::Invite;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = core::str::from_utf8(bytes)
        && let Ok(invite) = Invite::parse(text)
    {
        assert_eq!(invite.url(), text.trim());
    }
    let invite =
        Invite { relay: "r:1".into(), relay_key: [1; 32], owner_key: [2; 32], secret: [3; 32].into() };
    assert!(invite.open_mail(Side::Owner, bytes).is_err());
});
