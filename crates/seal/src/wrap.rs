//! Wraps: an epoch's seed (for an admin) or content key (for a guest), sealed to one device.
//! Contract: `proto/segment.md#wraps`.
//!
//! ```text
//! HPKE(info = "candor wrap\0" || device_id, aad = ctx, plaintext = u8 role || 32 bytes)      role 1: the seed; 2: the content key
//! ```

use crate::epoch::{ContentKey, EpochSeed};
use crate::hpke::{self, HpkeError, SecretKey};
use alloc::vec::Vec;
use media::epoch::{CtxHash, EpochOpen, Wrap};
use media::id::DeviceId;
use media::policy::{Recipient, Role};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

const SEED: u8 = 1;
const CONTENT_KEY: u8 = 2;

/// What a wrap gave.
#[derive(Debug, Clone)]
pub enum Unwrapped {
    /// An admin's: the seed, checked against the EpochOpen's key commitment.
    Seed(EpochSeed),
    /// A guest's.
    Content(ContentKey),
}

/// Why a device gets no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrapError {
    /// The EpochOpen has no wrap for this device.
    #[error("the epoch is not wrapped for this device")]
    NotForMe,
    /// It does not open.
    #[error(transparent)]
    Hpke(#[from] HpkeError),
    /// It opens to something else than a seed or key, or to a seed that the key commitment
    /// contradicts.
    #[error("the wrap holds no key of this epoch")]
    WrongKey,
}

impl Unwrapped {
    /// The content key, either way.
    pub fn content_key(&self, ctx: &CtxHash) -> ContentKey {
        match self {
            Self::Seed(seed) => seed.content_key(ctx),
            Self::Content(key) => key.clone(),
        }
    }
}

/// Seals the seed or content key to a recipient, by its role.
///
/// # Errors
/// [`HpkeError::BadPublicKey`].
pub fn wrap(
    recipient: &Recipient,
    ctx: &CtxHash,
    seed: &EpochSeed,
    rng: &mut impl rand_core::CryptoRng,
) -> Result<Wrap, HpkeError> {
    let mut plaintext = Zeroizing::new([0; 33]);
    let (kind, key) = plaintext.split_at_mut(1);
    match recipient.role {
        Role::Admin => {
            kind.fill(SEED);
            key.copy_from_slice(seed.expose());
        }
        Role::Guest => {
            kind.fill(CONTENT_KEY);
            key.copy_from_slice(seed.content_key(ctx).expose());
        }
    }
    let info = info(&recipient.device_id);
    let sealed = hpke::seal(&recipient.wrap_pk, &info, &ctx.0, &plaintext[..], rng)?;
    Ok(Wrap { device_id: recipient.device_id, sealed })
}

/// Opens this device's wrap in an EpochOpen whose signature the caller has verified.
///
/// # Errors
/// [`WrapError`].
pub fn unwrap(device: &DeviceId, key: &SecretKey, open: &EpochOpen) -> Result<Unwrapped, WrapError> {
    let ctx = open.context.hash();
    let wrap = open.wraps.iter().find(|wrap| wrap.device_id == *device).ok_or(WrapError::NotForMe)?;
    let plaintext = key.open(&info(device), &ctx.0, &wrap.sealed)?;
    let (kind, key) = plaintext.split_first().ok_or(WrapError::WrongKey)?;
    let key = <[u8; 32]>::try_from(key).map_err(|_| WrapError::WrongKey)?;
    match *kind {
        SEED => {
            let seed = EpochSeed::new(key);
            // SPEC: segment.md#wraps: a seed that the signed key commitment contradicts MUST be
            // refused.
            // SPEC: segment.md#key-schedule: a seed whose commitment is not the signed one MUST NOT
            // be used.
            let committed = seed.key_commit(&ctx).ct_eq(&open.key_commit);
            if bool::from(committed) { Ok(Unwrapped::Seed(seed)) } else { Err(WrapError::WrongKey) }
        }
        CONTENT_KEY => Ok(Unwrapped::Content(ContentKey::new(key))),
        _ => Err(WrapError::WrongKey),
    }
}

fn info(device: &DeviceId) -> Vec<u8> {
    [b"candor wrap\0", &device.0[..]].concat()
}
