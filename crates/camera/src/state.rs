//! What filming and publishing of one track share. Filming never waits for publishing: it leaves
//! what it made here and in the spool, and goes on.

use crate::clock::RelayTime;
use crate::live::Live;
use crate::outbox::Outbox;
use crate::settings::Followed;
use crate::spool::{Spool, Spools};
use crate::stats::Stats;
use host::blocking::Blocking;
use host::lock::{MappedMutexGuard, Mutex, MutexGuard};
use media::id::TrackId;
use std::sync::Arc;
use tokio::sync::{Notify, watch};

/// What a person is told of another history.
const TWO_HISTORIES: &str = "another camera films with this one's key, or this one was put back from a backup: its numbers go on apart from the other's; its owner should give it a new key (`candor owner camera rekey`)";

pub(crate) struct Handover {
    pub(crate) track: TrackId,
    /// One and the same for all tracks of the camera.
    pub(crate) spools: Arc<Mutex<Spools>>,
    /// The track whose segments go first when there is no room for this one's.
    pub(crate) gives_way: Option<Arc<Handover>>,
    /// What is still to be acknowledged, the segment that is being filmed included.
    pub(crate) outbox: Outbox,
    /// The newest segment that was begun.
    pub(crate) live: watch::Sender<Option<Live>>,
    /// What its owner asks beside the policy; one and the same for all tracks.
    pub(crate) followed: Followed,
    /// What time the relay has; one and the same for all tracks.
    pub(crate) relay_time: RelayTime,
    /// An EpochOpen or DayNotice waits, of whichever track.
    pub(crate) to_put: Arc<Notify>,
    /// Where the spool is worked on; one and the same for all tracks.
    pub(crate) disk: Blocking,
    pub(crate) stats: Stats,
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

    /// Waits until the relay has everything of every track.
    pub(crate) async fn wait_until_empty(&self) {
        for track in self.iter() {
            track.outbox.wait_until_empty().await;
        }
    }
}

/// Of a camera's tracks: the main one, and the second one, which gives way to it.
pub(crate) fn of_tracks(spools: Spools) -> (Arc<Handover>, Arc<Handover>) {
    let spools = Arc::new(Mutex::new(spools));
    let (relay_time, followed) = (RelayTime::default(), Followed::default());
    let (to_put, to_send, disk) = (Arc::default(), Arc::<Notify>::default(), Blocking::default());
    let of = |track, gives_way| {
        let mut spools_now = spools.lock();
        let spool = spools_now.of_mut(track);
        Arc::new(Handover {
            track,
            spools: spools.clone(),
            gives_way,
            outbox: Outbox::new(spool.segments.sequences(), to_send.clone()),
            live: watch::Sender::new(None),
            followed: followed.clone(),
            relay_time: relay_time.clone(),
            to_put: Arc::clone(&to_put),
            disk: disk.clone(),
            stats: spool.segments.stats().clone(),
        })
    };
    let sub = of(TrackId::SUB, None);
    (of(TrackId::MAIN, Some(sub.clone())), sub)
}

impl Handover {
    /// This track's spool, and the camera's state with it. No other track may be asked meanwhile.
    pub(crate) fn spool(&self) -> MappedMutexGuard<'_, Spool> {
        MutexGuard::map(self.spools.lock(), |spools| spools.of_mut(self.track))
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
        let sequence = live.sequence;
        self.live.send_replace(Some(live));
        self.outbox.add(sequence);
    }

    /// Says that numbers went on in another block, if they did.
    pub(crate) fn tell_of_move(&self, has_moved: bool) {
        if has_moved {
            tracing::error!(track = self.track.0, "{TWO_HISTORIES}");
            self.stats.change(|now| now.troubles.identity = Some(TWO_HISTORIES.to_owned()));
        }
    }

    /// Works on the spool on a thread that may wait for the disk. The work goes on to its end also
    /// when nobody waits for it any more: what follows from it and outlives a session is done by
    /// `work` itself, or before.
    pub(crate) async fn on_disk<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Spool) -> T + Send + 'static,
    ) -> T {
        let handover = self.clone();
        self.disk.run(move || work(&mut handover.spool())).await
    }
}
