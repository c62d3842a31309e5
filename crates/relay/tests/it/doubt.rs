//! A store in doubt, at the contract: it keeps what it is given and says that it failed. Nothing is
//! acknowledged on that word, and the same again is, once.

use crate::world::{DEVICE, World};
use bytes::Bytes;
use host::rng::Rng;
use media::id::{CameraId, Day, Sequence, TrackId};
use media::message::RefusalCode;
use media::time::Micros;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::contract::{Answer, Backend, Entry, Page, Put, Span};
use store::record::Key;
use store::{CameraTotals, Packs, PacksConfig, Store, StoreError, Swept};

#[derive(Debug)]
struct InDoubt {
    packs: Packs,
    says_that_it_failed: AtomicBool,
}

impl Backend for InDoubt {
    fn put(&self, put: Put) -> Answer<'_, ()> {
        Box::pin(async {
            self.packs.put(put).await?;
            match self.says_that_it_failed.load(Ordering::SeqCst) {
                true => Err(StoreError::Index(Arc::new(std::io::Error::other("who knows")))),
                false => Ok(()),
            }
        })
    }

    fn get(&self, key: Key) -> Answer<'_, Option<Entry>> {
        self.packs.get(key)
    }

    fn newest_open(&self, camera_id: CameraId, track: TrackId) -> Answer<'_, Option<Entry>> {
        self.packs.newest_open(camera_id, track)
    }

    fn policy(&self, camera_id: CameraId, hash: Option<[u8; 32]>) -> Answer<'_, Option<Entry>> {
        self.packs.policy(camera_id, hash)
    }

    fn day_keys(&self, day: Day, most: usize) -> Answer<'_, Vec<Entry>> {
        self.packs.day_keys(day, most)
    }

    fn page(&self, span: Span, cursor: u64, most: usize) -> Answer<'_, Page> {
        self.packs.page(span, cursor, most)
    }

    fn read(&self, entry: Entry) -> Answer<'_, Bytes> {
        self.packs.read(entry)
    }

    fn read_part(&self, entry: Entry, part: Range<usize>) -> Answer<'_, Bytes> {
        self.packs.read_part(entry, part)
    }

    fn next_missing(&self, camera_id: CameraId, track: TrackId) -> Answer<'_, Sequence> {
        self.packs.next_missing(camera_id, track)
    }

    fn cameras(&self) -> Answer<'_, Vec<CameraTotals>> {
        self.packs.cameras()
    }

    fn sweep(&self, now_us: Micros) -> Answer<'_, Swept> {
        self.packs.sweep(now_us)
    }

    fn used_bytes(&self) -> u64 {
        self.packs.used_bytes()
    }
}

#[tokio::test]
async fn what_a_store_in_doubt_kept_is_acknowledged_when_it_comes_again() {
    let mut world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    let first = camera.film(&[b"x"]);
    end.stored(&first).await;
    world.stop().await;

    let config = PacksConfig { min_free_bytes: 0, ..PacksConfig::new(&world.config.data.join("store")) };
    let packs = Packs::open(config, Rng::system()).unwrap();
    let store = Arc::new(InDoubt { packs, says_that_it_failed: AtomicBool::new(true) });
    world.start_over(Store::over(store.clone())).await;
    let mut end = world.connect(crate::world::CAMERA).await;
    end.publish(camera.id()).await;
    let second = camera.film(&[b"y"]);
    for _ in 0..2 {
        let refused = end.nacked(&second.bytes, second.header.sequence).await;
        assert_eq!(refused, RefusalCode::Internal, "not acknowledged, and not the camera's fault");
    }
    store.says_that_it_failed.store(false, Ordering::SeqCst);
    end.stored(&second).await;
    end.stored(&camera.film(&[b"z"])).await;
    let fetched = world.connect(DEVICE).await.fetch(camera.id(), 0).await;
    assert_eq!(fetched.len(), 3, "each once");
    assert!(fetched.iter().zip([&first, &second]).all(|((_, stored), sent)| sent.bytes == stored[..]));
    drop(store);
    world.stop().await;
}
