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

/// The notices that the relay should have: those that wait, and today's if a trustee's key has come
/// that it is not sealed to. Each is durable before it is returned, so that a slot that somebody was
/// shown is in every later one.
pub(crate) fn due_notices(
    spool: &Spool,
    camera: &SigningKey,
    rng: &mut impl CryptoRng,
) -> Result<Vec<(Day, HeldNotice)>, SpoolError> {
    let camera_key = camera.verifying_key().to_bytes();
    let camera_id = CameraId::of_key(&camera_key);
    let pairing = spool.pairing()?;
    // Filming reports a policy that does not hold.
    let policy = SignedOwnerPolicy::decode_verified(&pairing.policy, &pairing.owner_key);
    let waiting: BTreeMap<Day, _> = spool.waiting_notices()?.into_iter().collect();
    let stands = spool.notices()?;
    let mut keys: BTreeMap<Day, _> = BTreeMap::from([(stands.day, stands.key(&camera_id))]);
    keys.extend(waiting.clone());
    let mut due = Vec::new();
    for (day, key) in keys {
        let holders = match &policy {
            Ok(policy) => day_keys(spool, policy.unverified(), day)?.into_iter().flatten().collect(),
            Err(_) => Vec::new(),
        };
        let made = spool.made_notice(day)?;
        let held = made.as_ref().and_then(|bytes| DayNotice::decode_verified(bytes, &camera_key).ok());
        let notice = deal::notice(&key, camera_id, day, held.as_ref(), &holders, rng);
        let of_day: KeyOfDay = (day, key);
        let notice = match made.filter(|_| held.as_ref() == Some(&notice)) {
            Some(_) if !waiting.contains_key(&day) => continue,
            Some(same) => same,
            None => notice.sign(camera),
        };
        spool.keep_notice(&of_day, &notice)?;
        due.push((day, HeldNotice { notice_key: *of_day.1.expose(), notice }));
    }
    Ok(due)
}
