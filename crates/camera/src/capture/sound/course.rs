//! Where in media time sound lies that went through an encoder: pure.
//!
//! An encoder counts samples and knows no time. So what it is given is kept on the time that its
//! packets bear: a short hole is filled with silence, what overlaps is left out, and after a long
//! pause or a leap its count goes on from another mark:
//!
//! ```text
//! given   |packet|packet|      |packet|.............................|packet|
//! taken   |packet|packet|silent|packet|packet|     mark: this byte lies there
//! ```

use container::mux::FRAME;
use std::collections::VecDeque;

/// A packet that lies so near its place lies in it: packets' times are not exact.
const TOLERANCE_US: i64 = 40_000;
/// A longer hole is a pause, and is not filled here.
const HOLE_US: i64 = 500_000;

/// A multiple of the bytes that whole samples take, whatever their format: of 16 bits and two
/// channels, of 3 and of 5 bits.
const WHOLE: u128 = 60;

/// From here on, what is given lies there.
#[derive(Debug, Clone, Copy)]
struct Mark {
    given_us: i64,
    at_us: i64,
}

/// What an encoder was given, and what it has made of it.
#[derive(Debug)]
pub(super) struct Course {
    bits_a_second: u32,
    silence: u8,
    given_bytes: u64,
    /// In order; the first one is that of the next frame.
    marks: VecDeque<Mark>,
    made_rate: u32,
    made_frames: u64,
}

impl Course {
    pub(super) fn new(bits_a_second: u32, silence: u8, made_rate: u32) -> Self {
        Self { bits_a_second, silence, given_bytes: 0, marks: VecDeque::new(), made_rate, made_frames: 0 }
    }

    /// Adds what the encoder is to be given of a packet.
    pub(super) fn take(&mut self, packet: &[u8], at_us: i64, out: &mut Vec<u8>) {
        let given_us = self.us(self.given_bytes);
        let off_us = self
            .marks
            .back()
            .map(|mark| at_us.saturating_sub(mark.at_us.saturating_add(given_us - mark.given_us)));
        let before = out.len();
        match off_us {
            Some(off_us) if off_us.saturating_abs() <= TOLERANCE_US => out.extend_from_slice(packet),
            Some(off_us) if off_us.saturating_abs() <= HOLE_US => {
                let bytes = self.bytes(off_us.unsigned_abs());
                if off_us > 0 {
                    out.resize(before + bytes, self.silence);
                }
                let over = if off_us < 0 { bytes } else { 0 };
                out.extend_from_slice(packet.get(over..).unwrap_or_default());
            }
            _ => {
                self.marks.push_back(Mark { given_us, at_us });
                out.extend_from_slice(packet);
            }
        }
        self.given_bytes += (out.len() - before) as u64;
    }

    /// Media time of the next frame that the encoder makes; none of its first, which lies before
    /// all that it was given.
    pub(super) fn next_frame(&mut self) -> Option<i64> {
        let frames = self.made_frames.checked_sub(1);
        self.made_frames += 1;
        let us = u128::from(frames?) * u128::from(FRAME) * 1_000_000 / u128::from(self.made_rate);
        let made_us = i64::try_from(us).ok()?;
        while self.marks.get(1).is_some_and(|mark| mark.given_us <= made_us) {
            self.marks.pop_front();
        }
        self.marks.front().map(|mark| mark.at_us.saturating_add(made_us - mark.given_us))
    }

    fn us(&self, bytes: u64) -> i64 {
        let us = u128::from(bytes) * 8_000_000 / u128::from(self.bits_a_second);
        i64::try_from(us).unwrap_or(i64::MAX)
    }

    /// So many bytes last so long, of whole samples.
    fn bytes(&self, us: u64) -> usize {
        let whole = u128::from(us) * u128::from(self.bits_a_second) / 8_000_000;
        usize::try_from(whole - whole % WHOLE).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 8 bytes a millisecond, and a frame of 64 ms.
    fn course() -> Course {
        Course::new(64_000, 0xff, 16_000)
    }

    /// What becomes of packets of 30 ms at these milliseconds: how much is given for each, and
    /// where the frames lie.
    fn taken(at_ms: &[i64]) -> (Vec<usize>, Vec<i64>) {
        let mut course = course();
        let given = at_ms.iter().map(|ms| {
            let mut out = Vec::new();
            course.take(&[0; 240], ms * 1000, &mut out);
            out.len() / 8
        });
        let given: Vec<usize> = given.collect();
        let whole = given.iter().sum::<usize>() / 64;
        assert_eq!(course.next_frame(), None, "what an encoder begins with");
        (given, (0..whole).filter_map(|_| course.next_frame()).map(|us| us / 1000).collect())
    }

    #[test]
    fn sound_stays_on_the_time_of_its_packets() {
        for (at_ms, given, frames) in [
            // On time, and off by less than packets' times are.
            (&[7_000, 7_030, 7_060, 7_090, 7_150][..], &[30, 30, 30, 30, 30][..], &[7_000, 7_064][..]),
            // One was lost, and one more came twice.
            (&[0, 30, 60, 150, 180, 90], &[30, 30, 30, 90, 30, 0], &[0, 64, 128]),
            // A pause, and a leap back: from the first frame that begins there it is right.
            (&[0, 30, 60, 9_000, 9_030, 9_060], &[30; 6], &[0, 64]),
            (&[5_000, 5_030, 5_060, 100, 130, 160, 190], &[30; 7], &[5_000, 5_064, 138]),
            // Before the media's own zero.
            (&[-60, -30, 0, 30, 60], &[30; 5], &[-60, 4]),
        ] {
            let (found, at) = taken(at_ms);
            assert_eq!((&found[..], &at[..]), (given, frames), "{at_ms:?}");
        }
    }

    #[test]
    fn silence_holds_whole_samples_of_all_channels() {
        for channels in 1..=2 {
            let mut course = Course::new(44_100 * 16 * channels, 0, 48_000);
            let mut out = Vec::new();
            course.take(&[1; 4], 0, &mut out);
            course.take(&[1; 4], 333_333, &mut out);
            let silent = out.iter().filter(|byte| **byte == 0).count();
            assert_eq!(silent % (2 * channels as usize), 0);
            assert!(silent > 28_000 * channels as usize, "{silent}");
        }
    }

    #[test]
    fn no_time_and_no_amount_overflows() {
        let mut course = course();
        let mut out = Vec::new();
        for at_us in [i64::MIN, i64::MAX, 0, i64::MAX, i64::MIN] {
            course.take(&[0; 8], at_us, &mut out);
        }
        for _ in 0..10 {
            course.next_frame();
        }
        assert_eq!(out.len(), 40);
    }
}
