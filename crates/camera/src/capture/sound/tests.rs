//! Real ffmpeg, sound that was made here.

use super::*;
use container::mux::FRAME;
use rustix::process::{Pid, Signal, kill_process};

const PACKET_MS: usize = 100;
/// When the tone is heard.
const TONE_MS: std::ops::Range<usize> = 1_500..1_900;

/// Three seconds of this format that are silent but for the tone.
async fn made(args: &str) -> Vec<u8> {
    let volume = format!("between(t,{},{})", TONE_MS.start as f64 / 1e3, TONE_MS.end as f64 / 1e3);
    let source = format!("aevalsrc='0.5*sin(2*PI*700*t)*{volume}':s=16000:d=3");
    let mut ffmpeg = bare("ffmpeg");
    ffmpeg
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", &source])
        .args(args.split(' '))
        .arg("pipe:1");
    let made = ffmpeg.output().await.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    made.stdout
}

/// When the tone begins and ends in these frames, milliseconds of media time.
async fn heard(aac: Aac, frames: &[Frame]) -> (f64, f64) {
    let rate = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000];
    let index = rate.iter().position(|rate| *rate == aac.rate).unwrap() as u8;
    let mut adts = Vec::new();
    for frame in frames {
        let len = frame.bytes.len() + ADTS;
        let channels = aac.channels as u8;
        adts.extend_from_slice(&[0xff, 0xf1, 1 << 6 | index << 2, channels << 6 | (len >> 11) as u8]);
        adts.extend_from_slice(&[(len >> 3) as u8, (len << 5) as u8 | 0x1f, 0xfc]);
        adts.extend_from_slice(&frame.bytes);
    }
    let mut ffmpeg = bare("ffmpeg");
    let args = "-nostdin -v error -f aac -i pipe:0 -ac 1 -f s16le pipe:1";
    let mut child = ffmpeg.args(args.split(' ')).spawn().unwrap();
    let mut given = child.stdin.take().unwrap();
    let (_, decoded) =
        tokio::join!(async move { given.write_all(&adts).await.unwrap() }, child.wait_with_output());
    let decoded = decoded.unwrap().stdout;
    let samples = decoded.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
    let loud: Vec<usize> = samples.enumerate().filter(|(_, v)| v.abs() > 4_000).map(|(at, _)| at).collect();
    let at = |sample: usize| {
        let (frame, rest) = (sample / FRAME as usize, sample % FRAME as usize);
        frames[frame].at_us as f64 / 1e3 + rest as f64 * 1e3 / f64::from(aac.rate)
    };
    (at(*loud.first().expect("no tone")), at(*loud.last().unwrap()))
}

/// Feeds sound but for what `is_lost`, its first packet at `from_us`, and takes what is made of it.
async fn through(
    sound: &mut Sound,
    format: &Format,
    bytes: &[u8],
    from_us: i64,
    is_lost: impl Fn(usize) -> bool,
) -> Vec<Frame> {
    let len = format.bits_a_second as usize / 8 * PACKET_MS / 1000;
    let packets: Vec<&[u8]> = bytes.chunks(len).collect();
    for (n, packet) in packets.iter().enumerate().filter(|(n, _)| !is_lost(*n)) {
        sound.feed(packet, from_us + (n * PACKET_MS * 1000) as i64);
    }
    // What an encoder holds stays within it: the last half second is not waited for.
    let until_us = from_us + (packets.len() * PACKET_MS * 1000) as i64 - 500_000;
    let mut frames = Vec::new();
    while frames.last().is_none_or(|frame: &Frame| frame.at_us < until_us) {
        frames.push(timeout(Duration::from_secs(60), sound.next()).await.expect("no frame"));
    }
    frames
}

fn is_near(found: (f64, f64), from_ms: f64) {
    let right = (from_ms + TONE_MS.start as f64, from_ms + TONE_MS.end as f64);
    let off = (found.0 - right.0, found.1 - right.1);
    // Lossy coding rings a little before and after.
    assert!(off.0.abs() < 35.0 && off.1.abs() < 35.0, "{off:?} ms off");
}

#[tokio::test]
async fn each_sound_becomes_aac_on_its_own_time_and_holes_are_silent() {
    for (encoding, clock, channels, args) in [
        ("PCMU", 8_000, 1, "-c:a pcm_mulaw -ar 8000 -ac 1 -f mulaw"),
        ("PCMA", 8_000, 1, "-c:a pcm_alaw -ar 8000 -ac 1 -f alaw"),
        ("L16", 44_100, 2, "-c:a pcm_s16be -ar 44100 -ac 2 -f s16be"),
        ("G722", 8_000, 1, "-c:a g722 -ar 16000 -ac 1 -f g722"),
        ("G726-32", 8_000, 1, "-c:a g726le -b:a 32k -ar 8000 -ac 1 -f g726le"),
    ] {
        let format = Format::of(encoding, clock, channels).unwrap();
        let mut sound = Sound::start(format);
        let bytes = made(args).await;
        // Single packets are lost, and three in a row, all of them before the tone.
        let frames = through(&mut sound, &format, &bytes, 7_000_000, |n| matches!(n, 3 | 6..=8 | 12)).await;
        assert!(frames.windows(2).all(|pair| pair[1].at_us > pair[0].at_us), "{encoding}");
        assert_eq!(frames[0].at_us, 7_000_000, "{encoding}");
        is_near(heard(format.aac(), &frames).await, 7_000.0);
        assert_eq!(sound.trouble(), None);
    }
    for unknown in
        [("PCMU", 0, 1), ("PCMU", u32::MAX, 2), ("L16", 8_000, 6), ("G726-32", 8_000, 2), ("opus", 48_000, 2)]
    {
        assert_eq!(Format::of(unknown.0, unknown.1, unknown.2), None, "{unknown:?}");
    }
}

#[tokio::test]
async fn a_child_that_dies_is_said_and_begun_again() {
    // A rate that no other test has: its child is found by it.
    let format = Format::of("pcmu", 8_191, 1).unwrap();
    let mut sound = Sound::start(format);
    let bytes = made("-c:a pcm_mulaw -ar 8191 -ac 1 -f mulaw").await;
    through(&mut sound, &format, &bytes, 0, |_| false).await;
    let children = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let entry = entry.unwrap();
        let line = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
        (line.contains("\u{0}8191\u{0}") && line.contains("pipe:0")).then(|| entry.file_name())
    });
    for child in children.collect::<Vec<_>>() {
        let pid: i32 = child.to_str().unwrap().parse().unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    }
    while sound.trouble().is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(sound.trouble().unwrap().contains("ffmpeg ended"));
    // Old packets are thrown away with the child; from a later time on there is sound again.
    let mut from_us = 10_000_000;
    let frames = loop {
        sound.feed(&bytes[..800], from_us);
        if let Ok(frame) = timeout(Duration::from_millis(100), sound.next()).await
            && frame.at_us >= 10_000_000
        {
            break through(&mut sound, &format, &bytes, 60_000_000, |_| false).await;
        }
        from_us += 100_000;
    };
    assert_eq!(sound.trouble(), None);
    let later: Vec<Frame> = frames.into_iter().filter(|frame| frame.at_us >= 60_000_000).collect();
    is_near(heard(format.aac(), &later).await, 60_000.0);
}
