//! Shamir sharing over GF(2^8), de-randomised and in constant time. Contract:
//! `proto/release.md#sharing`; vectors: `proto/vectors/sharing.json`, made by `sharing.py`.
//!
//! ```text
//! field      GF(2)[x] / (x^8 + x^4 + x^3 + x + 1), one polynomial of degree t - 1 for each of the 32 bytes
//! share_i[b] = secret[b] + coef_1[b] * i + ... + coef_(t-1)[b] * i^(t-1)          i = 1..n
//! ```
//!
//! The coefficients are an argument: they are derived from the secret (`seal::epoch`), so that
//! whoever rebuilds the secret recomputes every share and sees which one was wrong.
//!
//! In scope: the field, splitting and interpolating. Out of scope: commitments and blame
//! ([`crate::combine`]), sealing of shares ([`crate::deal`]).

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of a secret, and of a share's value.
pub const SECRET_BYTES: usize = 32;
/// The most trustees in a policy: the contract fits a policy and its EpochOpens to it.
pub const SHARES_MAX: u8 = 16;

/// One trustee's part of a secret.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Share {
    index: u8,
    value: [u8; SECRET_BYTES],
}

/// Why a secret cannot be shared, or shares not be combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// t and n that make no sense together.
    #[error("{threshold} of {count} is no threshold: 1 <= t <= n <= {SHARES_MAX} is needed")]
    BadThreshold {
        /// t
        threshold: u8,
        /// n
        count: u8,
    },
    /// Not t - 1 coefficients.
    #[error("a threshold of {threshold} needs {} coefficients, not {got}", .threshold - 1)]
    WrongCoefficients {
        /// t
        threshold: u8,
        /// How many were given.
        got: usize,
    },
    /// Index 0 is the secret itself.
    #[error("a share's index runs from 1 to {SHARES_MAX}, not {0}")]
    BadIndex(u8),
    /// Two shares of one index.
    #[error("share {0} was given twice")]
    Duplicate(u8),
    /// No shares.
    #[error("there is no share to combine")]
    Empty,
}

impl Share {
    /// A share as it was received.
    pub fn new(index: u8, value: [u8; SECRET_BYTES]) -> Result<Self, ShareError> {
        // SPEC: release.md#sharing: index 0, an index over 16 and an index twice MUST be refused.
        if (1..=SHARES_MAX).contains(&index) {
            Ok(Self { index, value })
        } else {
            Err(ShareError::BadIndex(index))
        }
    }

    /// Which trustee of the policy it is for, from 1.
    pub fn index(&self) -> u8 {
        self.index
    }

    /// Its bytes.
    pub fn expose(&self) -> &[u8; SECRET_BYTES] {
        &self.value
    }
}

impl ConstantTimeEq for Share {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.index.ct_eq(&other.index) & self.value.ct_eq(&other.value)
    }
}

impl core::fmt::Debug for Share {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Share({}, secret)", self.index)
    }
}

/// Makes `count` shares of which `coefficients.len() + 1` rebuild the secret.
pub fn split(
    secret: &[u8; SECRET_BYTES],
    coefficients: &[[u8; SECRET_BYTES]],
    threshold: u8,
    count: u8,
) -> Result<alloc::vec::Vec<Share>, ShareError> {
    check_threshold(threshold, count)?;
    if coefficients.len() + 1 != usize::from(threshold) {
        return Err(ShareError::WrongCoefficients { threshold, got: coefficients.len() });
    }
    Ok((1..=count).map(|index| Share { index, value: evaluate(secret, coefficients, index) }).collect())
}

/// The secret whose polynomial of degree `shares.len() - 1` goes through all the shares.
///
/// Any shares give *some* secret: only recomputing the commitments tells whether it is the right
/// one ([`crate::combine`]).
pub fn interpolate(shares: &[&Share]) -> Result<zeroize::Zeroizing<[u8; SECRET_BYTES]>, ShareError> {
    if shares.is_empty() {
        return Err(ShareError::Empty);
    }
    for (at, share) in shares.iter().enumerate() {
        if shares.iter().take(at).any(|earlier| earlier.index == share.index) {
            return Err(ShareError::Duplicate(share.index));
        }
    }
    let mut secret = zeroize::Zeroizing::new([0; SECRET_BYTES]);
    for share in shares {
        // Lagrange at 0: the product of j / (j - i) over the other indexes. Indexes are public,
        // values are not.
        let mut weight = 1;
        for other in shares.iter().filter(|other| other.index != share.index) {
            weight = multiply(weight, multiply(other.index, invert(other.index ^ share.index)));
        }
        for (sum, byte) in secret.iter_mut().zip(share.value) {
            *sum ^= multiply(byte, weight);
        }
    }
    Ok(secret)
}

/// 1 <= t <= n <= [`SHARES_MAX`].
pub fn check_threshold(threshold: u8, count: u8) -> Result<(), ShareError> {
    let fits = threshold >= 1 && threshold <= count && count <= SHARES_MAX;
    if fits { Ok(()) } else { Err(ShareError::BadThreshold { threshold, count }) }
}

/// Horner's rule, for the 32 polynomials side by side.
fn evaluate(secret: &[u8; SECRET_BYTES], coefficients: &[[u8; SECRET_BYTES]], at: u8) -> [u8; SECRET_BYTES] {
    let mut value = [0; SECRET_BYTES];
    for coefficient in coefficients.iter().rev().chain([secret]) {
        for (sum, byte) in value.iter_mut().zip(coefficient) {
            *sum = multiply(*sum, at) ^ byte;
        }
    }
    value
}

/// The product in GF(2^8). No table and no branch: neither time nor memory access depends on the
/// operands.
fn multiply(a: u8, b: u8) -> u8 {
    let (mut a, mut product) = (a, 0);
    for bit in 0..8 {
        product ^= a & 0u8.wrapping_sub((b >> bit) & 1);
        // x^8 = x^4 + x^3 + x + 1
        a = (a << 1) ^ (0x1b & 0u8.wrapping_sub(a >> 7));
    }
    product
}

/// a^254, which is 1/a, and 0 for 0.
fn invert(a: u8) -> u8 {
    let mut power = a;
    let mut inverse = 1;
    for _ in 1..8 {
        power = multiply(power, power);
        inverse = multiply(inverse, power);
    }
    inverse
}

#[cfg(test)]
mod tests;
