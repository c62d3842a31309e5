//! Capturing from a source: an ffmpeg child that plays a file or a camera, or fragmented MP4 on
//! standard input. Pictures are never transcoded.
//!
//! ```text
//! ffprobe SOURCE                  what it has: picture and sound are chosen, sound that is no AAC is made AAC
//! ffmpeg -i SOURCE -map 0:PICTURE -map 0:SOUND -c:v copy -c:a copy -f mp4 -movflags empty_moov+default_base_moof+frag_keyframe
//!        -frag_duration 100000 -write_prft wallclock -flush_packets 1 pipe:1
//! ```
//!
//! What brings the pictures is behind [`Capture`]: `start`, `next`, `end`. In scope: one reading of
//! a source. Out of scope: when it is read, and read again (`shoot`).

pub(crate) mod choose;
mod ffmpeg;
pub(crate) mod keyframes;
pub(crate) mod producer;
mod shape;
#[cfg_attr(not(test), expect(dead_code, reason = "an RTSP camera's sound comes through ffmpeg yet"))]
mod sound;

use crate::source::{FROZEN, PROBE, SourceConfig, SourceError};
use container::split::{Piece, Splitter};
use ffmpeg::Ffmpeg;
use shape::Shape;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::{Instant, timeout_at};

pub(crate) use ffmpeg::ffprobe;

/// Whether a source holds a picture that can be carried.
pub(crate) async fn check(source: &SourceConfig) -> Result<(), SourceError> {
    ffmpeg::offered(source).await.map(|_| ())
}

/// A running source. Dropping it kills its ffmpeg; [`Capture::end`] lets it say goodbye to its
/// camera.
pub(crate) struct Capture {
    reader: Box<dyn AsyncRead + Send + Unpin>,
    ffmpeg: Option<Ffmpeg>,
    splitter: Splitter,
    shape: Shape,
    buffer: Vec<u8>,
    /// What is presented before is not shown, if the source hides anything.
    zero_us: Option<u64>,
    is_live: bool,
    /// When the next picture must have come. None once it was missed: whoever still waits does so
    /// for ever.
    deadline: Option<Instant>,
}

impl Capture {
    /// Starts reading a source.
    pub(crate) async fn start(source: &SourceConfig) -> Result<Self, SourceError> {
        match source {
            SourceConfig::Input => Ok(Self::reading(tokio::io::stdin())),
            SourceConfig::File { .. } | SourceConfig::Stream(_) => {
                let (ffmpeg, pictures, zero_us) =
                    Ffmpeg::film(source, &ffmpeg::offered(source).await?).await?;
                let (ffmpeg, is_live) = (Some(ffmpeg), source.is_live());
                Ok(Self { ffmpeg, zero_us, is_live, ..Self::reading(pictures) })
            }
        }
    }

    /// Reads fragmented MP4.
    pub(crate) fn reading(reader: impl AsyncRead + Send + Unpin + 'static) -> Self {
        Self {
            reader: Box::new(reader),
            ffmpeg: None,
            splitter: Splitter::new(),
            shape: Shape::default(),
            buffer: vec![0; 64 << 10],
            zero_us: None,
            is_live: false,
            deadline: Some(Instant::now() + PROBE),
        }
    }

    /// The next init segment or fragment. Cancel-safe until it fails; only after
    /// [`SourceError::Frozen`] it may be asked again.
    pub(crate) async fn next(&mut self) -> Result<Piece, SourceError> {
        loop {
            if let Some(piece) = self.splitter.next_piece()? {
                if self.shape.is_changed_by(&piece)? {
                    return Err(if self.is_live { SourceError::Changed } else { SourceError::ChangedWithin });
                }
                // A camera whose microphone goes on while its picture stands still is frozen.
                let has_picture = matches!(&piece, Piece::Fragment(fragment) if fragment.duration_us > 0);
                if has_picture || !self.is_live {
                    self.deadline = Some(Instant::now() + FROZEN);
                }
                return Ok(match (piece, self.zero_us) {
                    (Piece::Init(init), Some(zero_us)) => Piece::Init(Box::new(init.shown_from(zero_us)?)),
                    (piece, _) => piece,
                });
            }
            let read = self.reader.read(&mut self.buffer);
            let read = match self.deadline {
                None => read.await,
                Some(deadline) => match timeout_at(deadline, read).await {
                    Ok(read) => read,
                    Err(_) => {
                        self.deadline = None;
                        return Err(SourceError::Frozen);
                    }
                },
            };
            let len = read.map_err(SourceError::Read)?;
            if len == 0 {
                return Err(self.why_ended().await);
            }
            self.splitter.push(self.buffer.get(..len).unwrap_or_default());
        }
    }

    /// Ends it in good order.
    pub(crate) async fn end(self) {
        if let Some(ffmpeg) = self.ffmpeg {
            ffmpeg.end().await;
        }
    }

    /// Why it ended by itself.
    async fn why_ended(&mut self) -> SourceError {
        let splitter = std::mem::take(&mut self.splitter);
        let Some(ffmpeg) = &mut self.ffmpeg else {
            return splitter.finish().map_or_else(SourceError::Video, |()| SourceError::Finished);
        };
        let (is_well, words) = ffmpeg.wait().await;
        match is_well && splitter.finish().is_ok() {
            true if self.is_live => SourceError::Closed,
            true => SourceError::Finished,
            false => ffmpeg::refused(words).unwrap_or_else(SourceError::Broken),
        }
    }
}

#[cfg(test)]
mod tests;
