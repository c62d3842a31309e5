//! What peers take of the relay at once, all together, each within its limit.

use crate::config::Limits;
use host::lock::Mutex;
use host::rate::Bucket;
use media::sign::PublicKey;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::sync::Semaphore;

#[derive(Debug)]
pub(crate) struct Load {
    /// Fetches that are being answered.
    pub fetches: FetchSeats,
    /// Seats of connections by keys that nobody enrolled.
    pub strangers: Semaphore,
    /// Bytes of segments that are being received, of all cameras.
    receiving: AtomicUsize,
    /// What cameras write: of enrolled ones only, which bounds the map.
    pub writes: Rates,
    /// New blocks of numbers: of enrolled cameras.
    pub blocks: Rates,
    /// What is asked of cameras: of enrolled ones.
    pub settings: Rates,
    /// Answers with EpochOpens: of sponsors, whose number the configuration bounds.
    pub opens: Rates,
}

impl Load {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            fetches: FetchSeats { most: limits.fetches, held: Mutex::default() },
            strangers: Semaphore::new(limits.strangers),
            receiving: AtomicUsize::new(0),
            writes: Rates::default(),
            blocks: Rates::default(),
            settings: Rates::default(),
            opens: Rates::default(),
        }
    }

    /// A segment begins to be received.
    pub(crate) fn receive(&self) -> Received<'_> {
        Received { receiving: &self.receiving, bytes: 0 }
    }
}

/// Seats that are held as long as something is sent, so that whoever reads slowly holds one for long:
/// one key has a quarter of them at the most, over however many connections.
#[derive(Debug)]
pub(crate) struct FetchSeats {
    most: usize,
    held: Mutex<BTreeMap<PublicKey, usize>>,
}

/// One of them, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct FetchSeat<'a> {
    seats: &'a FetchSeats,
    who: PublicKey,
}

impl FetchSeats {
    /// Takes one, if there is one for this key.
    pub(crate) fn take(&self, who: PublicKey) -> Option<FetchSeat<'_>> {
        let mut held = self.held.lock();
        let (all, own) = (held.values().sum::<usize>(), held.get(&who).copied().unwrap_or_default());
        if all >= self.most || own >= self.most.div_ceil(4) {
            return None;
        }
        held.insert(who, own + 1);
        Some(FetchSeat { seats: self, who })
    }
}

impl Drop for FetchSeat<'_> {
    fn drop(&mut self) {
        let mut held = self.seats.held.lock();
        match held.get_mut(&self.who) {
            Some(own) if *own > 1 => *own -= 1,
            Some(_) | None => _ = held.remove(&self.who),
        }
    }
}

/// How often each key, or camera, may do something. Whoever asks bounds who is asked about.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<BTreeMap<[u8; 32], Bucket>>);

impl Rates {
    /// Takes one of the `most` times a minute, if there is one.
    pub(crate) fn take(&self, who: [u8; 32], most: u32) -> bool {
        self.take_of(who, most, most)
    }

    /// The same with so many at once.
    pub(crate) fn take_of(&self, who: [u8; 32], per_minute: u32, at_once: u32) -> bool {
        let (mut rates, now) = (self.0.lock(), Instant::now());
        rates.entry(who).or_insert_with(|| Bucket::new(per_minute, at_once, now)).take(now).is_ok()
    }
}

/// One segment's share of what is being received; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    receiving: &'a AtomicUsize,
    bytes: usize,
}

impl Received<'_> {
    /// Adds bytes. Whether all segments together are within `most`.
    pub(crate) fn grow(&mut self, by: usize, most: usize) -> bool {
        self.bytes += by;
        self.receiving.fetch_add(by, Ordering::Relaxed).saturating_add(by) <= most
    }
}

impl Drop for Received<'_> {
    fn drop(&mut self) {
        self.receiving.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
