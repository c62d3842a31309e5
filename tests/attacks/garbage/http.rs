//! What is not HTTP, not all of it, or HTTP that carries nonsense, on the socket of the log, a
//! witness, a monitor, a trustee, and the relay's status page.

use super::noise;
use candor::cast::Cast;
use host::http::{Fetch, FetchLimits};
use requester::request::Kind;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use world::{PATIENCE, Stage, until};

/// Connections that begin a request and never end it, at each socket.
const HALF_REQUESTS: usize = 150;

#[tokio::test(flavor = "multi_thread")]
async fn garbage_half_requests_and_floods_stop_no_party_that_speaks_http() {
    let mut stage = Stage::set(1).await;
    show_status_page(&mut stage.cast).await;
    let filmed = stage.filmed(1).await;
    let doors = doors(&stage.cast);

    for door in &doors {
        for (bytes, sent, expected) in nonsense() {
            let answer = exchange(door.at, &bytes, sent).await;
            let status = answer.get(..12).map_or("", |line| line);
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
            assert!(
                expected.contains(&status),
                "{}: {shown:?} was answered {answer:?}, expected {expected:?}",
                door.name
            );
        }
        for (path, body, status, name) in &door.refused {
            let url = format!("http://{}{path}", door.at);
            let reply = fetch().post(&url, "application/octet-stream", body.clone()).await.unwrap();
            let text = String::from_utf8_lossy(&reply.body);
            let shown = format!("{} {path}, {} bytes: {} {text}", door.name, body.len(), reply.status);
            assert_eq!(reply.status, *status, "{shown}");
            assert!(text.contains(name), "{shown}");
        }
    }

    // Half a request from each of many peers, at every door at once, held open while honest users
    // come.
    let mut held = Vec::new();
    for door in &doors {
        for n in 0..HALF_REQUESTS.min(door.connections * 2) {
            let Ok(mut stream) = TcpStream::connect(door.at).await else { continue };
            let half =
                [&b"GET /status HT"[..], b"POST /add HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\na"]
                    [n % 2];
            if stream.write_all(half).await.is_ok() {
                held.push(stream);
            }
        }
    }
    for door in &doors {
        // Where they took every place, the honest one waits until they are let go.
        until(door.name, async || {
            fetch()
                .get(&format!("http://{}{}", door.at, door.honest))
                .await
                .is_ok_and(|reply| reply.status == 200)
        })
        .await;
    }
    // The work of all parties together, with the peers still there.
    stage.collected("honest", &stage.ask(0, Kind::Legal, filmed)).await;
    let counted = monitor::check(&stage.cast.monitors[0].config, None).await.unwrap();
    assert!(counted.size > 0);
    // And not one of the half requests was kept for ever: the peer hung up, with or without a word.
    for mut stream in held {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "a half request is still held");
    }
    stage.strike().await;
}

/// A socket that speaks HTTP.
struct Door {
    name: &'static str,
    at: SocketAddr,
    /// A path that an honest user gets.
    honest: String,
    /// How many connections it keeps at once.
    connections: usize,
    /// Well framed requests that carry nonsense: path, body, status, and a word of the answer.
    refused: Vec<(&'static str, Vec<u8>, u16, &'static str)>,
}

fn doors(cast: &Cast) -> Vec<Door> {
    let witness = &cast.records.witnesses[0].config;
    let big = |bytes: usize| vec![b'a'; bytes];
    let gossip = |head: &str| format!("{{\"head\":{head:?},\"forks\":[]}}").into_bytes();
    vec![
        Door {
            name: "log",
            at: cast.records.log.config.listen,
            honest: "/checkpoint".to_owned(),
            connections: 512,
            refused: vec![
                ("/add", noise(1, 1000), 400, "not-a-note"),
                ("/add", Vec::new(), 400, "not-a-note"),
                ("/add", b"text\n\n\xe2\x80\x94 nobody AAAAAAAA\n".to_vec(), 403, "unknown-submitter"),
                ("/add", big(tlog::stamp::ENTRY_MAX_BYTES + 1), 413, "leaf-too-large"),
                ("/add", big(4 << 20), 413, ""),
            ],
        },
        Door {
            name: "witness",
            at: witness.listen,
            honest: format!("/{}/checkpoint", origin_hash(cast)),
            connections: 512,
            refused: vec![
                ("/add-checkpoint", noise(2, 1000), 400, "malformed"),
                ("/add-checkpoint", Vec::new(), 400, "malformed"),
                ("/add-checkpoint", b"old 0\n\nlog.example/candor\n5\nAAAA\n".to_vec(), 400, "malformed"),
                ("/add-checkpoint", big(witness::MAX_REQUEST_BYTES + 1), 413, ""),
            ],
        },
        Door {
            name: "monitor",
            at: cast.monitors[0].config.listen,
            honest: "/status".to_owned(),
            connections: 512,
            refused: vec![
                ("/gossip", noise(3, 1000), 400, "not-gossip"),
                ("/gossip", Vec::new(), 400, "not-gossip"),
                ("/gossip", b"{\"head\":null,\"forks\":[],\"more\":1}".to_vec(), 400, "not-gossip"),
                ("/gossip", b"[".repeat(100_000), 400, "not-gossip"),
                ("/gossip", gossip("log.example/candor\n5\nAAAA\n"), 403, "foreign-head"),
                ("/gossip", big(monitor::MAX_GOSSIP_BYTES + 1), 413, "gossip-too-large"),
            ],
        },
        Door {
            name: "trustee",
            at: cast.video.trustees[0].config.listen,
            honest: "/status".to_owned(),
            connections: 512,
            refused: vec![
                ("/package", noise(4, 10_000), 400, "package-malformed"),
                ("/package", Vec::new(), 400, "package-malformed"),
                ("/package", [&[0, 1, 0x41][..], &[0xff; 64]].concat(), 400, "package-malformed"),
            ],
        },
        Door {
            name: "relay's status page",
            at: cast.video.relay.at().unwrap().http.unwrap(),
            honest: "/status".to_owned(),
            connections: 16,
            refused: vec![("/status", noise(5, 1000), 405, "")],
        },
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Whole,
    /// The sender hangs up in the middle.
    Cut,
}

/// What is no whole HTTP request, and how its answer may begin; nothing: the party hung up.
fn nonsense() -> Vec<(Vec<u8>, Sent, &'static [&'static str])> {
    const BAD: &[&str] = &["", "HTTP/1.1 400"];
    let many_headers: String = (0..5000).map(|n| format!("h{n}: x\r\n")).collect();
    let chunked = "POST /add HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    let smuggled = "POST /add HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd";
    vec![
        (vec![0; 512], Sent::Whole, BAD),
        (noise(9, 70_000), Sent::Whole, &["", "HTTP/1.1 400", "HTTP/1.1 431"]),
        // The beginning of TLS.
        (vec![0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3], Sent::Cut, BAD),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), Sent::Whole, &["", "HTTP/1.1 400", "HTTP/1.1 505"]),
        (b"GET /status SMTP/9\r\n\r\n".to_vec(), Sent::Whole, BAD),
        (
            [&b"GET /status HTTP/1.1\r\nx: "[..], &vec![b'a'; 256 << 10]].concat(),
            Sent::Whole,
            &["", "HTTP/1.1 431"],
        ),
        (
            [b"GET /status HTTP/1.1\r\n", many_headers.as_bytes(), b"\r\n"].concat(),
            Sent::Whole,
            &["", "HTTP/1.1 431"],
        ),
        (b"GET /status HTTP/1.1\r\nhost: l".to_vec(), Sent::Cut, BAD),
        (
            b"GET /%00%ff/../../etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_vec(),
            Sent::Whole,
            &["HTTP/1.1 400", "HTTP/1.1 404"],
        ),
        (smuggled.into(), Sent::Cut, BAD),
        (chunked.into(), Sent::Cut, &["", "HTTP/1.1 400", "HTTP/1.1 404"]),
        (
            b"POST /add HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc".to_vec(),
            Sent::Cut,
            &["", "HTTP/1.1 400", "HTTP/1.1 404"],
        ),
        (
            b"DELETE /status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_vec(),
            Sent::Whole,
            &["HTTP/1.1 404", "HTTP/1.1 405"],
        ),
    ]
}

/// Sends bytes; what comes back until the party hangs up.
async fn exchange(at: SocketAddr, bytes: &[u8], sent: Sent) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    // It may hang up before all is sent.
    let _ = stream.write_all(bytes).await;
    if sent == Sent::Cut {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // An answer that is cut off by a reset is no answer, and no hang.
    let _ = read.unwrap_or_else(|_| panic!("{at} neither answers nor hangs up"));
    String::from_utf8_lossy(&answer).into_owned()
}

/// How the witness's URL names the log.
fn origin_hash(cast: &Cast) -> String {
    let origin = cast.records.log.config.origin.as_bytes();
    tlog::Hash::of(&[origin]).to_hex()
}

/// The relay once more, with its operator's page.
async fn show_status_page(cast: &mut Cast) {
    let relay = &mut cast.video.relay;
    relay.stop().await.unwrap();
    relay.config.http = Some("127.0.0.1:0".parse().unwrap());
    let running = super::super::strangers::relay_again(&relay.config).await;
    relay.resume(running);
}

fn fetch() -> Fetch {
    Fetch::new(FetchLimits { timeout: PATIENCE, connect_timeout: PATIENCE, ..FetchLimits::default() })
}
