//! Proof files (C2SP tlog-proof): that an entry is in a log, checkable offline with a policy.
//! Contract: `proto/log.md#proofs`.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! index 73894
//! gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
//! B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
//!
//! candor.example/log
//! 109482
//! sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=
//!
//! — candor.example/log hI2DJw...
//! — witness1.example mJirIk...
//! ```
//!
//! A [`TlogProof`] is a claim. [`crate::Logged::verify`] turns it and an entry into a fact.

use crate::Hash;
use crate::checkpoint::{CheckpointError, UnverifiedCheckpoint, parse_decimal};
use crate::merkle::{InclusionProof, MAX_PROOF_HASHES};
use crate::note::{NOTE_MAX_BYTES, Verifier};
use crate::policy::Policy;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// The most bytes of opaque extra data.
pub const EXTRA_MAX_BYTES: usize = 64 * 1024;
/// The largest proof file.
pub const PROOF_MAX_BYTES: usize = NOTE_MAX_BYTES + EXTRA_MAX_BYTES * 4 / 3 + 8 * 1024;

/// Why bytes are not a proof file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Over [`PROOF_MAX_BYTES`].
    #[error("the proof has more than {PROOF_MAX_BYTES} bytes")]
    TooLong,
    /// Not UTF-8.
    #[error("the proof is not UTF-8")]
    NotUtf8,
    /// The first line is another.
    #[error("the first line must be {HEADER}")]
    BadHeader,
    /// Extra data that is not base64, or too long.
    #[error("the extra line must hold the base64 of 1 to {EXTRA_MAX_BYTES} bytes")]
    BadExtra,
    /// No index, or not a decimal number.
    #[error("expected a line \"index N\" with a decimal number without leading zeroes")]
    BadIndex,
    /// A line that is not a hash.
    #[error("a line of the inclusion proof is not the base64 of a hash")]
    BadHash,
    /// More hashes than any tree needs.
    #[error("the inclusion proof has more than {MAX_PROOF_HASHES} hashes")]
    TooManyHashes,
    /// No blank line and checkpoint after the hashes.
    #[error("the proof ends before its checkpoint")]
    NoCheckpoint,
    /// The checkpoint does not parse.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// An index beyond the checkpoint's size.
    #[error("the index {index} is not in the checkpoint's tree of {size} leaves")]
    IndexBeyondSize {
        /// The stated index.
        index: u64,
        /// The checkpoint's size.
        size: u64,
    },
}

/// A proof file, as it was read or put together: nothing is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Opaque data, which nothing authenticates.
    extra: Option<Vec<u8>>,
    index: u64,
    inclusion: InclusionProof,
    checkpoint: UnverifiedCheckpoint,
}

impl TlogProof {
    /// Puts a proof together from a signed and cosigned checkpoint and an inclusion proof for its
    /// size.
    pub fn from_parts(index: u64, inclusion: InclusionProof, checkpoint: &[u8]) -> Result<Self, ProofError> {
        if inclusion.0.len() > MAX_PROOF_HASHES {
            return Err(ProofError::TooManyHashes);
        }
        let checkpoint = UnverifiedCheckpoint::parse(checkpoint)?;
        let size = checkpoint.unverified().size();
        // SPEC: log.md#proofs: the index MUST be below the checkpoint's size.
        if index >= size {
            return Err(ProofError::IndexBeyondSize { index, size });
        }
        Ok(Self { extra: None, index, inclusion, checkpoint })
    }

    /// Parses a proof file; [`TlogProof::encode`] gives back the same bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofError> {
        if bytes.len() > PROOF_MAX_BYTES {
            return Err(ProofError::TooLong);
        }
        let text = core::str::from_utf8(bytes).map_err(|_| ProofError::NotUtf8)?;
        let (header, rest) = text.split_once('\n').ok_or(ProofError::BadHeader)?;
        if header != HEADER {
            return Err(ProofError::BadHeader);
        }
        let (mut line, mut rest) = rest.split_once('\n').ok_or(ProofError::BadIndex)?;
        let mut extra = None;
        if let Some(encoded) = line.strip_prefix("extra ") {
            let decoded = STANDARD.decode(encoded).map_err(|_| ProofError::BadExtra)?;
            if decoded.is_empty() || decoded.len() > EXTRA_MAX_BYTES {
                return Err(ProofError::BadExtra);
            }
            extra = Some(decoded);
            (line, rest) = rest.split_once('\n').ok_or(ProofError::BadIndex)?;
        }
        let index = line.strip_prefix("index ").and_then(parse_decimal).ok_or(ProofError::BadIndex)?;
        let refusals = [ProofError::NoCheckpoint, ProofError::TooManyHashes, ProofError::BadHash];
        let (hashes, checkpoint) = parse_hashes(rest, MAX_PROOF_HASHES, refusals)?;
        let proof = Self::from_parts(index, InclusionProof(hashes), checkpoint)?;
        Ok(Self { extra, ..proof })
    }

    /// The same without what nobody of the policy vouches for: extra data, and lines of the
    /// checkpoint that do not count. Where the checkpoint holds, all of what is left is verified.
    pub fn pruned(&self, policy: &Policy) -> Self {
        let logs = policy.log_keys(self.checkpoint.origin());
        let witnesses = policy.witnesses().iter().map(|witness| &witness.key);
        let keys: Vec<&Verifier> = logs.into_iter().chain(witnesses).collect();
        Self { extra: None, checkpoint: self.checkpoint.pruned(&keys), ..self.clone() }
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut text = format!("{HEADER}\n");
        if let Some(extra) = &self.extra {
            text.push_str(&format!("extra {}\n", STANDARD.encode(extra)));
        }
        text.push_str(&format!("index {}\n", self.index));
        with_hashes(text, &self.inclusion.0, &self.checkpoint)
    }

    /// The same with extra data.
    pub fn with_extra(self, extra: Vec<u8>) -> Self {
        Self { extra: Some(extra), ..self }
    }

    /// The opaque extra data, which nothing authenticates: a log's answers carry the stamp in it.
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// The stated index.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The hashes that lead from the entry to the root.
    pub fn inclusion(&self) -> &InclusionProof {
        &self.inclusion
    }

    /// The checkpoint, unverified.
    pub fn checkpoint(&self) -> &UnverifiedCheckpoint {
        &self.checkpoint
    }
}

/// Lines of hashes, at most `most`, and the checkpoint behind the blank line that ends them; or the
/// refusal of a text that ends before, of too many lines, of a line that is no hash.
pub(crate) fn parse_hashes<E>(
    mut rest: &str,
    most: usize,
    [cut_short, too_many, no_hash]: [E; 3],
) -> Result<(Vec<Hash>, &[u8]), E> {
    let mut hashes = Vec::new();
    loop {
        let Some((line, after)) = rest.split_once('\n') else { return Err(cut_short) };
        rest = after;
        if line.is_empty() {
            return Ok((hashes, rest.as_bytes()));
        }
        if hashes.len() == most {
            return Err(too_many);
        }
        let Some(hash) = Hash::from_base64(line) else { return Err(no_hash) };
        hashes.push(hash);
    }
}

/// What [`parse_hashes`] reads, behind `head`.
pub(crate) fn with_hashes(head: String, hashes: &[Hash], checkpoint: &UnverifiedCheckpoint) -> Vec<u8> {
    let lines = hashes.iter().fold(head, |text, hash| text + &format!("{hash}\n"));
    [lines.as_bytes(), b"\n", &checkpoint.encode()].concat()
}
