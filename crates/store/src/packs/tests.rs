//! The contract of the store, and what only packs can be asked. Bodies here are a few bytes: the
//! store keeps them, it does not read them.

use super::*;
use crate::record::DAY_US;
use crate::record::Header;
use crate::suite::{
    CAMERA, Place, T0, TRACK, all, at, body, facts, next, put, sequences, stored, without_body,
};
use crate::{Store, WhenFull};
use media::id::EpochNo;
use media::segment::SegmentQuery;
use media::time::Micros;
use std::ops::Deref;
use std::time::Duration;

mod crash;
mod damage;
mod faults;
mod faulty;
mod flow;
mod limits;
mod objects;

use faulty::Faulty;

fn new_dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    Packs::create(&dir.path().join("relay")).unwrap();
    dir
}

fn config(dir: &tempfile::TempDir) -> PacksConfig {
    PacksConfig { min_free_bytes: 0, ..PacksConfig::new(&dir.path().join("relay")) }
}

fn quota(bytes: u64, when_full: WhenFull, dir: &tempfile::TempDir) -> PacksConfig {
    PacksConfig { terms: Terms { quota_bytes: Some(bytes), when_full, ..Terms::default() }, ..config(dir) }
}

/// An open store, with a look inside.
struct Opened {
    store: Store,
    packs: Arc<Packs>,
}

impl Opened {
    fn of(packs: Packs) -> Self {
        let packs = Arc::new(packs);
        Self { store: Store::over(packs.clone()), packs }
    }

    async fn close(self) {
        drop(self.packs);
        self.store.close().await;
    }
}

impl Deref for Opened {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

fn open(config: &PacksConfig) -> Opened {
    Opened::of(Packs::open(config.clone(), Rng::system()).unwrap())
}

fn open_faulty(config: &PacksConfig) -> (Opened, Arc<Faulty>) {
    let disk = Arc::new(Faulty::default());
    (Opened::of(Packs::open_on(config.clone(), Rng::system(), disk.clone()).unwrap()), disk)
}

fn packs(config: &PacksConfig) -> Vec<PathBuf> {
    let mut packs: Vec<_> =
        std::fs::read_dir(config.dir.join(PACKS_DIR)).unwrap().map(|e| e.unwrap().path()).collect();
    packs.sort();
    packs
}

fn lose_index(config: &PacksConfig) {
    std::fs::remove_file(config.dir.join(INDEX_FILE)).unwrap();
}

/// Sends again until it is acknowledged, as a camera does.
async fn insist(store: &Store, n: u64) {
    let mut last = None;
    for _ in 0..4 {
        match put(store, n).await {
            Ok(()) => return,
            Err(error) => last = Some(error),
        }
    }
    panic!("sequence {n} is never taken: {last:?}");
}

/// Waits for something that another thread does, for as long as a slow machine may take.
async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(tokio::time::Instant::now() < deadline, "waited in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A folder; `forgetful` loses its index whenever it is closed.
struct Folder {
    dir: tempfile::TempDir,
    forgetful: bool,
}

impl Place for Folder {
    fn open(&self, terms: Terms) -> Arc<dyn Backend> {
        let config = PacksConfig { terms, ..config(&self.dir) };
        if self.forgetful {
            let _ = std::fs::remove_file(config.dir.join(INDEX_FILE));
        }
        Arc::new(Packs::open(config, Rng::system()).unwrap())
    }
}

#[tokio::test]
async fn packs_keep_the_contract_with_and_without_their_index() {
    for forgetful in [false, true] {
        crate::suite::keeps_its_contract(|| Folder { dir: new_dir(), forgetful }).await;
    }
}
