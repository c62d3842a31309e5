//! Capturing from a source: an ffmpeg child that plays a file or a camera, or fragmented MP4 on standard input. Pictures are never transcoded.
//!
//! ```text
//! ffprobe SOURCE                  which codecs: sound that is no AAC is made AAC, H.265 gets the tag that players want
//! ffmpeg -i SOURCE -c:v copy -c:a copy -f mp4 -movflags empty_moov+default_base_moof+frag_keyframe
//!        -frag_duration 100000 -write_prft wallclock -flush_packets 1 pipe:1
//! ```
//!
//! A source that breaks off or freezes is begun anew, with pauses; a camera that refuses the password is asked again rarely, because many lock an
//! account after a few tries. Its key frames are measured beside it (`keyframes`), for the motion score. What brings the pictures is behind [`Capture`]: `start`, `next`, `end`.

mod ffmpeg;
mod keyframes;
pub(crate) mod producer;

use crate::Stats;
use crate::film::{Heard, Moment};
use crate::source::{SourceConfig, UrlError};
use container::BoxError;
use container::fragment::{Begins, Fragment};
use container::init::Init;
use container::split::{Piece, Splitter};
use ffmpeg::Ffmpeg;
use host::http::Retry;
use host::rng::OsRng;
use host::shutdown::Shutdown;
use keyframes::Measuring;
use media::epoch::GapReason;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

pub(crate) use ffmpeg::ffprobe;

/// A source that sends no picture for so long is frozen. Shorter than a relay's patience with a live segment.
pub(crate) const FROZEN: Duration = Duration::from_secs(10);
/// So long ffprobe may look at a source, a source may take to send its first picture, and an ffmpeg that closed its output may take to end.
pub(crate) const PROBE: Duration = Duration::from_secs(20);
/// Between two tries to start a source: it may be a network share, a file that is still written, a camera that reboots.
const AWAY: Retry =
    Retry { tries: u32::MAX, first_pause: Duration::from_secs(1), longest_pause: Duration::from_secs(30) };
/// Between two tries with a password that was refused, doubling from the first to the last.
const REFUSED: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(600)];

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
        "the source holds no H.264 or H.265 picture, and a camera never transcodes; convert it once, with ffmpeg, or set the camera to H.264"
    )]
    NoPicture,
    #[error("the source is not readable{0}")]
    Unreadable(String),
    #[error("the source broke off{0}")]
    Broken(String),
    #[error("the source has ended")]
    Finished,
    #[error("the camera closed the stream")]
    Closed,
    #[error("the source sent no picture for {} s", FROZEN.as_secs())]
    Frozen,
    #[error("the camera changed the size or the kind of its picture, and is filmed anew")]
    Changed,
    #[error(
        "the size or the kind of the picture changed within the source; write each into a file of its own, or begin a new init segment"
    )]
    ChangedWithin,
    #[error("the source did not answer within {} s", PROBE.as_secs())]
    Silent,
    #[error(
        "the camera refuses the user or the password; correct `user` and `password_file` under [source], --user and --password-file, or CANDOR_SOURCE_USER and CANDOR_SOURCE_PASSWORD. It is asked again after a minute at the soonest, so that it does not lock the account"
    )]
    Unauthorized,
    #[error("{}: {reason}; a password file holds the camera's password on one line: write it, then chmod 600", .path.display())]
    Password { path: PathBuf, reason: String },
    #[error(transparent)]
    Address(#[from] UrlError),
}

/// Whether a source holds a picture that can be carried. Standard input is not looked at.
pub(crate) async fn check(source: &SourceConfig) -> Result<(), SourceError> {
    if matches!(source, SourceConfig::Input) {
        return Ok(());
    }
    codecs(source).await.map(|_| ())
}

/// The codecs of a source's streams, one a line; a picture that can be carried is among them.
async fn codecs(source: &SourceConfig) -> Result<String, SourceError> {
    let codecs = ffprobe(source, &["-show_entries", "stream=codec_name", "-of", "csv=p=0"], PROBE).await?;
    let is_carried = |line: &str| matches!(line.trim_end_matches(','), "h264" | "hevc");
    if codecs.lines().any(is_carried) { Ok(codecs) } else { Err(SourceError::NoPicture) }
}

/// Films until `stop`, or there is nobody to film for, or a source that is played once has ended. Whatever else ends it, it is started again.
pub(crate) async fn shoot(
    source: &SourceConfig,
    heard: &mpsc::Sender<Heard>,
    stats: &Stats,
    mut off: watch::Receiver<Option<GapReason>>,
    stop: &Shutdown,
) {
    let mut failures = 1;
    let mut refusals = 0;
    loop {
        let reason = *off.borrow_and_update();
        if let Some(reason) = reason
            && !matches!(source, SourceConfig::Input)
        {
            tracing::info!(?reason, "nothing is filmed");
            stats.set_trouble(None);
            if heard.send(Heard::Off(reason)).await.is_err() {
                return;
            }
            tokio::select! {
                _ = off.changed() => continue,
                () = stop.requested() => return,
            }
        }
        let error = match shoot_once(source, heard, stats, &mut failures, off.clone(), stop).await {
            Err(error) => error,
            Ok(Stopped::Off) => continue,
            Ok(Stopped::ForGood) => return,
        };
        let is_last = match source {
            // It cannot be begun again, whatever ended it.
            SourceConfig::Input => true,
            SourceConfig::File { looped, .. } => {
                matches!(error, SourceError::Finished | SourceError::ChangedWithin) && !looped
            }
            SourceConfig::Stream(_) => false,
        };
        tracing::warn!(%error, "no picture");
        stats.set_trouble(Some(error.to_string()));
        if heard.send(Heard::Lost).await.is_err() || is_last {
            return;
        }
        let pause = if matches!(error, SourceError::Unauthorized) {
            refusals += 1;
            pause_after_refusal(refusals)
        } else {
            (failures, refusals) = (failures + 1, 0);
            let pause = AWAY.pause_before(failures, &mut OsRng).unwrap_or(AWAY.longest_pause);
            pause.max(AWAY.first_pause)
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = turned_off(source, off.clone()) => {}
            () = stop.requested() => return,
        }
    }
}

/// Never shortened by chance, unlike other pauses: it keeps an account from being locked.
fn pause_after_refusal(refusals: u32) -> Duration {
    let [first, longest] = REFUSED;
    first.saturating_mul(1 << refusals.saturating_sub(1).min(16)).min(longest)
}

/// Why a source was let go that would have sent more.
enum Stopped {
    /// Nothing is to be filmed for now.
    Off,
    ForGood,
}

async fn shoot_once(
    source: &SourceConfig,
    heard: &mpsc::Sender<Heard>,
    stats: &Stats,
    failures: &mut u32,
    off: watch::Receiver<Option<GapReason>>,
    stop: &Shutdown,
) -> Result<Stopped, SourceError> {
    let mut capture = tokio::select! {
        started = Capture::start(source) => started?,
        () = turned_off(source, off.clone()) => return Ok(Stopped::Off),
        () = stop.requested() => return Ok(Stopped::ForGood),
    };
    let mut told = None;
    let mut measuring = Measuring::start(heard.clone());
    let filming = async {
        loop {
            let piece = match capture.next().await {
                // What feeds standard input may only pause, and it cannot be begun again: it is waited for.
                Err(error @ SourceError::Frozen) if matches!(source, SourceConfig::Input) => {
                    tracing::warn!(%error, "no picture");
                    stats.set_trouble(Some(error.to_string()));
                    measuring.rest();
                    if heard.send(Heard::Lost).await.is_err() {
                        return Ok(Stopped::ForGood);
                    }
                    continue;
                }
                next => next?,
            };
            // Standard input cannot be let go: it is read, and its pictures are thrown away.
            let reason = *off.borrow();
            if let (Some(reason), Piece::Fragment(_)) = (reason, &piece) {
                if told.replace(reason) != Some(reason) {
                    measuring.rest();
                    if heard.send(Heard::Off(reason)).await.is_err() {
                        return Ok(Stopped::ForGood);
                    }
                }
                continue;
            }
            told = reason;
            measuring.see(&piece);
            let now = Moment::now();
            if let Piece::Fragment(fragment) = &piece {
                *failures = 1;
                if matches!(source, SourceConfig::Stream(_)) {
                    tell_clock(producer::ahead_ms(fragment, now.wall_us), stats);
                }
            }
            if heard.send(Heard::Piece(piece, now)).await.is_err() {
                return Ok(Stopped::ForGood);
            }
        }
    };
    let ended = tokio::select! {
        ended = filming => ended,
        () = turned_off(source, off.clone()) => Ok(Stopped::Off),
        () = stop.requested() => Ok(Stopped::ForGood),
    };
    drop(measuring);
    capture.end().await;
    ended
}

/// Says that a camera's clock went wrong, or right, once.
fn tell_clock(ahead_ms: Option<i64>, stats: &Stats) {
    let Some(ahead_ms) = ahead_ms else { return };
    let fault = producer::fault(ahead_ms);
    match (&fault, stats.clock_trouble()) {
        (Some(fault), None) => tracing::warn!(
            ahead_ms,
            "{fault}: a time that it draws into its pictures is wrong, recordings bear this machine's; have it set its clock by NTP"
        ),
        (None, Some(_)) => tracing::info!(ahead_ms, "the camera's clock is right again"),
        _ => {}
    }
    stats.set_clock_trouble(fault);
}

/// Waits until the source is to be let go; for ever if it cannot be.
async fn turned_off(source: &SourceConfig, mut off: watch::Receiver<Option<GapReason>>) {
    if matches!(source, SourceConfig::Input) || off.wait_for(Option::is_some).await.is_err() {
        std::future::pending().await
    }
}

/// A running source. Dropping it kills its ffmpeg; [`Capture::end`] lets it say goodbye to its camera.
pub(crate) struct Capture {
    reader: Box<dyn AsyncRead + Send + Unpin>,
    ffmpeg: Option<Ffmpeg>,
    splitter: Splitter,
    shape: Shape,
    buffer: Vec<u8>,
    is_stream: bool,
    /// When the next picture must have come. None once it was missed: whoever still waits does so for ever.
    deadline: Option<Instant>,
}

impl Capture {
    /// Starts reading a source.
    pub(crate) async fn start(source: &SourceConfig) -> Result<Self, SourceError> {
        let (reader, ffmpeg): (Box<dyn AsyncRead + Send + Unpin>, _) = match source {
            SourceConfig::Input => (Box::new(tokio::io::stdin()), None),
            SourceConfig::File { .. } | SourceConfig::Stream(_) => {
                let codecs = codecs(source).await?;
                let (ffmpeg, pictures) = Ffmpeg::film(source, &codecs).await?;
                (Box::new(pictures), Some(ffmpeg))
            }
        };
        Ok(Self {
            reader,
            ffmpeg,
            splitter: Splitter::new(),
            shape: Shape::default(),
            buffer: vec![0; 64 << 10],
            is_stream: matches!(source, SourceConfig::Stream(_)),
            deadline: Some(Instant::now() + PROBE),
        })
    }

    /// The next init segment or fragment. Cancel-safe until it fails; only after [`SourceError::Frozen`] it may be asked again.
    pub(crate) async fn next(&mut self) -> Result<Piece, SourceError> {
        loop {
            if let Some(piece) = self.splitter.next_piece()? {
                if self.shape.is_changed_by(&piece)? {
                    return Err(if self.is_stream {
                        SourceError::Changed
                    } else {
                        SourceError::ChangedWithin
                    });
                }
                // A camera whose microphone goes on while its picture stands still is frozen.
                let has_picture = matches!(&piece, Piece::Fragment(fragment) if fragment.duration_us > 0);
                if has_picture || !self.is_stream {
                    self.deadline = Some(Instant::now() + FROZEN);
                }
                return Ok(piece);
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
                return Err(self.ended().await);
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
    async fn ended(&mut self) -> SourceError {
        let splitter = std::mem::take(&mut self.splitter);
        let Some(ffmpeg) = &mut self.ffmpeg else {
            return splitter.finish().map_or_else(SourceError::Video, |()| SourceError::Finished);
        };
        let (is_well, words) = ffmpeg.ended().await;
        match is_well && splitter.finish().is_ok() {
            true if self.is_stream => SourceError::Closed,
            true => SourceError::Finished,
            false => ffmpeg::refused(words).unwrap_or_else(SourceError::Broken),
        }
    }
}

/// What pictures look like, by the parameters that their key frames repeat.
#[derive(Default)]
struct Shape {
    init: Option<Box<Init>>,
    /// Of the first key frame. What an init segment says is not compared with: an RTSP server may tell of old parameters for ever.
    sequence: Option<Vec<u8>>,
}

impl Shape {
    /// Whether a picture is no longer what its init segment was made for.
    fn is_changed_by(&mut self, piece: &Piece) -> Result<bool, BoxError> {
        match piece {
            Piece::Init(init) => *self = Self { init: Some(init.clone()), sequence: None },
            Piece::Fragment(fragment) if fragment.begins == Begins::WithKeyFrame => {
                return self.is_changed_by_key(fragment);
            }
            Piece::Fragment(_) => {}
        }
        Ok(false)
    }

    fn is_changed_by_key(&mut self, fragment: &Fragment) -> Result<bool, BoxError> {
        let Some(init) = &self.init else { return Ok(false) };
        let Some(found) = container::parameters::sequence(init, fragment.bytes())? else { return Ok(false) };
        let known = self.sequence.get_or_insert_with(|| found.clone());
        Ok(*known != found)
    }
}

#[cfg(test)]
mod tests;
