//! What filming and publishing of one track share. Filming never waits for publishing: it leaves what it made here and in the spool, and goes on.

use crate::Stats;
use crate::live::Live;
use crate::spool::{Spool, Spools};
use media::id::{Sequence, TrackId};
use media::session::Outbox;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

pub(crate) struct Handover {
    pub(crate) track: TrackId,
    /// One and the same for all tracks of the camera.
    pub(crate) spools: Arc<Mutex<Spools>>,
    /// The track whose segments go first when there is no room for this one's.
    pub(crate) gives_way: Option<Arc<Handover>>,
    /// What is still to be acknowledged, the segment that is being filmed included.
    pub(crate) outbox: Mutex<Outbox>,
    /// The newest segment that was begun.
    pub(crate) live: watch::Sender<Option<Live>>,
    /// An EpochOpen or DayNotice waits, of whichever track.
    pub(crate) to_put: Arc<Notify>,
    /// A segment waits, of whichever track.
    pub(crate) to_send: Arc<Notify>,
    /// How many segments are not yet acknowledged.
    pub(crate) depth: watch::Sender<usize>,
    pub(crate) stats: Stats,
}

/// One track's spool, held.
pub(crate) struct Held<'a>(MutexGuard<'a, Spools>, TrackId);

impl Deref for Held<'_> {
    type Target = Spool;

    fn deref(&self) -> &Spool {
        self.0.of(self.1)
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut Spool {
        self.0.of_mut(self.1)
    }
}

/// The tracks that are published.
#[derive(Clone)]
pub(crate) struct Tracks {
    pub(crate) main: Arc<Handover>,
    pub(crate) sub: Option<Arc<Handover>>,
}

impl Tracks {
    /// The main one first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Handover>> {
        std::iter::once(&self.main).chain(&self.sub)
    }
}

/// Of a camera's tracks: the main one, and the second one, which gives way to it.
pub(crate) fn of_tracks(spools: Spools) -> (Arc<Handover>, Arc<Handover>) {
    let spools = Arc::new(Mutex::new(spools));
    let (to_put, to_send) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let of = |track, gives_way| {
        let outbox = Outbox::new(lock(&spools).of(track).sequences());
        let handover = Handover {
            track,
            spools: spools.clone(),
            gives_way,
            depth: watch::Sender::new(outbox.depth()),
            outbox: Mutex::new(outbox),
            live: watch::Sender::new(None),
            to_put: to_put.clone(),
            to_send: to_send.clone(),
            stats: Stats::default(),
        };
        handover.note_depth();
        Arc::new(handover)
    };
    let sub = of(TrackId::SUB, None);
    (of(TrackId::MAIN, Some(sub.clone())), sub)
}

impl Handover {
    /// This track's spool, and the camera's state with it. No other track may be asked meanwhile.
    pub(crate) fn spool(&self) -> Held<'_> {
        Held(lock(&self.spools), self.track)
    }

    /// The handover of a track of this camera.
    pub(crate) fn of(&self, track: TrackId) -> Option<&Self> {
        if track == self.track {
            Some(self)
        } else {
            self.gives_way.as_deref().filter(|sub| sub.track == track)
        }
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
        let spool = self.spool();
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
        match tokio::task::spawn_blocking(move || work(&mut handover.spool())).await {
            Ok(done) => done,
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        }
    }
}

/// A panic while the state was open ends the party; redb's transactions are whole or not at all.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
