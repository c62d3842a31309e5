//! What a connection remembers of what it published, so that the store is asked once.

use host::lock::Mutex;
use media::chain::Chain;
use media::epoch::{EpochContext, SignedEpochOpen};
use media::id::{EpochNo, TrackId};
use media::segment::SegmentHeader;
use std::collections::BTreeMap;

/// Epochs and chain values that a connection remembers.
const REMEMBERED: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Memory {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// `chain_0` of each epoch.
    starts: BTreeMap<(TrackId, EpochNo), Chain>,
    /// The chain after each segment.
    chains: BTreeMap<(TrackId, EpochNo, u32), Chain>,
}

impl Memory {
    /// Remembers an epoch; its `chain_0`.
    pub(crate) fn remember_epoch(&self, open: &SignedEpochOpen) -> Chain {
        let open = open.unverified();
        let start = Chain::start(&open.context.hash(), &open.prev_close_hash());
        let EpochContext { track, epoch_no, .. } = open.context;
        let mut known = self.known.lock();
        known.starts.insert((track, epoch_no), start);
        // Backfill and live interleave; forgetting costs a look at the store.
        while known.starts.len() > REMEMBERED {
            known.starts.pop_first();
        }
        start
    }

    pub(crate) fn start(&self, header: &SegmentHeader) -> Option<Chain> {
        self.known.lock().starts.get(&(header.track, header.epoch_no)).copied()
    }

    /// The chain after segment `k` of the header's epoch.
    pub(crate) fn chain(&self, header: &SegmentHeader, k: u32) -> Option<Chain> {
        self.known.lock().chains.get(&(header.track, header.epoch_no, k)).copied()
    }

    /// A segment is about to be stored; what follows it may be on its way already. `true` when none
    /// with its number was known.
    pub(crate) fn remember_segment(&self, header: &SegmentHeader, chain: Chain) -> bool {
        let mut known = self.known.lock();
        let place = (header.track, header.epoch_no, header.k);
        let fresh = !known.chains.contains_key(&place);
        known.chains.entry(place).or_insert(chain);
        while known.chains.len() > REMEMBERED {
            known.chains.pop_first();
        }
        fresh
    }

    /// It was not stored: what claims to follow it is judged by what is.
    pub(crate) fn forget_segment(&self, header: &SegmentHeader) {
        self.known.lock().chains.remove(&(header.track, header.epoch_no, header.k));
    }
}
