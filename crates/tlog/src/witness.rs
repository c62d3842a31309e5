//! The add-checkpoint exchange (C2SP tlog-witness): how a log asks a witness to cosign. Formats
//! only; the witness's decision is `witness::decide`. Contract: `proto/log.md#witness`.
//!
//! ```text
//! old 20852014
//! PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
//! jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
//!
//! candor.example/log
//! 20852163
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — candor.example/log Az3grlgtzPICa5OS8npVmf1M...
//! ```

use crate::Hash;
use crate::checkpoint::{CheckpointError, SignedCheckpoint, UnverifiedCheckpoint, parse_decimal};
use crate::merkle::ConsistencyProof;
use crate::note::{NOTE_MAX_BYTES, SIGNATURES_MAX, Signature};
use crate::proof::{parse_hashes, with_hashes};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The most consistency proof lines in a request (C2SP).
pub const PROOF_LINES_MAX: usize = 63;
/// The largest request.
pub const REQUEST_MAX_BYTES: usize = NOTE_MAX_BYTES + 45 * PROOF_LINES_MAX + 32;
/// The largest answer worth reading.
pub const RESPONSE_MAX_BYTES: usize = NOTE_MAX_BYTES;
/// The content type of the size that comes with status 409.
pub const SIZE_CONTENT_TYPE: &str = "text/x.tlog.size";

/// Why bytes are not a request: every one is a 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Over [`REQUEST_MAX_BYTES`].
    #[error("the request has more than {REQUEST_MAX_BYTES} bytes")]
    TooLong,
    /// Not UTF-8.
    #[error("the request is not UTF-8")]
    NotUtf8,
    /// No old size line.
    #[error("the first line must be \"old N\" with a decimal number without leading zeroes")]
    BadOldSize,
    /// A line that is not a hash.
    #[error("a line of the consistency proof is not the base64 of a hash")]
    BadHash,
    /// Over [`PROOF_LINES_MAX`].
    #[error("the consistency proof has more than {PROOF_LINES_MAX} lines")]
    TooManyHashes,
    /// No blank line.
    #[error("the request ends before its checkpoint")]
    NoCheckpoint,
    /// The checkpoint does not parse.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// What a log sends to `POST <prefix>/add-checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpointRequest {
    /// The size of the head that the log believes the witness cosigned last.
    pub old_size: u64,
    /// The proof from that size to the checkpoint's.
    pub proof: ConsistencyProof,
    /// The checkpoint, unverified.
    pub checkpoint: UnverifiedCheckpoint,
}

impl AddCheckpointRequest {
    /// A request for a head that the log signed, with the proof from the size the witness has.
    pub fn new(
        old_size: u64,
        proof: ConsistencyProof,
        head: &SignedCheckpoint,
    ) -> Result<Self, RequestError> {
        if proof.0.len() > PROOF_LINES_MAX {
            return Err(RequestError::TooManyHashes);
        }
        Ok(Self { old_size, proof, checkpoint: UnverifiedCheckpoint::parse(&head.encode())? })
    }

    /// Parses a request body; [`AddCheckpointRequest::encode`] gives back the same bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, RequestError> {
        if bytes.len() > REQUEST_MAX_BYTES {
            return Err(RequestError::TooLong);
        }
        let text = core::str::from_utf8(bytes).map_err(|_| RequestError::NotUtf8)?;
        let (old, rest) = text.split_once('\n').ok_or(RequestError::BadOldSize)?;
        let old_size = old.strip_prefix("old ").and_then(parse_decimal).ok_or(RequestError::BadOldSize)?;
        let refusals = [RequestError::NoCheckpoint, RequestError::TooManyHashes, RequestError::BadHash];
        // SPEC: log.md#witness: more than 63 proof lines are malformed (400).
        let (hashes, checkpoint) = parse_hashes(rest, PROOF_LINES_MAX, refusals)?;
        let checkpoint = UnverifiedCheckpoint::parse(checkpoint)?;
        Ok(Self { old_size, proof: ConsistencyProof(hashes), checkpoint })
    }

    /// The body of the request.
    pub fn encode(&self) -> Vec<u8> {
        with_hashes(format!("old {}\n", self.old_size), &self.proof.0, &self.checkpoint)
    }
}

/// What a witness answered, as far as a log can act on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200: cosignature lines, unchecked.
    Cosigned(Vec<Signature>),
    /// 409 with a size: the witness's latest head has this size; ask again from there, once.
    Stale(u64),
    /// 409 without a size, or 422: the witness holds another history, or our proof is wrong. Alarm,
    /// with the request as evidence.
    Inconsistent(u16),
    /// 400, 403, 404: it does not know the log or its key, or we sent nonsense. An operator must
    /// look.
    Refused(u16),
    /// 429 and 5xx: try again later.
    Busy(u16),
    /// Anything else, a 200 without cosignatures included.
    Senseless(u16),
}

impl Answer {
    /// Reads a response. `content_type` is that of the header, if there was one.
    pub fn read(status: u16, content_type: Option<&str>, body: &[u8]) -> Self {
        match status {
            200 => parse_cosignatures(body).map_or(Self::Senseless(200), Self::Cosigned),
            409 => {
                let sized = content_type.is_some_and(|kind| kind == SIZE_CONTENT_TYPE);
                parse_size(body).filter(|_| sized).map_or(Self::Inconsistent(409), Self::Stale)
            }
            422 => Self::Inconsistent(422),
            400 | 403 | 404 => Self::Refused(status),
            429 | 500..=599 => Self::Busy(status),
            _ => Self::Senseless(status),
        }
    }
}

/// The lines of a 200 answer: at least one, unchecked; `None` if it is something else.
pub fn parse_cosignatures(body: &[u8]) -> Option<Vec<Signature>> {
    if body.len() > RESPONSE_MAX_BYTES {
        return None;
    }
    let lines = core::str::from_utf8(body).ok()?.strip_suffix('\n')?;
    let lines: Vec<Signature> =
        lines.split('\n').take(SIGNATURES_MAX + 1).map(Signature::parse).collect::<Option<_>>()?;
    (lines.len() <= SIGNATURES_MAX).then_some(lines)
}

/// The body of a 200 answer.
pub fn encode_cosignatures(lines: &[Signature]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The size in a 409 answer: a decimal number and a newline.
pub fn parse_size(body: &[u8]) -> Option<u64> {
    parse_decimal(core::str::from_utf8(body).ok()?.strip_suffix('\n')?)
}

/// The body of a 409 answer.
pub fn encode_size(size: u64) -> String {
    format!("{size}\n")
}

/// Where under its monitoring prefix a witness shows the latest head it cosigned: `<hex SHA-256 of
/// the origin>/checkpoint`.
pub fn monitoring_path(origin: &str) -> String {
    format!("{}/checkpoint", Hash::of(&[origin.as_bytes()]).to_hex())
}
