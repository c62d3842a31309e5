//! One connection, from Welcome to its end: a loop that waits, and one task for each segment, call
//! and subscription.
//!
//! A connection may publish, watch and call at once. What it may is asked each time; what it wrote
//! wrongly on one stream is told on the control stream, and only what is no message at all ends it.

use crate::calls;
use crate::fanout::{FeedEnd, feed};
use crate::ingest;
use crate::peer::Peer;
use crate::state::Relay;
use media::id::{CameraId, TrackId};
use media::message::{Control, From, RefusalCode};
use quic::{ControlReceiver, Link, LinkError, SegmentRecv};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{AbortHandle, JoinError, JoinSet};

/// How long segments that are under way may still become durable once the relay is stopping.
const DRAIN: Duration = Duration::from_secs(3);

/// Between two receipts for what was acknowledged.
const RECEIPTS_EVERY: Duration = Duration::from_secs(10);

struct Session {
    relay: Arc<Relay>,
    peer: Arc<Peer>,
    segments: JoinSet<()>,
    others: JoinSet<()>,
    subscriptions: BTreeMap<(CameraId, TrackId), AbortHandle>,
}

/// Serves a connection until it ends or the relay stops.
pub(crate) async fn run(relay: Arc<Relay>, link: Link, mut control: ControlReceiver, number: u64) {
    let peer = Arc::new(Peer::new(link, number));
    let mut session = Session {
        relay: relay.clone(),
        peer: peer.clone(),
        segments: JoinSet::new(),
        others: JoinSet::new(),
        subscriptions: BTreeMap::new(),
    };
    let ended = session.wait(&mut control).await;
    tracing::debug!(peer = %peer.link.peer_address(), ?ended, "a session ended");
    if ended == Ended::Stopping {
        session.drain().await;
    } else if ended == Ended::Goodbye {
        session.send_receipts();
        peer.link.goodbye();
    }
    // What is left has nobody to answer any more.
    session.others.shutdown().await;
    session.segments.shutdown().await;
    if relay.on_air.publishers.leave(peer.camera_id, number) {
        relay.on_air.fanout.clear(peer.camera_id);
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Goodbye,
    Lost(LinkError),
    Stopping,
}

impl Session {
    async fn wait(&mut self, control: &mut ControlReceiver) -> Ended {
        let (relay, link) = (self.relay.clone(), self.peer.link.clone());
        let mut receipts = tokio::time::interval(RECEIPTS_EVERY);
        loop {
            tokio::select! {
                _ = receipts.tick() => self.send_receipts(),
                () = relay.shutdown.requested() => return Ended::Stopping,
                Some(done) = self.segments.join_next() => log_failure(done),
                Some(done) = self.others.join_next() => log_failure(done),
                said = control.next() => match said {
                    Ok(Some(message)) => if let Err(error) = self.hear(message).await {
                        return Ended::Lost(error);
                    },
                    Ok(None) => return Ended::Goodbye,
                    Err(error) => return Ended::Lost(error),
                },
                segment = link.accept_segment() => match segment {
                    Ok(stream) => if let Err(error) = self.receive(stream) {
                        return Ended::Lost(error);
                    },
                    Err(error) => return Ended::Lost(error),
                },
                call = link.accept_call() => match call {
                    Ok(call) => {
                        let (relay, peer) = (self.relay.clone(), self.peer.clone());
                        self.others.spawn(async move { calls::serve(&relay, &peer, call).await });
                    }
                    Err(error) => return Ended::Lost(error),
                },
            }
        }
    }

    async fn hear(&mut self, message: Control) -> Result<(), LinkError> {
        let answer = match message {
            Control::Publish { camera_id, track } => {
                ingest::begin_publishing(&self.relay, &self.peer, camera_id, track).await
            }
            Control::Subscribe { camera_id, track, from } => return self.subscribe(camera_id, track, from),
            // SPEC: session.md#messages: a message that only a relay sends MUST end the session.
            // A greeting and a goodbye have their place, which is not here.
            Control::Hello { .. }
            | Control::Welcome { .. }
            | Control::Goodbye
            | Control::PublishOk { .. }
            | Control::Ack { .. }
            | Control::Nack { .. }
            | Control::SubscribeOk { .. }
            | Control::Refuse(_)
            | Control::Changed { .. }
            | Control::Receipt(_) => {
                let refusal = RefusalCode::Malformed.because("this message is the relay's to send");
                self.peer.link.close(&refusal);
                return Err(refusal.into());
            }
        };
        let answer = answer.unwrap_or_else(|refusal| {
            tracing::info!(camera_id = %self.peer.camera_id, %refusal, "publishing was refused");
            Control::Refuse(refusal)
        });
        self.peer.link.control_send(&answer)
    }

    fn receive(&mut self, stream: SegmentRecv) -> Result<(), LinkError> {
        if self.peer.tracks.lock().is_empty() {
            stream.stop();
            let refusal = RefusalCode::NotAllowed.because("publish a track before you send a segment");
            return self.peer.link.control_send(&Control::Refuse(refusal));
        }
        let (relay, peer) = (self.relay.clone(), self.peer.clone());
        self.segments.spawn(async move { ingest::receive_segment(&relay, &peer, stream).await });
        Ok(())
    }

    fn subscribe(&mut self, camera_id: CameraId, track: TrackId, from: From) -> Result<(), LinkError> {
        let (relay, peer) = (self.relay.clone(), self.peer.clone());
        self.subscriptions.retain(|_, task| !task.is_finished());
        let quota = |text: &str| RefusalCode::Quota.because(text);
        let may = || {
            relay.access.may_watch(&peer.key, camera_id, relay.now())?;
            relay.check_track(track)?;
            let again = self.subscriptions.contains_key(&(camera_id, track));
            if !again && self.subscriptions.len() >= relay.limits.subscriptions {
                return Err(quota("too many subscriptions on one connection: open another"));
            }
            let live = relay.on_air.fanout.track(camera_id, track);
            let seat = live.seat(relay.limits.viewers_per_track);
            Ok((
                live,
                seat.ok_or_else(|| quota("this camera has as many viewers as it may: try again later"))?,
            ))
        };
        let (live, seat) = match may() {
            Ok(seated) => seated,
            Err(refusal) => return peer.link.control_send(&Control::Refuse(refusal)),
        };
        peer.link.control_send(&Control::SubscribeOk { camera_id, track })?;
        let task = self.others.spawn({
            let (relay, peer) = (relay.clone(), peer.clone());
            async move {
                let _seat = seat;
                // Asked again before each segment: a policy may change, and a guest's time may end.
                // SPEC: session.md#access: a subscription MUST be judged again at each segment.
                let may = || relay.access.may_watch(&peer.key, camera_id, relay.now());
                match feed(&live, &peer.link, from, may).await {
                    Err(FeedEnd::Denied(refusal)) => {
                        // A session that ended meanwhile needs no refusal.
                        let _ = peer.link.control_send(&Control::Refuse(refusal));
                    }
                    Err(FeedEnd::Link(error)) => tracing::debug!(%error, "a viewer left"),
                    Ok(()) => {}
                }
            }
        });
        // A second subscription to the same track begins anew.
        if let Some(before) = self.subscriptions.insert((camera_id, track), task) {
            before.abort();
        }
        Ok(())
    }

    // SPEC: session.md#receipts: every 10 s, and at goodbye.
    /// Tells the camera what it may show others. A session that ended meanwhile needs no receipt.
    fn send_receipts(&self) {
        let (relay, peer) = (&self.relay, &self.peer);
        for receipt in peer.receipts.sign(peer.camera_id, relay.now_us(), &relay.key) {
            let _ = peer.link.control_send(&Control::Receipt(receipt));
        }
    }

    /// The relay stops: what is being received may still become durable, then the peer is told to
    /// come back later.
    async fn drain(&mut self) {
        let refusal = RefusalCode::GoingAway.because("the relay is stopping: come back in a moment");
        self.send_receipts();
        // A session that ended meanwhile needs no refusal.
        let _ = self.peer.link.control_send(&Control::Refuse(refusal.clone()));
        self.others.shutdown().await;
        let durable = async {
            while let Some(done) = self.segments.join_next().await {
                log_failure(done);
            }
        };
        // What is not durable by then is sent again: it was not acknowledged.
        let _ = tokio::time::timeout(DRAIN, durable).await;
        self.peer.link.close(&refusal);
    }
}

fn log_failure(done: Result<(), JoinError>) {
    if let Err(error) = done
        && error.is_panic()
    {
        tracing::error!(%error, "a task of a session failed");
    }
}
