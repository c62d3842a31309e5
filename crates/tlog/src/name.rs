//! Which texts may name a key, and so be the origin of a log.

/// The longest key name: an ML-DSA-44 cosignature gives its length one byte.
pub const NAME_MAX_BYTES: usize = 255;

/// Whether a key may have this name.
pub fn is_valid_name(name: &str) -> bool {
    let fits = !name.is_empty() && name.len() <= NAME_MAX_BYTES;
    fits && !name.chars().any(|c| c.is_whitespace() || c == '+' || c.is_ascii_control())
}
