//! Real ffmpeg, real files.

use super::*;
use container::fragment::Begins;
use std::path::{Path, PathBuf};
use tokio::process::Command;

mod files;

fn fixture_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../container/tests/fixtures").join(name)
}

fn fixture(name: &str) -> SourceConfig {
    SourceConfig::file(fixture_path(name), false)
}

async fn start(source: &SourceConfig) -> Result<Capture, SourceError> {
    Capture::start(source, SoundMode::On, &Clocks::new(host::clock::Clock::system())).await
}

async fn next(capture: &mut Capture) -> Result<Piece, SourceError> {
    match capture.next().await? {
        Shot::Piece(piece, None) => Ok(piece),
        shot => panic!("{shot:?}"),
    }
}

#[tokio::test]
async fn a_file_is_played_in_fragments_and_its_end_is_an_end() {
    let began = std::time::Instant::now();
    let mut capture = start(&fixture("h265.mp4")).await.unwrap();
    let Piece::Init(init) = next(&mut capture).await.unwrap() else { panic!("no init") };
    assert!(init.codecs().starts_with("hvc1."), "{}", init.codecs());
    let Piece::Fragment(first) = next(&mut capture).await.unwrap() else { panic!("no fragment") };
    assert_eq!(first.begins, Begins::WithKeyFrame);
    let mut played_us = first.duration_us;
    let ended = loop {
        match next(&mut capture).await {
            Ok(Piece::Fragment(fragment)) => played_us += fragment.duration_us,
            Ok(Piece::Init(_)) => panic!("a second init"),
            Err(error) => break error,
        }
    };
    assert!(matches!(ended, SourceError::Finished), "{ended}");
    // In real time, or nearly: ffmpeg starts with a little in hand.
    assert!(began.elapsed().as_micros() + 1_500_000 > played_us.into(), "{played_us}");
}

#[tokio::test]
async fn what_is_no_video_is_named_with_ffmpegs_words() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("text.mp4");
    std::fs::write(&text, "this is no video").unwrap();
    for path in [text, dir.path().join("none.mp4")] {
        let error = start(&SourceConfig::file(path, true)).await.map(|_| ()).unwrap_err();
        assert!(matches!(&error, SourceError::Unreadable(said) if said.contains("ffmpeg said")), "{error}");
    }
}

#[tokio::test]
async fn sound_that_no_segment_carries_becomes_aac() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("alaw.mkv");
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(fixture_path("h264-aac.mp4"))
        .args(["-c:v", "copy", "-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"])
        .arg(&path)
        .status();
    assert!(made.await.unwrap().success());
    let mut capture = start(&SourceConfig::file(path, true)).await.unwrap();
    let Piece::Init(init) = next(&mut capture).await.unwrap() else { panic!("no init") };
    assert!(init.codecs().ends_with("mp4a.40.2"), "{}", init.codecs());
}

#[tokio::test]
async fn pictures_of_another_size_under_the_same_init_segment_are_not_filmed() {
    let dir = tempfile::tempdir().unwrap();
    let mut stream = Vec::new();
    for size in ["160:120", "320:240"] {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(fixture_path("h264-aac.mp4"));
        ffmpeg.args(["-an", "-vf", &format!("scale={size}"), "-c:v", "libx264", "-preset", "ultrafast"]);
        let made = ffmpeg.args(["-bf", "0", "-f", "mpegts", "-"]).output().await.unwrap();
        assert!(made.status.success());
        stream.extend(made.stdout);
    }
    let path = dir.path().join("changing.ts");
    std::fs::write(&path, stream).unwrap();
    let mut capture = start(&SourceConfig::file(path, false)).await.unwrap();
    let Piece::Init(init) = next(&mut capture).await.unwrap() else { panic!("no init") };
    let mut played_us = 0;
    let ended = loop {
        match next(&mut capture).await {
            Ok(Piece::Fragment(fragment)) => played_us += fragment.duration_us,
            Ok(Piece::Init(_)) => panic!("a second init"),
            Err(error) => break error,
        }
    };
    assert!(matches!(ended, SourceError::ChangedWithin), "{ended}");
    assert!(played_us > 0, "the first size was not filmed");
    let container::init::TrackKind::Video { width, .. } = init.video().unwrap().kind else { panic!() };
    assert_eq!(width, 160);
}
