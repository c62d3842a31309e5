//! Sound that no segment carries, made AAC: an ffmpeg child of its own, so that the picture never
//! waits for sound, and a child that dies costs nothing but sound.
//!
//! ```text
//! a camera's packets, with their media time -> ffmpeg -f mulaw -ar 8000 -ac 1 -i pipe:0 -c:a aac -f adts pipe:1
//!                                           -> AAC frames of 1024 samples, with their media time
//! ```
//! What is fed has a fixed rate, so ffmpeg has nothing to find out: the first frame comes after
//! about 150 ms. In scope: which sound, the child, its queues. Out of scope: where in media time a
//! frame lies (`course`); silence where no sound comes at all (whoever muxes it).

mod course;

use super::ffmpeg::{bare, last_words};
use course::Course;
use host::lock::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Packets that wait for a child: some seconds of sound.
const PACKETS: usize = 64;
/// Frames that wait to be taken: ten seconds of the shortest.
const FRAMES: usize = 512;
/// Between a child that died and the next one.
const PAUSE: Duration = Duration::from_secs(2);
/// So long a child that closed its output may take to say why.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// An ADTS header, bytes; two more with a checksum.
const ADTS: usize = 7;

/// A camera's sound, of a fixed rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    /// As ffmpeg's raw formats are called.
    name: &'static str,
    /// Samples a second, of each channel.
    rate: u32,
    channels: u16,
    bits_a_second: u32,
    /// A byte that is silence.
    silence: u8,
}

impl Format {
    /// The format of this name in an SDP (RFC 3551, 6); none if a child cannot be told its rate.
    pub(super) fn of(encoding: &str, clock_rate: u32, channels: u16) -> Option<Self> {
        let (name, silence, bits) = match encoding.to_ascii_lowercase().as_str() {
            "pcmu" => ("mulaw", 0xff, 8),
            "pcma" => ("alaw", 0xd5, 8),
            "l16" => ("s16be", 0, 16),
            // Said to be 8000 Hz, and is 16000 (RFC 3551, 4.5.2).
            "g722" => ("g722", 0xff, 8),
            "g726-24" => ("g726le", 0xff, 3),
            "g726-32" => ("g726le", 0xff, 4),
            "g726-40" => ("g726le", 0xff, 5),
            _ => return None,
        };
        let bits_a_second = clock_rate.checked_mul(bits)?.checked_mul(channels.into())?;
        let is_mono = matches!(name, "g722" | "g726le");
        let is_known = bits_a_second > 0 && channels <= if is_mono { 1 } else { 2 };
        is_known.then_some(Self { name, rate: clock_rate, channels, bits_a_second, silence })
    }

    /// What the AAC that comes out is decoded with.
    pub(super) fn aac(&self) -> Aac {
        // At 8000 Hz a frame would last 128 ms, and an encoder holds two.
        let rate = if self.rate <= 16_000 { 16_000 } else { 48_000 };
        Aac { rate, channels: self.channels }
    }

    fn arguments(&self) -> Vec<String> {
        let Aac { rate, channels } = self.aac();
        let bits = self.bits_a_second / self.rate;
        let input = match self.name {
            "g722" => "-f g722 -raw_packet_size 320".to_owned(),
            "g726le" => format!("-f g726le -code_size {bits} -sample_rate {}", self.rate),
            name => format!("-f {name} -ar {} -ac {}", self.rate, self.channels),
        };
        // 32 kbit/s a channel of 16000 Hz, 96 of 48000.
        let bits = rate * 2 * u32::from(channels);
        let all = format!(
            "-nostdin -v error -probesize 32 -analyzeduration 0 {input} -i pipe:0 -threads 1 \
             -c:a aac -ar {rate} -ac {channels} -b:a {bits} -f adts -flush_packets 1 pipe:1"
        );
        all.split_whitespace().map(str::to_owned).collect()
    }
}

/// What AAC-LC is decoded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Aac {
    /// Samples a second.
    pub(super) rate: u32,
    pub(super) channels: u16,
}

/// One AAC frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    /// Without an ADTS header.
    pub(super) bytes: Vec<u8>,
    /// Media time of its first sample, microseconds, on the scale of what was fed.
    pub(super) at_us: i64,
}

struct Packet {
    bytes: Vec<u8>,
    at_us: i64,
}

/// Sound on its way to AAC. Dropping it ends it, and kills its ffmpeg.
pub(super) struct Sound {
    given: mpsc::Sender<Packet>,
    made: mpsc::Receiver<Frame>,
    trouble: Arc<Mutex<Option<String>>>,
    task: JoinHandle<()>,
}

/// Why a child makes no more sound.
#[derive(Debug, thiserror::Error)]
enum SoundError {
    #[error("ffmpeg could not be used: {0}")]
    Child(#[from] std::io::Error),
    #[error("ffmpeg ended{0}")]
    Ended(String),
}

impl Sound {
    pub(super) fn start(format: Format) -> Self {
        let (given, packets) = mpsc::channel(PACKETS);
        let (frames, made) = mpsc::channel(FRAMES);
        let trouble = Arc::new(Mutex::new(None));
        let task = tokio::spawn(work(format, packets, frames, trouble.clone()));
        Self { given, made, trouble, task }
    }

    /// Never waits: what a child does not keep up with is a hole, which becomes silence.
    pub(super) fn feed(&self, bytes: &[u8], at_us: i64) {
        let _ = self.given.try_send(Packet { bytes: bytes.to_vec(), at_us });
    }

    /// The next frame. Cancel-safe; while none comes it waits.
    pub(super) async fn next(&mut self) -> Frame {
        match self.made.recv().await {
            Some(frame) => frame,
            None => std::future::pending().await,
        }
    }

    /// Why no sound is made now.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().clone()
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Makes AAC until there is nobody who wants it.
async fn work(
    format: Format,
    mut packets: mpsc::Receiver<Packet>,
    frames: mpsc::Sender<Frame>,
    trouble: Arc<Mutex<Option<String>>>,
) {
    loop {
        let convert = async { Encoder::start(&format)?.convert(&mut packets, &frames, &trouble).await };
        let Err(error) = convert.await else { return };
        let text = format!("no sound: {error}");
        if trouble.lock().replace(text).is_none() {
            tracing::warn!(%error, "no sound for now; filming goes on");
        }
        tokio::time::sleep(PAUSE).await;
        // What came meanwhile is old.
        while packets.try_recv().is_ok() {}
    }
}

/// A running child.
struct Encoder {
    /// Killed when it is dropped.
    _child: Child,
    given: ChildStdin,
    made: ChildStdout,
    words: JoinHandle<String>,
    course: Course,
    /// Bytes that it has not taken yet.
    waiting: Vec<u8>,
    /// Bytes of frames that are not whole yet.
    begun: Vec<u8>,
}

impl Encoder {
    fn start(format: &Format) -> Result<Self, SoundError> {
        let mut child = bare("ffmpeg").args(format.arguments()).spawn()?;
        let none = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let given = child.stdin.take().ok_or_else(none)?;
        let made = child.stdout.take().ok_or_else(none)?;
        let words = tokio::spawn(last_words(child.stderr.take().ok_or_else(none)?));
        let course = Course::new(format.bits_a_second, format.silence, format.aac().rate);
        Ok(Self { _child: child, given, made, words, course, waiting: Vec::new(), begun: Vec::new() })
    }

    /// Until no packet comes any more.
    async fn convert(
        mut self,
        packets: &mut mpsc::Receiver<Packet>,
        frames: &mpsc::Sender<Frame>,
        trouble: &Mutex<Option<String>>,
    ) -> Result<(), SoundError> {
        loop {
            tokio::select! {
                packet = packets.recv(), if self.waiting.is_empty() => {
                    let Some(Packet { bytes, at_us }) = packet else { return Ok(()) };
                    self.course.take(&bytes, at_us, &mut self.waiting);
                }
                taken = self.given.write(&self.waiting), if !self.waiting.is_empty() => match taken {
                    Ok(len) => drop(self.waiting.drain(..len)),
                    // It says why on its error stream.
                    Err(_) => return Err(self.ended().await),
                },
                made = self.made.read_buf(&mut self.begun) => {
                    if made? == 0 {
                        return Err(self.ended().await);
                    }
                    while let Some(frame) = self.next_frame() {
                        trouble.lock().take();
                        // Whoever does not take them in time has no use for them any more.
                        let _ = frames.try_send(frame);
                    }
                }
            }
        }
    }

    async fn ended(self) -> SoundError {
        let words = timeout(LAST_WORDS, self.words).await;
        SoundError::Ended(words.ok().and_then(Result::ok).unwrap_or_default())
    }

    /// The next whole frame (ISO/IEC 14496-3, 1.A.2.2.1). The first one holds what an encoder
    /// begins with, and no sound.
    fn next_frame(&mut self) -> Option<Frame> {
        loop {
            let [_, flags, _, high, middle, low, _] = *self.begun.first_chunk::<ADTS>()?;
            let len = usize::from(high & 3) << 11 | usize::from(middle) << 3 | usize::from(low) >> 5;
            let head = if flags & 1 == 1 { ADTS } else { ADTS + 2 };
            if self.begun.len() < len.max(head) {
                return None;
            }
            let frame: Vec<u8> = self.begun.drain(..len.max(head)).skip(head).collect();
            if let Some(at_us) = self.course.next_frame() {
                return Some(Frame { bytes: frame, at_us });
            }
        }
    }
}

#[cfg(test)]
mod tests;
