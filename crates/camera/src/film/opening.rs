//! How the film opens an epoch: with the newest policy, this day's notice key, and a key of every
//! trustee.

use super::{Film, FilmError};
use crate::epochs::{self, Epoch, Opening};
use crate::spool::Spool;
use escrow::daykeys::DayKey;
use escrow::deal::TrusteeId;
use media::epoch::{EpochClose, GapReason};
use media::id::Day;
use media::policy::{OwnerPolicy, SignedOwnerPolicy};
use media::time::Micros;
use tlog::note::Verifier;

impl Film {
    pub(super) fn open_epoch(&mut self, segment_us: Micros) -> Result<(), FilmError> {
        let spool = self.handover.spool();
        // The policy may be newer than at the start: the publisher keeps what it verified.
        let pairing = spool.pairing()?;
        let policy = SignedOwnerPolicy::decode_verified(&pairing.policy, &pairing.owner_key)?;
        let content = policy.unverified();
        let start_us = epochs::start_us(segment_us, content.epoch_len_s, self.epoch.as_ref(), self.gap);
        let day = start_us.day();
        let notices = spool.notices()?;
        let kept = notices.day;
        let (notices, signed) = notices.advance(day, &self.camera)?;
        if notices.day != kept {
            spool.advance_notices(&notices, &signed)?;
        }
        let gap = if spool.has_overflowed()? { GapReason::SpoolOverflow } else { self.gap };
        let previous = match &self.epoch {
            Some(epoch) => Some(epoch.close(gap)),
            None => spool.last_close()?.map(|close| EpochClose { gap, ..close }),
        };
        let opening = Opening {
            camera: &self.camera,
            track: self.handover.track,
            policy: &policy,
            day_keys: &day_keys(&spool, content, day)?,
            notice_commit: notices.key(&self.camera_id).commit(),
            epoch_no: spool.next_epoch()?,
            start_us,
            previous,
            now: segment_us.seconds(),
        };
        let fresh = self.rng.bytes();
        let (epoch, signed) = Epoch::open(opening, &mut self.pool, &fresh, &mut self.rng)?;
        // SPEC: session.md#publishing: durable before anything is sealed under it, so that no
        // number is used twice.
        spool.keep_open(epoch.open.context.epoch_no, signed.bytes(), &epoch.chain.0)?;
        drop(spool);
        tracing::debug!(epoch = epoch.open.context.epoch_no.0, "an epoch opened");
        self.epoch = Some(epoch);
        self.gap = GapReason::None;
        self.handover.to_put.notify_one();
        Ok(())
    }
}

/// The verified keys of the trustees for this day, in the policy's order.
fn day_keys(
    spool: &Spool,
    policy: &OwnerPolicy,
    day: Day,
) -> Result<Vec<Option<(TrusteeId, DayKey)>>, FilmError> {
    let mut keys = Vec::new();
    for (share, trustee) in (1u8..).zip(&policy.trustees) {
        let vkey = Verifier::parse(&trustee.vkey)
            .map_err(|source| FilmError::Trustee { name: trustee.name.clone(), source })?;
        // One that is kept may be another trustee's, under an earlier policy: then it is none.
        let key = spool.day_key(day, share)?;
        let key = key.and_then(|bytes| DayKey::decode_verified(&bytes, &vkey, day).ok());
        keys.push(key.map(|key| (TrusteeId::of(&vkey), key)));
    }
    Ok(keys)
}
