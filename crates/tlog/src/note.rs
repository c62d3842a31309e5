//! Signed notes (C2SP signed-note): a text, a blank line, and one line for each signature.
//! Contract: `proto/log.md#notes`.
//!
//! ```text
//! any text, which ends with a newline
//!
//! — quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
//!   key name                    base64(4-byte key id || signature)
//! ```
//!
//! What is parsed is an [`UnverifiedNote`]; its text means nothing until a key that the reader
//! already trusts has verified it. Signatures by other keys are carried along and ignored.

pub(crate) mod key;
pub(crate) mod statement;

pub use crate::name::{NAME_MAX_BYTES, is_valid_name};
pub use key::{KeyError, KeyId, Signer, Verifier};

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::fmt;

/// The largest note accepted: 64 ML-DSA-44 cosignatures and a leaf of 32 KiB fit.
pub const NOTE_MAX_BYTES: usize = 256 * 1024;
/// The most signature lines in one note (C2SP asks for at least 16).
pub const SIGNATURES_MAX: usize = 64;
/// The longest signature, with its timestamp: ML-DSA-44's 2,428 bytes, with room for its larger
/// siblings.
pub const SIGNATURE_MAX_BYTES: usize = 5 * 1024;

/// Why bytes are not a note, or a note is not verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Over [`NOTE_MAX_BYTES`].
    #[error("the note has {0} bytes, at most {NOTE_MAX_BYTES} are accepted")]
    TooLong(usize),
    /// Not UTF-8.
    #[error("the note is not UTF-8")]
    NotUtf8,
    /// A control character other than newline.
    #[error("the note contains a control character")]
    ControlCharacter,
    /// No blank line, no newline at the end, or no signature.
    #[error("the note must be a text ending in a newline, a blank line, and at least one signature line")]
    NoSignatures,
    /// Over [`SIGNATURES_MAX`].
    #[error("the note has more than {SIGNATURES_MAX} signature lines")]
    TooManySignatures,
    /// A signature line that does not parse.
    #[error("signature line {0} is not of the form: em dash, space, key name, space, base64")]
    BadSignatureLine(usize),
    /// A text that cannot be signed.
    #[error("a text to sign must be non-empty and end with a newline")]
    BadText,
    /// None of the given keys signed the note.
    #[error("the note bears no signature by a known key")]
    NoKnownKey,
    /// A line that claims to be by a known key, and is not.
    #[error("the signature by {0} is not valid")]
    BadSignature(String),
}

/// One signature line, as it was read: a claim.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature {
    name: String,
    key_id: KeyId,
    bytes: Vec<u8>,
}

impl Signature {
    pub(crate) fn new(name: &str, key_id: KeyId, bytes: Vec<u8>) -> Self {
        Self { name: name.to_string(), key_id, bytes }
    }

    /// Parses one line, without its newline.
    pub fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        if !is_valid_name(name) || encoded.len() > (4 + SIGNATURE_MAX_BYTES).div_ceil(3) * 4 {
            return None;
        }
        let bytes = STANDARD.decode(encoded).ok()?;
        let (key_id, signature) = bytes.split_first_chunk::<4>()?;
        let empty = signature.is_empty() || signature.len() > SIGNATURE_MAX_BYTES;
        (!empty).then(|| Self { name: name.to_string(), key_id: KeyId(*key_id), bytes: signature.to_vec() })
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's id.
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The signature itself, after the key id; for cosignatures it starts with the timestamp.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it claims to be by this key.
    pub fn is_by(&self, verifier: &Verifier) -> bool {
        self.key_id == verifier.key_id() && self.name == verifier.name()
    }
}

/// The line, without its newline.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.key_id.0.to_vec();
        bytes.extend_from_slice(&self.bytes);
        write!(f, "\u{2014} {} {}", self.name, STANDARD.encode(bytes))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({} {}, {} bytes)", self.name, self.key_id, self.bytes.len())
    }
}

/// A note as it was read. Its text is nobody's word yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedNote {
    text: String,
    signatures: Vec<Signature>,
}

impl UnverifiedNote {
    /// Parses a note; [`UnverifiedNote::encode`] gives back the same bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_MAX_BYTES {
            return Err(NoteError::TooLong(bytes.len()));
        }
        let note = core::str::from_utf8(bytes).map_err(|_| NoteError::NotUtf8)?;
        // SPEC: log.md#notes: a note MUST be UTF-8 without ASCII control characters other than
        // newline.
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteError::ControlCharacter);
        }
        // SPEC: log.md#notes: parsing and encoding MUST give the same bytes.
        // The text may have blank lines; the last one in the note ends it.
        let blank = note.rfind("\n\n").ok_or(NoteError::NoSignatures)?;
        let (text, lines) = (&note[..=blank], &note[blank + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(NoteError::NoSignatures)?;
        let mut signatures = Vec::new();
        for (number, line) in lines.split('\n').enumerate() {
            if number == SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(Signature::parse(line).ok_or(NoteError::BadSignatureLine(number + 1))?);
        }
        Ok(Self { text: text.to_string(), signatures })
    }

    /// The text, which nobody has vouched for.
    pub fn unverified_text(&self) -> &str {
        &self.text
    }

    /// The signature lines.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.text.clone().into_bytes();
        bytes.push(b'\n');
        for signature in &self.signatures {
            bytes.extend_from_slice(signature.to_string().as_bytes());
            bytes.push(b'\n');
        }
        bytes
    }

    /// Adds a line, unless the same key has one already or the note is full; says whether it did.
    pub fn add(&mut self, signature: Signature) -> Added {
        let known = |line: &Signature| line.key_id == signature.key_id && line.name == signature.name;
        if self.signatures.len() >= SIGNATURES_MAX || self.signatures.iter().any(known) {
            return Added::Not;
        }
        self.signatures.push(signature);
        Added::Line
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&Signature) -> bool) {
        self.signatures.retain(keep);
    }

    /// Checks the signature of one key and returns the time that it states: none in a plain
    /// signature, and in a cosignature of time zero.
    pub fn verify_one(&self, verifier: &Verifier) -> Result<Option<u64>, NoteError> {
        // Only the first line of a key counts: further ones are noise that anyone can add.
        let line = self.signatures.iter().find(|line| line.is_by(verifier)).ok_or(NoteError::NoKnownKey)?;
        match verifier.check(&self.text, line.bytes()) {
            Some(stated) => Ok(stated.0),
            None => Err(NoteError::BadSignature(verifier.name().to_string())),
        }
    }

    /// Whether the line at this place is this key's, and a good signature.
    pub fn is_line_by(&self, at: usize, verifier: &Verifier) -> bool {
        let line = self.signatures.get(at).filter(|line| line.is_by(verifier));
        line.is_some_and(|line| verifier.check(&self.text, line.bytes()).is_some())
    }

    /// Checks the signatures of all the given keys that signed, and returns those keys: one at
    /// least.
    pub fn verify<'v>(&self, verifiers: &[&'v Verifier]) -> Result<Vec<&'v Verifier>, NoteError> {
        let mut signed_by = Vec::new();
        for verifier in verifiers {
            match self.verify_one(verifier) {
                Ok(_) => signed_by.push(*verifier),
                Err(NoteError::NoKnownKey) => {}
                // SPEC: log.md#notes: a bad signature by a known key MUST refuse the whole note.
                Err(error) => return Err(error),
            }
        }
        // SPEC: log.md#notes: a note without a good signature by a known key MUST be refused.
        if signed_by.is_empty() { Err(NoteError::NoKnownKey) } else { Ok(signed_by) }
    }
}

/// What [`UnverifiedNote::add`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// The line is in the note now.
    Line,
    /// It was there, or there is no room.
    Not,
}

/// Signs a text. The result is the note's parsed form; [`UnverifiedNote::encode`] gives its bytes.
pub fn sign(text: &str, signers: &[&Signer]) -> Result<UnverifiedNote, NoteError> {
    if text.is_empty() || !text.ends_with('\n') {
        return Err(NoteError::BadText);
    }
    if text.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        return Err(NoteError::ControlCharacter);
    }
    if signers.is_empty() {
        return Err(NoteError::NoSignatures);
    }
    let mut note = UnverifiedNote { text: text.to_string(), signatures: Vec::new() };
    for signer in signers {
        note.add(signer.sign_text(text));
    }
    if note.encode().len() > NOTE_MAX_BYTES {
        return Err(NoteError::TooLong(note.encode().len()));
    }
    Ok(note)
}
