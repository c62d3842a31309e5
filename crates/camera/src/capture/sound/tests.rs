//! Real ffmpeg, sound that was made here.

use super::*;
use container::mux::FRAME;
use rustix::process::{Pid, Signal, kill_process};

const PACKET_US: i64 = 100_000;
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

/// Packets of a tenth of a second.
fn packets<'a>(format: &Format, bytes: &'a [u8]) -> Vec<&'a [u8]> {
    let Format::Raw(raw) = format else { panic!("{format:?}") };
    bytes.chunks(raw.bits_a_second as usize / 80).collect()
}

/// Feeds packets that last so long but for what `is_lost`, the first one at `from_us`, and takes what
/// is made of them.
async fn through(
    sound: &mut Sound,
    (packets, lasts_us): (&[&[u8]], i64),
    from_us: i64,
    is_lost: impl Fn(usize) -> bool,
) -> Vec<Frame> {
    let mut lost = 0;
    for (packet, n) in packets.iter().zip(0..) {
        if is_lost(n) {
            lost += 1;
            continue;
        }
        // As they come, and not all at once: those that wait are bounded.
        while sound.given.capacity() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        sound.feed(packet, from_us + n as i64 * lasts_us, std::mem::take(&mut lost));
    }
    // What an encoder holds stays within it: the last half second is not waited for.
    let until_us = from_us + packets.len() as i64 * lasts_us - 500_000;
    let mut frames = Vec::new();
    while frames.last().is_none_or(|frame: &Frame| frame.at_us < until_us) {
        frames.push(timeout(Duration::from_secs(60), sound.next()).await.expect("no frame"));
    }
    frames
}

fn is_near(found: (f64, f64), from_ms: f64) {
    // Lossy coding rings a little before and after.
    is_within(35.0, found, from_ms);
}

fn is_within(most: f64, found: (f64, f64), from_ms: f64) {
    let right = (from_ms + TONE_MS.start as f64, from_ms + TONE_MS.end as f64);
    let off = (found.0 - right.0, found.1 - right.1);
    assert!(off.0.abs() < most && off.1.abs() < most, "{off:?} ms off");
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
        let given = (&packets(&format, &bytes)[..], PACKET_US);
        let frames = through(&mut sound, given, 7_000_000, |n| matches!(n, 3 | 6..=8 | 12)).await;
        assert!(frames.windows(2).all(|pair| pair[1].at_us > pair[0].at_us), "{encoding}");
        assert_eq!(frames[0].at_us, 7_000_000, "{encoding}");
        is_near(heard(format.aac(), &frames).await, 7_000.0);
        assert_eq!(sound.trouble(), None);
    }
    for unknown in [
        ("PCMU", 0, 1),
        ("PCMU", u32::MAX, 2),
        ("L16", 8_000, 6),
        ("G726-32", 8_000, 2),
        ("G723", 8_000, 1),
        ("L16", 100_000_000, 2),
    ] {
        assert_eq!(Format::of(unknown.0, unknown.1, unknown.2), None, "{unknown:?}");
    }
}

/// The packets of an Ogg stream but for its two heads (RFC 3533, 6).
fn unpaged(mut ogg: &[u8]) -> Vec<Vec<u8>> {
    let (mut packets, mut packet) = (Vec::new(), Vec::new());
    while let Some((head, rest)) = ogg.split_at_checked(27) {
        let (pieces, mut rest) = rest.split_at(head[26].into());
        for piece in pieces {
            let (bytes, behind) = rest.split_at((*piece).into());
            packet.extend_from_slice(bytes);
            if *piece < 255 {
                packets.push(std::mem::take(&mut packet));
            }
            rest = behind;
        }
        ogg = rest;
    }
    packets.split_off(2)
}

#[tokio::test]
async fn compressed_sound_becomes_aac_on_its_own_time_and_what_is_lost_moves_nothing() {
    let chunks = |len: usize| move |bytes: &[u8]| bytes.chunks(len).map(<[u8]>::to_vec).collect::<Vec<_>>();
    type Cut = Box<dyn Fn(&[u8]) -> Vec<Vec<u8>>>;
    for (encoding, clock, args, cut, head, lasts_us) in [
        ("MPA", 90_000, "-c:a mp2 -b:a 192k -ar 48000 -f mp2", Box::new(chunks(576)) as Cut, 4, 24_000),
        (
            "mpa",
            90_000,
            "-c:a libmp3lame -b:a 128k -ar 48000 -write_xing 0 -id3v2_version 0 -f mp3",
            Box::new(chunks(384)),
            4,
            24_000,
        ),
        ("AC3", 48_000, "-c:a ac3 -b:a 192k -ar 48000 -f ac3", Box::new(chunks(768)), 2, 32_000),
        ("opus", 48_000, "-c:a libopus -b:a 64k -f ogg", Box::new(unpaged), 0, 20_000),
    ] {
        let format = Format::of(encoding, clock, 2).unwrap();
        let mut sound = Sound::start(format);
        let packets = cut(&made(args).await);
        let packets: Vec<Vec<u8>> =
            packets.into_iter().map(|packet| [vec![0; head], packet].concat()).collect();
        let packets: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
        // Some are lost, and one is torn, all of them before the tone.
        let mut torn = packets.clone();
        torn[20] = &torn[20][..torn[20].len() / 2];
        let is_lost = |n| matches!(n, 5 | 9..=13 | 30);
        let frames = through(&mut sound, (&torn, lasts_us), 7_000_000, is_lost).await;
        assert!(frames.windows(2).all(|pair| pair[1].at_us > pair[0].at_us), "{encoding}");
        assert_eq!(frames[0].at_us, 7_000_000, "{encoding}");
        // Encoders and decoders of these hold a frame or two.
        is_within(90.0, heard(format.aac(), &frames).await, 7_000.0);
        assert_eq!(sound.trouble(), None, "{encoding}");
    }
}

#[tokio::test]
async fn a_child_that_makes_nothing_of_what_it_is_given_is_said_and_begun_again() {
    let sound = Sound::start(Format::of("mpa", 90_000, 1).unwrap());
    // Heads that say frames of layer 3, and nothing in them that a decoder takes for one.
    let frame = [&[0, 0, 0, 0, 0xff, 0xfb, 0x14, 0xc0][..], &[0xff; 92]].concat();
    let mut at_us = 0;
    while sound.trouble().is_none() {
        sound.feed(&frame, at_us, 0);
        at_us += 24_000;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(sound.trouble().unwrap().starts_with("no sound: ffmpeg "), "{:?}", sound.trouble());
}

#[tokio::test]
async fn a_child_that_dies_is_said_and_begun_again() {
    // A rate that no other test has: its child is found by it.
    let format = Format::of("pcmu", 8_191, 1).unwrap();
    let mut sound = Sound::start(format);
    let bytes = made("-c:a pcm_mulaw -ar 8191 -ac 1 -f mulaw").await;
    let packets = packets(&format, &bytes);
    through(&mut sound, (&packets, PACKET_US), 0, |_| false).await;
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
        sound.feed(&bytes[..800], from_us, 0);
        if let Ok(frame) = timeout(Duration::from_millis(100), sound.next()).await
            && frame.at_us >= 10_000_000
        {
            break through(&mut sound, (&packets, PACKET_US), 60_000_000, |_| false).await;
        }
        from_us += 100_000;
    };
    assert_eq!(sound.trouble(), None);
    let later: Vec<Frame> = frames.into_iter().filter(|frame| frame.at_us >= 60_000_000).collect();
    is_near(heard(format.aac(), &later).await, 60_000.0);
}
