//! Comparing an exported clip with the source, frame by frame after decoding: nothing on the way
//! may transcode.

use std::path::Path;
use tokio::process::Command;

/// Whether every decoded frame of `clip` is the source's, in the source's order (which may begin
/// anew: the camera loops it). `None` where ffmpeg is not installed.
pub(super) async fn are_the_sources(clip: &Path, source: &Path) -> Option<bool> {
    let (clip, source) = (hashes(clip).await?, hashes(source).await?);
    let (Some(first), false) = (clip.first(), source.is_empty()) else { return Some(false) };
    // A still scene repeats itself: any of the places where the first frame occurs may be the
    // beginning.
    let starts = source.iter().enumerate().filter(|(_, hash)| *hash == first).map(|(at, _)| at);
    let matches = |start: usize| {
        let looped = source.iter().cycle().skip(start);
        clip.iter().zip(looped).all(|(a, b)| a == b)
    };
    Some(starts.into_iter().any(matches))
}

/// One hash for each decoded video frame.
async fn hashes(file: &Path) -> Option<Vec<String>> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(file)
        .args(["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framehash", "-hash", "md5", "-"])
        .kill_on_drop(true)
        .output()
        .await
        .ok()?;
    if !output.status.success() {
        return Some(Vec::new());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    Some(lines.filter_map(|line| line.rsplit(',').next()).map(|hash| hash.trim().to_owned()).collect())
}
