//! Details: what only the camera's owner, the trustees and the asker read of a request. Contract:
//! `proto/release.md#details`.
//!
//! A text like a leaf's, padded with zero bytes to the smallest of 1, 4 or 16 KiB that holds it,
//! sealed under a fresh key. The leaf carries that key for the owner, sealed to the audit key of the
//! OwnerPolicy; the package carries it for the trustees, who make the owner's wrap again.
//!
//! ```text
//! candor details v1
//! camera 9f86d081...                             64 hexadecimal digits
//! track 0
//! first-epoch 7
//! last-epoch 21
//! agency police.example                          what does not apply is -
//! officer Sgt. A. Byron
//! badge 1182
//! supervisor Lt. M. Curie
//! call-back 2026-11-24 14:02 UTC, +1 555 0100 as published, spoke to the desk
//! case-number 2026-8812
//! court -
//! order -
//! grounds -
//! in-danger a boy of 4, taken by an unknown man
//! urgency every minute counts
//! no-order the court is closed until Monday
//! purpose the car's number plate
//! recipient -
//! ```
//!
//! In scope: the text and its sealing. Out of scope: whether it says what the leaf says in public
//! ([`crate::grant`], G5).

use crate::record::{
    DETAILS_SIZES, EntryId, Kind, Line, Name, Record as _, Request, SealedDetails, TextError, WrappedKey,
    record,
};
use alloc::string::String;
use media::id::{CameraId, EpochNo, TrackId};
use seal::details::DetailsKey;
use seal::hpke::{HpkeError, SecretKey};
use tlog::Hash;

record! {
    /// The details of a request. What does not apply to its kind is `None` (`-`).
    Details = "details" {
        /// Whose footage.
        camera_id: CameraId = "camera",
        /// Which picture.
        track: TrackId = "track",
        /// First epoch asked for.
        first_epoch: EpochNo = "first-epoch",
        /// Last epoch asked for; all between are asked for too.
        last_epoch: EpochNo = "last-epoch",
        /// The agency, as in the public text.
        agency: Option<Name> = "agency",
        /// Who asks, in words.
        officer: Option<Line> = "officer",
        /// The officer's badge.
        badge: Option<Line> = "badge",
        /// Who stands behind it.
        supervisor: Option<Line> = "supervisor",
        /// Who called whom back, when, on which published number.
        call_back: Option<Line> = "call-back",
        /// The agency's case.
        case_number: Option<Line> = "case-number",
        /// The court that gave an order.
        court: Option<Line> = "court",
        /// SHA-256 of the order, whose bytes the package brings.
        order: Option<Hash> = "order",
        /// The basis in words.
        grounds: Option<Line> = "grounds",
        /// Emergency: who is in danger, of what.
        in_danger: Option<Line> = "in-danger",
        /// Emergency: why waiting is dangerous.
        urgency: Option<Line> = "urgency",
        /// Emergency: why no order can be had in time.
        no_order: Option<Line> = "no-order",
        /// Emergency: how the footage helps.
        purpose: Option<Line> = "purpose",
        /// Owner's share: to whom, in the owner's words.
        recipient: Option<Line> = "recipient",
    }
    check |details: &Details| TextError::unless(
        details.first_epoch <= details.last_epoch,
        "the first epoch must not come after the last one",
    );
}

/// Why details are not details.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetailsError {
    /// Not of the form.
    #[error("the details are malformed: {0}")]
    Text(#[from] TextError),
    /// Over the largest padded size, or not padded to the smallest that fits with zeros.
    #[error("the details are not padded with zero bytes to the smallest of 1, 4 or 16 KiB that holds them")]
    Padding,
    /// This key does not open them.
    #[error("the key does not open the details")]
    CannotOpen,
    /// The OwnerPolicy's audit key is none.
    #[error("the owner's audit key: {0}")]
    AuditKey(#[from] HpkeError),
}

/// Details that were sealed for one leaf.
#[derive(Debug)]
pub struct Sealed {
    /// What stands in the leaf.
    pub details: SealedDetails,
    /// What opens it, for the owner; in the leaf too.
    pub wrapped: WrappedKey,
    /// What opens it, for the trustees: in the package.
    pub key: DetailsKey,
}

/// Whether the owner of this audit key gets from the leaf the very key that opens its details.
pub fn owner_can_read(request: &Request, key: &DetailsKey, audit_pk: &[u8]) -> bool {
    let wrapped = key.wrap(audit_pk, request.id.as_bytes());
    wrapped.is_ok_and(|wrapped| wrapped == request.details_key.as_bytes())
}

/// What opens a request's details, by the owner's audit key.
pub fn owner_key(request: &Request, audit: &SecretKey) -> Result<DetailsKey, DetailsError> {
    DetailsKey::unwrap(audit, request.id.as_bytes(), request.details_key.as_bytes())
        .map_err(|_| DetailsError::CannotOpen)
}

impl Details {
    /// The text, with its final newline.
    pub fn text(&self) -> String {
        crate::record::Record::text(self)
    }

    /// Seals them for the leaf with this id, under a key that is made for it and for nothing else.
    // SPEC: release.md#details: the key MUST be fresh for every leaf.
    pub fn seal(
        &self,
        audit_pk: &[u8],
        id: &EntryId,
        rng: &mut impl rand_core::CryptoRng,
    ) -> Result<Sealed, DetailsError> {
        let mut padded = self.text().into_bytes();
        padded.resize(padded_size(padded.len()).ok_or(DetailsError::Padding)?, 0);
        let key = DetailsKey::generate(rng);
        Ok(Sealed {
            details: SealedDetails::new(key.seal(&padded)).ok_or(DetailsError::Padding)?,
            wrapped: WrappedKey::new(key.wrap(audit_pk, id.as_bytes())?).ok_or(DetailsError::Padding)?,
            key,
        })
    }

    /// Opens them.
    pub fn open(sealed: &SealedDetails, key: &DetailsKey) -> Result<Self, DetailsError> {
        let padded = key.open(sealed.as_bytes()).ok_or(DetailsError::CannotOpen)?;
        let length = padded.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        // SPEC: release.md#details: details MUST be padded to the smallest size that holds them.
        if padded_size(length) != Some(padded.len()) {
            return Err(DetailsError::Padding);
        }
        let text = core::str::from_utf8(&padded[..length]).map_err(|_| TextError::NoKind)?;
        Ok(Self::parse_text(text)?)
    }

    /// Whether these bytes are the order that they name, or are none where they name none.
    pub fn are_with(&self, order: &[u8]) -> bool {
        match self.order {
            Some(named) => !order.is_empty() && Hash::of(&[order]) == named,
            None => order.is_empty(),
        }
    }

    /// Whether everything that this kind of request needs is stated. Order and court are G7's matter;
    /// the call-back is the asker's own word, and the clerk makes another (G8).
    pub fn is_complete_for(&self, kind: Kind) -> bool {
        let all = |lines: &[&Option<Line>]| lines.iter().all(|line| line.is_some());
        let asker = self.agency.is_some() && all(&[&self.officer, &self.badge, &self.case_number]);
        match kind {
            Kind::Emergency => {
                let danger = [&self.in_danger, &self.urgency, &self.no_order, &self.purpose];
                asker && self.supervisor.is_some() && all(&danger)
            }
            Kind::Legal => asker && self.grounds.is_some(),
            Kind::OwnerShare => self.agency.is_none() && self.recipient.is_some(),
            Kind::Recovery => self.agency.is_none() && self.grounds.is_some(),
        }
    }
}

fn padded_size(length: usize) -> Option<usize> {
    DETAILS_SIZES.into_iter().find(|size| length <= *size)
}

#[cfg(test)]
mod tests;
