use super::*;
use alloc::vec;

fn leaf(n: u64) -> Hash {
    leaf_hash(&n.to_be_bytes())
}

const HOSTILE: [u64; 12] =
    [0, 1, 2, 3, 255, 256, (1 << 32) + 1, 1 << 62, (1 << 63) - 1, 1 << 63, u64::MAX - 1, u64::MAX];

#[test]
fn a_frontier_is_the_same_by_leaves_by_subtrees_and_from_storage() {
    let mut tree = Tree::new();
    let mut frontier = Frontier::new();
    for size in 0..130 {
        assert_eq!((frontier.size(), frontier.root()), (size, tree.root()));
        assert_eq!(tree.frontier_at(size).as_ref(), Some(&frontier));
        assert_eq!(Frontier::from_nodes(size, frontier.nodes().to_vec()).as_ref(), Some(&frontier));
        for from in 0..=size {
            let mut grown = tree.frontier_at(from).unwrap();
            for id in cover(from, size) {
                grown.push_subtree(id.level, tree.node(id).unwrap()).unwrap();
            }
            assert_eq!(grown, frontier, "{from} to {size}");
        }
        tree.push(leaf(size));
        frontier.push(leaf(size));
    }
    assert_eq!(tree.root_at(131), None);
    assert_eq!(tree.frontier_at(131), None);
    assert_eq!(tree.prove_inclusion(1, 131), Err(ProveError::OutOfRange { inner: 131, outer: 130 }));
}

#[test]
fn a_frontier_that_cannot_be_is_refused() {
    for count in [0, 1, 3] {
        assert_eq!(Frontier::from_nodes(5, vec![leaf(0); count]), None);
    }
    let mut frontier = Frontier::from_nodes(3, vec![leaf(0); 2]).unwrap();
    assert_eq!(frontier.push_subtree(1, leaf(1)), None, "2 leaves begin at an even place");
    assert_eq!(frontier.push_subtree(64, leaf(1)), None);
    assert_eq!(frontier, Frontier::from_nodes(3, vec![leaf(0); 2]).unwrap());
    let mut full = Frontier::from_nodes(u64::MAX, vec![leaf(0); 64]).unwrap();
    assert_eq!(full.push_subtree(0, leaf(1)), None);
    assert_eq!(full.size(), u64::MAX);
}

#[test]
fn hostile_sizes_are_answered_at_once_with_a_named_error() {
    let root = leaf(9);
    for outer in HOSTILE {
        for inner in HOSTILE {
            for length in [0, 1, 31, 62, 63, 64, 65, 66, 1000] {
                let hashes = vec![leaf(3); length];
                let included =
                    verify_inclusion(&leaf(1), inner, outer, &root, &InclusionProof(hashes.clone()));
                assert!(included.is_err(), "{inner} in {outer} with {length}");
                assert_eq!(matches!(included, Err(VerifyError::OutOfRange { .. })), inner >= outer);
                let proof = ConsistencyProof(hashes);
                let consistent = verify_consistency(inner, &leaf(2), outer, &root, &proof);
                assert!(consistent.is_err(), "{inner} to {outer} with {length}");
                assert_eq!(matches!(consistent, Err(VerifyError::OutOfRange { .. })), inner > outer);
            }
        }
    }
}

#[test]
fn proofs_of_the_largest_trees_are_made_and_verify() {
    // Every perfect subtree of a level has the same hash if all leaves are equal, so that a tree of
    // 2^64 - 1 leaves has cheap nodes.
    let mut equal = vec![leaf(0)];
    for level in 0..63 {
        equal.push(node_hash(&equal[level], &equal[level]));
    }
    let node = |id: NodeId| Ok::<_, ()>(equal[usize::from(id.level)]);
    for size in HOSTILE.into_iter().filter(|size| *size > 0) {
        let root = root_at(size, node).unwrap();
        for index in HOSTILE.into_iter().filter(|index| *index < size) {
            let proof = prove_inclusion(index, size, node).unwrap();
            assert!(proof.0.len() <= MAX_PROOF_HASHES);
            assert_eq!(verify_inclusion(&leaf(0), index, size, &root, &proof), Ok(()), "{index} of {size}");
            assert!(verify_inclusion(&leaf(1), index, size, &root, &proof).is_err());
        }
        for old in HOSTILE.into_iter().filter(|old| *old <= size) {
            let proof = prove_consistency(old, size, node).unwrap();
            assert!(proof.0.len() <= MAX_PROOF_HASHES);
            let old_root = root_at(old, node).unwrap();
            assert_eq!(verify_consistency(old, &old_root, size, &root, &proof), Ok(()), "{old} to {size}");
        }
    }
    assert_eq!(prove_inclusion(5, 5, node), Err(ProveError::OutOfRange { inner: 5, outer: 5 }));
    assert_eq!(prove_consistency(6, 5, node), Err(ProveError::OutOfRange { inner: 6, outer: 5 }));
    assert_eq!(prove_inclusion(0, 2, Err::<Hash, _>), Err(ProveError::Node(NodeId { level: 0, index: 1 })));
}

#[test]
fn a_cover_is_contiguous_aligned_and_short() {
    for begin in HOSTILE {
        for end in HOSTILE {
            let nodes = cover(begin, end);
            assert!(nodes.len() <= 128);
            let mut at = begin;
            for id in nodes {
                assert_eq!(id.index << id.level, at);
                at = at.checked_add(1 << id.level).unwrap();
            }
            assert_eq!(at, if begin < end { end } else { begin });
        }
    }
}
