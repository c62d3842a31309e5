//! The time that a test camera draws into its pictures (`rtsp_server.py`, `Drawing`), read back:
//! from a page's videos, from a file.
//!
//! In scope: cells to milliseconds. Out of scope: what a picture of that time proves, which stands
//! with the tests.

use crate::browser::Browser;
use serde::Deserialize;
use std::path::Path;
use tokio::process::Command;

/// The mounts that draw it.
pub const MOUNTS: [&str; 2] = ["clock-1", "clock-2"];

/// Defines `readClock(video)`: the time of the picture, or `undefined`. As small as 64x36 each cell
/// is four pixels wide and high.
const READ: &str = "
    const shrunk = document.createElement('canvas');
    [shrunk.width, shrunk.height] = [64, 36];
    const context = shrunk.getContext('2d', { willReadFrequently: true });
    window.readClock = (video) => {
        context.drawImage(video, 0, 0, 64, 36);
        const pixels = context.getImageData(0, 0, 64, 16).data;
        const words = [0, 1, 2, 3].map((row) => {
            let word = 0;
            for (let column = 0; column < 16; column += 1) {
                word = word * 2 + (pixels[((row * 4 + 2) * 64 + column * 4 + 2) * 4] > 127 ? 1 : 0);
            }
            return word;
        });
        const check = ((words[0] + words[1] + words[2]) & 0xffff) ^ 0x5a5a;
        return check === words[3] ? words[0] * 2 ** 32 + words[1] * 65536 + words[2] : undefined;
    };";

/// Follows every video from now on: each picture as it goes to the screen.
const FOLLOW: &str = "
    window.followed = [...document.querySelectorAll('video')].map((video) => {
        const seen = { pictures: [], unreadable: 0, waits: 0 };
        video.addEventListener('waiting', () => (seen.waits += 1));
        const look = () => {
            const at = Date.now();
            const drawn = readClock(video);
            const buffered = video.buffered;
            const ahead = buffered.length ? buffered.end(buffered.length - 1) - video.currentTime : 0;
            if (drawn === undefined) seen.unreadable += 1;
            else if (seen.pictures.length < 20000) seen.pictures.push({ drawn, at, ahead: Math.round(ahead * 1000) });
            video.requestVideoFrameCallback(look);
        };
        video.requestVideoFrameCallback(look);
        return seen;
    });";

/// What went to the screen in one video of a page.
#[derive(Debug, Clone, Deserialize)]
pub struct Followed {
    pub pictures: Vec<Shown>,
    /// Pictures whose cells do not add up.
    pub unreadable: u64,
    /// How often it stood still because nothing was left to show.
    pub waits: u64,
}

/// A picture that went to the screen.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Shown {
    /// When it was drawn, and when it was shown: Unix milliseconds by the clock of this machine.
    pub drawn: i64,
    pub at: i64,
    /// What the page had after it, milliseconds of video.
    pub ahead: i64,
}

impl Shown {
    /// From the camera's drawing to the screen.
    pub fn latency_ms(self) -> i64 {
        self.at - self.drawn
    }
}

/// Begins to follow every video that is in the page now.
pub async fn follow(browser: &Browser) {
    browser.run(&format!("{READ}{FOLLOW}")).await;
}

/// What was shown since.
pub async fn followed(browser: &Browser) -> Vec<Followed> {
    serde_json::from_value(browser.run("return window.followed").await).unwrap()
}

/// The time drawn into what the page's first video shows now, Unix milliseconds; `None` if there is
/// no such picture.
pub async fn shown_ms(browser: &Browser) -> Option<u64> {
    let script = format!("{READ} return readClock(document.querySelector('video')) ?? null");
    browser.run(&script).await.as_u64()
}

/// The times drawn into the pictures of a file, Unix milliseconds.
pub async fn drawn_ms(film: &Path) -> Vec<u64> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-xerror", "-i"]).arg(film);
    // Numbered anew, so that none is dropped or repeated: two whose times are close round to one.
    ffmpeg.args(["-fps_mode", "cfr", "-r", "25", "-vf", "setpts=N/25/TB,scale=64:36"]);
    ffmpeg.args(["-pix_fmt", "gray", "-f", "rawvideo", "-"]);
    let output = ffmpeg.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{}: {said}", film.display());
    let pictures = output.stdout.chunks_exact(64 * 36);
    pictures.map(|picture| read(picture).expect("a picture whose cells do not add up")).collect()
}

/// A picture of 64x36 grey pixels.
fn read(picture: &[u8]) -> Option<u64> {
    let word = |row: usize| {
        (0..16).fold(0u64, |word, column| {
            word << 1 | u64::from(picture[(row * 4 + 2) * 64 + column * 4 + 2] > 127)
        })
    };
    let check = ((word(0) + word(1) + word(2)) & 0xffff) ^ 0x5a5a;
    (check == word(3)).then(|| word(0) << 32 | word(1) << 16 | word(2))
}
