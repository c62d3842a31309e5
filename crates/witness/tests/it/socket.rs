//! What is not HTTP, or not all of it, or not text, on the witness's socket: closed or refused,
//! nothing is cosigned, and it goes on.

use crate::{Log, ORIGIN, config, start};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Whole,
    /// The sender hangs up in the middle.
    Cut,
}

/// Sends bytes and returns what comes back until the witness hangs up.
async fn exchange(at: SocketAddr, bytes: &[u8], sent: Sent) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    // The witness may hang up before all is sent.
    let _ = stream.write_all(bytes).await;
    if sent == Sent::Cut {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await;
    let _ = read.expect("the witness neither answers nor hangs up");
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(body: &[u8], length: usize) -> Vec<u8> {
    let head = format!(
        "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn garbage_truncated_and_oversized_requests_cosign_nothing_and_the_witness_goes_on() {
    let log = Log::new(1, 0, 9);
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &[&log]);
    witness::init(&config).unwrap();
    let witness = start(config).await;
    let at = witness.running.at().http;
    let good = log.request(0, 5);
    let endless = [&b"GET / HTTP/1.1\r\nx: "[..], &vec![b'a'; 256 * 1024]].concat();
    for (bytes, sent, expected) in [
        (vec![0; 512], Sent::Whole, &["", "HTTP/1.1 400"][..]),
        (vec![0x16, 3, 1, 0, 200, 1, 0, 0], Sent::Whole, &["", "HTTP/1.1 400"]),
        (endless, Sent::Whole, &["", "HTTP/1.1 431"]),
        (post(b"", 1 << 40), Sent::Cut, &["", "HTTP/1.1 400", "HTTP/1.1 413"]),
        (post(&vec![b'a'; witness::MAX_REQUEST_BYTES + 1], 10 << 20), Sent::Whole, &["", "HTTP/1.1 413"]),
        // A good request, one byte short of what was announced, and one cut to fit.
        (post(&good, good.len() + 1), Sent::Cut, &["", "HTTP/1.1 400"]),
        (post(&good[..good.len() - 1], good.len() - 1), Sent::Whole, &["HTTP/1.1 400"]),
        (post(&[0xff; 100], 100), Sent::Whole, &["HTTP/1.1 400"]),
        (
            b"POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-le".to_vec(),
            Sent::Cut,
            &["", "HTTP/1.1 400"],
        ),
        (
            b"PUT /add-checkpoint HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n".to_vec(),
            Sent::Whole,
            &["HTTP/1.1 405"],
        ),
    ] {
        let answer = exchange(at, &bytes, sent).await;
        let fits =
            |start: &&str| if start.is_empty() { answer.is_empty() } else { answer.starts_with(*start) };
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        assert!(expected.iter().any(fits), "{shown:?}: {answer:?}");
        assert_eq!(witness.latest(ORIGIN).await.status, 404, "{shown:?}");
    }
    // Cut at every place: nothing that is not whole is taken for something else.
    for length in 0..good.len() {
        assert_eq!(witness.add(&good[..length]).await.status, 400, "{length}");
    }
    witness.check(&witness.add(good).await, &log.head(5));
    assert_eq!(std::fs::read_dir(dir.path().join("refused")).unwrap().count(), 0);
}
