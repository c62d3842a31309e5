//! Combining: t shares rebuild a seed; all n are recomputed and compared with what the camera
//! signed, so that a bad one is caught and its author named. Contract:
//! `proto/release.md#combining`.
//!
//! ```text
//! shares --share_commit--> good, or a culprit --t good ones--> seed --recompute--> key_commit and all n share_commits as signed
//! ```
//!
//! In scope: rebuilding and blaming. Out of scope: whether the EpochOpen is the camera's (its
//! signature), whether a share came from the trustee of its index
//! ([`crate::bundle::OpenBundle::of_trustee`]).

use crate::deal::commitments;
use crate::share::{Share, interpolate};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use media::epoch::EpochOpen;
use seal::epoch::{EpochSeed, share_commit};
use subtle::ConstantTimeEq as _;

/// A rebuilt seed, and who gave a wrong share on the way.
pub struct Combined {
    /// The seed; it matches `key_commit` and every `share_commit`.
    pub seed: EpochSeed,
    /// Indexes of trustees whose share does not match its commitment.
    pub culprits: Vec<u8>,
}

impl core::fmt::Debug for Combined {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Combined(seed, culprits {:?})", self.culprits)
    }
}

/// Why a seed was not rebuilt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CombineError {
    /// Under t trustees had a key when it was filmed.
    #[error("it was filmed for the owner's devices alone: under {needed} trustees had a key of its day")]
    NotEscrowed {
        /// t
        needed: u8,
    },
    /// Not enough shares that match their commitments.
    #[error("{good} good shares, {needed} are needed{}", bad(.culprits))]
    TooFew {
        /// Shares that match.
        good: usize,
        /// t
        needed: u8,
        /// Whose do not.
        culprits: Vec<u8>,
    },
    /// Good shares rebuild a seed whose commitments differ: the camera dealt badly.
    #[error("the camera's own commitments contradict each other: the camera dealt this epoch badly")]
    CameraDealtBadly,
}

/// Whose shares were bad, if somebody's were.
fn bad(culprits: &[u8]) -> String {
    if culprits.is_empty() { String::new() } else { format!("; bad ones came from trustees {culprits:?}") }
}

/// Rebuilds the seed of a verified EpochOpen.
pub fn combine(open: &EpochOpen, shares: &[Share]) -> Result<Combined, CombineError> {
    let (ctx, needed) = (open.context.hash(), open.context.t);
    if needed > 0 && !open.is_escrowed() {
        return Err(CombineError::NotEscrowed { needed });
    }
    let mut good: Vec<&Share> = Vec::new();
    let mut culprits = Vec::new();
    for share in shares {
        let index = share.index();
        let signed = usize::from(index).checked_sub(1).and_then(|at| open.share_commits.get(at));
        // SPEC: release.md#combining: every share MUST be compared with its signed commitment
        // before it is used.
        if signed == Some(&share_commit(&ctx, index, share.expose())) {
            if good.iter().all(|known| known.index() != index) {
                good.push(share);
            }
        } else if !culprits.contains(&index) {
            culprits.push(index);
        }
    }
    culprits.sort_unstable();
    let enough = needed > 0 && good.len() >= usize::from(needed);
    let chosen = good.get(..usize::from(needed)).filter(|_| enough);
    let Some(chosen) = chosen else {
        return Err(CombineError::TooFew { good: good.len(), needed, culprits });
    };

    let secret = interpolate(chosen).map_err(|_| CombineError::CameraDealtBadly)?;
    let seed = EpochSeed::new(*secret);
    // SPEC: release.md#combining: all n commitments and the key's MUST be recomputed from the seed
    // and be as the camera signed them.
    let dealt =
        commitments(&seed, &ctx, needed, open.context.n).map_err(|_| CombineError::CameraDealtBadly)?;
    let same_key = bool::from(seed.key_commit(&ctx).ct_eq(&open.key_commit));
    if same_key && dealt == open.share_commits {
        Ok(Combined { seed, culprits })
    } else {
        Err(CombineError::CameraDealtBadly)
    }
}

#[cfg(test)]
mod tests;
