//! Real RTSP cameras, or at least ones that nobody here wrote: what they send comes out of the
//! export unaltered, and what they do wrong is noticed, named and survived.

use camera::Transport;
use media::time::Micros;
use owner::{Picture, Span};
use std::path::{Path, PathBuf};
use tokio::process::Command;
use world::filming::Filming;
use world::rtsp::{PASSWORD, RtspServer};
use world::{Stage, until, wall_clock};

pub(super) fn today() -> Span {
    let now = host::clock::now_us();
    Span::new(Micros(now - 3_600_000_000), Micros(now + 60_000_000)).unwrap()
}

pub(super) async fn exported(stage: &Stage, name: &str) -> Vec<PathBuf> {
    exported_picture(stage, name.into()).await
}

pub(super) async fn exported_picture(stage: &Stage, picture: Picture<'_>) -> Vec<PathBuf> {
    let to = stage.folder().join(format!("{}-{}.mp4", picture.camera, picture.track));
    let exported =
        owner::export::export(&stage.cast.people.owner, picture, today(), &to, &mut |_| {}).await.unwrap();
    exported.files.into_iter().map(|file| file.path).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_rtsp_camera_sends_comes_out_of_the_export_picture_by_picture() {
    let stage = Stage::set(0).await;
    let server = RtspServer::start().await;
    let encrypted = server.encrypted().await;
    let cameras = [
        (&server, "h264-aac", Transport::Tcp, ["h264,avc1", "aac,mp4a"].as_slice()),
        (&server, "h264-g711", Transport::Tcp, &["h264,avc1", "aac,mp4a"]),
        (&server, "h265-aac", Transport::Udp, &["hevc,hvc1", "aac,mp4a"]),
        (&server, "b-frames", Transport::Tcp, &["h264,avc1"]),
        (&server, "odd-times", Transport::Tcp, &["h264,avc1"]),
        (&encrypted, "h264-aac", Transport::Tcp, &["h264,avc1", "aac,mp4a"]),
    ];
    let mut filming = Vec::new();
    for (n, (server, mount, transport, _)) in cameras.iter().enumerate() {
        filming.push(Filming::begin(&stage, &format!("{mount}-{n}"), server.source(mount, *transport)).await);
    }
    for ((server, mount, _, codecs), filming) in cameras.iter().zip(filming) {
        let source = server.film(mount);
        // A segment for each key frame: the first play is stored. The camera then closes the stream
        // and is asked again.
        filming.acked(key_frames(&source).await).await;
        let name = filming.name.clone();
        filming.stop().await;
        let clip = exported(&stage, &name).await.remove(0);
        let shown = probed(&clip, &["-show_entries", "stream=codec_name,codec_tag_string"]).await;
        assert_eq!(&shown, codecs, "{name}");
        let (sent, kept) = (frames(&source).await, frames(&clip).await);
        assert!(sent.len() >= 200 && kept == sent, "{name}: {} of {} pictures", kept.len(), sent.len());
        if mount.ends_with("aac") {
            // Passed through: the coded sound is the source's, without a hole.
            let (sent, kept) = (sound(&source).await, sound(&clip).await);
            assert!(
                kept.len() * 10 > sent.len() * 9,
                "{name}: {} of {} of the sound",
                kept.len(),
                sent.len()
            );
            assert!(sent.windows(kept.len()).any(|part| part == kept), "{name}: another sound");
        }
        if *mount == "h264-g711" {
            let (picture, sound) = (duration(&clip, "v").await, duration(&clip, "a").await);
            assert!((picture - sound).abs() < 0.5, "{picture} s of pictures, {sound} s of sound");
            let (sent, kept) = (loudness(&source).await, loudness(&clip).await);
            assert!((sent - kept).abs() < 3.0, "{sent} dB became {kept} dB");
        }
    }
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_packets_cost_pictures_and_nothing_else() {
    let stage = Stage::set(0).await;
    let server = RtspServer::start().await;
    let filming = Filming::begin(&stage, "lossy", server.source("lossy", Transport::Udp)).await;
    filming.acked(10).await;
    assert_eq!(filming.stats().now().troubles.picture, None);
    filming.stop().await;
    let owner = &stage.cast.people.owner;
    let mut gaps = Vec::new();
    let mut on = |event| {
        if let owner::live::Event::Gap { reason, .. } = event {
            gaps.push(reason);
        }
    };
    let watched = owner::play::play(owner, "lossy", today(), &mut tokio::io::sink(), &mut on).await.unwrap();
    assert!(watched.segments >= 10 && watched.refused == 0, "{watched:?}");
    // What was lost on the radio is no gap of the recording: one run, one file, in time.
    assert_eq!(gaps.len(), 1, "only the time before the camera was there: {gaps:?}");
    let clips = exported(&stage, "lossy").await;
    let [clip] = &clips[..] else { panic!("{clips:?}") };
    let (filmed, pictures) = (duration(clip, "v").await, frames(clip).await.len() as f64);
    assert!(pictures < filmed * 25.0 - 2.0, "{pictures} pictures in {filmed} s: nothing was lost");
    assert!(pictures > filmed * 25.0 * 0.7, "{pictures} pictures in {filmed} s");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_whose_clock_is_wrong_is_named_and_its_recordings_bear_ours() {
    let stage = Stage::set(0).await;
    let [right, ahead] = [RtspServer::ahead_by(0).await, RtspServer::ahead_by(100).await];
    let right = Filming::begin(&stage, "right", right.source("live", Transport::Tcp)).await;
    let filming = Filming::begin(&stage, "ahead", ahead.source("clock-1", Transport::Tcp)).await;
    until("the camera told its clock", async || filming.stats().now().troubles.clock.is_some()).await;
    let trouble = filming.stats().now().troubles.clock.unwrap();
    assert!(trouble.contains("1m 40s ahead") || trouble.contains("1m 39s ahead"), "{trouble}");
    let acked = filming.stats().now().acked;
    filming.acked(acked + 2).await;
    right.acked(5).await;
    assert_eq!(
        (
            right.stats().now().troubles.clock,
            right.stats().now().troubles.picture,
            filming.stats().now().troubles.picture
        ),
        (None, None, None)
    );
    right.stop().await;
    filming.stop().await;
    // What it draws is its own time.
    let clip = exported(&stage, "ahead").await.remove(0);
    let drawn = wall_clock::drawn_ms(&clip).await;
    let now_ms = host::clock::now_us() / 1000;
    assert!(drawn.iter().all(|drawn| *drawn > now_ms + 20_000), "{drawn:?}, {now_ms}");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_loses_power_or_freezes_is_filmed_again_and_the_gaps_are_signed() {
    let stage = Stage::set(0).await;
    let mut server = RtspServer::start().await;
    let filming = Filming::begin(&stage, "live", server.source("live", Transport::Tcp)).await;
    filming.acked(3).await;
    // What speaks TLS is the same film through a tunnel.
    let encrypted = server.encrypted().await;
    let veiled = Filming::begin(&stage, "veiled", encrypted.source("live", Transport::Tcp)).await;
    veiled.acked(1).await;
    no_password_in_sight();
    veiled.stop().await;

    server.kill().await;
    filming.troubled(&["broke off", "closed the stream", "not readable"]).await;
    let before = filming.stats().now().sent;
    server.restart().await;
    filming.acked(before + 3).await;

    // Its microphone goes on, and is not taken for a picture.
    let stuck = Filming::begin(&stage, "stuck", server.source("stuck", Transport::Tcp)).await;
    stuck.troubled(&["no picture for 10 s"]).await;
    assert!(stuck.stats().now().sent >= 1);
    stuck.stop().await;

    server.freeze();
    filming.troubled(&["no picture for 10 s"]).await;
    let before = filming.stats().now().sent;
    server.thaw();
    filming.acked(before + 3).await;
    assert_eq!(filming.stats().now().troubles.picture, None);

    // A camera serves few at one time: whoever leaves says so.
    let goodbyes = server.goodbyes();
    filming.stop().await;
    until("goodbye was said", async || server.goodbyes() > goodbyes).await;

    let mut gaps = Vec::new();
    let mut on = |event| match event {
        owner::live::Event::Gap { reason, .. } => gaps.push(reason),
        owner::live::Event::Refused { reason, .. } => panic!("{reason}"),
        _ => {}
    };
    let owner = &stage.cast.people.owner;
    let watched = owner::play::play(owner, "live", today(), &mut tokio::io::sink(), &mut on).await.unwrap();
    assert!(watched.segments >= 9 && watched.refused == 0, "{watched:?}");
    let signed = gaps.iter().filter(|reason| *reason == "the camera's source froze or ended").count();
    assert!(signed >= 2, "{gaps:?}");
    // Each run plays by itself. The last that a camera sent as its power went may be a piece of a
    // picture, which a decoder reports; what it decodes is what counts.
    let clips = exported(&stage, "live").await;
    assert!(clips.len() >= 3, "{clips:?}");
    for clip in clips {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(&clip);
        let decoded = ffmpeg.args(["-map", "0:v:0", "-f", "framemd5", "-"]).output().await.unwrap();
        let pictures = String::from_utf8(decoded.stdout).unwrap();
        let pictures = pictures.lines().filter(|line| !line.starts_with('#')).count();
        assert!(decoded.status.success() && pictures >= 10, "{}: {pictures}", clip.display());
    }
    stage.strike().await;
}

/// Nobody who lists processes reads the password; the check sees the ffmpeg that makes its sound AAC.
fn no_password_in_sight() {
    let lines: Vec<String> = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.unwrap().path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .collect();
    assert!(lines.iter().any(|line| line.starts_with("ffmpeg") && line.contains("-f alaw")), "{lines:?}");
    for word in [PASSWORD, "p%40ss"] {
        let seen: Vec<&String> = lines.iter().filter(|line| line.contains(word)).collect();
        assert!(seen.is_empty(), "{seen:?}");
    }
}

pub(super) async fn key_frames(film: &Path) -> u64 {
    let flags = probed(film, &["-select_streams", "v:0", "-show_entries", "packet=flags"]).await;
    flags.iter().filter(|flags| flags.starts_with('K')).count() as u64
}

async fn duration(film: &Path, stream: &str) -> f64 {
    probed(film, &["-select_streams", stream, "-show_entries", "stream=duration"]).await[0].parse().unwrap()
}

/// ffprobe's lines.
pub(super) async fn probed(film: &Path, what: &[&str]) -> Vec<String> {
    let text = output("ffprobe", &[&["-v", "error", "-of", "csv=p=0"], what].concat(), film, &[]).await;
    let lines = text.lines().map(|line| line.trim_end_matches(',').to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

/// The MD5 of each decoded picture.
pub(super) async fn frames(film: &Path) -> Vec<String> {
    hashes(film, &["-map", "0:v:0", "-fps_mode", "passthrough"]).await
}

/// The MD5 of each coded piece of sound.
async fn sound(film: &Path) -> Vec<String> {
    hashes(film, &["-map", "0:a:0", "-c", "copy"]).await
}

async fn hashes(film: &Path, what: &[&str]) -> Vec<String> {
    let after = [what, &["-f", "framemd5", "-"]].concat();
    let text = output("ffmpeg", &["-nostdin", "-v", "error", "-i"], film, &after).await;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

/// Mean volume, dB.
async fn loudness(film: &Path) -> f64 {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "info", "-i"]).arg(film).args(["-map", "0:a", "-af", "volumedetect"]);
    let output = ffmpeg.args(["-f", "null", "-"]).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, rest) = said.split_once("mean_volume: ").unwrap_or_else(|| panic!("{said}"));
    rest.split_once(" dB").unwrap().0.parse().unwrap()
}

async fn output(program: &str, before: &[&str], film: &Path, after: &[&str]) -> String {
    let output = Command::new(program).args(before).arg(film).args(after).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{program} {}: {said}", film.display());
    String::from_utf8(output.stdout).unwrap()
}
