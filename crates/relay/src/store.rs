//! What the relay keeps: append-only pack files, which are the truth, and an index of them, which is a cache.
//!
//! ```text
//! store.v1                                     says that this folder is a store; made by `candor relay init`
//! lock                                         held by the one relay that writes here
//! packs/0000000000000007.video-8.9c41e2a0b7d35f18.pack
//! floors                                       up to where each track was complete when its packs were dropped
//! index.redb                                   delete it while the relay is stopped, and it is rebuilt
//! ```
//!
//! A pack is a row of records, each a header of 101 bytes (`store/record.rs` shows one) and the bytes exactly as they were received.
//! `store/pack.rs` says which records share a pack.
//!
//! **Commit order.** One thread writes. It takes what waits, up to a batch, and
//! 1. checks each against the index: free sequence, place between its neighbours, version that follows;
//! 2. appends header and body to the lane's pack, and the entry to an index transaction that nobody sees yet;
//! 3. fsyncs each pack that it wrote to, once for the whole batch;
//! 4. commits the index transaction, without fsync: now readers see the batch;
//! 5. answers every writer of the batch.
//!
//! *Acknowledged means durable*: an answer leaves only after step 3. When step 2 or 3 fails, the transaction is dropped, the packs are cut back
//! to their last durable length, and the whole batch is told; a pack whose fsync failed is never written to again, because
//! nobody knows what of it is on the disk. When step 4 fails, the batch is durable but was not acknowledged; it is indexed again from the
//! packs, and a camera that sends it again is told that it is there.
//!
//! **Why the index is a cache.** Every fact in it stands in a record header. It is fsynced every few seconds only; after a crash each
//! pack is read from where the index ends ([`Recovery`] tells what was met): whole records are indexed, a record that was cut short at the
//! end is cut off, a damaged stretch with whole records behind it is reported and stepped over. So losing the index costs time and
//! nothing else. Records that a replay finds are fsynced before the store opens: they may never have been.
//!
//! The one fact that packs cannot prove, once they are dropped, is that a track *was* complete up to a sequence. `floors` keeps it,
//! replaced atomically before the packs go. Without it the relay would say less than it holds, which costs a camera sendings and no footage.
//!
//! Out of scope: signatures on segments and EpochOpens (the session checks them before it stores), keys of any kind.

use bytes::Bytes;
use host::durable::{self, FolderLock};
use media::id::{CameraId, Sequence, TrackId};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use tokio::sync::{mpsc, oneshot};

mod disk;
mod error;
mod index;
mod objects;
mod pack;
mod put;
mod read;
mod record;
mod recover;
mod sweep;
mod writer;

pub use error::StoreError;
pub use objects::{EpochOpens, StoredPolicy};
pub use read::{CameraTotals, SegmentPage, StoredSegment};
pub use record::SegmentFacts;
pub use recover::{Recovery, Stretch};
pub use sweep::Swept;

use crate::retention::WhenFull;
use disk::{Disk, Local};
use index::Index;
use put::Put;
use read::Packs;
use writer::{Command, Writer};

const FORMAT_FILE: &str = "store.v1";
const FORMAT_TEXT: &[u8] = b"candor relay store 1\n";
const PACKS_DIR: &str = "packs";
const FLOORS_FILE: &str = "floors";
const INDEX_FILE: &str = "index.redb";
/// Writes that wait for the writer. When it is full, putting waits: the back-pressure reaches the camera through QUIC.
const QUEUE: usize = 256;

/// Where the store is and how much it may hold.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// The folder, made by `candor relay init`.
    pub dir: PathBuf,
    /// The most days that footage is kept, whatever its owner wishes. Default 30.
    #[serde(default = "default_days")]
    pub retention_days_max: u16,
    /// The most bytes that packs may take. Default: no limit but the disk's.
    #[serde(default)]
    pub quota_bytes: Option<u64>,
    /// What happens when the quota is reached: `drop-oldest` (default) or `refuse`.
    #[serde(default)]
    pub when_full: WhenFull,
    /// Nothing is stored while the disk has less than this free. Default 1 GiB.
    #[serde(default = "default_min_free")]
    pub min_free_bytes: u64,
    /// A pack is closed at this size. Default 256 MiB, at most an eighth of the quota.
    #[serde(default = "default_pack")]
    pub pack_bytes: u64,
}

fn default_days() -> u16 {
    30
}

fn default_min_free() -> u64 {
    1 << 30
}

fn default_pack() -> u64 {
    256 << 20
}

impl StoreConfig {
    /// The defaults, in `dir`.
    pub fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            retention_days_max: default_days(),
            quota_bytes: None,
            when_full: WhenFull::default(),
            min_free_bytes: default_min_free(),
            pack_bytes: default_pack(),
        }
    }

    /// Closed packs are what a quota can drop: there must be some before it is reached.
    fn pack_limit(&self) -> u64 {
        self.quota_bytes.map_or(self.pack_bytes, |quota| self.pack_bytes.min(quota / 8))
    }
}

/// What writer and readers share.
#[derive(Debug)]
struct Inner {
    config: StoreConfig,
    disk: Arc<dyn Disk>,
    index: Index,
    packs: RwLock<Packs>,
    #[expect(dead_code, reason = "held, never read")]
    lock: FolderLock,
}

impl Inner {
    fn packs_dir(&self) -> PathBuf {
        self.config.dir.join(PACKS_DIR)
    }

    fn floors_path(&self) -> PathBuf {
        self.config.dir.join(FLOORS_FILE)
    }
}

/// A handle on the store; clones are the same store. It closes when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<std::thread::JoinHandle<()>>,
    recovery: Recovery,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // What it was doing ends with an fsync at most; a panic in it has been reported to whoever waited.
            let _ = thread.join();
        }
    }
}

impl Store {
    /// Makes an empty store in `dir`. Refuses when there is one already.
    ///
    /// # Errors
    /// [`StoreError::Disk`] or [`StoreError::Full`].
    pub fn create(dir: &Path) -> Result<(), StoreError> {
        durable::create_dirs(&dir.join(PACKS_DIR))?;
        // Last, so that a store that was made by half is no store.
        Ok(durable::create_exclusive(&dir.join(FORMAT_FILE), FORMAT_TEXT)?)
    }

    /// Opens the store and replays what its index lacks. Blocks: after a lost index for as long as it takes to read every header.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when nobody made it; [`StoreError::Disk`] when another process has it.
    pub fn open(config: StoreConfig) -> Result<Self, StoreError> {
        Self::open_on(config, Arc::new(Local))
    }

    fn open_on(config: StoreConfig, disk: Arc<dyn Disk>) -> Result<Self, StoreError> {
        if config.pack_limit() == 0 {
            return Err(StoreError::Config("pack_bytes and quota_bytes must leave room for a pack"));
        }
        match durable::read_limited(&config.dir.join(FORMAT_FILE), 64)? {
            Some(text) if text == FORMAT_TEXT => {}
            Some(_) => return Err(StoreError::Config("the folder holds a store of another version")),
            None => return Err(StoreError::Missing(config.dir)),
        }
        let lock = FolderLock::acquire(&config.dir)?;
        let index = Index::closed(config.dir.join(INDEX_FILE));
        let inner = Arc::new(Inner { config, disk, index, packs: RwLock::default(), lock });
        let recovery = recover::open(&inner)?;
        let (commands, queue) = mpsc::channel(QUEUE);
        let writer = Writer::new(inner.clone(), queue)?;
        let thread = std::thread::Builder::new()
            .name("relay-store".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| StoreError::at(&inner.config.dir, error))?;
        let handle = Handle { commands: Some(commands), thread: Some(thread), recovery };
        Ok(Self { inner, handle: Arc::new(handle) })
    }

    /// What opening met.
    pub fn recovery(&self) -> &Recovery {
        &self.handle.recovery
    }

    /// Drops this handle without blocking the caller's runtime. When it was the last one, everything is on disk and the folder is
    /// free on return.
    pub async fn close(self) {
        // The closure cannot fail but by a panic in the writer, which has been reported.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }

    /// Keeps a segment; durable on return. The same bytes again are no error.
    ///
    /// Dropping the future does not take the write back.
    ///
    /// # Errors
    /// [`StoreError::Taken`], [`StoreError::OutOfOrder`], [`StoreError::Full`], [`StoreError::TooLarge`] or a failing disk.
    pub async fn put_segment(&self, facts: SegmentFacts, bytes: Bytes) -> Result<(), StoreError> {
        put::check_size("a segment", bytes.len(), media::limits::SEGMENT)?;
        self.put(Put::new(facts.header(&bytes), bytes)).await
    }

    /// The first sequence of which nothing earlier is missing: 0 for a track that is not known.
    ///
    /// # Errors
    /// [`StoreError::Index`].
    pub async fn next_missing(&self, camera_id: CameraId, track: TrackId) -> Result<Sequence, StoreError> {
        self.blocking(move |inner| {
            let track = inner.index.read(|view| view.track(camera_id, track))?;
            Ok(Sequence(track.map_or(0, |track| track.next_missing)))
        })
        .await
    }

    /// Applies retention and the quota as of `now_us`, by the relay's clock.
    ///
    /// # Errors
    /// A failing disk or index; what was not dropped is dropped by a later call.
    pub async fn sweep(&self, now_us: u64) -> Result<Swept, StoreError> {
        self.ask(|reply| Command::Sweep { now_us, reply }).await
    }

    async fn put(&self, put: Put) -> Result<(), StoreError> {
        self.ask(|reply| Command::Put { put: Box::new(put), reply }).await
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Command,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let commands = self.handle.commands.as_ref().ok_or(StoreError::Closed)?;
        commands.send(command(reply)).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Runs a look at index or disk where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = self.inner.clone();
        match tokio::task::spawn_blocking(move || look(&inner)).await {
            Ok(result) => result,
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(StoreError::Closed),
            },
        }
    }
}

#[cfg(test)]
mod tests;
