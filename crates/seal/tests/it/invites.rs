//! Invites and the mail sealed under them: the URL there and back, every malformed one refused, and
//! mail that opens for its side only.

use crate::schedule::{array, bytes, cases};
use chacha20::ChaCha20Rng as Rng;
use media::message::Side;
use rand_core::SeedableRng as _;
use seal::pair::{Invite, InviteError};

fn invite(secret: [u8; 32]) -> Invite {
    Invite {
        relay: "relay.example:4433".into(),
        relay_key: [1; 32],
        owner_key: [2; 32],
        secret: secret.into(),
    }
}

#[test]
fn a_url_reads_back_as_it_was_written() {
    for relay in ["relay.example:4433", "192.0.2.1:1", "[2001:db8::1]:65535"] {
        let invite = Invite { relay: relay.into(), ..invite([0xfb; 32]) };
        let url = invite.url();
        assert!(url.starts_with("candor://pair?relay=") && url.len() < 256 && url.is_ascii());
        assert!(Invite::parse(&url).unwrap() == invite);
        assert!(Invite::parse(&format!(" {url}\n")).unwrap() == invite, "as pasting leaves it");
        assert_eq!(Invite::parse(&url).unwrap().url(), url);
    }
    assert!(invite([1; 32]) != invite([3; 32]));
}

#[test]
fn malformed_urls_are_refused_and_say_why() {
    let good = invite([9; 32]).url();
    let field = |name: &str, value: &str| {
        let fields = good.split_once('?').unwrap().1.split('&');
        let replaced: Vec<_> = fields
            .map(|f| if f.starts_with(&format!("{name}=")) { format!("{name}={value}") } else { f.into() })
            .collect();
        format!("candor://pair?{}", replaced.join("&"))
    };
    let swapped = {
        let fields: Vec<_> = good.split_once('?').unwrap().1.split('&').collect();
        format!("candor://pair?{}&{}&{}&{}", fields[0], fields[2], fields[1], fields[3])
    };
    let key = good.rsplit_once('=').unwrap().1;
    for (url, says) in [
        (String::new(), "begin"),
        ("https://pair?relay=x:1".into(), "begin"),
        (good.to_uppercase(), "begin"),
        (good[..good.len() - 1].into(), "32 bytes"),
        (good.rsplit_once('&').unwrap().0.into(), "secret is missing"),
        (format!("{good}&s={key}"), "follows"),
        (format!("{good}#x"), "32 bytes"),
        (swapped, "relay's key is missing"),
        (field("relay", ""), "HOST:PORT"),
        (field("relay", "relay.example"), "HOST:PORT"),
        (field("relay", "relay.example:0"), "HOST:PORT"),
        (field("relay", "relay.example:65536"), "HOST:PORT"),
        (field("relay", "relay.example:+443"), "HOST:PORT"),
        (field("relay", ":443"), "HOST:PORT"),
        (field("relay", "re lay:443"), "HOST:PORT"),
        (field("relay", "r\u{e9}lay:443"), "HOST:PORT"),
        (field("relay", &format!("{}:443", "x".repeat(600))), "too long"),
        (field("rk", ""), "32 bytes"),
        (field("ok", &key[..42]), "32 bytes"),
        (field("s", &format!("{key}=")), "32 bytes"),
        (field("s", &key.replace(key.chars().next().unwrap(), "+")), "32 bytes"),
        // 43 characters carry 258 bits: the two that are left over must be zero, or one secret had
        // four URLs.
        (field("s", &format!("{}B", "A".repeat(42))), "32 bytes"),
    ] {
        match Invite::parse(&url) {
            Err(InviteError::Malformed(why)) => assert!(why.contains(says), "{url}: {why}"),
            other => panic!("{url}: {other:?}"),
        }
    }
}

#[test]
fn mail_of_the_second_implementation_opens() {
    for case in cases("mails") {
        let invite = invite(array(&case["secret"]));
        let (mine, other) = match case["side"].as_str().unwrap() {
            "camera" => (Side::Camera, Side::Owner),
            _ => (Side::Owner, Side::Camera),
        };
        assert_eq!(invite.mailbox(), array(&case["mailbox"]));
        let mail = bytes(&case["mail"]);
        let message = case["message"].as_str().unwrap().as_bytes();
        assert_eq!(invite.open_mail(mine, &mail).unwrap().as_slice(), message);
        assert_eq!(
            invite.open_mail(other, &mail),
            Err(InviteError::CannotOpen),
            "reflected to its own sender"
        );
    }
}

#[test]
fn mail_opens_under_its_invite_for_its_side_only_and_unaltered() {
    let (mut rng, mine, other) = (Rng::seed_from_u64(1), invite([1; 32]), invite([2; 32]));
    let mail = mine.seal_mail(Side::Camera, b"hello", &mut rng);
    assert_eq!(mine.open_mail(Side::Camera, &mail).unwrap().as_slice(), b"hello");
    assert_eq!(mine.open_mail(Side::Owner, &mail), Err(InviteError::CannotOpen));
    assert_eq!(other.open_mail(Side::Camera, &mail), Err(InviteError::CannotOpen));
    for at in 0..mail.len() {
        let mut altered = mail.clone();
        altered[at] ^= 1;
        assert_eq!(mine.open_mail(Side::Camera, &altered), Err(InviteError::CannotOpen), "byte {at}");
        assert_eq!(mine.open_mail(Side::Camera, &mail[..at]), Err(InviteError::CannotOpen), "cut at {at}");
    }
    assert_ne!(mine.seal_mail(Side::Camera, b"hello", &mut rng), mail, "a fresh nonce for each");
}
