//! The life of a seed: made when an epoch opens, wrapped and dealt, erased when it closes. Pure.
//! Contract: `proto/segment.md#epochopen`.
//!
//! ```text
//! seed -> wraps for the policy's recipients, shares for its trustees -> EpochOpen, signed -> segments sealed -> close, bound by the next
//! ```
//!
//! The camera can open nothing that it filmed: it keeps the content key of the epoch it is filming
//! and nothing of those before.

use ed25519_dalek::SigningKey;
use escrow::daykeys::DayKey;
use escrow::deal::{TrusteeId, deal};
use escrow::share::ShareError;
use media::chain::Chain;
use media::epoch::{EpochClose, EpochContext, EpochOpen, GapReason, Lost, SignedEpochOpen};
use media::id::{CameraId, EpochNo, TrackId};
use media::policy::{OwnerPolicy, SignedOwnerPolicy};
use media::receipt::SignedReceipt;
use media::time::{Micros, Seconds};
use rand_core::CryptoRng;
use seal::epoch::{ContentKey, Pool};
use seal::wrap;

/// The epoch being filmed.
pub(crate) struct Epoch {
    pub(crate) open: EpochOpen,
    pub(crate) key: ContentKey,
    pub(crate) chain: Chain,
    /// The number of the next segment in it.
    pub(crate) next_k: u32,
}

/// What an epoch is opened with.
pub(crate) struct Opening<'a> {
    pub(crate) camera: &'a SigningKey,
    pub(crate) track: TrackId,
    pub(crate) policy: &'a SignedOwnerPolicy,
    /// Of every trustee, in the policy's order; none where there is none for the day.
    pub(crate) day_keys: &'a [Option<(TrusteeId, DayKey)>],
    pub(crate) notice_commit: [u8; 32],
    pub(crate) epoch_no: EpochNo,
    pub(crate) start_us: Micros,
    pub(crate) previous: Option<EpochClose>,
    /// What was let go since the epoch before.
    pub(crate) lost: Vec<Lost>,
    /// One of a relay that is to be told.
    pub(crate) receipt: Option<SignedReceipt>,
    /// A recipient whose time is over gets no wrap.
    pub(crate) now: Seconds,
}

impl Epoch {
    /// Makes a seed, wraps and deals it, signs the EpochOpen. The seed is gone when this returns.
    pub(crate) fn open(
        opening: Opening<'_>,
        pool: &mut Pool,
        fresh: &[u8; 32],
        rng: &mut impl CryptoRng,
    ) -> Result<(Self, SignedEpochOpen), ShareError> {
        let policy: &OwnerPolicy = opening.policy.unverified();
        let day = opening.start_us.day();
        // SPEC: segment.md#epochopen: a trustee whose key of the day is not here gets no share.
        let held = |key: &Option<(TrusteeId, DayKey)>| key.clone().filter(|(_, key)| key.day == day);
        let mut day_keys: Vec<_> = opening.day_keys.iter().map(held).collect();
        day_keys.resize(policy.trustees.len(), None);
        let context = EpochContext {
            camera_id: CameraId::of_key(opening.camera.verifying_key().as_bytes()),
            track: opening.track,
            epoch_no: opening.epoch_no,
            start_us: opening.start_us,
            dur_ms: length_ms(opening.start_us, policy.epoch_len_s),
            policy_hash: opening.policy.hash(),
            notice_commit: opening.notice_commit,
            t: policy.t,
            n: policy.n(),
        };
        let ctx = context.hash();
        // SPEC: segment.md#key-schedule: the seed, its shares and coefficients MUST be erased when
        // the epoch closes: they go when this returns.
        let seed = pool.next_seed(fresh, &ctx);
        let dealt = deal(&seed, &ctx, policy.t, &day_keys, rng)?;
        let recipients = policy.recipients.iter().filter(|recipient| recipient.not_after >= opening.now);
        // One device whose key cannot be sealed to is left out: the others' footage is not lost for it.
        let wraps = recipients.filter_map(|recipient| wrap::wrap(recipient, &ctx, &seed, rng).ok()).collect();
        let open = EpochOpen {
            key_commit: seed.key_commit(&ctx),
            share_commits: dealt.share_commits,
            shares: dealt.shares,
            wraps,
            previous: opening.previous,
            lost: opening.lost,
            receipt: opening.receipt,
            context,
        };
        let chain = Chain::start(&ctx, &open.prev_close_hash());
        let signed = open.clone().sign(opening.camera);
        Ok((Self { key: seed.content_key(&ctx), chain, next_k: 0, open }, signed))
    }

    /// Whether a segment that starts at this moment belongs to this epoch.
    pub(crate) fn holds(&self, start_us: Micros) -> bool {
        let context = &self.open.context;
        (context.start_us..context.end_us()).contains(&start_us)
    }

    /// How it ended.
    pub(crate) fn close(&self, gap: GapReason) -> EpochClose {
        EpochClose { epoch_no: self.open.context.epoch_no, segments: self.next_k, chain: self.chain.0, gap }
    }
}

/// Where an epoch begins whose first segment begins at `segment_us`: at the round time before it,
/// so that epochs join, unless footage under the epoch before reaches into it (after a gap, in
/// which that epoch was closed early): then at the segment, to the millisecond.
pub(crate) fn start_us(
    segment_us: Micros,
    epoch_len_s: u16,
    before: Option<&Epoch>,
    gap: GapReason,
) -> Micros {
    let length_us = (u64::from(epoch_len_s) * 1_000_000).max(1);
    let to = |step: u64| Micros(segment_us.0 - segment_us.0 % step);
    let round = to(length_us);
    let joins = gap == GapReason::None && before.is_some_and(|epoch| epoch.open.context.end_us() <= round);
    if joins { round } else { to(1000) }
}

/// From `start_us` to the next round time, milliseconds: all epochs are whole but those after a
/// gap.
fn length_ms(start_us: Micros, epoch_len_s: u16) -> u32 {
    let length_us = (u64::from(epoch_len_s) * 1_000_000).max(1);
    let left_us = length_us - start_us.0 % length_us;
    u32::try_from(left_us.div_ceil(1000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
