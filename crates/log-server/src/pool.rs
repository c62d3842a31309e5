//! Leaves on their way into the tree. Bounded: a leaf that finds no room is refused by name, and
//! its submitter tries again.
//!
//! The same bytes are one leaf however often they come: a repeat joins the one that waits. What
//! became of a leaf is told to everyone who waits for it.

use bytes::Bytes;
use host::http::Failure;
use std::collections::{HashMap, VecDeque};
use tlog::Hash;
use tokio::sync::watch;

/// Leaves that may wait at once.
pub(crate) const MAX_WAITING: usize = 4096;
/// Their bytes in all.
pub(crate) const MAX_WAITING_BYTES: usize = 32 << 20;

/// What is known of a leaf that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    Waiting,
    /// In the signed tree; it is answered for once that tree is published.
    Integrated,
    Failed(Failure),
}

/// Why a leaf was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// The waiting leaves, first come first served.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    queue: VecDeque<(Hash, Bytes)>,
    queued_bytes: usize,
    fates: HashMap<[u8; 32], watch::Sender<Fate>>,
}

impl Pool {
    /// The fate of a leaf that waits already.
    pub(crate) fn join(&self, leaf: &Hash) -> Option<watch::Receiver<Fate>> {
        self.fates.get(&leaf.0).map(watch::Sender::subscribe)
    }

    /// Takes a leaf that does not wait yet.
    pub(crate) fn push(&mut self, leaf: Hash, entry: Bytes) -> Result<watch::Receiver<Fate>, Full> {
        if self.fates.len() >= MAX_WAITING || self.queued_bytes + entry.len() > MAX_WAITING_BYTES {
            return Err(Full);
        }
        self.queued_bytes += entry.len();
        self.queue.push_back((leaf, entry));
        let (fate, receiver) = watch::channel(Fate::Waiting);
        self.fates.insert(leaf.0, fate);
        Ok(receiver)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Leaves that wait, those in the present batch included.
    pub(crate) fn waiting(&self) -> usize {
        self.fates.len()
    }

    /// The next batch, at most `limit` leaves. Their fates stay open until
    /// [`settle`](Pool::settle).
    pub(crate) fn take(&mut self, limit: usize) -> Vec<(Hash, Bytes)> {
        let batch: Vec<_> = self.queue.drain(..limit.min(self.queue.len())).collect();
        self.queued_bytes -= batch.iter().map(|(_, entry)| entry.len()).sum::<usize>();
        batch
    }

    /// Tells everyone who waits for these leaves what became of them, and forgets them.
    pub(crate) fn settle<'a>(&mut self, leaves: impl IntoIterator<Item = &'a Hash>, fate: &Fate) {
        for leaf in leaves {
            if let Some(sender) = self.fates.remove(&leaf.0) {
                // Nobody may be waiting any more.
                sender.send_replace(fate.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(n: u16) -> Hash {
        let mut hash = [0; 32];
        hash[..2].copy_from_slice(&n.to_be_bytes());
        Hash(hash)
    }

    #[test]
    fn a_repeat_joins_and_everyone_hears_the_fate() {
        let mut pool = Pool::default();
        assert!(pool.join(&leaf(1)).is_none());
        let first = pool.push(leaf(1), Bytes::from_static(b"a")).unwrap();
        let second = pool.join(&leaf(1)).unwrap();
        pool.push(leaf(2), Bytes::from_static(b"b")).unwrap();
        let batch = pool.take(1);
        assert_eq!(batch, [(leaf(1), Bytes::from_static(b"a"))]);
        // Taken, not yet settled: a repeat still joins.
        let third = pool.join(&leaf(1)).unwrap();
        pool.settle([&leaf(1)], &Fate::Integrated);
        for receiver in [first, second, third] {
            assert_eq!(*receiver.borrow(), Fate::Integrated);
        }
        assert!(pool.join(&leaf(1)).is_none());
        assert_eq!(pool.take(9).len(), 1);
        assert!(pool.is_empty());
    }

    #[test]
    fn leaves_and_bytes_are_bounded_and_room_comes_back() {
        let mut pool = Pool::default();
        for n in 0..MAX_WAITING as u16 {
            pool.push(leaf(n), Bytes::from_static(b"x")).unwrap();
        }
        assert!(matches!(pool.push(leaf(u16::MAX), Bytes::new()), Err(Full)));
        let batch = pool.take(10);
        // Still answered for, so still counted.
        assert!(matches!(pool.push(leaf(u16::MAX), Bytes::new()), Err(Full)));
        pool.settle(batch.iter().map(|(leaf, _)| leaf), &Fate::Integrated);
        pool.push(leaf(u16::MAX), Bytes::new()).unwrap();

        let mut pool = Pool::default();
        let big = Bytes::from(vec![0; MAX_WAITING_BYTES / 2 + 1]);
        pool.push(leaf(1), big.clone()).unwrap();
        assert!(matches!(pool.push(leaf(2), big.clone()), Err(Full)));
        pool.take(1);
        pool.push(leaf(2), big).unwrap();
    }
}
