//! The limits of what a peer may say.

use super::*;
use tlog::checkpoint::Checkpoint;
use tlog::cosignature::{Algorithm, Cosigner};
use tlog::merkle::{Tree, leaf_hash};
use tlog::note::Signer;

fn parsed(text: &str) -> Result<Gossip, GossipError> {
    Gossip::parse(text.as_bytes())
}

#[test]
fn what_is_not_a_gossip_object_is_refused() {
    for garbage in [
        "",
        "null",
        "[]",
        "{",
        "{\"head\":7}",
        "{\"head\":\"x\",\"more\":1}",
        "{\"forks\":\"x\"}",
        "{\"forks\":[1]}",
        "{\"forks\":[]}{}",
        "{\"head\":\"\\ud800\"}",
        "{\"forks\":[],\"forks\":[]}",
    ] {
        assert!(matches!(parsed(garbage), Err(GossipError::Malformed(_))), "{garbage}");
    }
    assert!(matches!(Gossip::parse(&[0xff; 64]), Err(GossipError::Malformed(_))));
    let deep = "[".repeat(100_000);
    assert!(matches!(parsed(&deep), Err(GossipError::Malformed(_))));
    assert!(matches!(parsed(&format!("{{\"forks\":{deep}")), Err(GossipError::Malformed(_))));
    assert_eq!(parsed("{}").unwrap(), Gossip::default());
    assert_eq!(parsed("{\"head\":null,\"forks\":[]}").unwrap(), Gossip::default());
}

#[test]
fn what_is_too_much_is_refused() {
    let of = |head: usize, forks: Vec<usize>| Gossip {
        head: Some("a".repeat(head)),
        forks: forks.into_iter().map(|length| "a".repeat(length)).collect(),
    };
    let most = of(MAX_HEAD_BYTES, vec![MAX_PROOF_BYTES; MAX_FORKS]);
    let bytes = serde_json::to_vec(&most).unwrap();
    assert!(bytes.len() <= MAX_GOSSIP_BYTES);
    assert_eq!(Gossip::parse(&bytes).unwrap(), most);
    for over in
        [of(MAX_HEAD_BYTES + 1, vec![]), of(1, vec![MAX_PROOF_BYTES + 1]), of(1, vec![1; MAX_FORKS + 1])]
    {
        let bytes = serde_json::to_vec(&over).unwrap();
        assert!(matches!(Gossip::parse(&bytes), Err(GossipError::TooMuch)));
    }
}

/// The most that an honest monitor can have to say, with post-quantum signatures everywhere, fits.
#[test]
fn heads_travel_by_the_logs_signatures_alone_and_the_largest_proof_fits() {
    let origin = "log.example/candor";
    let signer = Signer::from_seed(origin, &[1; 32]).unwrap();
    let quantum = Cosigner::from_seed(origin, Algorithm::MlDsa44, &[2; 32]).unwrap();
    let witness = Cosigner::from_seed("w.example", Algorithm::MlDsa44, &[3; 32]).unwrap();
    let head = |size, root| {
        let mut signed = Checkpoint::new(origin, size, root).unwrap().sign(&signer).unwrap();
        for cosigner in [&quantum, &witness] {
            signed.cosign(cosigner, 7).unwrap();
        }
        signed
    };
    let mut tree = Tree::new();
    (0..4095u32).for_each(|n| tree.push(leaf_hash(&n.to_be_bytes())));
    let other = head(2047, tlog::Hash([9; 32]));
    let text = String::from_utf8(UnverifiedCheckpoint::by_log_alone(&other).encode()).unwrap();
    assert!(!text.contains("w.example"), "{text}");
    let policy = format!("log {}\nwitness w {}\nquorum w\n", signer.verifier(), witness.verifier());
    let policy = Policy::parse(policy.as_bytes()).unwrap();
    let verified = policy.verify_log_signature(text.as_bytes()).unwrap();
    assert_eq!(verified.checkpoint(), other.checkpoint());
    assert_eq!(verified.note().signatures().len(), 2);
    assert!(policy.verify_checkpoint(text.as_bytes()).is_err());

    let proof = ForkProof::build(&other, &head(4095, tree.root()), |id| tree.node(id)).unwrap().encode();
    // This one lists 11 + 12 nodes; the trees of the largest sizes list at most 64 + 128.
    assert!(proof.len() + (64 + 128 - 11 - 12) * 52 <= MAX_PROOF_BYTES, "{}", proof.len());
    let foreign = Gossip { head: Some(text.replacen("2047", "2046", 1)), forks: Vec::new() };
    assert!(matches!(foreign.verify(&policy), Err(GossipError::Head(_))));
}
