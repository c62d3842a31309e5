//! The life of a seed: made when an epoch opens, wrapped and dealt, erased when it closes. Pure. Contract: `proto/segment.md#epochopen`.
//!
//! ```text
//! seed -> wraps for the policy's recipients, shares for its trustees -> EpochOpen, signed -> segments sealed -> close, bound by the next
//! ```
//!
//! The camera can open nothing that it filmed: it keeps the content key of the epoch it is filming and nothing of those before.

use ed25519_dalek::SigningKey;
use escrow::daykeys::DayKey;
use escrow::deal::{DealError, TrusteeId, deal};
use media::chain::Chain;
use media::epoch::{EpochClose, EpochContext, EpochOpen, GapReason, SignedEpochOpen};
use media::id::{CameraId, EpochNo, TrackId};
use media::policy::{OwnerPolicy, SignedOwnerPolicy};
use rand_core::CryptoRng;
use seal::epoch::{ContentKey, Pool};
use seal::hpke::HpkeError;
use seal::wrap;

/// Why an epoch did not open. Nothing is filmed under it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EpochError {
    #[error(
        "a recipient's key in the owner's policy cannot be sealed to: {0}; the owner must correct the policy"
    )]
    Wrap(#[from] HpkeError),
    #[error("the seed could not be shared: {0}")]
    Deal(#[from] DealError),
    #[error("{held} of {needed} trustees' keys for this day are known; filming waits for the others")]
    DayKeysMissing { held: usize, needed: usize },
    #[error("the counter of epochs is used up")]
    Counter,
}

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
    pub(crate) policy: &'a SignedOwnerPolicy,
    pub(crate) day_keys: &'a [(TrusteeId, DayKey)],
    pub(crate) notice_commit: [u8; 32],
    pub(crate) epoch_no: EpochNo,
    pub(crate) start_us: u64,
    pub(crate) previous: Option<EpochClose>,
    /// Unix seconds: a recipient whose time is over gets no wrap.
    pub(crate) now: u64,
}

impl Epoch {
    /// Makes a seed, wraps and deals it, signs the EpochOpen. The seed is gone when this returns.
    pub(crate) fn open(
        opening: Opening<'_>,
        pool: &mut Pool,
        fresh: &[u8; 32],
        rng: &mut impl CryptoRng,
    ) -> Result<(Self, SignedEpochOpen), EpochError> {
        let policy: &OwnerPolicy = opening.policy.unverified();
        let needed = policy.trustees.len();
        if opening.day_keys.len() != needed {
            // SPEC: segment.md#epochopen: a camera MUST NOT film under fewer shares than the policy's.
            return Err(EpochError::DayKeysMissing { held: opening.day_keys.len(), needed });
        }
        let context = EpochContext {
            camera_id: CameraId::of_key(opening.camera.verifying_key().as_bytes()),
            track: TrackId(0),
            epoch_no: opening.epoch_no,
            start_us: opening.start_us,
            dur_ms: length_ms(opening.start_us, policy.epoch_len_s),
            policy_hash: opening.policy.hash(),
            notice_commit: opening.notice_commit,
            t: policy.t,
            n: policy.n(),
        };
        let ctx = context.hash();
        let seed = pool.next_seed(fresh, &ctx);
        let dealt = deal(&seed, &ctx, policy.t, opening.day_keys, rng)?;
        let mut wraps = Vec::new();
        for recipient in policy.recipients.iter().filter(|recipient| recipient.not_after >= opening.now) {
            wraps.push(wrap::wrap(recipient, &ctx, &seed, rng)?);
        }
        let open = EpochOpen {
            key_commit: seed.key_commit(&ctx),
            share_commits: dealt.share_commits,
            shares: dealt.shares,
            wraps,
            previous: opening.previous,
            context,
        };
        let chain = Chain::start(&ctx, &open.prev_close_hash());
        let signed = open.clone().sign(opening.camera);
        Ok((Self { key: seed.content_key(&ctx), chain, next_k: 0, open }, signed))
    }

    /// Whether a segment that starts at this moment belongs to this epoch.
    pub(crate) fn holds(&self, start_us: u64) -> bool {
        let context = &self.open.context;
        (context.start_us..context.end_us()).contains(&start_us)
    }

    /// How it ended.
    pub(crate) fn close(&self, gap: GapReason) -> EpochClose {
        EpochClose { epoch_no: self.open.context.epoch_no, segments: self.next_k, chain: self.chain.0, gap }
    }
}

/// From `start_us` to the next boundary of the wall clock, milliseconds: all epochs but a track's first after a start are whole.
fn length_ms(start_us: u64, epoch_len_s: u16) -> u32 {
    let length_us = u64::from(epoch_len_s) * 1_000_000;
    let left_us = length_us - start_us % length_us;
    u32::try_from(left_us.div_ceil(1000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_end_at_round_times() {
        assert_eq!(length_ms(1_800_000_000_000_000, 60), 60_000);
        assert_eq!(length_ms(1_800_000_059_000_000, 60), 1_000);
        assert_eq!(length_ms(1_800_000_059_999_999, 60), 1);
        assert_eq!(length_ms(1_800_000_003_000_000, 10), 7_000);
    }
}
