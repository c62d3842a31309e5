//! Key frames, decoded small, for the motion score: a second ffmpeg that is given the key frames of
//! what is filmed, and nothing else.
//!
//! ```text
//! init, fragment with a key frame -> ffmpeg -skip_frame nokey -f mp4 -i pipe:0 -vf scale=64:36,gray -f rawvideo pipe:1 -> 2304 bytes
//! ```
//!
//! It is a process of its own, so that filming never depends on decoding: one that dies or lags
//! costs scores, and no picture. It is offered the newest key frame and no queue. It works for
//! every source alike, standard input included, knows no address and no key, and leaves no file.
//!
//! A picture comes out with its key frame. Where the stream has B-frames an H.264 decoder holds
//! pictures back, to sort them, until its input ends: then there is one for each key frame, which
//! costs its start each time.

use super::ffmpeg::bare;
use crate::clock::{Clocks, Moment};
use crate::heard::{Heard, Measured};
use crate::motion::{self, CELLS, Grid, Moved};
use container::fragment::Begins;
use container::split::Piece;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// So long a decoder may take for a key frame, its start included; then another one is started.
const PATIENCE: Duration = Duration::from_secs(60);
/// A decoder that shows nothing of its first key frame for so long holds it back. To take a slow
/// one for such costs starts, and nothing else.
const HOLDS_BACK: Duration = Duration::from_secs(5);
/// A decoder remembers where each fragment began. It is replaced after so many, before that is
/// much.
const RENEWED_AFTER: u64 = 2000;
/// Between a decoder that failed and the next one.
const PAUSE: Duration = Duration::from_secs(30);

/// The newest key frame, and what begins its run.
#[derive(Clone)]
struct KeyFrame {
    init: Arc<Vec<u8>>,
    fragment: Arc<Vec<u8>>,
    /// When it was made, by the steady clock.
    at_us: u64,
}

/// Measures what is shown to it. Dropping it ends it, and kills its ffmpeg.
pub(crate) struct Measuring {
    heard: mpsc::Sender<Heard>,
    clocks: Clocks,
    init: Option<Arc<Vec<u8>>>,
    newest: watch::Sender<Option<KeyFrame>>,
    task: JoinHandle<()>,
}

/// Why a key frame was not measured.
#[derive(Debug, thiserror::Error)]
enum DecodeError {
    #[error("ffmpeg could not be used: {0}")]
    Child(#[from] std::io::Error),
    #[error("ffmpeg showed no key frame within {} s", PATIENCE.as_secs())]
    Silent,
}

impl Measuring {
    /// Scores are told to `heard`.
    pub(crate) fn start(heard: mpsc::Sender<Heard>, clocks: Clocks) -> Self {
        let (newest, key_frames) = watch::channel(None);
        let task = tokio::spawn(measure(key_frames, heard.clone(), clocks.clone()));
        Self { heard, clocks, init: None, newest, task }
    }

    /// Nothing is filmed for now: no key frame is kept, in here or in a decoder, and the next one
    /// is compared with none before it.
    pub(crate) fn rest(&mut self) {
        let init = self.init.take();
        *self = Self::start(self.heard.clone(), self.clocks.clone());
        self.init = init;
    }

    /// Never waits: a key frame that comes before the one before was measured takes its place.
    pub(crate) fn see(&mut self, piece: &Piece, now: Moment) {
        match (piece, &self.init) {
            (Piece::Init(init), _) => self.init = Some(Arc::new(init.bytes().to_vec())),
            (Piece::Fragment(fragment), Some(init)) if fragment.begins == Begins::WithKeyFrame => {
                // The fragment is complete now; its first picture was made one duration ago.
                let at_us = now.steady_us.saturating_sub(fragment.duration_us);
                let fragment = Arc::new(fragment.bytes().to_vec());
                self.newest.send_replace(Some(KeyFrame { init: init.clone(), fragment, at_us }));
            }
            (Piece::Fragment(_), _) => {}
        }
    }
}

impl Drop for Measuring {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn measure(
    mut key_frames: watch::Receiver<Option<KeyFrame>>,
    heard: mpsc::Sender<Heard>,
    clocks: Clocks,
) {
    let mut decoder: Option<Decoder> = None;
    let mut before: Option<(Arc<Vec<u8>>, Grid, u64)> = None;
    let mut once = false;
    while key_frames.changed().await.is_ok() {
        let Some(KeyFrame { init, fragment, at_us }) = key_frames.borrow_and_update().clone() else {
            continue;
        };
        if decoder.as_ref().is_some_and(|decoder| !Arc::ptr_eq(&decoder.init, &init)) {
            (decoder, once) = (None, false);
        }
        let seeing = async {
            let mut running = match decoder.take() {
                Some(decoder) => decoder,
                None => Decoder::start(init.clone()).await?,
            };
            let grid = if once { running.see_last(&fragment).await? } else { running.see(&fragment).await? };
            once |= running.given.is_none();
            decoder = Some(running).filter(|running| running.given.is_some() && running.seen < RENEWED_AFTER);
            Ok(grid)
        };
        let grid = match timeout(PATIENCE, seeing).await.unwrap_or(Err(DecodeError::Silent)) {
            Ok(grid) => grid,
            Err(error) => {
                (decoder, before) = (None, None);
                tracing::warn!(%error, "motion is not measured for now; filming goes on");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // SPEC: segment.md#motion: a camera MUST NOT compare across a run; the picture may be
        // another.
        if let Some((_, before, from_us)) = before.take_if(|(run, ..)| Arc::ptr_eq(run, &init)) {
            let moved = Moved::between(&before, &grid);
            let measured = Measured { moved, from_us, to_us: at_us, now: clocks.now() };
            if heard.send(Heard::Motion(measured)).await.is_err() {
                return;
            }
        }
        before = Some((init, grid, at_us));
    }
}

/// A running ffmpeg that decodes the key frames of one run.
struct Decoder {
    init: Arc<Vec<u8>>,
    /// Killed when it is dropped.
    _child: Child,
    /// None once its input has ended.
    given: Option<ChildStdin>,
    shown: ChildStdout,
    /// Key frames that were given.
    seen: u64,
}

impl Decoder {
    async fn start(init: Arc<Vec<u8>>) -> Result<Self, DecodeError> {
        let mut command = bare("ffmpeg");
        command.args(["-nostdin", "-v", "quiet", "-protocol_whitelist", "pipe"]);
        // Of the decoder: key frames alone, at once, and roughly (nobody sees them).
        command.args("-threads 1 -flags low_delay -skip_frame nokey -skip_loop_filter all".split(' '));
        command.args("-probesize 32 -analyzeduration 0 -f mp4 -i pipe:0 -map 0:v:0".split(' '));
        let (width, height) = (motion::WIDTH, motion::HEIGHT);
        command.args(["-vf", &format!("scale={width}:{height}:flags=area,format=gray")]);
        // Of the encoder: one that works on several threads keeps a picture back.
        command.args(["-threads", "1", "-fps_mode", "passthrough"]);
        command.args(["-f", "rawvideo", "-flush_packets", "1", "pipe:1"]);
        let mut child = command.stderr(Stdio::null()).spawn()?;
        let none = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let mut given = child.stdin.take().ok_or_else(none)?;
        let shown = child.stdout.take().ok_or_else(none)?;
        given.write_all(&init).await?;
        Ok(Self { init, _child: child, given: Some(given), shown, seen: 0 })
    }

    /// Decodes a key frame: what comes back is this one, and none before it.
    async fn see(&mut self, fragment: &[u8]) -> Result<Grid, DecodeError> {
        self.give(fragment).await?;
        if self.seen > 1 {
            return self.next_grid().await;
        }
        match timeout(HOLDS_BACK, self.next_grid()).await {
            Ok(grid) => grid,
            Err(_) => {
                self.given = None;
                self.next_grid().await
            }
        }
    }

    /// The same, and its input ends: whatever it held back comes out.
    async fn see_last(&mut self, fragment: &[u8]) -> Result<Grid, DecodeError> {
        self.give(fragment).await?;
        self.given = None;
        self.next_grid().await
    }

    async fn give(&mut self, fragment: &[u8]) -> Result<(), DecodeError> {
        self.seen += 1;
        let given = self.given.as_mut().ok_or(std::io::Error::from(std::io::ErrorKind::BrokenPipe))?;
        Ok(given.write_all(fragment).await?)
    }

    /// Cancel-safe: a picture is smaller than what a pipe takes at once, and so is there whole or
    /// not at all.
    async fn next_grid(&mut self) -> Result<Grid, DecodeError> {
        let mut grid = [0; CELLS];
        self.shown.read_exact(&mut grid).await?;
        Ok(grid)
    }
}

#[cfg(test)]
mod tests;
