//! Several addresses of one relay, tried in turn.

use crate::fake::{Answer, Fake, HANDSHAKE, relay};
use media::message::Response;
use quic::LinkError;
use relay_client::Addresses;
use std::net::UdpSocket;
use std::time::Instant;

fn start(seed: u8) -> Fake {
    Fake::start(seed, |_, _| Answer::Say(Response::Ok))
}

/// Bound, and silent.
fn silent() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    (socket, address)
}

fn addresses(all: &[&str]) -> Addresses {
    Addresses::try_from(all.iter().map(|address| (*address).to_owned()).collect::<Vec<_>>()).unwrap()
}

#[tokio::test]
async fn the_next_address_is_tried_and_the_one_that_answered_comes_first_from_then_on() {
    let (fake, (_socket, dead)) = (start(1), silent());
    let relay = relay(addresses(&["no address", &dead, &fake.address]), fake.key);
    let (_link, _control) = relay.connect().await.unwrap();
    let begun = Instant::now();
    let (_link, _control) = relay.connect().await.unwrap();
    assert!(begun.elapsed() < HANDSHAKE, "the silent one was asked again first");
}

#[tokio::test]
async fn another_relay_at_one_address_is_not_believed_and_keeps_nobody_from_the_right_one() {
    let (impostor, fake) = (start(2), start(1));
    let right = relay(addresses(&[&impostor.address, &fake.address]), fake.key);
    let (link, _control) = right.connect().await.unwrap();
    assert_eq!((link.peer_key(), impostor.sessions()), (fake.key, 0));
    // Where nobody may still be right, that somebody holds another key is final.
    let wrong = relay(addresses(&["no address", &impostor.address]), fake.key).connect().await;
    assert!(wrong.is_err_and(|error| !error.is_passing()));
    let wrong = relay(Addresses::one(&impostor.address), fake.key);
    assert_eq!(wrong.connect().await.map(drop), Err(LinkError::WrongKey));
}

#[tokio::test]
async fn a_fault_at_one_address_is_said_and_does_not_make_the_outage_of_another_final() {
    let (impostor, (_socket, dead)) = (start(2), silent());
    let right = start(1).key;
    for both in [[&impostor.address, &dead], [&dead, &impostor.address]] {
        let error = relay(addresses(&both.map(String::as_str)), right).connect().await.map(drop).unwrap_err();
        assert_eq!(error, LinkError::SomeAway(Box::new(LinkError::WrongKey)));
        assert!(error.is_passing() && error.to_string().contains("another key"), "{error}");
    }
    let error = relay(addresses(&["no address", &dead]), right).connect().await.map(drop).unwrap_err();
    assert!(error.is_passing() && error.to_string().contains("HOST:PORT"), "{error}");
}
