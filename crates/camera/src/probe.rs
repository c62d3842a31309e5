//! Looking at a source before it is filmed: what it sends, and what its owner should change.
//!
//! A camera is watched through the session with which it is filmed, a file by ffprobe; `judged` is
//! pure. In scope: what a camera can be set to. Out of scope: changing it.

use crate::capture::choose::{Offered, Packet, Shown};
use crate::capture::rtsp::{Looked, Offer, OfferCarried, look};
use crate::capture::{self, ffprobe, producer};
use crate::clock::Clocks;
use crate::source::{PROBE, SourceConfig, SourceError};
use container::mux::TICKS;
use container::sps::Coding;
use host::clock::Clock;
use std::path::Path;
use std::time::Duration;

/// So long a source is watched: several key frames of a camera that is set well, one of most that
/// are not.
const WATCH: Duration = Duration::from_secs(12);
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
    /// By how much its clock is ahead of this machine's, milliseconds; none if it was not told.
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

/// Watches a source for some seconds. Of standard input nothing can be seen that is not filmed.
pub async fn probe(source: &SourceConfig) -> Result<Found, SourceError> {
    match source {
        SourceConfig::Stream(stream) => {
            let seen = look(stream, &Clocks::new(Clock::system()), WATCH).await?;
            of_camera(&seen)
        }
        SourceConfig::File { path, .. } => of_file(path).await,
        SourceConfig::Input => Err(SourceError::NoPicture),
    }
}

/// What was seen of a source.
struct Sight {
    /// `fps`, `kbit_s` and the distances of key frames are not known yet.
    video: Video,
    audio: Option<Audio>,
    left_out: Vec<String>,
    pictures: Vec<SightPicture>,
}

struct SightPicture {
    at_s: f64,
    is_key: bool,
    bytes: u64,
}

fn of_camera(seen: &Looked) -> Result<Found, SourceError> {
    let unset = || SourceError::Unreadable(": pictures come, and no parameter sets for them".to_owned());
    let sps = seen.sps.as_ref().ok_or_else(unset)?;
    let stamps = seen.pictures.iter().map(|picture| picture.stamp);
    let has_b_frames = stamps.clone().zip(stamps.skip(1)).any(|(one, next)| next < one);
    let video = Video {
        codec: if sps.coding == Coding::H264 { "h264" } else { "hevc" }.to_owned(),
        profile: profile(sps.coding, sps.profile).map(str::to_owned),
        width: sps.width.into(),
        height: sps.height.into(),
        fps: 0.0,
        kbit_s: 0,
        has_b_frames,
        key_frames_apart_s: None,
    };
    let audio = seen.choice.sound.and_then(|at| seen.offers.get(at)).map(|offer| Audio {
        codec: known_as(&offer.codec).to_owned(),
        sample_rate: Some(offer.rate),
        channels: offer.channels.map(u32::from),
        passes_through: offer.carried == OfferCarried::AsItIs,
    });
    let is_left = |(at, _): &(usize, &Offer)| *at != seen.choice.picture && Some(*at) != seen.choice.sound;
    let left_out = seen.offers.iter().enumerate().filter(is_left);
    let left_out =
        left_out.map(|(_, offer)| format!("{} ({})", known_as(&offer.codec), offer.what)).collect();
    let pictures = seen.pictures.iter().map(|picture| SightPicture {
        at_s: picture.stamp as f64 / f64::from(TICKS),
        is_key: picture.is_key,
        bytes: picture.bytes as u64,
    });
    let mut found = judged(Sight { video, audio, left_out, pictures: pictures.collect() })?;
    found.clock_ahead_ms = seen.ahead_ms;
    if let Some(fault) = seen.ahead_ms.and_then(producer::fault) {
        let text = format!(
            "{fault}: a time that it draws into its pictures is wrong, recordings bear this machine's. Have it set its clock by NTP, and look at its time zone"
        );
        found.advice.push(Advice { name: "clock", text });
    }
    if let Some(trouble) = &seen.sound_trouble {
        found.advice.push(Advice { name: "sound-fails", text: trouble.clone() });
    }
    Ok(found)
}

/// A profile as people call it.
fn profile(coding: Coding, profile: u8) -> Option<&'static str> {
    Some(match (coding, profile) {
        (Coding::H264, 66) => "Baseline",
        (Coding::H264, 77) | (Coding::H265, 1) => "Main",
        (Coding::H264, 88) => "Extended",
        (Coding::H264, 100) => "High",
        (Coding::H264, 110) => "High 10",
        (Coding::H264, 122) => "High 4:2:2",
        (Coding::H265, 2) => "Main 10",
        (Coding::H264 | Coding::H265, _) => return None,
    })
}

/// An encoding of SDP by the name that ffmpeg has for it, where that is another.
fn known_as(encoding: &str) -> &str {
    match encoding {
        "mpeg4-generic" => "aac",
        "pcma" => "pcm_alaw",
        "pcmu" => "pcm_mulaw",
        "l16" => "pcm_s16be",
        "jpeg" => "mjpeg",
        "h265" => "hevc",
        other => other,
    }
}

async fn of_file(file: &Path) -> Result<Found, SourceError> {
    let interval = format!("%+{}", WATCH.as_secs());
    let entries = "stream=index,codec_type,codec_name,profile,width,height,has_b_frames,sample_rate,channels\
                   :packet=stream_index,pts_time,flags,size";
    let args = ["-read_intervals", &interval, "-show_entries", entries, "-of", "json"];
    judged(shown(&ffprobe(file, &args, WATCH + PROBE).await?)?)
}

/// What ffprobe's JSON says.
fn shown(json: &str) -> Result<Sight, SourceError> {
    let shown = Shown::parse(json)?;
    let (stream, sound) = shown.chosen()?;
    let pictures = shown.packets.iter().filter(|packet| packet.stream_index == stream.index);
    // The first ones may have no time yet.
    let timed = |packet: &Packet| {
        let bytes = packet.size.as_ref().and_then(|size| size.parse().ok()).unwrap_or(0);
        Some(SightPicture { at_s: packet.shown_at_s()?, is_key: packet.is_key(), bytes })
    };
    let video = Video {
        codec: stream.codec().to_owned(),
        profile: stream.profile.clone(),
        width: stream.width.unwrap_or(0),
        height: stream.height.unwrap_or(0),
        fps: 0.0,
        kbit_s: 0,
        has_b_frames: stream.has_b_frames.unwrap_or(0) > 0,
        key_frames_apart_s: None,
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
    Ok(Sight { video, audio, left_out, pictures: pictures.filter_map(timed).collect() })
}

fn judged(watched: Sight) -> Result<Found, SourceError> {
    let Sight { video, audio, left_out, mut pictures } = watched;
    // In the order of showing.
    pictures.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    let begin = pictures.first().map_or(0.0, |first| first.at_s) + SETTLED_S;
    pictures.retain(|picture| picture.at_s >= begin);
    let (Some(first), Some(last)) = (pictures.first(), pictures.last()) else {
        return Err(SourceError::NoPicture);
    };
    let watched_s = last.at_s - first.at_s;
    let keys = pictures.iter().filter(|picture| picture.is_key).map(|picture| picture.at_s);
    let apart = keys.clone().zip(keys.skip(1)).map(|(a, b)| b - a);
    let key_frames_apart_s = apart.fold(None, |found: Option<(f64, f64)>, apart| {
        Some(found.map_or((apart, apart), |(least, most)| (least.min(apart), most.max(apart))))
    });
    let bytes: u64 = pictures.iter().map(|picture| picture.bytes).sum();
    let video = Video {
        fps: if watched_s > 0.0 { (pictures.len() as f64 - 1.0) / watched_s } else { 0.0 },
        kbit_s: if watched_s > 0.0 { (bytes as f64 * 8.0 / 1000.0 / watched_s) as u64 } else { 0 },
        key_frames_apart_s,
        ..video
    };
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
    use crate::capture::choose::Choice;
    use crate::capture::rtsp::SeenPicture;

    /// Twelve seconds of pictures at 10 a second, key frames at these places.
    fn json(video: &str, audio: &str, keys: &[u32]) -> String {
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

    fn judged_of(json: &str) -> Result<Found, SourceError> {
        judged(shown(json)?)
    }

    fn names(found: &Found) -> Vec<&str> {
        found.advice.iter().map(|advice| advice.name).collect()
    }

    const H264: &str = r#""codec_name":"h264","profile":"Main","has_b_frames":0"#;
    const AAC: &str =
        r#",{"index":1,"codec_type":"audio","codec_name":"aac","sample_rate":"16000","channels":1}"#;

    #[test]
    fn a_camera_that_is_set_well_needs_no_advice() {
        let found = judged_of(&json(H264, AAC, &[0, 20, 40, 60, 80, 100, 120])).unwrap();
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
        let of = |video: &str, audio: &str, keys: &[u32]| judged_of(&json(video, audio, keys)).unwrap();
        assert_eq!(names(&of(H264, AAC, &[0])), ["key-frames-too-far-apart"]);
        assert_eq!(names(&of(H264, AAC, &[0, 50, 100])), ["key-frames-too-far-apart"]);
        assert_eq!(names(&of(H264, AAC, &[0, 10, 30, 40])), ["key-frames-irregular"]);
        assert_eq!(names(&of(&H264.replace(":0", ":2"), AAC, &[0, 20, 40])), ["b-frames"]);
        assert_eq!(names(&of(&H264.replace("h264", "hevc"), AAC, &[0, 20, 40])), ["h265-in-browsers"]);
        let heavy = json(H264, AAC, &[0, 20, 40]).replace("\"1250\"", "\"50000\"");
        assert_eq!(names(&judged_of(&heavy).unwrap()), ["second-stream"]);
        assert_eq!(names(&of(H264, "", &[0, 20, 40])), ["no-sound"]);
        assert_eq!(names(&of(H264, &AAC.replace("aac", "pcm_alaw"), &[0, 20, 40])), ["sound-is-converted"]);
    }

    #[test]
    fn what_is_filmed_is_judged_and_the_rest_is_listed() {
        let more = r#",{"index":1,"codec_type":"audio","codec_name":"pcm_alaw"},{"index":2,"codec_type":"audio","codec_name":"aac"},{"index":3,"codec_type":"video","codec_name":"mjpeg"},{"index":4,"codec_type":"data"}"#;
        let found = judged_of(&json(H264, more, &[0, 20, 40])).unwrap();
        assert_eq!(found.audio.map(|audio| audio.codec).as_deref(), Some("pcm_alaw"));
        assert_eq!(found.left_out, ["aac (audio)", "mjpeg (video)", "unknown (data)"]);
    }

    #[test]
    fn pictures_without_parameter_sets_are_not_called_none() {
        let picture = SeenPicture { stamp: 0, is_key: true, bytes: 9 };
        let choice = Choice { picture: 0, sound: None };
        let (offers, pictures) = (Vec::new(), vec![picture; 20]);
        let looked = Looked { offers, choice, sps: None, pictures, sound_trouble: None, ahead_ms: None };
        let error = of_camera(&looked).unwrap_err().to_string();
        assert_eq!(error, "the source is not readable: pictures come, and no parameter sets for them");
    }

    #[test]
    fn what_holds_no_picture_is_named() {
        for json in [r#"{"streams":[]}"#.to_owned(), json(&H264.replace("h264", "mjpeg"), AAC, &[0])] {
            assert!(matches!(judged_of(&json), Err(SourceError::NoPicture)));
        }
        assert!(matches!(judged_of("no JSON"), Err(SourceError::Unreadable(_))));
    }
}
