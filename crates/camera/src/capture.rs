//! Capturing from a source: a camera over RTSP, an ffmpeg child that plays a file, or fragmented MP4
//! on standard input. Pictures are never transcoded, but where a mask is asked for (`masked`).
//!
//! ```text
//! ffprobe FILE                  what it has: picture and sound are chosen, sound that is no AAC is made AAC
//! ffmpeg -i FILE -map 0:PICTURE -map 0:SOUND -c:v copy -c:a copy -f mp4 -movflags empty_moov+default_base_moof+frag_keyframe
//!        -frag_duration 100000 -flush_packets 1 pipe:1
//! ```
//!
//! RTSP is read by `rtsp`. What brings the pictures is behind [`Capture`]: `start`, `next`, `end`. In scope: one reading of
//! a source. Out of scope: when it is read, and read again (`shoot`).

pub(crate) mod choose;
mod ffmpeg;
pub(crate) mod keyframes;
#[cfg(test)]
pub(crate) mod made;
pub(crate) mod masked;
pub(crate) mod montage;
pub(crate) mod producer;
pub(crate) mod rtsp;
mod shape;
mod sound;
pub(crate) mod units;

use crate::clock::Clocks;
use crate::config::SoundMode;
use crate::source::{FROZEN, PROBE, SourceConfig, SourceError};
use container::BoxError;
use container::silent::Silenced;
use container::split::{Piece, Splitter};
use ffmpeg::Ffmpeg;
use montage::Shot;
use rtsp::Rtsp;
use shape::Shape;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::{Instant, timeout_at};

pub(crate) use ffmpeg::ffprobe;

/// Whether a source holds a picture that can be carried.
pub(crate) async fn check(source: &SourceConfig) -> Result<(), SourceError> {
    match source {
        SourceConfig::Stream(stream) => rtsp::check(stream).await,
        SourceConfig::File { path, .. } => ffmpeg::offered(path).await.map(|_| ()),
        SourceConfig::Input => Ok(()),
    }
}

/// A running source. Dropping it ends it; [`Capture::end`] lets it say goodbye to its camera.
pub(crate) enum Capture {
    Rtsp(Box<Rtsp>),
    Piped(Box<Piped>),
}

impl Capture {
    /// Starts reading a source.
    pub(crate) async fn start(
        source: &SourceConfig,
        sound: SoundMode,
        clocks: &Clocks,
    ) -> Result<Self, SourceError> {
        match source {
            SourceConfig::Stream(stream) => {
                Ok(Self::Rtsp(Box::new(Rtsp::open(stream, sound, clocks).await?)))
            }
            SourceConfig::Input => {
                Ok(Self::Piped(Box::new(Piped { sound, ..Piped::reading(tokio::io::stdin()) })))
            }
            SourceConfig::File { path, looped } => {
                let shown = ffmpeg::offered(path).await?;
                let (ffmpeg, pictures, zero_us) = Ffmpeg::film(path, *looped, &shown, sound).await?;
                let piped = Piped { ffmpeg: Some(ffmpeg), zero_us, sound, ..Piped::reading(pictures) };
                Ok(Self::Piped(Box::new(piped)))
            }
        }
    }

    /// What comes next. Cancel-safe until it fails; only after [`SourceError::Frozen`] and
    /// [`SourceError::LeftOut`] it may be asked again.
    pub(crate) async fn next(&mut self) -> Result<Shot, SourceError> {
        match self {
            Self::Rtsp(rtsp) => rtsp.next().await,
            Self::Piped(piped) => Ok(Shot::Piece(piped.next().await?, None)),
        }
    }

    /// Ends it in good order.
    pub(crate) async fn end(self) {
        match self {
            Self::Rtsp(rtsp) => rtsp.end().await,
            Self::Piped(piped) => drop(piped),
        }
    }
}

/// Fragmented MP4 that a child, or whoever feeds standard input, writes. Dropping it kills the child.
pub(crate) struct Piped {
    reader: Box<dyn AsyncRead + Send + Unpin>,
    ffmpeg: Option<Ffmpeg>,
    splitter: Splitter,
    shape: Shape,
    buffer: Vec<u8>,
    /// What is presented before is not shown, if the source hides anything.
    zero_us: Option<u64>,
    sound: SoundMode,
    /// The run, where sound is left out.
    silenced: Option<Silenced>,
    /// When the next picture must have come. None once it was missed: whoever still waits does so
    /// for ever.
    deadline: Option<Instant>,
}

impl Piped {
    /// Reads fragmented MP4.
    pub(crate) fn reading(reader: impl AsyncRead + Send + Unpin + 'static) -> Self {
        Self {
            reader: Box::new(reader),
            ffmpeg: None,
            splitter: Splitter::new(),
            shape: Shape::default(),
            buffer: vec![0; 64 << 10],
            zero_us: None,
            sound: SoundMode::On,
            silenced: None,
            deadline: Some(Instant::now() + PROBE),
        }
    }

    async fn next(&mut self) -> Result<Piece, SourceError> {
        loop {
            if let Some(piece) = self.splitter.next_piece()? {
                if self.shape.is_changed_by(&piece)? {
                    return Err(SourceError::ChangedWithin);
                }
                self.deadline = Some(Instant::now() + FROZEN);
                let piece = match (piece, self.zero_us) {
                    (Piece::Init(init), Some(zero_us)) => Piece::Init(Box::new(init.shown_from(zero_us)?)),
                    (piece, _) => piece,
                };
                match self.heard(piece)? {
                    Some(piece) => return Ok(piece),
                    None => continue,
                }
            }
            let read = self.reader.read(&mut self.buffer);
            let read = match self.deadline {
                None => read.await,
                Some(deadline) => match timeout_at(deadline, read).await {
                    Ok(read) => read,
                    Err(_) => {
                        self.deadline = None;
                        return Err(SourceError::Frozen(FROZEN));
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

    /// What is filmed of a piece: all of it, or what is no sound.
    fn heard(&mut self, piece: Piece) -> Result<Option<Piece>, BoxError> {
        match (piece, self.sound) {
            (piece, SoundMode::On) => Ok(Some(piece)),
            (Piece::Init(init), SoundMode::Off) => {
                let silenced = self.silenced.insert(Silenced::new(*init)?);
                Ok(Some(Piece::Init(Box::new(silenced.init().clone()))))
            }
            (Piece::Fragment(fragment), SoundMode::Off) => {
                let left = self.silenced.as_ref().map(|silenced| silenced.fragment(&fragment)).transpose()?;
                Ok(left.flatten().map(Piece::Fragment))
            }
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
            true => SourceError::Finished,
            false => SourceError::Broken(words),
        }
    }
}

#[cfg(test)]
mod tests;
