//! The rollback rule: whether a head may be cosigned, given the latest one that was. Pure.
//!
//! Parsing, the origin and the log's signature come before (`state.rs`); what is decided here is
//! growth alone. The order of the checks is the order in which proto/log.md lists the answers.

use tlog::checkpoint::CheckpointError;
use tlog::merkle::{self, ConsistencyProof};
use tlog::reader::Head;
use tlog::witness::RequestError;

/// Why a request is refused. One variant for each row of the table in proto/log.md#witness.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("malformed: {0}")]
    Malformed(#[from] RequestError),
    #[error("the old size {old} is larger than the checkpoint's {size}")]
    OldBeyondSize { old: u64, size: u64 },
    #[error("no log of this origin is known here")]
    UnknownOrigin,
    #[error("no valid signature by a trusted key of the log: {0}")]
    Unsigned(CheckpointError),
    #[error("the latest head cosigned here has size {latest}")]
    Stale { latest: u64 },
    #[error("another head of this very size was cosigned here: the log has forked")]
    OtherRoot,
    #[error("an empty tree has one root, and this is not it")]
    EmptyRoot,
    #[error("the consistency proof does not show that the tree only grew")]
    Inconsistent,
}

impl Refusal {
    /// The HTTP status of this refusal.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::OldBeyondSize { .. } => 400,
            Self::UnknownOrigin => 404,
            Self::Unsigned(_) => 403,
            Self::Stale { .. } => 409,
            Self::OtherRoot | Self::EmptyRoot | Self::Inconsistent => 422,
        }
    }

    /// Whether the refused checkpoint, which the log did sign, is kept: it may show that the log
    /// forked.
    pub(crate) fn is_evidence(&self) -> bool {
        matches!(self, Self::OtherRoot | Self::EmptyRoot | Self::Inconsistent)
    }
}

/// Decides whether `head`, said to grow from size `old` by `proof`, may be cosigned after `latest`
/// (`None`: this witness never cosigned a head of this log).
pub(crate) fn decide(
    latest: Option<Head>,
    old: u64,
    head: Head,
    proof: &ConsistencyProof,
) -> Result<(), Refusal> {
    // SPEC: log.md#witness: old > size is malformed (400).
    if old > head.size {
        return Err(Refusal::OldBeyondSize { old, size: head.size });
    }
    let latest = latest.unwrap_or(Head::EMPTY);
    // SPEC: log.md#witness: the old size MUST be that of the latest head cosigned here (409 with
    // that size).
    if old != latest.size {
        return Err(Refusal::Stale { latest: latest.size });
    }
    // SPEC: log.md#witness: a wrong root of the empty tree, a superfluous or failing proof, another
    // root of the same size are refused as inconsistent (422).
    if head.size == 0 && head.root != Head::EMPTY.root {
        return Err(Refusal::EmptyRoot);
    }
    if head.size == latest.size && head.root != latest.root {
        return Err(Refusal::OtherRoot);
    }
    merkle::verify_consistency(latest.size, &latest.root, head.size, &head.root, proof)
        .map_err(|_| Refusal::Inconsistent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tlog::Hash;
    use tlog::merkle::{Tree, leaf_hash};
    use tlog::note::NoteError;

    fn tree(size: u64, salt: u8) -> Tree {
        let mut tree = Tree::new();
        (0..size).for_each(|n| tree.push(leaf_hash(&[&n.to_be_bytes()[..], &[salt]].concat())));
        tree
    }

    fn head(tree: &Tree, size: u64) -> Head {
        Head { size, root: tree.root_at(size).unwrap() }
    }

    /// Every latest head, every request, honest and forked: exactly the honest growth from the
    /// latest head is cosigned.
    #[test]
    fn only_growth_from_the_latest_head_is_cosigned() {
        const MAX: u64 = 17;
        let (honest, forked) = (tree(MAX, 0), tree(MAX, 1));
        for latest in 0..=MAX {
            for old in 0..=MAX {
                for size in 0..=MAX {
                    let proof = honest.prove_consistency(old.min(size), size).unwrap();
                    let decided = decide(Some(head(&honest, latest)), old, head(&honest, size), &proof);
                    let expected = match () {
                        () if old > size => Err(Refusal::OldBeyondSize { old, size }),
                        () if old != latest => Err(Refusal::Stale { latest }),
                        () => Ok(()),
                    };
                    assert_eq!(decided, expected, "{latest} {old} {size}");
                    if size == 0 || old != latest || old > size {
                        continue;
                    }
                    let forked_proof = forked.prove_consistency(old, size).unwrap();
                    let decided =
                        decide(Some(head(&honest, latest)), old, head(&forked, size), &forked_proof);
                    let expected = match latest {
                        // Before the first head any history will do: nothing was cosigned.
                        0 => Ok(()),
                        _ if latest == size => Err(Refusal::OtherRoot),
                        _ => Err(Refusal::Inconsistent),
                    };
                    assert_eq!(decided, expected, "fork: {latest} {old} {size}");
                }
            }
        }
    }

    #[test]
    fn a_proof_with_a_hash_too_many_too_few_or_changed_is_refused() {
        let tree = tree(13, 0);
        for (old, size) in [(0, 0), (0, 5), (5, 5), (3, 13), (4, 8), (8, 13)] {
            let good = tree.prove_consistency(old, size).unwrap();
            let latest = Some(head(&tree, old));
            let decided =
                |hashes: Vec<Hash>| decide(latest, old, head(&tree, size), &ConsistencyProof(hashes));
            assert_eq!(decided(good.0.clone()), Ok(()));
            let mut long = good.0.clone();
            long.push(Hash([7; 32]));
            assert_eq!(decided(long), Err(Refusal::Inconsistent), "superfluous {old} {size}");
            for place in 0..good.0.len() {
                let mut changed = good.0.clone();
                changed[place].0[0] ^= 1;
                assert_eq!(decided(changed), Err(Refusal::Inconsistent));
                let mut short = good.0.clone();
                short.remove(place);
                assert_eq!(decided(short), Err(Refusal::Inconsistent));
            }
        }
    }

    #[test]
    fn the_empty_tree_has_one_root() {
        let none = ConsistencyProof(Vec::new());
        let empty = Head::EMPTY;
        assert_eq!(decide(None, 0, empty, &none), Ok(()));
        assert_eq!(decide(Some(empty), 0, empty, &none), Ok(()));
        let wrong = Head { size: 0, root: Hash([0; 32]) };
        assert_eq!(decide(None, 0, wrong, &none), Err(Refusal::EmptyRoot));
    }

    #[test]
    fn statuses_are_those_of_the_contract() {
        let status = [
            (Refusal::Malformed(RequestError::BadOldSize), 400, false),
            (Refusal::OldBeyondSize { old: 2, size: 1 }, 400, false),
            (Refusal::UnknownOrigin, 404, false),
            (Refusal::Unsigned(NoteError::NoKnownKey.into()), 403, false),
            (Refusal::Stale { latest: 1 }, 409, false),
            (Refusal::OtherRoot, 422, true),
            (Refusal::EmptyRoot, 422, true),
            (Refusal::Inconsistent, 422, true),
        ];
        for (refusal, expected, evidence) in status {
            assert_eq!((refusal.status(), refusal.is_evidence()), (expected, evidence), "{refusal}");
        }
    }
}
