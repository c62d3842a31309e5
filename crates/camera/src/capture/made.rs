//! A film made for tests, as a camera sends it: pictures with their parameter sets.

use super::units::Unit;
use container::mux::Parameters;
use container::sps::Coding;
use std::process::Command;

/// Pictures ten a second, a key frame each ten, and the parameter sets.
pub(crate) fn film(size: &str, more: &[&str]) -> (Vec<Unit>, Parameters) {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", &format!("testsrc2=size={size}:rate=10")]);
    ffmpeg.args("-t 6 -c:v libx264 -preset ultrafast -tune zerolatency -g 10 -sc_threshold 0".split(' '));
    ffmpeg.args(["-pix_fmt", "yuv420p", "-bsf:v", "h264_metadata=aud=insert"]).args(more);
    let bytes = ffmpeg.args(["-f", "h264", "-"]).output().unwrap().stdout;
    let mut units: Vec<Unit> = Vec::new();
    let mut rest = &bytes[..];
    let mut at = 0;
    while let Some(code) = rest.windows(3).position(|code| code == [0, 0, 1]) {
        rest = &rest[code + 3..];
        let end = rest
            .windows(3)
            .position(|code| code[0] == 0 && code[1] == 0 && code[2] < 2)
            .unwrap_or(rest.len());
        let (unit, head) = (&rest[..end], rest[0] & 0x1f);
        if head == 9 {
            units.push(Unit {
                stamp: at * 9000,
                arrived: 0,
                is_key: false,
                lacks: false,
                data: Vec::new(),
                sets: Vec::new(),
            });
            at += 1;
            continue;
        }
        let picture = units.last_mut().unwrap();
        picture.is_key |= head == 5;
        if matches!(head, 7 | 8) {
            picture.sets.push(unit.to_vec());
        }
        picture.data.extend((unit.len() as u32).to_be_bytes());
        picture.data.extend(unit);
    }
    let sets = units[0].sets.clone();
    (units, Parameters { coding: Coding::H264, sets })
}
