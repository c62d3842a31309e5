//! Sound that no segment carries, made AAC: an ffmpeg child of its own, so that the picture never
//! waits for sound, and a child that dies costs nothing but sound.
//!
//! ```text
//! a camera's packets, with their media time -> ffmpeg -f mulaw -ar 8000 -ac 1 -i pipe:0 -c:a aac -f adts pipe:1
//!                                           -> AAC frames of 1024 samples, with their media time
//! ```
//! What is fed has a fixed rate, or frames that each say theirs (`framed`), so ffmpeg has nothing to
//! find out: the first frame comes after 150 to 450 ms. In scope: which sound, the child, its queues.
//! Out of scope: where in media time a frame lies (`course`); silence where no sound comes at all
//! (whoever muxes it).

mod course;
mod framed;

use super::ffmpeg::{bare, last_words};
use course::Course;
use framed::{Framer, Framing};
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
/// Samples a second that a microphone has.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;
/// An ADTS header, bytes; two more with a checksum.
const ADTS: usize = 7;

/// So much sound a child may be given of which it makes nothing.
const BEHIND_US: i64 = 10_000_000;

/// A camera's sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Raw(Raw),
    Framed(Framing),
}

/// Sound of a fixed rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Raw {
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
    /// The format of this name in an SDP (RFC 3551, 6); none if nothing here reads it.
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
            "mpa" => return Some(Self::Framed(Framing::Mpa)),
            "ac3" => return Some(Self::Framed(Framing::Ac3)),
            "opus" => return Some(Self::Framed(Framing::Opus)),
            _ => return None,
        };
        let bits_a_second = clock_rate.checked_mul(bits)?.checked_mul(channels.into())?;
        let is_mono = matches!(name, "g722" | "g726le");
        let is_known = channels > 0 && RATES.contains(&clock_rate) && channels <= if is_mono { 1 } else { 2 };
        is_known.then_some(Self::Raw(Raw { name, rate: clock_rate, channels, bits_a_second, silence }))
    }

    /// What the AAC that comes out is decoded with.
    pub(super) fn aac(&self) -> Aac {
        match self {
            // At 8000 Hz a frame would last 128 ms, and an encoder holds two.
            Self::Raw(Raw { rate: ..=16_000, channels, .. }) => Aac { rate: 16_000, channels: *channels },
            Self::Raw(Raw { channels, .. }) => Aac { rate: 48_000, channels: *channels },
            // What it has is known with its first frame, and the run may begin before that.
            Self::Framed(_) => Aac { rate: 48_000, channels: 2 },
        }
    }

    fn course(&self) -> Course {
        let Aac { rate, .. } = self.aac();
        match self {
            Self::Raw(raw) => Course::new(raw.bits_a_second, Some(raw.silence), rate),
            Self::Framed(_) => Course::new(framed::TICKS, None, rate),
        }
    }

    fn arguments(&self) -> Vec<String> {
        let Aac { rate, channels } = self.aac();
        let input = match self {
            // Frames that cannot be decoded leave holes, which silence fills.
            Self::Framed(framing) => format!("-f {} -i pipe:0 -af aresample=async=1", framing.reader()),
            Self::Raw(Raw { name: "g722", .. }) => "-f g722 -raw_packet_size 320 -i pipe:0".to_owned(),
            Self::Raw(Raw { name: "g726le", rate, bits_a_second, .. }) => {
                let bits = bits_a_second / rate;
                format!("-f g726le -code_size {bits} -sample_rate {rate} -i pipe:0")
            }
            Self::Raw(Raw { name, rate, channels, .. }) => {
                format!("-f {name} -ar {rate} -ac {channels} -i pipe:0")
            }
        };
        // 32 kbit/s a channel of 16000 Hz, 96 of 48000.
        let bits = rate * 2 * u32::from(channels);
        let all = format!(
            "-nostdin -v error -probesize 32 -analyzeduration 0 {input} -threads 1 \
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
    is_behind_loss: bool,
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
    #[error("ffmpeg made nothing of {} s of it", BEHIND_US / 1_000_000)]
    Behind,
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
    pub(super) fn feed(&self, bytes: &[u8], at_us: i64, lost: u16) {
        let _ = self.given.try_send(Packet { bytes: bytes.to_vec(), at_us, is_behind_loss: lost > 0 });
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
    /// Where frames are taken out of packets.
    framer: Option<Framer>,
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
        let framer = match format {
            Format::Raw(_) => None,
            Format::Framed(framing) => Some(Framer::new(*framing)),
        };
        let (course, waiting, begun) = (format.course(), Vec::new(), Vec::new());
        Ok(Self { _child: child, given, made, words, course, framer, waiting, begun })
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
                    let Some(packet) = packet else { return Ok(()) };
                    self.take(&packet);
                    if self.course.behind_us() > BEHIND_US {
                        return Err(SoundError::Behind);
                    }
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

    fn take(&mut self, Packet { bytes, at_us, is_behind_loss }: &Packet) {
        let Some(framer) = &mut self.framer else {
            return self.course.take(bytes, 8 * bytes.len() as u64, *at_us, &mut self.waiting);
        };
        let mut at_us = *at_us;
        for frame in framer.push(bytes, *is_behind_loss) {
            self.course.take(&frame.bytes, frame.lasts, at_us, &mut self.waiting);
            at_us = at_us.saturating_add(self.course.us(frame.lasts));
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
