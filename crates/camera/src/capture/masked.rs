//! Privacy masks: one ffmpeg a run decodes what a source brings, blackens, and encodes it anew.
//!
//! ```text
//! init, fragments of any source -> ffmpeg -f mp4 -i pipe:0 -vf drawbox -c:v libx264 -c:a copy -f mp4 pipe:1 -> init, fragments
//! ```
//! Times, key frames and sound stay what they were. Whoever asked for a mask is filmed with it or not
//! at all: what cannot be decoded or encoded, or not as fast as it comes, is an error of the source,
//! and no picture goes by unmasked. Where no mask is asked for, everything goes through as it is.
//!
//! In scope: the way of a piece through a mask. Out of scope: what is masked (`mask`).

use super::Capture;
use super::ffmpeg::{bare, last_words};
use super::montage::{Remark, Shot};
use crate::clock::Clocks;
use crate::config::SoundMode;
use crate::mask::Mask;
use crate::source::{SourceConfig, SourceError};
use container::fragment::Fragment;
use container::init::Init;
use container::split::{Piece, Splitter};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

/// So long an ffmpeg may owe a picture, its start included.
const PATIENCE: Duration = Duration::from_secs(20);
/// Fragments that wait for it: some ten seconds. It is never behind for longer.
const WAITING: usize = 100;
/// A time that is written twice may differ by its rounding, microseconds.
const ROUNDING_US: i64 = 1000;

/// A running source, masked. Dropping it ends it.
pub(crate) struct Masked {
    capture: Capture,
    mask: Mask,
    patience: Duration,
    /// What begins the run at hand, unmasked.
    init: Option<Box<Init>>,
    running: Option<Running>,
    /// What comes once everything before it has come out.
    turns: VecDeque<Turn>,
    remarks: VecDeque<Remark>,
    /// The init segment that was shown last.
    shown: Vec<u8>,
}

enum Turn {
    Begin(Box<Init>),
    Say(Result<Shot, SourceError>),
}

impl Masked {
    /// Starts reading a source.
    pub(crate) async fn start(
        source: &SourceConfig,
        sound: SoundMode,
        mask: &Mask,
        clocks: &Clocks,
    ) -> Result<Self, SourceError> {
        Ok(Self::of(Capture::start(source, sound, clocks).await?, mask.clone(), PATIENCE))
    }

    fn of(capture: Capture, mask: Mask, patience: Duration) -> Self {
        let (turns, remarks) = (VecDeque::new(), VecDeque::new());
        Self { capture, mask, patience, init: None, running: None, turns, remarks, shown: Vec::new() }
    }

    /// As [`Capture::next`].
    pub(crate) async fn next(&mut self) -> Result<Shot, SourceError> {
        if self.mask.is_empty() {
            return self.capture.next().await;
        }
        loop {
            if let Some(remark) = self.remarks.pop_front() {
                return Ok(Shot::Remark(remark));
            }
            if let Some(running) = &mut self.running
                && let Some((piece, made_us)) = running.next_piece()?
            {
                match &piece {
                    // The same encoder under the same settings: the run goes on.
                    Piece::Init(init) if init.bytes() == self.shown => continue,
                    Piece::Init(init) => self.shown = init.bytes().to_vec(),
                    Piece::Fragment(_) => {}
                }
                return Ok(Shot::Piece(piece, made_us));
            }
            match (&mut self.running, self.turns.is_empty()) {
                (Some(running), false) => {
                    running.given = None;
                    if running.read().await? == 0 {
                        if running.owes_all() {
                            return Err(running.why_ended().await);
                        }
                        self.running = None;
                    }
                }
                (Some(running), true) => tokio::select! {
                    read = running.read() => if read? == 0 {
                        return Err(running.why_ended().await);
                    },
                    shot = self.capture.next() => self.take(shot)?,
                },
                (None, false) => match self.turns.pop_front() {
                    Some(Turn::Begin(init)) => {
                        self.running = Some(Running::start(&init, &self.mask, self.patience)?);
                    }
                    Some(Turn::Say(said)) => return said,
                    None => {}
                },
                (None, true) => {
                    let shot = self.capture.next().await;
                    self.take(shot)?;
                }
            }
        }
    }

    /// Ends it in good order.
    pub(crate) async fn end(self) {
        self.capture.end().await;
    }

    fn take(&mut self, shot: Result<Shot, SourceError>) -> Result<(), SourceError> {
        match shot {
            Ok(Shot::Piece(Piece::Init(init), _)) => {
                self.init = Some(init.clone());
                self.turns.push_back(Turn::Begin(init));
            }
            Ok(Shot::Piece(Piece::Fragment(fragment), made_us)) => {
                if let Some(running) = &mut self.running {
                    running.give(&fragment, made_us)?;
                }
            }
            Ok(Shot::Remark(remark)) => self.remarks.push_back(remark),
            // What comes after it, if anything does, begins with a key frame and an encoder of its own.
            said @ (Ok(Shot::Hole) | Err(_)) => {
                self.turns.push_back(Turn::Say(said));
                self.turns.extend(self.init.clone().map(Turn::Begin));
            }
        }
        Ok(())
    }
}

/// An ffmpeg at work on one run.
struct Running {
    /// Killed when it is dropped.
    _child: Child,
    words: JoinHandle<String>,
    /// None once its input has ended.
    given: Option<mpsc::Sender<Vec<u8>>>,
    shown: ChildStdout,
    splitter: Splitter,
    buffer: Vec<u8>,
    /// When each fragment that was given is decoded, by its run, and was made; those before the one
    /// that came out last are gone.
    times: VecDeque<(i64, Option<u64>)>,
    /// Whether a picture came out.
    has_shown: bool,
    /// Since when it owes something.
    owes: Option<Instant>,
    patience: Duration,
}

impl Running {
    fn start(init: &Init, mask: &Mask, patience: Duration) -> Result<Self, SourceError> {
        let mut command = bare("ffmpeg");
        command.args(["-nostdin", "-v", "error"]);
        // Of the decoder: a picture comes out with itself, and its times stay.
        command.args("-thread_type slice -flags low_delay -probesize 32 -analyzeduration 0".split(' '));
        command.args("-copyts -f mp4 -i pipe:0 -map 0:v:0 -map 0:a?".split(' '));
        command.args(["-vf", &mask.filter()]);
        // Of the encoder: key frames where they were, no picture held back.
        command.args("-fps_mode passthrough -enc_time_base -1 -c:v libx264 -preset veryfast".split(' '));
        command.args("-tune zerolatency -crf 23 -bf 0 -g 1000 -sc_threshold 0".split(' '));
        command.args("-force_key_frames source -a53cc 0 -c:a copy -map_metadata -1".split(' '));
        command.args("-use_editlist 0 -avoid_negative_ts disabled -f mp4 -movflags".split(' '));
        command
            .args("empty_moov+default_base_moof+frag_keyframe+frag_discont -frag_duration 100000".split(' '));
        command.args(["-flush_packets", "1", "pipe:1"]);
        let start = |source| SourceError::Start { program: "ffmpeg", source };
        let mut child = command.spawn().map_err(start)?;
        let none = || SourceError::NotMasked(String::new());
        let (input, errors) = (child.stdin.take().ok_or_else(none)?, child.stderr.take().ok_or_else(none)?);
        let shown = child.stdout.take().ok_or_else(none)?;
        let (given, feed) = mpsc::channel(WAITING);
        tokio::spawn(write(input, init.bytes().to_vec(), feed));
        Ok(Self {
            _child: child,
            words: tokio::spawn(last_words(errors)),
            given: Some(given),
            shown,
            splitter: Splitter::new(),
            buffer: vec![0; 64 << 10],
            times: VecDeque::new(),
            has_shown: false,
            owes: None,
            patience,
        })
    }

    fn give(&mut self, fragment: &Fragment, made_us: Option<u64>) -> Result<(), SourceError> {
        self.owes.get_or_insert_with(Instant::now);
        self.times.push_back((fragment.decode_us, made_us));
        let given = self.given.as_ref().map(|given| given.try_send(fragment.bytes().to_vec()));
        match given {
            Some(Err(mpsc::error::TrySendError::Full(_))) => Err(SourceError::MaskLags),
            // Why it takes no more is seen where it is read.
            Some(Ok(()) | Err(mpsc::error::TrySendError::Closed(_))) | None => Ok(()),
        }
    }

    /// What came out, and when its first picture was made.
    fn next_piece(&mut self) -> Result<Option<(Piece, Option<u64>)>, SourceError> {
        let Some(piece) = self.splitter.next_piece()? else { return Ok(None) };
        let Piece::Fragment(fragment) = &piece else { return Ok(Some((piece, None))) };
        self.has_shown = true;
        let at_us = fragment.decode_us;
        let is_past = |next: &(i64, _)| next.0 <= at_us.saturating_add(ROUNDING_US);
        while self.times.get(1).is_some_and(is_past) {
            self.times.pop_front();
        }
        // The last one comes out with what follows it.
        self.owes = (self.times.len() > 2).then(Instant::now);
        let made = self.times.front().and_then(|(given_us, made_us)| {
            Some(made_us.as_ref()?.saturating_add_signed(at_us.saturating_sub(*given_us)))
        });
        Ok(Some((piece, made)))
    }

    /// Whether pictures went in and none came out.
    fn owes_all(&self) -> bool {
        !self.has_shown && !self.times.is_empty()
    }

    /// Reads on; 0 where it has ended. Cancel-safe.
    async fn read(&mut self) -> Result<usize, SourceError> {
        let read = self.shown.read(&mut self.buffer);
        let len = match self.owes {
            None => read.await,
            Some(owes) => match timeout_at(owes + self.patience, read).await {
                Ok(read) => read,
                Err(_) => return Err(SourceError::NotMasked(String::new())),
            },
        };
        let len = len.map_err(SourceError::Read)?;
        self.splitter.push(self.buffer.get(..len).unwrap_or_default());
        Ok(len)
    }

    /// Why it ended by itself.
    async fn why_ended(&mut self) -> SourceError {
        let words = timeout(PATIENCE, &mut self.words).await;
        SourceError::NotMasked(words.ok().and_then(Result::ok).unwrap_or_default())
    }
}

/// Its input ends when nothing more is given.
async fn write(mut input: ChildStdin, init: Vec<u8>, mut feed: mpsc::Receiver<Vec<u8>>) {
    let mut next = Some(init);
    while let Some(bytes) = next {
        if input.write_all(&bytes).await.is_err() {
            return;
        }
        next = feed.recv().await;
    }
}

#[cfg(test)]
impl From<Capture> for Masked {
    fn from(capture: Capture) -> Self {
        Self::of(capture, Mask::default(), PATIENCE)
    }
}

#[cfg(test)]
mod tests;
