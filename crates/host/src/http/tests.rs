use super::*;
use crate::shutdown::Shutdown;
use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

struct Server {
    address: SocketAddr,
    shutdown: Shutdown,
    task: tokio::task::JoinHandle<()>,
}

async fn start(router: Router, limits: ServeLimits) -> Server {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = Shutdown::new();
    let task = tokio::spawn(serve(listener, router, limits, shutdown.clone()));
    Server { address, shutdown, task }
}

impl Server {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn stop(self) {
        self.shutdown.request();
        self.task.await.unwrap();
    }
}

fn small() -> ServeLimits {
    ServeLimits { body_bytes: 100, ..ServeLimits::default() }
}

fn echo() -> Router {
    Router::new().route("/echo", post(|body: Bytes| async move { body }))
}

#[tokio::test]
async fn a_body_comes_back_and_one_over_the_limit_is_413() {
    let server = start(echo(), small()).await;
    let fetch = Fetch::new(FetchLimits::default());
    let reply = fetch.post(&server.url("/echo"), "text/plain", "hello").await.unwrap();
    assert_eq!((reply.status, &reply.body[..]), (200, &b"hello"[..]));
    let reply = fetch.post(&server.url("/echo"), "text/plain", vec![b'x'; 101]).await.unwrap();
    assert_eq!(reply.status, 413);
    assert_eq!(fetch.get(&server.url("/nothing")).await.unwrap().status, 404);
    assert!(matches!(
        fetch.get(&server.url("/nothing")).await.unwrap().ok(),
        Err(FetchError::Status { status: 404, .. })
    ));
    server.stop().await;
}

/// A peer that writes its whole request before it reads a word of the answer, as simple ones do.
/// How many bytes of body it could write, and what it read.
async fn writes_then_reads(server: &Server, path: &str, stated: usize, body: usize) -> (usize, String) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {stated}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = vec![b'x'; 64 << 10];
    let mut written = 0;
    while written < body && stream.write_all(&piece[..piece.len().min(body - written)]).await.is_ok() {
        written += piece.len().min(body - written);
    }
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await;
    // A reset takes the answer with it.
    let _ = read.expect("it neither answers nor hangs up");
    (written, String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_too_much_reads_why_even_if_it_reads_last() {
    let server = start(echo(), small()).await;
    for bytes in [101, 70_000, 1 << 20, drain::BYTES] {
        for (path, status) in [("/echo", "HTTP/1.1 413"), ("/nothing", "HTTP/1.1 404")] {
            let (written, answer) = writes_then_reads(&server, path, bytes, bytes).await;
            assert_eq!((written, answer.get(..12)), (bytes, Some(status)), "{path}, {bytes} bytes");
        }
        let fetch = Fetch::new(FetchLimits { timeout: Duration::from_secs(60), ..FetchLimits::default() });
        let reply = fetch.post(&server.url("/echo"), "text/plain", vec![b'x'; bytes]).await.unwrap();
        assert_eq!(reply.status, 413, "{bytes} bytes");
    }
    // Who says more than it sends is told too, and who never ends is cut off.
    let (_, answer) = writes_then_reads(&server, "/echo", 70_000, 69_999).await;
    assert_eq!(answer.get(..12), Some("HTTP/1.1 413"));
    let (written, _) = writes_then_reads(&server, "/echo", 1 << 40, 1 << 30).await;
    assert!(written < 1 << 30, "all of it was read");
    server.stop().await;
}

#[tokio::test]
async fn an_answer_over_the_limit_is_refused_by_the_client() {
    let server = start(Router::new().route("/", get(|| async { vec![0u8; 2000] })), small()).await;
    let fetch = Fetch::new(FetchLimits { answer_bytes: 1999, ..FetchLimits::default() });
    let error = fetch.get(&server.url("/")).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { limit: 1999, .. }), "{error}");
    assert!(!error.is_passing());
    assert_eq!(
        fetch.with_limits(FetchLimits::default()).get(&server.url("/")).await.unwrap().body.len(),
        2000
    );
    server.stop().await;
}

#[tokio::test]
async fn a_peer_that_sends_no_header_or_no_body_is_let_go() {
    let limits = ServeLimits {
        // Enough for a header that comes at once, on any machine.
        header_timeout: Duration::from_secs(1),
        request_timeout: Duration::from_secs(1),
        ..small()
    };
    let server = start(echo(), limits).await;
    // Half a header: the server hangs up.
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"POST /echo HT").await.unwrap();
    let mut answer = Vec::new();
    // Whether hyper says 408 or only closes is its affair; that the read ends is ours.
    let _ = slow.read_to_end(&mut answer).await;
    // A header that promises a body which never comes: 408 by name.
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab").await.unwrap();
    let mut answer = Vec::new();
    let _ = slow.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request-timeout"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn garbage_is_answered_with_400_and_the_server_lives() {
    let server = start(echo(), small()).await;
    let mut peer = TcpStream::connect(server.address).await.unwrap();
    peer.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 13, 10, 13, 10]).await.unwrap();
    let mut answer = Vec::new();
    let _ = peer.read_to_end(&mut answer).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"));
    let reply = Fetch::new(FetchLimits::default()).post(&server.url("/echo"), "a/b", "x").await.unwrap();
    assert_eq!(reply.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_seat() {
    let limits = ServeLimits { connections: 1, ..small() };
    let server = start(echo(), limits).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first.write_all(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na").await.unwrap();
    let mut one = [0; 12];
    first.read_exact(&mut one).await.unwrap();
    // The seat is taken by the kept-alive first connection: the second is not answered until it
    // goes.
    let second = Fetch::new(FetchLimits::default());
    let url = server.url("/echo");
    let waiting = tokio::spawn(async move { second.post(&url, "a/b", "b").await });
    drop(first);
    assert_eq!(waiting.await.unwrap().unwrap().status, 200);
    server.stop().await;
}

#[tokio::test]
async fn shutdown_lets_an_open_request_finish_and_refuses_new_ones() {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let router = {
        let (entered, leave) = (entered.clone(), leave.clone());
        Router::new().route(
            "/",
            get(move || async move {
                entered.notify_one();
                leave.notified().await;
                "done"
            }),
        )
    };
    let server = start(router, small()).await;
    let fetch = Fetch::new(FetchLimits::default());
    let url = server.url("/");
    let open = tokio::spawn({
        let (fetch, url) = (fetch.clone(), url.clone());
        async move { fetch.get(&url).await }
    });
    entered.notified().await;
    server.shutdown.request();
    leave.notify_one();
    assert_eq!(open.await.unwrap().unwrap().body, "done");
    server.task.await.unwrap();
    let error = fetch.get(&url).await.unwrap_err();
    assert!(error.is_passing(), "{error}");
}

#[tokio::test]
async fn a_request_that_outlives_the_drain_is_cut() {
    let entered = Arc::new(Notify::new());
    let router = {
        let entered = entered.clone();
        Router::new().route(
            "/",
            get(move || async move {
                entered.notify_one();
                std::future::pending::<()>().await;
            }),
        )
    };
    let server = start(router, ServeLimits { drain: Duration::from_millis(20), ..small() }).await;
    let url = server.url("/");
    let open = tokio::spawn(async move { Fetch::new(FetchLimits::default()).get(&url).await });
    entered.notified().await;
    server.stop().await;
    assert!(matches!(open.await.unwrap(), Err(FetchError::Broken { .. })));
}

#[tokio::test]
async fn passing_failures_are_tried_again_and_others_are_not() {
    let calls = Arc::new(AtomicU32::new(0));
    let answer = |status: StatusCode, good_at: u32, calls: Arc<AtomicU32>| {
        get(move || async move {
            if calls.fetch_add(1, Ordering::SeqCst) + 1 == good_at { StatusCode::OK } else { status }
        })
    };
    let router = Router::new()
        .route("/busy", answer(StatusCode::TOO_MANY_REQUESTS, 3, calls.clone()))
        .route("/failing", answer(StatusCode::BAD_GATEWAY, 99, calls.clone()))
        .route("/refused", answer(StatusCode::FORBIDDEN, 99, calls.clone()));
    let server = start(router, small()).await;
    let retry = Retry::new(4, Duration::from_millis(1), Duration::from_millis(2));
    let fetch = Fetch::new(FetchLimits { retry, ..FetchLimits::default() });
    for (path, status, expected_calls) in [("/busy", 200, 3), ("/failing", 502, 4), ("/refused", 403, 1)] {
        calls.store(0, Ordering::SeqCst);
        let reply = fetch.get(&server.url(path)).await.unwrap();
        assert_eq!((reply.status, calls.load(Ordering::SeqCst)), (status, expected_calls), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_a_url_is_named_and_a_silent_peer_times_out() {
    let fetch = Fetch::new(FetchLimits { timeout: Duration::from_millis(50), ..FetchLimits::default() });
    for url in ["", "log", "/checkpoint", "ftp://127.0.0.1/", "http://", "file:///etc/passwd"] {
        assert!(matches!(fetch.get(url).await, Err(FetchError::Url { .. })), "{url}");
    }
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    assert!(matches!(fetch.get(&url).await, Err(FetchError::Timeout { .. })));
    let taken = bind(listener.local_addr().unwrap()).await.unwrap_err();
    assert!(taken.to_string().contains("another process"), "{taken}");
}

#[tokio::test]
async fn a_failure_is_json_with_what_to_do() {
    let router = Router::new()
        .route("/", get(|| async { Failure::new(429, "rate", "wait a minute").into_response() }));
    let server = start(router, small()).await;
    let reply = Fetch::new(FetchLimits::default()).get(&server.url("/")).await.unwrap();
    assert_eq!((reply.status, reply.content_type.as_str()), (429, "application/json"));
    let json: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(json["error"], "rate");
    assert_eq!(json["what_to_do"], "wait a minute");
    server.stop().await;
}
