//! A store of append-only pack files, which are the truth, and an index of them, which is a cache.
//!
//! ```text
//! store.v1                                     says that this folder is a store; made by `candor relay init`
//! lock                                         held by the one relay that writes here
//! packs/0000000000000007.video-8.9c41e2a0b7d35f18.pack
//! floors                                       up to where each track was complete when its packs were dropped
//! index.redb                                   delete it while the relay is stopped, and it is rebuilt
//! ```
//!
//! A pack is a row of records, each a header of 101 bytes (`packs/record.rs` shows one) and the
//! bytes exactly as they were received. `packs/pack.rs` says which records share a pack.
//!
//! **Commit order.** One thread writes. It takes what waits, up to a batch, and
//! 1. judges each against the index: free sequence, place between its neighbours, version that
//!    follows;
//! 2. appends header and body to the lane's pack, and the entry to an index transaction that nobody
//!    sees yet;
//! 3. fsyncs each pack that it wrote to, once for the whole batch;
//! 4. commits the index transaction, without fsync: now readers see the batch;
//! 5. answers every writer of the batch.
//!
//! *Acknowledged means durable*: an answer leaves only after step 3. When step 2 or 3 fails, the
//! transaction is dropped, the packs are cut back to their last durable length, and the whole batch
//! is told; a pack whose fsync failed is never written to again, because nobody knows what of it is
//! on the disk. When step 4 fails, the batch is durable but was not acknowledged; it is indexed
//! again from the packs, and a camera that sends it again is told that it is there.
//!
//! **Why the index is a cache.** Every fact in it stands in a record header. It is fsynced every
//! few seconds only; after a crash each pack is read from where the index ends ([`Recovery`] tells
//! what was met): whole records are indexed, a record that was cut short at the end is cut off, a
//! damaged stretch with whole records behind it is reported and stepped over. So losing the index
//! costs time and nothing else. Records that a replay finds are fsynced before the store opens:
//! they may never have been.
//!
//! The one fact that packs cannot prove, once they are dropped, is that a track *was* complete up
//! to a sequence. `floors` keeps it, replaced atomically before the packs go. Without it the relay
//! would say less than it holds, which costs a camera sendings and no footage.
//!
//! A pack goes as a whole, when every camera in it is past its days.

use crate::contract::{Answer, Backend, CameraTotals, Entry, Page, Put, Span, Swept};
use crate::error::StoreError;
use crate::record::{Key, Kind};
use crate::retention::Terms;
use bytes::Bytes;
use host::blocking;
use host::durable::{self, FolderLock};
use host::lock::RwLock;
use host::rng::Rng;
use media::id::{CameraId, Day, Sequence, TrackId};
use media::time::Micros;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

mod disk;
mod index;
mod pack;
mod read;
mod record;
mod recover;
mod sweep;
mod writer;

pub use recover::{Recovery, Stretch};

use disk::{Disk, Local};
use index::Index;
use writer::{Command, Writer};

const FORMAT_FILE: &str = "store.v1";
const FORMAT_TEXT: &[u8] = b"candor relay store 1\n";
const PACKS_DIR: &str = "packs";
const FLOORS_FILE: &str = "floors";
const INDEX_FILE: &str = "index.redb";
/// Writes that wait for the writer. When it is full, putting waits: the back-pressure reaches the
/// camera through QUIC.
const QUEUE: usize = 256;

/// Where the store is and how much it may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacksConfig {
    /// The folder, made by [`Packs::create`].
    pub dir: PathBuf,
    pub terms: Terms,
    /// Nothing is stored while the disk has less than this free.
    pub min_free_bytes: u64,
    /// A pack is closed at this size, or at an eighth of the quota.
    pub pack_bytes: u64,
}

impl PacksConfig {
    /// The defaults, in `dir`: 1 GiB stays free, packs of 256 MiB.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), terms: Terms::default(), min_free_bytes: 1 << 30, pack_bytes: 256 << 20 }
    }

    /// Closed packs are what a quota can drop: there must be some before it is reached.
    fn pack_limit(&self) -> u64 {
        self.terms.quota_bytes.map_or(self.pack_bytes, |quota| self.pack_bytes.min(quota / 8))
    }
}

/// What writer and readers share.
#[derive(Debug)]
struct Inner {
    config: PacksConfig,
    disk: Arc<dyn Disk>,
    index: Index,
    packs: RwLock<read::Packs>,
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

    fn used(&self) -> u64 {
        self.packs.read().values().map(|pack| pack.length).sum()
    }

    fn pack(&self, number: u64) -> Option<pack::Pack> {
        self.packs.read().get(&number).cloned()
    }

    fn is_video(&self, number: u64) -> bool {
        self.packs.read().get(&number).is_some_and(|pack| pack.lane.is_video())
    }
}

/// The store of packs. It closes when it is dropped.
#[derive(Debug)]
pub struct Packs {
    inner: Arc<Inner>,
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<std::thread::JoinHandle<()>>,
    recovery: Recovery,
}

impl Drop for Packs {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // What it was doing ends with an fsync at most; a panic in it has been reported to
            // whoever waited.
            let _ = thread.join();
        }
    }
}

impl Packs {
    /// Makes an empty store in `dir`. Refuses when there is one already.
    ///
    /// # Errors
    /// [`StoreError::Disk`] or [`StoreError::Full`].
    pub fn create(dir: &Path) -> Result<(), StoreError> {
        durable::create_dirs(&dir.join(PACKS_DIR))?;
        // Last, so that a store that was made by half is no store.
        Ok(durable::create_exclusive(&dir.join(FORMAT_FILE), FORMAT_TEXT)?)
    }

    /// Opens the store and replays what its index lacks. Blocks: after a lost index for as long as
    /// it takes to read every header.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when nobody made it; [`StoreError::Disk`] when another process has
    /// it.
    pub fn open(config: PacksConfig, rng: Rng) -> Result<Self, StoreError> {
        Self::open_on(config, rng, Arc::new(Local))
    }

    fn open_on(config: PacksConfig, rng: Rng, disk: Arc<dyn Disk>) -> Result<Self, StoreError> {
        if config.pack_limit() == 0 {
            return Err(StoreError::Config("pack_bytes and quota_bytes must leave room for a pack"));
        }
        match disk.read(&config.dir.join(FORMAT_FILE), 64)? {
            Some(text) if text == FORMAT_TEXT => {}
            Some(_) => return Err(StoreError::Config("the folder holds a store of another version")),
            None => return Err(StoreError::Missing(config.dir)),
        }
        let lock = FolderLock::acquire(&config.dir)?;
        let index = Index::closed(config.dir.join(INDEX_FILE), disk.clone());
        let inner = Arc::new(Inner { config, disk, index, packs: RwLock::default(), lock });
        let recovery = recover::open(&inner)?;
        let (commands, queue) = mpsc::channel(QUEUE);
        let writer = Writer::new(inner.clone(), queue, rng)?;
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| StoreError::at(&inner.config.dir, error))?;
        Ok(Self { inner, commands: Some(commands), thread: Some(thread), recovery })
    }

    /// What opening met.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    fn ask<'a, T: Send + 'a>(
        &'a self,
        command: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Command + Send + 'a,
    ) -> Answer<'a, T> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let commands = self.commands.as_ref().ok_or(StoreError::Closed)?;
            commands.send(command(reply)).await.map_err(|_| StoreError::Closed)?;
            answer.await.map_err(|_| StoreError::Closed)?
        })
    }

    /// Looks at index or disk where it may block.
    fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<'_, T> {
        let inner = self.inner.clone();
        Box::pin(blocking::run(move || look(&inner)))
    }
}

impl Backend for Packs {
    fn put(&self, put: Put) -> Answer<'_, ()> {
        self.ask(|reply| Command::Put { put: Box::new(put), reply })
    }

    fn get(&self, key: Key) -> Answer<'_, Option<Entry>> {
        self.look(move |inner| inner.index.read(|view| view.get(&key)))
    }

    fn newest_open(&self, camera_id: CameraId, track: TrackId) -> Answer<'_, Option<Entry>> {
        let of = Key { kind: Kind::EpochOpen, camera_id, track, number: 0 };
        self.look(move |inner| inner.index.read(|view| Ok(view.ends(&of)?.1)))
    }

    fn policy(&self, camera_id: CameraId, hash: Option<[u8; 32]>) -> Answer<'_, Option<Entry>> {
        self.look(move |inner| inner.index.read(|view| view.policy(camera_id, hash.as_ref())))
    }

    fn day_keys(&self, day: Day, most: usize) -> Answer<'_, Vec<Entry>> {
        self.look(move |inner| inner.index.read(|view| view.day_keys(day, most)))
    }

    fn page(&self, span: Span, cursor: u64, most: usize) -> Answer<'_, Page> {
        self.look(move |inner| inner.index.read(|view| view.page(&span, cursor, most)))
    }

    fn read(&self, entry: Entry) -> Answer<'_, Bytes> {
        self.look(move |inner| read::read_body(inner, &entry))
    }

    fn read_part(&self, entry: Entry, part: Range<usize>) -> Answer<'_, Bytes> {
        self.look(move |inner| read::read_part(inner, &entry, part))
    }

    fn next_missing(&self, camera_id: CameraId, track: TrackId) -> Answer<'_, Sequence> {
        self.look(move |inner| {
            let track = inner.index.read(|view| view.track(camera_id, track))?;
            Ok(Sequence(track.map_or(0, |track| track.next_missing)))
        })
    }

    fn cameras(&self) -> Answer<'_, Vec<CameraTotals>> {
        self.look(|inner| {
            let cameras = inner.index.read(|view| view.cameras())?;
            Ok(cameras.into_iter().map(|(id, tracks)| read::totals(id, &tracks)).collect())
        })
    }

    fn sweep(&self, now_us: Micros) -> Answer<'_, Swept> {
        self.ask(move |reply| Command::Sweep { now_us, reply })
    }

    fn used_bytes(&self) -> u64 {
        self.inner.used()
    }
}

#[cfg(test)]
mod tests;
