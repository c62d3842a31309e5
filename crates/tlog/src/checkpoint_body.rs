//! What a checkpoint says: origin, size, root hash, as the three lines that are signed and
//! cosigned. Who says it is in [`crate::checkpoint`]. Contract: `proto/log.md#checkpoints`.

use crate::Hash;
use crate::name::is_valid_name;
use alloc::format;
use alloc::string::{String, ToString as _};

/// The largest tree whose head is accepted; other implementations count in 63 bits.
pub const SIZE_MAX: u64 = i64::MAX as u64;

/// Why a text is not that of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
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
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, BodyError> {
        // SPEC: log.md#checkpoints: the origin MUST be usable as the name of the log's key.
        if !is_valid_name(origin) {
            return Err(BodyError::BadOrigin);
        }
        if size > SIZE_MAX {
            return Err(BodyError::BadSize);
        }
        Ok(Self { origin: origin.to_string(), size, root })
    }

    /// Parses the text of the note.
    pub fn parse_text(text: &str) -> Result<Self, BodyError> {
        let lines = text.strip_suffix('\n').ok_or(BodyError::Lines)?;
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            // SPEC: log.md#checkpoints: extension lines MUST be refused.
            return Err(BodyError::Lines);
        };
        let size = parse_decimal(size).ok_or(BodyError::BadSize)?;
        let root = Hash::from_base64(root).ok_or(BodyError::BadRoot)?;
        Self::new(origin, size, root)
    }

    /// The text of the note.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
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

/// A decimal number with no sign and no leading zeroes.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || (text.bytes().all(|c| c.is_ascii_digit()) && !text.starts_with('0'));
    text.parse().ok().filter(|_| canonical)
}
