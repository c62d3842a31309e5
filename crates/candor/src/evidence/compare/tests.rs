use super::*;
use container::export::Exporter;
use container::split::{Piece, Splitter};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// The film of the container's fixture, as an exporter makes it, without the fragments that `keep`
/// leaves out.
fn film(keep: impl Fn(usize) -> bool) -> Vec<u8> {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../container/tests/fixtures/h264-aac.mp4");
    let fragmented = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(fixture)
        .args([
            "-c",
            "copy",
            "-f",
            "mp4",
            "-movflags",
            "empty_moov+default_base_moof+frag_keyframe",
            "pipe:1",
        ])
        .output()
        .unwrap();
    assert!(fragmented.status.success());
    let mut splitter = Splitter::new();
    splitter.push(&fragmented.stdout);
    let (mut exporter, mut media, mut number) = (None, Vec::new(), 0);
    while let Some(piece) = splitter.next_piece().unwrap() {
        match piece {
            Piece::Init(init) => exporter = Some(Exporter::new(init.bytes()).unwrap()),
            Piece::Fragment(fragment) => {
                if keep(number) {
                    media.extend(exporter.as_mut().unwrap().add(fragment.bytes()).unwrap());
                }
                number += 1;
            }
        }
    }
    assert!(number >= 3, "{number} fragments");
    [exporter.unwrap().finish().unwrap(), media].concat()
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn compared(film: &[u8], clip: &[u8]) -> Compared {
    compare([Ok(&mut file(film))], &mut file(clip)).unwrap()
}

/// The clip as ffmpeg writes it with these options.
fn remade(film: &[u8], options: &[&str]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("film.mp4"), dir.path().join("clip.mp4"));
    std::fs::write(&from, film).unwrap();
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-i"]).arg(&from).args(options).arg(&to);
    assert!(command.status().unwrap().success());
    std::fs::read(to).unwrap()
}

#[test]
fn a_forged_film_is_told_from_the_camera_s_by_its_first_other_sample() {
    let whole = film(|_| true);
    assert_eq!(compared(&whole, &whole), Compared::Same);
    let plain = Plain::parse(&moov(&mut file(&whole)).unwrap()).unwrap();
    let pictures =
        plain.tracks.iter().position(|track| matches!(track.kind, TrackKind::Video { .. })).unwrap();

    // One bit of one picture.
    let sample = plain.tracks[pictures].samples[7];
    let mut altered = whole.clone();
    altered[usize::try_from(sample.at).unwrap() + sample.size as usize / 2] ^= 1;
    let Compared::Differs { what } = compared(&whole, &altered) else { panic!("an altered picture passes") };
    assert!(what.starts_with("picture 8 of"), "{what}");

    // One fragment left out in the middle: what follows is not what followed.
    let holed = film(|number| number != 1);
    let Compared::Differs { what } = compared(&whole, &holed) else { panic!("a hole passes") };
    assert!(what.contains("is not what the camera filmed after the one before it"), "{what}");

    // Encoded anew: nothing of it is the camera's, however alike it looks.
    let again = remade(&whole, &["-c:v", "libx264", "-c:a", "copy", "-f", "mp4"]);
    assert!(matches!(compared(&whole, &again), Compared::Differs { .. }));
    // Without its sound.
    let silent = remade(&whole, &["-an", "-c", "copy", "-f", "mp4"]);
    let Compared::Differs { what } = compared(&whole, &silent) else { panic!("a missing track passes") };
    assert!(what.contains("tracks"), "{what}");
}

#[test]
fn a_part_of_the_film_and_another_file_around_it_are_called_that_and_not_the_same() {
    let whole = film(|_| true);
    let part = compared(&whole, &film(|number| number > 0));
    let Compared::Part { from, to } = part else { panic!("{part:?}") };
    assert!(0.0 < from && from < to, "{from} {to}");
    let rewrapped = remade(&whole, &["-c", "copy", "-f", "mp4"]);
    assert_eq!(compared(&whole, &rewrapped), Compared::Rewrapped);
    // Of several films that of which most is alike, wherever it stands.
    let other = film(|number| number > 0);
    for films in [[&whole, &other], [&other, &whole]] {
        let [mut one, mut two] = films.map(|film| file(film));
        let compared = compare([Ok(&mut one), Ok(&mut two)], &mut file(&rewrapped)).unwrap();
        assert_eq!(compared, Compared::Rewrapped);
    }
}

/// A true clip that began before the evidence was called false.
#[test]
fn a_clip_of_another_time_is_not_called_false_and_one_that_contradicts_the_film_is() {
    let (whole, late, early) = (film(|_| true), film(|number| number > 0), film(|number| number < 2));
    // The clip begins before the film, or ends behind it.
    let Compared::Beyond { from, to } = compared(&late, &whole) else { panic!("it begins before") };
    assert!(0.0 < from && from < to, "{from} {to}");
    let Compared::Beyond { from, to } = compared(&early, &whole) else { panic!("it ends behind") };
    assert!(from == 0.0 && 0.0 < to, "{from} {to}");
    let Compared::Beyond { from, to } = compared(&early, &late) else { panic!("they overlap") };
    assert!(from == 0.0 && 0.0 < to, "{from} {to}");
    // Nothing of it is there.
    let (first, rest) = (film(|number| number == 0), film(|number| number > 0));
    assert_eq!(compared(&first, &rest), Compared::Elsewhere);
    assert_eq!(compare(std::iter::empty(), &mut file(&whole)).unwrap(), Compared::Elsewhere);

    // It begins before the film, and one picture within it is another.
    let plain = Plain::parse(&moov(&mut file(&whole)).unwrap()).unwrap();
    let is_picture = |track: &&PlainTrack| matches!(track.kind, TrackKind::Video { .. });
    let sample = *plain.tracks.iter().find(is_picture).unwrap().samples.last().unwrap();
    let mut altered = whole.clone();
    altered[usize::try_from(sample.at).unwrap() + sample.size as usize / 2] ^= 1;
    assert!(matches!(compared(&late, &altered), Compared::Differs { .. }));
    // What contradicts one film is false, though another film leaves it open.
    for films in [[&late, &first], [&first, &late]] {
        let [mut one, mut two] = films.map(|film| file(film));
        let compared = compare([Ok(&mut one), Ok(&mut two)], &mut file(&altered)).unwrap();
        assert!(matches!(compared, Compared::Differs { .. }), "{compared:?}");
    }
}

#[test]
fn what_is_no_film_is_said_to_be_none() {
    let whole = film(|_| true);
    for garbage in [&b"no film"[..], &[], &whole[..40], &[0, 0, 0, 8, b'm', b'o', b'o', b'v']] {
        assert!(compare([Ok(&mut file(&whole))], &mut file(garbage)).is_err());
    }
    // Tables that lie: each byte of the index altered is an answer or an error, never a panic.
    let index = moov(&mut file(&whole)).unwrap().len();
    for at in (0..index + 64).step_by(53) {
        let mut altered = whole.clone();
        altered[at] ^= 0x80;
        let answer = compare([Ok(&mut file(&whole))], &mut file(&altered));
        assert!(!matches!(answer, Ok(Compared::Same)), "byte {at}");
    }
}
