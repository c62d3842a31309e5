//! What all tasks of a started relay share.

use crate::access::Access;
use crate::config::{Config, Limits};
use crate::fanout::Fanout;
use crate::load::Load;
use crate::mailbox::Mailboxes;
use crate::publishers::Publishers;
use crate::sponsor::Sponsor;
use ed25519_dalek::SigningKey;
use host::machine::Machine;
use host::shutdown::Shutdown;
use media::id::{CameraId, TrackId};
use media::message::{Refusal, RefusalCode};
use media::sign::PublicKey;
use media::time::{Micros, Seconds};
use quic::Key;
use store::Store;

#[derive(Debug)]
pub(crate) struct Relay {
    pub limits: Limits,
    pub access: Access,
    pub store: Store,
    pub on_air: OnAir,
    pub for_owners: ForOwners,
    pub load: Load,
    /// Signs receipts; it is the key of the relay's sessions.
    pub key: SigningKey,
    pub machine: Machine,
    pub shutdown: Shutdown,
}

/// The cameras that are connected, and what they send.
#[derive(Debug, Default)]
pub(crate) struct OnAir {
    pub fanout: Fanout,
    pub publishers: Publishers,
}

/// What the relay does for owners beside their footage.
#[derive(Debug)]
pub(crate) struct ForOwners {
    pub mailboxes: Mailboxes,
    pub sponsor: Sponsor,
}

impl Relay {
    pub(crate) fn new(
        config: &Config,
        store: Store,
        sponsor: Sponsor,
        key: SigningKey,
        machine: Machine,
        shutdown: Shutdown,
    ) -> Self {
        Self {
            limits: config.limits.clone(),
            access: Access::new(&config.owners, &config.sponsors),
            store,
            on_air: OnAir::default(),
            for_owners: ForOwners { mailboxes: Mailboxes::default(), sponsor },
            load: Load::new(&config.limits),
            key,
            machine,
            shutdown,
        }
    }

    /// By which rights end.
    pub(crate) fn now(&self) -> Seconds {
        self.now_us().seconds()
    }

    /// When something is received.
    pub(crate) fn now_us(&self) -> Micros {
        Micros(self.machine.clock.micros())
    }

    /// Takes one of the writes that an enrolled camera has a minute.
    pub(crate) fn take_write(&self, camera_id: CameraId) -> Result<(), Refusal> {
        let most = self.limits.writes_per_minute;
        if self.load.writes.take(camera_id.0, most) {
            return Ok(());
        }
        Err(RefusalCode::Quota.because(format!("{most} writes a minute are allowed: go on in a moment")))
    }

    /// Takes one of the answers with EpochOpens or a label that a sponsor has: who asks for one
    /// request after the other is told to wait, and stands in the operator's log.
    // SPEC: session.md#drafts: answers with EpochOpens or a label to sponsors MUST be counted and
    // bounded.
    pub(crate) fn take_opens(&self, key: &PublicKey, camera_id: CameraId) -> Result<(), Refusal> {
        if !self.access.is_sponsor(key) {
            return Ok(());
        }
        let Limits { opens_per_minute, opens_at_once, .. } = self.limits;
        let may = self.load.opens.take_of(*key, opens_per_minute, opens_at_once);
        tracing::info!(sponsor = %Key(*key), %camera_id, may, "a sponsor asks about a camera");
        if may {
            return Ok(());
        }
        let text =
            format!("a sponsor is given EpochOpens and labels {opens_per_minute} times a minute: wait");
        Err(RefusalCode::Quota.because(text))
    }

    /// Whether a camera may have this track.
    pub(crate) fn check_track(&self, track: TrackId) -> Result<(), Refusal> {
        let most = self.limits.tracks_per_camera;
        if track.0 < most {
            return Ok(());
        }
        Err(RefusalCode::Quota.because(format!("a camera has at most {most} tracks here, numbered from 0")))
    }
}
