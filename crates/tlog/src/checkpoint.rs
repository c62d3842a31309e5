//! Checkpoints (C2SP tlog-checkpoint): the head of a log's tree, as a note that the log signs.
//! Contract: `proto/log.md#checkpoints`.
//!
//! ```text
//! candor.example/log                                      origin, which is also the name of the log's key
//! 8841                                                    tree size
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=            root hash
//! ```
//!
//! Three kinds, by how much is known: [`UnverifiedCheckpoint`] (parsed), [`SignedCheckpoint`] (the log signed it), and
//! [`crate::policy::CosignedCheckpoint`] (a quorum of witnesses vouches that the log has no other history).

use crate::note::{self, Added, NoteError, Signature, Signer, UnverifiedNote, Verifier, is_valid_name};
use crate::{Hash, cosignature::Cosigner};
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

/// The largest tree whose head is accepted; other implementations count in 63 bits.
pub const SIZE_MAX: u64 = i64::MAX as u64;

/// Why a text is not a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Not exactly three lines.
    #[error("a checkpoint's text has three lines: origin, tree size, root hash; extension lines are refused")]
    Lines,
    /// An origin that cannot name a key.
    #[error("the origin must have 1 to 255 bytes and no spaces, plus signs or control characters")]
    BadOrigin,
    /// Not a decimal number in range, or with leading zeroes.
    #[error("the tree size must be a decimal number below 2^63 without leading zeroes")]
    BadSize,
    /// Not base64 of 32 bytes.
    #[error("the root hash must be the base64 of 32 bytes")]
    BadRoot,
    /// Not a note, or not signed.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Signed by a key of another name.
    #[error("the key {key} cannot sign for the origin {origin}")]
    ForeignKey {
        /// The key's name.
        key: String,
        /// The checkpoint's first line.
        origin: String,
    },
}

/// A tree head: what it says, whoever says it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
}

impl Checkpoint {
    /// A head to be signed.
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, CheckpointError> {
        // SPEC: log.md#checkpoints: the origin MUST be usable as the name of the log's key.
        if !is_valid_name(origin) {
            return Err(CheckpointError::BadOrigin);
        }
        if size > SIZE_MAX {
            return Err(CheckpointError::BadSize);
        }
        Ok(Self { origin: origin.to_string(), size, root })
    }

    /// Parses the text of the note.
    pub fn parse_text(text: &str) -> Result<Self, CheckpointError> {
        let lines = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?;
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            // SPEC: log.md#checkpoints: extension lines MUST be refused.
            return Err(CheckpointError::Lines);
        };
        let size = parse_decimal(size).ok_or(CheckpointError::BadSize)?;
        let root = Hash::from_base64(root).map_err(|_| CheckpointError::BadRoot)?;
        Self::new(origin, size, root)
    }

    /// The text of the note.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// Signs it with the log's key; [`SignedCheckpoint::cosign`] adds a post-quantum key of the same name.
    pub fn sign(&self, signer: &Signer) -> Result<SignedCheckpoint, CheckpointError> {
        if signer.name() != self.origin {
            let key = signer.name().to_string();
            return Err(CheckpointError::ForeignKey { key, origin: self.origin.clone() });
        }
        let note = note::sign(&self.text(), &[signer])?;
        Ok(SignedCheckpoint { checkpoint: self.clone(), note })
    }

    /// The log's unique name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root hash of the tree.
    pub fn root(&self) -> Hash {
        self.root
    }
}

/// A checkpoint as it was read; only its origin is offered, to find the keys that can verify it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedCheckpoint {
    checkpoint: Checkpoint,
    note: UnverifiedNote,
}

impl UnverifiedCheckpoint {
    /// Parses the note and its text.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = UnverifiedNote::parse(bytes)?;
        let checkpoint = Checkpoint::parse_text(note.unverified_text())?;
        Ok(Self { checkpoint, note })
    }

    /// The log that it claims to be of.
    pub fn origin(&self) -> &str {
        self.checkpoint.origin()
    }

    /// What it says, which nobody has vouched for.
    pub fn unverified(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note.
    pub fn note(&self) -> &UnverifiedNote {
        &self.note
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        self.note.encode()
    }

    /// The same without the lines of others than the log: cosignatures are beside the point where the log itself is accused.
    pub(crate) fn by_log_alone(head: &SignedCheckpoint) -> Self {
        let mut note = head.note.clone();
        note.retain_name(head.checkpoint.origin());
        Self { checkpoint: head.checkpoint.clone(), note }
    }

    /// Checks the log's signature: at least one of the given keys of this origin signed, and none of them badly.
    pub fn verify(self, log_keys: &[&Verifier]) -> Result<SignedCheckpoint, CheckpointError> {
        let keys: Vec<&Verifier> =
            // SPEC: log.md#checkpoints: the origin MUST be the name of the key that signs.
            log_keys.iter().copied().filter(|key| key.name() == self.origin()).collect();
        self.note.clone().verify(&keys)?;
        Ok(SignedCheckpoint { checkpoint: self.checkpoint, note: self.note })
    }
}

/// A checkpoint that the log signed. What witnesses say of it is carried along, unchecked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: UnverifiedNote,
}

impl SignedCheckpoint {
    /// What it says.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note with all its signature lines.
    pub fn note(&self) -> &UnverifiedNote {
        &self.note
    }

    /// Adds a cosignature line, to be checked by whoever reads it.
    pub fn add(&mut self, cosignature: Signature) -> Added {
        self.note.add(cosignature)
    }

    /// Cosigns it, for instance with the log's own ML-DSA-44 key.
    pub fn cosign(&mut self, cosigner: &Cosigner, time: u64) -> Result<Added, crate::cosignature::TimeError> {
        let line = cosigner.cosign(&self.checkpoint, time)?;
        Ok(self.add(line))
    }

    /// The bytes of the note.
    pub fn encode(&self) -> Vec<u8> {
        self.note.encode()
    }
}

/// A decimal number with no sign and no leading zeroes.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || (text.bytes().all(|c| c.is_ascii_digit()) && !text.starts_with('0'));
    text.parse().ok().filter(|_| canonical)
}
