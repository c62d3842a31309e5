//! What a camera asks and puts beside its segments, one call after the other: the owner's newest
//! policy, DayNotices, EpochOpens, trustees' keys.

use super::SessionError;
use super::session::{Session, Track};
use crate::notices::DAYS_MAX;
use crate::policy::{Needs, PolicyRefused, Succession};
use crate::spool::{Spool, SpoolError};
use escrow::daykeys::DayKey;
use media::id::{CameraId, Day, EpochNo};
use media::notice::DayNotice;
use media::policy::{OwnerPolicy, SignedOwnerPolicy};
use media::sign::PublicKey;
use media::time::Micros;
use quic::CallError;
use relay_client::calls::HeldPolicy;
use relay_client::{ask, calls, found};
use seal::notice::NoticeKey;
use std::convert::Infallible;
use std::time::Duration;
use tlog::note::Verifier;
use tokio::time::Instant;

/// How often the trustees' keys of the next days are looked for, and what is missing of today's.
const KEYS_EVERY: Duration = Duration::from_secs(300);
const KEYS_MISSING: Duration = Duration::from_secs(1);
/// Days ahead for which keys are kept: so long the camera films without the relay.
const DAYS_AHEAD: u32 = 2;

/// Does what is to be done until the session ends.
pub(super) async fn run(session: &Session) -> Result<Infallible, SessionError> {
    // Before the notices: a policy made while this camera was away is labelled for a day whose
    // notice still waits.
    follow_policy(session).await?;
    let mut look_at = Instant::now();
    loop {
        put_notices(session).await?;
        put_opens(session).await?;
        if Instant::now() >= look_at {
            look_at = Instant::now() + fetch_day_keys(session).await?;
        }
        tokio::select! {
            () = session.main.handover.to_put.notified() => {}
            () = session.policy_changed.notified() => {
                follow_policy(session).await?;
                // A new trustee may be among them.
                look_at = Instant::now();
            }
            () = tokio::time::sleep_until(look_at) => {}
        }
    }
}

async fn put_notices(session: &Session) -> Result<(), SessionError> {
    for (day, notice) in session.main.handover.on_disk(|spool| spool.waiting_notices()).await? {
        ask(&session.link, &calls::put_day_notice(notice)).await?;
        session.main.handover.on_disk(move |spool| spool.forget_notice(day)).await?;
    }
    Ok(())
}

async fn put_opens(session: &Session) -> Result<(), SessionError> {
    put_opens_of(session, &session.main).await?;
    let Some(sub) = &session.sub else { return Ok(()) };
    match put_opens_of(session, sub).await {
        // The main track goes on. It is tried again when the next one opens, at the latest.
        Err(SessionError::Call(CallError::Refused(refusal))) => {
            tracing::warn!(%refusal, "an EpochOpen of the second track was not stored: its segments wait");
            sub.handover.stats.change(|now| now.troubles.link = Some(refusal.to_string()));
            Ok(())
        }
        done => done,
    }
}

async fn put_opens_of(session: &Session, track: &Track) -> Result<(), SessionError> {
    let waiting = |spool: &mut Spool| spool.opens_from(spool.confirmed_opens()?);
    for (epoch, open) in track.handover.on_disk(waiting).await? {
        ask(&session.link, &calls::put_epoch_open(open)).await?;
        track.handover.on_disk(move |spool| spool.confirm_open(epoch)).await?;
        track.confirmed.send_replace(EpochNo(epoch.0.saturating_add(1)));
    }
    Ok(())
}

/// Takes the owner's newest policy, if it holds. One that does not is reported, and filming goes on
/// under the one that does.
async fn follow_policy(session: &Session) -> Result<(), SessionError> {
    let handover = &session.main.handover;
    let trouble = match fetch_newest(session).await? {
        Ok(None) => None,
        Ok(Some(policy)) => {
            tracing::info!(version = policy.unverified().version, "a new policy of the owner");
            handover.on_disk(move |spool| spool.keep_policy(policy.bytes())).await?;
            None
        }
        Err(refused) => {
            tracing::error!(%refused, "the relay offers a policy that does not hold; the one before stays in force");
            Some(refused.to_string())
        }
    };
    handover.stats.change(|now| now.troubles.policy = trouble);
    Ok(())
}

async fn fetch_newest(
    session: &Session,
) -> Result<Result<Option<SignedOwnerPolicy>, PolicyRefused>, SessionError> {
    let camera_id = session.camera_id;
    let camera_key = session.camera_key;
    let today = Micros(session.clock.micros()).day();
    let state =
        move |spool: &mut Spool| Ok::<_, SpoolError>((spool.pairing()?, labels(spool, &camera_key, today)?));
    let (pairing, labels) = session.main.handover.on_disk(state).await?;
    let mut succession = match Succession::new(&pairing, camera_id) {
        Ok(succession) => succession,
        Err(refused) => return Ok(Err(refused)),
    };
    let mut hash = None;
    loop {
        let asked = ask(&session.link, &calls::policy(camera_id, hash)).await;
        let Some(HeldPolicy { bundle, .. }) = found(asked)? else { return Ok(Err(succession.missing())) };
        match succession.handle(&bundle) {
            Ok(Needs::Version(before)) => hash = Some(before),
            Ok(Needs::Nothing) => return Ok(succession.newest(&labels)),
            Err(refused) => return Ok(Err(refused)),
        }
    }
}

/// The notice keys by which a policy's leaf may be labelled: of the days whose notices still wait
/// for the relay, and from the day at which the chain stands until tomorrow, for an owner whose
/// clock is a little ahead.
fn labels(spool: &Spool, camera_key: &PublicKey, today: Day) -> Result<Vec<NoticeKey>, SpoolError> {
    let camera_id = CameraId::of_key(camera_key);
    let tomorrow = today.0.saturating_add(1);
    let mut keys = Vec::new();
    for (_, bytes) in spool.waiting_notices()? {
        if let Ok(notice) = DayNotice::decode_verified(&bytes, camera_key) {
            keys.push(NoticeKey::new(notice.notice_key));
        }
    }
    let mut at = spool.notices()?;
    for _ in 0..DAYS_MAX {
        keys.push(at.key(&camera_id));
        if at.day.0 >= tomorrow {
            break;
        }
        at = at.next(&camera_id);
    }
    Ok(keys)
}

/// Fetches trustees' keys for today and the days ahead, each verified before it is kept; how long
/// to wait before the next look.
async fn fetch_day_keys(session: &Session) -> Result<Duration, SessionError> {
    let handover = &session.main.handover;
    let pairing = handover.on_disk(|spool| spool.pairing()).await?;
    // Filming reports a policy that does not hold.
    let Ok(policy) = SignedOwnerPolicy::decode_verified(&pairing.policy, &pairing.owner_key) else {
        return Ok(KEYS_EVERY);
    };
    let policy: &OwnerPolicy = policy.unverified();
    let trustees = (1u8..).zip(&policy.trustees).filter_map(|(share, trustee)| {
        Some((share, trustee.name.clone(), Verifier::parse(&trustee.vkey).ok()?))
    });
    let trustees: Vec<(u8, String, Verifier)> = trustees.collect();
    let today = Micros(session.clock.micros()).day();
    let mut pause = KEYS_EVERY;
    for day in (0..=DAYS_AHEAD).map(|ahead| Day(today.0.saturating_add(ahead))) {
        let wanted = trustees.clone();
        let missing = handover.on_disk(move |spool| missing(spool, wanted, day)).await?;
        if missing.is_empty() {
            continue;
        }
        let offered = ask(&session.link, &calls::day_keys(day)).await?;
        for (share, name, vkey) in missing {
            let own = offered.iter().find(|object| object.name == name).map(|object| object.bytes.clone());
            let verified = own.filter(|bytes| is_key_of(bytes, &vkey, day));
            match verified {
                Some(bytes) => {
                    handover.on_disk(move |spool| spool.keep_day_key(today, day, share, &bytes)).await?;
                }
                None if day == today => pause = KEYS_MISSING,
                None => {}
            }
        }
    }
    Ok(pause)
}

/// The trustees of whom there is no key for this day.
fn missing(
    spool: &Spool,
    trustees: Vec<(u8, String, Verifier)>,
    day: Day,
) -> Result<Vec<(u8, String, Verifier)>, SpoolError> {
    let mut missing = Vec::new();
    for (share, name, vkey) in trustees {
        let kept = spool.day_key(day, share)?;
        // What is kept may be another trustee's, under an earlier policy.
        if !kept.is_some_and(|bytes| is_key_of(&bytes, &vkey, day)) {
            missing.push((share, name, vkey));
        }
    }
    Ok(missing)
}

fn is_key_of(bytes: &[u8], vkey: &Verifier, day: Day) -> bool {
    match DayKey::decode_verified(bytes, vkey, day) {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(trustee = vkey.name(), day = day.0, %error, "a day key is not believed");
            false
        }
    }
}
