//! The contract of the store. Bodies here are a few bytes: the store keeps them, it does not read them.

use super::disk::faulty::Faulty;
use super::*;
use media::id::EpochNo;
use media::segment::SegmentQuery;
use std::time::Duration;

mod crash;
mod damage;
mod faults;
mod flow;
mod limits;
mod objects;

const DAY_US: u64 = 86_400_000_000;
/// Some moment in 2023; the relay's clock in these tests.
const T0: u64 = 1_700_000_000_000_000;
const CAMERA: CameraId = CameraId([7; 32]);
const TRACK: TrackId = TrackId(0);

fn new_dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    Store::create(&dir.path().join("relay")).unwrap();
    dir
}

fn config(dir: &tempfile::TempDir) -> StoreConfig {
    StoreConfig { min_free_bytes: 0, ..StoreConfig::new(&dir.path().join("relay")) }
}

fn open(config: &StoreConfig) -> Store {
    Store::open(config.clone()).unwrap()
}

fn open_faulty(config: &StoreConfig) -> (Store, Arc<Faulty>) {
    let disk = Arc::new(Faulty::default());
    (Store::open_on(config.clone(), disk.clone()).unwrap(), disk)
}

/// Sequence `n`: second `n` of the track, five segments to an epoch.
fn facts(n: u64) -> SegmentFacts {
    SegmentFacts {
        camera_id: CAMERA,
        track: TRACK,
        sequence: Sequence(n),
        epoch_no: EpochNo(n / 5),
        k: u32::try_from(n % 5).unwrap(),
        start_us: T0 + n * 1_000_000,
        duration_us: 1_000_000,
        received_us: T0 + n * 1_000_000 + 5_000,
    }
}

fn body(n: u64) -> Bytes {
    Bytes::from(format!("segment {n}"))
}

async fn put(store: &Store, n: u64) -> Result<(), StoreError> {
    store.put_segment(facts(n), body(n)).await
}

fn all(from_us: u64, to_us: u64) -> SegmentQuery {
    SegmentQuery { camera_id: CAMERA, track: TRACK, from_us, to_us, cursor: Sequence(0) }
}

async fn stored(store: &Store, mut query: SegmentQuery) -> Vec<StoredSegment> {
    let mut segments = Vec::new();
    loop {
        let page = store.segments(query).await.unwrap();
        segments.extend(page.segments);
        match page.next {
            Some(next) => query.cursor = next,
            None => return segments,
        }
    }
}

/// The sequences that are stored, each read back and compared.
async fn sequences(store: &Store) -> Vec<u64> {
    let mut found = Vec::new();
    for segment in stored(store, all(0, u64::MAX)).await {
        let n = segment.facts().sequence.0;
        assert_eq!(store.read_segment(&segment).await.unwrap(), body(n), "the bytes of {n}");
        found.push(n);
    }
    found
}

async fn next(store: &Store) -> u64 {
    store.next_missing(CAMERA, TRACK).await.unwrap().0
}

fn packs(config: &StoreConfig) -> Vec<PathBuf> {
    let mut packs: Vec<_> =
        std::fs::read_dir(config.dir.join(PACKS_DIR)).unwrap().map(|e| e.unwrap().path()).collect();
    packs.sort();
    packs
}

fn lose_index(config: &StoreConfig) {
    std::fs::remove_file(config.dir.join(INDEX_FILE)).unwrap();
}

/// Waits for something that another thread does, for as long as a slow machine may take.
async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(tokio::time::Instant::now() < deadline, "waited in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
