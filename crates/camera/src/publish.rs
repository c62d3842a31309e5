//! The session with the relay: EpochOpens and DayNotices first, live segments as they are made, the backlog behind them, and nothing forgotten
//! before the relay says it is durable. Contract: `proto/session.md#publishing`.

use crate::film::Event;
use crate::policy;
use crate::spool::{Pairing, Spool, SpoolError};
use crate::{Stats, lock};
use escrow::daykeys::DayKey;
use host::http::Retry;
use host::rng::OsRng;
use host::shutdown::Shutdown;
use media::id::{CameraId, Day, EpochNo, Sequence, TrackId};
use media::message::{Control, Refusal, RefusalCode, Request, Response};
use media::policy::SignedOwnerPolicy;
use media::session::Outbox;
use quic::{CallError, ControlReceiver, Endpoint, Identity, Link, LinkError, SegmentSend};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tlog::note::Verifier;
use tokio::sync::mpsc;
use tokio::time::Instant;

const RELAY_AWAY: Retry = Retry {
    tries: u32::MAX,
    first_pause: Duration::from_millis(500),
    longest_pause: Duration::from_secs(15),
};
/// Live segments go before the backlog.
const LIVE: i32 = 10;
const BACKLOG: i32 = 0;
/// Segments of the backlog under way at once: the uplink is for live pictures.
const BACKLOG_AT_ONCE: usize = 2;
/// How often the trustees' keys of the next days are looked for, and what is missing of today's.
const DAY_KEYS_EVERY: Duration = Duration::from_secs(600);
const DAY_KEYS_MISSING: Duration = Duration::from_secs(2);
/// Days ahead for which keys are kept: so long the camera films without the relay.
const DAYS_AHEAD: u32 = 2;
/// After the relay could not store a segment, it is sent again no sooner.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// At the end, so long is waited for what is under way.
const DRAIN: Duration = Duration::from_secs(5);

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum SessionError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the relay answered {0} with something else")]
    Unexpected(&'static str),
    #[error("the relay closed the session")]
    Closed,
}

pub(crate) struct Publisher {
    pub(crate) identity: Identity,
    pub(crate) camera_id: CameraId,
    pub(crate) pairing: Pairing,
    pub(crate) spool: Arc<Mutex<Spool>>,
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) stats: Stats,
}

/// What a session keeps in mind.
struct Session {
    link: Link,
    outbox: Outbox,
    /// The segment that is being streamed as it is made.
    live: Option<(Sequence, SegmentSend)>,
    /// Streamed whole: in the outbox, and not to be sent again.
    streamed: BTreeSet<Sequence>,
    backlog: BTreeSet<Sequence>,
    not_before: Option<Instant>,
    day_keys_at: Instant,
}

impl Publisher {
    /// Publishes until `stop`; then drains what is under way.
    pub(crate) async fn run(mut self, stop: Shutdown) {
        let mut tries = 1;
        loop {
            let ended = tokio::select! {
                ended = self.session(&stop) => ended,
                () = stopped_for(&stop, DRAIN) => return,
            };
            match ended {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, "no session with the relay");
                    self.stats.set_link(Some(error.to_string()));
                }
            }
            tries = if self.stats.take_connected() { 2 } else { tries + 1 };
            let pause = RELAY_AWAY.pause_before(tries, &mut OsRng).unwrap_or(RELAY_AWAY.longest_pause);
            let wake = Instant::now() + pause;
            // While the relay is away, the film goes on: what it tells is in the spool.
            loop {
                tokio::select! {
                    () = tokio::time::sleep_until(wake) => break,
                    () = stop.requested() => return,
                    event = self.events.recv() => if event.is_none() { return },
                }
            }
        }
    }

    /// One session, from connecting to its end.
    async fn session(&mut self, stop: &Shutdown) -> Result<(), SessionError> {
        let endpoint = Endpoint::client(&self.identity)?;
        let (link, mut control) = endpoint.connect(&self.pairing.relay, &self.pairing.relay_key).await?;
        link.control_send(&Control::Publish { camera_id: self.camera_id, track: TrackId(0) })?;
        let spooled = lock(&self.spool).sequences();
        let mut session = Session {
            outbox: Outbox::new(spooled),
            link,
            live: None,
            streamed: BTreeSet::new(),
            backlog: BTreeSet::new(),
            not_before: None,
            day_keys_at: Instant::now(),
        };
        self.await_publish_ok(&mut control).await?;
        let next = lock(&self.spool).next_sequence()?;
        session.outbox.handle_connected(next);
        self.stats.set_link(None);
        self.put_waiting(&session.link, EpochNo(0)).await?;
        self.new_policy(&session.link).await?;
        loop {
            self.fetch_day_keys(&mut session).await?;
            self.send_backlog(&mut session).await?;
            let is_ending = stop.is_requested() && self.events.is_empty();
            if is_ending && session.outbox.depth() == 0 {
                session.link.goodbye();
                return Ok(());
            }
            tokio::select! {
                // What the relay says goes first: it frees room.
                biased;
                said = control.next() => self.said(&mut session, said?).await?,
                event = self.events.recv() => match event {
                    Some(event) => self.event(&mut session, event).await?,
                    None if session.outbox.depth() == 0 => {
                        session.link.goodbye();
                        return Ok(());
                    }
                    None => tokio::time::sleep(Duration::from_millis(20)).await,
                },
                () = wait_until(session.not_before) => session.not_before = None,
                () = tokio::time::sleep_until(session.day_keys_at) => {}
            }
        }
    }

    async fn await_publish_ok(&self, control: &mut ControlReceiver) -> Result<(), SessionError> {
        loop {
            match control.next().await? {
                Some(Control::PublishOk { .. }) => return Ok(()),
                Some(Control::Refuse(refusal)) => return Err(refusal.into()),
                Some(_) => {}
                None => return Err(SessionError::Closed),
            }
        }
    }

    /// DayNotices and EpochOpens that the relay has not confirmed, and those from `again` on.
    async fn put_waiting(&self, link: &Link, again: EpochNo) -> Result<(), SessionError> {
        let notices = lock(&self.spool).waiting_notices()?;
        for (day, notice) in notices {
            done("PutDayNotice", link.call(&Request::PutDayNotice(notice)).await?)?;
            lock(&self.spool).forget_notice(day)?;
        }
        let from = match again {
            EpochNo(0) => lock(&self.spool).confirmed_opens()?,
            again => again,
        };
        let opens = lock(&self.spool).opens_from(from)?;
        for (epoch, open) in opens {
            done("PutEpochOpen", link.call(&Request::PutEpochOpen(open)).await?)?;
            lock(&self.spool).confirm_open(epoch)?;
        }
        Ok(())
    }

    async fn event(&self, session: &mut Session, event: Event) -> Result<(), SessionError> {
        match event {
            Event::Opened => self.put_waiting(&session.link, EpochNo(0)).await?,
            Event::Begun(sequence, bytes) => {
                let mut stream = session.link.open_segment(LIVE).await?;
                session.live = match stream.write(&bytes).await {
                    Ok(()) => Some((sequence, stream)),
                    // The relay does not want it as it is: the whole goes from the spool, and its answer says why.
                    Err(_) => None,
                };
            }
            Event::More(sequence, bytes) => {
                if let Some((live, stream)) = &mut session.live
                    && *live == sequence
                    && stream.write(&bytes).await.is_err()
                {
                    session.live = None;
                }
            }
            Event::Kept(sequence) => {
                session.outbox.handle_spooled(sequence);
                if let Some((live, stream)) = session.live.take() {
                    if live == sequence && stream.finish().is_ok() {
                        session.streamed.insert(sequence);
                    }
                }
            }
        }
        Ok(())
    }

    async fn said(&self, session: &mut Session, said: Option<Control>) -> Result<(), SessionError> {
        match said {
            Some(Control::Ack { sequence, .. }) => {
                session.backlog.remove(&sequence);
                session.streamed.remove(&sequence);
                if session.outbox.handle_ack(sequence) {
                    let mut spool = lock(&self.spool);
                    spool.forget_segment(sequence)?;
                    self.stats.acked();
                    self.stats.set_depth(spool.sequences().len() as u64, spool.bytes());
                }
            }
            Some(Control::Nack { sequence, refusal, .. }) => self.nack(session, sequence, &refusal).await?,
            Some(Control::PolicyChanged { .. }) => self.new_policy(&session.link).await?,
            Some(Control::Refuse(refusal)) => return Err(refusal.into()),
            Some(Control::Goodbye) | None => return Err(SessionError::Closed),
            Some(_) => {}
        }
        Ok(())
    }

    async fn nack(
        &self,
        session: &mut Session,
        sequence: Sequence,
        refusal: &Refusal,
    ) -> Result<(), SessionError> {
        use RefusalCode as Code;
        session.backlog.remove(&sequence);
        session.streamed.remove(&sequence);
        tracing::warn!(sequence = sequence.0, %refusal, "a segment was not stored");
        match refusal.code {
            Code::StorageFull | Code::Quota | Code::Internal | Code::GoingAway | Code::LogUnavailable => {
                session.not_before = Some(Instant::now() + RETRY_AFTER);
                session.outbox.handle_nack(sequence);
                self.stats.set_link(Some(refusal.to_string()));
            }
            Code::NotFound => {
                // The relay does not know its epoch: every EpochOpen that is kept goes again, then the segment.
                let oldest =
                    lock(&self.spool).opens_from(EpochNo(0))?.first().map_or(EpochNo(0), |(epoch, _)| *epoch);
                self.put_waiting(&session.link, oldest.max(EpochNo(1))).await?;
                session.not_before = Some(Instant::now() + RETRY_AFTER);
                session.outbox.handle_nack(sequence);
            }
            _ => {
                session.outbox.handle_dropped(sequence);
                lock(&self.spool).set_aside(sequence)?;
                self.stats.refused();
            }
        }
        Ok(())
    }

    /// Sends from the spool while nothing live waits.
    async fn send_backlog(&self, session: &mut Session) -> Result<(), SessionError> {
        if session.not_before.is_some() {
            return Ok(());
        }
        while session.backlog.len() < BACKLOG_AT_ONCE {
            let Some(sequence) = session.outbox.poll_send() else { return Ok(()) };
            if session.streamed.contains(&sequence) {
                continue;
            }
            let bytes = match lock(&self.spool).segment(sequence) {
                Ok(bytes) => bytes,
                // The spool overflowed meanwhile.
                Err(error) => {
                    tracing::warn!(sequence = sequence.0, %error, "not in the spool any more");
                    session.outbox.handle_dropped(sequence);
                    continue;
                }
            };
            session.backlog.insert(sequence);
            let mut stream = session.link.open_segment(BACKLOG).await?;
            tokio::spawn(async move {
                // A broken stream is told by the relay, or by the session's end.
                if stream.write(&bytes).await.is_ok() {
                    let _ = stream.finish();
                }
            });
        }
        Ok(())
    }

    /// Takes a newer policy, if the relay has one that holds.
    async fn new_policy(&self, link: &Link) -> Result<(), SessionError> {
        let request = Request::GetPolicy { camera_id: self.camera_id, hash: [0; 32] };
        let Response::Policy { bundle, .. } = link.call(&request).await? else { return Ok(()) };
        let current = lock(&self.spool).pairing()?;
        match policy::newer(&current, self.camera_id, &bundle) {
            Ok(Some(policy)) => {
                tracing::info!(version = policy.unverified().version, "a new policy of the owner");
                lock(&self.spool).keep_policy(policy.bytes())?;
            }
            Ok(None) => {}
            // SPEC: segment.md#ownerpolicy: a camera MUST ignore a policy whose leaf is not witnessed.
            Err(error) => {
                tracing::error!(%error, "the relay offers a policy that does not hold; filming goes on under the old one")
            }
        }
        Ok(())
    }

    /// Fetches trustees' keys for today and the days ahead, each verified before it is kept.
    async fn fetch_day_keys(&self, session: &mut Session) -> Result<(), SessionError> {
        if Instant::now() < session.day_keys_at {
            return Ok(());
        }
        let pairing = lock(&self.spool).pairing()?;
        let Ok(policy) = SignedOwnerPolicy::decode_verified(&pairing.policy, &pairing.owner_key) else {
            return Ok(());
        };
        let today = Day::of_us(host::clock::now_us());
        let mut missing_today = false;
        for day in (0..=DAYS_AHEAD).map(|ahead| Day(today.0.saturating_add(ahead))) {
            let mut offered = None;
            for (share, trustee) in (1u8..).zip(&policy.unverified().trustees) {
                if lock(&self.spool).day_key(day, share)?.is_some() {
                    continue;
                }
                let offered = match &mut offered {
                    Some(offered) => offered,
                    none => match session.link.call(&Request::GetDayKeys(day)).await? {
                        Response::Objects(objects) => none.insert(objects),
                        _ => none.insert(Vec::new()),
                    },
                };
                let own = offered.iter().find(|object| object.name == trustee.name);
                let verified = own.and_then(|object| {
                    let vkey = Verifier::parse(&trustee.vkey).ok()?;
                    DayKey::decode_verified(&object.bytes, &vkey, day).ok().map(|_| &object.bytes)
                });
                match verified {
                    Some(bytes) => lock(&self.spool).keep_day_key(day, share, bytes)?,
                    None => missing_today |= day == today,
                }
            }
        }
        let pause = if missing_today { DAY_KEYS_MISSING } else { DAY_KEYS_EVERY };
        session.day_keys_at = Instant::now() + pause;
        Ok(())
    }
}

fn done(asked: &'static str, response: Response) -> Result<(), SessionError> {
    match response {
        Response::Ok => Ok(()),
        Response::Refused(refusal) => Err(refusal.into()),
        _ => Err(SessionError::Unexpected(asked)),
    }
}

async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn stopped_for(stop: &Shutdown, patience: Duration) {
    stop.requested().await;
    tokio::time::sleep(patience).await;
}
