//! What passes between the HTTP side and the sequencer: leaves one way, their fates and published
//! heads the other. One owner per part: the sequencer alone publishes, settles and sets the
//! trouble; the HTTP side alone fills the pool.

use crate::index::Index;
use crate::pool::{Fate, Full, Pool};
use bytes::Bytes;
use host::http::Failure;
use host::lock::Mutex;
use tlog::Hash;
use tokio::sync::{Notify, watch};

/// A head with its quorum.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub size: u64,
    pub root: Hash,
    /// The checkpoint with its cosignatures.
    pub note: Bytes,
}

#[derive(Debug)]
pub(crate) struct Handover {
    pool: Mutex<Pool>,
    arrived: Notify,
    pub index: Index,
    published: watch::Sender<Option<Published>>,
    /// Why nothing is published at present, as submitters are told.
    trouble: Mutex<Option<Failure>>,
}

impl Handover {
    pub(crate) fn new(index: Index) -> Self {
        Self {
            pool: Mutex::default(),
            arrived: Notify::new(),
            index,
            published: watch::Sender::new(None),
            trouble: Mutex::default(),
        }
    }

    /// The fate of a leaf that waits already.
    pub(crate) fn join(&self, leaf: &Hash) -> Option<watch::Receiver<Fate>> {
        self.pool.lock().join(leaf)
    }

    /// Queues a leaf, or joins the same one.
    pub(crate) fn push(&self, leaf: Hash, entry: Bytes) -> Result<watch::Receiver<Fate>, Full> {
        let mut pool = self.pool.lock();
        let receiver = match pool.join(&leaf) {
            Some(receiver) => receiver,
            None => pool.push(leaf, entry)?,
        };
        drop(pool);
        self.arrived.notify_one();
        Ok(receiver)
    }

    /// Resolves when leaves wait. Cancel-safe.
    pub(crate) async fn arrived(&self) {
        loop {
            let notified = self.arrived.notified();
            if !self.pool.lock().is_empty() {
                return;
            }
            notified.await;
        }
    }

    pub(crate) fn take_batch(&self, limit: usize) -> Vec<(Hash, Bytes)> {
        self.pool.lock().take(limit)
    }

    pub(crate) fn settle(&self, leaves: &[Hash], fate: &Fate) {
        self.pool.lock().settle(leaves, fate);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.pool.lock().waiting()
    }

    pub(crate) fn publish(&self, published: Published) {
        self.published.send_replace(Some(published));
    }

    pub(crate) fn published(&self) -> watch::Receiver<Option<Published>> {
        self.published.subscribe()
    }

    pub(crate) fn published_size(&self) -> Option<u64> {
        self.published.borrow().as_ref().map(|published| published.size)
    }

    pub(crate) fn set_trouble(&self, trouble: Option<Failure>) {
        *self.trouble.lock() = trouble;
    }

    pub(crate) fn trouble(&self) -> Option<Failure> {
        self.trouble.lock().clone()
    }
}
