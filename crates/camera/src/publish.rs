//! Publishing: sessions with the relay, one after the other. Contract:
//! `proto/session.md#publishing`.
//!
//! | part | job |
//! |---|---|
//! | [`hear`](Session::hear) | acknowledgements, refusals by name, news of a policy |
//! | [`chores`] | policy, DayNotices, EpochOpens, trustees' day keys: asked and put one after the other |
//! | [`sending`] | segments: live ones as they grow, the backlog behind them |
//! | [`backfill`] | the backlog's share of the uplink |
//!
//! All tracks go over one session, each with its own numbers, EpochOpens and acknowledgements: of
//! two connections with one identity the relay lets the newer win. The main track comes first
//! everywhere, and a relay that takes no second one keeps it from nothing.
//!
//! The three run side by side, so that none waits for another's disk or uplink; the first that
//! fails ends the session, and what was not acknowledged is sent again in the next one.

mod backfill;
mod chores;
mod sending;

pub use backfill::Share;

use crate::spool::{Pairing, Spool, SpoolError};
use crate::state::{Handover, Tracks};
use host::backoff::Backoff;
use host::clock::Clock;
use host::machine::Machine;
use host::shutdown::Shutdown;
use media::id::{CameraId, EpochNo, Sequence, TrackId};
use media::message::{Control, Judges, Refusal, RefusalCode};
use media::sign::PublicKey;
use quic::{CallError, ControlReceiver, Endpoint, Link, LinkError};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// Between two tries to reach a relay that is away: the first pause and the longest.
const AWAY: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(15)];
/// From a standing session to the relay's leave to publish.
const LEAVE: Duration = Duration::from_secs(20);
/// A closing session may take so long to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

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
    #[error("the relay answered {0} with something else; it is broken or speaks another version")]
    Unexpected(&'static str),
    #[error("the relay did not say within {} s whether it lets this camera publish", LEAVE.as_secs())]
    NoLeave,
    #[error("the relay closed the session")]
    Closed,
}

/// What is published, and to whom.
pub(crate) struct Publisher {
    pub(crate) endpoint: Endpoint,
    pub(crate) pairing: Pairing,
    pub(crate) camera_key: PublicKey,
    pub(crate) tracks: Tracks,
    pub(crate) backfill: Share,
    pub(crate) machine: Machine,
}

/// How a session ended, and whether it stood before.
struct Ended {
    stood: bool,
    error: SessionError,
}

impl Publisher {
    /// Publishes until `stop`.
    pub(crate) async fn run(mut self, stop: &Shutdown) {
        let [first, longest] = AWAY;
        let mut away = Backoff::new(first, longest);
        loop {
            let Ended { stood, error } = tokio::select! {
                ended = self.publish() => ended,
                () = stop.requested() => {
                    // Goodbye: what was acknowledged is forgotten already, the rest stays in the
                    // spool.
                    self.endpoint.close();
                    let _ = timeout(GOODBYE, self.endpoint.wait_idle()).await;
                    return;
                }
            };
            tracing::warn!(%error, "no session with the relay; filming goes on");
            for handover in self.tracks.iter() {
                handover.stats.set_link(Some(error.to_string()));
            }
            if stood {
                away.worked();
            }
            tokio::select! {
                () = tokio::time::sleep(away.failed(&mut self.machine.rng)) => {}
                () = stop.requested() => return,
            }
        }
    }

    /// One session, until it breaks off.
    async fn publish(&self) -> Ended {
        let (session, mut control) = match self.connect().await {
            Ok(connected) => connected,
            Err(error) => return Ended { stood: false, error },
        };
        let ended = tokio::select! {
            ended = session.hear(&mut control) => ended,
            ended = chores::run(&session) => ended,
            ended = sending::run(&session) => ended,
        };
        let Err(error) = ended;
        Ended { stood: true, error }
    }

    /// A session with the relay's leave to publish.
    async fn connect(&self) -> Result<(Session, ControlReceiver), SessionError> {
        let camera_id = CameraId::of_key(&self.camera_key);
        let (link, mut control) = self.endpoint.connect(&self.pairing.relay, &self.pairing.relay_key).await?;
        let main = Track::begin(&link, &mut control, camera_id, &self.tracks.main).await?;
        let sub = match &self.tracks.sub {
            None => None,
            Some(handover) => match Track::begin(&link, &mut control, camera_id, handover).await {
                Ok(sub) => Some(sub),
                // A relay that takes fewer tracks than there are.
                Err(SessionError::Refused(refusal)) if refusal.code == RefusalCode::Quota => {
                    tracing::warn!(%refusal, "the relay takes no second track; it waits in the spool");
                    handover.stats.set_link(Some(refusal.to_string()));
                    None
                }
                Err(error) => return Err(error),
            },
        };
        let session = Session {
            link,
            camera_key: self.camera_key,
            camera_id,
            main,
            sub,
            backfill: self.backfill,
            clock: self.machine.clock.clone(),
            policy_changed: Notify::new(),
        };
        Ok((session, control))
    }
}

/// One session that stands.
struct Session {
    link: Link,
    camera_key: PublicKey,
    camera_id: CameraId,
    main: Track,
    /// If there is one, and the relay takes it.
    sub: Option<Track>,
    backfill: Share,
    clock: Clock,
    /// The relay has, or may have, a newer policy.
    policy_changed: Notify,
}

/// One track within a session.
struct Track {
    handover: Arc<Handover>,
    /// The first epoch whose EpochOpen the relay is not known to have.
    confirmed: watch::Sender<EpochNo>,
    /// The first live segment.
    live_from: Sequence,
}

impl Track {
    async fn begin(
        link: &Link,
        control: &mut ControlReceiver,
        camera_id: CameraId,
        handover: &Arc<Handover>,
    ) -> Result<Self, SessionError> {
        let track = handover.track;
        link.control_send(&Control::Publish { camera_id, track })?;
        timeout(LEAVE, leave(control, track)).await.map_err(|_| SessionError::NoLeave)??;
        let (next, confirmed) = handover
            .on_disk(|spool| Ok::<_, SpoolError>((spool.next_sequence()?, spool.confirmed_opens()?)))
            .await?;
        // The segment that is being filmed is the first live one; without one, the next.
        let live_from = handover.live.borrow().as_ref().map_or(next, |live| live.sequence.min(next));
        handover.outbox.connect(live_from);
        handover.stats.set_link(None);
        Ok(Self { handover: handover.clone(), confirmed: watch::Sender::new(confirmed), live_from })
    }
}

async fn leave(control: &mut ControlReceiver, of: TrackId) -> Result<(), SessionError> {
    loop {
        match control.next().await? {
            Some(Control::PublishOk { track, .. }) if track == of => return Ok(()),
            Some(Control::Refuse(refusal)) => return Err(refusal.into()),
            Some(_) => {}
            None => return Err(SessionError::Closed),
        }
    }
}

impl Session {
    /// The main one first.
    fn tracks(&self) -> impl Iterator<Item = &Track> {
        std::iter::once(&self.main).chain(&self.sub)
    }

    /// `None`: a word about a track that is not published is about nothing.
    fn track(&self, of: TrackId) -> Option<&Track> {
        self.tracks().find(|track| track.handover.track == of)
    }

    async fn hear(&self, control: &mut ControlReceiver) -> Result<Infallible, SessionError> {
        loop {
            match control.next().await? {
                Some(Control::Ack { track, sequence }) => {
                    if let Some(track) = self.track(track) {
                        track.acknowledged(sequence).await?;
                    }
                }
                Some(Control::Nack { track, sequence, refusal }) => {
                    if let Some(track) = self.track(track) {
                        track.refused(sequence, &refusal).await?;
                    }
                }
                Some(Control::PolicyChanged { .. }) => self.policy_changed.notify_one(),
                Some(Control::Refuse(refusal)) => return Err(refusal.into()),
                Some(_) => {}
                None => return Err(SessionError::Closed),
            }
        }
    }
}

impl Track {
    /// Counted before the disk is waited for: a session that is cut off meanwhile takes nothing of
    /// it with it.
    async fn acknowledged(&self, sequence: Sequence) -> Result<(), SessionError> {
        if self.handover.outbox.acknowledge(sequence) {
            self.handover.stats.count_acked();
            self.handover.stats.set_link(None);
            self.handover.on_disk(move |spool| spool.forget_segment(sequence)).await?;
        }
        Ok(())
    }

    async fn refused(&self, sequence: Sequence, refusal: &Refusal) -> Result<(), SessionError> {
        tracing::warn!(track = self.handover.track.0, sequence = sequence.0, %refusal, "a segment was not stored");
        self.handover.stats.set_link(Some(refusal.to_string()));
        match refusal.code.judges() {
            // The relay lacks the segment's EpochOpen, whatever it said before.
            Judges::Absence => {
                let known = move |spool: &mut Spool| match spool.epoch_of(sequence) {
                    Some(epoch) => spool.doubt_open(epoch).map(|()| Some(epoch)),
                    None => Ok(None),
                };
                if let Some(epoch) = self.handover.on_disk(known).await? {
                    self.confirmed.send_if_modified(|confirmed| {
                        let doubted = *confirmed > epoch;
                        *confirmed = epoch.min(*confirmed);
                        doubted
                    });
                    self.handover.to_put.notify_one();
                }
                self.handover.outbox.requeue(sequence);
            }
            Judges::Nothing | Judges::Sender => sending::again_later(&self.handover, sequence),
            // SPEC: session.md#refusals: the camera MUST keep it beside its spool.
            Judges::Object => {
                self.handover.outbox.remove(sequence);
                self.handover.stats.count_refused();
                self.handover.on_disk(move |spool| spool.set_aside(sequence)).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
