//! ffmpeg and ffprobe as children: what they are told, what they said, how they end.
//!
//! The address of a camera may hold its password, and a command line is there for everybody on the
//! machine to read. So they read the address from standard input, as a script of one file (ffmpeg
//! 5.0 or newer; 5.1 for `keyframes`):
//!
//! ```text
//! ffmpeg -f concat -safe 0 -protocol_whitelist pipe,rtsp,... -i pipe:0
//!
//! ffconcat version 1.0
//! file rtsp://viewer:secret@10.0.0.20/stream1
//! option rtsp_transport tcp
//! option timeout 15000000
//! ```
//! What they say is repeated in errors, without passwords.

use super::choose::{Offered, Shown};
use crate::config::SoundMode;
use crate::source::{
    PASSWORD_VARIABLE, PROBE, SourceConfig, SourceError, Transport, USER_VARIABLE, without_passwords,
};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// The last words that an error repeats.
const WORDS: usize = 1000;
/// What the address may lead to: the camera, and no file.
const PROTOCOLS: &str = "pipe,rtsp,rtsps,rtp,srtp,tcp,udp,tls,crypto";
/// So long a camera may take to answer ffmpeg, microseconds. Longer than a running source is waited
/// for, so that a frozen one is called so.
const ANSWER_US: u64 = 15_000_000;
/// The packets at which the beginning of a file is seen, as ffprobe is told.
const BEGINNING: &str = "%+#32";
/// An AAC encoder begins before its sound by a frame: of 8000 Hz at the longest.
const ENCODER_LEAD_S: f64 = 0.128;
/// So long an ffmpeg that is asked to end may say goodbye to its camera.
const GOODBYE: Duration = Duration::from_secs(2);

/// A running child. Dropping it kills it.
pub(super) struct Ffmpeg {
    child: Child,
    /// Its error stream, read all the time: a child whose errors nobody reads stops.
    words: JoinHandle<String>,
}

/// What is given to a child on its standard input, if it films a stream.
type Script = Option<Zeroizing<String>>;

impl Ffmpeg {
    /// Starts it; what it writes is fragmented MP4, whose zero is so long after its first time.
    pub(super) async fn film(
        source: &SourceConfig,
        shown: &Shown,
        wanted: SoundMode,
    ) -> Result<(Self, ChildStdout, Option<u64>), SourceError> {
        let (picture, sound) = shown.chosen()?;
        let sound = sound.filter(|_| wanted == SoundMode::On);
        let mut command = bare("ffmpeg");
        command.args(["-nostdin", "-v", "error"]);
        if let SourceConfig::File { looped, .. } = source {
            command.args(["-re", "-stream_loop", if *looped { "-1" } else { "0" }]);
        }
        let script = input(&mut command, source)?;
        command.args(["-map", &format!("0:{}", picture.index), "-c:v", "copy"]);
        if picture.codec() == "hevc" {
            command.args(["-tag:v", "hvc1"]);
        }
        let mut flags = "empty_moov+default_base_moof+frag_keyframe".to_owned();
        if let Some(sound) = sound {
            command.args(["-map", &format!("0:{}", sound.index)]);
            command.args(sounding(sound));
            if sound.is_aac() && sound.says_nothing_before() {
                // What it says in its packets goes into the init segment, which waits for one.
                command.args(["-bsf:a", "aac_adtstoasc"]);
                flags += "+delay_moov";
            }
        }
        let mut zero_us = None;
        match source {
            SourceConfig::File { .. } => {
                // Every time is the file's own, moved as a whole so that none is before 0.
                let lead_s = shown.lead_s() + ENCODER_LEAD_S;
                flags += "+frag_discont";
                command.args("-use_editlist 0 -avoid_negative_ts disabled".split(' '));
                command.args(["-output_ts_offset", &format!("{lead_s:.6}")]);
                zero_us = shown.hides_pictures_of(picture).then_some((lead_s * 1e6) as u64);
            }
            // Sound that does not come holds up the picture, and not for long.
            SourceConfig::Input | SourceConfig::Stream(_) => {
                command.args(["-max_interleave_delta", "500000"]);
            }
        }
        command.args(["-f", "mp4", "-movflags", &flags]);
        command.args("-frag_duration 100000 -write_prft wallclock -flush_packets 1 pipe:1".split(' '));
        let mut child = spawn(command, "ffmpeg", script).await?;
        let none = || SourceError::Broken(String::new());
        let pictures = child.stdout.take().ok_or_else(none)?;
        let errors = child.stderr.take().ok_or_else(none)?;
        Ok((Self { child, words: tokio::spawn(last_words(errors)) }, pictures, zero_us))
    }

    /// After it closed its output: whether it ended well, and what it said.
    pub(super) async fn wait(&mut self) -> (bool, String) {
        let is_well = matches!(timeout(PROBE, self.child.wait()).await, Ok(Ok(status)) if status.success());
        let words = timeout(PROBE, &mut self.words).await;
        (is_well, words.ok().and_then(Result::ok).unwrap_or_default())
    }

    /// Asks it to end: it closes its session with the camera (TEARDOWN), which may serve only few.
    /// One that does not is killed.
    pub(super) async fn end(mut self) {
        let pid = self.child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.try_into().ok()?));
        if let Some(pid) = pid
            && rustix::process::kill_process(pid, rustix::process::Signal::TERM).is_ok()
            && timeout(GOODBYE, self.child.wait()).await.is_ok()
        {
            return;
        }
        // It fails only where nothing is left to be killed.
        let _ = self.child.kill().await;
    }
}

/// How a sound becomes AAC, or stays it.
fn sounding(sound: &Offered) -> &'static [&'static str] {
    // Lost packets leave holes in sound, which silence fills: it stays with its picture.
    const HOLES: &str = "aresample=async=1";
    match sound.codec() {
        "aac" => &["-c:a", "copy"],
        "pcm_alaw" | "pcm_mulaw" => &["-c:a", "aac", "-b:a", "32k", "-af", HOLES],
        _ => &["-c:a", "aac", "-af", HOLES],
    }
}

/// What a source offers, and the beginning of a file.
pub(super) async fn offered(source: &SourceConfig) -> Result<Shown, SourceError> {
    let streams = "stream=index,codec_type,codec_name,extradata_size";
    let beginning = format!("format=start_time:{streams}:packet=stream_index,pts_time,dts_time,flags");
    let args: &[&str] = match source {
        SourceConfig::File { .. } => &["-read_intervals", BEGINNING, "-show_entries", &beginning],
        SourceConfig::Input | SourceConfig::Stream(_) => &["-show_entries", streams],
    };
    let shown = Shown::parse(&ffprobe(source, &[args, &["-of", "json"]].concat(), PROBE).await?)?;
    shown.chosen()?;
    Ok(shown)
}

/// What ffprobe finds out about a source with these arguments.
pub(crate) async fn ffprobe(
    source: &SourceConfig,
    args: &[&str],
    patience: Duration,
) -> Result<String, SourceError> {
    let mut command = bare("ffprobe");
    command.args(["-v", "error"]).args(args);
    let script = input(&mut command, source)?;
    let looking = async {
        let child = spawn(command, "ffprobe", script).await?;
        child.wait_with_output().await.map_err(SourceError::Read)
    };
    let output = timeout(patience, looking).await.map_err(|_| SourceError::Silent)??;
    if !output.status.success() {
        return Err(refused(said(&output.stderr)).unwrap_or_else(SourceError::Unreadable));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether what ffmpeg said means that the camera did not accept the password; else the words
/// again.
pub(super) fn refused(words: String) -> Result<SourceError, String> {
    if words.contains("401 Unauthorized") { Ok(SourceError::Unauthorized) } else { Err(words) }
}

/// Tells a child where to read. A stream's address is in the script.
fn input(command: &mut Command, source: &SourceConfig) -> Result<Script, SourceError> {
    match source {
        SourceConfig::File { path, .. } => {
            command.arg("-i").arg(path);
            Ok(None)
        }
        SourceConfig::Input => {
            command.args(["-i", "pipe:0"]);
            Ok(None)
        }
        SourceConfig::Stream(stream) => {
            command.args(["-f", "concat", "-safe", "0", "-protocol_whitelist", PROTOCOLS, "-i", "pipe:0"]);
            let address = stream.address()?;
            let transport = match stream.transport {
                Transport::Tcp => "tcp",
                Transport::Udp => "udp",
            };
            Ok(Some(Zeroizing::new(format!(
                "ffconcat version 1.0\nfile {}\noption rtsp_transport {transport}\noption timeout {ANSWER_US}\n",
                *address
            ))))
        }
    }
}

/// A child with all three streams to us, that knows no password and dies with whoever holds it.
pub(super) fn bare(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.env_remove(USER_VARIABLE).env_remove(PASSWORD_VARIABLE);
    command
}

async fn spawn(mut command: Command, program: &'static str, script: Script) -> Result<Child, SourceError> {
    if script.is_none() {
        command.stdin(Stdio::null());
    }
    let mut child = command.spawn().map_err(|source| SourceError::Start { program, source })?;
    if let (Some(script), Some(mut stdin)) = (script, child.stdin.take()) {
        // A child that ended before it read this says why on its error stream.
        let _ = stdin.write_all(script.as_bytes()).await;
    }
    Ok(child)
}

/// The last that is said on an error stream, without passwords, as an error repeats it.
pub(super) async fn last_words(mut errors: impl AsyncRead + Unpin) -> String {
    let (mut last, mut buffer) = (Vec::new(), [0; 1024]);
    while let Ok(len @ 1..) = errors.read(&mut buffer).await {
        last.extend_from_slice(buffer.get(..len).unwrap_or_default());
        // One byte more than is said: it shows that some were left out.
        last.drain(..last.len().saturating_sub(WORDS + 1));
    }
    said(&last)
}

/// What an error repeats of what was said.
fn said(bytes: &[u8]) -> String {
    let mut last = bytes.get(bytes.len().saturating_sub(WORDS)..).unwrap_or_default();
    if bytes.len() > WORDS {
        // The first word may be the end of an address, from which no password could be told and
        // taken out.
        let cut = last.iter().position(u8::is_ascii_whitespace).unwrap_or(last.len());
        last = last.get(cut..).unwrap_or_default();
    }
    let text = without_passwords(String::from_utf8_lossy(last).trim()).replace('\n', "; ");
    if text.is_empty() { String::new() } else { format!(": ffmpeg said: {text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_holds_no_password_wherever_it_is_cut() {
        assert_eq!(said(b" \n"), "");
        assert_eq!(said(b"no\nrtsp://u:secret@h/1: no\n"), ": ffmpeg said: no; rtsp://h/1: no");
        let address = "rtsp://viewer:secret-secret-secret@h/1";
        for after in WORDS - address.len() - 5..WORDS + 5 {
            let text = format!("{address} {}", "w ".repeat(after / 2));
            assert!(!said(text.as_bytes()).contains("secret"), "{after}");
        }
    }
}
