//! Which connection publishes each camera now. Of two with one identity the newer wins, and it is
//! never silent: the older is told, the operator's log and status page say so. One that took over
//! has its time before it is replaced itself, so that a copy cannot keep the original out.

use host::lock::Mutex;
use media::health::Health;
use media::id::CameraId;
use media::message::{Control, Refusal, RefusalCode};
use quic::Link;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// So long one that took over is not replaced.
const TENURE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct Publishers {
    connected: Mutex<BTreeMap<CameraId, Publisher>>,
}

#[derive(Debug, Default)]
struct Publisher {
    now: Option<(u64, Link)>,
    /// When a connection took over while one was open,
    taken_over: Option<Instant>,
    /// how often, since the relay started,
    replaced: u64,
    /// how many EpochOpens told of two histories,
    conflicts: u64,
    /// and what it said of itself last.
    health: Option<Told>,
}

#[derive(Debug)]
struct Told {
    signed: Vec<u8>,
    has_picture: bool,
}

/// What is told of a camera, beside its footage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub camera_id: CameraId,
    pub online: bool,
    /// How often another connection took over.
    pub replaced: u64,
    /// How many EpochOpens told of two histories.
    pub conflicts: u64,
    /// What it said of itself last, signed; nothing if it has not.
    pub health: Vec<u8>,
}

impl Publishers {
    /// `connection` publishes from now on; whoever did before is told and disconnected. Refused while
    /// the one that publishes took over just now.
    // SPEC: session.md#publishing: the newer of two connections with one identity MUST win, and the
    // older be refused with `replaced`.
    pub(crate) fn enter(&self, camera_id: CameraId, connection: u64, link: &Link) -> Result<(), Refusal> {
        let older = {
            let mut connected = self.connected.lock();
            let publisher = connected.entry(camera_id).or_default();
            if let Some((held, _)) = &publisher.now {
                if *held == connection {
                    return Ok(());
                }
                if publisher.taken_over.is_some_and(|at| at.elapsed() < TENURE) {
                    let text = "another connection with your key took over just now: come back in a moment";
                    return Err(RefusalCode::Quota.because(text));
                }
                publisher.replaced += 1;
            }
            publisher.taken_over = publisher.now.is_some().then(Instant::now);
            publisher.now.replace((connection, link.clone()))
        };
        let Some((_, older)) = older else { return Ok(()) };
        let here = link.peer_address();
        let there = older.peer_address();
        tracing::warn!(%camera_id, newer = %here, older = %there, "two connections with one camera's key: the newer goes on; if this repeats, the key was copied");
        older.close(&RefusalCode::Replaced.because(
            "another connection with your key took over; if you did not open it, your key was copied",
        ));
        Ok(())
    }

    /// An EpochOpen told of two histories.
    pub(crate) fn note_conflict(&self, camera_id: CameraId) {
        self.connected.lock().entry(camera_id).or_default().conflicts += 1;
    }

    /// `connection` has ended. `true` when it was the one that published.
    pub(crate) fn leave(&self, camera_id: CameraId, connection: u64) -> bool {
        let mut connected = self.connected.lock();
        let publisher = connected.get_mut(&camera_id);
        publisher.and_then(|it| it.now.take_if(|(held, _)| *held == connection)).is_some()
    }

    /// The connection that publishes the camera.
    pub(crate) fn link(&self, camera_id: CameraId) -> Option<Link> {
        let connected = self.connected.lock();
        connected.get(&camera_id).and_then(|publisher| publisher.now.as_ref()).map(|(_, link)| link.clone())
    }

    /// A camera that is connected asks again; another does so when it comes back.
    pub(crate) fn tell_changed(&self, camera_id: CameraId) {
        if let Some(Err(error)) =
            self.link(camera_id).map(|link| link.control_send(&Control::Changed { camera_id }))
        {
            tracing::debug!(%camera_id, %error, "the camera asks again when it comes back");
        }
    }

    /// The same of every camera that is connected.
    pub(crate) fn tell_all_changed(&self) {
        let cameras: Vec<_> = self.connected.lock().keys().copied().collect();
        cameras.into_iter().for_each(|camera_id| self.tell_changed(camera_id));
    }

    /// What a camera says of itself, which it signed: it takes the place of what it said before.
    // SPEC: session.md#health: only the connection that publishes the camera MUST be heard.
    pub(crate) fn hear(&self, connection: u64, health: &Health, signed: Vec<u8>) -> Result<(), Refusal> {
        let mut connected = self.connected.lock();
        let publisher = connected.get_mut(&health.camera_id);
        let publishes = |it: &&mut Publisher| it.now.as_ref().is_some_and(|(held, _)| *held == connection);
        let publisher = publisher
            .filter(publishes)
            .ok_or_else(|| RefusalCode::NotAllowed.because("publish a track before you say how you are"))?;
        let has_picture = health.no_picture_since_us.is_none();
        let before = publisher.health.replace(Told { signed, has_picture });
        if before.is_none_or(|before| before.has_picture) != has_picture {
            tracing::debug!(camera_id = %health.camera_id, has_picture, "a camera's picture went or came, as it says");
        }
        Ok(())
    }

    /// What is told of this camera.
    pub(crate) fn seen(&self, camera_id: CameraId) -> Seen {
        let connected = self.connected.lock();
        connected
            .get(&camera_id)
            .map_or_else(|| Publisher::default().seen(camera_id), |it| it.seen(camera_id))
    }

    /// The same of every camera that was here.
    pub(crate) fn all(&self) -> Vec<Seen> {
        self.connected.lock().iter().map(|(id, publisher)| publisher.seen(*id)).collect()
    }
}

impl Publisher {
    fn seen(&self, camera_id: CameraId) -> Seen {
        Seen {
            camera_id,
            online: self.now.is_some(),
            replaced: self.replaced,
            conflicts: self.conflicts,
            health: self.health.as_ref().map_or_else(Vec::new, |told| told.signed.clone()),
        }
    }
}
