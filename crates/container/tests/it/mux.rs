//! What a camera sends, muxed here, is what another reader finds: each picture, when it is shown, and
//! decode times that only grow.

use crate::ffmpeg::{fixture, frames, probe};
use container::Fragment;
use container::fragment::Begins;
use container::mux::{Muxer, Parameters, Picture, Sound, TICKS};
use container::plain::Plain;
use container::sps::{Coding, Sps};
use std::path::Path;
use std::process::Command;

/// The parameter sets of a film, in the order in which they stand.
fn parameters(film: &Path, coding: Coding) -> Parameters {
    let format = if coding == Coding::H264 { "h264" } else { "hevc" };
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(film);
    let bytes = ffmpeg.args(["-map", "0:v:0", "-c", "copy", "-f", format, "-"]).output().unwrap().stdout;
    let mut sets: Vec<Vec<u8>> = Vec::new();
    let mut rest = &bytes[..];
    while let Some(at) = rest.windows(3).position(|code| code == [0, 0, 1]) {
        rest = &rest[at + 3..];
        let end = rest
            .windows(3)
            .position(|code| code[0] == 0 && code[1] == 0 && code[2] < 2)
            .unwrap_or(rest.len());
        let is_set = match coding {
            Coding::H264 => matches!(rest[0] & 0x1f, 7 | 8),
            Coding::H265 => matches!(rest[0] >> 1 & 0x3f, 32..=34),
        };
        if is_set && !sets.contains(&rest[..end].to_vec()) {
            sets.push(rest[..end].to_vec());
        }
    }
    Parameters { coding, sets }
}

/// A film's pictures, in the order of decoding, and its sound.
fn streams(film: &Path) -> (Vec<Picture>, Vec<Vec<u8>>) {
    let bytes = std::fs::read(film).unwrap();
    let at = bytes.windows(4).position(|kind| kind == b"moov").unwrap() - 4;
    let len = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let plain = Plain::parse(&bytes[at..at + len]).unwrap();
    let data =
        |sample: &container::plain::PlainSample| bytes[sample.at as usize..][..sample.size as usize].to_vec();
    let video = &plain.tracks[0];
    let first = video.samples.iter().map(|it| it.decode as i64 + it.composition).min().unwrap();
    let picture = |sample: &container::plain::PlainSample| {
        let shown = (sample.decode as i64 + sample.composition - first) * i64::from(TICKS)
            / i64::from(video.timescale);
        Picture { shown: shown as u64, is_key: sample.is_sync, data: data(sample) }
    };
    let sound = plain.tracks.get(1).map(|sound| sound.samples.iter().map(data).collect());
    (video.samples.iter().map(picture).collect(), sound.unwrap_or_default())
}

fn muxed(film: &Path, coding: Coding, sound: Option<&Sound>, to: &Path) -> Vec<Fragment> {
    let (pictures, frames) = streams(film);
    let parameters = parameters(film, coding);
    let mut muxer = Muxer::new(&parameters, sound, 0, u64::from(TICKS / 10)).unwrap();
    let mut fragments = Vec::new();
    let mut frames = frames.iter();
    for picture in pictures {
        // Sound, as much as the picture has come.
        while let Some(rate) = sound.map(|sound| u64::from(sound.sample_rate))
            && muxer.sound_until().unwrap_or(0) * u64::from(TICKS) < picture.shown * rate
            && let Some(frame) = frames.next()
        {
            muxer.sound(frame, 0);
        }
        fragments.extend(muxer.picture(picture).unwrap());
    }
    fragments.extend(muxer.flush(9000).unwrap());
    let all: Vec<&[u8]> = fragments.iter().map(|muxed| muxed.fragment.bytes()).collect();
    std::fs::write(to, [muxer.init().bytes(), &all.concat()].concat()).unwrap();
    fragments.into_iter().map(|muxed| muxed.fragment).collect()
}

fn lines(film: &Path, what: &str) -> Vec<f64> {
    let times = probe(film, what);
    times.lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect()
}

#[test]
fn pictures_and_their_order_are_the_sources() {
    let dir = tempfile::tempdir().unwrap();
    for (name, coding, codecs) in [
        ("h264-bframes.mp4", Coding::H264, "avc1.640009"),
        ("h264-aac.mp4", Coding::H264, "avc1.640009"),
        ("h265.mp4", Coding::H265, "hvc1.1.6.L30.90"),
    ] {
        let (source, to) = (fixture(name), dir.path().join(name));
        let fragments = muxed(&source, coding, None, &to);
        assert_eq!(frames(&to, "v"), frames(&source, "v"), "{name}");
        let decoded = lines(&to, "packet=dts");
        assert!(decoded.is_sorted_by(|a, b| a < b) && decoded.len() >= 30, "{name}: {decoded:?}");
        let (sent, shown) = (streams(&source).0, lines(&to, "packet=pts"));
        let first = shown[0] as u64;
        let sent: Vec<u64> = sent.iter().map(|picture| picture.shown + first).collect();
        assert_eq!(shown.iter().map(|at| *at as u64).collect::<Vec<_>>(), sent, "{name}");
        // A fragment for each picture of these, which come ten a second; a key frame begins one.
        assert_eq!(fragments.len(), sent.len(), "{name}");
        assert_eq!(fragments[0].begins, Begins::WithKeyFrame);
        let lasts: u64 = fragments.iter().map(|fragment| fragment.duration_us).sum();
        assert!(lasts.abs_diff(sent.len() as u64 * 100_000) < 1000, "{name}: {lasts}");
        let mut splitter = container::split::Splitter::new();
        splitter.push(&std::fs::read(&to).unwrap());
        let Ok(Some(container::split::Piece::Init(init))) = splitter.next_piece() else { panic!("{name}") };
        assert_eq!(init.codecs(), codecs);
    }
}

#[test]
fn sound_stands_beside_the_picture_as_it_came() {
    let dir = tempfile::tempdir().unwrap();
    let (source, to) = (fixture("h264-aac.mp4"), dir.path().join("with.mp4"));
    let rate: u32 = probe(&source, "stream=sample_rate")
        .lines()
        .find_map(|rate| rate.trim_matches(',').parse().ok())
        .unwrap();
    let index = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000]
        .iter()
        .position(|it| *it == rate)
        .unwrap() as u16;
    let config = (2 << 11 | index << 7 | 1 << 3).to_be_bytes().to_vec();
    let sound = Sound { sample_rate: rate, channels: 1, config };
    muxed(&source, Coding::H264, Some(&sound), &to);
    assert_eq!(frames(&to, "v"), frames(&source, "v"));
    let (kept, sent) = (streams(&source).1.len(), frames(&to, "a").len());
    assert!(sent + 4 >= kept && sent <= kept, "{sent} of {kept} frames");
}

#[test]
fn a_sequence_parameter_set_says_what_ffprobe_reads() {
    let dir = tempfile::tempdir().unwrap();
    let mut made = Vec::new();
    for (name, coder, more) in [
        ("base", "libx264", ["-profile:v", "baseline", "-pix_fmt", "yuv420p"]),
        ("main", "libx264", ["-bf", "2", "-pix_fmt", "yuv420p"]),
        ("deep", "libx264", ["-bf", "0", "-pix_fmt", "yuv420p10le"]),
        ("rich", "libx264", ["-bf", "3", "-pix_fmt", "yuv444p"]),
        ("full", "libx264", ["-color_range", "pc", "-pix_fmt", "yuv420p"]),
        ("five", "libx265", ["-x265-params", "log-level=none:bframes=2", "-pix_fmt", "yuv420p"]),
        ("deep5", "libx265", ["-x265-params", "log-level=none:bframes=0", "-pix_fmt", "yuv420p10le"]),
    ] {
        let path = dir.path().join(name).with_extension("mp4");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=326x182:rate=10"]);
        let done = ffmpeg.args(["-t", "1", "-c:v", coder]).args(more).arg(&path).status().unwrap();
        assert!(done.success(), "{name}");
        let coding = if coder == "libx264" { Coding::H264 } else { Coding::H265 };
        let parameters = parameters(&path, coding);
        let sps = parameters.sps().unwrap();
        assert_eq!((sps.width, sps.height), (326, 182), "{name}");
        let said = probe(&path, "stream=has_b_frames,pix_fmt");
        let (reordered, format) = (
            sps.reordered.unwrap().to_string(),
            match (sps.chroma, sps.bit_depth) {
                (1, (8, 8)) if sps.colour.is_some_and(|(is_full, _)| is_full) => "yuvj420p",
                (1, (8, 8)) => "yuv420p",
                (1, (10, 10)) => "yuv420p10le",
                (3, (8, 8)) => "yuv444p",
                other => panic!("{name}: {other:?}"),
            },
        );
        assert!(
            said.contains(&reordered) && said.trim().split(',').any(|word| word == format),
            "{name}: {sps:?}, {said}"
        );
        for other in &made {
            assert!(!sps.is_like(other), "{name}");
        }
        // Cut anywhere it says nothing or what stands before the cut, and takes no time.
        let set =
            &parameters.sets.iter().find(|set| Sps::parse(coding, set).is_some_and(|it| it == sps)).unwrap();
        for cut in 0..set.len() {
            Sps::parse(coding, &set[..cut]);
        }
        made.push(sps);
    }
    assert_eq!(Sps::parse(Coding::H264, &[0x67]), None);
    assert_eq!(Sps::parse(Coding::H265, &[0; 100]), None);
}

/// Bits, most significant first, behind the header of a NAL unit.
fn unit(head: u8, bits: &str) -> Vec<u8> {
    let bits: Vec<u8> = bits.bytes().filter(|bit| *bit != b' ').map(|bit| bit - b'0').collect();
    let bytes =
        bits.chunks(8).map(|bits| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | bit << (7 - at)));
    std::iter::once(head).chain(bytes).chain([0x80; 40]).collect()
}

#[test]
fn a_depth_that_no_sample_has_is_no_parameter_set() {
    let high = "01100100 00000000 00011110 1 010";
    let most = format!("{}1{}", "0".repeat(31), "1".repeat(31));
    for depths in [[&most, "1"], ["1", &most], ["0001010", "1"], ["1", "0001010"]] {
        let unit = unit(0x67, &[high, depths[0], depths[1]].concat());
        assert_eq!(Sps::parse(Coding::H264, &unit), None, "{depths:?}");
    }
}

#[test]
fn of_each_kind_and_number_of_parameter_sets_the_newest_is_kept() {
    let (high, baseline) = (unit(0x67, "0101"), unit(0x27, "0110"));
    // Numbers 0 and 1.
    let (zero, one, newer) = (unit(0x68, "10"), unit(0x68, "010"), unit(0x28, "11"));
    let mut known = Parameters { coding: Coding::H264, sets: vec![high.clone(), zero.clone()] };
    known.learn(std::slice::from_ref(&one));
    assert_eq!(known.sets, [high.clone(), zero, one.clone()]);
    known.learn(std::slice::from_ref(&newer));
    assert_eq!(known.sets, [high, one.clone(), newer.clone()]);
    known.learn(std::slice::from_ref(&baseline));
    assert_eq!(known.sets, [one, newer, baseline]);
}
