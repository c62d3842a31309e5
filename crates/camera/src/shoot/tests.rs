//! Real ffmpeg, real files.

use super::*;
use crate::capture::Capture;
use crate::capture::Piped;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../container/tests/fixtures").join(name)
}

fn shoot(source: SourceConfig, heard: mpsc::Sender<Heard>) -> Shoot {
    let (stats, off) = (Stats::default(), watch::channel(None).1);
    let clocks = Clocks::new(host::clock::Clock::system());
    Shoot {
        source,
        sound: SoundMode::On,
        mask: Mask::default(),
        heard,
        stats,
        off,
        clocks,
        rng: Rng::system(),
    }
}

#[tokio::test]
async fn a_source_that_is_played_once_ends_the_filming_and_a_broken_one_is_tried_again() {
    let (sender, mut heard) = mpsc::channel(1000);
    shoot(SourceConfig::file(fixture("h264-bframes.mp4"), false), sender).run(&Shutdown::new()).await;
    let mut all = Vec::new();
    while let Some(next) = heard.recv().await {
        all.push(next);
    }
    assert!(matches!(all.first(), Some(Heard::Piece(Piece::Init(_), _))));
    assert!(matches!(all.last(), Some(Heard::Lost)));

    let (sender, mut heard) = mpsc::channel(1000);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("late.mp4");
    let (shoot, stop) = (shoot(SourceConfig::file(path.clone(), true), sender), Shutdown::new());
    let stats = shoot.stats.clone();
    let shooting = shoot.run(&stop);
    let late = async {
        assert!(matches!(heard.recv().await, Some(Heard::Lost)));
        assert!(stats.now().troubles.picture.unwrap().contains("not readable"));
        std::fs::copy(fixture("h265.mp4"), &path).unwrap();
        while !matches!(heard.recv().await, Some(Heard::Piece(Piece::Fragment(_), _))) {}
    };
    tokio::select! {
        () = shooting => panic!("a looped source does not end"),
        () = late => {}
    }
}

/// What stands in a fragmented file, as it comes on standard input.
fn fragmented(name: &str) -> Vec<u8> {
    let output = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(fixture(name))
        .args([
            "-c",
            "copy",
            "-f",
            "mp4",
            "-movflags",
            "empty_moov+default_base_moof+frag_keyframe",
            "pipe:1",
        ])
        .output();
    output.unwrap().stdout
}

#[tokio::test]
async fn what_cannot_be_let_go_is_thrown_away_while_the_camera_is_off_and_the_film_hears_why() {
    let (sender, mut heard) = mpsc::channel(1000);
    let off = watch::Sender::new(Some(GapReason::Privacy));
    let shoot = Shoot { off: off.subscribe(), ..shoot(SourceConfig::Input, sender) };
    let mut capture = Masked::from(Capture::Piped(Box::new(Piped::reading(std::io::Cursor::new(
        fragmented("h264-aac.mp4"),
    )))));
    let ended = shoot.tell(&mut capture).await;
    assert!(matches!(ended, Err(Ended::Failed { error: SourceError::Finished, filmed: Duration::ZERO })));
    drop(shoot);
    let mut all = Vec::new();
    while let Some(next) = heard.recv().await {
        all.push(next);
    }
    let [Heard::Piece(Piece::Init(_), _), Heard::Off(GapReason::Privacy)] = &all[..] else {
        panic!("{all:?}")
    };
}

#[test]
fn a_refused_password_is_tried_again_rarely() {
    let minutes: Vec<u64> = (1..8).map(|n| pause_after_refusal(n).as_secs() / 60).collect();
    assert_eq!(minutes, [1, 2, 4, 8, 10, 10, 10]);
}

#[test]
fn pauses_grow_while_runs_stay_short_and_a_busy_camera_is_asked_rarely() {
    let sixth = |filmed: u64| {
        let mut pauses = Pauses::new();
        let mut after = |error| pauses.after(&error, Duration::from_secs(filmed), &mut Rng::system());
        (0..6).map(|_| after(SourceError::Closed)).last().unwrap()
    };
    let longest = |filmed| (0..200).map(|_| sixth(filmed)).max().unwrap();
    // Spread up to 30 s and up to 1 s.
    assert!(longest(59) > Duration::from_secs(10), "a run of under a minute is no success");
    assert_eq!(longest(60), Duration::from_secs(1));
    let busy = Pauses::new().after(&SourceError::Busy, Duration::ZERO, &mut Rng::system());
    assert!(busy >= Duration::from_secs(15));
}

/// Pictures that no segment carries, each second one of them: the others are filmed, in one run.
#[tokio::test]
async fn a_picture_over_the_limit_is_left_out_by_name_and_filming_goes_on() {
    let bytes = fragmented("h264-aac.mp4");
    let (mut stream, mut media, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let size = u32::from_be_bytes(*bytes[at..].first_chunk().unwrap()) as usize;
        let (whole, kind) = (&bytes[at..at + size], &bytes[at + 4..at + 8]);
        at += size;
        media += usize::from(kind == b"mdat");
        match kind {
            b"mdat" if media % 2 == 0 => {
                let len = 17u32 << 20;
                stream.extend([&len.to_be_bytes()[..], &whole[4..]].concat());
                stream.resize(stream.len() + len as usize - size, 0);
            }
            b"mfra" => {}
            _ => stream.extend(whole),
        }
    }
    let (sender, mut heard) = mpsc::channel(1000);
    let shoot = shoot(SourceConfig::Input, sender);
    let stats = shoot.stats.clone();
    let mut capture = Masked::from(Capture::Piped(Box::new(Piped::reading(std::io::Cursor::new(stream)))));
    let ended = shoot.tell(&mut capture).await;
    assert!(matches!(ended, Err(Ended::Failed { error: SourceError::Finished, .. })), "{ended:?}");
    drop(shoot);
    let mut order = String::new();
    while let Some(next) = heard.recv().await {
        order.push(match next {
            Heard::Piece(Piece::Init(_), _) => 'i',
            Heard::Piece(Piece::Fragment(_), _) => 'f',
            Heard::Lost => 'l',
            _ => '?',
        });
    }
    // A key frame a second, four of them.
    assert_eq!(order, "iflfl");
    let trouble = stats.now().troubles.picture.unwrap();
    assert!(
        trouble.contains("a picture of 17825792 bytes is over the limit") && trouble.contains("bit rate"),
        "{trouble}"
    );
}
