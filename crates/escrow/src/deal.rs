//! Dealing: one epoch's seed shared out among the policy's trustees, each share sealed to its
//! trustee's day key. Contract: `proto/release.md#dealing`.
//!
//! ```text
//! info = "candor share seal\0" || trustee_id || day_key_id       aad = ctx || u8 i       plaintext = u8 i || share_i
//! ```
//!
//! The seal is bound to the epoch's context, so that a share cannot be passed off as another
//! camera's, time's or policy's. In scope: making and opening sealed shares. Out of scope: whether
//! one may be opened ([`crate::grant`]).

use crate::daykeys::DayKey;
pub use crate::record::{shares_hash, slots};
use crate::share::{Share, ShareError, check_threshold, split};
use alloc::vec::Vec;
use media::epoch::{CtxHash, SealedShare};
use seal::epoch::{EpochSeed, share_commit};
use seal::hpke::{HpkeError, SecretKey};
use tlog::Hash;
use tlog::note::Verifier;
use zeroize::Zeroizing;

const TRUSTEE_DOMAIN: &[u8] = b"candor trustee\0";
const SEAL_DOMAIN: &[u8] = b"candor share seal\0";

/// Which trustee a share is sealed for: SHA-256("candor trustee\0" || its verifier key's text).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TrusteeId(pub [u8; 32]);

impl TrusteeId {
    /// The id of a trustee's verifier key.
    pub fn of(vkey: &Verifier) -> Self {
        Self(Hash::of(&[TRUSTEE_DOMAIN, vkey.vkey().as_bytes()]).0)
    }
}

/// What goes into an EpochOpen.
#[derive(Debug, Clone)]
pub struct Dealt {
    /// `share_commit_1..n`.
    pub share_commits: Vec<[u8; 32]>,
    /// Slots 1..n; empty where no key was there.
    pub shares: Vec<Option<SealedShare>>,
}

/// Deals `seed` to the trustees, in the policy's order; with none there is nothing to deal. A key
/// that cannot be sealed to is none.
pub fn deal(
    seed: &EpochSeed,
    ctx: &CtxHash,
    threshold: u8,
    trustees: &[Option<(TrusteeId, DayKey)>],
    rng: &mut impl rand_core::CryptoRng,
) -> Result<Dealt, ShareError> {
    // More trustees than a byte counts are over the limit of shares, whatever the rest.
    let count = u8::try_from(trustees.len()).unwrap_or(u8::MAX);
    if (threshold, count) == (0, 0) {
        return Ok(Dealt { share_commits: Vec::new(), shares: Vec::new() });
    }
    let mut dealt = Dealt { share_commits: Vec::new(), shares: Vec::new() };
    for (share, holder) in shares_of(seed, ctx, threshold, count)?.iter().zip(trustees) {
        dealt.share_commits.push(share_commit(ctx, share.index(), share.expose()));
        dealt.shares.push(holder.as_ref().and_then(|holder| seal_one(share, ctx, holder, rng)));
    }
    // SPEC: segment.md#epochopen: under t holders all slots MUST be empty.
    if dealt.shares.iter().flatten().count() < usize::from(threshold) {
        dealt.shares.fill(None);
    }
    Ok(dealt)
}

fn seal_one(
    share: &Share,
    ctx: &CtxHash,
    (trustee, key): &(TrusteeId, DayKey),
    rng: &mut impl rand_core::CryptoRng,
) -> Option<SealedShare> {
    let (index, day_key_id) = (share.index(), key.id().0);
    let mut plaintext = Zeroizing::new(Vec::with_capacity(1 + share.expose().len()));
    plaintext.push(index);
    plaintext.extend_from_slice(share.expose());
    let info = seal_info(trustee, &day_key_id);
    let sealed = seal::hpke::seal(&key.public, &info, &seal_aad(ctx, index), &plaintext, rng).ok()?;
    Some(SealedShare { day_key_id, sealed })
}

/// Recomputes all commitments of a seed: what a combiner compares with what the camera signed.
pub fn commitments(
    seed: &EpochSeed,
    ctx: &CtxHash,
    threshold: u8,
    count: u8,
) -> Result<Vec<[u8; 32]>, ShareError> {
    let shares = shares_of(seed, ctx, threshold, count)?;
    Ok(shares.iter().map(|share| share_commit(ctx, share.index(), share.expose())).collect())
}

/// What a sealed share held that opened.
pub(crate) enum Unsealed {
    /// A share of the right index; whether it is the right one, its commitment tells.
    Share(Share),
    /// Something else: the camera sealed nonsense.
    Nonsense,
}

/// Opens the share of this index. An error says that it was sealed for another trustee, day key,
/// epoch or index, or altered.
pub(crate) fn unseal(
    sealed: &SealedShare,
    ctx: &CtxHash,
    index: u8,
    trustee: &TrusteeId,
    key: &SecretKey,
) -> Result<Unsealed, HpkeError> {
    let info = seal_info(trustee, &sealed.day_key_id);
    let plaintext = key.open(&info, &seal_aad(ctx, index), &sealed.sealed)?;
    let share = match plaintext.split_first() {
        Some((first, value)) if *first == index => {
            <[u8; 32]>::try_from(value).ok().and_then(|value| Share::new(index, value).ok())
        }
        Some(_) | None => None,
    };
    Ok(share.map_or(Unsealed::Nonsense, Unsealed::Share))
}

fn shares_of(seed: &EpochSeed, ctx: &CtxHash, threshold: u8, count: u8) -> Result<Vec<Share>, ShareError> {
    check_threshold(threshold, count)?;
    // SPEC: release.md#dealing: coefficients MUST be derived from the seed, so that a combiner can
    // recompute every share.
    let coefficients: Vec<Zeroizing<[u8; 32]>> =
        (1..threshold).map(|j| seed.share_coefficient(ctx, j)).collect();
    let plain = Zeroizing::new(coefficients.iter().map(|one| **one).collect::<Vec<_>>());
    split(seed.expose(), &plain, threshold, count)
}

fn seal_info(trustee: &TrusteeId, day_key_id: &[u8; 32]) -> Vec<u8> {
    [SEAL_DOMAIN, &trustee.0, day_key_id].concat()
}

fn seal_aad(ctx: &CtxHash, index: u8) -> Vec<u8> {
    [&ctx.0[..], &[index]].concat()
}

#[cfg(test)]
mod tests;
