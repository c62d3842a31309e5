//! Where in media time sound lies that went through an encoder: pure.
//!
//! An encoder counts samples and knows no time. So what it is given is kept on the time that its
//! packets bear: a short hole is filled with silence, what overlaps is left out, and after a long
//! pause or a leap its count goes on from another mark. Of compressed sound nothing is filled or cut:
//! there each hole and each overlap is a leap.
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
    given: u64,
    at_us: i64,
}

/// What an encoder was given, and what it has made of it.
#[derive(Debug)]
pub(super) struct Course {
    /// What is given is counted in these: bits, of what has a fixed rate of them.
    ticks_a_second: u32,
    /// A byte that is silence, if one is.
    silence: Option<u8>,
    given: u64,
    /// In order; the first one is that of the next frame.
    marks: VecDeque<Mark>,
    made_rate: u32,
    made_frames: u64,
}

impl Course {
    pub(super) fn new(ticks_a_second: u32, silence: Option<u8>, made_rate: u32) -> Self {
        Self { ticks_a_second, silence, given: 0, marks: VecDeque::new(), made_rate, made_frames: 0 }
    }

    /// Adds what the encoder is to be given of a packet that lasts so many ticks.
    pub(super) fn take(&mut self, packet: &[u8], lasts: u64, at_us: i64, out: &mut Vec<u8>) {
        let place = |mark: &Mark| mark.at_us.saturating_add(self.us(self.given - mark.given));
        let off_us = self.marks.back().map(|mark| at_us.saturating_sub(place(mark)));
        match (off_us, self.silence) {
            (Some(off_us), _) if off_us.saturating_abs() <= TOLERANCE_US => {}
            (Some(off_us), Some(silence)) if off_us.saturating_abs() <= HOLE_US => {
                let (before, bytes) = (out.len(), self.bytes(off_us.unsigned_abs()));
                if off_us > 0 {
                    out.resize(before + bytes, silence);
                }
                let over = if off_us < 0 { bytes } else { 0 };
                out.extend_from_slice(packet.get(over..).unwrap_or_default());
                self.given += 8 * (out.len() - before) as u64;
                return;
            }
            _ => {
                // Where nothing was given since the last one, it lies nowhere.
                let given = self.given;
                if self.marks.back().is_some_and(|mark| mark.given == given) {
                    self.marks.pop_back();
                }
                self.marks.push_back(Mark { given, at_us });
            }
        }
        out.extend_from_slice(packet);
        self.given += lasts;
    }

    /// How much of what was given nothing has been made of, microseconds.
    pub(super) fn behind_us(&self) -> i64 {
        self.us(self.given).saturating_sub(self.made_us(self.made_frames))
    }

    /// Media time of the next frame that the encoder makes; none of its first, which lies before
    /// all that it was given.
    pub(super) fn next_frame(&mut self) -> Option<i64> {
        let frames = self.made_frames.checked_sub(1);
        self.made_frames += 1;
        let made_us = self.made_us(frames?);
        while self.marks.get(1).is_some_and(|mark| self.us(mark.given) <= made_us) {
            self.marks.pop_front();
        }
        self.marks.front().map(|mark| mark.at_us.saturating_add(made_us - self.us(mark.given)))
    }

    fn made_us(&self, frames: u64) -> i64 {
        let us = u128::from(frames) * u128::from(FRAME) * 1_000_000 / u128::from(self.made_rate);
        i64::try_from(us).unwrap_or(i64::MAX)
    }

    /// Ticks to microseconds.
    pub(super) fn us(&self, ticks: u64) -> i64 {
        let us = u128::from(ticks) * 1_000_000 / u128::from(self.ticks_a_second);
        i64::try_from(us).unwrap_or(i64::MAX)
    }

    /// So many bytes last so long, of whole samples.
    fn bytes(&self, us: u64) -> usize {
        let whole = u128::from(us) * u128::from(self.ticks_a_second) / 8_000_000;
        usize::try_from(whole - whole % WHOLE).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 8 bytes a millisecond, and a frame of 64 ms.
    fn course() -> Course {
        Course::new(64_000, Some(0xff), 16_000)
    }

    /// What becomes of packets of 30 ms at these milliseconds: how much is given for each, and
    /// where the frames lie.
    fn taken(at_ms: &[i64]) -> (Vec<usize>, Vec<i64>) {
        let mut course = course();
        let given = at_ms.iter().map(|ms| {
            let mut out = Vec::new();
            course.take(&[0; 240], 1920, ms * 1000, &mut out);
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
            let mut course = Course::new(44_100 * 16 * channels, Some(0), 48_000);
            let mut out = Vec::new();
            course.take(&[1; 4], 32, 0, &mut out);
            course.take(&[1; 4], 32, 333_333, &mut out);
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
            course.take(&[0; 8], 64, at_us, &mut out);
        }
        for _ in 0..10 {
            course.next_frame();
        }
        assert_eq!(out.len(), 40);
    }

    #[test]
    fn of_compressed_sound_nothing_is_filled_and_a_hole_is_a_leap() {
        // Packets of 24 ms; frames of 21.3.
        let mut course = Course::new(1000, None, 48_000);
        let mut out = Vec::new();
        for at_ms in [0, 24, 48, 172, 196, 220, 244] {
            course.take(&[7; 10], 24, at_ms * 1000, &mut out);
        }
        assert_eq!((out, course.behind_us()), (vec![7; 70], 168_000));
        course.next_frame();
        let at: Vec<i64> = (0..6).filter_map(|_| course.next_frame()).map(|us| us / 1000).collect();
        assert_eq!(at, [0, 21, 42, 64, 185, 206]);
        // Packets of nothing leave nothing behind, whatever time they bear.
        for at_us in 0..1000 {
            course.take(&[], 0, at_us * 1_000_000, &mut Vec::new());
        }
        assert!(course.marks.len() <= 3, "{}", course.marks.len());
    }
}
