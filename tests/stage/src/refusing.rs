//! A camera over RTSP that refuses whoever asks, with every user and every password.

use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

/// Starts it; where it is.
pub async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (read, mut write) = stream.split();
                let (mut lines, mut number) = (BufReader::new(read).lines(), String::new());
                while let Ok(Some(line)) = lines.next_line().await {
                    if let Some(found) = line.strip_prefix("CSeq:") {
                        found.trim().clone_into(&mut number);
                    }
                    if line.is_empty() {
                        let answer = format!(
                            "RTSP/1.0 401 Unauthorized\r\nCSeq: {number}\r\nWWW-Authenticate: Basic realm=\"door\"\r\n\r\n"
                        );
                        let _ = write.write_all(answer.as_bytes()).await;
                    }
                }
            });
        }
    });
    at
}
