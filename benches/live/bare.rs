//! What Candor is compared with: the same source by the same ffmpeg, straight into a page, with no
//! camera, no relay and no owner between.
//!
//! ```text
//! GET /        a page with one video; the rules of the owner's page are its rules (`player.js`)
//! GET /live    ffmpeg's fragmented MP4 until the page goes
//! ```

use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinHandle;
use world::rtsp::{PASSWORD, RtspServer, USER};

const PAGE: &str = include_str!("bare.html");
const PACE: &str = include_str!("../../crates/owner/src/app/page/pace.js");

pub(crate) struct Bare {
    url: String,
    serving: JoinHandle<()>,
}

impl Bare {
    pub(crate) async fn start(server: &RtspServer, mount: &str) -> Self {
        let encoded: String = PASSWORD.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let source = server.url(mount).replace("rtsp://", &format!("rtsp://{USER}:{encoded}@"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(stream, source.clone()));
            }
        });
        Self { url, serving }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn stop(self) {
        self.serving.abort();
        // Aborted: an error by design.
        let _ = self.serving.await;
    }
}

async fn answer(mut stream: TcpStream, source: String) {
    stream.set_nodelay(true).unwrap();
    let mut lines = BufReader::new(&mut stream).lines();
    let asked = lines.next_line().await.ok().flatten().unwrap_or_default();
    while lines.next_line().await.ok().flatten().is_some_and(|line| !line.is_empty()) {}
    let head = |kind: &str| format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n");
    // A page that goes away ends what is written to it.
    if asked.starts_with("GET / ") {
        let page = PAGE.replace("PACE", &PACE.replace("export class", "class"));
        let _ = stream.write_all(format!("{}{page}", head("text/html")).as_bytes()).await;
    } else if asked.starts_with("GET /live ") {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", &source]);
        ffmpeg.args(["-map", "0:v:0", "-c:v", "copy", "-f", "mp4"]);
        ffmpeg.args(["-movflags", "empty_moov+default_base_moof+frag_keyframe"]);
        ffmpeg.args(["-frag_duration", "100000", "-flush_packets", "1", "pipe:1"]);
        let mut child = ffmpeg.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut pictures = child.stdout.take().unwrap();
        let _ = stream.write_all(head("video/mp4").as_bytes()).await;
        let _ = tokio::io::copy(&mut pictures, &mut stream).await;
    } else {
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n").await;
    }
}
