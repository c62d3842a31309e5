//! Differential tests against two other implementations of RFC 6962: every index and every pair of
//! sizes up to 128 leaves.

use crate::cast::{entry, tree};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::Sha256;
use tlog::Hash;
use tlog::merkle::{
    ConsistencyProof, Frontier, InclusionProof, leaf_hash, root_of, verify_consistency, verify_inclusion,
};
use tlog_tiles::{
    HashReader, check_record, check_tree, prove_record, prove_tree, record_hash, stored_hashes, tree_hash,
};

const SIZES: u64 = 128;

struct Stored(Vec<tlog_tiles::Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|index| self.0[usize::try_from(*index).unwrap()]).collect())
    }
}

fn stored() -> Stored {
    let mut stored = Stored(Vec::new());
    for n in 0..SIZES {
        let more = stored_hashes(n, &entry(n), &stored).unwrap();
        stored.0.extend(more);
    }
    stored
}

fn ours(hashes: &[tlog_tiles::Hash]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash(hash.0)).collect()
}

fn theirs(hashes: &[Hash]) -> Vec<tlog_tiles::Hash> {
    hashes.iter().map(|hash| tlog_tiles::Hash(hash.0)).collect()
}

#[test]
fn roots_and_inclusion_proofs_are_those_of_tlog_tiles_and_verify_in_both() {
    let (stored, tree) = (stored(), tree(SIZES));
    let mut frontier = Frontier::new();
    for size in 1..=SIZES {
        frontier.push(leaf_hash(&entry(size - 1)));
        let root = tree_hash(size, &stored).unwrap();
        assert_eq!(frontier.root().0, root.0, "size {size}");
        assert_eq!(tree.root_at(size).unwrap().0, root.0, "size {size}");
        for index in 0..size {
            let leaf = leaf_hash(&entry(index));
            let expected = prove_record(size, index, &stored).unwrap();
            let proof = tree.prove_inclusion(index, size).unwrap();
            assert_eq!(proof.0, ours(&expected), "index {index} of {size}");
            assert_eq!(verify_inclusion(&leaf, index, size, &Hash(root.0), &proof), Ok(()));
            check_record(&theirs(&proof.0), size, root, index, record_hash(&entry(index))).unwrap();
        }
    }
}

#[test]
fn consistency_proofs_are_those_of_tlog_tiles_and_verify_in_both() {
    let (stored, tree) = (stored(), tree(SIZES));
    for new in 1..=SIZES {
        let new_root = tree.root_at(new).unwrap();
        for old in 1..=new {
            let old_root = tree.root_at(old).unwrap();
            let expected = prove_tree(new, old, &stored).unwrap();
            let proof = tree.prove_consistency(old, new).unwrap();
            assert_eq!(proof.0, ours(&expected), "{old} to {new}");
            assert_eq!(verify_consistency(old, &old_root, new, &new_root, &proof), Ok(()), "{old} to {new}");
            let (new_hash, old_hash) = (tlog_tiles::Hash(new_root.0), tlog_tiles::Hash(old_root.0));
            check_tree(&theirs(&proof.0), new, new_hash, old, old_hash).unwrap();
        }
    }
}

#[test]
fn proofs_by_ct_merkle_verify_and_are_equal() {
    let tree = tree(SIZES);
    let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut leaves = Vec::new();
    for size in 1..=SIZES {
        oracle.push(entry(size - 1));
        leaves.push(leaf_hash(&entry(size - 1)));
        let root = root_of(&leaves);
        assert_eq!(root.0.as_slice(), oracle.root().as_bytes().as_slice());
        for index in 0..size {
            let proof = oracle.prove_inclusion(usize::try_from(index).unwrap());
            let proof = InclusionProof(split(proof.as_bytes()));
            assert_eq!(proof, tree.prove_inclusion(index, size).unwrap());
            assert_eq!(
                verify_inclusion(&leaves[usize::try_from(index).unwrap()], index, size, &root, &proof),
                Ok(())
            );
        }
        for old in 1..size {
            let proof = oracle.prove_consistency(usize::try_from(size - old).unwrap());
            let proof = ConsistencyProof(split(proof.as_bytes()));
            assert_eq!(proof, tree.prove_consistency(old, size).unwrap(), "{old} to {size}");
            assert_eq!(verify_consistency(old, &tree.root_at(old).unwrap(), size, &root, &proof), Ok(()));
        }
    }
}

fn split(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks::<32>().0.iter().map(|hash| Hash(*hash)).collect()
}

#[test]
fn a_proof_is_refused_for_every_other_index_size_and_root() {
    let tree = tree(24);
    for size in 1..=24 {
        let root = tree.root_at(size).unwrap();
        for index in 0..size {
            let leaf = leaf_hash(&entry(index));
            let proof = tree.prove_inclusion(index, size).unwrap();
            for other in (0..26).chain([u64::MAX, u64::MAX - 1, 1 << 63]) {
                if other != index {
                    assert!(
                        verify_inclusion(&leaf, other, size, &root, &proof).is_err(),
                        "{index}->{other} of {size}"
                    );
                }
                assert!(verify_inclusion(&leaf_hash(b"forged"), index, size, &root, &proof).is_err());
            }
            for other in (1..=24).filter(|other| *other != size) {
                let other_root = tree.root_at(other).unwrap();
                assert!(verify_inclusion(&leaf, index, size, &other_root, &proof).is_err());
            }
        }
        for old in 0..=size {
            let proof = tree.prove_consistency(old, size).unwrap();
            for other in (1..=24).filter(|other| *other != old) {
                let other_root = tree.root_at(other).unwrap();
                let result = verify_consistency(other, &other_root, size, &root, &proof);
                let honest = tree.prove_consistency(other.min(size), size).unwrap() == proof && other <= size;
                assert_eq!(result.is_ok(), honest, "{old} as {other} to {size}");
            }
        }
    }
}
