//! Filming events only: what is held back, unsealed, until something moves, and given up when
//! nothing does. Pure. What an event is is told to it (`occasion`).
//!
//! ```text
//! nothing moves    fragments are held in whole segments, the last `pre_roll` of them; what is older is gone
//! something moved  all that is held is filmed, and everything until `post_roll` after the last motion, to the next key frame
//! ```
//! Where motion is not measured everything is filmed: a decoder that fails loses no footage.

use crate::filming::EventSettings;
use crate::segmenter::Cut;
use container::fragment::Fragment;
use media::motion::Motion;
use media::segment::Start;
use media::time::Micros;
use std::collections::VecDeque;

/// The most that is held. Beyond it the oldest segment is gone, whatever `pre_roll` says.
pub(crate) const HELD_BYTES_MAX: usize = 64 << 20;
/// Without a score for so long motion is taken as not measured. Longer than key frames are apart,
/// and than a decoder takes to start.
const UNMEASURED_US: u64 = 60_000_000;

/// A fragment and all that its sealing needs.
pub(crate) struct Taken {
    pub(crate) fragment: Fragment,
    pub(crate) cut: Cut,
    pub(crate) now_us: Micros,
    /// Of the segment that begins with it.
    pub(crate) motion: Motion,
}

/// What follows from a fragment.
#[derive(Default)]
pub(crate) struct Verdict {
    /// Whether something is missing before what comes next.
    pub(crate) is_gone: bool,
    /// To be filmed now, in order; nothing if it is held back.
    pub(crate) film: Vec<Taken>,
}

pub(crate) struct Events {
    settings: EventSettings,
    held: VecDeque<Held>,
    is_filming: bool,
    /// Until when motion keeps it filming, and when it was measured last; steady microseconds.
    until_us: Option<u64>,
    measured_us: Option<u64>,
}

/// From a key frame on.
struct Held {
    taken: Vec<Taken>,
    bytes: usize,
    since_us: u64,
}

impl Events {
    pub(crate) fn new(settings: EventSettings) -> Self {
        Self { settings, held: VecDeque::new(), is_filming: false, until_us: None, measured_us: None }
    }

    /// It was measured whether something moves: whether it belongs to an event.
    pub(crate) fn handle_motion(&mut self, is_event: bool, steady_us: u64) {
        self.measured_us = Some(steady_us);
        if is_event {
            self.until_us = Some(steady_us.saturating_add(us(self.settings.post_roll)));
        }
    }

    /// A fragment came.
    pub(crate) fn handle(&mut self, taken: Taken, steady_us: u64) -> Verdict {
        let is_key = taken.cut == Cut::Before(Start::KeyFrame);
        let measured_us = *self.measured_us.get_or_insert(steady_us);
        let is_event = self.until_us.is_some_and(|until| steady_us <= until)
            || steady_us.saturating_sub(measured_us) > UNMEASURED_US;
        if self.is_filming && (is_event || !is_key) {
            return Verdict { is_gone: false, film: vec![taken] };
        }
        self.is_filming = is_event && (is_key || !self.held.is_empty());
        let is_gone = self.hold(taken, is_key, steady_us);
        let mut film = Vec::new();
        if self.is_filming {
            film.extend(self.held.drain(..).flat_map(|held| held.taken));
        }
        Verdict { is_gone, film }
    }

    /// What is held is given up, and what comes next begins with a key frame. Whether there was
    /// anything.
    pub(crate) fn give_up(&mut self) -> bool {
        self.is_filming = false;
        !std::mem::take(&mut self.held).is_empty()
    }

    /// The camera rests: what it was told of motion is of another time.
    pub(crate) fn rest(&mut self) {
        (self.until_us, self.measured_us) = (None, None);
    }

    /// Whether something was lost for it.
    fn hold(&mut self, taken: Taken, is_key: bool, steady_us: u64) -> bool {
        if is_key {
            self.held.push_back(Held { taken: Vec::new(), bytes: 0, since_us: steady_us });
        }
        // Its segment's beginning went, for it was too large to be held.
        let Some(last) = self.held.back_mut() else { return true };
        last.bytes += taken.fragment.bytes().len();
        last.taken.push(taken);
        let mut is_gone = false;
        let pre_roll_us = us(self.settings.pre_roll);
        while self.held.get(1).is_some_and(|second| second.since_us.saturating_add(pre_roll_us) <= steady_us)
            || (!self.is_filming && self.held.iter().map(|held| held.bytes).sum::<usize>() > HELD_BYTES_MAX)
        {
            self.held.pop_front();
            is_gone = true;
        }
        is_gone
    }
}

fn us(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
