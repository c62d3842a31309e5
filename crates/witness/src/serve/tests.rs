//! A record that is damaged under a running witness.

use super::*;
use crate::config::Config;
use crate::error::Error;
use crate::start;
use host::http::{Fetch, FetchLimits};
use std::path::Path;
use tlog::checkpoint::Checkpoint;
use tlog::merkle::{Tree, leaf_hash};
use tlog::note::Signer;
use tlog::witness::AddCheckpointRequest;

const ORIGIN: &str = "log.example/candor";

fn signer() -> Signer {
    Signer::from_seed(ORIGIN, &[1; 32]).unwrap()
}

fn request(old: u64, size: u64) -> Vec<u8> {
    let mut tree = Tree::new();
    (0..size).for_each(|n| tree.push(leaf_hash(&n.to_be_bytes())));
    let head = Checkpoint::new(ORIGIN, size, tree.root()).unwrap().sign(&signer()).unwrap();
    AddCheckpointRequest::new(old, tree.prove_consistency(old, size).unwrap(), &head).unwrap().encode()
}

fn config(data: &Path) -> Config {
    Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        data: data.to_owned(),
        name: "witness.example/w1".to_owned(),
        logs: vec![signer().verifier().vkey()],
    }
}

async fn add(at: std::net::SocketAddr, body: Vec<u8>) -> u16 {
    let url = format!("http://{at}/add-checkpoint");
    Fetch::new(FetchLimits::default()).post(&url, "text/plain", body).await.unwrap().status
}

#[tokio::test]
async fn a_witness_whose_record_is_damaged_stops_and_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    start::init(&config).unwrap();
    let witness = start::start(config.clone(), Shutdown::new()).await.unwrap();
    assert_eq!(add(witness.at().http, request(0, 5)).await, 200);

    let path = dir.path().join("latest.redb");
    let whole = std::fs::read(&path).unwrap();
    let garbage: Vec<u8> = whole.iter().map(|byte| byte ^ 0xa5).collect();
    std::fs::write(&path, &garbage).unwrap();
    assert_eq!(add(witness.at().http, request(5, 9)).await, 500);
    let ended = witness.join().await.unwrap_err();
    assert!(matches!(ended, Error::Latest(LatestError(DbError::Damaged { .. }))), "{ended}");
    assert!(ended.to_string().contains(&path.display().to_string()), "{ended}");

    std::fs::write(&path, garbage).unwrap();
    let refused = start::start(config.clone(), Shutdown::new()).await.unwrap_err();
    assert!(matches!(refused, Error::Latest(LatestError(DbError::Damaged { .. }))), "{refused}");
    // Put right, it goes on where it was.
    std::fs::write(&path, whole).unwrap();
    let witness = start::start(config, Shutdown::new()).await.unwrap();
    assert_eq!(add(witness.at().http, request(0, 9)).await, 409);
    assert_eq!(add(witness.at().http, request(5, 9)).await, 200);
}
