//! Real ffmpeg, real pictures.

use super::*;
use crate::capture::Piped;
use container::fragment::Begins;
use std::path::{Path, PathBuf};
use std::process::Command;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../container/tests/fixtures").join(name)
}

fn mask(parts: &[&str]) -> Mask {
    Mask::try_from(parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>()).unwrap()
}

/// What is filmed of a file: its init segment, and its fragments.
async fn filmed(file: &Path, mask: &Mask) -> (Vec<u8>, Vec<Fragment>) {
    let clocks = Clocks::new(host::clock::Clock::system());
    let source = SourceConfig::file(file, false);
    let mut masked = Masked::start(&source, SoundMode::On, mask, &clocks).await.unwrap();
    let (mut init, mut fragments) = (Vec::new(), Vec::new());
    loop {
        match masked.next().await {
            Ok(Shot::Piece(Piece::Init(begins), _)) => {
                assert!(init.is_empty(), "a second run");
                init = begins.bytes().to_vec();
            }
            Ok(Shot::Piece(Piece::Fragment(fragment), None)) => fragments.push(fragment),
            Ok(other) => panic!("{other:?}"),
            Err(SourceError::Finished) => return (init, fragments),
            Err(error) => panic!("{error}"),
        }
    }
}

fn file_of((init, fragments): &(Vec<u8>, Vec<Fragment>)) -> tempfile::NamedTempFile {
    let bytes = fragments.iter().fold(init.clone(), |all, fragment| [&all, fragment.bytes()].concat());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

/// Each picture in grey, 160 by 120.
fn pictures(file: &Path) -> Vec<Vec<u8>> {
    let args = [
        "-vf",
        "scale=160:120:flags=neighbor,format=gray",
        "-fps_mode",
        "passthrough",
        "-f",
        "rawvideo",
        "pipe:1",
    ];
    let output =
        Command::new("ffmpeg").args(["-nostdin", "-v", "error", "-i"]).arg(file).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.chunks(160 * 120).map(<[u8]>::to_vec).collect()
}

/// Times of key frames and of all pictures; frames of sound.
fn key_frames(fragments: &[Fragment]) -> Vec<i64> {
    let keys = fragments.iter().filter(|fragment| fragment.begins == Begins::WithKeyFrame);
    keys.map(|fragment| fragment.decode_us).collect()
}

#[tokio::test]
async fn what_is_masked_is_black_in_every_picture_and_all_else_stays_as_it_was() {
    for name in ["h264-aac.mp4", "h265.mp4", "h264-bframes.mp4"] {
        let (file, none) = (fixture(name), Mask::default());
        let covered = mask(&["10,20,30,40", "90,90,10,10"]);
        let (plain, masked) = tokio::join!(filmed(&file, &none), filmed(&file, &covered));
        let (seen, covered) = (pictures(file_of(&plain).path()), pictures(file_of(&masked).path()));
        assert_eq!(seen.len(), covered.len(), "{name}");
        for (before, after) in seen.iter().zip(&covered) {
            let (mut shows, mut stays) = (0, 0);
            for (at, (before, after)) in before.iter().zip(after).enumerate() {
                let (x, y) = (at % 160, at / 160);
                if (16..64).contains(&x) && (24..72).contains(&y) || x >= 144 && y >= 108 {
                    assert!(*after < 20, "{name}: {x} {y} shows {after}");
                    shows += u32::from(*before > 40);
                } else if !(14..66).contains(&x) || !(22..74).contains(&y) {
                    stays += u32::from(before.abs_diff(*after) < 24);
                }
            }
            // There was something to hide, and the rest was hidden from nobody.
            assert!(shows > 300 && stays > 12_000, "{name}: {shows} {stays}");
        }
        // Key frames stand where they stood, to the millisecond.
        let (before, after) = (key_frames(&plain.1), key_frames(&masked.1));
        assert_eq!(before.len(), after.len(), "{name}: {before:?} {after:?}");
        let shift = after[0] - before[0];
        assert!(
            before.iter().zip(&after).all(|(a, b)| (b - a - shift).abs() < 2000),
            "{name}: {before:?} {after:?}"
        );
        // Nothing of what was hidden is left in another place of the file.
        assert!(!String::from_utf8_lossy(&masked.0).contains("hvc1"));
    }
}

#[tokio::test]
async fn sound_goes_through_as_it_was() {
    let sounds = |of: &(Vec<u8>, Vec<Fragment>)| {
        let file = file_of(of);
        let args = ["-map", "0:a", "-c", "copy", "-f", "adts", "pipe:1"];
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-v", "error", "-i"]).arg(file.path()).args(args);
        command.output().unwrap().stdout
    };
    let plain = filmed(&fixture("h264-aac.mp4"), &Mask::default()).await;
    let masked = filmed(&fixture("h264-aac.mp4"), &mask(&["0,0,100,100"])).await;
    assert!(!sounds(&plain).is_empty());
    assert_eq!(sounds(&plain), sounds(&masked));
}

/// Pictures of a codec that nothing here decodes must not go by as they are.
#[tokio::test]
async fn what_cannot_be_decoded_is_not_filmed_at_all() {
    let (init, fragments) = filmed(&fixture("h264-aac.mp4"), &Mask::default()).await;
    // Bytes of pictures that are none, within boxes that are.
    let spoilt: Vec<u8> = fragments.iter().fold(init, |mut all, fragment| {
        let bytes = fragment.bytes();
        let mdat = bytes.windows(4).position(|name| name == b"mdat").unwrap() + 4;
        all.extend_from_slice(&bytes[..mdat]);
        all.extend(bytes[mdat..].iter().map(|_| 0xff));
        all
    });
    for patience in [Duration::from_secs(3), PATIENCE] {
        // With an end, and without one.
        let (mut feeds, reader) = tokio::io::duplex(8 << 20);
        feeds.write_all(&spoilt).await.unwrap();
        let held = (patience < PATIENCE).then_some(feeds);
        let capture = Capture::Piped(Box::new(Piped::reading(reader)));
        let mut masked = Masked::of(capture, mask(&["0,0,10,10"]), patience);
        let error = loop {
            match masked.next().await {
                Ok(Shot::Piece(Piece::Fragment(_), _)) => panic!("it was filmed"),
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        drop(held);
        assert!(matches!(error, SourceError::NotMasked(_)), "{error}");
    }
}
