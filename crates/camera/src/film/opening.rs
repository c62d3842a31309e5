//! How the film opens an epoch: with the newest policy, this day's notice key, and a key of every
//! trustee that there is one of. Who is missing is left out and named; only the first epoch waits a
//! little, for keys that are on their way.

use super::{Film, FilmError};
use crate::epochs::{self, Epoch, Opening};
use crate::holders::{day_keys, with_a_slot};
use media::epoch::{EpochClose, GapReason, LossReason};
use media::id::Day;
use media::policy::SignedOwnerPolicy;
use media::time::Micros;

/// So long a camera that has just started waits for the keys of t trustees before it films without
/// escrow: they come with the first session.
const KEYS_WITHIN_US: u64 = 10_000_000;

impl Film {
    pub(super) fn open_epoch(&mut self, segment_us: Micros) -> Result<(), FilmError> {
        let spool = self.handover.spool();
        // The policy may be newer than at the start: the publisher keeps what it verified.
        let pairing = spool.pairing()?;
        let policy = SignedOwnerPolicy::decode_verified(&pairing.policy, &pairing.owner_key)?;
        let content = policy.unverified();
        if content.is_retired() {
            return Err(FilmError::Retired);
        }
        let conflict = spool.conflict()?;
        let gap = conflict.map_or(self.gap, |close| close.gap);
        let start_us = epochs::start_us(segment_us, content.epoch_len_s, self.epoch.as_ref(), gap);
        let day = start_us.day();
        let keys = day_keys(&spool, content, day)?;
        let missing = content.trustees.iter().zip(&keys).filter(|(_, key)| key.is_none());
        let missing: Vec<String> = missing.map(|(trustee, _)| trustee.name.clone()).collect();
        let is_escrowed = content.trustees.len() - missing.len() >= usize::from(content.t);
        let keys_by_us = *self.keys_by_us.get_or_insert(self.steady_us + KEYS_WITHIN_US);
        if !is_escrowed && self.steady_us < keys_by_us {
            return Err(FilmError::AwaitsKeys { missing });
        }
        let notices = spool.notices()?;
        let kept = notices.day;
        self.chain_day = Some(kept);
        let (notices, given) = notices.on(day, &self.camera_id)?;
        // SPEC: segment.md#a-cameras-clock: the root of a day MUST NOT be given up, nor the notices of
        // the days after it given out, before somebody else's clock says that those have come.
        if notices.day != kept && self.handover.relay_time.has_come(day, self.steady_us) {
            spool.advance_notices(&notices, &given)?;
            self.chain_day = Some(day);
        }
        let of_day = (day, notices.key(&self.camera_id));
        let keys = with_a_slot(&spool, &self.camera, &of_day, keys, &mut self.rng)?;
        let lost = spool.lost()?;
        let overflowed = lost.iter().any(|lost| lost.why == LossReason::SpoolOverflow);
        let gap = if overflowed { GapReason::SpoolOverflow } else { self.gap };
        let previous = match (&self.epoch, conflict) {
            (_, Some(conflict)) => Some(conflict),
            (Some(epoch), None) => Some(epoch.close(gap)),
            (None, None) => spool.last_close()?.map(|close| EpochClose { gap, ..close }),
        };
        let opening = Opening {
            camera: &self.camera,
            track: self.handover.track,
            policy: &policy,
            day_keys: &keys,
            notice_commit: of_day.1.commit(),
            epoch_no: spool.next_epoch()?,
            start_us,
            previous,
            lost: lost.clone(),
            receipt: spool.receipt()?,
            now: segment_us.seconds(),
        };
        let fresh = self.rng.bytes();
        let (epoch, signed) = Epoch::open(opening, &mut self.pool, &fresh, &mut self.rng)?;
        // SPEC: session.md#publishing: durable before anything is sealed under it, so that no
        // number is used twice.
        spool.keep_open(epoch.open.context.epoch_no, signed.bytes(), &epoch.chain.0, &lost)?;
        drop(spool);
        self.keys_by_us = Some(0);
        let trouble = (!missing.is_empty()).then(|| left_out(&missing, day, is_escrowed));
        self.handover.stats.change(|now| {
            if let Some(trouble) = trouble.as_ref().filter(|it| now.troubles.escrow.as_ref() != Some(it)) {
                tracing::warn!("{trouble}");
            }
            now.troubles.escrow = trouble;
        });
        tracing::debug!(epoch = epoch.open.context.epoch_no.0, "an epoch opened");
        self.epoch = Some(epoch);
        self.gap = GapReason::None;
        self.handover.to_put.notify_one();
        Ok(())
    }
}

impl Film {
    /// Whether numbers went on in another block: the epoch being filmed ends.
    pub(super) fn has_given_way(&self) -> Result<bool, FilmError> {
        let Some(epoch) = &self.epoch else { return Ok(false) };
        Ok(epoch.open.context.epoch_no.next() != Some(self.handover.spool().next_epoch()?))
    }

    /// Whether a key has come that the epoch being filmed lacks: then another epoch begins, so that no
    /// trustee is left out longer than it must.
    pub(super) fn gains_a_share(&mut self) -> Result<bool, FilmError> {
        let Some(Epoch { open, .. }) = &self.epoch else { return Ok(false) };
        if open.holders() == open.shares.len() {
            return Ok(false);
        }
        let spool = self.handover.spool();
        let day = open.context.day();
        // To verify them at each segment while a trustee is away would be work for nothing.
        let kept = (1..=open.context.n).map(|share| spool.day_key(day, share)).collect::<Result<_, _>>()?;
        let seen = Some((day, kept));
        if self.seen_keys == seen {
            return Ok(false);
        }
        self.seen_keys = seen;
        let pairing = spool.pairing()?;
        let policy = SignedOwnerPolicy::decode_verified(&pairing.policy, &pairing.owner_key)?;
        if policy.hash() != open.context.policy_hash {
            return Ok(false);
        }
        let held = day_keys(&spool, policy.unverified(), open.context.day())?.iter().flatten().count();
        Ok(held > open.holders() && held >= usize::from(open.context.t))
    }
}

fn left_out(missing: &[String], day: Day, is_escrowed: bool) -> String {
    let names = missing.join(", ");
    match is_escrowed {
        true => format!("no key of {names} for day {day}: no share is dealt to them until there is one"),
        false => format!(
            "no key of {names} for day {day}: too few trustees are left, and it is filmed for the owner's devices alone"
        ),
    }
}
