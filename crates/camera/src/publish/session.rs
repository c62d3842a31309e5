//! A session that stands, and what the relay says in it.

use super::{LEAVE, SessionError, Share};
use crate::clock::Clocks;
use crate::spool::{Spool, SpoolError};
use crate::state::Handover;
use ed25519_dalek::SigningKey;
use host::clock::Clock;
use host::rng::Rng;
use media::block::Block;
use media::id::{CameraId, Day, EpochNo, Sequence, TrackId};
use media::message::{Control, Judges, Refusal, RefusalCode};
use media::receipt::SignedReceipt;
use media::sign::PublicKey;
use media::time::Micros;
use quic::{ControlReceiver, Link};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

/// What the relay could not store goes again after this long: its disk, its quota or its log may
/// have recovered.
const LATER: Duration = Duration::from_secs(2);

pub(super) struct Session {
    pub(super) link: Link,
    pub(super) camera: SigningKey,
    pub(super) camera_id: CameraId,
    pub(super) main: Track,
    /// If there is one, and the relay takes it.
    pub(super) sub: Option<Track>,
    pub(super) backfill: Share,
    pub(super) clock: Clock,
    pub(super) rng: Rng,
    /// The relay has, or may have, a newer policy, or other keys of a trustee.
    pub(super) changed: Notify,
}

/// One track within a session.
pub(super) struct Track {
    pub(super) handover: Arc<Handover>,
    /// The first epoch whose EpochOpen the relay is not known to have.
    pub(super) confirmed: watch::Sender<EpochNo>,
    /// The first live segment.
    pub(super) live_from: Sequence,
}

/// What a relay says to a camera.
enum Said {
    /// With the EpochOpen of the highest number that it has.
    Leave(TrackId, Vec<u8>),
    Stored(TrackId, Sequence),
    NotStored(TrackId, Sequence, Refusal),
    Changed,
    Receipt(SignedReceipt),
}

/// Passes over what is not for a camera. Cancel-safe.
async fn hear(control: &mut ControlReceiver) -> Result<Said, SessionError> {
    loop {
        return match control.next().await?.ok_or(SessionError::Closed)? {
            Control::PublishOk { track, newest, .. } => Ok(Said::Leave(track, newest)),
            Control::Ack { track, sequence } => Ok(Said::Stored(track, sequence)),
            Control::Nack { track, sequence, refusal } => Ok(Said::NotStored(track, sequence, refusal)),
            Control::Changed { .. } => Ok(Said::Changed),
            Control::Receipt(receipt) => Ok(Said::Receipt(receipt)),
            Control::Refuse(refusal) => Err(refusal.into()),
            Control::Hello { .. }
            | Control::Welcome { .. }
            | Control::Publish { .. }
            | Control::Subscribe { .. }
            | Control::SubscribeOk { .. }
            | Control::Goodbye => continue,
        };
    }
}

impl Session {
    /// By the relay's clock.
    pub(super) fn now(&self) -> Micros {
        let steady_us = Clocks::new(self.clock.clone()).steady_us();
        self.main.handover.relay_time.at(steady_us).unwrap_or(Micros(self.clock.micros()))
    }

    pub(super) fn today(&self) -> Day {
        self.now().day()
    }

    /// Does what the relay says until the session ends.
    pub(super) async fn follow(&self, control: &mut ControlReceiver) -> Result<Infallible, SessionError> {
        // A word about a track that is not published is about nothing.
        let track = |of| {
            [Some(&self.main), self.sub.as_ref()].into_iter().flatten().find(|it| it.handover.track == of)
        };
        loop {
            match hear(control).await? {
                Said::Stored(of, sequence) => {
                    if let Some(track) = track(of) {
                        track.handle_ack(sequence).await?;
                    }
                }
                Said::NotStored(of, sequence, refusal) => {
                    if let Some(track) = track(of) {
                        track.handle_nack(sequence, &refusal).await?;
                    }
                }
                Said::Changed => self.changed.notify_one(),
                Said::Receipt(receipt) => self.keep_receipt(receipt).await?,
                Said::Leave(..) => {}
            }
        }
    }
}

impl Session {
    /// One that would accuse nobody is none: it is kept only if this relay signed it, for this camera.
    async fn keep_receipt(&self, receipt: SignedReceipt) -> Result<(), SessionError> {
        let Ok(content) = receipt.verify() else { return Ok(()) };
        let tracks = [Some(&self.main), self.sub.as_ref()];
        let track = tracks.into_iter().flatten().find(|track| track.handover.track == content.track);
        let is_own = (content.relay_key, content.camera_id) == (self.link.peer_key(), self.camera_id);
        if let Some(track) = track.filter(|_| is_own) {
            track.handover.on_disk(move |spool| spool.keep_receipt(&receipt)).await?;
        }
        Ok(())
    }
}

impl Track {
    pub(super) async fn begin(
        link: &Link,
        control: &mut ControlReceiver,
        camera_key: PublicKey,
        handover: &Arc<Handover>,
    ) -> Result<Self, SessionError> {
        let (track, camera_id) = (handover.track, CameraId::of_key(&camera_key));
        link.control_send(&Control::Publish { camera_id, track })?;
        let newest = timeout(LEAVE, leave(control, track)).await.map_err(|_| SessionError::NoLeave)??;
        let numbers = move |spool: &mut Spool| {
            let gave_way = spool.give_way(&newest, &camera_key)?;
            Ok::<_, SpoolError>((gave_way, spool.next_sequence()?, spool.confirmed_opens()?))
        };
        let (gave_way, next, confirmed) = handover.on_disk(numbers).await?;
        handover.tell_of_move(gave_way);
        // The segment that is being filmed is the first live one; without one, the next.
        let live_from = handover.live.borrow().as_ref().map_or(next, |live| live.sequence.min(next));
        handover.outbox.connect(live_from);
        handover.stats.change(|now| now.troubles.link = None);
        Ok(Self { handover: handover.clone(), confirmed: watch::Sender::new(confirmed), live_from })
    }

    /// Counted before the disk is waited for: a session that is cut off meanwhile takes nothing of
    /// it with it.
    pub(super) async fn handle_ack(&self, sequence: Sequence) -> Result<(), SessionError> {
        if self.handover.outbox.acknowledge(sequence) {
            self.handover.stats.change(|now| now.acked += 1);
            self.handover.stats.change(|now| now.troubles.link = None);
            self.handover.on_disk(move |spool| spool.segments.forget(sequence)).await?;
        }
        Ok(())
    }

    pub(super) async fn handle_nack(
        &self,
        sequence: Sequence,
        refusal: &Refusal,
    ) -> Result<(), SessionError> {
        tracing::warn!(track = self.handover.track.0, sequence = sequence.0, %refusal, "a segment was not stored");
        self.handover.stats.change(|now| now.troubles.link = Some(refusal.to_string()));
        match refusal.code.judges() {
            // The relay lacks the segment's EpochOpen, whatever it said before.
            Judges::Absence => {
                let known = move |spool: &mut Spool| match spool.segments.epoch_of(sequence) {
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
            Judges::Nothing | Judges::Sender => self.requeue_later(sequence),
            // SPEC: session.md#refusals: the camera MUST keep it beside its spool.
            Judges::Object => {
                // What stands at the relay leaves it no place, nor any that follows.
                let is_about_place =
                    matches!(refusal.code, RefusalCode::SequenceTaken | RefusalCode::OutOfOrder);
                let handover = self.handover.clone();
                let put_aside = move |spool: &mut Spool| {
                    let Some(epoch) = spool.segments.epoch_of(sequence) else {
                        return Ok::<_, SpoolError>(false);
                    };
                    let is_current = Block::of_epoch(epoch) == Block::of_epoch(spool.next_epoch()?);
                    if is_about_place && is_current && !spool.is_disputed(epoch)? {
                        handover.tell_of_move(spool.move_on(Instant::now())?);
                    }
                    let why = spool.why_let_go(epoch)?;
                    spool.set_aside(sequence, why)?;
                    handover.outbox.remove(sequence);
                    Ok(true)
                };
                // One that is being filmed goes once more when it is whole.
                if !self.handover.on_disk(put_aside).await? {
                    self.requeue_later(sequence);
                }
            }
        }
        Ok(())
    }

    /// Another history has the number of this epoch: what was filmed in it is put aside. If it is being
    /// filmed, the session ends, for the next one hears where the other history stands.
    pub(super) async fn handle_taken(&self, epoch: EpochNo, refusal: &Refusal) -> Result<(), SessionError> {
        tracing::warn!(track = self.handover.track.0, epoch = epoch.0, %refusal, "an epoch is disputed");
        let handover = self.handover.clone();
        let dispute = move |spool: &mut Spool| {
            let is_newest = Some(spool.next_epoch()?) == epoch.next();
            if is_newest {
                handover.tell_of_move(spool.move_on(Instant::now())?);
            }
            Ok::<_, SpoolError>((spool.dispute(epoch)?, is_newest))
        };
        let (disputed, is_newest) = self.handover.on_disk(dispute).await?;
        for sequence in &disputed {
            self.handover.outbox.remove(*sequence);
        }
        self.handover.stats.change(|now| now.troubles.link = Some(refusal.to_string()));
        if is_newest { Err(SessionError::Contested(epoch)) } else { Ok(()) }
    }

    /// Sends a segment again, not at once. When the session ends meanwhile, it waits already.
    pub(super) fn requeue_later(&self, sequence: Sequence) {
        let (handover, mut session) = (self.handover.clone(), self.confirmed.subscribe());
        tokio::spawn(async move {
            tokio::select! {
                () = sleep(LATER) => handover.outbox.requeue(sequence),
                () = async { while session.changed().await.is_ok() {} } => {}
            }
        });
    }
}

/// Waits until the relay lets this track be published; its newest EpochOpen of it.
async fn leave(control: &mut ControlReceiver, of: TrackId) -> Result<Vec<u8>, SessionError> {
    loop {
        match hear(control).await? {
            Said::Leave(track, newest) if track == of => return Ok(newest),
            // Of another track nothing is under way yet, and the policy is asked for at the
            // beginning.
            Said::Leave(..) | Said::Stored(..) | Said::NotStored(..) | Said::Changed | Said::Receipt(_) => {}
        }
    }
}
