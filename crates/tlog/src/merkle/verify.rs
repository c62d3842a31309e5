//! Checking proofs (RFC 9162 sections 2.1.3.2 and 2.1.4.2, which are loops where RFC 6962
//! recurses).

use super::{ConsistencyProof, InclusionProof, node_hash};
use crate::Hash;

/// Why a proof shows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The index is not in the tree, or the old tree is larger than the new one.
    #[error("{inner} is not within {outer} leaves")]
    OutOfRange {
        /// The leaf's index or the smaller size.
        inner: u64,
        /// The size of the tree.
        outer: u64,
    },
    /// More or fewer hashes than the sizes call for.
    #[error("the proof has the wrong number of hashes for these sizes")]
    WrongLength,
    /// The hashes lead to another root of the smaller tree.
    #[error("the proof leads to another root for the old tree")]
    OldRootMismatch,
    /// The hashes lead to another root.
    #[error("the proof leads to another root")]
    RootMismatch,
}

/// Checks that `leaf` is at `index` of the tree of `size` leaves with this `root`.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    root: &Hash,
    proof: &InclusionProof,
) -> Result<(), VerifyError> {
    if index >= size {
        return Err(VerifyError::OutOfRange { inner: index, outer: size });
    }
    // SPEC: log.md#the-tree: a verifier MUST be safe for any 64-bit size and index: at most 64
    // turns, and nothing overflows.
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in &proof.0 {
        if last == 0 {
            return Err(VerifyError::WrongLength);
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            skip_unpaired(&mut at, &mut last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    // SPEC: log.md#the-tree: a proof longer or shorter than the sizes call for MUST be refused.
    if last != 0 {
        return Err(VerifyError::WrongLength);
    }
    if hash == *root { Ok(()) } else { Err(VerifyError::RootMismatch) }
}

/// Checks that the tree (`new_size`, `new_root`) continues the tree (`old_size`, `old_root`).
///
/// Equal sizes take an empty proof and equal roots. A tree of size 0 has one root, and everything
/// continues it with an empty proof.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    proof: &ConsistencyProof,
) -> Result<(), VerifyError> {
    if old_size > new_size {
        return Err(VerifyError::OutOfRange { inner: old_size, outer: new_size });
    }
    let empty = Hash::of(&[]);
    // SPEC: log.md#the-tree: a tree of size 0 MUST have the root SHA-256("").
    if old_size == 0 && *old_root != empty {
        return Err(VerifyError::OldRootMismatch);
    }
    if old_size == 0 || old_size == new_size {
        // SPEC: log.md#the-tree: a superfluous proof MUST be refused.
        if !proof.0.is_empty() {
            return Err(VerifyError::WrongLength);
        }
        let same = old_size != new_size || old_root == new_root;
        return if same { Ok(()) } else { Err(VerifyError::RootMismatch) };
    }
    let mut hashes = proof.0.iter();
    // Where the old tree is one perfect subtree, the proof starts from its root, which the verifier
    // has.
    let start = if old_size.is_power_of_two() { Some(old_root) } else { hashes.next() };
    let start = *start.ok_or(VerifyError::WrongLength)?;
    let level = old_size.trailing_zeros();
    let (mut at, mut last) = ((old_size - 1) >> level, (new_size - 1) >> level);
    let (mut old, mut new) = (start, start);
    for sibling in hashes {
        if last == 0 {
            return Err(VerifyError::WrongLength);
        }
        if at & 1 == 1 || at == last {
            old = node_hash(sibling, &old);
            new = node_hash(sibling, &new);
            skip_unpaired(&mut at, &mut last);
        } else {
            new = node_hash(&new, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(VerifyError::WrongLength);
    }
    if old != *old_root {
        return Err(VerifyError::OldRootMismatch);
    }
    if new == *new_root { Ok(()) } else { Err(VerifyError::RootMismatch) }
}

/// At the right edge, levels where the node has no sibling are passed without a hash.
fn skip_unpaired(at: &mut u64, last: &mut u64) {
    while *at & 1 == 0 && *at != 0 {
        *at >>= 1;
        *last >>= 1;
    }
}
