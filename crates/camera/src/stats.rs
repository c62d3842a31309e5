//! What a track of a camera tells about itself while it runs. Clones are one and the same.

use host::lock::Mutex;
use media::epoch::GapReason;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start, and what is wrong now.
#[derive(Debug, Clone, Default)]
pub struct Stats(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sent: AtomicU64,
    acked: AtomicU64,
    refused: AtomicU64,
    dropped: AtomicU64,
    spooled: AtomicU64,
    spooled_bytes: AtomicU64,
    rests: Mutex<Option<GapReason>>,
    trouble: Mutex<Option<String>>,
    clock: Mutex<Option<String>>,
    link: Mutex<Option<String>>,
    policy: Mutex<Option<String>>,
}

impl Stats {
    /// Segments sealed and kept.
    pub fn segments_sent(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// Segments that the relay said are durable.
    pub fn segments_acked(&self) -> u64 {
        self.0.acked.load(Ordering::Relaxed)
    }

    /// Segments that the relay will never take.
    pub fn segments_refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// Segments that an overflowing spool lost.
    pub fn segments_dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Segments and bytes that wait for the relay.
    pub fn spooled(&self) -> (u64, u64) {
        (self.0.spooled.load(Ordering::Relaxed), self.0.spooled_bytes.load(Ordering::Relaxed))
    }

    /// Why nothing is filmed now, the source having been let go: [`GapReason::OutsideSchedule`] or
    /// [`GapReason::Privacy`].
    pub fn rests(&self) -> Option<GapReason> {
        *self.0.rests.lock()
    }

    /// Why there is no picture now.
    pub fn trouble(&self) -> Option<String> {
        self.0.trouble.lock().clone()
    }

    /// How wrong the clock of the camera that is filmed is, if it tells and is.
    pub fn clock_trouble(&self) -> Option<String> {
        self.0.clock.lock().clone()
    }

    /// Why there is no session with the relay now, or why it does not store.
    pub fn link_trouble(&self) -> Option<String> {
        self.0.link.lock().clone()
    }

    /// Why a newer policy of the owner is not followed.
    pub fn policy_trouble(&self) -> Option<String> {
        self.0.policy.lock().clone()
    }

    pub(crate) fn set_policy_trouble(&self, trouble: Option<String>) {
        *self.0.policy.lock() = trouble;
    }

    pub(crate) fn count_sent(&self) {
        self.0.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_acked(&self) {
        self.0.acked.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_refused(&self) {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_dropped(&self) {
        self.0.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set_spooled(&self, segments: u64, bytes: u64) {
        self.0.spooled.store(segments, Ordering::Relaxed);
        self.0.spooled_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn set_rests(&self, rests: Option<GapReason>) {
        *self.0.rests.lock() = rests;
    }

    pub(crate) fn set_trouble(&self, trouble: Option<String>) {
        *self.0.trouble.lock() = trouble;
    }

    pub(crate) fn set_clock_trouble(&self, trouble: Option<String>) {
        *self.0.clock.lock() = trouble;
    }

    pub(crate) fn set_link(&self, trouble: Option<String>) {
        *self.0.link.lock() = trouble;
    }
}
