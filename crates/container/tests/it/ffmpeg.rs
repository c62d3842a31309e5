//! ffmpeg as the source of fragments and the judge of exports.

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().expect("ffmpeg is installed by ./check");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Fragments of 100 ms, as the camera's capture asks for them.
pub(crate) fn fragmented(file: &Path, more: &[&str]) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-i"]).arg(file).args(["-c", "copy"]);
    command.args(["-f", "mp4", "-movflags", "empty_moov+default_base_moof+frag_keyframe"]).args(more);
    run(command.args(["-frag_duration", "100000", "pipe:1"]))
}

/// A file that ffmpeg makes with these arguments.
pub(crate) fn made(path: &Path, args: &str) {
    let mut command = Command::new("ffmpeg");
    run(command.args(["-nostdin", "-v", "error", "-y"]).args(args.split_whitespace()).arg(path));
}

/// One hash for each decoded frame of a kind of stream (`v` or `a`).
pub(crate) fn frames(file: &Path, kind: &str) -> Vec<String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-xerror", "-i"]).arg(file);
    let stream = format!("0:{kind}:0");
    let out = run(command.args([
        "-map",
        &stream,
        "-fps_mode",
        "passthrough",
        "-f",
        "framehash",
        "-hash",
        "md5",
        "-",
    ]));
    let text = String::from_utf8(out).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

pub(crate) fn probe(file: &Path, entries: &str) -> String {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-show_entries", entries, "-of", "csv=p=0"]).arg(file);
    String::from_utf8(run(&mut command)).unwrap()
}
