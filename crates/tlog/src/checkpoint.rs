//! Checkpoints (C2SP tlog-checkpoint): the head of a log's tree, as a note that the log signs.
//! Contract: `proto/log.md#checkpoints`.
//!
//! ```text
//! candor.example/log                                      origin, which is also the name of the log's key
//! 8841                                                    tree size
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=            root hash
//! ```
//!
//! Three kinds, by how much is known: [`UnverifiedCheckpoint`] (parsed), [`SignedCheckpoint`] (the
//! log signed it), and [`crate::policy::CosignedCheckpoint`] (a quorum of witnesses vouches that
//! the log has no other history).

pub(crate) use crate::checkpoint_body::parse_decimal;
pub use crate::checkpoint_body::{BodyError, Checkpoint, SIZE_MAX};

use crate::note::{self, Added, NoteError, Signature, Signer, UnverifiedNote, Verifier};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

/// Why a text is not a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The text says no head.
    #[error(transparent)]
    Body(#[from] BodyError),
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

impl Checkpoint {
    /// Signs it with the log's key; [`SignedCheckpoint::cosign`] adds a post-quantum key of the
    /// same name.
    pub fn sign(&self, signer: &Signer) -> Result<SignedCheckpoint, CheckpointError> {
        if signer.name() != self.origin() {
            let key = signer.name().to_string();
            return Err(CheckpointError::ForeignKey { key, origin: self.origin().to_string() });
        }
        let note = note::sign(&self.text(), &[signer])?;
        Ok(SignedCheckpoint(UnverifiedCheckpoint { checkpoint: self.clone(), note }))
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

    /// The same without the lines of others than the log: cosignatures are beside the point where
    /// the log itself is accused.
    pub fn by_log_alone(head: &SignedCheckpoint) -> Self {
        let mut alone = head.0.clone();
        alone.note.retain(|line| line.name() == head.checkpoint().origin());
        alone
    }

    /// The same without the lines that no key of these made: the first line of each is kept. Those of
    /// cosigners only with a time, without which they do not count.
    pub(crate) fn pruned(&self, keys: &[&Verifier]) -> Self {
        let mut pruned = self.clone();
        let mut kept = Vec::new();
        pruned.note.retain(|line| {
            let key = keys.iter().position(|key| line.is_by(key));
            let is_first = key.is_some_and(|key| !kept.contains(&key));
            kept.extend(key);
            is_first
        });
        let untimed = |key: &&&Verifier| key.is_cosigner() && matches!(self.note.verify_one(key), Ok(None));
        for key in keys.iter().filter(untimed) {
            pruned.note.retain(|line| !line.is_by(key));
        }
        pruned
    }

    /// Checks the log's signature: at least one of the given keys of this origin signed, and none
    /// of them badly.
    pub fn verify(self, log_keys: &[&Verifier]) -> Result<SignedCheckpoint, CheckpointError> {
        let keys: Vec<&Verifier> =
            // SPEC: log.md#checkpoints: the origin MUST be the name of the key that signs.
            log_keys.iter().copied().filter(|key| key.name() == self.origin()).collect();
        self.note.verify(&keys)?;
        Ok(SignedCheckpoint(self))
    }
}

/// A checkpoint that the log signed. What witnesses say of it is carried along, unchecked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint(UnverifiedCheckpoint);

impl SignedCheckpoint {
    /// What it says.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.0.checkpoint
    }

    /// The note with all its signature lines.
    pub fn note(&self) -> &UnverifiedNote {
        &self.0.note
    }

    /// Adds a cosignature line, to be checked by whoever reads it.
    pub fn add(&mut self, cosignature: Signature) -> Added {
        self.0.note.add(cosignature)
    }

    /// The bytes of the note.
    pub fn encode(&self) -> Vec<u8> {
        self.0.encode()
    }
}
