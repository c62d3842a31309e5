//! Opening: one segment as its bytes arrive, and the track's continuity from segment to segment.
//! Contract: `proto/segment.md#opening`.
//!
//! In scope: whether bytes are the segment that this camera sealed for this place
//! ([`SegmentOpener`]; [`open_whole`] where all of them are at hand), and whether anything is
//! missing between two whole ones ([`Continuity`]). Live and recorded footage go the same way. Out
//! of scope: where the bytes come from.

use crate::cobblestone;
use crate::epoch::ContentKey;
use crate::sealer::{STAMP, SegmentHead, context};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use bytes::Bytes;
use media::chain::FragmentsHash;
use media::codec::DecodeError;
use media::epoch::{EpochContext, EpochOpen};
use media::id::{CameraId, EpochNo, Sequence, TrackId};
use media::segment::{Part, SegmentHeader, SegmentReader, Trailer};
use media::sign::{BadSignature, PublicKey};
use media::time::Micros;

mod continuity;

pub use continuity::{Continuity, Gap};

/// The keys of the epochs a viewer may open, of one camera and track.
#[derive(Debug)]
pub struct Keyring {
    camera_key: PublicKey,
    camera_id: CameraId,
    track: TrackId,
    epochs: BTreeMap<EpochNo, (EpochContext, ContentKey)>,
}

impl Keyring {
    /// Starts with no epoch.
    pub fn new(camera_key: PublicKey, track: TrackId) -> Self {
        Self { camera_key, camera_id: CameraId::of_key(&camera_key), track, epochs: BTreeMap::new() }
    }

    /// Adds an epoch from its verified EpochOpen. Another camera's or track's is not added.
    pub fn insert(&mut self, open: &EpochOpen, key: ContentKey) {
        let context = &open.context;
        if context.camera_id == self.camera_id && context.track == self.track {
            self.epochs.insert(context.epoch_no, (context.clone(), key));
        }
    }

    /// Whether it has this epoch.
    pub fn holds(&self, epoch: EpochNo) -> bool {
        self.epochs.contains_key(&epoch)
    }

    /// Forgets epochs before this one.
    pub fn forget_before(&mut self, epoch: EpochNo) {
        self.epochs = self.epochs.split_off(&epoch);
    }
}

/// Why a segment was refused. Nothing of it after the named fault is handed out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not a segment.
    #[error("the segment is malformed: {0}")]
    Malformed(#[from] DecodeError),
    /// Another camera's or track's.
    #[error("the segment belongs to another camera or track")]
    WrongTrack,
    /// An epoch for which no key is held.
    #[error("no key for epoch {0} is held")]
    NoKey(EpochNo),
    /// A start outside its epoch.
    #[error("the segment says that it starts outside its epoch")]
    OutsideEpoch,
    /// A fragment that the epoch's key does not open in this place.
    #[error("fragment {0} does not open: altered, moved, or sealed under another key")]
    Fragment(u32),
    /// The trailer's signature.
    #[error(transparent)]
    Signature(#[from] BadSignature),
    /// A segment that was seen before, or stands before one that was.
    #[error("segment {0} was seen before, or comes after a later one")]
    Replayed(Sequence),
    /// The chain does not lead from the segment before to this one.
    #[error("segment {0} does not continue the chain: something was altered, dropped or added before it")]
    BrokenChain(Sequence),
}

/// What an opening segment gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Its clear header, for an epoch whose key is held.
    Header(SegmentHeader),
    /// Fragment 0.
    Head(SegmentHead),
    /// A further fragment, authenticated.
    Fragment {
        /// When it was complete on the camera.
        captured_us: Micros,
        /// One moof + mdat.
        bytes: Vec<u8>,
    },
    /// The whole segment is signed by the camera.
    End(Ended),
}

/// A whole segment, its signature verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The clear header.
    pub header: SegmentHeader,
    /// Hash of the framed fragments.
    pub fragments_hash: [u8; 32],
    /// The signed end.
    pub trailer: Trailer,
}

/// One segment, opened as its bytes arrive: `push`, then `poll` until `None`.
#[derive(Debug, Default)]
pub struct SegmentOpener {
    reader: SegmentReader,
    header: Option<Header>,
    fragments: FragmentsHash,
    /// The end has been handed out.
    ended: bool,
    /// A fault that no key cures: nothing more is handed out.
    failed: Option<OpenError>,
}

#[derive(Debug)]
struct Header {
    clear: SegmentHeader,
    hash: [u8; 32],
    /// The header was handed out: its epoch's key was there.
    accepted: bool,
}

impl SegmentOpener {
    /// Adds bytes that arrived.
    ///
    /// # Errors
    /// [`OpenError::Malformed`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), OpenError> {
        let pushed = self.reader.push(Bytes::copy_from_slice(bytes)).map_err(OpenError::from);
        self.remember(pushed)
    }

    /// The header once it was read, also when no key is held for its epoch: fetch the EpochOpen,
    /// insert, poll again.
    pub fn header(&self) -> Option<&SegmentHeader> {
        self.header.as_ref().map(|header| &header.clear)
    }

    /// The next part. [`OpenError::NoKey`] may be cured by inserting the key; every other error is
    /// final.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn poll(&mut self, keys: &Keyring) -> Result<Option<Opened>, OpenError> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            None => {
                let polled = self.next(keys);
                self.remember(polled)
            }
        }
    }

    fn remember<T>(&mut self, result: Result<T, OpenError>) -> Result<T, OpenError> {
        if let Err(error) = &result
            && !matches!(error, OpenError::NoKey(_))
        {
            self.failed = Some(error.clone());
        }
        result
    }

    fn next(&mut self, keys: &Keyring) -> Result<Option<Opened>, OpenError> {
        if self.header.is_none() {
            let Some(Part::Header(clear)) = self.reader.next_part()? else { return Ok(None) };
            self.header = Some(Header { clear, hash: clear.hash(), accepted: false });
        }
        let Some(header) = &mut self.header else { return Ok(None) };
        let clear = header.clear;
        if clear.camera_id != keys.camera_id || clear.track != keys.track {
            return Err(OpenError::WrongTrack);
        }
        let (context_of_epoch, key) =
            keys.epochs.get(&clear.epoch_no).ok_or(OpenError::NoKey(clear.epoch_no))?;
        if !header.accepted {
            // SPEC: segment.md#opening: a segment belongs to the epoch in which it starts.
            if !(context_of_epoch.start_us..context_of_epoch.end_us()).contains(&clear.start_us) {
                return Err(OpenError::OutsideEpoch);
            }
            header.accepted = true;
            return Ok(Some(Opened::Header(clear)));
        }
        match self.reader.next_part()? {
            None => Ok(None),
            Some(Part::Header(_)) => Err(DecodeError::BadValue("header").into()),
            Some(Part::Fragment { index, sealed }) => {
                self.fragments.update_pieces(index, &sealed);
                // SPEC: segment.md#opening: each fragment MUST be authenticated before it is shown.
                let plaintext =
                    cobblestone::open(key.expose(), &context(&header.hash, index), &sealed.to_bytes())
                        .map_err(|_| OpenError::Fragment(index))?;
                // SPEC: segment.md#sealing: a fragment 0 that is not one head MUST be refused, and
                // a later plaintext under 8 bytes.
                if index == 0 {
                    return Ok(Some(Opened::Head(SegmentHead::decode(&plaintext)?)));
                }
                let (stamp, _) = plaintext.split_first_chunk::<STAMP>().ok_or(OpenError::Fragment(index))?;
                let captured_us = Micros(u64::from_be_bytes(*stamp));
                let mut bytes = plaintext;
                bytes.drain(..STAMP);
                Ok(Some(Opened::Fragment { captured_us, bytes }))
            }
            Some(Part::Trailer(trailer)) => {
                trailer.verify(&keys.camera_key, &header.hash)?;
                self.ended = true;
                let fragments_hash = core::mem::take(&mut self.fragments).finish();
                Ok(Some(Opened::End(Ended { header: clear, fragments_hash, trailer })))
            }
        }
    }

    /// No more bytes come: an error unless the trailer was read.
    ///
    /// # Errors
    /// [`OpenError::Malformed`].
    pub fn finish(self) -> Result<(), OpenError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.ended { Ok(()) } else { Err(DecodeError::Truncated("the segment").into()) }
    }
}

/// A whole segment, opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// Fragment 0.
    pub head: SegmentHead,
    /// The further fragments, one moof + mdat each.
    pub fragments: Vec<Vec<u8>>,
    /// The signed end.
    pub ended: Ended,
}

/// Opens a segment of which all bytes are at hand: every one of them holds, or nothing is given.
///
/// # Errors
/// [`OpenError`].
pub fn open_whole(sealed: &[u8], keys: &Keyring) -> Result<Whole, OpenError> {
    let mut opener = SegmentOpener::default();
    opener.push(sealed)?;
    let (mut head, mut fragments, mut end) = (None, Vec::new(), None);
    while let Some(part) = opener.poll(keys)? {
        match part {
            Opened::Header(_) => {}
            Opened::Head(opened) => head = Some(opened),
            Opened::Fragment { bytes, .. } => fragments.push(bytes),
            Opened::End(ended) => end = Some(ended),
        }
    }
    opener.finish()?;
    match (head, end) {
        (Some(head), Some(ended)) => Ok(Whole { head, fragments, ended }),
        _ => Err(DecodeError::Truncated("the segment").into()),
    }
}

#[cfg(test)]
mod tests;
