//! A leaf with its signatures, whatever its kind.

use crate::Seconds;
use crate::text::{Record, TextError};
use alloc::vec::Vec;
use tlog::merkle::leaf_hash;
use tlog::note::{self, Added, NoteError, Signature, Signer, UnverifiedNote, Verifier};
use tlog::stamp::{self, StampError, StampKey};
use tlog::{Entry, Hash};

/// The largest leaf, signatures included.
pub const LEAF_MAX_BYTES: usize = 32 * 1024;

/// Why bytes are not a leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Over [`LEAF_MAX_BYTES`].
    #[error("the leaf has {0} bytes, at most {LEAF_MAX_BYTES} are accepted")]
    TooLong(usize),
    /// Not a signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// A note that does not parse back to the same bytes.
    #[error("the leaf is not in its one canonical form")]
    NotCanonical,
    /// A text that is not of the expected kind.
    #[error(transparent)]
    Text(#[from] TextError),
}

/// A leaf of kind `T` with its signatures: the bytes that stand, or will stand, in the log.
///
/// It says what its text says; whose word that is, only [`Signed::is_signed_by`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<T> {
    value: T,
    note: UnverifiedNote,
    bytes: Vec<u8>,
}

impl<T: Record> Signed<T> {
    /// Signs a leaf.
    pub fn sign(value: T, signers: &[&Signer]) -> Result<Self, RecordError> {
        let note = note::sign(&value.text(), signers)?;
        Self::of(value, note)
    }

    /// Parses a leaf; [`Entry::entry_bytes`] gives back the same bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        // SPEC: release.md#leaves: a leaf MUST NOT exceed 32 KiB, signatures included.
        if bytes.len() > LEAF_MAX_BYTES {
            return Err(RecordError::TooLong(bytes.len()));
        }
        let note = UnverifiedNote::parse(bytes)?;
        let value = T::parse_text(note.unverified_text())?;
        let parsed = Self::of(value, note)?;
        if parsed.bytes == bytes { Ok(parsed) } else { Err(RecordError::NotCanonical) }
    }

    /// Adds the signature of one more party to a draft that is not in the log yet.
    pub fn countersign(self, signer: &Signer) -> Result<Self, RecordError> {
        let signature = signer.sign_text(self.note.unverified_text());
        self.with_signature(signature)
    }

    /// The same with a signature made elsewhere. One by a key that has signed already changes
    /// nothing.
    pub fn with_signature(mut self, signature: Signature) -> Result<Self, RecordError> {
        match self.note.add(signature) {
            Added::Line => Self::of(self.value, self.note),
            Added::Not => Ok(self),
        }
    }

    fn of(value: T, note: UnverifiedNote) -> Result<Self, RecordError> {
        let bytes = note.encode();
        if bytes.len() > LEAF_MAX_BYTES {
            return Err(RecordError::TooLong(bytes.len()));
        }
        Ok(Self { value, note, bytes })
    }
}

impl<T> Signed<T> {
    /// What the leaf says.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The signed text.
    pub fn text(&self) -> &str {
        self.note.unverified_text()
    }

    /// The signature lines, unverified.
    pub fn signatures(&self) -> &[Signature] {
        self.note.signatures()
    }

    /// Whether the line at this place is this key's, and a good signature.
    pub fn is_line_by(&self, at: usize, key: &Verifier) -> bool {
        self.note.is_line_by(at, key)
    }

    /// SHA-256 of the text: what a leaf is, whoever signed it.
    pub fn text_hash(&self) -> Hash {
        Hash::of(&[self.text().as_bytes()])
    }

    /// Whether this key made one of the signatures.
    pub fn is_signed_by(&self, key: &Verifier) -> bool {
        self.note.verify_one(key).is_ok()
    }

    /// When the log ordered it, by its stamp; a draft has none.
    pub fn stamp(&self, keys: &[StampKey]) -> Result<Seconds, StampError> {
        stamp::time_of(&self.note, keys).map(Seconds)
    }

    /// The hash under which the log keeps the entry, and by which other leaves refer to it. That
    /// of a draft is another: the entry has its stamp.
    pub fn hash(&self) -> Hash {
        leaf_hash(&self.bytes)
    }
}

impl<T> Entry for Signed<T> {
    fn entry_bytes(&self) -> &[u8] {
        &self.bytes
    }
}
