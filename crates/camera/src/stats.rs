//! What a track of a camera tells about itself while it runs.

use host::lock::Mutex;
use media::epoch::GapReason;
use std::sync::Arc;

/// Counters since the start, and what is wrong now. Clones are one and the same.
#[derive(Debug, Clone, Default)]
pub struct Stats(Arc<Mutex<Figures>>);

/// See the questions of [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) sent: u64,
    pub(crate) acked: u64,
    pub(crate) refused: u64,
    pub(crate) dropped: u64,
    pub(crate) spooled: (u64, u64),
    pub(crate) rests: Option<GapReason>,
    pub(crate) troubles: Troubles,
}

/// What is wrong now, by what is.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    pub(crate) picture: Option<String>,
    pub(crate) clock: Option<String>,
    pub(crate) link: Option<String>,
    pub(crate) policy: Option<String>,
}

impl Stats {
    /// Segments sealed and kept.
    pub fn segments_sent(&self) -> u64 {
        self.0.lock().sent
    }

    /// Segments that the relay said are durable.
    pub fn segments_acked(&self) -> u64 {
        self.0.lock().acked
    }

    /// Segments that the relay will never take.
    pub fn segments_refused(&self) -> u64 {
        self.0.lock().refused
    }

    /// Segments that an overflowing spool lost.
    pub fn segments_dropped(&self) -> u64 {
        self.0.lock().dropped
    }

    /// Segments and bytes that wait for the relay.
    pub fn spooled(&self) -> (u64, u64) {
        self.0.lock().spooled
    }

    /// Why nothing is filmed now, the source having been let go: [`GapReason::OutsideSchedule`] or
    /// [`GapReason::Privacy`].
    pub fn rests(&self) -> Option<GapReason> {
        self.0.lock().rests
    }

    /// Why there is no picture now.
    pub fn trouble(&self) -> Option<String> {
        self.0.lock().troubles.picture.clone()
    }

    /// How wrong the clock of the camera that is filmed is, if it tells and is.
    pub fn clock_trouble(&self) -> Option<String> {
        self.0.lock().troubles.clock.clone()
    }

    /// Why there is no session with the relay now, or why it does not store.
    pub fn link_trouble(&self) -> Option<String> {
        self.0.lock().troubles.link.clone()
    }

    /// Why a newer policy of the owner is not followed.
    pub fn policy_trouble(&self) -> Option<String> {
        self.0.lock().troubles.policy.clone()
    }

    /// Changes the figures at one moment.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Figures)) {
        change(&mut self.0.lock());
    }

    /// What is wrong now with the link to the relay; nothing.
    pub(crate) fn set_link(&self, trouble: Option<String>) {
        self.0.lock().troubles.link = trouble;
    }

    /// What is wrong now with the picture; nothing.
    pub(crate) fn set_trouble(&self, trouble: Option<String>) {
        self.0.lock().troubles.picture = trouble;
    }
}
