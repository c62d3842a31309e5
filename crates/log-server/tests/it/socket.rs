//! What is not HTTP, or not all of it, on the log's socket: closed or refused, and the log goes on.

use crate::world::{World, leaf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Whole,
    /// The sender hangs up in the middle.
    Cut,
}

/// Sends bytes and returns what comes back until the log hangs up.
async fn exchange(at: std::net::SocketAddr, bytes: &[u8], sent: Sent) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    // The log may hang up before all is sent.
    let _ = stream.write_all(bytes).await;
    if sent == Sent::Cut {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await;
    let _ = read.expect("the log neither answers nor hangs up");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_truncated_and_oversized_requests_are_refused_and_the_log_goes_on() {
    let world = World::new().await;
    let log = world.start().await;
    let at = log.at().http;
    world.added(&log, &leaf("one")).await;
    let endless = [&b"GET /checkpoint HTTP/1.1\r\nx: "[..], &vec![b'a'; 256 * 1024]].concat();
    let oversized = [
        &b"POST /add HTTP/1.1\r\nhost: log\r\ncontent-length: 10000000\r\n\r\n"[..],
        &vec![b'a'; 100 * 1024],
    ]
    .concat();
    for (bytes, sent, expected) in [
        (&[0u8; 512][..], Sent::Whole, &["", "HTTP/1.1 400"][..]),
        (&[0x16, 3, 1, 0, 200, 1, 0, 0], Sent::Whole, &["", "HTTP/1.1 400"]),
        (b"GET /checkpoint SMTP/9\r\n\r\n", Sent::Whole, &["", "HTTP/1.1 400"]),
        (&endless, Sent::Whole, &["", "HTTP/1.1 431"]),
        // Refused before the body is read; what was sent meanwhile may cost the answer.
        (&oversized, Sent::Whole, &["", "HTTP/1.1 413"]),
        (b"GET /checkpoint HTTP/1.1\r\nhost: l", Sent::Cut, &["", "HTTP/1.1 400"]),
        // The promised body never comes.
        (
            b"POST /add HTTP/1.1\r\nhost: log\r\ncontent-length: 100\r\n\r\nabc",
            Sent::Cut,
            &["", "HTTP/1.1 400"],
        ),
        (b"DELETE /add HTTP/1.1\r\nhost: log\r\nconnection: close\r\n\r\n", Sent::Whole, &["HTTP/1.1 405"]),
        (
            b"GET /../state/checkpoint HTTP/1.1\r\nhost: log\r\nconnection: close\r\n\r\n",
            Sent::Whole,
            &["HTTP/1.1 404"],
        ),
    ] {
        let answer = exchange(at, bytes, sent).await;
        let fits =
            |start: &&str| if start.is_empty() { answer.is_empty() } else { answer.starts_with(*start) };
        assert!(
            expected.iter().any(fits),
            "{:?}: {answer:?}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(60)])
        );
    }
    assert_eq!(world.added(&log, &leaf("two")).await.index(), 1);
    assert_eq!(world.published(&log).await.unwrap().0, 2);
}
