//! A SHA-256 hash, written in base64 wherever a log format is text.

use alloc::string::String;
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::fmt;

/// A SHA-256 hash: of a leaf, a node or a whole tree. Public data, compared without care for
/// timing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// SHA-256 of the concatenated parts, without any domain separation.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut state = ring::digest::Context::new(&ring::digest::SHA256);
        for part in parts {
            state.update(part);
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(state.finish().as_ref());
        Self(hash)
    }

    /// The bytes of the hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Standard base64, 44 characters.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// Reads what [`Hash::to_base64`] writes, and nothing else.
    pub fn from_base64(text: &str) -> Option<Self> {
        if text.len() != 44 {
            return None;
        }
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// Lower-case hexadecimal, 64 characters, for URLs and file names.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| alloc::format!("{byte:02x}")).collect()
    }

    /// Reads what [`Hash::to_hex`] writes, and nothing else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
        let byte = |pair| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Vec<u8> = pairs.iter().map(|pair| byte(pair)).collect::<Option<_>>()?;
        // Capitals and signs would be further spellings.
        bytes.try_into().ok().map(Self).filter(|hash| hash.to_hex() == text)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_base64())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}
