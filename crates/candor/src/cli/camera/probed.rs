//! What `candor camera probe` found, for people.
//!
//! ```text
//! picture     H.264 Main, 1920x1080, 25.0 pictures a second, 3904 kbit/s
//! key frames  every 2.0 s
//! sound       pcm_alaw, 8000 Hz, 1 channel: made AAC here
//! not filmed  mjpeg (video)
//! clock       -0.3 s beside this machine's
//! to change   sound-is-converted: its sound is pcm_alaw, ...
//! ```

use crate::words::table;
use camera::probe::{Audio, Found, Video};

pub(super) fn text(found: &Found) -> String {
    let row = |head: &str, text: String| vec![head.to_owned(), text];
    let mut rows = vec![
        row("picture", picture(&found.video)),
        row("key frames", key_frames(&found.video, found.watched_s)),
        row("sound", found.audio.as_ref().map_or_else(|| "none".to_owned(), sound)),
    ];
    if !found.left_out.is_empty() {
        rows.push(row("not filmed", found.left_out.join(", ")));
    }
    if let Some(ahead_ms) = found.clock_ahead_ms {
        rows.push(row("clock", format!("{:+.1} s beside this machine's", ahead_ms as f64 / 1000.0)));
    }
    for advice in &found.advice {
        rows.push(row("to change", format!("{}: {}", advice.name, advice.text)));
    }
    if found.advice.is_empty() {
        rows.push(row("to change", "nothing".to_owned()));
    }
    table(&rows)
}

fn picture(video: &Video) -> String {
    let codec = if video.codec == "hevc" { "H.265" } else { "H.264" };
    let profile = video.profile.as_deref().unwrap_or("of an unknown profile");
    let b_frames = if video.has_b_frames { ", with B-frames" } else { "" };
    let Video { width, height, fps, kbit_s, .. } = video;
    format!("{codec} {profile}, {width}x{height}, {fps:.1} pictures a second, {kbit_s} kbit/s{b_frames}")
}

fn key_frames(video: &Video, watched_s: f64) -> String {
    match video.key_frames_apart_s {
        None => format!("fewer than two in {watched_s:.0} s"),
        Some((least, most)) if most - least < 0.1 => format!("every {most:.1} s"),
        Some((least, most)) => format!("{least:.1} to {most:.1} s apart"),
    }
}

fn sound(audio: &Audio) -> String {
    let rate = audio.sample_rate.map_or_else(String::new, |rate| format!(", {rate} Hz"));
    let channels = match audio.channels {
        None => String::new(),
        Some(1) => ", 1 channel".to_owned(),
        Some(many) => format!(", {many} channels"),
    };
    let then = if audio.passes_through { "filmed as it is" } else { "made AAC here" };
    format!("{}{rate}{channels}: {then}", audio.codec)
}
