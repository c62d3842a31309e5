//! The source: an ffmpeg child that plays a file in real time, or fragmented MP4 on standard input. No transcode.
//!
//! ```text
//! ffmpeg -re -stream_loop -1 -i FILE -c copy -f mp4 -movflags empty_moov+default_base_moof+frag_keyframe -frag_duration 100000 pipe:1
//! ```
//!
//! Anything that ffmpeg reads can be piped in: `ffmpeg -i ... -c:v copy -c:a aac -f mp4 -movflags ... pipe:1 | candor camera run --source -`.

use crate::SourceConfig;
use container::BoxError;
use container::split::{Piece, Splitter};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

/// A source that sends nothing for so long is frozen.
pub(crate) const FROZEN: Duration = Duration::from_secs(10);

/// Why a source gives no more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    #[error(
        "ffmpeg could not be started: {0}; install it (apt-get install ffmpeg), or pipe fragmented MP4 into --source -"
    )]
    Start(std::io::Error),
    #[error("the source could not be read: {0}")]
    Read(std::io::Error),
    #[error("the source is no video that can be carried: {0}")]
    Video(#[from] BoxError),
    #[error("the source ended{0}")]
    Ended(String),
    #[error("the source sent nothing for {} s", FROZEN.as_secs())]
    Frozen,
}

/// A running source. Dropping it ends its ffmpeg.
pub(crate) struct Capture {
    reader: Box<dyn AsyncRead + Send + Unpin>,
    child: Option<Child>,
    splitter: Splitter,
    buffer: Vec<u8>,
}

impl Capture {
    /// Starts reading a source.
    pub(crate) fn start(source: &SourceConfig) -> Result<Self, SourceError> {
        let buffer = vec![0; 64 << 10];
        let Some(file) = source.file() else {
            let reader = Box::new(tokio::io::stdin());
            return Ok(Self { reader, child: None, splitter: Splitter::new(), buffer });
        };
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-v", "error", "-re"]);
        if source.looped {
            command.args(["-stream_loop", "-1"]);
        }
        command.arg("-i").arg(file).args(["-map", "0:v:0", "-map", "0:a:0?", "-c", "copy", "-f", "mp4"]);
        command.args(["-movflags", "empty_moov+default_base_moof+frag_keyframe"]);
        command.args(["-frag_duration", "100000", "-flush_packets", "1", "pipe:1"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(SourceError::Start)?;
        let reader = child.stdout.take().ok_or_else(|| SourceError::Ended(String::new()))?;
        Ok(Self { reader: Box::new(reader), child: Some(child), splitter: Splitter::new(), buffer })
    }

    /// The next init segment or fragment. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Piece, SourceError> {
        loop {
            if let Some(piece) = self.splitter.next_piece()? {
                return Ok(piece);
            }
            let read = tokio::time::timeout(FROZEN, self.reader.read(&mut self.buffer)).await;
            let len = read.map_err(|_| SourceError::Frozen)?.map_err(SourceError::Read)?;
            if len == 0 {
                return Err(SourceError::Ended(self.last_words().await));
            }
            self.splitter.push(self.buffer.get(..len).unwrap_or_default());
        }
    }

    /// What ffmpeg said before it ended.
    async fn last_words(&mut self) -> String {
        let Some(errors) = self.child.as_mut().and_then(|child| child.stderr.take()) else {
            return String::new();
        };
        let mut said = Vec::new();
        let mut errors = errors.take(2000);
        // What it has said by then is enough.
        let _ = tokio::time::timeout(Duration::from_secs(1), errors.read_to_end(&mut said)).await;
        let said = String::from_utf8_lossy(&said);
        let said = said.trim().replace('\n', "; ");
        if said.is_empty() { String::new() } else { format!(": ffmpeg said: {said}") }
    }
}
