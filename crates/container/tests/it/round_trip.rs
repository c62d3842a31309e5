//! What goes in comes out: the same frames, times that only grow, an index that two readers
//! understand.

use crate::ffmpeg::{fixture, fragmented, frames, made, probe};
use container::export::{ExportError, Exporter};
use container::fragment::Begins;
use container::split::{Piece, Splitter};
use container::{Fragment, Init};
use std::path::Path;

fn split(bytes: &[u8]) -> (Init, Vec<Fragment>) {
    let mut splitter = Splitter::new();
    let (mut init, mut fragments) = (None, Vec::new());
    for piece in bytes.chunks(1000) {
        splitter.push(piece);
        while let Some(piece) = splitter.next_piece().unwrap() {
            match piece {
                Piece::Init(found) => assert!(init.replace(*found).is_none()),
                Piece::Fragment(fragment) => fragments.push(fragment),
            }
        }
    }
    splitter.finish().unwrap();
    (init.unwrap(), fragments)
}

fn export(init: &Init, fragments: &[Fragment]) -> Vec<u8> {
    let mut exporter = Exporter::new(init.bytes()).unwrap();
    let media: Vec<u8> =
        fragments.iter().flat_map(|fragment| exporter.add(fragment.bytes()).unwrap()).collect();
    let mut file = exporter.finish().unwrap();
    file.extend(media);
    file
}

fn written(dir: &Path, file: &[u8]) -> std::path::PathBuf {
    let path = dir.join("export.mp4");
    std::fs::write(&path, file).unwrap();
    path
}

#[test]
fn exported_frames_are_the_sources_and_times_only_grow() {
    for (name, codecs, audio) in [
        ("h264-aac.mp4", "avc1.640009,mp4a.40.2", true),
        ("h264-bframes.mp4", "avc1.640009", false),
        ("h265.mp4", "hvc1.1.6.L30.90", false),
    ] {
        let source = fixture(name);
        let (init, fragments) = split(&fragmented(&source, &[]));
        assert_eq!(init.codecs(), codecs, "{name}");
        assert!(fragments.len() >= 10, "{name}: {} fragments", fragments.len());
        assert_eq!(fragments[0].begins, Begins::WithKeyFrame);

        let file = export(&init, &fragments);
        assert_eq!(file, export(&init, &fragments), "{name}: the same span twice gives the same bytes");
        let dir = tempfile::tempdir().unwrap();
        let path = written(dir.path(), &file);
        assert_eq!(frames(&path, "v"), frames(&source, "v"), "{name}");
        if audio {
            // The source hides the encoder's first, silent frame by an edit list, which its
            // fragments do not carry.
            let (all, heard) = (frames(&path, "a"), frames(&source, "a"));
            assert!(all.ends_with(&heard) && all.len() <= heard.len() + 1, "{name}");
        }
        let duration: f64 = probe(&path, "format=duration").trim().parse().unwrap();
        let expected: f64 = probe(&source, "format=duration").trim().parse().unwrap();
        assert!((duration - expected).abs() < 0.2, "{name}: {duration} s, the source has {expected} s");
        let times: Vec<f64> = probe(&path, "packet=dts_time")
            .lines()
            .filter_map(|line| line.trim_end_matches(',').parse().ok())
            .collect();
        assert!(!times.is_empty());
        let video = probe(&path, "stream=codec_tag_string,start_time");
        assert!(video.contains("avc1") || video.contains("hvc1"), "{video}");
    }
}

#[test]
fn a_second_reader_finds_every_sample_where_the_index_says() {
    use shiguredo_mp4::demux::{Input, Mp4FileDemuxer};
    let (init, fragments) = split(&fragmented(&fixture("h264-aac.mp4"), &[]));
    let file = export(&init, &fragments);
    let mut demuxer = Mp4FileDemuxer::new();
    while let Some(required) = demuxer.required_input() {
        let start = usize::try_from(required.position).unwrap();
        let end = required.size.map_or(file.len(), |size| start + size);
        demuxer.handle_input(Input { position: required.position, data: &file[start..end] });
    }
    let tracks = demuxer.tracks().unwrap().len();
    assert_eq!(tracks, 2);
    let (mut samples, mut bytes) = (0, 0);
    while let Some(sample) = demuxer.next_sample().unwrap() {
        samples += 1;
        bytes += sample.data_size;
    }
    let media: usize = {
        let mut exporter = Exporter::new(init.bytes()).unwrap();
        fragments.iter().map(|fragment| exporter.add(fragment.bytes()).unwrap().len()).sum()
    };
    assert!(samples > 40, "{samples}");
    assert_eq!(bytes, media);
}

#[test]
fn a_cut_inside_begins_at_its_first_picture_and_a_hole_holds_the_picture() {
    let source = fixture("h264-aac.mp4");
    let (init, fragments) = split(&fragmented(&source, &[]));
    let keys: Vec<usize> =
        (0..fragments.len()).filter(|at| fragments[*at].begins == Begins::WithKeyFrame).collect();
    assert!(keys.len() >= 4);
    // From the second key frame on, without the third second.
    let kept: Vec<Fragment> =
        fragments[keys[1]..keys[2]].iter().chain(&fragments[keys[3]..]).cloned().collect();
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), &export(&init, &kept));
    let all = frames(&source, "v");
    let expected: Vec<String> = all[10..20].iter().chain(&all[30..]).cloned().collect();
    assert_eq!(frames(&path, "v"), expected);
    let duration: f64 = probe(&path, "format=duration").trim().parse().unwrap();
    assert!((duration - 3.0).abs() < 0.2, "{duration}");
    let first: f64 =
        probe(&path, "packet=pts_time").lines().next().unwrap().trim_end_matches(',').parse().unwrap();
    assert!(first.abs() < 0.1, "{first}");
}

/// Edit lists, in the fragments themselves or said beside them: what is not shown is not exported.
#[test]
fn what_an_edit_list_hides_stays_hidden() {
    let dir = tempfile::tempdir().unwrap();
    let cut = dir.path().join("cut.mp4");
    made(&cut, &format!("-ss 1.3 -i {} -c copy", fixture("h264-bframes.mp4").display()));
    let shown = frames(&cut, "v");
    let (own, fragments) = split(&fragmented(&cut, &["-movflags", "+delay_moov"]));
    assert!(fragments[0].decode_us < 0, "{}", fragments[0].decode_us);
    assert_eq!(frames(&written(dir.path(), &export(&own, &fragments)), "v"), shown);

    let (init, fragments) = split(&fragmented(&cut, &[]));
    let all = written(dir.path(), &export(&init, &fragments));
    let hidden = frames(&all, "v").len() - shown.len();
    assert!(hidden > 0);
    // Where the source begins in what it became: its first decode time is the zero of that.
    let first = probe(&cut, "packet=dts_time").lines().next().unwrap().trim_end_matches(',').to_owned();
    let zero_us = (-first.parse::<f64>().unwrap() * 1e6) as u64;
    let said = init.clone().shown_from(zero_us).unwrap();
    assert_eq!(frames(&written(dir.path(), &export(&said, &fragments)), "v"), shown);
    assert_eq!(said.codecs(), init.codecs());
    // From the next key frame on nothing is hidden.
    let next = fragments.iter().rposition(|found| found.begins == Begins::WithKeyFrame).unwrap();
    assert!(next > 0);
    assert_eq!(export(&said, &fragments[next..]).len(), export(&init, &fragments[next..]).len());
}

/// Sound from 0, the picture from 0.4 s: by an edit list, or by decode times.
#[test]
fn sound_and_picture_keep_their_distance() {
    let dir = tempfile::tempdir().unwrap();
    let apart = dir.path().join("apart.mp4");
    let source = fixture("h264-aac.mp4");
    let source = source.display();
    made(&apart, &format!("-i {source} -itsoffset 0.4 -i {source} -map 1:v -map 0:a -c copy"));
    let starts = |path: &Path| -> Vec<f64> {
        let packets = probe(path, "packet=codec_type,pts_time");
        let of = |kind| packets.lines().filter_map(move |line| line.strip_prefix(kind));
        let first = |kind| of(kind).map(|time: &str| time.trim_end_matches(',').parse().unwrap());
        vec![first("video,").fold(9.0, f64::min), first("audio,").fold(9.0, f64::min)]
    };
    let source = starts(&apart);
    let tfdt = ["-movflags", "+frag_discont", "-use_editlist", "0", "-output_ts_offset", "1"];
    for more in
        [&["-movflags", "+delay_moov"][..], &[&tfdt[..], &["-avoid_negative_ts", "disabled"]].concat()]
    {
        let (init, fragments) = split(&fragmented(&apart, more));
        let found = starts(&written(dir.path(), &export(&init, &fragments)));
        // An export begins with its first picture; the sound before it is not shown.
        assert!((found[0]).abs() < 0.01, "{found:?}");
        let off = (found[1] - found[0]) - (source[1] - source[0]);
        assert!(off.abs() < 0.03, "{more:?}: {found:?}, the source has {source:?}");
    }
}

#[test]
fn fragments_out_of_order_and_nothing_at_all_are_named() {
    let (init, fragments) = split(&fragmented(&fixture("h264-aac.mp4"), &[]));
    let mut exporter = Exporter::new(init.bytes()).unwrap();
    exporter.add(fragments[3].bytes()).unwrap();
    assert_eq!(exporter.add(fragments[2].bytes()), Err(ExportError::Backwards));
    assert_eq!(exporter.add(fragments[3].bytes()), Err(ExportError::Backwards));
    assert_eq!(Exporter::new(init.bytes()).unwrap().finish(), Err(ExportError::Empty));
}

#[test]
fn times_and_durations_are_the_sources() {
    let (_, fragments) = split(&fragmented(&fixture("h264-aac.mp4"), &[]));
    let total: u64 = fragments.iter().map(|fragment| fragment.duration_us).sum();
    // ffmpeg stretches the last picture to the end of the sound.
    assert!((4_000_000..4_100_000).contains(&total), "{total}");
    for two in fragments.windows(2) {
        assert!(two[1].decode_us.abs_diff(two[0].decode_us + two[0].duration_us as i64) <= 1, "{two:?}");
    }
}

/// ffmpeg does so with an RTSP camera that has B-frames: it learns the decode times too late, and
/// squeezes the first ones.
#[test]
fn pictures_that_are_shown_after_the_end_of_decoding_are_not_cut_off() {
    let source = fixture("h264-bframes.mp4");
    let late = ["-bsf:v", "setts=pts=PTS:dts='if(lt(N,3),N,DTS)'"];
    let (init, fragments) = split(&fragmented(&source, &late));
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), &export(&init, &fragments));
    let times = probe(&path, "packet=pts,dts");
    assert!(times.starts_with("0,0\n"), "decoding is not late: {times}");
    assert_eq!(frames(&path, "v"), frames(&source, "v"));
}

#[test]
fn padding_rounds_sizes_up_and_changes_no_sample_and_no_export() {
    let (init, fragments) = split(&fragmented(&fixture("h264-aac.mp4"), &[]));
    for step in [1, 7, 1000, 4096, 65_536] {
        let padded: Vec<Fragment> = fragments.iter().map(|fragment| fragment.clone().padded(step)).collect();
        for (padded, fragment) in padded.iter().zip(&fragments) {
            let (len, before) = (padded.bytes().len(), fragment.bytes().len());
            assert_eq!(len % step as usize, 0);
            assert!(len >= before && len < before + step as usize + 8, "{before} became {len} by {step}");
            let again = Fragment::parse(&init, padded.bytes()).unwrap();
            assert_eq!((again.duration_us, again.begins), (fragment.duration_us, fragment.begins));
            // To a player it is a stream like another.
            let mut splitter = Splitter::new();
            splitter.push(init.bytes());
            splitter.push(padded.bytes());
            assert!(matches!(splitter.next_piece(), Ok(Some(Piece::Init(_)))));
            assert!(matches!(splitter.next_piece(), Ok(Some(Piece::Fragment(it))) if it == *fragment));
            assert!(matches!(splitter.next_piece(), Ok(None)));
        }
        assert_eq!(export(&init, &padded), export(&init, &fragments));
    }
}

#[test]
fn behind_a_fragment_there_is_one_free_box_and_nothing_else() {
    let (init, fragments) = split(&fragmented(&fixture("h264-aac.mp4"), &[]));
    let plain = fragments[0].bytes();
    let with = |behind: &[u8]| Fragment::parse(&init, &[plain, behind].concat());
    assert!(with(b"\0\0\0\x08free").is_ok() && with(b"\0\0\0\x0afree\0\0").is_ok());
    for behind in [
        b"\0".as_slice(),
        b"\0\0\0\x08fre",
        b"\0\0\0\x08skip",
        b"\0\0\0\x07free",
        b"\0\0\0\x09free",
        b"\0\0\0\x08free\0",
        b"\0\0\0\x08free\0\0\0\x08free",
        plain,
    ] {
        assert!(matches!(with(behind), Err(container::BoxError::Unexpected { .. })), "{behind:?}");
    }
}
