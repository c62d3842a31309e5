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
    pub pool: Mutex<Pool>,
    arrived: Notify,
    pub index: Index,
    pub published: watch::Sender<Option<Published>>,
    /// Why nothing is published at present, as submitters are told.
    pub trouble: Mutex<Option<Failure>>,
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

    pub(crate) fn published_size(&self) -> Option<u64> {
        self.published.borrow().as_ref().map(|published| published.size)
    }
}
