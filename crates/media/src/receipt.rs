//! What a relay signs that it has: its acknowledgements, as somebody else may see them.
//!
//! `proto/segment.md`, "Receipt". The camera puts the newest one into its next EpochOpen, so that a
//! segment that the relay acknowledged and does not have any more is the relay's loss, provably.

use alloc::vec::Vec;
use ed25519_dalek::SigningKey;

use crate::codec::{self, DecodeError, Field, Reader, Writer};
use crate::id::{CameraId, EpochNo, Sequence, TrackId};
use crate::sign::{self, BadSignature, PublicKey};
use crate::time::Micros;
use crate::{fields, limits};

/// The type byte.
pub const TYPE: u8 = 0x13;
const DOMAIN: &[u8] = b"candor receipt\0";

/// Segments from one to another, both among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub first: Sequence,
    /// The last, not before it.
    pub last: Sequence,
}

fields!(Range { first, last });

impl Range {
    /// Whether it is among them.
    pub fn holds(&self, sequence: Sequence) -> bool {
        (self.first..=self.last).contains(&sequence)
    }
}

/// Ranges that ascend and do not touch each other's numbers.
pub(crate) fn are_in_order<'a>(mut ranges: impl Iterator<Item = &'a Range>) -> bool {
    let mut end = None;
    ranges.all(|range| {
        let follows = range.first <= range.last && end.is_none_or(|end| range.first > end);
        end = Some(range.last);
        follows
    })
}

/// What a relay acknowledged to a camera over one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The relay's key, which signs.
    pub relay_key: PublicKey,
    /// Whose segments.
    pub camera_id: CameraId,
    /// Of which picture.
    pub track: TrackId,
    /// When, by the relay's clock.
    pub at_us: Micros,
    /// The epoch of the newest of them,
    pub epoch_no: EpochNo,
    /// its number in that epoch,
    pub k: u32,
    /// and the chain value after it.
    pub chain: [u8; 32],
    /// All of them, ascending; the oldest ranges are left out where there are more than fit.
    pub acknowledged: Vec<Range>,
}

fields!(Receipt {
    relay_key,
    camera_id,
    track,
    at_us,
    epoch_no,
    k,
    chain,
    acknowledged[limits::ACKNOWLEDGED],
} check Receipt::check);

impl Receipt {
    fn check(&self) -> Result<(), DecodeError> {
        let is_one = !self.acknowledged.is_empty() && are_in_order(self.acknowledged.iter());
        if is_one { Ok(()) } else { Err(DecodeError::BadValue("acknowledged")) }
    }

    /// Whether it says all that an earlier one says: the same relay's, of the same track.
    pub fn covers(&self, earlier: &Self) -> bool {
        let of = |receipt: &Self| (receipt.relay_key, receipt.camera_id, receipt.track);
        let holds = |range: &Range| {
            self.acknowledged.iter().any(|own| own.holds(range.first) && own.holds(range.last))
        };
        of(self) == of(earlier) && earlier.acknowledged.iter().all(holds)
    }

    /// Signs as the relay.
    pub fn sign(self, relay: &SigningKey) -> SignedReceipt {
        let bytes = sign::sign_object(relay, DOMAIN, codec::encode(TYPE, &self));
        SignedReceipt { receipt: self, bytes }
    }
}

/// A receipt and the bytes that were signed. The signature is *unverified* until
/// [`SignedReceipt::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedReceipt {
    receipt: Receipt,
    bytes: Vec<u8>,
}

impl SignedReceipt {
    /// Parses; does not verify.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::check_size(bytes.len(), "receipt", limits::RECEIPT)?;
        Ok(Self { receipt: codec::decode_signed(TYPE, bytes)?, bytes: bytes.to_vec() })
    }

    /// The bytes, signature included.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The content, unverified.
    pub fn unverified(&self) -> &Receipt {
        &self.receipt
    }

    /// The content, when the relay whose key it names signed it.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self) -> Result<&Receipt, BadSignature> {
        sign::verify_object(&self.bytes, &self.receipt.relay_key, DOMAIN, "receipt")?;
        Ok(&self.receipt)
    }
}

impl Field for SignedReceipt {
    fn write(&self, w: &mut Writer) {
        w.bytes(&self.bytes);
    }

    fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
        Self::decode(r.bytes(limits::RECEIPT, field)?)
    }
}
