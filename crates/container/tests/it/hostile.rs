//! Bytes from a source that lies, breaks off or is something else altogether: named errors, never a
//! panic.

use crate::ffmpeg::{fixture, fragmented};
use container::export::Exporter;
use container::split::{Piece, Splitter};
use container::{BoxError, Fragment, Init};

/// Everything that a splitter makes of these bytes, or its error.
fn all(bytes: &[u8]) -> Result<usize, BoxError> {
    let mut splitter = Splitter::new();
    splitter.push(bytes);
    let mut pieces = 0;
    while splitter.next_piece()?.is_some() {
        pieces += 1;
    }
    splitter.finish().map(|()| pieces)
}

#[test]
fn garbage_cuts_and_endless_boxes_are_named() {
    let page = all(b"<html><body>not a camera");
    assert!(matches!(page, Err(BoxError::Unexpected { .. })), "what it is, not how long it seems: {page:?}");
    assert!(matches!(all(b"\0\0\0\x10abcd12345678"), Err(BoxError::Unexpected { .. })));
    assert!(matches!(all(b"\0\0\0\0mdat"), Err(BoxError::TooLarge { size: 0, .. })));
    assert!(matches!(all(b"\0\0\0\x01mdat\0\0\0\x01\0\0\0\0"), Err(BoxError::TooLarge { .. })));
    assert!(matches!(all(b"\xff\xff\xff\xffmdat"), Err(BoxError::TooLarge { .. })));
    assert!(matches!(all(b"\0\0\0\x08mdat"), Err(BoxError::Unexpected { expected: "moof before mdat", .. })));
    assert!(matches!(all(b"\0\0\0\x08moov"), Err(BoxError::Unexpected { expected: "ftyp before moov", .. })));
    let good = fragmented(&fixture("h264-aac.mp4"), &[]);
    for cut in [1, 20, 700, good.len() / 2, good.len() - 1] {
        assert_eq!(all(&good[..cut]), Err(BoxError::Truncated), "{cut}");
    }
}

#[test]
fn a_plain_file_and_a_file_without_pictures_say_what_to_do() {
    let plain = std::fs::read(fixture("h264-aac.mp4")).unwrap();
    let error = all(&plain).unwrap_err();
    assert!(error.to_string().contains("empty_moov"), "{error}");
    let sound = fragmented(&fixture("h264-aac.mp4"), &["-vn"]);
    let error = all(&sound).unwrap_err();
    assert!(matches!(error, BoxError::NoVideo(_)) && error.to_string().contains("H.264"), "{error}");
}

#[test]
fn no_single_altered_byte_of_the_structure_panics() {
    let good = fragmented(&fixture("h264-aac.mp4"), &[]);
    let mut splitter = Splitter::new();
    splitter.push(&good);
    let Some(Piece::Init(init)) = splitter.next_piece().unwrap() else { panic!("no init") };
    let Some(Piece::Fragment(fragment)) = splitter.next_piece().unwrap() else { panic!("no fragment") };
    let mut refused = 0;
    for at in 0..init.bytes().len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut altered = init.bytes().to_vec();
            altered[at] ^= flip;
            if let Ok(init) = Init::parse(&altered) {
                let _ = Fragment::parse(&init, fragment.bytes());
            } else {
                refused += 1;
            }
        }
    }
    let structure = fragment.bytes().len().min(600);
    for at in 0..structure {
        for flip in [0x01, 0x80, 0xff] {
            let mut altered = fragment.bytes().to_vec();
            altered[at] ^= flip;
            let mut exporter = Exporter::new(init.bytes()).unwrap();
            match exporter.add(&altered) {
                Ok(_) => drop(exporter.finish()),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]
    #[test]
    fn no_noise_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
        let _ = all(&bytes);
        let _ = Init::parse(&bytes);
    }
}
