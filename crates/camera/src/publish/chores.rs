//! What a camera asks and puts beside its segments, one call after the other: the owner's newest
//! policy, DayNotices, EpochOpens, trustees' keys.

use super::SessionError;
use super::session::{Session, Track};
use crate::holders::{adopt, due_notices};
use crate::notices::KeyOfDay;
use crate::policy::{Needs, PolicyRefused, Succession};
use crate::settings;
use crate::spool::{Spool, SpoolError};
use crate::state::Handover;
use escrow::daykeys::{DayKey, PublishedDayKey};
use host::backoff::Backoff;
use media::id::{CameraId, Day, EpochNo};
use media::message::{Judges, RefusalCode};
use media::policy::{OwnerPolicy, SignedOwnerPolicy};
use quic::{CallError, Link};
use relay_client::calls::HeldPolicy;
use relay_client::{ask, calls, found};
use seal::notice::NoticeKey;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tlog::note::Verifier;
use tlog::policy::Policy;
use tokio::time::Instant;

/// How often the trustees' keys of the next days are looked for,
const KEYS_EVERY: Duration = Duration::from_secs(300);
/// and, while one of today's is missing, those of today and tomorrow: soon at first, for a trustee
/// that has just started.
const KEYS_MISSING: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
/// Days ahead for which keys are kept: so long shares are dealt without the relay.
const DAYS_AHEAD: u32 = 35;
/// Days back for which keys are fetched while their notices wait: from then on they are no more.
const DAYS_BACK: u32 = 38;
/// Days for which a policy's label is tried: a camera may have been off for so long.
const LABELS_MAX: u32 = 400;

/// Does what is to be done until the session ends.
pub(super) async fn run(session: &Session) -> Result<Infallible, SessionError> {
    // A policy that was put while the tracks began was told to nobody.
    follow_policy(&session.link, &session.main.handover, session.camera_id, session.today()).await?;
    follow_settings(session).await?;
    let (mut look_at, mut all_at, mut missing) = (Instant::now(), Instant::now(), KEYS_MISSING);
    loop {
        put_notices(session).await?;
        put_opens(session).await?;
        let now = Instant::now();
        if now >= look_at {
            let ahead = if now >= all_at { DAYS_AHEAD } else { 1 };
            all_at = if now >= all_at { now + KEYS_EVERY } else { all_at };
            look_at = all_at;
            let today = session.today().0;
            let days = (0..=ahead).map(|ahead| Day(today.saturating_add(ahead)));
            if fetch_day_keys(session, days.collect()).await? == Today::LacksKeys {
                look_at = all_at.min(now + missing.failed(&mut session.rng.clone()));
            }
            put_notices(session).await?;
        }
        tokio::select! {
            () = session.main.handover.to_put.notified() => {}
            () = session.changed.notified() => {
                follow_policy(&session.link, &session.main.handover, session.camera_id, session.today()).await?;
                follow_settings(session).await?;
                // A new trustee may be among them, or one that lost a key has made another.
                (look_at, all_at, missing) = (Instant::now(), Instant::now(), KEYS_MISSING);
            }
            () = tokio::time::sleep_until(look_at) => {}
        }
    }
}

async fn put_notices(session: &Session) -> Result<(), SessionError> {
    let oldest = session.today().0.saturating_sub(DAYS_BACK);
    let mut asked = BTreeSet::new();
    // A day may have been given out just now: its keys are asked for before its notice goes.
    let due = loop {
        let (camera, mut rng) = (session.camera.clone(), session.rng.clone());
        let due = move |spool: &mut Spool| due_notices(spool, &camera, &mut rng);
        let due = session.main.handover.on_disk(due).await?;
        let days = due.iter().map(|(day, _)| *day);
        let new: Vec<Day> = days.filter(|day| day.0 >= oldest && asked.insert(*day)).collect();
        if new.is_empty() {
            break due;
        }
        fetch_day_keys(session, new).await?;
    };
    for (day, held) in due {
        let of_day = (day, NoticeKey::new(held.notice_key));
        match ask(&session.link, &calls::put_day_notice(held)).await {
            // By the relay's clock the day has not come: it waits.
            Err(CallError::Refused(refusal)) if refusal.code.passes() => {
                tracing::warn!(day = day.0, %refusal, "a day's notice waits");
                break;
            }
            // The relay holds another of this camera's, from before its folder was put back: the next one
            // goes on from that.
            Err(CallError::Refused(refusal)) if refusal.code.judges() == Judges::Object => {
                tracing::error!(day = day.0, %refusal, "a day's notice is not taken");
                if go_on_from_the_relays(session, of_day).await? {
                    continue;
                }
            }
            put => put?,
        }
        session.main.handover.on_disk(move |spool| spool.forget_notice(day)).await?;
    }
    Ok(())
}

async fn go_on_from_the_relays(session: &Session, of_day: KeyOfDay) -> Result<bool, SessionError> {
    let held = ask(&session.link, &calls::day_notice(session.camera_id, of_day.0)).await;
    let signed = match held {
        Ok(signed) => signed,
        // Where it passes, the day waits on.
        Err(CallError::Refused(refusal)) => return Ok(refusal.code.passes()),
        Err(error) => return Err(error.into()),
    };
    let camera_key = session.camera.verifying_key().to_bytes();
    let adopt = move |spool: &mut Spool| adopt(spool, &camera_key, &of_day, &signed);
    Ok(session.main.handover.on_disk(adopt).await?)
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
    let opens = track.handover.on_disk(waiting).await?;
    // SPEC: segment.md#daynotice: whoever has a share of an epoch MUST have had a slot in its day's
    // notice first: else it could not judge a request about it.
    if !opens.is_empty() {
        put_notices(session).await?;
    }
    for (epoch, open) in opens {
        match ask(&session.link, &calls::put_epoch_open(open)).await {
            Err(CallError::Refused(refusal)) if refusal.code == RefusalCode::SequenceTaken => {
                track.handle_taken(epoch, &refusal).await?;
            }
            // Too far ahead of what this relay has: it is put again with the next one, and what is filmed
            // waits in the spool.
            Err(CallError::Refused(refusal)) if refusal.code == RefusalCode::OutOfOrder => {
                tracing::error!(epoch = epoch.0, %refusal, "an EpochOpen is not taken: a new key may be needed");
                track.handover.stats.change(|now| now.troubles.link = Some(refusal.to_string()));
                break;
            }
            put => {
                put?;
                track.handover.on_disk(move |spool| spool.confirm_open(epoch)).await?;
            }
        }
        track.confirmed.send_replace(EpochNo(epoch.0.saturating_add(1)));
    }
    Ok(())
}

/// Takes the owner's newest policy, if it holds. One that does not is reported, and filming goes on
/// under the one that does. Under the last one of all there is nothing to publish any more.
pub(super) async fn follow_policy(
    link: &Link,
    handover: &Arc<Handover>,
    camera_id: CameraId,
    today: Day,
) -> Result<(), SessionError> {
    let trouble = match fetch_newest(link, handover, camera_id, today).await? {
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
    let pairing = handover.on_disk(|spool| spool.pairing()).await?;
    match SignedOwnerPolicy::decode_verified(&pairing.policy, &pairing.owner_key) {
        Ok(policy) if policy.unverified().is_retired() => Err(SessionError::Retired),
        Ok(policy) => {
            let followed = handover.followed.clone();
            let forget = move |spool: &mut Spool| {
                settings::forget_removed(spool, &followed, &policy, &pairing.owner_key)
            };
            Ok(handover.on_disk(forget).await?)
        }
        // Filming reports a policy that does not hold.
        Err(_) => Ok(()),
    }
}

/// Takes what the owner asks beside the policy, if it holds.
// SPEC: segment.md#settings: whatever is refused MUST NOT change what is followed, nor stop filming.
async fn follow_settings(session: &Session) -> Result<(), SessionError> {
    let handover = &session.main.handover;
    let trouble = match found(ask(&session.link, &calls::settings(session.camera_id)).await) {
        Ok(None) => None,
        // Filming and sending hang on no answer to it.
        Err(CallError::Refused(refusal)) => Some(format!("the relay does not pass them on: {refusal}")),
        Err(error) => return Err(error.into()),
        Ok(Some(signed)) => {
            let (followed, camera_id) = (handover.followed.clone(), session.camera_id);
            let now = session.now();
            let follow = move |spool: &mut Spool| settings::follow(spool, &followed, camera_id, &signed, now);
            match handover.on_disk(follow).await? {
                Ok(None) => None,
                Ok(Some(number)) => {
                    tracing::info!(number, "new settings of the owner");
                    None
                }
                Err(refused) => {
                    tracing::error!(%refused, "the relay offers settings that do not hold; those before stay");
                    Some(format!("what is asked of the camera is not followed: {refused}"))
                }
            }
        }
    };
    handover.stats.change(|now| now.troubles.settings = trouble);
    Ok(())
}

async fn fetch_newest(
    link: &Link,
    handover: &Arc<Handover>,
    camera_id: CameraId,
    today: Day,
) -> Result<Result<Option<SignedOwnerPolicy>, PolicyRefused>, SessionError> {
    let state =
        move |spool: &mut Spool| Ok::<_, SpoolError>((spool.pairing()?, labels(spool, &camera_id, today)?));
    let (pairing, labels) = handover.on_disk(state).await?;
    let mut succession = match Succession::new(&pairing, camera_id) {
        Ok(succession) => succession,
        Err(refused) => return Ok(Err(refused)),
    };
    let mut hash = None;
    loop {
        let asked = ask(link, &calls::policy(camera_id, hash)).await;
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
fn labels(spool: &Spool, camera_id: &CameraId, today: Day) -> Result<Vec<KeyOfDay>, SpoolError> {
    let tomorrow = today.0.saturating_add(1);
    let mut keys = spool.waiting_notices()?;
    let mut at = spool.notices()?;
    for _ in 0..LABELS_MAX {
        keys.push((at.day, at.key(camera_id)));
        if at.day.0 >= tomorrow {
            break;
        }
        at = at.next(camera_id);
    }
    Ok(keys)
}

/// Whether a key of today is still missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Today {
    HasKeys,
    LacksKeys,
}

/// A trustee of the policy, by its share, and the key of a day that is kept of it.
struct Holder {
    share: u8,
    vkey: Verifier,
    /// The place of the kept key's leaf in the log.
    kept_at: Option<u64>,
}

/// Fetches trustees' keys for today and the days ahead, each verified before it is kept: signed,
/// announced by a leaf that the log has, and kept by its trustee no longer than the owner allows.
async fn fetch_day_keys(session: &Session, days: Vec<Day>) -> Result<Today, SessionError> {
    let handover = &session.main.handover;
    let pairing = handover.on_disk(|spool| spool.pairing()).await?;
    // Filming reports a policy that does not hold.
    let Ok(policy) = SignedOwnerPolicy::decode_verified(&pairing.policy, &pairing.owner_key) else {
        return Ok(Today::HasKeys);
    };
    let Ok(log) = Policy::parse(pairing.log_policy.as_bytes()) else { return Ok(Today::HasKeys) };
    let policy: OwnerPolicy = policy.unverified().clone();
    let today = session.today();
    let mut found = Today::HasKeys;
    for day in days {
        let (max_secs, wanted) = (policy.day_key_max_secs, policy.clone());
        let holders = handover.on_disk(move |spool| holders(spool, &wanted, day)).await?;
        // SPEC: release.md#lost-day-keys: a camera MUST NOT go on with a key that its trustee has lost: before
        // a day comes, it asks again.
        let is_soon = day.0 <= today.0.saturating_add(1);
        if !is_soon && holders.iter().all(|holder| holder.kept_at.is_some()) {
            continue;
        }
        let offered = ask(&session.link, &calls::day_keys(day)).await?;
        for Holder { share, vkey, kept_at } in holders {
            let own = offered.iter().find(|object| object.name == vkey.name());
            match own.and_then(|object| published(&object.bytes, &vkey, day, max_secs, &log)) {
                Some((at, note)) if kept_at.is_none_or(|kept_at| at > kept_at) => {
                    handover.on_disk(move |spool| spool.keep_day_key(day, share, (at, &note))).await?;
                }
                None if day == today && kept_at.is_none() => found = Today::LacksKeys,
                Some(_) | None => {}
            }
        }
    }
    Ok(found)
}

/// The trustees of a policy, and what is kept of their keys of this day.
fn holders(spool: &Spool, policy: &OwnerPolicy, day: Day) -> Result<Vec<Holder>, SpoolError> {
    let mut holders = Vec::new();
    for (share, trustee) in (1u8..).zip(&policy.trustees) {
        let Ok(vkey) = Verifier::parse(&trustee.vkey) else { continue };
        // What is kept may be another trustee's, under an earlier policy.
        let kept = spool.day_key(day, share)?.filter(|(_, bytes)| {
            let key = DayKey::decode_verified(bytes, &vkey, day);
            key.and_then(|key| key.kept_within(policy.day_key_max_secs)).is_ok()
        });
        holders.push(Holder { share, vkey, kept_at: kept.map(|(at, _)| at) });
    }
    Ok(holders)
}

/// The note of a day key that the trustee signed and the log has, and its place there.
fn published(bytes: &[u8], vkey: &Verifier, day: Day, max_secs: u32, log: &Policy) -> Option<(u64, Vec<u8>)> {
    let read = PublishedDayKey::decode_verified(bytes, vkey, day, log);
    match read.and_then(|(published, key, at)| key.kept_within(max_secs).map(|_| (at, published.note))) {
        Ok(published) => Some(published),
        Err(error) => {
            tracing::warn!(trustee = vkey.name(), day = day.0, %error, "a day key is not believed");
            None
        }
    }
}

#[cfg(test)]
mod tests;
