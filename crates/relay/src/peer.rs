//! The other end of a connection.

use crate::memory::Memory;
use crate::receipts::Receipts;
use host::lock::Mutex;
use media::id::{CameraId, TrackId};
use media::sign::PublicKey;
use quic::Link;
use std::collections::BTreeSet;

#[derive(Debug)]
pub(crate) struct Peer {
    pub link: Link,
    pub key: PublicKey,
    /// The camera it would be, if its key is a camera's.
    pub camera_id: CameraId,
    /// Counts connections; tells two of one key apart.
    pub number: u64,
    pub memory: Memory,
    pub receipts: Receipts,
    /// What it publishes.
    pub tracks: Mutex<BTreeSet<TrackId>>,
}

impl Peer {
    pub(crate) fn new(link: Link, number: u64) -> Self {
        let key = link.peer_key();
        let camera_id = CameraId::of_key(&key);
        Self {
            link,
            key,
            camera_id,
            number,
            memory: Memory::default(),
            receipts: Receipts::default(),
            tracks: Mutex::default(),
        }
    }
}
