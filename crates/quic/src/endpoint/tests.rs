use super::*;
use crate::{CallError, StreamError};
use bytes::Bytes;
use media::id::{CameraId, EpochNo, Sequence, TrackId};
use media::message::{Request, Response};
use media::segment::{HeadQuery, SegmentHeader, SegmentQuery, Start, StoredHead, frame};
use quinn::VarInt;

const RELAY: [u8; 32] = [1; 32];
const CAMERA: [u8; 32] = [2; 32];

fn relay(limits: Limits) -> Endpoint {
    Endpoint::server("127.0.0.1:0".parse().unwrap(), &Identity::from_seed(&RELAY), limits).unwrap()
}

fn client() -> Endpoint {
    Endpoint::client(&Identity::from_seed(&CAMERA)).unwrap()
}

fn relay_key() -> PublicKey {
    Identity::from_seed(&RELAY).public_key()
}

type End = (Link, ControlReceiver);

/// Both ends of one session; the endpoints are kept, because dropping one ends its sessions.
async fn session() -> (Endpoint, Endpoint, End, End) {
    let (relay, client) = (relay(Limits::default()), client());
    let address = relay.local_addr().unwrap().to_string();
    let accepted = async { relay.accept().await.unwrap().accept(|| Micros(77)).await };
    let key = relay_key();
    let (here, there) = tokio::join!(client.connect(&address, &key), accepted);
    (relay, client, here.unwrap(), there.unwrap())
}

fn fetch() -> SegmentQuery {
    let (camera_id, track) = (CameraId([3; 32]), TrackId(0));
    SegmentQuery { camera_id, track, from_us: Micros(0), to_us: Micros(9), cursor: Sequence(0) }
}

#[tokio::test]
async fn each_side_knows_the_others_key_and_the_client_the_relays_clock() {
    let (_relay, _client, (here, mut control), (there, mut theirs)) = session().await;
    assert_eq!(here.peer_key(), relay_key());
    assert_eq!(there.peer_key(), Identity::from_seed(&CAMERA).public_key());
    assert_eq!(here.welcome_now_us(), Micros(77));
    let ack = Control::Ack { track: TrackId(0), sequence: Sequence(5) };
    there.control_send(&ack).unwrap();
    assert_eq!(control.next().await, Ok(Some(ack)));
    here.control_send(&Control::Goodbye).unwrap();
    assert_eq!(theirs.next().await, Ok(None));
}

#[tokio::test]
async fn nobody_passes_for_the_relay() {
    let (relay, client) = (relay(Limits::default()), client());
    let address = relay.local_addr().unwrap().to_string();
    let other = Identity::from_seed(&[9; 32]).public_key();
    let accepted = async { relay.accept().await.unwrap().accept(|| Micros(0)).await };
    let (refused, there) = tokio::join!(client.connect(&address, &other), accepted);
    assert_eq!(refused.unwrap_err(), LinkError::WrongKey);
    assert!(matches!(there.unwrap_err(), LinkError::Handshake(_)));
}

#[tokio::test]
async fn another_protocol_and_another_version_are_named() {
    let (relay, client) = (relay(Limits::default()), client());
    let peer = relay.local_addr().unwrap();
    let accepted = async { relay.accept().await.unwrap().accept(|| Micros(0)).await };
    let key = relay_key();
    let (refused, there) = tokio::join!(client.connect_to(peer, &key, b"h3"), accepted);
    assert_eq!(refused.unwrap_err(), LinkError::OtherProtocol);
    assert!(matches!(there.unwrap_err(), LinkError::OtherProtocol | LinkError::Handshake(_)));

    for (first, expected) in [
        (Control::Hello { version: 2 }, LinkError::Version(2)),
        (Control::Goodbye, LinkError::Unexpected { expected: "Hello", got: "another message" }),
    ] {
        let accepted = async { relay.accept().await.unwrap().accept(|| Micros(0)).await };
        let raw = async {
            let connection = raw_connection(&client, peer).await;
            let (mut send, _recv) = connection.open_bi().await.unwrap();
            send.write_chunk(framed(&first.encode())).await.unwrap();
            LinkError::from(connection.closed().await)
        };
        let (told, there) = tokio::join!(raw, accepted);
        assert_eq!(there.unwrap_err(), expected);
        assert!(matches!(told, LinkError::Refused(refusal) if refusal.code == RefusalCode::Malformed));
    }
}

async fn raw_connection(client: &Endpoint, peer: SocketAddr) -> quinn::Connection {
    let tls = QuicClientConfig::try_from(client.identity.client_tls(&relay_key(), ALPN)).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(tls));
    client.inner.connect_with(config, peer, NAME).unwrap().await.unwrap()
}

#[tokio::test]
async fn a_peer_that_never_says_hello_is_let_go() {
    let limits = Limits { handshake: Duration::from_secs(2), ..Limits::default() };
    let (relay, client) = (relay(limits), client());
    let peer = relay.local_addr().unwrap();
    let accepted = async { relay.accept().await.unwrap().accept(|| Micros(0)).await };
    let (connection, there) = tokio::join!(raw_connection(&client, peer), accepted);
    assert!(matches!(there.unwrap_err(), LinkError::NoAnswer { .. }));
    connection.closed().await;
}

#[tokio::test]
async fn a_silent_address_and_no_address_are_named() {
    let options = Limits { handshake: Duration::from_millis(200), ..Limits::default() };
    let client = Endpoint::client_with(&Identity::from_seed(&CAMERA), options).unwrap();
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let error = client.connect(&address, &relay_key()).await.unwrap_err();
    assert!(matches!(error, LinkError::NoAnswer { .. }) && error.is_passing(), "{error}");
    for address in ["", "nowhere", "127.0.0.1", "127.0.0.1:x"] {
        let error = client.connect(address, &relay_key()).await.unwrap_err();
        assert!(matches!(error, LinkError::Address { .. }), "{address}: {error}");
    }
}

#[tokio::test]
async fn garbage_on_the_control_stream_ends_the_session_by_name_on_both_sides() {
    let long = u32::try_from(media::limits::MESSAGE + 1).unwrap().to_be_bytes().to_vec();
    let hello = framed(&Control::Hello { version: VERSION }.encode()).to_vec();
    let trailing = framed(&[Control::Goodbye.encode(), vec![0]].concat()).to_vec();
    let cases: [(&[u8], &str); 5] = [
        (&[0, 0, 0, 4, 1, 2, 3, 4], "suite"),
        (&long, "over its limit"),
        (&hello, "second Hello"),
        (&[0, 0, 0, 9, 0], "ended inside"),
        (&trailing, "follow the last"),
    ];
    for (bytes, says) in cases {
        let (relay, client) = (relay(Limits::default()), client());
        let peer = relay.local_addr().unwrap();
        let accepted = async { relay.accept().await.unwrap().accept(|| Micros(0)).await.unwrap() };
        let raw = async {
            let connection = raw_connection(&client, peer).await;
            let (mut send, recv) = connection.open_bi().await.unwrap();
            send.write_all(&[&hello[..], bytes].concat()).await.unwrap();
            send.finish().unwrap();
            (connection, recv)
        };
        let ((connection, _recv), (_link, mut control)) = tokio::join!(raw, accepted);
        let error = control.next().await.unwrap_err();
        assert!(error.to_string().contains(says), "{error} has no {says}");
        match LinkError::from(connection.closed().await) {
            LinkError::Refused(refusal) => {
                assert_eq!(refusal.code, RefusalCode::Malformed);
                assert!(refusal.text.contains(says), "{refusal}");
            }
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_call_is_answered_refused_or_broken_off() {
    let (_relay, _client, (here, _control), (there, _theirs)) = session().await;
    let serve = async {
        let (request, responder) = there.accept_call().await.unwrap().request().await.unwrap();
        assert_eq!(request, Request::ListCameras);
        responder.answer(&Response::Cameras(Vec::new())).await.unwrap();
        let refusal = RefusalCode::NotAllowed.because("no");
        let (_, responder) = there.accept_call().await.unwrap().request().await.unwrap();
        responder.answer(&Response::Refused(refusal.clone())).await.unwrap();
        let (_, responder) = there.accept_call().await.unwrap().request().await.unwrap();
        responder.answer(&Response::Refused(refusal)).await.unwrap();
        // Dropped without an answer.
        there.accept_call().await.unwrap().request().await.unwrap();
    };
    let ask = async {
        assert_eq!(here.call(&Request::ListCameras).await, Ok(Response::Cameras(Vec::new())));
        assert!(matches!(here.call(&Request::ListCameras).await, Ok(Response::Refused(_))));
        assert!(matches!(here.fetch_segments(&fetch()).await, Err(CallError::Refused(_))));
        assert_eq!(here.call(&Request::ListCameras).await, Err(CallError::Abandoned));
        assert!(!here.is_closed(), "a call that was broken off leaves the session");
    };
    tokio::join!(serve, ask);
}

#[tokio::test]
async fn fetched_segments_arrive_whole_and_an_early_end_is_no_end() {
    let (_relay, _client, (here, _control), (there, _theirs)) = session().await;
    let big = Bytes::from(vec![7; 3 << 20]);
    let serve = async {
        let (request, responder) = there.accept_call().await.unwrap().request().await.unwrap();
        assert_eq!(request, Request::FetchSegments(fetch()));
        let mut out = responder.follow(&Response::Segments).await.unwrap();
        out.send(Micros(11), Bytes::from_static(b"one")).await.unwrap();
        out.send(Micros(12), big.clone()).await.unwrap();
        out.finish().await.unwrap();
        let (_, responder) = there.accept_call().await.unwrap().request().await.unwrap();
        let mut out = responder.follow(&Response::Segments).await.unwrap();
        out.send(Micros(13), Bytes::from_static(b"one")).await.unwrap();
        drop(out);
    };
    let ask = async {
        let mut segments = here.fetch_segments(&fetch()).await.unwrap();
        assert_eq!(segments.next().await, Ok(Some((Micros(11), Bytes::from_static(b"one")))));
        assert_eq!(segments.next().await, Ok(Some((Micros(12), big.clone()))));
        assert_eq!(segments.next().await, Ok(None));
        assert_eq!(segments.next().await, Ok(None));
        let early = async {
            let mut segments = here.fetch_segments(&fetch()).await?;
            while segments.next().await?.is_some() {}
            Ok::<_, CallError>(())
        };
        assert_eq!(early.await, Err(CallError::Abandoned));
    };
    tokio::join!(serve, ask);
}

#[tokio::test]
async fn fetched_heads_arrive_and_what_is_none_ends_the_session() {
    let (camera_id, track) = (CameraId([3; 32]), TrackId(0));
    let query = HeadQuery { segments: fetch(), pictures: false };
    let header = SegmentHeader {
        camera_id,
        track,
        epoch_no: EpochNo(1),
        k: 0,
        sequence: Sequence(4),
        run: 0,
        start_us: Micros(5),
        start: Start::KeyFrame,
    };
    let bytes = [&header.encode()[..], &frame(0, b"sealed")].concat();
    let head = StoredHead { segment_bytes: 900, duration_us: 7, bytes };
    let cut = head.encode()[..head.bytes.len()].to_vec();
    let (_relay, _client, (here, _control), (there, _theirs)) = session().await;
    let serve = async {
        let (asked, responder) = there.accept_call().await.unwrap().request().await.unwrap();
        assert_eq!(asked, Request::FetchHeads(query));
        let mut out = responder.follow(&Response::Heads).await.unwrap();
        out.send(Micros(11), head.encode().into()).await.unwrap();
        out.finish().await.unwrap();
        let (_, responder) = there.accept_call().await.unwrap().request().await.unwrap();
        let mut out = responder.follow(&Response::Heads).await.unwrap();
        out.send(Micros(12), cut.into()).await.unwrap();
        out.finish().await.unwrap();
        there.closed().await
    };
    let ask = async {
        let mut heads = here.fetch_heads(&query).await.unwrap();
        assert_eq!(heads.next().await, Ok(Some((Micros(11), head.clone()))));
        assert_eq!(heads.next().await, Ok(None));
        let mut heads = here.fetch_heads(&query).await.unwrap();
        let error = heads.next().await.unwrap_err();
        assert!(error.to_string().contains("truncated"), "{error}");
    };
    let (told, ()) = tokio::join!(serve, ask);
    assert!(matches!(told, LinkError::Refused(r) if r.code == RefusalCode::Malformed));
}

#[tokio::test]
async fn garbage_in_a_call_ends_the_session_by_name() {
    let list = framed(&Request::ListCameras.encode()).to_vec();
    let cases: [(Vec<u8>, &str); 4] = [
        (vec![0xff; 64], "over its limit"),
        (vec![0, 0, 0, 2, 9, 9], "unknown suite"),
        (list[..list.len() - 1].to_vec(), "ended inside"),
        ([&list[..], &list[..]].concat(), "follow the last"),
    ];
    for (bytes, says) in cases {
        let (_relay, _client, (here, _control), (there, _theirs)) = session().await;
        let (mut send, _recv) = here.connection.open_bi().await.unwrap();
        send.write_all(&bytes).await.unwrap();
        send.finish().unwrap();
        let error = there.accept_call().await.unwrap().request().await.unwrap_err();
        assert!(error.to_string().contains(says), "{error} has no {says}");
        assert!(matches!(here.closed().await, LinkError::Refused(r) if r.code == RefusalCode::Malformed));
    }
    // A caller that resets its request is no violation.
    let (_relay, _client, (here, _control), (there, _theirs)) = session().await;
    let (mut send, _recv) = here.connection.open_bi().await.unwrap();
    send.write_all(&[0, 0]).await.unwrap();
    send.reset(VarInt::from_u32(0)).unwrap();
    let error = there.accept_call().await.unwrap().request().await.unwrap_err();
    assert_eq!(error, StreamError::Abandoned);
    assert!(!there.is_closed());
}

#[tokio::test]
async fn garbage_from_the_relay_ends_the_session_by_name() {
    for (bytes, says) in
        [(vec![0, 0, 0, 1, 9], "truncated"), (vec![0xff; 8], "over its limit"), (vec![], "ended inside")]
    {
        let (_relay, _client, (here, _control), (there, _theirs)) = session().await;
        let serve = async {
            let (mut send, _recv) = there.connection.accept_bi().await.unwrap();
            send.write_all(&bytes).await.unwrap();
            send.finish().unwrap();
            there.closed().await
        };
        let (told, answer) = tokio::join!(serve, here.call(&Request::ListCameras));
        let error = answer.unwrap_err();
        assert!(error.to_string().contains(says), "{error} has no {says}");
        assert!(matches!(told, LinkError::Refused(r) if r.code == RefusalCode::Malformed));
    }
}

#[tokio::test]
async fn a_segment_arrives_as_it_is_written_and_half_of_one_is_reset() {
    let (_relay, _client, (here, _control), (there, _theirs)) = session().await;
    let mut sent = here.open_segment(1).await.unwrap();
    sent.write(b"abc").await.unwrap();
    let mut received = there.accept_segment().await.unwrap();
    assert_eq!(received.read_chunk(64).await, Ok(Some(Bytes::from_static(b"abc"))));
    sent.finish().unwrap();
    assert_eq!(received.read_chunk(64).await, Ok(None));

    let mut half = here.open_segment(1).await.unwrap();
    half.write(b"abc").await.unwrap();
    let mut received = there.accept_segment().await.unwrap();
    drop(half);
    let ended = async {
        loop {
            match received.read_chunk(64).await {
                Ok(Some(_)) => {}
                other => return other,
            }
        }
    };
    assert_eq!(ended.await, Err(StreamError::Abandoned));
}

#[tokio::test]
async fn a_refusal_reaches_the_peer_with_its_text_and_so_does_a_goodbye() {
    let (_relay, _client, (here, mut control), (there, _theirs)) = session().await;
    let refusal = RefusalCode::Replaced.because("another connection with your key took over");
    there.close(&refusal);
    assert_eq!(here.closed().await, LinkError::Refused(refusal.clone()));
    assert_eq!(control.next().await, Err(LinkError::Refused(refusal.clone())));
    assert_eq!(here.control_send(&Control::Goodbye), Err(LinkError::Refused(refusal.clone())));
    assert_eq!(here.call(&Request::ListCameras).await, Err(CallError::Link(LinkError::Refused(refusal))));

    let (_relay, _client, (here, mut control), (there, _theirs)) = session().await;
    there.goodbye();
    assert_eq!(control.next().await, Ok(None));
    assert_eq!(here.closed().await, LinkError::Closed);
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_control_stream_is_let_go() {
    let (_relay, _client, (here, _control), (there, _theirs)) = session().await;
    let refusal = RefusalCode::Internal.because("x".repeat(1000));
    let flood = Control::Nack { track: TrackId(0), sequence: Sequence(0), refusal };
    let error = loop {
        match there.control_send(&flood) {
            Ok(()) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert_eq!(error, LinkError::Backlog);
    assert!(matches!(here.closed().await, LinkError::Refused(r) if r.code == RefusalCode::Quota));
}

#[tokio::test]
async fn connections_beyond_the_limit_are_refused() {
    let relay = relay(Limits { connections: 1, ..Limits::default() });
    let (first, second) = (client(), client());
    let address = relay.local_addr().unwrap().to_string();
    let server = async {
        let kept = relay.accept().await.unwrap().accept(|| Micros(0)).await.unwrap();
        assert!(relay.accept().await.is_none(), "the second is refused; closing ends the wait");
        drop(kept);
    };
    let peers = async {
        let kept = first.connect(&address, &relay_key()).await.unwrap();
        let error = second.connect(&address, &relay_key()).await.unwrap_err();
        assert!(matches!(error, LinkError::Refused(r) if r.code == RefusalCode::Quota));
        relay.close();
        drop(kept);
    };
    tokio::join!(server, peers);
}
