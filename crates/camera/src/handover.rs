//! What filming and publishing share. Filming never waits for publishing: it leaves what it made here and in the spool, and goes on.

use crate::Stats;
use crate::live::Live;
use crate::spool::Spool;
use media::id::Sequence;
use media::session::Outbox;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

pub(crate) struct Handover {
    pub(crate) spool: Mutex<Spool>,
    /// What is still to be acknowledged, the segment that is being filmed included.
    pub(crate) outbox: Mutex<Outbox>,
    /// The newest segment that was begun.
    pub(crate) live: watch::Sender<Option<Live>>,
    /// An EpochOpen or DayNotice waits.
    pub(crate) to_put: Notify,
    /// A segment waits.
    pub(crate) to_send: Notify,
    /// How many segments are not yet acknowledged.
    pub(crate) depth: watch::Sender<usize>,
    pub(crate) stats: Stats,
}

impl Handover {
    pub(crate) fn new(spool: Spool, stats: Stats) -> Self {
        let outbox = Outbox::new(spool.sequences());
        let handover = Self {
            depth: watch::Sender::new(outbox.depth()),
            spool: Mutex::new(spool),
            outbox: Mutex::new(outbox),
            live: watch::Sender::new(None),
            to_put: Notify::new(),
            to_send: Notify::new(),
            stats,
        };
        handover.note_depth();
        handover
    }

    /// A segment was begun: it may be sent as it grows.
    pub(crate) fn begin(&self, live: Live) {
        lock(&self.outbox).handle_spooled(live.sequence);
        self.live.send_replace(Some(live));
        self.note_depth();
        self.to_send.notify_one();
    }

    /// A segment is not to be had any more.
    pub(crate) fn dropped(&self, sequence: Sequence) {
        lock(&self.outbox).handle_dropped(sequence);
        self.note_depth();
    }

    /// A segment is to be sent again.
    pub(crate) fn again(&self, sequence: Sequence) {
        lock(&self.outbox).handle_nack(sequence);
        self.to_send.notify_one();
    }

    pub(crate) fn note_depth(&self) {
        let depth = lock(&self.outbox).depth();
        let spool = lock(&self.spool);
        self.stats.set_depth(spool.sequences().len() as u64, spool.bytes());
        drop(spool);
        self.depth.send_replace(depth);
    }

    /// Works on the spool on a thread that may wait for the disk.
    pub(crate) async fn on_disk<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Spool) -> T + Send + 'static,
    ) -> T {
        let handover = self.clone();
        match tokio::task::spawn_blocking(move || work(&mut lock(&handover.spool))).await {
            Ok(done) => done,
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        }
    }
}

/// A panic while the state was open ends the party; redb's transactions are whole or not at all.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
