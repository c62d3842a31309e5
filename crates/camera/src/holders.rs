//! Whom a camera can seal to: the trustees whose keys of a day it keeps, and what it seals to them for
//! the day itself. Contract: `proto/segment.md#daynotice`.
//!
//! Shares are dealt where epochs are opened ([`crate::epochs`]); fetching keys is `publish`'s.

use crate::notices::KeyOfDay;
use crate::spool::{Spool, SpoolError};
use ed25519_dalek::SigningKey;
use escrow::daykeys::DayKey;
use escrow::deal::{self, TrusteeId};
use media::id::{CameraId, Day};
use media::notice::{DayNotice, HeldNotice};
use media::policy::{OwnerPolicy, SignedOwnerPolicy};
use media::sign::PublicKey;
use rand_core::CryptoRng;
use std::collections::BTreeMap;
use tlog::note::Verifier;

/// The verified keys of the trustees for this day, in the policy's order; none where there is none.
pub(crate) fn day_keys(
    spool: &Spool,
    policy: &OwnerPolicy,
    day: Day,
) -> Result<Vec<Option<(TrusteeId, DayKey)>>, SpoolError> {
    let mut keys = Vec::new();
    for (share, trustee) in (1u8..).zip(&policy.trustees) {
        let kept = spool.day_key(day, share)?;
        // One that is kept may be another trustee's, under an earlier policy: then it is none. So is
        // one of a trustee whose note key in the policy is none.
        keys.push(kept.zip(Verifier::parse(&trustee.vkey).ok()).and_then(|((_, bytes), vkey)| {
            let key = DayKey::decode_verified(&bytes, &vkey, day).ok()?;
            let key = key.kept_within(policy.day_key_max_secs).ok()?;
            Some((TrusteeId::of(&vkey), key))
        }));
    }
    Ok(keys)
}

/// The DayNotice of a day as it was made last, with a slot more for each holder whom it lacks.
struct Grown {
    notice: DayNotice,
    signed: Vec<u8>,
    has_grown: bool,
}

fn grown(
    spool: &Spool,
    camera: &SigningKey,
    (day, key): &KeyOfDay,
    holders: &[(TrusteeId, DayKey)],
    rng: &mut impl CryptoRng,
) -> Result<Grown, SpoolError> {
    let camera_key = camera.verifying_key().to_bytes();
    let made = spool.made_notice(*day)?.and_then(|signed| {
        let notice = DayNotice::decode_verified(&signed, &camera_key).ok()?;
        Some((notice, signed))
    });
    let held = made.as_ref().map(|(notice, _)| notice);
    let notice = deal::notice(key, CameraId::of_key(&camera_key), *day, held, holders, rng);
    Ok(match made {
        Some((same, signed)) if same == notice => Grown { notice, signed, has_grown: false },
        Some(_) | None => Grown { signed: notice.sign(camera), notice, has_grown: true },
    })
}

/// Those of the holders who have a slot in the day's notice, once each that can be given one has it: to
/// them shares are dealt. It is durable before, and goes to the relay once the day was given out.
// SPEC: segment.md#daynotice: a camera MUST deal to nobody who has no slot.
pub(crate) fn with_a_slot(
    spool: &Spool,
    camera: &SigningKey,
    of_day: &KeyOfDay,
    holders: Vec<Option<(TrusteeId, DayKey)>>,
    rng: &mut impl CryptoRng,
) -> Result<Vec<Option<(TrusteeId, DayKey)>>, SpoolError> {
    let there: Vec<_> = holders.iter().flatten().cloned().collect();
    let Grown { notice, signed, has_grown } = grown(spool, camera, of_day, &there, rng)?;
    if has_grown {
        let is_given = of_day.0 <= spool.notices()?.day;
        spool.keep_notice(of_day.0, &signed, is_given.then_some(&of_day.1))?;
    }
    let has_slot = |(_, key): &(TrusteeId, DayKey)| notice.slot(&key.id().0).is_some();
    Ok(holders.into_iter().map(|holder| holder.filter(has_slot)).collect())
}

/// The notices that the relay should have: those that wait, and today's if a trustee's key has come
/// that it is not sealed to. Each is durable before it is returned, so that a slot that somebody was
/// shown is in every later one.
pub(crate) fn due_notices(
    spool: &Spool,
    camera: &SigningKey,
    rng: &mut impl CryptoRng,
) -> Result<Vec<(Day, HeldNotice)>, SpoolError> {
    let camera_id = CameraId::of_key(camera.verifying_key().as_bytes());
    let pairing = spool.pairing()?;
    // Filming reports a policy that does not hold.
    let policy = SignedOwnerPolicy::decode_verified(&pairing.policy, &pairing.owner_key);
    let waiting: BTreeMap<Day, _> = spool.waiting_notices()?.into_iter().collect();
    let stands = spool.notices()?;
    let mut keys: BTreeMap<Day, _> = BTreeMap::from([(stands.day, stands.key(&camera_id))]);
    keys.extend(waiting.clone());
    let mut due = Vec::new();
    for of_day in keys {
        let holders = match &policy {
            Ok(policy) => day_keys(spool, policy.unverified(), of_day.0)?.into_iter().flatten().collect(),
            Err(_) => Vec::new(),
        };
        let Grown { signed, has_grown, .. } = grown(spool, camera, &of_day, &holders, rng)?;
        let (day, key) = of_day;
        if has_grown {
            spool.keep_notice(day, &signed, Some(&key))?;
        }
        if has_grown || waiting.contains_key(&day) {
            due.push((day, HeldNotice { notice_key: *key.expose(), notice: signed }));
        }
    }
    Ok(due)
}

/// Goes on from the notice that the relay has of a day: a folder that was put back from a copy lacks
/// slots of it. Whether it is this camera's own, of the same notice key.
pub(crate) fn adopt(
    spool: &Spool,
    camera_key: &PublicKey,
    (day, key): &KeyOfDay,
    signed: &[u8],
) -> Result<bool, SpoolError> {
    let own = DayNotice::decode_verified(signed, camera_key);
    let is_own = own.is_ok_and(|own| (own.day, own.notice_commit) == (*day, key.commit()));
    if is_own {
        spool.keep_notice(*day, signed, Some(key))?;
    }
    Ok(is_own)
}

#[cfg(test)]
pub(crate) mod tests;
