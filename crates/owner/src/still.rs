//! One picture for people to look at: a JPEG where ffmpeg is at hand, else the key frame as an MP4 of one
//! picture, which most programs show as well.

use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;

/// The largest picture that is sent, bytes.
const MOST: usize = seal::picture::IMAGE_MAX;
/// No wider than this: it is looked at on a phone.
const WIDTH: u32 = 1280;
/// How long a key frame may take to decode, on a machine with other work.
const PATIENCE: Duration = Duration::from_secs(20);

/// A picture as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Still {
    /// `image/jpeg` or `video/mp4`.
    pub kind: &'static str,
    pub bytes: Vec<u8>,
}

impl Still {
    pub(crate) fn extension(&self) -> &'static str {
        if self.kind == "image/jpeg" { "jpg" } else { "mp4" }
    }
}

/// Of a run's init segment and a fragment that begins with a key frame. None where it is too large.
pub(crate) async fn still(mp4: Vec<u8>) -> Option<Still> {
    match timeout(PATIENCE, jpeg("ffmpeg", &mp4)).await {
        Ok(Ok(bytes)) => return Some(Still { kind: "image/jpeg", bytes }),
        Ok(Err(error)) => tracing::warn!(%error, "ffmpeg makes no JPEG of a picture; it is sent as an MP4"),
        Err(_) => tracing::warn!("ffmpeg takes too long for a picture; it is sent as an MP4"),
    }
    let fits = mp4.len() <= MOST;
    if !fits {
        tracing::warn!(bytes = mp4.len(), "a picture is too large to be sent");
    }
    fits.then_some(Still { kind: "video/mp4", bytes: mp4 })
}

/// Decodes the first picture. Dropped, ffmpeg is killed.
async fn jpeg(ffmpeg: &str, mp4: &[u8]) -> std::io::Result<Vec<u8>> {
    let scale = format!("scale=min({WIDTH}\\,iw):-2");
    let mut command = Command::new(ffmpeg);
    command.args([
        "-v",
        "error",
        "-threads",
        "1",
        "-protocol_whitelist",
        "pipe",
        "-f",
        "mp4",
        "-i",
        "pipe:0",
    ]);
    command.args(["-map", "0:v:0", "-frames:v", "1", "-vf", &scale, "-pix_fmt", "yuvj420p", "-q:v", "4"]);
    command.args(["-c:v", "mjpeg", "-f", "image2pipe", "pipe:1"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(std::io::Error::other("no pipes"));
    };
    let mut bytes = Vec::new();
    let write = async move {
        // It may have seen enough before the end.
        let _ = stdin.write_all(mp4).await;
    };
    let mut picture = stdout.take(u64::try_from(MOST).unwrap_or(u64::MAX) + 1);
    let ((), read) = tokio::join!(write, picture.read_to_end(&mut bytes));
    read?;
    let is_jpeg = bytes.starts_with(&[0xff, 0xd8]) && bytes.len() <= MOST;
    match child.wait().await?.success() && is_jpeg {
        true => Ok(bytes),
        false => Err(std::io::Error::other("it gave no picture")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first second of the container's fixture, as a camera cuts it.
    fn one_picture() -> Vec<u8> {
        let made = std::process::Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-i"])
            .arg(stage::fixture("h264-aac.mp4"))
            .args(["-c", "copy", "-an", "-t", "0.5", "-f", "mp4"])
            .args(["-movflags", "empty_moov+default_base_moof+frag_keyframe", "pipe:1"])
            .output()
            .unwrap();
        assert!(made.status.success());
        made.stdout
    }

    #[tokio::test]
    async fn a_key_frame_is_a_jpeg_where_ffmpeg_is_at_hand_and_else_an_mp4() {
        let mp4 = one_picture();
        let jpeg_bytes = jpeg("ffmpeg", &mp4).await.unwrap();
        assert!(jpeg_bytes.starts_with(&[0xff, 0xd8, 0xff]) && jpeg_bytes.ends_with(&[0xff, 0xd9]));
        assert_eq!(still(mp4.clone()).await, Some(Still { kind: "image/jpeg", bytes: jpeg_bytes }));
        assert!(jpeg("no-such-ffmpeg", &mp4).await.is_err());
        // What does not decode is sent as it is: the recipient may have the codec.
        let garbage = vec![7; 5000];
        let sent = still(garbage.clone()).await.unwrap();
        assert_eq!((sent.kind, sent.extension(), sent.bytes), ("video/mp4", "mp4", garbage));
    }

    #[tokio::test]
    async fn a_picture_that_is_too_large_is_not_sent() {
        assert_eq!(still(vec![7; MOST + 1]).await, None);
    }
}
