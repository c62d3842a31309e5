//! A real film's pictures, as a camera sends them, in virtual time.

use super::*;
use crate::capture::made::film;
use container::fragment::Begins;
use std::process::Command;

const SECOND: i64 = 1_000_000;

fn mono() -> Sound {
    Sound { sample_rate: 16_000, channels: 1, config: vec![0x14, 0x08] }
}

/// What comes out of pictures that came when their stamps say, after second 50.
fn shots(montage: &mut Montage, units: &[Unit]) -> Vec<Shot> {
    let mut shots = Vec::new();
    for unit in units {
        let arrived = 50 * SECOND + us(unit.stamp, TICKS);
        montage.picture(Unit { arrived, ..unit.clone() }).unwrap();
        shots.extend(std::iter::from_fn(|| montage.next()));
    }
    montage.finish().unwrap();
    shots.extend(std::iter::from_fn(|| montage.next()));
    shots
}

/// When each key frame was made, by what came out.
fn keys(shots: &[Shot]) -> Vec<i64> {
    let key = |shot: &Shot| match shot {
        Shot::Piece(Piece::Fragment(fragment), Some(made)) if fragment.begins == Begins::WithKeyFrame => {
            Some(*made as i64)
        }
        _ => None,
    };
    shots.iter().filter_map(key).collect()
}

fn inits(shots: &[Shot]) -> usize {
    shots.iter().filter(|shot| matches!(shot, Shot::Piece(Piece::Init(_), None))).count()
}

fn remarks(shots: &[Shot]) -> Vec<String> {
    let remark = |shot: &Shot| match shot {
        Shot::Remark(remark) => Some(format!("{remark:?}")),
        Shot::Hole => Some("hole".to_owned()),
        Shot::Piece(..) => None,
    };
    shots.iter().filter_map(remark).collect()
}

/// The film decodes to as many pictures, and has so much sound: seconds.
fn decoded(shots: &[Shot]) -> (usize, f64) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("film.mp4");
    let bytes = shots.iter().flat_map(|shot| match shot {
        Shot::Piece(Piece::Init(init), _) => init.bytes(),
        Shot::Piece(Piece::Fragment(fragment), _) => fragment.bytes(),
        Shot::Hole | Shot::Remark(_) => &[],
    });
    std::fs::write(&path, bytes.copied().collect::<Vec<u8>>()).unwrap();
    let count = |stream: &str, more: &[&str]| {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg
            .args(["-nostdin", "-v", "error", "-xerror", "-i"])
            .arg(&path)
            .args(["-map", stream])
            .args(more);
        let output = ffmpeg.args(["-f", "framemd5", "-"]).output().unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().filter(|line| !line.starts_with('#')).count()
    };
    (count("0:v", &["-fps_mode", "passthrough"]), count("0:a?", &[]) as f64 * 1024.0 / 16_000.0)
}

#[test]
fn sound_that_is_announced_and_never_comes_costs_no_picture_and_is_silence_that_is_said() {
    let (units, parameters) = film("160x120", &[]);
    let shots = shots(&mut Montage::new(parameters, Some(mono())), &units);
    let starts: Vec<i64> = (50..56).map(|second| second * SECOND).collect();
    assert_eq!(keys(&shots), starts);
    let (pictures, sound) = decoded(&shots);
    assert_eq!(pictures, 60);
    assert!((5.0..6.1).contains(&sound), "{sound}");
    assert_eq!(
        remarks(&shots),
        ["Sound(Some(\"sound is announced and has not come for 5 s; silence is recorded in its place\"))"]
    );
}

#[test]
fn packets_of_which_no_sound_is_made_are_silence_that_is_said() {
    let (units, parameters) = film("160x120", &[]);
    let mut montage = Montage::new(parameters, Some(mono()));
    let mut shots = Vec::new();
    for unit in units {
        let stamp = us(unit.stamp, TICKS);
        montage.hear(stamp, 50 * SECOND + stamp);
        montage.picture(Unit { arrived: 50 * SECOND + stamp, ..unit }).unwrap();
        shots.extend(std::iter::from_fn(|| montage.next()));
    }
    let said = "sound comes and could not be read for 5 s; silence is recorded in its place";
    assert_eq!(remarks(&shots), [format!("Sound(Some({said:?}))")]);
    assert_eq!(keys(&shots).len(), 6);
}

#[test]
fn sound_that_pauses_stands_where_it_was_heard() {
    let (units, parameters) = film("160x120", &[]);
    let mut montage = Montage::new(parameters, Some(mono()));
    // Marked, so that it can be told from silence; the fourth second is missing.
    let frames: Vec<i64> =
        (0..93).map(|n| n * 64_000).filter(|at| !(3 * SECOND..4 * SECOND).contains(at)).collect();
    let mut shots = Vec::new();
    let mut frames = frames.into_iter().peekable();
    for unit in units {
        let arrived = 50 * SECOND + us(unit.stamp, TICKS);
        while let Some(at) = frames.next_if(|at| 50 * SECOND + at <= arrived) {
            let at = montage.hear(at, 50 * SECOND + at);
            montage.sound(vec![1, 0x18, 0x20, 7], at);
        }
        montage.picture(Unit { arrived, ..unit }).unwrap();
        shots.extend(std::iter::from_fn(|| montage.next()));
    }
    let run = montage.run.as_ref().unwrap();
    let laid = us(run.muxer.sound_until().unwrap() as i64, 16_000);
    assert!((laid - 5_900_000).abs() < 200_000, "the last frame stands where it was heard: {laid}");
    assert_eq!((keys(&shots).len(), remarks(&shots)), (6, vec![]));
}

#[test]
fn what_is_joined_within_a_group_is_filmed_from_its_first_key_frame_and_that_is_said() {
    let (units, parameters) = film("160x120", &["-g", "40"]);
    for parameters in [parameters.clone(), Parameters { sets: Vec::new(), ..parameters }] {
        let shots = shots(&mut Montage::new(parameters, None), &units[1..]);
        assert_eq!(keys(&shots), [54 * SECOND]);
        assert_eq!(decoded(&shots).0, 20);
        assert_eq!(remarks(&shots), ["AwaitsKey(Some(3))", "AwaitsKey(None)"]);
    }
}

#[test]
fn key_frames_without_parameter_sets_are_not_called_missing() {
    let (units, parameters) = film("160x120", &[]);
    let bare: Vec<Unit> = units.into_iter().map(|unit| Unit { sets: Vec::new(), ..unit }).collect();
    let said = remarks(&shots(&mut Montage::new(Parameters { sets: Vec::new(), ..parameters }, None), &bare));
    assert_eq!(said, ["AwaitsSets(3)", "AwaitsSets(4)", "AwaitsSets(5)"]);
}

#[test]
fn pictures_of_two_bytes_are_not_held_in_millions() {
    let mut montage =
        Montage::new(Parameters { coding: container::sps::Coding::H264, sets: Vec::new() }, None);
    for n in 0..70_000i64 {
        let (arrived, data) = (50 * SECOND + n * 5, vec![0, 0, 0, 2, 0x41, 0x80]);
        let unit = Unit { stamp: n / 3, arrived, is_key: false, lacks: false, data, sets: Vec::new() };
        montage.picture(unit).unwrap();
    }
    assert!(montage.held.is_empty(), "{}", montage.held.len());
}

#[test]
fn a_key_frame_that_a_server_kept_is_not_filmed_with_pictures_that_do_not_follow_it() {
    let (mut units, parameters) = film("160x120", &[]);
    units[4].lacks = true;
    let kept: Vec<Unit> = units[..1].iter().chain(&units[4..]).cloned().collect();
    let shots = shots(&mut Montage::new(parameters.clone(), None), &kept);
    assert_eq!((keys(&shots)[0], decoded(&shots).0), (51 * SECOND, 50));
    // What is lost later costs nothing that is left.
    let (mut units, _) = film("160x120", &[]);
    units[34].lacks = true;
    units.remove(33);
    assert_eq!(decoded(&self::shots(&mut Montage::new(parameters, None), &units)).0, 59);
}

#[test]
fn pictures_that_are_left_out_are_a_hole_and_the_last_before_it_lasts_no_longer() {
    let (units, parameters) = film("160x120", &[]);
    let kept: Vec<Unit> = units[..15].iter().chain(&units[40..]).cloned().collect();
    let shots = shots(&mut Montage::new(parameters, None), &kept);
    assert_eq!(keys(&shots), [50, 51, 54, 55].map(|second| second * SECOND));
    assert_eq!(remarks(&shots), ["hole"]);
    let lasts: u64 = shots
        .iter()
        .map(|shot| match shot {
            Shot::Piece(Piece::Fragment(fragment), _) => fragment.duration_us,
            _ => 0,
        })
        .sum();
    assert!(lasts.abs_diff(3_500_000) < 50_000, "{lasts}");
    assert_eq!(decoded(&shots).0, 35);
}

#[test]
fn another_size_is_another_run_and_another_rate_is_not() {
    let (units, parameters) = film("160x120", &[]);
    let later = |(units, _): (Vec<Unit>, Parameters)| {
        units
            .into_iter()
            .take(20)
            .map(|unit| Unit { stamp: unit.stamp + 60 * 9000, ..unit })
            .collect::<Vec<_>>()
    };
    let of = |after| {
        let all = [&units[..], &later(after)].concat();
        let shots = shots(&mut Montage::new(parameters.clone(), None), &all);
        (inits(&shots), keys(&shots).len())
    };
    assert_eq!(of(film("320x240", &[])), (2, 8));
    let (other, sets) = film("160x120", &["-bsf:v", "h264_metadata=aud=insert:tick_rate=48"]);
    assert_ne!(sets, parameters);
    assert_eq!(of((other, sets)), (1, 8));
}
