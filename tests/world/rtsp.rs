//! A camera nobody here wrote: GStreamer's RTSP server in a process of its own, which plays
//! prepared films and a live test picture.
//!
//! In scope: starting, stopping, freezing it; what it plays. Out of scope: what is made of it,
//! which stands with the tests.

use crate::{footage, free_port, until};
use camera::{SourceConfig, Stream, Transport};
use host::tunnel::Fingerprint;
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

pub const USER: &str = "viewer";
/// With everything that an address or a script could trip over.
pub const PASSWORD: &str = "p@ss:w/ö%'x#1";
/// Debian's libfaketime, for a server whose clock is wrong.
const FAKETIME: &str = "/usr/$LIB/faketime/libfaketime.so.1";
/// How long its films are, seconds.
pub const SECONDS: &str = "8";

/// What is special about a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Encrypted,
    /// Its clock is ahead by so many seconds.
    Ahead(u32),
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct RtspServer {
    folder: tempfile::TempDir,
    port: u16,
    kind: Kind,
    child: Child,
    goodbyes: Arc<AtomicUsize>,
}

impl RtspServer {
    /// Prepares its films and starts it.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [_, street] = &footage()[..] else { panic!("two films") };
        let small = ["-vf", "scale=320:-2", "-pix_fmt", "yuv420p", "-g", "25"];
        let h265 = "log-level=none:bframes=0:keyint=25:min-keyint=25:scenecut=0";
        for (name, how) in [
            ("h264-aac.mp4", vec!["-c", "copy"]),
            ("h264-g711.mov", vec!["-c:v", "copy", "-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"]),
            (
                "h265-aac.mp4",
                [
                    &small[..],
                    &["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", h265, "-c:a", "copy"],
                ]
                .concat(),
            ),
            (
                "odd-times.mp4",
                vec![
                    "-vf",
                    "scale=320:-2,fps=30000/1001",
                    "-pix_fmt",
                    "yuv420p",
                    "-g",
                    "30",
                    "-an",
                    "-c:v",
                    "libx264",
                    "-preset",
                    "veryfast",
                    "-bf",
                    "0",
                    "-video_track_timescale",
                    "29971",
                ],
            ),
            (
                "b-frames.mp4",
                [
                    &small[..],
                    &["-an", "-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-sc_threshold", "0"],
                ]
                .concat(),
            ),
        ] {
            let mut ffmpeg = Command::new("ffmpeg");
            ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(street).args(["-t", SECONDS]).args(how);
            let made = ffmpeg.arg(folder.path().join(name)).status().await.unwrap();
            assert!(made.success(), "{name}");
        }
        Self::on(folder, free_port(), Kind::Plain).await
    }

    /// Starts it with films that are there, named as its mounts are.
    pub async fn playing(films: tempfile::TempDir) -> Self {
        Self::on(films, free_port(), Kind::Plain).await
    }

    /// The same films by another server, which speaks TLS with a certificate of its own making.
    pub async fn encrypted(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["h264-aac.mp4", "h264-g711.mov", "h265-aac.mp4", "odd-times.mp4", "b-frames.mp4"] {
            std::fs::copy(self.folder.path().join(name), folder.path().join(name)).unwrap();
        }
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-days", "2", "-subj", "/CN=camera", "-keyout"])
            .arg(folder.path().join("key.pem"))
            .arg("-out")
            .arg(folder.path().join("certificate.pem"))
            .output()
            .await
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self::on(folder, free_port(), Kind::Encrypted).await
    }

    /// Of its certificate, as openssl shows it; none of one that speaks no TLS.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        if self.kind != Kind::Encrypted {
            return None;
        }
        let shown = std::process::Command::new("openssl")
            .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
            .arg(self.folder.path().join("certificate.pem"))
            .output()
            .unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        Some(shown.trim().split_once('=').unwrap().1.parse().unwrap())
    }

    /// The test picture by another server, whose clock is ahead by so many seconds.
    pub async fn ahead_by(seconds: u32) -> Self {
        Self::on(tempfile::tempdir().unwrap(), free_port(), Kind::Ahead(seconds)).await
    }

    async fn on(folder: tempfile::TempDir, port: u16, kind: Kind) -> Self {
        let password = folder.path().join("password");
        if !password.exists() {
            host::secret::create_line(&password, PASSWORD).unwrap();
        }
        let goodbyes = Arc::new(AtomicUsize::new(0));
        let child = serve(folder.path(), port, kind, goodbyes.clone()).await;
        Self { folder, port, kind, child, goodbyes }
    }

    pub fn url(&self, mount: &str) -> String {
        let scheme = if self.kind == Kind::Encrypted { "rtsps" } else { "rtsp" };
        format!("{scheme}://127.0.0.1:{}/{mount}", self.port)
    }

    /// The right password, where only its owner reads it.
    pub fn password_file(&self) -> PathBuf {
        self.folder.path().join("password")
    }

    /// As a camera is configured to film it.
    pub fn source(&self, mount: &str, transport: Transport) -> SourceConfig {
        let url = self.url(mount).parse().unwrap();
        let stream = Stream::new(url, transport, Some(USER.to_owned()), Some(self.password_file()));
        SourceConfig::Stream(stream.unwrap().pinned(self.fingerprint()).unwrap())
    }

    /// The film that a mount plays.
    pub fn film(&self, mount: &str) -> PathBuf {
        let suffix = if mount == "h264-g711" { "mov" } else { "mp4" };
        self.folder.path().join(format!("{mount}.{suffix}"))
    }

    /// How many clients have said goodbye (TEARDOWN) so far.
    pub fn goodbyes(&self) -> usize {
        self.goodbyes.load(Ordering::SeqCst)
    }

    /// It stands still: its connections stay, and nothing comes.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// As a power cut.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// After a power cut.
    pub async fn restart(&mut self) {
        self.child = serve(self.folder.path(), self.port, self.kind, self.goodbyes.clone()).await;
    }
}

async fn serve(folder: &Path, port: u16, kind: Kind, goodbyes: Arc<AtomicUsize>) -> Child {
    // The system's Python: GStreamer's bindings are a Debian package.
    let mut command = Command::new("/usr/bin/python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("world/rtsp_server.py"));
    command.arg(port.to_string()).arg(folder).env("PASSWORD", PASSWORD);
    match kind {
        Kind::Plain => {}
        Kind::Encrypted => {
            command.arg(folder.join("certificate.pem")).arg(folder.join("key.pem"));
        }
        Kind::Ahead(seconds) => {
            command.env("LD_PRELOAD", FAKETIME).env("FAKETIME", format!("+{seconds}s"));
            command.env("DONT_FAKE_MONOTONIC", "1");
        }
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let is_ready = Arc::new(AtomicUsize::new(0));
    let ready = is_ready.clone();
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            match line.as_str() {
                "ready" => ready.fetch_add(1, Ordering::SeqCst),
                "teardown" => goodbyes.fetch_add(1, Ordering::SeqCst),
                _ => panic!("the RTSP server said: {line}"),
            };
        }
    });
    until("the RTSP server listens", async || {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "no RTSP server ({ended:?}); deploy/setup.sh names the packages it needs");
        is_ready.load(Ordering::SeqCst) == 1
    })
    .await;
    child
}
