//! ffmpeg and ffprobe as children that play a file: what they are told, what they said, how they end.
//! What they say is repeated in errors, without passwords.

use super::choose::{Offered, Shown};
use crate::config::SoundMode;
use crate::source::{PASSWORD_VARIABLE, PROBE, SourceError, USER_VARIABLE, without_passwords};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The last words that an error repeats.
const WORDS: usize = 1000;
/// The packets at which the beginning of a file is seen, as ffprobe is told.
const BEGINNING: &str = "%+#32";
/// An AAC encoder begins before its sound by a frame: of 8000 Hz at the longest.
const ENCODER_LEAD_S: f64 = 0.128;

/// A running child. Dropping it kills it.
pub(super) struct Ffmpeg {
    child: Child,
    /// Its error stream, read all the time: a child whose errors nobody reads stops.
    words: JoinHandle<String>,
}

impl Ffmpeg {
    /// Plays a file, in real time; what it writes is fragmented MP4, whose zero is so long after its
    /// first time.
    pub(super) async fn film(
        file: &Path,
        looped: bool,
        shown: &Shown,
        wanted: SoundMode,
    ) -> Result<(Self, ChildStdout, Option<u64>), SourceError> {
        let (picture, sound) = shown.chosen()?;
        let sound = sound.filter(|_| wanted == SoundMode::On);
        let mut command = bare("ffmpeg");
        command.args(["-nostdin", "-v", "error"]);
        command.args(["-re", "-stream_loop", if looped { "-1" } else { "0" }, "-i"]).arg(file);
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
        // Every time is the file's own, moved as a whole so that none is before 0.
        let lead_s = shown.lead_s() + ENCODER_LEAD_S;
        flags += "+frag_discont";
        command.args("-use_editlist 0 -avoid_negative_ts disabled".split(' '));
        command.args(["-output_ts_offset", &format!("{lead_s:.6}")]);
        let zero_us = shown.hides_pictures_of(picture).then_some((lead_s * 1e6) as u64);
        command.args(["-f", "mp4", "-movflags", &flags]);
        command.args("-frag_duration 100000 -flush_packets 1 pipe:1".split(' '));
        let mut child = spawn(command, "ffmpeg")?;
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

/// What a file offers, and its beginning.
pub(super) async fn offered(file: &Path) -> Result<Shown, SourceError> {
    let entries = "format=start_time:stream=index,codec_type,codec_name,extradata_size\
                   :packet=stream_index,pts_time,dts_time,flags";
    let args = ["-read_intervals", BEGINNING, "-show_entries", entries, "-of", "json"];
    let shown = Shown::parse(&ffprobe(file, &args, PROBE).await?)?;
    shown.chosen()?;
    Ok(shown)
}

/// What ffprobe finds out about a file with these arguments.
pub(crate) async fn ffprobe(file: &Path, args: &[&str], patience: Duration) -> Result<String, SourceError> {
    let mut command = bare("ffprobe");
    command.args(["-v", "error"]).args(args).arg("-i").arg(file);
    let looking = async { spawn(command, "ffprobe")?.wait_with_output().await.map_err(SourceError::Read) };
    let output = timeout(patience, looking).await.map_err(|_| SourceError::Silent)??;
    if !output.status.success() {
        return Err(SourceError::Unreadable(said(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A child with all three streams to us, that knows no password and dies with whoever holds it.
pub(super) fn bare(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.env_remove(USER_VARIABLE).env_remove(PASSWORD_VARIABLE);
    command
}

fn spawn(mut command: Command, program: &'static str) -> Result<Child, SourceError> {
    command.stdin(Stdio::null()).spawn().map_err(|source| SourceError::Start { program, source })
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
