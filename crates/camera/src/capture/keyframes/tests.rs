//! Real ffmpeg, real key frames.

use super::*;
use container::split::Splitter;
use media::motion::Motion;
use std::path::{Path, PathBuf};
use std::process::Command as Blocking;

/// So long a test waits for what will come.
const LONG: Duration = Duration::from_secs(60);

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../container/tests/fixtures").join(name)
}

fn ffmpeg(args: &[&str]) -> Vec<u8> {
    let output = Blocking::new("ffmpeg").args(["-nostdin", "-v", "error"]).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A file as a camera films it.
fn pieces(file: &Path) -> Vec<Piece> {
    let mut splitter = Splitter::new();
    let movflags = "empty_moov+default_base_moof+frag_keyframe";
    let args = ["-i", file.to_str().unwrap(), "-an", "-c", "copy", "-f", "mp4", "-movflags", movflags];
    splitter.push(&ffmpeg(&[&args[..], &["-frag_duration", "100000", "pipe:1"]].concat()));
    std::iter::from_fn(|| splitter.next_piece().unwrap()).collect()
}

fn key_frames(pieces: &[Piece]) -> (Arc<Vec<u8>>, Vec<Vec<u8>>) {
    let Some(Piece::Init(init)) = pieces.first() else { panic!("no init") };
    let keys = pieces.iter().filter_map(|piece| match piece {
        Piece::Fragment(fragment) if fragment.begins == Begins::WithKeyFrame => {
            Some(fragment.bytes().to_vec())
        }
        _ => None,
    });
    (Arc::new(init.bytes().to_vec()), keys.collect())
}

/// All key frames of a file, decoded by an ffmpeg that has the whole of it.
fn decoded(file: &Path) -> Vec<Vec<u8>> {
    let (file, small) = (file.to_str().unwrap(), "select=key,scale=64:36:flags=area,format=gray");
    let args = ["-i", file, "-an", "-vf", small, "-fps_mode", "passthrough", "-f", "rawvideo", "pipe:1"];
    ffmpeg(&args).chunks(CELLS).map(<[u8]>::to_vec).collect()
}

/// A film of three still and three moving seconds, a key frame each second.
fn half_still(folder: &Path) -> PathBuf {
    let file = folder.join("half.mp4");
    let (grey, black) = ("color=gray:s=320x180:r=10:d=6", "color=black:s=80x180:r=10:d=6");
    let bar = "overlay=x='if(lt(t,3),0,mod(floor(t)*70,240))'";
    let args = ["-f", "lavfi", "-i", grey, "-f", "lavfi", "-i", black, "-filter_complex", bar];
    let rest = ["-c:v", "libx264", "-g", "10", "-keyint_min", "10", "-sc_threshold", "0", "-bf", "0"];
    let rest = [&rest[..], &["-pix_fmt", "yuv420p", file.to_str().unwrap()]].concat();
    ffmpeg(&[&args[..], &rest].concat());
    file
}

fn at(steady_us: u64) -> Moment {
    Moment { wall_us: media::time::Micros(steady_us), steady_us }
}

/// Shows pieces to a measuring task, each key frame once the one before is done with.
async fn measured(pieces: &[Piece]) -> Vec<Motion> {
    let (sender, mut heard) = mpsc::channel(64);
    let mut measuring = Measuring::start(sender, Clocks::new(host::clock::Clock::system()));
    let (mut scores, mut keys, mut steady_us) = (Vec::new(), 0, 0);
    for piece in pieces {
        let is_key = matches!(piece, Piece::Fragment(fragment) if fragment.begins == Begins::WithKeyFrame);
        if let Piece::Fragment(fragment) = piece {
            steady_us += fragment.duration_us;
        }
        measuring.see(piece, at(steady_us));
        keys += u32::from(is_key);
        if is_key && keys == 1 {
            // The first gives no score. It is taken as soon as the task runs.
            tokio::task::yield_now().await;
        } else if is_key {
            match timeout(LONG, heard.recv()).await.unwrap().unwrap() {
                Heard::Motion(measured) => {
                    assert_eq!(measured.to_us - measured.from_us, 1_000_000, "a key frame each second");
                    scores.push(measured.moved.motion());
                }
                other => panic!("{other:?}"),
            }
        }
    }
    scores
}

#[tokio::test]
async fn each_key_frame_comes_out_with_itself_with_b_frames_too() {
    for name in ["h264-aac.mp4", "h264-bframes.mp4", "h265.mp4"] {
        let (init, keys) = key_frames(&pieces(&fixture(name)));
        let expected = decoded(&fixture(name));
        assert!(keys.len() >= 3 && keys.len() == expected.len(), "{name}");
        let mut decoder = Decoder::start(init.clone()).await.unwrap();
        for (at, key) in keys.iter().enumerate() {
            if decoder.given.is_none() {
                assert_eq!(name, "h264-bframes.mp4");
                decoder = Decoder::start(init.clone()).await.unwrap();
            }
            let grid = timeout(LONG, decoder.see(key)).await.unwrap().unwrap();
            // Its edges are rougher than those of a decoder that smooths them; no other key frame
            // is as near.
            let apart =
                |from: &Vec<u8>| grid.iter().zip(from).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
            let nearest = (0..expected.len()).min_by_key(|at| apart(&expected[*at])).unwrap();
            assert_eq!(nearest, at, "{name}");
            assert!(apart(&expected[at]) < CELLS as u64 / 2, "{name}: {}", apart(&expected[at]));
        }
    }
}

#[tokio::test]
async fn what_stands_still_scores_nothing_and_what_moves_scores_where_it_moves() {
    let dir = tempfile::tempdir().unwrap();
    let scores = measured(&pieces(&half_still(dir.path()))).await;
    assert_eq!(scores.len(), 5);
    assert_eq!(scores[..2], [Motion::default(); 2], "{scores:?}");
    assert!(scores[2..].iter().all(|score| score.permille > 200), "{scores:?}");
    // From second 3 to 4 the bar went from 210 to 40 of 320 pixels, and is 80 wide: the first two
    // columns of cells, and those between, stand still.
    let moved = scores[3].cells;
    for row in 0..media::motion::ROWS {
        let columns: Vec<usize> = (0..media::motion::COLUMNS).filter(|at| moved.holds(*at, row)).collect();
        assert_eq!(columns, [2, 3, 4, 5, 10, 11, 12, 13, 14], "row {row}");
    }
}

#[tokio::test]
async fn a_decoder_that_dies_is_an_error_and_not_a_wait() {
    let (init, keys) = key_frames(&pieces(&fixture("h264-aac.mp4")));
    let mut decoder = Decoder::start(init).await.unwrap();
    decoder.see(&keys[0]).await.unwrap();
    decoder._child.kill().await.unwrap();
    assert!(matches!(timeout(LONG, decoder.see(&keys[1])).await.unwrap(), Err(DecodeError::Child(_))));
}

#[tokio::test]
async fn after_a_rest_no_key_frame_is_compared_with_one_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let all = pieces(&half_still(dir.path()));
    let is_key = |piece: &&Piece| matches!(piece, Piece::Fragment(f) if f.begins == Begins::WithKeyFrame);
    let keys: Vec<&Piece> = all.iter().filter(is_key).collect();
    let (sender, mut heard) = mpsc::channel(64);
    let mut measuring = Measuring::start(sender, Clocks::new(host::clock::Clock::system()));
    measuring.see(&all[0], at(0));
    let mut score_of = async |measuring: &mut Measuring, first: usize, second: usize| {
        measuring.see(keys[first], at(1));
        tokio::task::yield_now().await;
        measuring.see(keys[second], at(2));
        match timeout(LONG, heard.recv()).await.unwrap().unwrap() {
            Heard::Motion(measured) => measured.moved.motion().permille,
            other => panic!("{other:?}"),
        }
    };
    // The bar stands elsewhere in each of the last three.
    assert!(score_of(&mut measuring, 0, 3).await > 0);
    measuring.rest();
    assert!(measuring.newest.borrow().is_none(), "it keeps a key frame");
    // Compared with the moving one before, the first of these would score.
    assert_eq!(score_of(&mut measuring, 1, 2).await, 0);
}
