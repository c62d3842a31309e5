//! The source: an ffmpeg child that plays a file in real time, or fragmented MP4 on standard input. Pictures are never transcoded.
//!
//! ```text
//! ffprobe FILE                    which codecs: sound that is no AAC is made AAC, H.265 gets the tag that players want
//! ffmpeg -re -stream_loop -1 -i FILE -c:v copy -c:a copy -f mp4 -movflags empty_moov+default_base_moof+frag_keyframe
//!        -frag_duration 100000 -flush_packets 1 pipe:1
//! ```
//!
//! Anything that ffmpeg reads can be piped in: `ffmpeg -i ... -c:v copy -c:a aac -f mp4 -movflags ... pipe:1 | candor camera run --source -`.

use crate::film::{Heard, Moment};
use crate::{SourceConfig, Stats};
use container::BoxError;
use container::split::{Piece, Splitter};
use host::http::Retry;
use host::rng::OsRng;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A source that sends nothing for so long is frozen. Shorter than a relay's patience with a live segment.
pub(crate) const FROZEN: Duration = Duration::from_secs(10);
/// So long ffprobe may look at a file, and an ffmpeg that closed its output may take to end.
const PROBE: Duration = Duration::from_secs(20);
/// The last words of ffmpeg that an error repeats.
const WORDS: usize = 1000;
/// Between two tries to start a source: it may be a network share, a file that is still written, a camera that reboots.
const AWAY: Retry =
    Retry { tries: u32::MAX, first_pause: Duration::from_secs(1), longest_pause: Duration::from_secs(30) };

/// Why a source gives no more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    #[error(
        "{program} could not be started: {error}; install it (apt-get install ffmpeg), or pipe fragmented MP4 into --source -"
    )]
    Start { program: &'static str, error: std::io::Error },
    #[error("the source could not be read: {0}")]
    Read(std::io::Error),
    #[error("the source is no video that can be carried: {0}")]
    Video(#[from] BoxError),
    #[error(
        "the source holds no H.264 or H.265 picture, and a camera never transcodes; convert it once, with ffmpeg"
    )]
    NoPicture,
    #[error("the source is not readable{0}")]
    Unreadable(String),
    #[error("the source broke off{0}")]
    Broken(String),
    #[error("the source has ended")]
    Finished,
    #[error("the source sent nothing for {} s", FROZEN.as_secs())]
    Frozen,
}

/// Whether a file holds a picture that can be carried. Standard input is not looked at.
pub(crate) async fn check(source: &SourceConfig) -> Result<(), SourceError> {
    let Some(file) = source.file() else { return Ok(()) };
    let codecs = probe(file).await?;
    let is_carried = |line: &str| matches!(line.trim_end_matches(','), "h264" | "hevc");
    if codecs.lines().any(is_carried) { Ok(()) } else { Err(SourceError::NoPicture) }
}

/// Films until there is nobody to film for (`Ok`), or a source that is played once has ended. Whatever else ends it, it is started again.
pub(crate) async fn shoot(source: &SourceConfig, heard: &mpsc::Sender<Heard>, stats: &Stats) {
    let mut failures = 1;
    loop {
        let error = match shoot_once(source, heard, &mut failures).await {
            Err(error) => error,
            Ok(()) => return,
        };
        // Standard input cannot be begun again, whatever ended it.
        let is_last = source.file().is_none() || (matches!(error, SourceError::Finished) && !source.looped);
        tracing::warn!(%error, "no picture");
        stats.set_trouble(Some(error.to_string()));
        if heard.send(Heard::Lost).await.is_err() || is_last {
            return;
        }
        failures += 1;
        tokio::time::sleep(AWAY.pause_before(failures, &mut OsRng).unwrap_or(AWAY.longest_pause)).await;
    }
}

async fn shoot_once(
    source: &SourceConfig,
    heard: &mpsc::Sender<Heard>,
    failures: &mut u32,
) -> Result<(), SourceError> {
    let mut capture = Capture::start(source).await?;
    loop {
        let piece = capture.next().await?;
        if matches!(piece, Piece::Fragment(_)) {
            *failures = 1;
        }
        if heard.send(Heard::Piece(piece, Moment::now())).await.is_err() {
            return Ok(());
        }
    }
}

/// A running source. Dropping it ends its ffmpeg.
pub(crate) struct Capture {
    reader: Box<dyn AsyncRead + Send + Unpin>,
    ffmpeg: Option<Ffmpeg>,
    splitter: Splitter,
    buffer: Vec<u8>,
}

struct Ffmpeg {
    child: Child,
    /// Its error stream, read all the time: a child whose errors nobody reads stops.
    words: JoinHandle<String>,
}

impl Capture {
    /// Starts reading a source.
    pub(crate) async fn start(source: &SourceConfig) -> Result<Self, SourceError> {
        let buffer = vec![0; 64 << 10];
        let Some(file) = source.file() else {
            let reader = Box::new(tokio::io::stdin());
            return Ok(Self { reader, ffmpeg: None, splitter: Splitter::new(), buffer });
        };
        let codecs = probe(file).await?;
        let has = |codec: &str| codecs.lines().any(|line| line.trim_end_matches(',') == codec);
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-v", "error", "-re"]);
        if source.looped {
            command.args(["-stream_loop", "-1"]);
        }
        command.arg("-i").arg(file).args(["-map", "0:v:0", "-map", "0:a:0?", "-c:v", "copy"]);
        command.args(["-c:a", if has("aac") { "copy" } else { "aac" }]);
        if has("hevc") {
            command.args(["-tag:v", "hvc1"]);
        }
        command.args(["-f", "mp4", "-movflags", "empty_moov+default_base_moof+frag_keyframe"]);
        command.args(["-frag_duration", "100000", "-flush_packets", "1", "pipe:1"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| SourceError::Start { program: "ffmpeg", error })?;
        let none = || SourceError::Broken(String::new());
        let reader = Box::new(child.stdout.take().ok_or_else(none)?);
        let errors = child.stderr.take().ok_or_else(none)?;
        let ffmpeg = Some(Ffmpeg { child, words: tokio::spawn(last_words(errors)) });
        Ok(Self { reader, ffmpeg, splitter: Splitter::new(), buffer })
    }

    /// The next init segment or fragment. Cancel-safe until it fails.
    pub(crate) async fn next(&mut self) -> Result<Piece, SourceError> {
        loop {
            if let Some(piece) = self.splitter.next_piece()? {
                return Ok(piece);
            }
            let read = timeout(FROZEN, self.reader.read(&mut self.buffer)).await;
            let len = read.map_err(|_| SourceError::Frozen)?.map_err(SourceError::Read)?;
            if len == 0 {
                return Err(self.ended().await);
            }
            self.splitter.push(self.buffer.get(..len).unwrap_or_default());
        }
    }

    /// In good order, or why not.
    async fn ended(&mut self) -> SourceError {
        let splitter = std::mem::take(&mut self.splitter);
        let Some(ffmpeg) = &mut self.ffmpeg else {
            return splitter.finish().map_or_else(SourceError::Video, |()| SourceError::Finished);
        };
        let is_well = matches!(timeout(PROBE, ffmpeg.child.wait()).await, Ok(Ok(status)) if status.success());
        let words = timeout(PROBE, &mut ffmpeg.words).await;
        let words = words.ok().and_then(Result::ok).unwrap_or_default();
        if is_well && splitter.finish().is_ok() { SourceError::Finished } else { SourceError::Broken(words) }
    }
}

/// The codecs of a file's streams, one a line.
async fn probe(file: &Path) -> Result<String, SourceError> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0"]).arg(file);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(PROBE, output).await.map_err(|_| SourceError::Frozen)?;
    let output = output.map_err(|error| SourceError::Start { program: "ffprobe", error })?;
    if !output.status.success() {
        return Err(SourceError::Unreadable(said(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

async fn last_words(mut errors: impl AsyncRead + Unpin) -> String {
    let (mut last, mut buffer) = (Vec::new(), [0; 1024]);
    while let Ok(len @ 1..) = errors.read(&mut buffer).await {
        last.extend_from_slice(buffer.get(..len).unwrap_or_default());
        last.drain(..last.len().saturating_sub(WORDS));
    }
    said(&last)
}

fn said(bytes: &[u8]) -> String {
    let bytes = bytes.get(bytes.len().saturating_sub(WORDS)..).unwrap_or_default();
    let text = String::from_utf8_lossy(bytes).trim().replace('\n', "; ");
    if text.is_empty() { String::new() } else { format!(": ffmpeg said: {text}") }
}

#[cfg(test)]
mod tests;
