//! Dealing: what a camera seals to its trustees' day keys. One epoch's seed, shared out among the
//! policy's trustees; a day's notice key, whole. Contract: `proto/release.md#dealing`,
//! `proto/segment.md#daynotice`.
//!
//! ```text
//! info = "candor share seal\0"  || trustee_id || day_key_id       aad = ctx || u8 i             plaintext = u8 i || share_i
//! info = "candor notice seal\0" || trustee_id || day_key_id       aad = camera_id || u32 day    plaintext = notice_d
//! ```
//!
//! A share is bound to the epoch's context, so that it cannot be passed off as another camera's,
//! time's or policy's; a notice key to camera and day. In scope: making and opening what is sealed.
//! Out of scope: whether a share may be opened ([`crate::grant`]).

use crate::daykeys::DayKey;
pub use crate::record::{shares_hash, slots};
use crate::share::{Share, ShareError, check_threshold, split};
use alloc::vec::Vec;
use media::epoch::{CtxHash, SealedShare};
use media::id::{CameraId, Day};
use media::limits;
use media::notice::DayNotice;
use seal::epoch::{EpochSeed, share_commit};
use seal::hpke::{HpkeError, SecretKey};
use seal::notice::NoticeKey;
use tlog::Hash;
use tlog::note::Verifier;
use zeroize::Zeroizing;

const TRUSTEE_DOMAIN: &[u8] = b"candor trustee\0";
const SHARE_DOMAIN: &[u8] = b"candor share seal\0";
const NOTICE_DOMAIN: &[u8] = b"candor notice seal\0";

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
    holder: &(TrusteeId, DayKey),
    rng: &mut impl rand_core::CryptoRng,
) -> Option<SealedShare> {
    let index = share.index();
    let mut plaintext = Zeroizing::new(Vec::with_capacity(1 + share.expose().len()));
    plaintext.push(index);
    plaintext.extend_from_slice(share.expose());
    seal_to(holder, SHARE_DOMAIN, &seal_aad(ctx, index), &plaintext, rng)
}

fn seal_to(
    (trustee, key): &(TrusteeId, DayKey),
    domain: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    rng: &mut impl rand_core::CryptoRng,
) -> Option<SealedShare> {
    let day_key_id = key.id().0;
    let info = seal_info(domain, trustee, &day_key_id);
    let sealed = seal::hpke::seal(&key.public, &info, aad, plaintext, rng).ok()?;
    Some(SealedShare { day_key_id, sealed })
}

/// The DayNotice of the holders' day: `held`, if it is of this notice key and day, and a slot more
/// for each holder whom it lacks. Who has a slot keeps it, whatever the policy says by now: footage of
/// the morning is theirs to judge. A key that cannot be sealed to is none.
pub fn notice(
    key: &NoticeKey,
    camera_id: CameraId,
    day: Day,
    held: Option<&DayNotice>,
    holders: &[(TrusteeId, DayKey)],
    rng: &mut impl rand_core::CryptoRng,
) -> DayNotice {
    let notice_commit = key.commit();
    let mut notice = DayNotice { camera_id, day, notice_commit, slots: Vec::new() };
    if let Some(held) = held.filter(|held| (held.day, held.notice_commit) == (day, notice_commit)) {
        notice.slots.clone_from(&held.slots);
    }
    // SPEC: segment.md#daynotice: a camera MUST seal to keys of that day alone.
    for holder in holders.iter().filter(|(_, of)| of.day == day) {
        if notice.slot(&holder.1.id().0).is_none() && notice.slots.len() < limits::NOTICE_SLOTS {
            let aad = notice_aad(&camera_id, day);
            notice.slots.extend(seal_to(holder, NOTICE_DOMAIN, &aad, key.expose(), rng));
        }
    }
    notice.slots.sort_by_key(|slot| slot.day_key_id);
    notice
}

/// The notice key that a slot gives to the holder of its day key; none if it is sealed for another
/// trustee, camera or day, or is not the key to which the notice commits.
pub(crate) fn open_notice(
    notice: &DayNotice,
    slot: &SealedShare,
    trustee: &TrusteeId,
    secret: &SecretKey,
) -> Option<NoticeKey> {
    let info = seal_info(NOTICE_DOMAIN, trustee, &slot.day_key_id);
    let opened = secret.open(&info, &notice_aad(&notice.camera_id, notice.day), &slot.sealed).ok()?;
    let key = NoticeKey::new(<[u8; 32]>::try_from(&opened[..]).ok()?);
    (key.commit() == notice.notice_commit).then_some(key)
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
    let info = seal_info(SHARE_DOMAIN, trustee, &sealed.day_key_id);
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

pub(crate) fn seal_info(domain: &[u8], trustee: &TrusteeId, day_key_id: &[u8; 32]) -> Vec<u8> {
    [domain, &trustee.0, day_key_id].concat()
}

fn notice_aad(camera_id: &CameraId, day: Day) -> Vec<u8> {
    [&camera_id.0[..], &day.0.to_be_bytes()].concat()
}

fn seal_aad(ctx: &CtxHash, index: u8) -> Vec<u8> {
    [&ctx.0[..], &[index]].concat()
}

#[cfg(test)]
mod tests;
