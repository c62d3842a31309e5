//! The sound beside a live picture: AAC frames laid where they were heard, one after the other, with
//! silence where none came. A page that plays two tracks stands still where one of them is empty.
//!
//! ```text
//! heard    [0][1][2]           [7][8]         a microphone that pauses
//! laid     [0][1][2](3)(4)(5)(6)[7][8]        (n): a silent frame, written once sound lags the picture
//! ```

use super::{Remark, us};
use crate::timing::Timing;
use container::mux::{FRAME, Muxer, Sound};
use std::collections::VecDeque;

/// Sound may lag the picture by so much before silence stands in for it,
const LAG_US: i64 = 800_000;
/// which then reaches up to this far from the picture.
const NEAR_US: i64 = 400_000;
/// A frame that lies further from its place than this is not laid behind the one before.
const APART_US: i64 = 150_000;
/// The most frames that wait for a picture.
const WAITING_MAX: usize = 1000;
/// Without sound for so long, that is said; and again when it has doubled.
const MISSED_US: i64 = 5_000_000;
/// A frame of AAC-LC without a sound, of one channel and of two, at any rate: what ffmpeg makes of
/// silence.
const SILENT: [&[u8]; 2] = [&[0x01, 0x18, 0x20, 0x07], &[0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c]];

pub(super) struct SoundTrack {
    format: Sound,
    timing: Timing,
    /// Each with its time in the timing's.
    waiting: VecDeque<(i64, Vec<u8>)>,
    /// When the newest frame that was laid was heard, or the run began,
    heard: Option<i64>,
    /// and when a packet came last, of which perhaps no frame is made.
    packet: Option<i64>,
    /// After how long without it was said.
    said: Option<i64>,
    /// Why it cannot be carried.
    deaf: Option<String>,
}

impl SoundTrack {
    pub(super) fn new(format: Sound) -> Self {
        Self {
            format,
            timing: Timing::default(),
            waiting: VecDeque::new(),
            heard: None,
            packet: None,
            said: None,
            deaf: None,
        }
    }

    pub(super) fn format(&self) -> &Sound {
        &self.format
    }

    /// A run begins.
    pub(super) fn begin(&mut self, now: i64) {
        self.heard.get_or_insert(now);
    }

    /// A packet came. Its time.
    pub(super) fn hear(&mut self, stamp_us: i64, arrived: i64) -> i64 {
        let seen = self.timing.see(stamp_us, arrived);
        // Nothing waits for it: what is known now is what it is laid by.
        self.timing.is_settled(arrived);
        self.timing.correct(seen.media, false);
        self.packet = Some(arrived);
        seen.media
    }

    /// A frame of such a packet, perhaps some time after.
    pub(super) fn take(&mut self, frame: Vec<u8>, at: i64) {
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back((at, frame));
    }

    /// Why it cannot be carried, if that is news.
    pub(super) fn deaf(&mut self, why: Option<String>) -> Option<Remark> {
        if self.deaf == why {
            return None;
        }
        self.deaf.clone_from(&why);
        Some(Remark::Sound(why))
    }

    /// Lays what waits into the run whose zero was at this moment.
    pub(super) fn lay(&mut self, muxer: &mut Muxer, zero: i64) {
        while let Some((media, frame)) = self.waiting.pop_front() {
            let at = self.timing.made(media) - zero;
            let Some(place) = self.samples(at) else { continue };
            let next = muxer.sound_until().unwrap_or(place);
            let apart = us(
                i64::try_from(place).unwrap_or(0) - i64::try_from(next).unwrap_or(0),
                self.format.sample_rate,
            );
            if apart < -APART_US {
                continue;
            }
            if apart > APART_US {
                self.be_silent_until(muxer, at);
            }
            muxer.sound(&frame, place);
            // A frame that says a later time was heard with its packet.
            let heard = (zero + at).min(self.packet.unwrap_or(i64::MAX));
            self.heard = self.heard.max(Some(heard));
        }
    }

    /// The picture has come so far in the run.
    pub(super) fn catch_up(&self, muxer: &mut Muxer, until: i64) {
        let laid = muxer
            .sound_until()
            .map_or(0, |next| us(i64::try_from(next).unwrap_or(0), self.format.sample_rate));
        if until - laid > LAG_US {
            self.be_silent_until(muxer, until - NEAR_US);
        }
    }

    /// What is to be said now.
    pub(super) fn trouble(&mut self, now: i64) -> Option<Remark> {
        let heard = self.heard?;
        let missed = now - heard;
        if missed < MISSED_US {
            return self.said.take().map(|_| Remark::Sound(None));
        }
        if self.said.is_some_and(|said| missed < said * 2) {
            return None;
        }
        self.said = Some(missed);
        let secs = missed / 1_000_000;
        // A child that makes frames holds some of them.
        let comes = self.packet.is_some_and(|at| at - heard > MISSED_US / 2);
        let what = match &self.deaf {
            Some(why) => why.as_str(),
            None if comes => "sound comes and could not be read",
            None => "sound is announced and has not come",
        };
        Some(Remark::Sound(Some(format!("{what} for {secs} s; silence is recorded in its place"))))
    }

    fn be_silent_until(&self, muxer: &mut Muxer, at: i64) {
        let Some(end) = self.samples(at) else { return };
        let silent = if self.format.channels == 1 { SILENT[0] } else { SILENT[1] };
        while muxer.sound_until().unwrap_or(0) + u64::from(FRAME) <= end {
            muxer.sound(silent, 0);
        }
    }

    fn samples(&self, us: i64) -> Option<u64> {
        let samples = u64::try_from(us).ok()?.checked_mul(self.format.sample_rate.into())?;
        Some((samples + 500_000) / 1_000_000)
    }
}
