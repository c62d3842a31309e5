//! Looking at a source before it is filmed: what it sends, and what its owner should change.
//!
//! ffprobe watches it for some seconds, and for some more its clock is compared; `judged` is pure.
//! In scope: what a camera can be set to. Out of scope: changing it.

use crate::capture::choose::{Offered, Packet, Shown};
use crate::capture::montage::{Remark, Shot};
use crate::capture::{self, Capture, ffprobe, producer};
use crate::clock::Clocks;
use crate::config::SoundMode;
use crate::source::{PROBE, SourceConfig, SourceError};
use container::split::Piece;
use host::clock::Clock;
use std::time::Duration;
use tokio::time::timeout;

/// So long a source is watched: several key frames of a camera that is set well, one of most that
/// are not.
const WATCH: Duration = Duration::from_secs(12);
/// So long its clock is waited for: RTCP's first report comes after 4 s at the latest.
const CLOCK_WATCH: Duration = Duration::from_secs(8);
/// What comes first is not judged: a connection may begin with pictures that were kept for it, and
/// an extra key frame.
const SETTLED_S: f64 = 1.0;
/// Key frames further apart make a viewer wait, and cuts coarse.
const KEY_FRAMES_APART_S: f64 = 4.0;
/// Beyond this a second picture at a lower rate is worth its bytes.
const HEAVY_KBIT_S: u64 = 3000;
/// The longest distance of key frames over the shortest: beyond it they come as the scene moves.
const IRREGULAR: f64 = 1.5;

/// What a source sends.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Found {
    pub video: Video,
    pub audio: Option<Audio>,
    /// What else it offers, which is not filmed.
    pub left_out: Vec<String>,
    /// By how much its clock is ahead of this machine's, milliseconds: about 0 of a camera that did
    /// not tell it while it was watched, none of a source that has no clock.
    pub clock_ahead_ms: Option<i64>,
    /// How long it was watched: from the first picture to the last, seconds.
    pub watched_s: f64,
    pub advice: Vec<Advice>,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Video {
    /// `h264` or `hevc`.
    pub codec: String,
    pub profile: Option<String>,
    pub width: u32,
    pub height: u32,
    pub fps: f64,
    pub kbit_s: u64,
    /// Whether pictures are sent in another order than they are shown.
    pub has_b_frames: bool,
    /// The shortest and the longest distance of two key frames, seconds; none if no two were seen.
    pub key_frames_apart_s: Option<(f64, f64)>,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Audio {
    pub codec: String,
    pub sample_rate: Option<u32>,
    pub channels: Option<u32>,
    /// Whether it is filmed as it is; else it is made AAC here.
    pub passes_through: bool,
}

/// What its owner should change, and why. The name is for scripts.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Advice {
    pub name: &'static str,
    pub text: String,
}

/// Whether a source holds a picture that can be carried, for whoever starts a camera. A running one
/// waits for its source instead. Standard input is not looked at.
pub async fn check(source: &SourceConfig) -> Result<(), SourceError> {
    if source.can_be_let_go() {
        capture::check(source).await?;
    }
    Ok(())
}

/// Watches a source for some seconds.
pub async fn probe(source: &SourceConfig) -> Result<Found, SourceError> {
    let interval = format!("%+{}", WATCH.as_secs());
    let entries = "stream=index,codec_type,codec_name,profile,width,height,has_b_frames,sample_rate,channels\
                   :packet=stream_index,pts_time,flags,size";
    let args = ["-read_intervals", &interval, "-show_entries", entries, "-of", "json"];
    let mut found = judged(&ffprobe(source, &args, WATCH + PROBE).await?)?;
    found.clock_ahead_ms = clock_ahead_ms(source).await;
    if let Some(fault) = found.clock_ahead_ms.and_then(producer::fault) {
        let text = format!(
            "{fault}: a time that it draws into its pictures is wrong, recordings bear this machine's. Have it set its clock by NTP, and look at its time zone"
        );
        found.advice.push(Advice { name: "clock", text });
    }
    Ok(found)
}

/// Asked after ffprobe, which does not tell it, and not beside it: many cameras send another key
/// frame when a second client comes.
async fn clock_ahead_ms(source: &SourceConfig) -> Option<i64> {
    if !source.is_live() {
        return None;
    }
    let clocks = Clocks::new(Clock::system());
    let mut capture = Capture::start(source, SoundMode::Off, &clocks).await.ok()?;
    let mut ahead_ms = None;
    let looking = async {
        while let Ok(shot) = capture.next().await {
            match shot {
                Shot::Piece(Piece::Fragment(fragment), None) => {
                    ahead_ms = producer::ahead_ms(&fragment, clocks.now().wall_us);
                }
                Shot::Remark(Remark::Clock { theirs_us, at_us }) => {
                    ahead_ms = Some(producer::said_ms(&clocks, theirs_us, at_us));
                }
                Shot::Piece(..) | Shot::Hole | Shot::Remark(_) => {}
            }
            if ahead_ms.and_then(producer::fault).is_some() {
                break;
            }
        }
    };
    // Passing is what it does with a clock that is right.
    let _ = timeout(CLOCK_WATCH, looking).await;
    capture.end().await;
    ahead_ms
}

/// What ffprobe's JSON says.
fn judged(json: &str) -> Result<Found, SourceError> {
    let shown = Shown::parse(json)?;
    let (stream, sound) = shown.chosen()?;
    let pictures = shown.packets.iter().filter(|packet| packet.stream_index == stream.index);
    // The first ones of a live stream may have no time yet.
    let timed: Vec<(f64, &Packet)> =
        pictures.filter_map(|packet| Some((packet.shown_at_s()?, packet))).collect();
    let begin = timed.iter().map(|(time, _)| *time).fold(f64::INFINITY, f64::min) + SETTLED_S;
    let mut timed: Vec<(f64, &Packet)> = timed.into_iter().filter(|(time, _)| *time >= begin).collect();
    // In the order of showing.
    timed.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (Some((first, _)), Some((last, _))) = (timed.first(), timed.last()) else {
        return Err(SourceError::NoPicture);
    };
    let watched_s = last - first;
    let keys: Vec<f64> = timed.iter().filter(|(_, packet)| packet.is_key()).map(|(time, _)| *time).collect();
    let apart = keys.iter().zip(keys.iter().skip(1)).map(|(a, b)| b - a);
    let key_frames_apart_s = apart.fold(None, |found: Option<(f64, f64)>, apart| {
        Some(found.map_or((apart, apart), |(least, most)| (least.min(apart), most.max(apart))))
    });
    let bytes: u64 = timed.iter().filter_map(|(_, packet)| packet.size.as_ref()?.parse::<u64>().ok()).sum();
    let video = Video {
        codec: stream.codec().to_owned(),
        profile: stream.profile.clone(),
        width: stream.width.unwrap_or(0),
        height: stream.height.unwrap_or(0),
        fps: if watched_s > 0.0 { (timed.len() as f64 - 1.0) / watched_s } else { 0.0 },
        kbit_s: if watched_s > 0.0 { (bytes as f64 * 8.0 / 1000.0 / watched_s) as u64 } else { 0 },
        has_b_frames: stream.has_b_frames.unwrap_or(0) > 0,
        key_frames_apart_s,
    };
    let audio = sound.map(|stream| Audio {
        codec: stream.codec().to_owned(),
        sample_rate: stream.sample_rate.as_ref().and_then(|rate| rate.parse().ok()),
        channels: stream.channels,
        passes_through: stream.is_aac(),
    });
    let is_left =
        |other: &&Offered| other.index != stream.index && sound.is_none_or(|it| it.index != other.index);
    let left_out = shown.streams.iter().filter(is_left);
    let left_out = left_out
        .map(|other| format!("{} ({})", other.codec_name.as_deref().unwrap_or("unknown"), other.what()))
        .collect();
    let advice = advice(&video, audio.as_ref(), watched_s);
    Ok(Found { video, audio, left_out, clock_ahead_ms: None, watched_s, advice })
}

fn advice(video: &Video, audio: Option<&Audio>, watched_s: f64) -> Vec<Advice> {
    let mut advice = Vec::new();
    let mut say = |name, text: String| advice.push(Advice { name, text });
    match video.key_frames_apart_s {
        None if watched_s > KEY_FRAMES_APART_S => say(
            "key-frames-too-far-apart",
            format!(
                "no two key frames within {watched_s:.0} s: live view, seeking and exports begin at one. Set the key frame interval (I-frame interval, GOP) to 1 or 2 s"
            ),
        ),
        Some((least, most)) if most > least * IRREGULAR => say(
            "key-frames-irregular",
            format!(
                "key frames come {least:.1} to {most:.1} s apart. Switch off what saves bits in still scenes (smart codec, H.264+, H.265+, Zipstream, scene-cut detection), and set a fixed interval of 1 or 2 s"
            ),
        ),
        Some((_, most)) if most > KEY_FRAMES_APART_S => say(
            "key-frames-too-far-apart",
            format!(
                "key frames are {most:.1} s apart: live view, seeking and exports begin at one. Set the key frame interval (I-frame interval, GOP) to 1 or 2 s"
            ),
        ),
        _ => {}
    }
    if video.has_b_frames {
        say("b-frames", "it sends B-frames, which delay the live picture and leave the first times of a connection uncertain. Switch them off, or choose the Baseline profile".to_owned());
    }
    if video.codec == "hevc" {
        say("h265-in-browsers", "H.265 plays in few browsers (Chromium without a hardware decoder does not); exports are sound. Choose H.264 if the picture is watched in a browser, or name the camera's H.264 substream under [sub]: the page then shows that one".to_owned());
    }
    if video.kbit_s > HEAVY_KBIT_S {
        say(
            "second-stream",
            format!(
                "{} kbit/s are more than a grid of cameras, a phone or a slow uplink likes. If the camera has a substream (H.264, about 640 pixels wide), name it under [sub], or with --sub",
                video.kbit_s
            ),
        );
    }
    match audio {
        None => say(
            "no-sound",
            "no sound. If it has a microphone that you want, switch audio on in the camera, best as AAC"
                .to_owned(),
        ),
        Some(audio) if !audio.passes_through => say(
            "sound-is-converted",
            format!(
                "its sound is {}, which is made AAC on this machine. Choose AAC in the camera if it offers it",
                audio.codec
            ),
        ),
        Some(_) => {}
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twelve seconds of pictures at 10 a second, key frames at these places.
    fn shown(video: &str, audio: &str, keys: &[u32]) -> String {
        let packet = |n: u32| {
            let flags = if keys.contains(&n) { "K_" } else { "__" };
            let time = f64::from(n) / 10.0;
            format!(r#"{{"stream_index":0,"pts_time":"{time}","flags":"{flags}","size":"1250"}}"#)
        };
        let packets: Vec<String> = (0..=120).map(packet).collect();
        let video = format!(r#"{{"index":0,"codec_type":"video","width":640,"height":360,{video}}}"#);
        let packets = packets.join(",");
        format!(r#"{{"packets":[{{"stream_index":0,"flags":"K_"}},{packets}],"streams":[{video}{audio}]}}"#)
    }

    fn names(found: &Found) -> Vec<&str> {
        found.advice.iter().map(|advice| advice.name).collect()
    }

    const H264: &str = r#""codec_name":"h264","profile":"Main","has_b_frames":0"#;
    const AAC: &str =
        r#",{"index":1,"codec_type":"audio","codec_name":"aac","sample_rate":"16000","channels":1}"#;

    #[test]
    fn a_camera_that_is_set_well_needs_no_advice() {
        let found = judged(&shown(H264, AAC, &[0, 20, 40, 60, 80, 100, 120])).unwrap();
        assert_eq!(names(&found), [""; 0]);
        // Its first second is left out.
        assert_eq!((found.video.key_frames_apart_s, found.watched_s), (Some((2.0, 2.0)), 11.0));
        assert!(
            (found.video.fps - 10.0).abs() < 0.01 && (100..105).contains(&found.video.kbit_s),
            "{found:?}"
        );
        assert_eq!(found.audio.unwrap().sample_rate, Some(16000));
    }

    #[test]
    fn each_fault_has_its_advice() {
        let of = |video: &str, audio: &str, keys: &[u32]| judged(&shown(video, audio, keys)).unwrap();
        assert_eq!(names(&of(H264, AAC, &[0])), ["key-frames-too-far-apart"]);
        assert_eq!(names(&of(H264, AAC, &[0, 50, 100])), ["key-frames-too-far-apart"]);
        assert_eq!(names(&of(H264, AAC, &[0, 10, 30, 40])), ["key-frames-irregular"]);
        assert_eq!(names(&of(&H264.replace(":0", ":2"), AAC, &[0, 20, 40])), ["b-frames"]);
        assert_eq!(names(&of(&H264.replace("h264", "hevc"), AAC, &[0, 20, 40])), ["h265-in-browsers"]);
        let heavy = shown(H264, AAC, &[0, 20, 40]).replace("\"1250\"", "\"50000\"");
        assert_eq!(names(&judged(&heavy).unwrap()), ["second-stream"]);
        assert_eq!(names(&of(H264, "", &[0, 20, 40])), ["no-sound"]);
        assert_eq!(names(&of(H264, &AAC.replace("aac", "pcm_alaw"), &[0, 20, 40])), ["sound-is-converted"]);
    }

    #[test]
    fn what_is_filmed_is_judged_and_the_rest_is_listed() {
        let more = r#",{"index":1,"codec_type":"audio","codec_name":"pcm_alaw"},{"index":2,"codec_type":"audio","codec_name":"aac"},{"index":3,"codec_type":"video","codec_name":"mjpeg"},{"index":4,"codec_type":"data"}"#;
        let found = judged(&shown(H264, more, &[0, 20, 40])).unwrap();
        assert_eq!(found.audio.map(|audio| audio.codec).as_deref(), Some("pcm_alaw"));
        assert_eq!(found.left_out, ["aac (audio)", "mjpeg (video)", "unknown (data)"]);
    }

    #[test]
    fn what_holds_no_picture_is_named() {
        for json in [r#"{"streams":[]}"#.to_owned(), shown(&H264.replace("h264", "mjpeg"), AAC, &[0])] {
            assert!(matches!(judged(&json), Err(SourceError::NoPicture)));
        }
        assert!(matches!(judged("no JSON"), Err(SourceError::Unreadable(_))));
    }
}
