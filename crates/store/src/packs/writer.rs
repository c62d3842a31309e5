//! The one thread that writes: steps 2 to 5 of the commit order, a batch at a time.

use super::disk::Disk;
use super::index::{Failed, Floors, Tables};
use super::pack::{Lane, Pack};
use super::read::Seen;
use super::record::{HEADER_LEN, encode, record_len};
use super::{Inner, recover};
use crate::contract::{Entry, Put, Swept};
use crate::error::StoreError;
use crate::judge::{Verdict, days_of, judge};
use crate::record::Header;
use crate::retention::WhenFull;
use host::rng::Rng;
use media::time::Micros;
use rand_core::Rng as _;
use redb::Durability;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Writes in one batch, and their bytes: what one fsync makes wait.
const BATCH_WRITES: usize = 256;
const BATCH_BYTES: u64 = 32 << 20;
/// How much a crash may have to replay.
const INDEX_SYNC: Duration = Duration::from_secs(5);
/// A pack is closed when its oldest record is this old: retention drops whole packs.
const PACK_AGE: Duration = Duration::from_secs(3600);

pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

pub(super) enum Command {
    Put { put: Box<Put>, reply: Reply<()> },
    Sweep { now_us: Micros, reply: Reply<Swept> },
}

/// A pack that is appended to.
struct OpenPack {
    /// As readers know it: all of its length was synced.
    known: Pack,
    file: File,
    /// Up to here everything was written.
    end: u64,
    /// When its oldest record was received.
    since_us: Micros,
}

pub(super) struct Writer {
    pub(super) inner: Arc<Inner>,
    queue: mpsc::Receiver<Command>,
    open: BTreeMap<Lane, OpenPack>,
    next_number: u64,
    pub(super) floors: Floors,
    /// Packs whose entries are gone and whose files are to go.
    pub(super) doomed: Vec<u64>,
    synced_index: Instant,
    rng: Rng,
}

impl Writer {
    pub(super) fn new(
        inner: Arc<Inner>,
        queue: mpsc::Receiver<Command>,
        rng: Rng,
    ) -> Result<Self, StoreError> {
        let floors = recover::read_floors(&inner)?;
        let packs = inner.packs.read();
        let next_number = packs.keys().next_back().map_or(1, |number| number + 1);
        drop(packs);
        Ok(Self {
            inner,
            queue,
            open: BTreeMap::new(),
            next_number,
            floors,
            doomed: Vec::new(),
            synced_index: Instant::now(),
            rng,
        })
    }

    /// Runs until every handle is gone.
    pub(super) fn run(mut self) {
        let mut ahead = None;
        while let Some(command) = ahead.take().or_else(|| self.queue.blocking_recv()) {
            match command {
                Command::Sweep { now_us, reply } => {
                    let swept = self.make_sure_of_index().and_then(|()| self.sweep(now_us));
                    // Whoever asked may have gone.
                    let _ = reply.send(swept);
                }
                Command::Put { put, reply } => {
                    let mut bytes = record_len(&put.header);
                    let mut batch = vec![(put, reply)];
                    while batch.len() < BATCH_WRITES && bytes < BATCH_BYTES {
                        match self.queue.try_recv() {
                            Ok(Command::Put { put, reply }) => {
                                bytes += record_len(&put.header);
                                batch.push((put, reply));
                            }
                            Ok(sweep) => {
                                ahead = Some(sweep);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.answer(batch, bytes);
                }
            }
        }
        // An index that is not synced is replayed; a warning is all it takes.
        if let Err(error) = self.inner.index.change(Durability::Immediate, |_| Ok(())) {
            tracing::warn!(%error, "the index was not synced on closing; it is brought up to date on opening");
        }
    }

    fn answer(&mut self, batch: Vec<(Box<Put>, Reply<()>)>, bytes: u64) {
        let (puts, replies): (Vec<Box<Put>>, Vec<Reply<()>>) = batch.into_iter().unzip();
        let refusals = self.write(&puts, bytes).unwrap_or_else(|failed| {
            let error = self.step_back(failed);
            tracing::warn!(%error, writes = puts.len(), "nothing of this batch is acknowledged");
            puts.iter().map(|_| Err(error.clone())).collect()
        });
        for (reply, result) in replies.into_iter().zip(refusals) {
            // A writer that no longer waits will send again, and be told that it is there.
            let _ = reply.send(result);
        }
    }

    /// Writes a batch. `Err` means that nothing of it may be acknowledged.
    fn write(&mut self, puts: &[Box<Put>], bytes: u64) -> Result<Vec<Result<(), StoreError>>, Failed> {
        self.make_sure_of_index()?;
        self.check_room(bytes)?;
        let quota = self.make_room(bytes)?;
        let due = self.synced_index.elapsed() >= INDEX_SYNC;
        let inner = self.inner.clone();
        let durability = if due { Durability::Immediate } else { Durability::None };
        let results = inner.index.change(durability, |tables| {
            let mut results = Vec::with_capacity(puts.len());
            for put in puts {
                results.push(match judge(&Seen { inner: &inner, view: tables.view() }, put)? {
                    Verdict::Same => Ok(()),
                    Verdict::Refuse(error) => Err(error),
                    Verdict::Write => match &quota {
                        Some(full) if put.header.kind.is_footage() => Err(full.clone()),
                        _ => Ok(self.append(tables, put)?),
                    },
                });
            }
            self.sync(tables)?;
            Ok(results)
        })?;
        if due {
            self.synced_index = Instant::now();
        }
        Ok(results)
    }

    /// Makes durable what was written, so that readers may rely on it.
    fn sync(&mut self, tables: &mut Tables<'_>) -> Result<(), Failed> {
        for pack in self.open.values_mut().filter(|pack| pack.end > pack.known.length) {
            let durable = (pack.known.mark, pack.known.length);
            if tables.indexed(pack.known.number)?.unwrap_or((pack.known.mark, 0)) != durable {
                // It lacks acknowledged records, and no start would look for them behind a new end.
                return Err(redb::Error::Corrupted("it ends before its pack".to_owned()).into());
            }
            self.inner.disk.sync(&pack.file).map_err(|error| {
                pack.known.given_up = true;
                StoreError::at(&pack.known.path, error)
            })?;
            tables.set_indexed(pack.known.number, pack.known.mark, pack.end)?;
        }
        let mut packs = self.inner.packs.write();
        for open in self.open.values_mut() {
            open.known.length = open.end;
            if let Some(pack) = packs.get_mut(&open.known.number) {
                pack.length = open.end;
            }
        }
        Ok(())
    }

    /// After a failure: nothing that was not acknowledged is built upon. What was synced stays, and
    /// the index may know it.
    fn step_back(&mut self, failed: Failed) -> StoreError {
        let disk: &dyn Disk = &*self.inner.disk;
        let mut packs = self.inner.packs.write();
        self.open.retain(|_, pack| {
            if pack.end == pack.known.length {
                return true;
            }
            let cut = disk.cut(&pack.file, pack.known.length);
            pack.end = pack.known.length;
            // A pack that cannot be cut keeps a tail that nobody was told of; a later start reads
            // or cuts it. Of one whose fsync failed nobody knows what is on the disk.
            pack.known.given_up |= cut.is_err();
            if let Some(known) = packs.get_mut(&pack.known.number) {
                known.given_up = pack.known.given_up;
            }
            !pack.known.given_up
        });
        failed.into()
    }

    /// An index that failed is opened again and brought up to date.
    fn make_sure_of_index(&mut self) -> Result<(), StoreError> {
        if self.inner.index.is_in_doubt() {
            recover::reopen_index(&self.inner, &self.floors)?;
            let packs = self.inner.packs.read();
            self.open.retain(|_, pack| packs.get(&pack.known.number).is_some_and(|known| !known.given_up));
        }
        Ok(())
    }

    fn check_room(&self, bytes: u64) -> Result<(), StoreError> {
        let config = &self.inner.config;
        let free = self.inner.disk.free_bytes(&config.dir)?;
        if free < config.min_free_bytes.saturating_add(bytes) {
            let least = config.min_free_bytes;
            return Err(StoreError::Full(format!(
                "{free} bytes are free on the disk, {least} are to stay so"
            )));
        }
        Ok(())
    }

    /// Makes room under the quota, or gives the refusal for what would need it.
    fn make_room(&mut self, bytes: u64) -> Result<Option<StoreError>, StoreError> {
        let Some(quota) = self.inner.config.terms.quota_bytes else { return Ok(None) };
        if self.inner.used().saturating_add(bytes) <= quota {
            return Ok(None);
        }
        if self.inner.config.terms.when_full == WhenFull::DropOldest {
            self.drop_oldest(quota.saturating_sub(bytes))?;
            if self.inner.used().saturating_add(bytes) <= quota {
                return Ok(None);
            }
        }
        Ok(Some(StoreError::Full(format!("the quota of {quota} bytes is used up"))))
    }

    fn append(&mut self, tables: &mut Tables<'_>, put: &Put) -> Result<(), Failed> {
        let inner = self.inner.clone();
        let most = inner.config.terms.retention_days_max;
        let days = days_of(&Seen { inner: &inner, view: tables.view() }, put.header.camera_id, most)?;
        let lane = Lane::of(put.header.kind, days);
        let pack = self.pack_for(lane, &put.header)?;
        let offset = pack.end;
        // Before the write: what a failed write left behind is cut off as well.
        pack.end += record_len(&put.header);
        let failed = |error| StoreError::at(&pack.known.path, error);
        let header = encode(&put.header, pack.known.mark);
        inner.disk.write_at(&pack.file, offset, &mut [IoSlice::new(&header)]).map_err(failed)?;
        let mut body: Vec<_> = put.body.pieces().map(IoSlice::new).collect();
        inner.disk.write_at(&pack.file, offset + HEADER_LEN as u64, &mut body).map_err(failed)?;
        let entry = Entry { pack: pack.known.number, offset, header: put.header };
        // A later write of this batch may ask for this one's body: it reads up to what is written,
        // not what is durable.
        Ok(tables.insert(&entry, lane, put.policy.map(|policy| policy.hash))?)
    }

    /// The lane's pack, a new one when the last is full or old.
    fn pack_for(&mut self, lane: Lane, header: &Header) -> Result<&mut OpenPack, StoreError> {
        let limit = self.inner.config.pack_limit();
        // A pack with unsynced bytes stays until the batch is synced.
        let closed = self.open.get(&lane).is_some_and(|pack| {
            let old = lane != Lane::Objects && header.received_us > pack.since_us.after(PACK_AGE);
            pack.end == pack.known.length && (pack.end >= limit || old)
        });
        if closed {
            self.open.remove(&lane);
        }
        if !self.open.contains_key(&lane) {
            let pack = match self.last_objects(lane, limit)? {
                Some(pack) => pack,
                None => self.new_pack(lane, header.received_us)?,
            };
            self.open.insert(lane, pack);
        }
        self.open.get_mut(&lane).ok_or(StoreError::Closed)
    }

    /// Objects are never dropped, so their last pack goes on after a restart instead of leaving a
    /// small one each time.
    fn last_objects(&self, lane: Lane, limit: u64) -> Result<Option<OpenPack>, StoreError> {
        if lane != Lane::Objects {
            return Ok(None);
        }
        let packs = self.inner.packs.read();
        let Some(pack) =
            packs.values().rev().find(|pack| pack.lane == lane && pack.length < limit && !pack.given_up)
        else {
            return Ok(None);
        };
        let file = self.inner.disk.open(&pack.path).map_err(|error| StoreError::at(&pack.path, error))?;
        let (known, end) = (pack.clone(), pack.length);
        Ok(Some(OpenPack { known, file, end, since_us: Micros(0) }))
    }

    fn new_pack(&mut self, lane: Lane, since_us: Micros) -> Result<OpenPack, StoreError> {
        let number = self.next_number;
        // Used up even when creating fails: the file may be there all the same.
        self.next_number += 1;
        let mark = self.rng.next_u64();
        let path = self.inner.packs_dir().join(Pack::name(number, lane, mark));
        let file = self.inner.disk.create(&path)?;
        let known = Pack { number, lane, mark, path, length: 0, given_up: false };
        self.inner.packs.write().insert(number, known.clone());
        Ok(OpenPack { known, file, end: 0, since_us })
    }

    /// Appends no more to a pack.
    pub(super) fn close_pack(&mut self, number: u64) {
        self.open.retain(|_, pack| pack.known.number != number);
    }
}
