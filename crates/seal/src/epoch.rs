//! The key schedule of one epoch. Contract: `proto/segment.md#key-schedule`; vectors:
//! `proto/vectors/key-schedule.json`.
//!
//! ```text
//! pool   = HKDF-Extract(salt = pool before, ikm = 32 fresh bytes)
//! seed   = HKDF-Expand(pool, "candor seed\0" || ctx, 32)
//! prk    = HKDF-Extract(salt = "candor epoch", ikm = seed)
//! key    = HKDF-Expand(prk, "content\0" || ctx, 32)             opens the epoch's segments
//! commit = HKDF-Expand(prk, "key-commit\0" || ctx, 32)          published, signed
//! coef_j = HKDF-Expand(prk, "share-coef\0" || u8 j || ctx, 32)  j = 1..t-1
//! ```
//!
//! Seeds are independent: a released epoch says nothing of its neighbours. HKDF is HKDF-SHA-256.

use media::epoch::CtxHash;
use media::sign::sha256;
use ring::{hkdf, hmac};
use zeroize::Zeroizing;

/// A hedge against a weak generator: fresh randomness is folded into what was there. Never stored.
// SPEC: segment.md#key-schedule: a pool MUST NOT be stored: it has no bytes to give.
#[derive(zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct Pool([u8; 32]);

impl core::fmt::Debug for Pool {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Pool(secret)")
    }
}

/// A secret of 32 bytes: erased when it is dropped, shown by its name alone, and compared in the
/// same time wherever two of them differ.
macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
        pub struct $name([u8; 32]);

        impl $name {
            /// One that was made, kept or opened before.
            pub fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes, to be kept, wrapped or shared.
            pub fn expose(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($name), "(secret)"))
            }
        }

        impl subtle::ConstantTimeEq for $name {
            fn ct_eq(&self, other: &Self) -> subtle::Choice {
                self.0.ct_eq(&other.0)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                subtle::ConstantTimeEq::ct_eq(self, other).into()
            }
        }

        impl Eq for $name {}
    };
}
pub(crate) use secret;

secret!(
    /// An epoch's seed: what is wrapped for admins and shared among trustees.
    EpochSeed
);
secret!(
    /// What opens an epoch's segments.
    ContentKey
);

impl Pool {
    /// Starts from the operating system's randomness.
    pub fn new(fresh: [u8; 32]) -> Self {
        Self(fresh)
    }

    /// Folds fresh randomness in and derives the seed of the epoch with this context. What was
    /// there before is gone.
    pub fn next_seed(&mut self, fresh: &[u8; 32], ctx: &CtxHash) -> EpochSeed {
        // SPEC: segment.md#key-schedule: the pool before MUST be erased.
        let mut next = Zeroizing::new(extract(&self.0, fresh));
        core::mem::swap(&mut self.0, &mut *next);
        EpochSeed(*expand(&self.0, &[b"candor seed\0", &ctx.0]))
    }
}

impl EpochSeed {
    /// `key_e`.
    pub fn content_key(&self, ctx: &CtxHash) -> ContentKey {
        ContentKey(*self.expand(&[b"content\0", &ctx.0]))
    }

    /// `commit_e`: what the camera publishes and signs, and whoever gets a seed compares.
    pub fn key_commit(&self, ctx: &CtxHash) -> [u8; 32] {
        *self.expand(&[b"key-commit\0", &ctx.0])
    }

    /// `coef_j`, j from 1: the sharing is a function of the seed, so that whoever rebuilds it
    /// recomputes every share.
    pub fn share_coefficient(&self, ctx: &CtxHash, j: u8) -> Zeroizing<[u8; 32]> {
        self.expand(&[b"share-coef\0", &[j], &ctx.0])
    }

    fn expand(&self, info: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        let prk = Zeroizing::new(extract(b"candor epoch", &self.0));
        expand(&prk, info)
    }
}

/// `share_commit_i`: what the camera publishes and signs for the share with this index.
pub fn share_commit(ctx: &CtxHash, index: u8, share: &[u8; 32]) -> [u8; 32] {
    sha256(&[b"candor share\0", &ctx.0, &[index], share])
}

/// HKDF-Extract is HMAC(salt, ikm): RFC 5869, section 2.2.
fn extract(salt: &[u8], ikm: &[u8]) -> [u8; 32] {
    let mut prk = [0; 32];
    prk.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt), ikm).as_ref());
    prk
}

/// HKDF-Expand to a key of 32 bytes, or to as many as are asked for.
pub(crate) fn expand<const N: usize>(prk: &[u8; 32], info: &[&[u8]]) -> Zeroizing<[u8; N]> {
    struct Bytes(usize);
    impl hkdf::KeyType for Bytes {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut okm = Zeroizing::new([0; N]);
    hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, prk)
        .expand(info, Bytes(N))
        .and_then(|okm_of| okm_of.fill(&mut okm[..]))
        .expect("two keys are within HKDF's limit");
    okm
}
