//! What a track of a camera tells about itself while it runs.

use crate::clock::Moment;
use host::lock::Mutex;
use media::epoch::GapReason;
use std::sync::Arc;

/// Counters since the start, and what is wrong now. Clones are one and the same.
#[derive(Debug, Clone, Default)]
pub struct Stats(Arc<Mutex<Figures>>);

/// Of one moment.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Segments sealed and kept.
    pub sent: u64,
    /// Segments that the relay said are durable.
    pub acked: u64,
    /// Segments that the relay will never take.
    pub refused: u64,
    /// Segments that an overflowing spool lost.
    pub dropped: u64,
    /// Segments and bytes that wait for the relay.
    pub spooled: (u64, u64),
    /// Why nothing is filmed, the source having been let go: [`GapReason::OutsideSchedule`] or
    /// [`GapReason::Privacy`].
    pub rests: Option<GapReason>,
    /// When a picture came last that can be filmed, microseconds of the steady clock.
    pub picture_us: Option<u64>,
    /// Whether it is held back: nothing moves, and events only are filmed.
    pub holds_back: bool,
    /// How much more than its threshold an event is now, by what was learnt.
    pub(crate) usual: Option<String>,
    /// What time it is for footage, while the wall clock is not believed.
    pub(crate) doubted: Option<Moment>,
    /// Whether its owner retired it: nothing more is taken of it.
    pub is_retired: bool,
    pub troubles: Troubles,
}

/// What is wrong, by what is.
#[derive(Debug, Clone, Default)]
pub struct Troubles {
    /// Why there is no picture.
    pub picture: Option<String>,
    /// Why there is no sound, though the source says that it has one.
    pub sound: Option<String>,
    /// How wrong the clock of the camera that is filmed is, if it tells and is.
    pub clock: Option<String>,
    /// How far the camera's own clock is not believed.
    pub time: Option<String>,
    /// Why there is no session with the relay, or why it does not store.
    pub link: Option<String>,
    /// That another camera films with its key, or did.
    pub identity: Option<String>,
    /// Why a newer policy of the owner is not followed.
    pub policy: Option<String>,
    /// Why what the filmed camera itself says of motion is not heard, if it is asked.
    pub sensor: Option<String>,
    /// Why what its owner asks beside the policy is not followed.
    pub settings: Option<String>,
    /// Which trustees get no share of what is filmed.
    pub escrow: Option<String>,
    /// What its configuration chose: nothing is wrong.
    pub chosen: Option<String>,
}

impl Stats {
    pub fn now(&self) -> Figures {
        self.0.lock().clone()
    }

    /// Changes the figures at one moment.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Figures)) {
        change(&mut self.0.lock());
    }
}
