use super::*;
use escrow::record::Name;
use tlog::checkpoint::Checkpoint;
use tlog::cosignature::{Algorithm, Cosigner};
use tlog::merkle::{Tree, leaf_hash};
use tlog::note::{self, Signer};
use tlog::policy::Policy;
use tlog::stamp;
use tlog::{Entry, Hash};

fn log() -> Signer {
    Signer::from_seed("log.example", &[77; 32]).unwrap()
}

fn witness(at: u8) -> Cosigner {
    Cosigner::from_seed(&format!("w{at}.example"), Algorithm::Ed25519, &[at; 32]).unwrap()
}

fn policy() -> Policy {
    let mut text = format!("log {}\n", log().verifier().vkey());
    for at in 1..=2 {
        text.push_str(&format!("witness w{at} {}\n", witness(at).verifier().vkey()));
    }
    text.push_str("group both 2 w1 w2\nquorum both\n");
    Policy::parse(text.as_bytes()).unwrap()
}

fn leaf(label: u8) -> Signed<OwnerPolicyLeaf> {
    let leaf = OwnerPolicyLeaf {
        id: EntryId([1; 16]),
        sponsor: Name::new("relay.example").unwrap(),
        label: Hash([label; 32]),
        commitment: Hash([3; 32]),
    };
    let sponsor = Signer::from_seed("relay.example", &[9; 32]).unwrap();
    let leaf = note::sign(&leaf.text(), &[&sponsor]).unwrap();
    Signed::parse(&stamp::stamp(&log(), leaf, 1_800_000_000).unwrap().encode()).unwrap()
}

/// A proof of `leaf` in a log of two, cosigned by so many witnesses.
fn proof(leaf: &Signed<OwnerPolicyLeaf>, witnesses: u8) -> Vec<u8> {
    let mut tree = Tree::new();
    tree.push(leaf_hash(b"another"));
    tree.push(leaf_hash(leaf.entry_bytes()));
    let mut signed = Checkpoint::new("log.example", 2, tree.root()).unwrap().sign(&log()).unwrap();
    for at in 1..=witnesses {
        signed.cosign(&witness(at), 1_800_000_000).unwrap();
    }
    TlogProof::from_parts(1, tree.prove_inclusion(1, 2).unwrap(), &signed.encode()).unwrap().encode()
}

#[test]
fn only_the_owners_own_text_under_a_quorum_counts_as_logged() {
    let (mine, policy) = (leaf(1), policy());
    let judge = |leaf: &Signed<OwnerPolicyLeaf>, proof: &[u8]| {
        verify_logged(mine.text(), leaf.entry_bytes(), proof, &policy)
    };
    assert_eq!(judge(&mine, &proof(&mine, 2)).unwrap().index(), 1);
    assert!(matches!(judge(&leaf(2), &proof(&leaf(2), 2)), Err(LeafError::Other)));
    assert!(matches!(judge(&mine, &proof(&mine, 1)), Err(LeafError::NotLogged(_))), "one witness of two");
    assert!(matches!(judge(&mine, &proof(&leaf(2), 2)), Err(LeafError::NotLogged(_))), "another's proof");
    assert!(matches!(judge(&mine, b"proof"), Err(LeafError::Proof(_))));
    let garbage = verify_logged(mine.text(), b"leaf", &proof(&mine, 2), &policy);
    assert!(matches!(garbage, Err(LeafError::Leaf(_))));
}

#[test]
fn the_leaf_is_found_by_the_notice_key_of_the_day_and_names_nobody() {
    use crate::{Owner, keys};
    use media::id::{CameraId, Day};
    let dir = tempfile::tempdir().unwrap();
    let config = keys::tests::config(dir.path());
    keys::init(&config).unwrap();
    let owner = Owner::open(config).unwrap();
    let camera = CameraId([7; 32]);
    let policy = crate::policy::compose::first_policy(&owner, camera).unwrap();
    let root = seal::notice::NoticeRoot::new([1; 32]);
    let (today, tomorrow) = (root.key(&camera, Day(9)), root.next(&camera, Day(9)).key(&camera, Day(10)));
    let id = EntryId([3; 16]);
    let leaf = policy_leaf("relay.example", &today, &policy, id).unwrap();
    assert!(leaf.commits_to(&Hash(policy.hash())));
    assert_eq!(leaf.label.0, today.label(id.as_bytes()));
    assert_ne!(leaf.label.0, tomorrow.label(id.as_bytes()));
    let text = leaf.text();
    assert!(!text.contains(&camera.to_string()) && !text.contains(&hex::encode(policy.hash())));
    assert_eq!(leaf.id, id);
    assert!(matches!(policy_leaf("two words", &today, &policy, id), Err(LeafError::Sponsor(_))));
}
