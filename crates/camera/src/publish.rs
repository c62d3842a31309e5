//! Publishing: sessions with the relay, one after the other. Contract:
//! `proto/session.md#publishing`.
//!
//! | part | job |
//! |---|---|
//! | [`session`] | one that stands: acknowledgements, refusals by name, news of a policy |
//! | [`chores`] | policy, DayNotices, EpochOpens, trustees' day keys: asked and put one after the other |
//! | [`sending`] | segments: live ones as they grow, the backlog behind them |
//! | [`backfill`] | the backlog's share of the uplink |
//! | [`health`] | what the camera says of itself |
//!
//! All tracks go over one session, each with its own numbers, EpochOpens and acknowledgements: of
//! two connections with one identity the relay lets the newer win. The main track comes first
//! everywhere, and a relay that takes no second one keeps it from nothing.
//!
//! `session`, `chores`, `sending` and `health` run side by side, so that none waits for another's disk or uplink; the
//! first that fails ends the session, and what was not acknowledged is sent again in the next one.

mod backfill;
mod chores;
mod health;
mod sending;
mod session;

pub use backfill::Share;

use crate::clock::Clocks;
use crate::spool::SpoolError;
use crate::state::{Handover, Tracks};
use ed25519_dalek::SigningKey;
use health::{Look, Now};
use host::machine::Machine;
use host::shutdown::Shutdown;
use media::epoch::GapReason;
use media::id::{CameraId, EpochNo};
use media::message::{Refusal, RefusalCode};
use media::time::Micros;
use quic::{CallError, ControlReceiver, LinkError};
use relay_client::Relay;
use session::{Session, Track};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// From a standing session to the relay's leave to publish.
const LEAVE: Duration = Duration::from_secs(20);

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the relay did not say within {} s whether it lets this camera publish", LEAVE.as_secs())]
    NoLeave,
    #[error("another camera with this one's key has taken epoch {0}")]
    Contested(EpochNo),
    #[error("its owner has retired this camera: nothing more is taken of it")]
    Retired,
    #[error("the relay closed the session")]
    Closed,
}

impl SessionError {
    fn is_about_identity(&self) -> bool {
        match self {
            Self::Contested(_) | Self::Retired => true,
            Self::Refused(refusal)
            | Self::Link(LinkError::Refused(refusal))
            | Self::Call(CallError::Refused(refusal) | CallError::Link(LinkError::Refused(refusal))) => {
                refusal.code == RefusalCode::Replaced
            }
            Self::Link(_) | Self::Call(_) | Self::Spool(_) | Self::NoLeave | Self::Closed => false,
        }
    }
}

/// What is published, and to whom.
pub(crate) struct Publisher {
    pub(crate) relay: Relay,
    pub(crate) camera: SigningKey,
    pub(crate) tracks: Tracks,
    /// Of which the camera says how they are.
    pub(crate) filmed: Vec<Arc<Handover>>,
    /// Why nothing is to be filmed now.
    pub(crate) off: watch::Receiver<Option<GapReason>>,
    pub(crate) backfill: Share,
    pub(crate) machine: Machine,
}

impl Publisher {
    /// Publishes until `stop`.
    pub(crate) async fn run(self, stop: &Shutdown) {
        tokio::select! {
            never = self.publish() => match never {},
            () = stop.requested() => {}
        }
        // What was acknowledged is forgotten already, the rest stays in the spool.
        self.relay.leave().await;
    }

    async fn publish(&self) -> Infallible {
        let clocks = Clocks::new(self.machine.clock.clone());
        let mut look = Look::begin(&self.filmed, clocks.steady_us());
        let now = |look: &mut Look| look.now(*self.off.borrow(), clocks.steady_us());
        let (tell, told) = watch::channel(now(&mut look));
        // Also while there is no session: since when something is wrong is known then.
        let looking = async {
            loop {
                tokio::time::sleep(health::LOOK).await;
                let now = now(&mut look);
                tell.send_if_modified(|before| {
                    let is_news = !now.is_like(before);
                    *before = now;
                    is_news
                });
            }
        };
        tokio::select! {
            never = self.sessions(told) => never,
            never = looking => never,
        }
    }

    async fn sessions(&self, told: watch::Receiver<Now>) -> Infallible {
        let mut sessions = relay_client::Session::new(&self.relay, self.machine.rng.clone());
        loop {
            let error = match self.begin(&mut sessions).await {
                Ok((session, mut control)) => {
                    let Err(error) = tokio::select! {
                        ended = session.follow(&mut control) => ended,
                        ended = chores::run(&session) => ended,
                        ended = sending::run(&session) => ended,
                        ended = health::run(&session, told.clone()) => ended,
                    };
                    // Two that take each other's place come back ever later.
                    if !error.is_about_identity() {
                        sessions.worked();
                    }
                    error
                }
                Err(error) => error,
            };
            let is_retired = matches!(error, SessionError::Retired);
            let film = if is_retired { "nothing is filmed" } else { "filming goes on" };
            tracing::warn!(%error, "no session with the relay; {film}");
            for handover in self.tracks.iter() {
                handover.stats.change(|now| {
                    now.troubles.link = Some(error.to_string());
                    now.is_retired |= is_retired;
                });
            }
            sessions.failed();
        }
    }

    /// A session with the relay's leave to publish.
    async fn begin(
        &self,
        sessions: &mut relay_client::Session,
    ) -> Result<(Session, ControlReceiver), SessionError> {
        let camera_key = self.camera.verifying_key().to_bytes();
        let camera_id = CameraId::of_key(&camera_key);
        let (link, mut control) = sessions.open().await?;
        let steady_us = Clocks::new(self.machine.clock.clone()).steady_us();
        let relay_time = &self.tracks.main.relay_time;
        relay_time.hear(link.welcome_now_us(), steady_us);
        let now_us = relay_time.at(steady_us).unwrap_or(Micros(self.machine.clock.micros()));
        // Before anything is published, which a retired camera may not; and before the notices: a policy
        // made while this camera was away is labelled for a day whose notice still waits.
        chores::follow_policy(&link, &self.tracks.main, camera_id, now_us.day()).await?;
        let main = Track::begin(&link, &mut control, camera_key, &self.tracks.main).await?;
        let sub = match &self.tracks.sub {
            None => None,
            Some(handover) => match Track::begin(&link, &mut control, camera_key, handover).await {
                Ok(sub) => Some(sub),
                // A relay that takes fewer tracks than there are.
                Err(SessionError::Refused(refusal)) if refusal.code == RefusalCode::Quota => {
                    tracing::warn!(%refusal, "the relay takes no second track; it waits in the spool");
                    handover.stats.change(|now| now.troubles.link = Some(refusal.to_string()));
                    None
                }
                Err(error) => return Err(error),
            },
        };
        let session = Session {
            link,
            camera: self.camera.clone(),
            camera_id,
            main,
            sub,
            backfill: self.backfill,
            clock: self.machine.clock.clone(),
            rng: self.machine.rng.clone(),
            changed: Notify::new(),
        };
        Ok((session, control))
    }
}

#[cfg(test)]
mod tests;
